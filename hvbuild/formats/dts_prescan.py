"""What the grammar of devicetrees does not know: macro calls as statements, reservations, characters.

They are read here and replaced by blanks (a character by its number) of the same length, so that all places
stay where they are.
"""

import re

from hvbuild.formats.dts_expressions import integer
from hvbuild.formats.dts_nodes import MacroCall
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

_SCAN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
    |(?P<string>"(?:\\.|[^"\\])*")
    |(?P<directive>^[ \t]*\#[ \t]*
        (?:include|define|undef|if|ifdef|ifndef|elif|else|endif|error|warning|pragma)\b(?:\\\n|[^\n])*)
    |(?P<reserve>/memreserve/[^;{}]*;)
    |(?P<character>'(?:\\[^']{1,3}|[^'\\\n])')
    |(?P<punctuation>[;{}])
    |(?P<blank>\s+)
    |(?P<call>[A-Za-z_][A-Za-z0-9_]*[ \t]*\()
    |(?P<word>[^\s;{}"']+?(?=[\s;{}"']|/\*|//|\Z))
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)

# Nodes and expressions nest a dozen deep at most; the readers below walk them recursively.
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Prescan:
    """The text for the grammar, and what was taken out of it; `directives` says that there are `#` lines.

    `too_deep` is the bracket that goes beyond the depth that is read at all.
    """

    text: str
    calls: tuple[MacroCall, ...]
    reserves: tuple[Span, ...]
    directives: bool
    too_deep: Span | None = None


def prescan(file: SourceFile) -> Prescan:
    """What stands in `file` besides what the grammar reads well."""
    text, at = file.text, 0
    calls: list[MacroCall] = []
    reserves: list[Span] = []
    parts: list[str] = []
    starts, directives = True, False
    while at < len(text):
        match = _SCAN.match(text, at)
        kind = match.lastgroup if match else None
        end = match.end() if match else at + 1
        part = text[at:end]
        if kind == "call" and starts and (closed := _closing(text, end)) is not None:
            calls.append(_macro_call(file, at, end, closed))
            end = closed + 1
            while text[end : end + 1] == ";":
                end += 1
            part = _blank(text[at:end])
        elif kind == "reserve":
            reserves.append(Span(file, at, end))
            part = _blank(part)
        elif kind == "character" and (value := integer(part)) is not None:
            part = str(value).ljust(len(part))
        elif kind not in ("comment", "blank", "directive"):
            starts = kind == "punctuation"
        directives = directives or kind == "directive"
        parts.append(part)
        at = end
    too_deep = _too_deep(file)
    return Prescan("".join(parts), tuple(calls), tuple(reserves), directives, too_deep)


def _too_deep(file: SourceFile) -> Span | None:
    depth = 0
    for match in re.finditer(r"[{}()]", file.text):
        depth = depth + 1 if match[0] in "{(" else max(0, depth - 1)
        if depth > _DEEPEST:
            return Span(file, match.start(), match.end())
    return None


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _closing(text: str, at: int) -> int | None:
    depth = 1
    for index in range(at, len(text)):
        depth += (text[index] == "(") - (text[index] == ")")
        if depth == 0:
            return index
        if text[index] in ";{}":
            return None
    return None


def _macro_call(file: SourceFile, start: int, inside: int, closed: int) -> MacroCall:
    text = file.text
    arguments: list[tuple[str, Span]] = []
    depth, begin = 0, inside
    for index in range(inside, closed + 1):
        if (text[index] == "," and depth == 0) or index == closed:
            raw = text[begin:index]
            left = begin + len(raw) - len(raw.lstrip())
            right = index - (len(raw) - len(raw.rstrip()))
            if raw.strip():
                arguments.append((text[left:right], Span(file, left, right)))
            begin = index + 1
        else:
            depth += (text[index] == "(") - (text[index] == ")")
    name = text[start:inside].rstrip("( \t")
    return MacroCall(name, tuple(arguments), Span(file, start, closed + 1))
