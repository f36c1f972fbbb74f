"""Devicetree overlays to blobs: phandles, `__fixups__` and `__local_fixups__` as dtc writes them.

dtlib refuses `/plugin/`, so an overlay goes from its merged tree straight to the blob (dtc: livetree.c).
"""

from dataclasses import field

from hvbuild.formats.dtb import Blob, BlobNode, NotATree
from hvbuild.formats.dts_merge import merged
from hvbuild.formats.dts_nodes import Bytes, Cells, DtDocument, DtNode, DtProperty, PathReference, Text
from hvbuild.values import dataclass

_UNRESOLVED = 0xFFFF_FFFF


@dataclass(slots=True)
class _Part:
    """Mutable: a node of the overlay on its way to the blob."""

    name: str
    labels: tuple[str, ...] = ()
    properties: dict[str, bytes] = field(default_factory=dict)
    children: "list[_Part]" = field(default_factory=list)

    def child(self, name: str) -> "_Part":
        for part in self.children:
            if part.name == name:
                return part
        self.children.append(_Part(name))
        return self.children[-1]

    def blob(self) -> BlobNode:
        return BlobNode(
            self.name, tuple(self.properties.items()), tuple(part.blob() for part in self.children)
        )


def overlay_blob(document: DtDocument, *, symbols: bool = False) -> Blob | NotATree:
    """The blob of a `/plugin/` document that needs no preprocessor, or why there is none.

    `symbols` adds `__symbols__`, as `dtc -@` does.
    """
    tree = merged(document)
    if document.plugin is None or tree is None:
        return NotATree("not an overlay: `/plugin/;` or its nodes are missing")
    if document.errors:
        return NotATree("syntax error", document.errors[0].line)
    compiler = _Compiler(tree.root)
    try:
        root = compiler.compile(symbols)
    except _Unreadable as error:
        return error.reason
    numbers = [(entry.address, entry.length) for entry in document.reserves]
    reserves = tuple((a, b) for a, b in numbers if a is not None and b is not None)
    return Blob(root.blob(), reserves)


class _Unreadable(Exception):  # noqa: N818 - carries a reason out of the walk, nothing more
    """A value that cannot be turned into bytes."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.reason = NotATree(message, line)


class _Compiler:
    """Mutable: one overlay on its way to a blob."""

    def __init__(self, root: DtNode) -> None:
        self._root = root
        self._parts: dict[str, _Part] = {}
        self._paths: dict[str, str] = {}
        self._fixups: dict[str, bytes] = {}
        self._local: list[tuple[str, str, int]] = []
        self._used: set[int] = set()

    def compile(self, symbols: bool) -> _Part:
        top = self._index(self._root, "")
        self._fill(self._root, "")
        if symbols:
            self._symbols(top)
        if self._fixups:
            top.children.append(_Part("__fixups__", properties=self._fixups))
        if self._local:
            local = top.child("__local_fixups__")
            for path, name, offset in self._local:
                part = local
                for step in path.strip("/").split("/"):
                    part = part.child(step) if step else part
                part.properties[name] = part.properties.get(name, b"") + offset.to_bytes(4, "big")
        return top

    def _index(self, node: DtNode, path: str) -> _Part:
        part = _Part(path.rsplit("/", 1)[-1], node.labels)
        self._parts[path or "/"] = part
        self._paths.update((label, path or "/") for label in node.labels)
        explicit = node.number("phandle")
        if explicit is not None:
            self._used.add(explicit)
        part.children.extend(self._index(child, f"{path}/{child.name}") for child in node.children)
        return part

    def _fill(self, node: DtNode, path: str) -> None:
        part = self._parts[path or "/"]
        # A reference may already have given this node its phandle: written properties still come first.
        given = part.properties.pop("phandle", None)
        for prop in node.properties:
            part.properties[prop.name] = self._data(prop, path or "/")
        if given is not None:
            part.properties.setdefault("phandle", given)
        for child in node.children:
            self._fill(child, f"{path}/{child.name}")

    def _phandle(self, path: str) -> int:
        part = self._parts[path]
        known = part.properties.get("phandle")
        if known is not None:
            return int.from_bytes(known, "big")
        node = self._node(path)
        number = node.number("phandle")
        if number is None:
            number = next(n for n in range(1, len(self._used) + 2) if n not in self._used)
            self._used.add(number)
            part.properties["phandle"] = number.to_bytes(4, "big")
        return number

    def _node(self, path: str) -> DtNode:
        node = self._root
        for name in path.strip("/").split("/"):
            node = next((child for child in node.children if child.name == name), node)
        return node

    def _data(self, prop: DtProperty, path: str) -> bytes:
        data = b""
        for value in prop.values:
            match value:
                case Cells():
                    data += self._cells(value, prop, path, len(data))
                case Text():
                    data += value.value.encode("utf-8") + b"\0"
                case Bytes():
                    data += value.value
                case PathReference() if value.label in self._paths:
                    data += self._paths[value.label].encode() + b"\0"
                case _:
                    raise _Unreadable(f"the value of `{prop.name}` is not known here", prop.span.line)
        return data

    def _cells(self, value: Cells, prop: DtProperty, path: str, offset: int) -> bytes:
        data = b""
        width = value.bits // 8
        for cell in value.cells:
            if cell.label:
                number = self._reference(cell.label, prop.name, path, offset + len(data))
            elif cell.value is None:
                raise _Unreadable(f"`{cell.text}` is not known here", cell.span.line)
            else:
                number = cell.value
            data += (number & ((1 << value.bits) - 1)).to_bytes(width, "big")
        return data

    def _reference(self, label: str, name: str, path: str, offset: int) -> int:
        target = label[1:-1] if label.startswith("{") else self._paths.get(label)
        if target is None or target not in self._parts:
            entry = f"{path}:{name}:{offset}".encode() + b"\0"
            self._fixups[label] = self._fixups.get(label, b"") + entry
            return _UNRESOLVED
        self._local.append((path, name, offset))
        return self._phandle(target)

    def _symbols(self, top: _Part) -> None:
        found: dict[str, bytes] = {}
        for path, part in self._parts.items():
            for label in part.labels:
                found[label] = path.encode() + b"\0"
                self._phandle(path)
        if found:
            top.children.append(_Part("__symbols__", properties=found))
