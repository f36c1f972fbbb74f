"""A qvmconf text as a document: its words, its entries, and what is wrong with them as text.

Reading loses nothing: `print_qvmconf` gives the same text back. The catalogue tells how many arguments an
option takes and which context it belongs to; what entries mean together is not asked here.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from typing import NamedTuple

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.qvmconf_codes import ODD_CHARACTER, UNKNOWN_OPTION
from hvbuild.formats.qvmconf_entries import GLOBAL, Entry, EntryReader
from hvbuild.formats.qvmconf_tokens import Token, gaps_of, text_faults, tokens_of
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

_COMMENT = re.compile(r"#[^\n]*")


class Comment(NamedTuple):
    """A comment: its place, its words without `#`, and the entry it speaks of.

    That is the entry before it in its line (`trailing`) or the next one; None after the last entry.
    """

    span: Span
    text: str
    trailing: bool
    entry: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One file: every word, the entries they form, and the faults of the text."""

    file: SourceFile
    tokens: tuple[Token, ...]
    entries: tuple[Entry, ...]
    faults: tuple[Diagnostic, ...]

    def context_of(self, entry: Entry) -> Entry | None:
        """The entry that opened the context of a sub-option, or None."""
        return self.entries[entry.opener] if entry.opener != GLOBAL else None


def read_qvmconf(file: SourceFile, catalog: Catalog, *, continued: bool = False) -> Document:
    """The document that `file` spells; `continued` says that files of the same VM precede it."""
    return document_of(file, tokens_of(file), catalog, continued=continued)


def document_of(
    file: SourceFile, tokens: tuple[Token, ...], catalog: Catalog, *, continued: bool = False
) -> Document:
    """The document of some words of `file`: all of them, or a run of a command line."""
    reader = EntryReader(tokens, catalog, continued=continued)
    entries = reader.read()
    refused = {fault.primary.span for fault in reader.faults if fault.code == UNKNOWN_OPTION.code}
    odd = (fault for fault in text_faults(file, tokens) if not _explained(fault, refused))
    return Document(file, tokens, entries, (*odd, *reader.faults))


def _explained(fault: Diagnostic, refused: Collection[Span]) -> bool:
    """True for an odd character inside a word that is refused as an option, which names it already."""
    place = fault.primary.span
    return fault.code == ODD_CHARACTER.code and any(
        span.start <= place.start and place.end <= span.end for span in refused
    )


def print_qvmconf(document: Document) -> str:
    """The text of `document`: each gap and each word in turn."""
    parts: list[str] = []
    words = iter(document.tokens)
    for gap in gaps_of(document.file, document.tokens):
        parts.append(gap)
        parts.extend(token.raw for token in (next(words, None),) if token is not None)
    return "".join(parts)


def comments_of(document: Document) -> Iterator[Comment]:
    """The comments of a whole file, in order."""
    starts = [entry.span.start for entry in document.entries]
    at = 0
    text = document.file.text
    for gap in gaps_of(document.file, document.tokens):
        for match in _COMMENT.finditer(gap):
            start = at + match.start()
            following = bisect_left(starts, start)
            line = text.rfind("\n", 0, start) + 1
            trailing = following > 0 and _holds_word(document, line, start)
            entry = following - 1 if trailing else following
            words = match[0][1:].rstrip("\r")
            span = Span(document.file, start, start + len(match[0]))
            yield Comment(span, words.strip(), trailing, entry if entry < len(starts) else None)
        at += len(gap)
        at = _after_word(document, at)


def _holds_word(document: Document, start: int, end: int) -> bool:
    """True when a word ends between `start` and `end`."""
    index = bisect_left(document.tokens, end, key=lambda token: token.start)
    return index > 0 and document.tokens[index - 1].end > start


def _after_word(document: Document, at: int) -> int:
    index = bisect_left(document.tokens, at, key=lambda token: token.start)
    return document.tokens[index].end if index < len(document.tokens) else at
