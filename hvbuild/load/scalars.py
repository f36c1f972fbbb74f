"""What a plain scalar of YAML is, from its text alone.

The YAML 1.2 core rules, less every spelling that readers of YAML disagree on: those are reported.
"""

import re

from hvbuild.diagnostics import Code, Severity
from hvbuild.load.tree import Kind, Value
from hvbuild.units import LIMIT_64
from hvbuild.values import dataclass

_YAML = "YAML 1.2.2, 10.3.2 Tag Resolution (core schema)"

NUMBER_TOO_WIDE = Code(
    code="HV0014",
    name="number-too-wide",
    severity=Severity.ERROR,
    meaning="An integer does not fit 64 bits; no address, size or count of any target needs more.",
    source="an address of AArch64 and x86-64 has at most 64 bits",
)
NUMBER_SPELLING = Code(
    code="HV0015",
    name="number-spelling",
    severity=Severity.ERROR,
    meaning="A number is spelled in a way that YAML readers disagree on: underscores, `0b`, `0o`, `0X`. "
    "Integers are decimal or `0x` hex.",
    source=_YAML + "; YAML 1.1 int type",
)
FLOAT = Code(
    code="HV0016",
    name="floating-point-number",
    severity=Severity.ERROR,
    meaning="YAML reads the text as a floating-point number; nothing in a stack is one. "
    "A release such as 7.1 is text and needs quotes or its full name (`qnx-7.1`).",
    source=_YAML,
)
DATE = Code(
    code="HV0017",
    name="bare-date",
    severity=Severity.ERROR,
    meaning="A date without quotes: some readers of YAML make a date of it, others text.",
    source="YAML 1.1 timestamp type",
)

CODES = (NUMBER_TOO_WIDE, NUMBER_SPELLING, FLOAT, DATE)

_WORDS: dict[str, tuple[Kind, Value]] = {
    "": (Kind.NULL, None),
    "~": (Kind.NULL, None),
    **dict.fromkeys(("null", "Null", "NULL"), (Kind.NULL, None)),
    **dict.fromkeys(("true", "True", "TRUE"), (Kind.BOOLEAN, True)),
    **dict.fromkeys(("false", "False", "FALSE"), (Kind.BOOLEAN, False)),
}
_FIRST = frozenset("0123456789+-.")
_INTEGER = re.compile(r"(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)\Z")
_ODD_NUMBER = re.compile(
    r"[-+]?(?:0b[01_]+|0o[0-7_]+|0[xX][0-9a-fA-F_]*[0-9a-fA-F][0-9a-fA-F_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)\Z"
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z|[-+]?\.(?:inf|Inf|INF)\Z")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?\Z")


@dataclass(frozen=True, slots=True)
class Oddity:
    """A spelling that is refused: its code, the message, a word for the place and what to write instead."""

    code: Code
    message: str
    label: str
    help: str


def read_plain(text: str) -> tuple[Kind, Value] | Oddity:
    """What the plain (unquoted) scalar `text` is and its value, or why its spelling is refused."""
    word = _WORDS.get(text)
    if word is not None:
        return word
    if text[0] not in _FIRST:
        return Kind.TEXT, text
    if _INTEGER.match(text):
        return _integer(text)
    return _odd(text) or (Kind.TEXT, text)


def _integer(text: str) -> tuple[Kind, Value] | Oddity:
    # Twenty digits and a sign hold every 64-bit number; a longer run of digits is never converted.
    digits = text.lstrip("+-").removeprefix("0x").lstrip("0")
    if len(digits) <= 20:
        value = int(text, 16) if text.startswith("0x") else int(text, 10)
        if -(LIMIT_64 >> 1) <= value < LIMIT_64:
            return Kind.INTEGER, value
    shown = text if len(text) <= 40 else text[:37] + "..."
    return Oddity(
        NUMBER_TOO_WIDE, f"`{shown}` does not fit 64 bits", "wider than 64 bits", "quote it if it is text"
    )


def _odd(text: str) -> Oddity | None:
    if _FLOAT.match(text) or _NAN.match(text):
        return Oddity(
            FLOAT,
            f"`{text}` is a floating-point number",
            "not an integer",
            f'quote it if it is text: "{text}"; write fractions of a unit with the unit, as `2.5us`',
        )
    if _ODD_NUMBER.match(text):
        return Oddity(
            NUMBER_SPELLING,
            f"`{text}` is read differently by different tools",
            "which number is it",
            _respelled(text),
        )
    if _DATE.match(text):
        return Oddity(
            DATE, f"`{text}` is a date to some readers of YAML", "text or date", f'quote it: "{text}"'
        )
    return None


def _respelled(text: str) -> str:
    bare = text.replace("_", "").lstrip("+")
    sign, digits = ("-", bare[1:]) if bare.startswith("-") else ("", bare)
    base = {"0b": 2, "0o": 8, "0x": 16, "0X": 16}.get(digits[:2], 10)
    body = digits if base == 10 else digits[2:]
    if not body or "." in body or len(body) > 64:
        return "write it in decimal or as `0x` hex, or quote it if it is text"
    value = int(body, base)
    spelled = f"{sign}{value}" if base in (8, 10) else f"{sign}{value:#x}"
    return f"write `{spelled}`, or quote it if it is text"
