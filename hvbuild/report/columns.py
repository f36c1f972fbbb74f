"""Source text as it appears on a terminal: tabs, wide, combining and control characters, and clipping."""

import unicodedata
from dataclasses import dataclass

TAB = "    "
# Longest stretch of one source line that is shown; the rest is cut, with `...` at the cut.
WIDEST = 100
_CUT = "..."
_BEFORE = 20


def width(text: str) -> int:
    """How many terminal columns `text` takes (Unicode Standard Annex 11: W and F take two)."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(_char_width(char) for char in text)


def visible(text: str) -> str:
    """`text` with every character that would move the cursor or reorder the line spelled out."""
    if text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _shown(char: str) -> str:
    if char.isprintable() or char in "\u200d\ufe0f":
        return char
    if char == "\t":
        return TAB
    if unicodedata.category(char) == "Zs":
        return " " * _char_width(char)
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A source line as shown; `columns[i]` is the terminal column (from 0) where its character i starts."""

    text: str
    columns: tuple[int, ...]

    def column(self, index: int) -> int:
        """The terminal column of character `index` (from 0); past the end, that many columns after it."""
        last = len(self.columns) - 1
        return self.columns[index] if index <= last else self.columns[last] + index - last


def show_line(text: str) -> ShownLine:
    """`text` with tabs expanded and control characters spelled out, and where each character went."""
    text = text.rstrip()
    if text.isascii() and text.isprintable():
        return ShownLine(text, tuple(range(len(text) + 1)))
    pieces: list[str] = []
    columns = [0]
    for char in text:
        piece = _shown(char)
        pieces.append(piece)
        columns.append(columns[-1] + width(piece))
    return ShownLine("".join(pieces), tuple(columns))


def clip(line: ShownLine, first: int, last: int) -> tuple[str, int]:
    """At most WIDEST columns of `line` around columns `first` to `last`, and what to subtract from a column.

    A cut is marked `...`; a stretch that is itself too wide is shown from its start.
    """
    end = line.columns[-1]
    if end <= WIDEST:
        return line.text, 0
    start = 0 if last <= WIDEST - len(_CUT) else max(0, first - _BEFORE)
    stop = min(end, start + WIDEST)
    text = _between(line.text, start, stop)
    if start:
        text = _CUT + _between(text, len(_CUT), width(text))
    if stop < end:
        text = _between(text, 0, width(text) - len(_CUT)) + _CUT
    return text, start


def _between(text: str, start: int, stop: int) -> str:
    """The part of `text` from column `start` to `stop`; a wide character cut in half becomes a blank."""
    pieces: list[str] = []
    at = 0
    for char in text:
        after = at + _char_width(char)
        if start <= at and after <= stop:
            pieces.append(char)
        elif at < stop and after > start:
            pieces.append(" " * (min(after, stop) - max(at, start)))
        at = after
    return "".join(pieces)
