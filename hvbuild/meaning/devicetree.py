"""The memory side of a host devicetree: its banks, its reserved regions, the order of their names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from hvbuild.formats.dts import expression_value
from hvbuild.formats.dts_merge import Merged, merged, walk_paths
from hvbuild.formats.dts_nodes import Cell, DtDocument, DtNode, DtProperty, MacroCall
from hvbuild.model.system import HostFacts, HostRegion
from hvbuild.model.tree import ListedName, TreeBank, TreeMemory, TreeRegion
from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, Span, origin_at

# What a parent without its own cell properties means (Devicetree Specification, `#address-cells`).
DEFAULT_CELLS = (2, 1)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CONSTANT = re.compile(r"__[A-Z0-9_]+__\Z|[A-Z0-9_]+\Z")


def tree_memory(document: DtDocument, constants: Mapping[str, int] | None = None) -> TreeMemory:
    """What `document` says of host memory.

    `constants` give the names in arguments of macros their numbers; those in cells were given to `read_dts`.
    """
    tree = merged(document)
    if tree is None:
        return TreeMemory(complete=not document.includes)
    parent = reserved_parent(tree)
    cells = None
    if parent is not None:
        # An extension of a node that stands elsewhere has the cells which that node states.
        cells = stated_cells(parent) if parent.label else own_cells(parent)
    regions = tuple(_regions(parent, cells, constants or {})) if parent is not None else ()
    calls = parent.macros if parent is not None else ()
    understood = len([call for call in calls if macro_parts(call) is not None])
    return TreeMemory(
        banks=tuple(_banks(tree.root)),
        regions=regions,
        order=tuple(_order(document)),
        reserves=tuple(_reserves(document)),
        address_cells=cells[0] if cells else None,
        size_cells=cells[1] if cells else None,
        complete=not document.includes and understood == len(calls),
        origin=origin_at(parent.name_span) if parent is not None else NOWHERE,
    )


def reserved_parent(tree: Merged) -> DtNode | None:
    """The `reserved-memory` node of the tree, or an extension of it by label, or None."""
    found = next((node for _, node in walk_paths(tree.root) if node.name == "reserved-memory"), None)
    if found is not None:
        return found
    return next((node for node in tree.unresolved if node.label.startswith("reserved")), None)


def own_cells(node: DtNode) -> tuple[int, int]:
    """How many cells an address and a size have in the `reg` of this node's children."""
    address, size = node.number("#address-cells"), node.number("#size-cells")
    return (
        DEFAULT_CELLS[0] if address is None else address,
        DEFAULT_CELLS[1] if size is None else size,
    )


def stated_cells(node: DtNode) -> tuple[int, int] | None:
    """The same where this node says both itself, else None."""
    address, size = node.number("#address-cells"), node.number("#size-cells")
    return (address, size) if address is not None and size is not None else None


def reg_ranges(reg: DtProperty, cells: tuple[int, int]) -> Iterator[tuple[int | None, int | None, Span]]:
    """Address, size and place of each entry of `reg`; None for a number that is not known here.

    An incomplete last entry is left out.
    """
    width = sum(cells)
    for at in range(0, len(reg.cells) - width + 1, width) if width else ():
        entry = reg.cells[at : at + width]
        span = entry[0].span.to(entry[-1].span)
        yield _joined(entry[: cells[0]]), _joined(entry[cells[0] :]), span


def _joined(cells: Sequence[Cell]) -> int | None:
    value = 0
    for cell in cells:
        if cell.value is None:
            return None
        value = value << 32 | (cell.value if len(cells) == 1 else cell.value & 0xFFFF_FFFF)
    return value


