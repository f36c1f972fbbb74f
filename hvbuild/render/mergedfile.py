"""A file that others keep with our text put in, and where each of its stretches came from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hvbuild.diagnostics import Diagnostic
from hvbuild.source import SourceFile, Span


@dataclass(frozen=True, slots=True)
class Insert:
    """Text to put in before the character at `at`; equal places keep their order."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class MergedFile:
    """The text that came of it; `kept` are the stretches of `base` in it: start here, start there, length."""

    base: SourceFile
    text: str
    kept: tuple[tuple[int, int, int], ...]

    def told_in_base(self, faults: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
        """`faults` of the merged text, each at its place in the file that people keep if it begins there."""
        for fault in faults:
            labels = tuple(
                replace(label, span=self._in_base(label.span)) if label.span.file.text == self.text else label
                for label in fault.labels
            )
            yield replace(fault, labels=labels)

    def _in_base(self, span: Span) -> Span:
        starts = (span.start - here + there for here, there, n in self.kept if 0 <= span.start - here <= n)
        start = next(starts, None)
        if start is None:
            return span
        # What was put in between its beginning and its end is left out.
        end = max(there + min(span.end - here, n) for here, there, n in self.kept if here <= span.end)
        return Span(self.base, start, max(start, end))


def merged_file(base: SourceFile, inserts: Iterable[Insert]) -> MergedFile:
    """`base` with `inserts` put in; every character of it stays."""
    pieces: list[str] = []
    kept: list[tuple[int, int, int]] = []
    at = size = 0
    for insert in (*sorted(inserts, key=lambda each: each.at), Insert(len(base.text), "")):
        kept.append((size, at, insert.at - at))
        pieces += [base.text[at : insert.at], insert.text]
        size += insert.at - at + len(insert.text)
        at = insert.at
    return MergedFile(base, "".join(pieces), tuple(kept))
