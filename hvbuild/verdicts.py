"""Verdicts of earlier checks, kept by what they depend on: the inputs' digests and the tool itself.

A warm check reads its inputs' bytes and this cache, and nothing of the model. Files that were looked for and
not there count as inputs too, so that adding one is noticed.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from hvbuild.diagnostics import Diagnostic, Label, Severity
from hvbuild.shipped import shipped_folder
from hvbuild.source import SourceFile, Span
from hvbuild.store import file_digest, write_file
from hvbuild.values import dataclass
from hvbuild.version import __version__

# In place of the digest of a file that is there and gave no bytes: equal to none, so it is asked for again.
UNREAD = ""
_LAYOUT = 2
_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class NamedDigest:
    """A file as it is named by people, and the sha256 of its bytes; None: looked for and not there."""

    name: str
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check said, everything it read, and what the system is in a few words where it is valid.

    Not `lasting` is one that hangs on more than what was read, such as which libraries are installed.
    """

    diagnostics: tuple[Diagnostic, ...]
    inputs: tuple[NamedDigest, ...]
    facts: tuple[tuple[str, str], ...] = ()
    lasting: bool = True


@cache
def tool_digest() -> str:
    """What this hvbuild is: its version, and the size and time of each file of it."""
    rows = [__version__, *sorted((*_files(str(_PACKAGE)), *_files(str(shipped_folder("schemas")))))]
    return hashlib.sha256("\0".join(rows).encode()).hexdigest()


def _files(folder: str) -> Iterator[str]:
    """Name, size and time of each file of code or data below `folder`, in no order."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path)
            elif entry.name.endswith((".py", ".json")):
                facts = entry.stat()
                yield f"{entry.name} {facts.st_size} {facts.st_mtime_ns}"


@dataclass(frozen=True, slots=True)
class VerdictCache:
    """Verdicts by question, in a folder that need not exist; as good as none when it cannot be used."""

    folder: Path

    def find(
        self, question: Iterable[str], digest_of: Callable[[str], str | None] | None = None
    ) -> Verdict | None:
        """The verdict on `question`, when every input still has the bytes it had then.

        `digest_of` takes the digest of a file; give one that remembers where several questions are asked.
        """
        of = digest_of or (lambda name: file_digest(Path(name)))
        try:
            held = json.loads(self._place(question).read_text(encoding="utf-8"))
            if held["layout"] != _LAYOUT:
                return None
            inputs = tuple(NamedDigest(name, known) for name, known in held["inputs"])
            if any(of(item.name) != item.digest for item in inputs):
                return None
            facts = tuple((name, text) for name, text in held["facts"])
            return Verdict(diagnostics=_diagnostics(held["diagnostics"]), inputs=inputs, facts=facts)
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None

    def keep(self, question: Iterable[str], verdict: Verdict) -> None:
        """Hold `verdict` where it lasts; whatever stands in the way is ignored."""
        if not verdict.lasting:
            return
        body = json.dumps(
            {
                "layout": _LAYOUT,
                "inputs": [[item.name, item.digest] for item in verdict.inputs],
                "diagnostics": [_as_json(diagnostic) for diagnostic in verdict.diagnostics],
                "facts": verdict.facts,
            }
        )
        place = self._place(question)
        with suppress(OSError):
            write_file(place, body.encode())

    def _place(self, question: Iterable[str]) -> Path:
        key = "\0".join((tool_digest(), str(Path.cwd()), *question))
        return self.folder / "verdicts" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _as_json(diagnostic: Diagnostic) -> list[Any]:
    labels = [
        [label.span.file.path, label.span.start, label.span.end, label.text, label.primary]
        for label in diagnostic.labels
    ]
    head = [diagnostic.code, diagnostic.name, diagnostic.severity.value, diagnostic.message, diagnostic.route]
    return [*head, labels, list(diagnostic.notes), list(diagnostic.helps)]


def _diagnostics(rows: list[list[Any]]) -> tuple[Diagnostic, ...]:
    files: dict[str, SourceFile] = {}

    def span(path: str, start: int, end: int) -> Span:
        if path not in files:
            known = Path(path)
            text = known.read_text(encoding="utf-8") if known.is_file() else ""
            files[path] = SourceFile(path, text)
        return Span(files[path], start, end)

    return tuple(
        Diagnostic(
            code=code,
            name=name,
            severity=Severity(severity),
            message=message,
            route=route,
            labels=tuple(
                Label(span(path, start, end), text, primary) for path, start, end, text, primary in labels
            ),
            notes=tuple(notes),
            helps=tuple(helps),
        )
        for code, name, severity, message, route, labels, notes, helps in rows
    )
