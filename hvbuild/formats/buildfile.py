"""Lossless reader of mkifs buildfiles: lines, bracket groups with their scope, names, inline bodies.

The reader follows `parse_one_file` of the mkifs source. Nothing of the text is dropped: every token has its
place, what lies between tokens stays in the file, and an edit replaces exactly the stretch it names.
"""

from collections.abc import Iterable, Iterator, Mapping

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.formats.buildfile_groups import Group, GroupScope, Use, read_group, skip_groups
from hvbuild.formats.mkifs_words import SPEC_SPACE, Layer, Word, file_layer, read_words
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

_BLANK = " \t\n\r\v\f"


@dataclass(frozen=True, slots=True)
class Body:
    """An inline body: what stands between `{` + newline and the first unescaped `}`.

    `close` is that brace, None when the file ends before it.
    """

    span: Span
    close: Span | None
    layer: Layer

    @property
    def text(self) -> str:
        """The content that mkifs stores, escapes removed."""
        return self.layer.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry of a buildfile: an optional bracket group, then no name (defaults), one, or two.

    `settings` are the attributes in force for this line, its own and inherited, by name; `modules` the
    `module=` values of its group.
    """

    span: Span
    group: Group | None
    words: tuple[Word, ...]
    body: Body | None
    settings: Mapping[str, Use]
    modules: tuple[Use, ...] = ()
    second_group: Span | None = None

    @property
    def sets_defaults(self) -> bool:
        """True for a bracket group alone on its line: it holds for all lines after it."""
        return self.group is not None and not self.words and self.second_group is None

    @property
    def target(self) -> Word | None:
        """The first name."""
        return self.words[0] if self.words else None

    @property
    def host(self) -> Word | None:
        """The host name, None for an inline body or a line with one name."""
        return self.words[1] if len(self.words) > 1 and self.body is None else None

    @property
    def boot(self) -> Use | None:
        """The `virtual=` or `physical=` of its own group that makes this the boot script, or None."""
        return self.group.last("virtual", "physical") if self.group and self.words else None

    def value(self, name: str) -> str | None:
        """The value of attribute `name` in force here, `+` or `-` for a boolean one, None when not set."""
        use = self.settings.get(name)
        return None if use is None else use.setting

    def is_on(self, name: str) -> bool:
        """True when the boolean attribute `name` was switched on for this line."""
        return self.value(name) == "+"


@dataclass(frozen=True, slots=True)
class BuildDocument:
    """A buildfile as read. `includes` are the `#include` lines that a preprocessor would replace."""

    file: SourceFile
    lines: tuple[Line, ...]
    includes: tuple[Span, ...] = ()

    @property
    def text(self) -> str:
        """The document as text: gaps and lines put together again, equal to what was read."""
        return "".join(self.file.text[start:end] for start, end in self.stretches())

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Offsets of gap, line, gap, line, …: they follow one another and cover the whole file."""
        at = 0
        for line in self.lines:
            yield at, line.span.start
            yield line.span.start, line.span.end
            at = line.span.end
        yield at, len(self.file.text)

    def image_setting(self, name: str) -> Use | None:
        """The last `name=` of image scope (`image=`, `compress`, …) in the file, or None."""
        found = None
        for line in self.lines:
            found = (line.group.last(name) if line.group else None) or found
        return found

    @property
    def groups(self) -> tuple[Group, ...]:
        """Every bracket group outside bodies, in order."""
        return tuple(line.group for line in self.lines if line.group)


def read_buildfile(text: str, path: str) -> BuildDocument:
    """The document that `text` is; nothing is refused here, see `buildfile_faults` for what mkifs says."""
    file = SourceFile(path, text)
    layer = file_layer(file)
    lines: list[Line] = []
    scope = GroupScope(buildfile_catalog().attributes)
    # A byte order mark is told by itself; what follows is read as it was meant.
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        if text[at] in _BLANK:
            at += 1
        elif text[at] == "#":
            at = _line_end(text, at)
        else:
            line, at = _read_line(layer, at, scope)
            lines.append(line)
    return BuildDocument(file, tuple(lines), tuple(_includes(file, lines)))


def _read_line(layer: Layer, start: int, scope: GroupScope) -> tuple[Line, int]:
    text, at = layer.text, start
    group = None
    if text[at] == "[":
        group, at = read_group(layer, at, scope.rows)
        while at < len(text) and text[at] in " \t":
            at += 1
    second = layer.span(at, at + 1) if text[at : at + 1] == "[" and group is not None else None
    if second is not None:
        at = skip_groups(layer, at, scope.rows)
    words, after = read_words(layer, at, SPEC_SPACE, "\n")
    body, end = None, words[-1].span.end if words else (group.span.end if group and second is None else at)
    at = after
    if len(words) == 2 and words[1].text == "{" and at < len(text):
        body, at = _read_body(layer, at + 1)
        end = body.close.end if body.close else body.span.end
    settings, modules = scope.enter(group, alone=not words and second is None)
    line = Line(
        span=layer.span(start, max(end, start + 1)),
        group=group,
        words=words,
        body=body,
        settings=settings,
        modules=modules,
        second_group=second,
    )
    return line, at


def _read_body(layer: Layer, start: int) -> tuple[Body, int]:
    """The body from `start`, and where reading goes on: one character after the brace is skipped, too."""
    text, at = layer.text, start
    kept: list[str] = []
    places: list[int] = []
    while at < len(text) and text[at] != "}":
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        kept.append(text[at])
        places.append(at)
        at += 1
    places.append(at)
    content = Layer(layer.file, "".join(kept), places)
    close = layer.span(at, at + 1) if at < len(text) else None
    return Body(Span(layer.file, start, at), close, content), min(at + 2, len(text))


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)


def _includes(file: SourceFile, lines: Iterable[Line]) -> Iterator[Span]:
    """`#include` lines outside inline bodies: a comment to mkifs, work for a preprocessor."""
    bodies = [line.body.span for line in lines if line.body]
    at = 0
    while (at := file.text.find("#include", at)) >= 0:
        at_line_start = not file.text[file.text.rfind("\n", 0, at) + 1 : at].strip(" \t")
        if at_line_start and not any(body.start <= at < body.end for body in bodies):
            yield Span(file, at, _line_end(file.text, at))
        at += 1
