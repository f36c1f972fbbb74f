"""The command line of qvm: words of the same grammar, where `@FILE` means the text of a file."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from hvbuild.catalog import Catalog
from hvbuild.formats.qvmconf import Document, document_of, read_qvmconf
from hvbuild.formats.qvmconf_tokens import Token, is_marker, tokens_of
from hvbuild.source import SourceFile


def files_named(command: SourceFile) -> tuple[str, ...]:
    """The paths that the command line reads, in order, as it spells them."""
    return tuple(token.value[1:] for token in _words(command) if _is_file(token))


def read_command(
    command: SourceFile, files: Mapping[str, SourceFile], catalog: Catalog
) -> tuple[Document, ...]:
    """The documents of one VM: each file, and each run of words between files, in order; one without words
    where the command line has none.

    `files` holds every path of `files_named`. An argument must stand in the file of its option, so a run of
    words ends where a file is named.
    """
    documents: list[Document] = []
    for is_file, tokens in _runs(command):
        if is_file:
            for token in tokens:
                file = files[token.value[1:]]
                documents.append(read_qvmconf(file, catalog, continued=bool(documents)))
        else:
            documents.append(document_of(command, tokens, catalog, continued=bool(documents)))
    return tuple(documents) or (document_of(command, (), catalog),)


def _runs(command: SourceFile) -> Iterator[tuple[bool, tuple[Token, ...]]]:
    for is_file, tokens in groupby(_words(command), key=_is_file):
        yield is_file, tuple(tokens)


def _words(command: SourceFile) -> tuple[Token, ...]:
    """The words without the program's own name and the shell's `&`."""
    words = tokens_of(command)
    if words and words[0].value.rsplit("/", 1)[-1] == "qvm":
        words = words[1:]
    return words[:-1] if words and words[-1].value == "&" else words


def _is_file(token: Token) -> bool:
    return token.value.startswith("@") and len(token.value) > 1 and not is_marker(token.value)
