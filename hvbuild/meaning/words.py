"""Arguments of a qvmconf file, read into numbers: each piece with its place, each fault as a diagnostic.

A piece that is only known on the target (a substitution, a template marker) becomes a symbolic amount, and
so does one that means nothing once it has been reported: what depends on it is then left in peace.
"""

import re
from collections.abc import Callable

from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.qvmconf_codes import BAD_NUMBER, BARE_NUMBER, ODD_NUMBER
from hvbuild.formats.qvmconf_tokens import Token, has_unknown_part, shown
from hvbuild.model.vm import Amount, AsinfoLength, AsinfoStart, Opaque
from hvbuild.source import Origin, Span
from hvbuild.units import LIMIT_64, hex_address, read_number, read_qvm_address, read_qvm_length
from hvbuild.values import dataclass

Faults = list[Diagnostic]

_START = re.compile(r"\$asinfo_start\{([^}]*)\}\Z")
_LENGTH = re.compile(r"\$asinfo_length\{([^}]*)\}\Z")
_CAPITAL_PREFIX = re.compile(r"0[XD]")
_HEX_SUFFIXED = re.compile(r"0x[0-9a-f]+[kmg]\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an argument: its text without quotes, and its place."""

    text: str
    span: Span

    @property
    def origin(self) -> Origin:
        """Its place as an origin."""
        return Origin(self.span)

    def split(self, mark: str, most: int = -1) -> tuple["Piece", ...]:
        """Its parts between `mark`; each has its own place unless quotes blur the columns."""
        if mark not in self.text:
            return (self,)
        exact = self.span.end - self.span.start == len(self.text)
        parts = []
        at = self.span.start
        for text in self.text.split(mark, most):
            span = Span(self.span.file, at, at + len(text)) if exact else self.span
            parts.append(Piece(text, span))
            at += len(text) + len(mark)
        return tuple(parts)

    def after(self, head: str) -> "Piece":
        """What follows `head`, which it begins with."""
        exact = self.span.end - self.span.start == len(self.text)
        start = self.span.start + len(head) if exact else self.span.start
        return Piece(self.text[len(head) :], Span(self.span.file, start, self.span.end))


def piece_of(token: Token) -> Piece:
    """The whole of a word."""
    return Piece(token.value, token.span)


def address_in(piece: Piece, faults: Faults) -> Amount:
    """An address: hexadecimal unless it has `0d` or a K/M/G suffix."""
    amount = _amount(piece, read_qvm_address, "an address", faults)
    if (
        isinstance(amount, int)
        and piece.text.isalnum()
        and not piece.text.startswith(("0x", "0X", "0d", "0D"))
    ):
        decimal = int(piece.text) if piece.text.isdigit() else None
        if piece.text[-1] not in "kKmMgG" and decimal != amount:
            faults.append(
                BARE_NUMBER.at(
                    piece.span,
                    f"`{piece.text}` is read as {hex_address(amount)}: without prefix it is hexadecimal",
                    notes=("qvm accepts this silently",),
                    helps=(f"write `{hex_address(amount)}`",),
                )
            )
    return amount


def length_in(piece: Piece, faults: Faults) -> Amount:
    """A length: decimal unless it has `0x`; K, M and G are binary."""
    amount = _amount(piece, read_qvm_length, "a length", faults)
    if isinstance(amount, int) and piece.text.isdigit() and len(piece.text) > 1:
        faults.append(
            BARE_NUMBER.at(
                piece.span,
                f"`{piece.text}` is read as {amount} bytes: a length without prefix is decimal",
                notes=("qvm accepts this silently",),
                helps=(f"write `{hex_address(amount)}` or `0x{piece.text}`, whichever is meant",),
            )
        )
    return amount


def number_in(piece: Piece, faults: Faults) -> Amount:
    """Any other number: decimal, or `0x` hexadecimal."""
    return _amount(piece, read_number, "a number", faults)


def _amount(piece: Piece, reader: Callable[[str], int | None], what: str, faults: Faults) -> Amount:
    text = piece.text
    if has_unknown_part(text):
        return symbolic(text)
    value = reader(text)
    if value is None and _CAPITAL_PREFIX.match(text):
        value = reader(text[0] + text[1].lower() + text[2:])
        if value is not None:
            faults.append(_undocumented(piece, f"the prefix `{text[:2]}`", value))
    elif value is not None and _HEX_SUFFIXED.match(text):
        faults.append(_undocumented(piece, "a hexadecimal number with a suffix", value))
    if value is None:
        faults.append(_not_a_number(piece, what))
        return Opaque(text)
    return value


def symbolic(text: str) -> Amount:
    """What a number with a substitution or a marker is known as."""
    if (match := _START.match(text)) is not None:
        return AsinfoStart(match[1])
    if (match := _LENGTH.match(text)) is not None:
        return AsinfoLength(match[1])
    return Opaque(text)


def _undocumented(piece: Piece, what: str, value: int) -> Diagnostic:
    return ODD_NUMBER.at(
        piece.span,
        f"{what} is not a documented notation; read as {hex_address(value)}",
        helps=(f"write `{hex_address(value)}`",),
    )


def _not_a_number(piece: Piece, what: str) -> Diagnostic:
    text = shown(piece.text)
    digits = piece.text.lower().removeprefix("0x")
    helps: tuple[str, ...] = ()
    if "_" in text:
        helps = (f"write `{text.replace('_', '')}`",)
    elif text.lower().endswith(("kib", "mib", "gib", "kb", "mb", "gb")):
        helps = (f"the suffixes are K, M and G: `{text.rstrip('bBiI')}`",)
    elif what != "an address" and digits and not digits.strip("0123456789abcdef"):
        helps = (f"without a prefix it is decimal: write `0x{digits}` for hexadecimal",)
    too_large = digits and not digits.strip("0123456789abcdef") and int(digits, 16) >= LIMIT_64
    reason = f"`{text}` does not fit 64 bits" if too_large else f"`{text}` is not {what}"
    return BAD_NUMBER.at(piece.span, f"{reason}; qvm refuses this", helps=() if too_large else helps)
