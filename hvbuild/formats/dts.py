"""Reader of devicetree sources with macros, includes and comments; the only importer of tree-sitter.

The grammar keeps going over vendor files that only a preprocessor would make plain. Macro calls that stand as
statements are read here and hidden from the grammar, which takes them for broken properties.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import accumulate

import tree_sitter
import tree_sitter_devicetree

from hvbuild.formats.dts_expressions import Syntax, evaluate, integer, unescape
from hvbuild.formats.dts_nodes import (
    Bytes,
    Cell,
    Cells,
    Deletion,
    DtDocument,
    DtNode,
    DtProperty,
    MacroCall,
    PathReference,
    Reserve,
    Text,
    Unread,
    Value,
)
from hvbuild.formats.dts_prescan import prescan
from hvbuild.source import SourceFile, Span

_CONDITIONS = frozenset({"preproc_if", "preproc_ifdef", "preproc_else", "preproc_elif", "preproc_elifdef"})


@cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_devicetree.language()))


def read_dts(text: str, path: str, constants: Mapping[str, int] | None = None) -> DtDocument:
    """The document that `text` is; `constants` give macro names in cells their numbers.

    Nothing is refused: what the grammar cannot read stands in `errors`.
    """
    file = SourceFile(path, text)
    scan = prescan(file)
    if scan.too_deep is not None:
        return DtDocument(file=file, errors=(scan.too_deep,), preprocessed=scan.directives)
    source = scan.text.encode("utf-8", "replace")
    tree = _parser().parse(source)
    reader = _Reader(file, source, constants or {}, scan.calls)
    document = reader.document(tree.root_node, scan.directives or bool(scan.calls))
    lines = [(span, _reserved(span, constants)) for span in scan.reserves]
    return replace(
        document,
        reserves=tuple(_reserve(span, inner) for span, inner in lines),
        errors=(*document.errors, *(span for span, inner in lines if inner.errors or not inner.nodes)),
    )


def _reserved(span: Span, constants: Mapping[str, int] | None) -> DtDocument:
    """The numbers of a `/memreserve/` line as cells of a tree: the grammar knows plain literals only."""
    body = span.text.removeprefix("/memreserve/").rstrip(";")
    return read_dts(f"/ {{ x = <{body}>; }};", span.file.path, constants)


def _reserve(span: Span, inner: DtDocument) -> Reserve:
    """A `/memreserve/` line; numbers that cannot be read are None."""
    found = inner.nodes[0].property("x") if inner.nodes else None
    numbers = [cell.value for cell in found.cells] if found else []
    address, length = [*numbers, None, None][:2]
    return Reserve(address=address, length=length, span=span)


class _Reader:
    """Mutable: turns one syntax tree into our parts; a macro call goes to the innermost node around it."""

    def __init__(
        self, file: SourceFile, source: bytes, constants: Mapping[str, int], calls: tuple[MacroCall, ...]
    ) -> None:
        self._file = file
        self._constants = constants
        self._calls = calls
        self._source = source
        # Bytes up to the end of each character: only texts that are not pure ASCII need the table.
        widths = (len(char.encode("utf-8", "replace")) for char in file.text)
        self._table = None if source.isascii() else [*accumulate(widths)]
        self._errors: list[Span] = []

    def _offset(self, byte: int) -> int:
        return byte if self._table is None else bisect_right(self._table, byte)

    def _span(self, node: Syntax) -> Span:
        return Span(self._file, self._offset(node.start_byte), self._offset(node.end_byte))

    def _text(self, node: Syntax) -> str:
        return self._source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def document(self, root: Syntax, preprocessed: bool) -> DtDocument:
        nodes = tuple(item for item in self._items(root, "") if isinstance(item, DtNode))
        kinds: dict[str, Syntax] = {}
        includes: list[tuple[str, Span]] = []
        for child in _flat(root):
            kinds.setdefault(child.type, child)
            if child.type in ("preproc_include", "dtsi_include"):
                includes.append((self._text(child).split(None, 1)[-1].strip(), self._span(child)))
        self._collect_errors(root)
        version, plugin = kinds.get("file_version"), kinds.get("plugin")
        return DtDocument(
            file=self._file,
            nodes=nodes,
            includes=tuple(includes),
            version=self._span(version) if version else None,
            plugin=self._span(plugin) if plugin else None,
            errors=tuple(sorted(self._errors, key=lambda span: span.start)),
            preprocessed=preprocessed,
        )

    def _collect_errors(self, node: Syntax) -> None:
        if node.is_error or node.is_missing:
            # The grammar has no character constants; cells read them.
            if integer(self._text(node)) is None:
                self._errors.append(self._span(node))
        elif node.has_error:
            for child in node.children:
                self._collect_errors(child)

    def _items(self, node: Syntax, guard: str) -> Iterator["DtProperty | DtNode | MacroCall | Deletion"]:
        for child in node.named_children:
            if child.type == "node":
                yield self._node(child, guard)
            elif child.type == "property":
                yield self._property(child, guard)
            elif child.type in ("delete_node", "delete_property"):
                name = child.child_by_field_name("name")
                yield Deletion(
                    name=self._text(name) if name else "",
                    span=self._span(child),
                    node=child.type == "delete_node",
                )
            elif child.type in _CONDITIONS:
                head = self._text(child).split("\n", 1)[0].strip()
                yield from self._items(child, f"{guard} {head}".strip())

    def _node(self, node: Syntax, guard: str) -> DtNode:
        name_node = node.child_by_field_name("name")
        address = next((child for child in node.named_children if child.type == "unit_address"), None)
        name = self._text(name_node) if name_node else ""
        name_span = self._span(name_node) if name_node else self._span(node)
        if address is not None:
            name, name_span = f"{name}@{self._text(address)}", name_span.to(self._span(address))
        span = self._span(node)
        items = [*self._items(node, guard)]
        inner = [item.span for item in items if isinstance(item, DtNode)]
        for call in self._calls:
            inside = span.start <= call.span.start < span.end
            if inside and not any(at.start <= call.span.start < at.end for at in inner):
                items.append(call)
        items.sort(key=lambda item: item.span.start)
        return DtNode(
            name=name,
            span=span,
            name_span=name_span,
            labels=tuple(self._text(label) for label in node.children_by_field_name("label")),
            label=name[1:] if name.startswith("&") else "",
            items=tuple(items),
            guard=guard,
        )

    def _property(self, node: Syntax, guard: str) -> DtProperty:
        name_node = node.child_by_field_name("name")
        bits = 32
        values: list[Value] = []
        for index, child in enumerate(node.children):
            field = node.field_name_for_child(index)
            if field == "bits":
                bits = evaluate(child, self._text, self._constants) or 32
            elif field == "value" and child.is_named:
                values.append(self._value(child, bits))
                bits = 32
        return DtProperty(
            name=self._text(name_node) if name_node else "",
            values=tuple(values),
            span=self._span(node),
            name_span=self._span(name_node) if name_node else self._span(node),
            guard=guard,
        )

    def _value(self, node: Syntax, bits: int) -> Value:
        span, text = self._span(node), self._text(node)
        if node.type == "integer_cells":
            cells = tuple(cell for child in node.named_children for cell in self._cells(child))
            return Cells(cells, span, bits)
        if node.type == "string_literal":
            return Text(unescape(text[1:-1]), span)
        if node.type == "byte_string_literal":
            digits = re.sub(r"[\[\]\s]", "", text)
            is_hex = len(digits) % 2 == 0 and re.fullmatch("[0-9a-fA-F]*", digits)
            return Bytes(bytes.fromhex(digits), span) if is_hex else Unread(text, span)
        if node.type == "reference":
            return PathReference(text[1:], span)
        return Unread(text, span)

    def _cells(self, node: Syntax) -> Iterator[Cell]:
        text, span = self._text(node), self._span(node)
        if node.type == "comment":
            return
        function = node.child_by_field_name("function") if node.type == "call_expression" else None
        if function is not None:
            name = self._text(function)
            opening = text.index("(")
            if name in self._constants or opening > len(name):
                # The grammar takes `NAME (expression)`, two cells, for one call.
                yield Cell(name, self._span(function), value=self._constants.get(name))
                inner = node.named_children[-1].named_children
                rest = Span(self._file, span.start + opening, span.end)
                value = evaluate(inner[0], self._text, self._constants) if len(inner) == 1 else None
                yield Cell(rest.text, rest, value=value)
                return
        if node.type == "reference":
            yield Cell(text, span, label=text[1:])
            return
        value = evaluate(node, self._text, self._constants)
        yield Cell(text, span, value=integer(text) if value is None else value)


def _flat(root: Syntax) -> Iterator[Syntax]:
    for child in root.named_children:
        yield child
        if child.type in _CONDITIONS:
            yield from _flat(child)


def expression_value(text: str, constants: Mapping[str, int]) -> int | None:
    """The number of a C integer expression in 64 bits, with `constants` for its names, or None."""
    plain = integer(text.strip())
    if plain is not None:
        return plain
    (root,) = read_dts(f"/ {{ x = <({text})>; }};", "expression", constants).nodes or (None,)
    found = root.property("x") if root is not None else None
    return found.cells[0].value if found is not None and len(found.cells) == 1 else None
