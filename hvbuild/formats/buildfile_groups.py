"""Bracket groups of buildfiles and scripts: their attributes, and how far each setting reaches."""

from collections.abc import Mapping
from types import MappingProxyType

from hvbuild.buildfile_catalog import Attribute, find_attribute
from hvbuild.formats.mkifs_words import GROUP_SPACE, Layer, Word, read_words
from hvbuild.source import Span
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One attribute as written: `+name`, `-name` or `name=value`, with `?` when it is conditional.

    `name` is the full name when `row` was found, else as written. `value` is None for a boolean,
    `sign` empty for a valued one; both are so when it is malformed.
    """

    word: Word
    name: str
    written: str
    sign: str = ""
    value: str | None = None
    conditional: bool = False
    row: Attribute | None = None

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.word.span

    @property
    def setting(self) -> str:
        """What it sets: the value, or the sign of a boolean one."""
        return self.value if self.value is not None else self.sign

    @property
    def is_malformed(self) -> bool:
        """True when mkifs cannot tell a name: no sign and no `=`, or a single character."""
        return not self.sign and self.value is None


@dataclass(frozen=True, slots=True)
class Group:
    """A `[…]`; `closed` is False when its bracket is missing."""

    span: Span
    uses: tuple[Use, ...]
    closed: bool

    def last(self, *names: str) -> Use | None:
        """The last attribute called one of `names`, or None."""
        found = [use for use in self.uses if use.name in names and use.row is not None]
        return found[-1] if found else None


def read_group(layer: Layer, start: int, rows: tuple[Attribute, ...]) -> tuple[Group, int]:
    """The group whose `[` stands at `start`, and the place after its `]`."""
    words, at = read_words(layer, start + 1, GROUP_SPACE, "]")
    closed = at < len(layer.text)
    end = at + 1 if closed else at
    return Group(layer.span(start, end), tuple(_use(word, rows) for word in words), closed), end


def _use(word: Word, rows: tuple[Attribute, ...]) -> Use:
    text = word.text
    if len(text) < 2:
        return Use(word=word, name=text, written=text)
    conditional = text.startswith("?")
    body = text[1:] if conditional else text
    if body[:1] in ("+", "-"):
        written = body[1:]
        row = find_attribute(rows, written, valued=False)
        name = row.name if row else written
        return Use(word=word, name=name, written=written, sign=body[0], conditional=conditional, row=row)
    if "=" not in body:
        return Use(word=word, name=body, written=body, conditional=conditional)
    name, _, value = body.partition("=")
    row = find_attribute(rows, name, valued=True)
    return Use(word=word, name=name, written=name, value=value, conditional=conditional, row=row)


def skip_groups(layer: Layer, start: int, rows: tuple[Attribute, ...]) -> int:
    """The place after any further bracket groups and blanks at `start`; mkifs stops at the first of them."""
    at = start
    while layer.text[at : at + 1] == "[":
        _, at = read_group(layer, at, rows)
        while at < len(layer.text) and layer.text[at] in " \t":
            at += 1
    return at


class GroupScope:
    """Mutable: follows the settings in force while lines are read in order.

    A group alone on its line becomes the default of all later lines; `virtual=` and `physical=` never do, and
    `module=` starts anew with each group (mkifs source: `parse_file_name`, `ifs_parse_attr`).
    """

    def __init__(self, rows: tuple[Attribute, ...]) -> None:
        self.rows = rows
        self._defaults: Mapping[str, Use] = MappingProxyType({})
        self._modules: tuple[Use, ...] = ()
        self._seen: set[str] = set()

    def enter(self, group: Group | None, *, alone: bool) -> tuple[Mapping[str, Use], tuple[Use, ...]]:
        """Settings and modules in force on a line with `group`; kept for later lines when it stands alone."""
        if group is None:
            return self._defaults, self._modules
        settings = dict(self._defaults)
        modules: list[Use] = []
        for use in group.uses:
            if use.row is None or (use.conditional and use.name in self._seen):
                continue
            self._seen.add(use.name)
            if use.row.scope == "group":
                modules.append(use)
            elif not (alone and use.name in ("virtual", "physical")):
                settings[use.name] = use
        in_force = MappingProxyType(settings)
        if alone:
            self._defaults, self._modules = in_force, tuple(modules)
        return in_force, tuple(modules)
