"""A cache of parsed trees: what a text of YAML said does not change until its bytes or hvbuild do.

One file per tree: the digest of the rest on the first line, then JSON (never pickle: a shared cache cannot
run code). Written beside its place and renamed, so that any number of processes may use one folder. A cache
that cannot be read or written, or holds anything unexpected, is as good as none.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from hvbuild.load.scalars import Oddity, read_plain
from hvbuild.load.tree import Entry, Kind, Mapping, Node, Scalar, Sequence
from hvbuild.load.yamltree import Reading
from hvbuild.source import SourceFile, Span
from hvbuild.store import digest, write_file
from hvbuild.values import dataclass
from hvbuild.version import __version__

# Raised when the layout below or the meaning of a tree changes within one version.
_LAYOUT = 1
_MOST_FILES = 512
# Aliases can make a tree far larger than its text; such a tree is parsed again instead.
_MOST_CHARACTERS = 8_000_000
_PLAIN, _AS_WRITTEN, _GIVEN, _ABSENT, _MAPPING, _SEQUENCE = range(6)


@dataclass(frozen=True, slots=True)
class ParseCache:
    """Trees by the digest of tool version and bytes, in a folder that need not exist."""

    folder: Path
    version: str = __version__

    def find(self, data: bytes, path: str) -> Reading | None:
        """The reading of the file `path` that holds `data`, or None where it is not held whole."""
        try:
            seal, _, body = self._place(data).read_bytes().partition(b"\n")
            if seal.decode() != digest(body):
                return None
            file = SourceFile(path, data.decode())
            root = _node(json.loads(body), file)
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            return None
        return Reading(file=file, root=root) if isinstance(root, Mapping) else None

    def keep(self, data: bytes, reading: Reading) -> None:
        """Hold a reading without faults; whatever stands in the way is ignored."""
        if reading.root is None or reading.faults:
            return
        body = json.dumps(_layout(reading.root), ensure_ascii=False, separators=(",", ":"))
        if len(body) > _MOST_CHARACTERS:
            return
        encoded = body.encode()
        with suppress(OSError):
            place = self._place(data)
            place.parent.mkdir(parents=True, exist_ok=True)
            _make_room(place.parent)
            write_file(place, digest(encoded).encode() + b"\n" + encoded)

    def _place(self, data: bytes) -> Path:
        key = digest(f"{self.version}/{_LAYOUT}\0".encode() + data)
        return self.folder / "trees" / f"{key}.json"


def _make_room(folder: Path) -> None:
    held = list(folder.iterdir())
    if len(held) < _MOST_FILES:
        return
    dated = []
    for path in held:
        # Another process may have removed it since.
        with suppress(OSError):
            dated.append((path.stat().st_mtime_ns, path.name, path))
    for _, _, path in sorted(dated)[: _MOST_FILES // 2]:
        path.unlink(missing_ok=True)


def _layout(node: Node) -> list[Any]:
    """`[start, end, what, content, replaced…]`, cut after the last thing that is not the default."""
    span = node.span
    replaced = [offset for place in node.replaced for offset in (place.start, place.end)]
    if isinstance(node, Mapping):
        inner: list[Any] = []
        for entry in node:
            inner += (entry.key, entry.key_span.start, entry.key_span.end, _layout(entry.node))
        return [span.start, span.end, _MAPPING, inner, *replaced]
    if isinstance(node, Sequence):
        return [span.start, span.end, _SEQUENCE, [_layout(item) for item in node.items], *replaced]
    assert isinstance(node, Scalar)
    if replaced or (node.kind is Kind.TEXT and node.text != span.text):
        return [span.start, span.end, _GIVEN, [node.text, node.kind, node.value], *replaced]
    if node.kind is Kind.TEXT:
        return [span.start, span.end]
    return [span.start, span.end, _AS_WRITTEN if node.text else _ABSENT]


def _node(held: Any, file: SourceFile) -> Node:
    span = Span(file, held[0], held[1])
    what = held[2] if len(held) > 2 else _PLAIN
    if what == _PLAIN:
        text = file.text[span.start : span.end]
        return Scalar(text, Kind.TEXT, text, span)
    if what == _AS_WRITTEN:
        text = file.text[span.start : span.end]
        found = read_plain(text)
        if isinstance(found, Oddity):
            raise ValueError(text)
        return Scalar(text, found[0], found[1], span)
    if what == _ABSENT:
        return Scalar("", Kind.NULL, None, span)
    replaced = tuple(Span(file, held[at], held[at + 1]) for at in range(4, len(held), 2))
    if what == _GIVEN:
        text, kind, value = held[3]
        return Scalar(text, Kind(kind), value, span, replaced)
    if what == _SEQUENCE:
        return Sequence(tuple(_node(item, file) for item in held[3]), span, replaced)
    inner = held[3]
    entries = {
        inner[at]: Entry(inner[at], Span(file, inner[at + 1], inner[at + 2]), _node(inner[at + 3], file))
        for at in range(0, len(inner), 4)
    }
    return Mapping(entries, span, replaced)
