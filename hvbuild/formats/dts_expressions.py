"""Numbers and strings of devicetree sources: integer expressions as dtc computes them, string escapes."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

_MASK = (1 << 64) - 1
_LITERAL = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)(?:[uU]?[lL]{0,2}|[lL]{1,2}[uU])\Z")
_CHARACTER = re.compile(r"'(.|\\.[^']*)'\Z", re.DOTALL)
_SIMPLE_ESCAPES = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}


class Syntax(Protocol):
    """What is used of a node of the syntax tree."""

    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def start_byte(self) -> int: ...  # noqa: D102
    @property
    def end_byte(self) -> int: ...  # noqa: D102
    @property
    def is_error(self) -> bool: ...  # noqa: D102
    @property
    def is_missing(self) -> bool: ...  # noqa: D102
    @property
    def is_named(self) -> bool: ...  # noqa: D102
    @property
    def has_error(self) -> bool: ...  # noqa: D102
    @property
    def children(self) -> "Sequence[Syntax]": ...  # noqa: D102
    @property
    def named_children(self) -> "Sequence[Syntax]": ...  # noqa: D102
    def child_by_field_name(self, name: str, /) -> "Syntax | None": ...  # noqa: D102
    def children_by_field_name(self, name: str, /) -> "Sequence[Syntax]": ...  # noqa: D102
    def field_name_for_child(self, index: int, /) -> str | None: ...  # noqa: D102


def integer(text: str) -> int | None:
    """The number of a C integer literal with its suffix, or of a character in single quotes, or None."""
    match = _LITERAL.match(text)
    if match:
        digits = match[1]
        base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
        try:
            return int(digits, base)
        except ValueError:
            return None
    character = _CHARACTER.match(text)
    if character:
        value = unescape(character[1])
        return ord(value) if len(value) == 1 else None
    return None


def evaluate(node: Syntax, text: Callable[[Syntax], str], constants: Mapping[str, int]) -> int | None:
    """The 64-bit number of an expression, or None when a name in it is not known."""
    if node.type in ("integer_literal", "char_literal"):
        return integer(text(node))
    if node.type == "identifier":
        return constants.get(text(node))
    # The fields of the grammar also cover the parentheses around an operand: take the named parts.
    operands = [child for child in node.named_children if child.type != "comment"]
    if node.type == "unary_expression" and len(operands) == 1:
        value = evaluate(operands[0], text, constants)
        return None if value is None else _unary(text(node.children[0]), value)
    if node.type == "binary_expression" and len(operands) == 2:
        operator = node.child_by_field_name("operator")
        a, b = (evaluate(operand, text, constants) for operand in operands)
        return None if a is None or b is None or operator is None else binary(text(operator), a, b)
    if node.type == "conditional_expression" and len(operands) == 3:
        condition, *branches = (evaluate(operand, text, constants) for operand in operands)
        return None if condition is None else branches[0 if condition else 1]
    return None


def _unary(operator: str, value: int) -> int | None:
    result = {"-": -value, "~": ~value, "!": int(not value), "+": value}.get(operator)
    return None if result is None else result & _MASK


def binary(operator: str, a: int, b: int) -> int | None:
    """`a operator b` in 64 bits without sign, or None for a division by zero or another operator."""
    if operator in ("/", "%") and b == 0:
        return None
    operations: dict[str, Callable[[], int]] = {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "/": lambda: a // b,
        "%": lambda: a % b,
        "<<": lambda: a << b if b < 64 else 0,
        ">>": lambda: a >> b,
        "&": lambda: a & b,
        "|": lambda: a | b,
        "^": lambda: a ^ b,
        "&&": lambda: int(bool(a and b)),
        "||": lambda: int(bool(a or b)),
        "==": lambda: int(a == b),
        "!=": lambda: int(a != b),
        "<": lambda: int(a < b),
        ">": lambda: int(a > b),
        "<=": lambda: int(a <= b),
        ">=": lambda: int(a >= b),
    }
    operation = operations.get(operator)
    return None if operation is None else operation() & _MASK


def unescape(text: str) -> str:
    """The characters that a devicetree string spells, C escapes resolved."""

    def one(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] in "01234567":
            return chr(int(body, 8) & 0xFF)
        if body[0] == "x" and len(body) > 1:
            return chr(int(body[1:], 16))
        return _SIMPLE_ESCAPES.get(body, body)

    return re.sub(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", one, text, flags=re.DOTALL)
