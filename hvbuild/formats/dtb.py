"""Flattened devicetrees: plain source to blob, blob to tree, without any system package.

`devicetree` (dtlib) reads the source, `fdt` writes and reads blobs; this is the only importer of both. Blobs
are those of dtc 1.6, byte for byte: header version 17, last compatible version 16.
"""

from collections.abc import Iterator
from typing import Any, NoReturn

import fdt
from devicetree import dtlib

from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class BlobNode:
    """A node of a blob: its name (empty for the root), properties as raw bytes, children, all in order."""

    name: str
    properties: tuple[tuple[str, bytes], ...] = ()
    children: tuple["BlobNode", ...] = ()

    def value(self, name: str) -> bytes | None:
        """The bytes of property `name`, or None."""
        return next((data for key, data in self.properties if key == name), None)

    def child(self, name: str) -> "BlobNode | None":
        """The child called `name`, or None."""
        return next((node for node in self.children if node.name == name), None)

    def at(self, path: str) -> "BlobNode | None":
        """The node at `path` (`/a/b`), this node being the root, or None."""
        node: BlobNode | None = self
        for name in path.strip("/").split("/"):
            node = node.child(name) if node and name else node
        return node

    def walk(self, path: str = "") -> Iterator[tuple[str, "BlobNode"]]:
        """Every node with its path, parents first."""
        yield path or "/", self
        for node in self.children:
            yield from node.walk(f"{path}/{node.name}")


@dataclass(frozen=True, slots=True)
class Blob:
    """A whole flattened tree: the root and the memory reservations (address, length)."""

    root: BlobNode
    reserves: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class NotATree:
    """Why a text or a blob could not be read; `line` counts from 1, 0 when there is none."""

    message: str
    line: int = 0


class _Named(str):
    """A property's name that `fdt` takes as it is: it leaves out names with an ending of its own use."""

    __slots__ = ()

    def endswith(self, *_: Any) -> bool:
        return False


def write_dtb(blob: Blob) -> bytes:
    """The bytes of `blob`, as dtc writes them. The shared defaults of `fdt` objects are kept out of it."""
    entries = [{"address": address, "size": length} for address, length in blob.reserves]
    tree = fdt.FDT(entries=entries)
    tree.header.version = 17
    tree.header.last_comp_version = 16
    tree.root = _fdt_node("/", blob.root)
    return bytes(tree.to_dtb())


def _fdt_node(name: str, node: BlobNode) -> Any:
    made = fdt.Node(name)
    for key, data in node.properties:
        name = _Named(key)
        made.append(fdt.PropBytes(name, data=data) if data else fdt.Property(name))
    for child in node.children:
        made.append(_fdt_node(child.name, child))
    return made


def read_dtb(data: bytes) -> Blob | NotATree:
    """The tree of a blob with every property as raw bytes, or why it is none."""
    # `fdt` collects reservations in a list that all its objects share.
    fdt.FDT().entries.clear()
    try:
        tree = fdt.parse_dtb(data)
        root = _blob_node("", tree.root) if tree.root is not None else None
    except Exception as error:
        # The reader raises whatever a broken blob leads it into: struct.error, IndexError, bare Exception.
        return NotATree(f"not a flattened devicetree: {error}")
    if root is None:
        return NotATree("not a flattened devicetree: no root node")
    entries = tuple((entry["address"], entry["size"]) for entry in tree.entries)
    tree.entries.clear()
    return Blob(root, entries)


def _blob_node(name: str, node: Any) -> BlobNode:
    properties = []
    for prop in node.props:
        raw, _, _ = prop.to_dtb("")
        size = int.from_bytes(raw[4:8], "big")
        properties.append((str(prop.name), bytes(raw[12 : 12 + size])))
    children = tuple(_blob_node(str(child.name), child) for child in node.nodes)
    return BlobNode(name, tuple(properties), children)


def read_plain_dts(text: str, path: str, *, symbols: bool = False) -> Blob | NotATree:
    """The flattened tree that dtc would make of a source without preprocessor directives, or why it is none.

    `symbols` adds the `__symbols__` node of `dtc -@`. `/include/` and `/incbin/` are refused: a text is read
    for itself alone. dtlib accepts some texts that dtc refuses; `dts_faults` finds those.
    """
    try:
        tree = _read(text, path)
    except dtlib.DTError as error:
        return _fault(str(error), path)
    except Exception as error:
        # dtlib trusts its input in places: a reference before any root node ends in AttributeError.
        return NotATree(f"not a devicetree: {error}")
    if symbols:
        return Blob(_with_symbols(tree), _reserves(tree))
    return Blob(_plain_node("", tree.root), _reserves(tree))


def _read(text: str, path: str) -> Any:
    """The tree of `text`; dtlib itself reads files only, so its constructor is done here by hand (0.0.2)."""
    tree = dtlib.DT.__new__(dtlib.DT)
    tree.filename = path
    tree._include_path = []
    tree._force = False
    tree._file_contents = text
    tree._tok_i = tree._tok_end_i = 0
    tree._filestack = []
    tree.alias2node = {}
    tree._lexer_state = dtlib._DEFAULT
    tree._saved_token = None
    tree._lineno = 1
    tree._root = None
    tree._open = lambda name, *_, **__: _refuse(tree, name)
    tree._parse_dt()
    tree._register_phandles()
    tree._fixup_props()
    tree._register_aliases()
    tree._remove_unreferenced()
    tree._register_labels()
    return tree


def _refuse(tree: Any, name: str) -> NoReturn:
    raise dtlib.DTError(
        f"{tree.filename}:{tree._lineno}: '{name}' is another file, and this text stands alone"
    )


def _fault(message: str, path: str) -> NotATree:
    """dtlib's message without its place, and the line it names."""
    rest = message.removeprefix(f"{path}:")
    line, _, words = rest.partition(" ")
    number = line.rstrip(":").split(":")[0]
    if not number.isdigit():
        return NotATree(message)
    return NotATree(words.removeprefix("(column ").split("): ", 1)[-1], int(number))


def _reserves(tree: Any) -> tuple[tuple[int, int], ...]:
    return tuple((address, length) for _, address, length in tree.memreserves)


def _plain_node(name: str, node: Any) -> BlobNode:
    return BlobNode(
        name,
        tuple((str(prop.name), bytes(prop.value)) for prop in node.props.values()),
        tuple(_plain_node(str(child.name), child) for child in node.nodes.values()),
    )


def _with_symbols(tree: Any) -> BlobNode:
    """The root with `__symbols__`: each label's path, in tree order, and a phandle on each labelled node."""
    used = set(tree.phandle2node)
    symbols: list[tuple[str, bytes]] = []

    def visit(name: str, node: Any) -> BlobNode:
        properties = [(str(prop.name), bytes(prop.value)) for prop in node.props.values()]
        if node.labels and "phandle" not in node.props:
            number = next(n for n in range(1, len(used) + 2) if n not in used)
            used.add(number)
            properties.append(("phandle", number.to_bytes(4, "big")))
        symbols.extend((str(label), node.path.encode() + b"\0") for label in node.labels)
        children = tuple(visit(str(child.name), child) for child in node.nodes.values())
        return BlobNode(name, tuple(properties), children)

    root = visit("", tree.root)
    if not symbols:
        return root
    return BlobNode("", root.properties, (*root.children, BlobNode("__symbols__", tuple(symbols))))
