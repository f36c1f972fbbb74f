"""C headers of constants, as vendor memory maps are kept: `#define __NAME_START__ 0x…`, updated in place.

Everything that is not the number itself stays byte for byte: macros, conditions, comments, line ends.
"""

import re
from collections.abc import Iterator, Mapping

from hvbuild.formats.dts import expression_value
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

_DEFINE = re.compile(
    r"^[ \t]*#[ \t]*define[ \t]+(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:[ \t]|\\\r?\n)+"
    r"(?P<value>[^\s/](?:\\\r?\n|/(?![/*])|[^/\r\n])*)",
    re.MULTILINE,
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LITERAL = re.compile(r"(?P<open>\(*)(?P<digits>0[xX][0-9a-fA-F]+|[0-9]+)(?P<suffix>[uUlL]*)(?P<close>\)*)\Z")
_CONDITION = re.compile(r"^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else|endif)\b[^\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Constant:
    """One `#define NAME value`. `value` is None when it is no number; `guard` the conditions around it."""

    name: str
    value: int | None
    span: Span
    guard: str = ""

    @property
    def is_literal(self) -> bool:
        """True when the value is written as a number, not computed from other names."""
        return _LITERAL.match(self.span.text) is not None


@dataclass(frozen=True, slots=True)
class Header:
    """A header as read: its constants in written order."""

    file: SourceFile
    constants: tuple[Constant, ...]

    @property
    def values(self) -> dict[str, int]:
        """Numbers by name; of several definitions the last that is a number."""
        return {item.name: item.value for item in self.constants if item.value is not None}


@dataclass(frozen=True, slots=True)
class Update:
    """A header with new numbers: its text, and the names that could not be set.

    `missing` are not defined; `derived` are computed from other names and come out differently; `ambiguous`
    have several definitions with different numbers.
    """

    text: str
    missing: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """True when every wanted number stands in the text."""
        return not (self.missing or self.derived or self.ambiguous)


def read_header(text: str, path: str) -> Header:
    """The constants of `text`. A value is computed with the names defined before it; macros with arguments
    and values that are no numbers have no number."""
    file = SourceFile(path, text)
    hidden = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    conditions = [*_CONDITION.finditer(hidden)]
    values: dict[str, int] = {}
    constants: list[Constant] = []
    for match in _DEFINE.finditer(hidden):
        start = match.start("value")
        end = start + len(match["value"].rstrip())
        name = match["name"]
        value = expression_value(re.sub(r"\\\r?\n", " ", text[start:end]), values)
        if value is not None:
            values[name] = value
        guard = _guard(conditions, match.start())
        constants.append(Constant(name, value, Span(file, start, end), guard))
    return Header(file, tuple(constants))


def _guard(conditions: list[re.Match[str]], at: int) -> str:
    """The conditions open at `at`, outermost first."""
    stack: list[str] = []
    for match in conditions:
        if match.start() > at:
            break
        kind = match[1]
        if kind == "endif":
            stack = stack[:-1]
        elif kind in ("else", "elif"):
            stack = [*stack[:-1], f"{stack[-1] if stack else ''} {match[0].strip()}".strip()]
        else:
            stack.append(match[0].strip())
    return " ".join(stack)


def updated(header: Header, wanted: Mapping[str, int]) -> Update:
    """`header` with the constants of `wanted` set, each written as it was: base, width, suffix, brackets."""
    edits: list[tuple[Span, str]] = []
    missing: list[str] = []
    ambiguous: list[str] = []
    for name, value in wanted.items():
        found = [item for item in header.constants if item.name == name]
        if not found:
            missing.append(name)
        elif len({item.value for item in found}) > 1:
            ambiguous.append(name)
        else:
            edits.extend((item.span, respelled(item.span.text, value)) for item in found if item.is_literal)
    text = "".join(_applied(header.file.text, edits))
    after = read_header(text, header.file.path).values
    settled = {*missing, *ambiguous}
    derived = [name for name, value in wanted.items() if name not in settled and after.get(name) != value]
    return Update(text, tuple(missing), tuple(derived), tuple(ambiguous))


def _applied(text: str, edits: list[tuple[Span, str]]) -> Iterator[str]:
    at = 0
    for span, new in sorted(edits, key=lambda edit: edit[0].start):
        yield text[at : span.start]
        yield new
        at = span.end
    yield text[at:]


def respelled(old: str, value: int) -> str:
    """`value` in the manner of the literal `old`: its base, letter case, digits, suffix and brackets."""
    match = _LITERAL.match(old)
    if match is None or expression_value(old, {}) == value:
        return old
    digits = match["digits"]
    if digits[:2] in ("0x", "0X"):
        body = digits[2:]
        upper = body.upper() == body and body.lower() != body
        width = len(body)
        number = digits[:2] + (f"{value:0{width}X}" if upper else f"{value:0{width}x}")
    else:
        number = str(value)
    return f"{match['open']}{number}{match['suffix']}{match['close']}"
