"""Remarks in comments: `# hvbuild: allow CODE reason` accepts a warning where it stands, with a reason.

On a line of its own it speaks of the entry that follows, at the end of a line of the entry on that line; an
entry reaches over the lines below it that are indented further. Any text whose comments begin with `#` may
hold them, and a devicetree behind `//`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable

from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

_SOURCE = "hvbuild's rules: what is accepted is accepted for a reason"
REMARK_WITHOUT_REASON = Code(
    code="HV0060",
    name="remark-without-reason",
    severity=Severity.ERROR,
    meaning="An `allow` remark gives no reason.",
    source=_SOURCE,
)
REMARK_UNKNOWN = Code(
    code="HV0061",
    name="remark-unknown",
    severity=Severity.ERROR,
    meaning="A `# hvbuild:` remark is not of the form `allow CODE reason`.",
    source=_SOURCE,
)

CODES = (REMARK_WITHOUT_REASON, REMARK_UNKNOWN)

HASH, SLASHES = "#", "//"
_REMARK = {
    mark: re.compile(rf"(?:(?<=[ \t])|^){mark}[ \t]*hvbuild:[ \t]*([^\r\n]*)", re.MULTILINE)
    for mark in (HASH, SLASHES)
}
_ALLOW = re.compile(r"allow[ \t]+(HV[0-9]{4})\b[ \t]*(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """An accepted code with its reason; it speaks of the lines `first_line` to `last_line`, both included."""

    code: str
    reason: str
    span: Span
    first_line: int
    last_line: int

    def covers(self, place: Span) -> bool:
        """True where a fault at `place` is one that this remark speaks of."""
        return place.file is self.span.file and self.first_line <= place.line <= self.last_line


def remarks_in(
    file: SourceFile, texts: Iterable[Span] = (), mark: str = HASH
) -> tuple[tuple[Remark, ...], tuple[Diagnostic, ...]]:
    """The remarks of `file` in order, and the faults of those that cannot be read.

    `texts` are stretches that are no comments although they may look so, such as the scalars of a tree;
    `mark` begins a comment of the language.
    """
    spans = sorted((span.start, span.end) for span in texts)
    starts = [start for start, _ in spans]
    remarks: list[Remark] = []
    faults: list[Diagnostic] = []
    if "hvbuild:" not in file.text:
        return (), ()
    for found in _REMARK[mark].finditer(file.text):
        at = bisect_right(starts, found.start()) - 1
        if at >= 0 and found.start() < spans[at][1]:
            continue
        read = _remark(file, found, mark)
        if isinstance(read, Remark):
            remarks.append(read)
        else:
            faults.append(read)
    return tuple(remarks), tuple(faults)


def _remark(file: SourceFile, found: re.Match[str], mark: str) -> Remark | Diagnostic:
    text = found[1].rstrip()
    span = Span(file, found.start(), found.start(1) + len(text))
    said = _ALLOW.fullmatch(text)
    if said is None:
        message = f"`{text.split(' ', 1)[0] or 'hvbuild:'}` is not a remark that can be read"
        helps = (f"write `{mark} hvbuild: allow HV4007 reason`",)
        return REMARK_UNKNOWN.at(span, message, "not a remark", helps=helps)
    if not said[2]:
        message = f"`allow {said[1]}` gives no reason"
        helps = (f"write `{mark} hvbuild: allow {said[1]} reason`",)
        return REMARK_WITHOUT_REASON.at(span, message, "why", helps=helps)
    first, last = _reach(file, span, mark)
    return Remark(code=said[1], reason=said[2], span=span, first_line=first, last_line=last)


def _reach(file: SourceFile, span: Span, mark: str) -> tuple[int, int]:
    line = span.line
    if not file.line(line)[: span.column - 1].strip():
        line = next(
            (n for n in range(line + 1, file.line_count + 1) if _has_content(file.line(n), mark)), line
        )
    indent = _indent(file.line(line))
    last = line
    for number in range(line + 1, file.line_count + 1):
        text = file.line(number)
        if _has_content(text, mark):
            # The items of a YAML list may stand in the column of their key.
            item = _indent(text) == indent and _is_item(text) and not _is_item(file.line(line))
            if _indent(text) <= indent and not item:
                break
            last = number
    return line, last


def _has_content(line: str, mark: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(mark)


def _is_item(line: str) -> bool:
    return line.lstrip(" ").startswith("- ")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