def _regions(
    parent: DtNode, cells: tuple[int, int] | None, constants: Mapping[str, int]
) -> Iterator[TreeRegion]:
    for item in parent.items:
        if isinstance(item, DtNode):
            yield from _node_regions(item, cells)
        elif isinstance(item, MacroCall):
            parts = macro_parts(item)
            if parts is not None:
                name, base, size = parts
                yield TreeRegion(
                    name=name,
                    names=frozenset({name}),
                    window=AddressRange.fitting(
                        expression_value(base, constants), expression_value(size, constants)
                    ),
                    size=expression_value(size, constants),
                    guard=item.guard,
                    origin=origin_at(item.span),
                    place_origin=origin_at(item.arguments[0][1]),
                )


def _node_regions(node: DtNode, cells: tuple[int, int] | None) -> Iterator[TreeRegion]:
    reg, size = node.property("reg"), node.property("size")
    names = {node.base_name, node.base_name.replace("-", "_"), *node.labels}
    entries = [*reg_ranges(reg, cells)] if reg is not None and cells is not None else []
    if not entries:
        entries = [(None, _joined(size.cells) if size is not None else None, node.name_span)]
    for number, (base, length, span) in enumerate(entries):
        yield TreeRegion(
            name=node.base_name if number == 0 else f"{node.base_name}[{number}]",
            names=frozenset(names if number == 0 else ()),
            window=AddressRange.fitting(base, length),
            size=length,
            no_map=node.property("no-map") is not None,
            reusable=node.property("reusable") is not None,
            dynamic=reg is None,
            guard=node.guard,
            origin=origin_at(node.name_span),
            place_origin=origin_at(span),
        )


def macro_parts(call: MacroCall) -> tuple[str, str, str] | None:
    """Name, start and size of a macro like `RSV_MEM(start, size, name)`, or None.

    The name is the one argument that is an identifier and does not look like a constant; it comes first or
    last, the start before the size (inferred from the one vendor macro that is known).
    """
    texts = [text for text, _ in call.arguments]
    if len(texts) != 3:
        return None
    names = [n for n, text in enumerate(texts) if _IDENTIFIER.match(text) and not _CONSTANT.match(text)]
    if len(names) != 1 or names[0] == 1:
        return None
    start, size = (text for number, text in enumerate(texts) if number != names[0])
    return texts[names[0]], start, size


def _banks(root: DtNode) -> Iterator[TreeBank]:
    cells = own_cells(root)
    for node in root.children:
        kind = node.property("device_type")
        is_memory = kind is not None and [text.value for text in kind.strings] == ["memory"]
        reg = node.property("reg")
        if reg is not None and (is_memory or node.base_name == "memory"):
            for base, size, span in reg_ranges(reg, cells):
                window = AddressRange.fitting(base, size)
                if window is not None and window.size:
                    yield TreeBank(window=window, origin=origin_at(span))


def name_list(document: DtDocument) -> DtProperty | None:
    """The `memory-regions` property: an ordered list of region names (Qualcomm host trees), or None."""
    for top in document.nodes:
        for node in top.walk():
            found = node.property("memory-regions")
            if found is not None:
                return found
    return None


def _order(document: DtDocument) -> Iterator[ListedName]:
    found = name_list(document)
    for text in found.strings if found is not None else ():
        yield ListedName(name=text.value, origin=origin_at(text.span))


def _reserves(document: DtDocument) -> Iterator[AddressRange]:
    for reserve in document.reserves:
        window = AddressRange.fitting(reserve.address, reserve.length)
        if window is not None:
            yield window


def tree_facts(memory: TreeMemory) -> HostFacts:
    """What the tree makes known of the host; what it does not hold stays not known."""
    regions = {
        region.name: HostRegion(
            name=region.name, window=region.window, size=region.size, origin=region.origin
        )
        for region in memory.regions
        if not region.guard
    }
    banks = tuple(HostRegion(name="", window=bank.window, origin=bank.origin) for bank in memory.banks)
    return HostFacts(
        banks=banks or None,
        regions=MappingProxyType(regions) if regions else None,
        reserved=tuple(HostRegion(name="", window=window) for window in memory.reserves),
        region_order=tuple(item.name for item in memory.order) or None,
        size_cells=memory.size_cells,
        origin=memory.origin,
    )
