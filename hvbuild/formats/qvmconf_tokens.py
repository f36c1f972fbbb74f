"""Words of a qvmconf text: cut by one regular expression over the whole stream, each with its place.

Line breaks mean nothing to qvm; a quote may begin inside a word and run over lines; `#` ends a word and
starts a comment anywhere outside quotes. What lies between two words is a gap; gaps and words together are
the text, byte for byte.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hvbuild.diagnostics import Diagnostic, Label, Severity
from hvbuild.formats.qvmconf_codes import (
    CARRIAGE_RETURN,
    HASH_QUOTED,
    LINE_BREAK_QUOTED,
    MARKER,
    ODD_CHARACTER,
    OPEN_QUOTE,
    UNKNOWN_SUBSTITUTION,
)
from hvbuild.source import SourceFile, Span

# White space is what C's isspace() knows; anything else, a no-break space included, is part of a word.
_WORDS = re.compile(
    r"""\#[^\n]*                                  # a comment, to the end of its line
      | (?P<word>(?:[^ \t\r\n\v\f"\#]++           # plain characters,
                 | "[^"]*"                        # quoted text, anywhere in the word,
                 | (?P<open>"[^"]*\Z) )++)        # or a quote that nothing closes
    """,
    re.VERBOSE,
)
_QUOTED = re.compile(r'"([^"]*)"?')
_CONTINUED = re.compile(r"\\\r?\n")
_LINE_END = re.compile(r"\r?\n")
_MARKER = re.compile(r"@[A-Za-z_][A-Za-z0-9_]*@")
_SUBSTITUTION = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)\{([^}\"]*)(\}?)")
_ODD = re.compile("[\x00-\x08\x0e-\x1f\x7f\xa0\u2028\u2029\ufeff\ud800-\udfff]")
_LONGEST_SHOWN = 60
_KNOWN_SUBSTITUTIONS = ("env", "asinfo_start", "asinfo_length")


class Token(NamedTuple):
    """One word: where it stands, and its value with the quotes taken off."""

    file: SourceFile
    start: int
    end: int
    value: str

    @property
    def span(self) -> Span:
        """Its place."""
        return Span(self.file, self.start, self.end)

    @property
    def raw(self) -> str:
        """What is written, quotes included."""
        return self.file.text[self.start : self.end]

    @property
    def quoted(self) -> bool:
        """True when quotes are part of it."""
        return '"' in self.raw


def tokens_of(file: SourceFile) -> tuple[Token, ...]:
    """The words of `file` in order; a quote without end takes the rest of the text."""
    text = file.text
    make = Token._make
    words = []
    for match in _WORDS.finditer(text):
        raw = match["word"]
        if raw is not None:
            value = _unquoted(raw) if '"' in raw else raw
            words.append(make((file, match.start(), match.end(), value)))
    return tuple(words)


def gaps_of(file: SourceFile, tokens: Sequence[Token]) -> Iterator[str]:
    """What stands before each word and after the last one: white space and comments."""
    at = 0
    for token in tokens:
        yield file.text[at : token.start]
        at = token.end
    yield file.text[at:]


def is_marker(value: str) -> bool:
    """True when the whole word is one template marker."""
    return _MARKER.fullmatch(value) is not None


def has_unknown_part(value: str) -> bool:
    """True when the word holds something that is only known later: a substitution or a marker."""
    return "$" in value or ("@" in value and _MARKER.search(value) is not None)


def shown(text: str) -> str:
    """`text` for a message: at most 60 characters, those that do not print as escapes."""
    short = text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")


def odd_character(value: str) -> str:
    """`U+00A0`: the first character that looks like white space, or like nothing, and is part of the word."""
    match = _ODD.search(value)
    if match is None:
        return ""
    point = ord(match[0])
    if point == 0xFEFF:
        return "U+FEFF, a byte-order mark: save the file without it"
    return "a byte that is not UTF-8" if 0xD800 <= point <= 0xDFFF else f"U+{point:04X}"


def text_faults(file: SourceFile, tokens: Sequence[Token]) -> Iterator[Diagnostic]:
    """What is odd about the text itself, whatever the words mean."""
    text = file.text
    if '"' in text:
        yield from _quote_faults(tokens)
    if "\r" in text:
        at = text.index("\r")
        pairs = text.count("\r\n")
        alone = text.count("\r") - pairs
        what = f"{pairs} line{'s' * (pairs != 1)} end{'s' * (pairs == 1)} with CR LF" if pairs else ""
        what += f"{' and ' * bool(pairs)}{alone} CR stand{'s' * (alone == 1)} alone" if alone else ""
        message = f"{what}; qvm's reaction to CR is not documented"
        yield CARRIAGE_RETURN.at(Span(file, at, at + 1), message, helps=("save the file with LF line ends",))
    if "@" in text:
        yield from _marker_fault(tokens)
    if "$" in text:
        yield from _substitution_faults(tokens)
    if not text.isascii() or _ODD.search(text):
        yield from _odd_characters(tokens)


def _unquoted(raw: str) -> str:
    """The value of a word: a line end inside quotes is white space to whoever reads the text."""
    return _QUOTED.sub(lambda match: _LINE_END.sub(" ", _CONTINUED.sub("", match[1])), raw)


def _quote_faults(tokens: Sequence[Token]) -> Iterator[Diagnostic]:
    broken: Token | None = None
    for token in tokens:
        raw = token.raw
        if '"' not in raw:
            continue
        if raw.count('"') % 2:
            yield _open_quote(token, broken)
            continue
        if "\n" in raw:
            broken = broken or token
            yield _line_break(token)
        if "#" in raw:
            at = token.start + raw.index("#")
            yield HASH_QUOTED.at(
                Span(token.file, at, at + 1),
                "`#` inside quotes is taken as text here; the manual does not say that qvm does",
                notes=("qvm accepts this silently, perhaps as the start of a comment",),
            )


def _open_quote(token: Token, broken: Token | None) -> Diagnostic:
    at = token.start + token.raw.rindex('"')
    others = (
        (Label(broken.span, "this text runs over a line end: its quote may be the one"),) if broken else ()
    )
    return OPEN_QUOTE.at(
        Span(token.file, at, at + 1),
        "this quote is never closed; qvm refuses the file or takes the rest of it as text",
        others=others,
        helps=('close it with `"`; no way to write a quote inside quotes is documented',),
    )


def _line_break(token: Token) -> Diagnostic:
    how = "a backslash and a line end" if _CONTINUED.search(token.raw) else "a line end"
    return LINE_BREAK_QUOTED.at(
        token.span,
        f"{how} inside quotes: read here as if the text went on in one line",
        notes=("qvm accepts this silently; whether it keeps the characters is not documented",),
        helps=("write the text on one line",),
    )


def _marker_fault(tokens: Sequence[Token]) -> Iterator[Diagnostic]:
    held = [(token, match) for token in tokens if "@" in token.value for match in _MARKER.finditer(token.raw)]
    if held:
        token, match = held[0]
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        yield MARKER.at(
            Span(token.file, token.start + match.start(), token.start + match.end()),
            f"`{match[0]}`{more} must be replaced before qvm reads this file",
            notes=("values that hold a marker are not checked",),
        )


def _substitution_faults(tokens: Sequence[Token]) -> Iterator[Diagnostic]:
    for token in tokens:
        if "$" not in token.value:
            continue
        for match in _SUBSTITUTION.finditer(token.raw):
            place = Span(token.file, token.start + match.start(), token.start + match.end())
            if match[1] not in _KNOWN_SUBSTITUTIONS:
                yield UNKNOWN_SUBSTITUTION.at(
                    place,
                    f"`${match[1]}{{}}` is not a substitution that qvm documents",
                    helps=("known are `$env{}`, `$asinfo_start{}` and `$asinfo_length{}`",),
                )
            elif not match[2] or not match[3]:
                missing = "is not closed: `}` is missing" if match[2] else "names nothing"
                yield UNKNOWN_SUBSTITUTION.at(place, f"`{match[0]}` {missing}")
            elif match[1] != "env" and "/" in match[2]:
                yield UNKNOWN_SUBSTITUTION.at(
                    place,
                    f"`{match[2]}` is a path; qvm looks for an asinfo entry of this very name",
                    helps=(f"write the last part alone: `{match[2].rsplit('/', 1)[-1]}`",),
                    severity=Severity.ERROR,
                )


def _odd_characters(tokens: Sequence[Token]) -> Iterator[Diagnostic]:
    for token in tokens:
        what = odd_character(token.raw)
        match = _ODD.search(token.raw)
        if match is not None:
            at = token.start + match.start()
            yield ODD_CHARACTER.at(Span(token.file, at, at + 1), f"{what} stands here as part of a word")
