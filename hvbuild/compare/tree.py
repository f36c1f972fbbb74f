"""Things of a devicetree as people name them: nodes by their paths, properties as their facts."""

from collections.abc import Iterable, Iterator, Set

from hvbuild.compare.things import Fact, Thing
from hvbuild.formats.cheader import Header
from hvbuild.formats.dts_merge import merged, walk_paths
from hvbuild.formats.dts_nodes import Bytes, Cell, Cells, DtDocument, DtNode, PathReference, Text, Value
from hvbuild.meaning.devicetree import tree_memory
from hvbuild.source import NOWHERE, origin_at

_BITS = 32


def tree_things(document: DtDocument) -> tuple[Thing, ...]:
    """The tree as dtc joins it: order of nodes and properties and the grouping of cells take no part.

    Nodes whose label is not in this file stand under that label; what only a preprocessor can tell is kept
    as text. Where a reserved region lies is left out: regions are things of the host.
    """
    tree = merged(document)
    things = [*_reserves(document)]
    if tree is None:
        return tuple(things)
    told = {name for region in tree_memory(document).regions if region.window for name in region.names}
    for path, node in walk_paths(tree.root):
        things.extend(_node(path, node, told))
    for block in tree.unresolved:
        for path, node in walk_paths(block):
            things.extend(_node(f"&{block.label}{'' if path == '/' else path}", node, told))
    return tuple(things)


def header_things(header: Header) -> tuple[Thing, ...]:
    """The constants of a header, by name and condition."""
    return tuple(
        Thing(
            group="constant",
            subject=f"constant `{item.name}`",
            keys=(f"{item.name} {item.guard}",),
            facts=(("", Fact(f"{item.value:#x}" if item.value is not None else f"`{item.span.text}`")),),
            origin=origin_at(item.span),
        )
        for item in header.constants
    )


def _reserves(document: DtDocument) -> Iterator[Thing]:
    for reserve in document.reserves:
        text = f"{reserve.address} {reserve.length}"
        if reserve.address is not None and reserve.length is not None:
            text = f"{reserve.address:#x} {reserve.length:#x}"
        yield Thing(group="memreserve", subject=f"/memreserve/ {text}", keys=(text,), origin=NOWHERE)


def _node(path: str, node: DtNode, told: Set[str]) -> Iterator[Thing]:
    """`told` are names of regions whose place is compared elsewhere."""
    place = origin_at(node.name_span)
    region = "reserved" in path.rpartition("/")[0] and not told.isdisjoint({node.base_name, *node.labels})
    if region:
        path = path.partition("@")[0]
    facts = [("labels", Fact(" ".join(sorted(node.labels)), place))] if node.labels else []
    for item in node.properties:
        if region and item.name == "reg":
            continue
        name = f"{item.name} ({item.guard})" if item.guard else item.name
        facts.append((name, Fact(_values(item.values), origin_at(item.span))))
    guard = f" ({node.guard})" if node.guard else ""
    yield Thing(
        group="node",
        subject=f"node `{path}`{guard}",
        keys=(f"{path}{guard}",),
        facts=tuple(facts),
        origin=place,
    )
    for call in node.macros:
        text = f"{call.name}({', '.join(argument for argument, _ in call.arguments)})"
        guard = f" ({call.guard})" if call.guard else ""
        yield Thing(
            group="macro",
            subject=f"`{text}` in `{path}`{guard}",
            keys=(f"{path} {text}{guard}",),
            origin=origin_at(call.span),
        )


def _values(values: Iterable[Value]) -> str:
    """One spelling for values that compile to the same bytes; a property without value is `true`."""
    parts: list[str] = []
    cells: list[str] = []
    for value in values:
        if isinstance(value, Cells) and value.bits == _BITS:
            cells += [_cell(cell) for cell in value.cells]
            continue
        if cells:
            parts.append(f"<{' '.join(cells)}>")
            cells = []
        parts.append(_value(value))
    if cells:
        parts.append(f"<{' '.join(cells)}>")
    return ", ".join(parts) or "true"


def _cell(cell: Cell) -> str:
    if cell.label:
        return f"&{cell.label}"
    return f"{cell.value:#x}" if cell.value is not None else cell.text


def _value(value: Value) -> str:
    match value:
        case Cells():
            return f"/bits/ {value.bits} <{' '.join(_cell(cell) for cell in value.cells)}>"
        case Text():
            return f'"{value.value}"'
        case Bytes():
            return f"[{value.value.hex()}]"
        case PathReference():
            return f"&{value.label}"
        case _:
            return value.text
