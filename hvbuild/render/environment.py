"""The Jinja2 environment: where templates are looked for, and what they may do. The only importer of jinja2.

A template sees its view and nothing else: undefined names are fatal, the environment is sandboxed, and it
reads files only from the folders given.
"""

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hvbuild.diagnostics import Diagnostic
from hvbuild.render.codes import TEMPLATE_SYNTAX, TEMPLATE_UNDEFINED
from hvbuild.source import SourceFile, Span

EVERY_TARGET = "any"
# What a template, which computes only with its view, can bring about.
_OF_THE_TEMPLATE = (
    TemplateError,
    SecurityError,
    ArithmeticError,
    TypeError,
    ValueError,
    LookupError,
    RecursionError,
    MemoryError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The text of one template with the files it was made from, or the fault that kept it from that."""

    text: str
    files: tuple[Path, ...]
    fault: Diagnostic | None = None


class Templates:
    """Templates of one board and target: the project's own folders first, then the shipped ones."""

    def __init__(self, folders: Sequence[Path], board: str, targets: Sequence[str]) -> None:
        rooms = (board, *targets, EVERY_TARGET)
        self._rooms = [folder / room for folder in folders for room in rooms]
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(self._rooms),
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            newline_sequence="\n",
            extensions=(),
        )
        self._environment.globals.clear()

    def find(self, name: str) -> Path | None:
        """The file that `name` resolves to, or None."""
        return next((path for room in self._rooms if (path := room / name).is_file()), None)

    def absent_before(self, used: Iterable[Path]) -> tuple[Path, ...]:
        """The places that come before those of the `used` templates, where none is yet."""
        absent: list[Path] = []
        for path in used:
            for room in self._rooms:
                candidate = room / path.name
                if candidate == path:
                    break
                absent.append(candidate)
        return tuple(sorted(set(absent)))

    def render(self, name: str, view: object) -> Rendered:
        """The text that template `name` makes of `view`."""
        used: list[Path] = []
        try:
            template = self._environment.get_template(name)
            used = self._files(name)
            return Rendered(text=template.render(view=view), files=tuple(used))
        except TemplateSyntaxError as error:
            place = _place(Path(error.filename) if error.filename else None, error.lineno)
            return Rendered(
                text="",
                files=tuple(used),
                fault=TEMPLATE_SYNTAX.at(
                    place, f"template `{name}`: {error.message}", "the template stops here"
                ),
            )
        except _OF_THE_TEMPLATE as error:
            reason = f"no template `{error}`" if isinstance(error, TemplateNotFound) else str(error)
            place = self._raised_at(error) or _place(self.find(name), 1)
            return Rendered(
                text="",
                files=tuple(used),
                fault=TEMPLATE_UNDEFINED.at(place, f"template `{name}` fails: {reason or 'no memory'}"),
            )

    def _files(self, name: str) -> list[Path]:
        """The template and what it includes, found without rendering."""
        seen: dict[str, Path] = {}
        open_names = [name]
        while open_names:
            current = open_names.pop()
            path = self.find(current)
            if current in seen or path is None:
                continue
            seen[current] = path
            source = path.read_text(encoding="utf-8")
            open_names += [found for found in _references(self._environment, source) if found]
        return sorted(seen.values())

    def _raised_at(self, error: Exception) -> Span | None:
        """The template line that an exception came from: the innermost frame whose file is a template."""
        rooms = {str(room) for room in self._rooms}
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if str(Path(frame.filename).parent) in rooms:
                return _place(Path(frame.filename), frame.lineno or 1)
        return None


def _references(environment: ImmutableSandboxedEnvironment, source: str) -> list[str | None]:
    from jinja2.meta import find_referenced_templates  # noqa: PLC0415 - needed only while rendering

    return list(find_referenced_templates(environment.parse(source)))


def _place(path: Path | None, line: int) -> Span | None:
    if path is None or not path.is_file():
        return None
    file = SourceFile(str(path), path.read_text(encoding="utf-8", errors="replace"))
    start = sum(len(text) for text in file.text.splitlines(keepends=True)[: line - 1])
    return Span(file, start, start + len(file.line(line)))
