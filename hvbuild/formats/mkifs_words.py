"""The tokenizer of mkifs: words with quotes, escapes and `${NAME}`, each with its place in the file.

Follows `tokenize` and `rgetenv` of the mkifs source (6.4 era); its messages are the same in SDP 8.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

SPEC_SPACE = " \t=\r"
SCRIPT_SPACE = " \t\r"
GROUP_SPACE = " \t\n\r"
# Where the scan for the end of a variable stops (mkifs source, `tokenize`).
_VARIABLE_STOP = re.compile(r"[$\]\[/\\ \n\t}]")
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Layer:
    """A text to tokenize and where each of its characters, and its end, stands in the file."""

    file: SourceFile
    text: str
    places: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        """The stretch of the file that `text[start:end]` came from."""
        if end <= start:
            return Span(self.file, self.places[start], self.places[start])
        return Span(self.file, self.places[start], self.places[end - 1] + 1)


def file_layer(file: SourceFile) -> Layer:
    """The whole file as it stands."""
    return Layer(file, file.text, range(len(file.text) + 1))


@dataclass(frozen=True, slots=True)
class Variable:
    """A `${NAME}` that mkifs replaces while it tokenizes."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One token: its text in pieces, quotes and escapes removed, variables left standing.

    `continued` says that a backslash swallowed a line end inside it, `open` that its last quote stays open.
    """

    span: Span
    pieces: tuple[str | Variable, ...]
    quoted: bool = False
    continued: bool = False
    open: bool = False

    @property
    def text(self) -> str:
        """The text of the token; a variable shows as `${NAME}`."""
        return "".join(piece if isinstance(piece, str) else f"${{{piece.name}}}" for piece in self.pieces)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables it refers to."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Variable))

    def expanded(self, values: Mapping[str, str]) -> str:
        """The text with variables replaced as mkifs does: values again expanded, an unknown one empty."""
        return "".join(
            piece if isinstance(piece, str) else _value(piece.name, values, 0) for piece in self.pieces
        )

    def resolved(self, values: Mapping[str, str]) -> str:
        """The text with those variables replaced that `values` knows; others stay as `${NAME}`."""
        return "".join(
            piece
            if isinstance(piece, str)
            else _value(piece.name, values, 0)
            if piece.name in values
            else f"${{{piece.name}}}"
            for piece in self.pieces
        )

    @property
    def byte_count(self) -> int:
        """The bytes that the token takes in mkifs' buffer, its terminator included."""
        return len(self.text.encode("utf-8", "surrogateescape")) + 1


def _value(name: str, values: Mapping[str, str], depth: int) -> str:
    if depth > _MAX_DEPTH:
        return ""
    return re.sub(r"\$\{([^{}]*)\}", lambda match: _value(match[1], values, depth + 1), values.get(name, ""))


def read_words(layer: Layer, at: int, space: str, end: str) -> tuple[tuple[Word, ...], int]:
    """The words from `at` up to the unquoted character `end` or the end of the text, and where that is."""
    text = layer.text
    words: list[Word] = []
    while at < len(text) and text[at] != end:
        if text[at] in space:
            at += 1
        elif text[at] == "#":
            line_end = text.find("\n", at)
            at = line_end if line_end >= 0 else len(text)
        else:
            word, at = _read_word(layer, at, space, end)
            words.append(word)
    return tuple(words), at


@cache
def _plain(space: str, end: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    outside = re.compile(f'[^{re.escape(space + end)}\\\\$"]+')
    inside = re.compile(f'[^{re.escape(end)}\\\\"]+')
    return outside, inside


def _read_word(layer: Layer, start: int, space: str, end: str) -> tuple[Word, int]:
    text, at = layer.text, start
    outside, inside = _plain(space, end)
    escapable = {"\\", "\n", "$", '"', end}
    pieces: list[str | Variable] = []
    quoting = quoted = continued = False
    while at < len(text):
        run = (inside if quoting else outside).match(text, at)
        if run:
            pieces.append(run[0])
            at = run.end()
            continue
        char, following = text[at], text[at + 1 : at + 2] or "\n"
        if char in space and not quoting:
            break
        if char == "\\" and following in escapable:
            continued = continued or following == "\n"
            pieces.append("" if following == "\n" else following)
            at = min(at + 2, len(text))
        elif char == "$":
            # Inside quotes a `$` is part of the run above: mkifs expands nothing there.
            piece, at = _read_variable(layer, at)
            pieces.append(piece)
        elif char == '"':
            quoting, quoted, at = not quoting, True, at + 1
        elif char == end and (not quoting or end == "\n"):
            break
        else:
            pieces.append(char)
            at += 1
    word = Word(
        span=layer.span(start, at), pieces=_joined(pieces), quoted=quoted, continued=continued, open=quoting
    )
    return word, at


def _read_variable(layer: Layer, at: int) -> tuple[str | Variable, int]:
    """`${NAME}` as a variable; everything else that starts with `$` is literal, as mkifs leaves it."""
    text = layer.text
    found = _VARIABLE_STOP.search(text, at + 1)
    stop = found.start() if found else len(text)
    closed = found is not None and found[0] == "}"
    chunk = text[at:stop]
    after = stop + 1 if closed else stop
    if not chunk.startswith("${"):
        return chunk, after
    if not closed:
        # `${A${B}}`: the inner `$` stops the scan and the name is left as plain text.
        return chunk[2:], after
    return Variable(chunk[2:], layer.span(at, after)), after


def _joined(pieces: list[str | Variable]) -> tuple[str | Variable, ...]:
    result: list[str | Variable] = []
    for piece in pieces:
        if isinstance(piece, str) and result and isinstance(result[-1], str):
            result[-1] += piece
        elif piece != "":
            result.append(piece)
    return tuple(result)
