"""Boot and startup scripts inside a buildfile: lines of modifiers, assignments and words.

Their bodies are unescaped twice: by the inline rule, then by the tokenizer (mkifs source, `parse_boot`,
`parse_script`). Spans still point into the buildfile.
"""

from collections.abc import Mapping

from hvbuild.buildfile_catalog import Attribute, buildfile_catalog
from hvbuild.formats.buildfile_groups import Group, GroupScope, Use, read_group, skip_groups
from hvbuild.formats.mkifs_words import SCRIPT_SPACE, Layer, Word, read_words
from hvbuild.source import Span
from hvbuild.values import dataclass

_BLANK = " \t\n\r\v\f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One line of a script: modifiers, `NAME=value` words, then a command with its arguments.

    `settings` are the modifiers in force, own and inherited; `background` is the `&` that ends the line.
    """

    span: Span
    group: Group | None
    assignments: tuple[Word, ...]
    words: tuple[Word, ...]
    background: Word | None
    settings: Mapping[str, Use]
    modules: tuple[Use, ...] = ()
    second_group: Span | None = None

    @property
    def command(self) -> str:
        """The command as written, empty for a line that only sets something."""
        return self.words[0].text if self.words else ""

    @property
    def arguments(self) -> tuple[Word, ...]:
        """The words after the command."""
        return self.words[1:]

    @property
    def all_words(self) -> tuple[Word, ...]:
        """Every word of the line after its group."""
        return (*self.assignments, *self.words, *((self.background,) if self.background else ()))

    def value(self, name: str) -> str | None:
        """The value of modifier `name` in force, `+` or `-` for a boolean one, None when not set."""
        use = self.settings.get(name)
        return None if use is None else use.setting


def read_script(layer: Layer) -> tuple[Statement, ...]:
    """The statements of a startup script; `layer` is the unescaped body."""
    return _statements(layer, buildfile_catalog().modifiers, ampersand=True)


def read_boot(layer: Layer) -> tuple[Statement, ...]:
    """The statements of a boot script, whose groups hold file attributes; `&` has no meaning there."""
    return _statements(layer, buildfile_catalog().attributes, ampersand=False)


def _statements(layer: Layer, rows: tuple[Attribute, ...], *, ampersand: bool) -> tuple[Statement, ...]:
    text, at = layer.text, 0
    scope = GroupScope(rows)
    result: list[Statement] = []
    while at < len(text):
        if text[at] in _BLANK:
            at += 1
            continue
        if text[at] == "#":
            line_end = text.find("\n", at)
            at = line_end if line_end >= 0 else len(text)
            continue
        statement, at = _statement(layer, at, scope, ampersand)
        result.append(statement)
    return tuple(result)


def _statement(layer: Layer, start: int, scope: GroupScope, ampersand: bool) -> tuple[Statement, int]:
    text, at = layer.text, start
    group = None
    if text[at] == "[":
        group, at = read_group(layer, at, scope.rows)
        while at < len(text) and text[at] in " \t":
            at += 1
    second = layer.span(at, at + 1) if group is not None and text[at : at + 1] == "[" else None
    if second is not None:
        at = skip_groups(layer, at, scope.rows)
    words, at = read_words(layer, at, SCRIPT_SPACE, "\n")
    span = group.span if group else words[0].span
    span = span.to(words[-1].span) if words else (span.to(second) if second else span)
    background = words[-1] if ampersand and words and words[-1].text == "&" else None
    rest = words[:-1] if background else words
    count = next((index for index, word in enumerate(rest) if "=" not in word.text), len(rest))
    settings, modules = scope.enter(group, alone=not words and second is None)
    statement = Statement(
        span=span,
        group=group,
        assignments=rest[:count],
        words=rest[count:],
        background=background,
        settings=settings,
        modules=modules,
        second_group=second,
    )
    return statement, at
