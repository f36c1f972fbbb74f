"""Vendor trees with macros and includes, made plain by the C preprocessor where all that they need is given.

What comes out is the memory side of a whole tree, with places in the files that people keep. Where a file is
missing, or the extra `vendor-dts` is, the trees stand as their own reader understands them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from hvbuild.formats.dts import read_dts
from hvbuild.formats.dts_nodes import DtDocument
from hvbuild.formats.preprocess import Preprocessed, preprocess
from hvbuild.meaning.devicetree import tree_memory
from hvbuild.model.tree import TreeMemory, TreeRegion
from hvbuild.source import Origin, SourceFile, Span, origin_at

_SUFFIXED = re.compile(r'"(?:\\.|[^"\\])*"|\b(0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]+\b')
# Of a file that another one includes: what it holds is told there.
_ELSEWHERE = TreeMemory(complete=False)


def tree_memories(
    documents: Sequence[DtDocument], headers: Iterable[SourceFile], constants: Mapping[str, int]
) -> tuple[TreeMemory, ...]:
    """What each document says of host memory, in their order; a region is told by one of them."""
    files = {document.file.path: document.file for document in documents}
    files |= {file.path: file for file in headers}
    alone = {document.file.path: tree_memory(document, constants) for document in documents}
    memories = dict(alone)
    for document in documents:
        plain = _plain(document, files)
        if plain is None:
            continue
        path = document.file.path
        parts = sorted(plain.included & alone.keys())
        memories |= dict.fromkeys(parts, _ELSEWHERE)
        memories[path] = _with_undecided(
            _read(plain, files, path, constants), [alone[name] for name in (path, *parts)]
        )
    return tuple(memories[document.file.path] for document in documents)


def _plain(document: DtDocument, files: Mapping[str, SourceFile]) -> Preprocessed | None:
    """The whole tree that begins with `document`; None for a part of one, and where something is missing."""
    if document.version is None or document.is_plain or document.errors:
        return None
    others = {path: file.text for path, file in files.items() if path != document.file.path}
    found = preprocess(document.file.text, document.file.path, others)
    return found if isinstance(found, Preprocessed) else None


def _read(
    plain: Preprocessed, files: Mapping[str, SourceFile], path: str, constants: Mapping[str, int]
) -> TreeMemory:
    # Headers shared with C code give their numbers suffixes that dtc does not know.
    text = _SUFFIXED.sub(lambda match: match[1] or match[0], plain.text)
    # What no file includes may still be given to the compiler by name: `constants`, and macros for regions.
    memory = tree_memory(read_dts(text, path, constants), constants)
    return _moved(memory, lambda span: _kept_place(span, plain, files))


def _kept_place(span: Span, plain: Preprocessed, files: Mapping[str, SourceFile]) -> Span:
    """Where what stands at `span` of the plain text was written: these words on its line, or that line."""
    name, number = plain.lines[min(span.line, len(plain.lines)) - 1]
    file = files.get(name)
    if file is None:
        return span
    line = file.line(number)
    start = sum(len(each) for each in file.text.splitlines(keepends=True)[: number - 1])
    words = span.text.splitlines()[0] if span.text else ""
    at = line.find(words) if words else -1
    if at >= 0:
        return Span(file, start + at, start + at + len(words))
    text = line.strip()
    return Span(file, start + line.find(text), start + line.find(text) + len(text))


def _moved(memory: TreeMemory, place: Callable[[Span], Span]) -> TreeMemory:
    """`memory` with each of its places put through `place`."""

    def moved(origin: Origin) -> Origin:
        return origin_at(place(origin.span)) if origin.span is not None else origin

    return replace(
        memory,
        banks=tuple(replace(bank, origin=moved(bank.origin)) for bank in memory.banks),
        regions=tuple(
            replace(region, origin=moved(region.origin), place_origin=moved(region.place_origin))
            for region in memory.regions
        ),
        order=tuple(replace(item, origin=moved(item.origin)) for item in memory.order),
        origin=moved(memory.origin),
    )


def _with_undecided(plain: TreeMemory, parts: Iterable[TreeMemory]) -> TreeMemory:
    """`plain`, and what stands in its parts under conditions that the preprocessor took as not met."""
    return replace(plain, regions=(*plain.regions, *_undecided(plain, parts)))


def _undecided(plain: TreeMemory, parts: Iterable[TreeMemory]) -> Iterator[TreeRegion]:
    for region in (region for part in parts for region in part.regions):
        if region.guard and not any(plain.region(name) for name in region.names):
            yield region
