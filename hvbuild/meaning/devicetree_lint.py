"""Lint of host devicetrees: what dtc refuses, then what it accepts and a boot does not."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain

from hvbuild.diagnostics import Code, Diagnostic, error_code, other, warning_code
from hvbuild.formats.dts_faults import CODES as TEXT_CODES
from hvbuild.formats.dts_faults import dts_faults
from hvbuild.formats.dts_merge import merged
from hvbuild.formats.dts_nodes import Cells, DtDocument, DtNode, DtProperty
from hvbuild.meaning.devicetree import (
    DEFAULT_CELLS,
    own_cells,
    reg_ranges,
    reserved_parent,
    stated_cells,
    tree_memory,
)
from hvbuild.model.system import HostFacts
from hvbuild.model.tree import TreeMemory, TreeRegion
from hvbuild.ranges import AddressRange, clashes
from hvbuild.ranges import merged as joined
from hvbuild.source import Origin
from hvbuild.values import dataclass

_SPECIFICATION = "Devicetree Specification: node names, reg, reserved-memory; dt-schema: reserved-memory"
_KERNEL = (
    "Devicetree Specification, reserved-memory: regions lie in memory and do not overlap; dtc does not look"
)
_VENDOR = "host trees of Qualcomm hypervisor hosts: an ordered list of region names"

_error = partial(error_code, source=_SPECIFICATION)
_warning = partial(warning_code, source=_SPECIFICATION)

UNIT_ADDRESS = _error("HV8620", "unit-address-not-reg", "a unit address is the first address of `reg`")
UNIT_FORM = _warning(
    "HV8621", "unit-address-form", "a unit address is lower-case hex without 0x and leading zeros"
)
UNIT_OR_REG = _warning("HV8622", "unit-address-or-reg", "a node has a unit address exactly when it has `reg`")
REG_LENGTH = _error(
    "HV8623", "reg-length", "`reg` holds whole entries of the parent's address and size cells"
)
CELL_TOO_LARGE = _error("HV8624", "cell-too-large", "a number does not fit its cell of 32 bits")
NO_CELLS = _warning(
    "HV8625", "reserved-memory-cells", "reserved-memory gives `#address-cells` and `#size-cells` itself"
)
NO_RANGES = _warning("HV8626", "reserved-memory-ranges", "reserved-memory needs an empty `ranges`")
OTHER_CELLS = _warning(
    "HV8627",
    "cells-unlike-root",
    "an empty `ranges` says that cells are those of the parent, and they are not",
)
OVERLAP = _error("HV8628", "regions-overlap", "two reserved regions share addresses", source=_KERNEL)
OUTSIDE = _error(
    "HV8629", "region-outside-memory", "a reserved region lies outside every bank of RAM", source=_KERNEL
)
UNALIGNED = _error(
    "HV8630",
    "reserved-region-not-whole-pages",
    "a region covers whole 4 KiB pages",
    source="QNX: typed memory is mapped in pages",
)
EMPTY = _error("HV8631", "region-empty", "a region has a size", source=_KERNEL)
MAP_AND_REUSE = _error("HV8632", "no-map-and-reusable", "a region is `no-map` or `reusable`, never both")
TWO_NAMES = _warning("HV8633", "region-name-twice", "two regions go by one name", source=_VENDOR)
UNKNOWN_NAME = _error(
    "HV8634", "listed-region-unknown", "`memory-regions` names a region that is not there", source=_VENDOR
)
LISTED_TWICE = _error(
    "HV8635", "region-listed-twice", "`memory-regions` names a region twice", source=_VENDOR
)
BANKS_OVERLAP = _error("HV8636", "memory-banks-overlap", "two banks of RAM share addresses")
RESERVED_TWICE = _warning(
    "HV8637", "region-also-reserved", "a region overlaps a `/memreserve/` of the same tree", source=_KERNEL
)
TOO_HIGH = _error(
    "HV8638",
    "region-beyond-address-bits",
    "a region lies above what the board can address",
    source="Arm architecture",
)
LONG_NAME = _warning(
    "HV8639",
    "region-name-long",
    "the name of a reserved region has more than 31 characters",
    source="Devicetree Specification v0.4, 2.2.1: a node name has 1 to 31 characters",
)
_LONGEST_NAME = 31

CODES: tuple[Code, ...] = (
    *TEXT_CODES,
    UNIT_ADDRESS,
    UNIT_FORM,
    UNIT_OR_REG,
    REG_LENGTH,
    CELL_TOO_LARGE,
    NO_CELLS,
    NO_RANGES,
    OTHER_CELLS,
    OVERLAP,
    OUTSIDE,
    UNALIGNED,
    EMPTY,
    MAP_AND_REUSE,
    TWO_NAMES,
    UNKNOWN_NAME,
    LISTED_TWICE,
    BANKS_OVERLAP,
    RESERVED_TWICE,
    TOO_HIGH,
    LONG_NAME,
)


@dataclass(frozen=True, slots=True)
class LintedTree:
    """A hand-kept tree: its document, its memory side, and every fault in order of place."""

    document: DtDocument
    memory: TreeMemory
    faults: tuple[Diagnostic, ...]


def lint_devicetree(
    document: DtDocument,
    constants: Mapping[str, int] | None = None,
    host: HostFacts | None = None,
    *,
    fragment: bool | None = None,
    memory: TreeMemory | None = None,
) -> LintedTree:
    """What `document` says of memory and all that is wrong with it.

    `host` may know banks of RAM and address bits that the tree does not say. A `fragment` is included in
    another tree (None: told by a missing `/dts-v1/;` in a file with another ending than `.dts`). `memory` is
    what it says of memory where that is known better than from its own text.
    """
    if fragment is None:
        fragment = document.version is None and not document.file.path.endswith(".dts")
    memory = memory or tree_memory(document, constants)
    faults = chain(
        dts_faults(document, fragment=fragment),
        _node_faults(document),
        _reserved_faults(document),
        _region_faults(memory),
        _place_faults(memory, host or HostFacts()),
        _list_faults(memory),
    )
    ordered = sorted(dict.fromkeys(faults), key=lambda fault: fault.sort_key)
    return LintedTree(document, memory, tuple(ordered))


def _node_faults(document: DtDocument) -> Iterator[Diagnostic]:
    tree = merged(document)
    tops = (tree.root, *tree.unresolved) if tree is not None else ()
    # What another file says of cells is not known here: then only complete statements are judged.
    alone = not document.includes and document.plugin is None and document.version is not None
    for top in tops:
        yield from _children_faults(top, alone=alone and top.name == "/")
        for node in top.walk():
            yield from _cell_faults(node)


def _children_faults(node: DtNode, *, alone: bool) -> Iterator[Diagnostic]:
    cells = own_cells(node) if alone else stated_cells(node)
    for child in node.children:
        reg = child.property("reg")
        # Fragments of overlays are numbered, not placed.
        if child.child("__overlay__") is None:
            yield from _unit_faults(child, reg, cells)
        if reg is not None and cells is not None and reg.cells:
            yield from _length_faults(child, reg, cells)
        yield from _children_faults(child, alone=alone)


def _unit_faults(node: DtNode, reg: DtProperty | None, cells: tuple[int, int] | None) -> Iterator[Diagnostic]:
    unit = node.unit_address
    has_ranges = (found := node.property("ranges")) is not None and found.values
    if unit is None:
        if reg is not None:
            yield UNIT_OR_REG.at(node.name_span, f"node `{node.name}` has `reg` but no unit address")
        return
    if reg is None:
        if not has_ranges:
            yield UNIT_OR_REG.at(node.name_span, f"node `{node.name}` has a unit address but no `reg`")
        return
    first = next(reg_ranges(reg, cells), None) if cells is not None else None
    try:
        number = int(unit, 16)
    except ValueError:
        # Buses have unit addresses of their own form (`0,1`).
        return
    if first is not None and first[0] is not None and first[0] != number:
        yield UNIT_ADDRESS.at(
            node.name_span,
            f"node `{node.name}` begins at {first[0]:#x}",
            others=other(first[2], "its first address"),
            helps=(f"call it `{node.base_name}@{first[0]:x}`",),
        )
    elif unit != f"{number:x}":
        yield UNIT_FORM.at(node.name_span, f"the unit address `{unit}` is usually written `{number:x}`")


def _length_faults(node: DtNode, reg: DtProperty, cells: tuple[int, int]) -> Iterator[Diagnostic]:
    width = sum(cells)
    count = len(reg.cells)
    known = all(isinstance(value, Cells) and value.bits == 32 for value in reg.values)
    # Macros may stand for several cells each.
    known = known and all(cell.value is not None or cell.label for cell in reg.cells)
    if known and width and count % width:
        yield REG_LENGTH.at(
            reg.span,
            f"`reg` of `{node.name}` has {count} cells, entries here have {width}",
            notes=(f"{cells[0]} for the address and {cells[1]} for the size",),
        )


def _cell_faults(node: DtNode) -> Iterator[Diagnostic]:
    for prop in node.properties:
        for value in prop.values:
            for cell in value.cells if isinstance(value, Cells) and value.bits == 32 else ():
                # A negative number is a large one in 64 bits and still fits (dtc: dtc-parser.y).
                if cell.value is not None and 1 << 32 <= cell.value < (1 << 64) - (1 << 31):
                    text = f"`{cell.text}` is {cell.value:#x} and does not fit a cell of 32 bits"
                    helps = ("write two cells, or split a region that one size cell cannot hold",)
                    yield CELL_TOO_LARGE.at(cell.span, text, helps=helps)


def _reserved_faults(document: DtDocument) -> Iterator[Diagnostic]:
    tree = merged(document)
    parent = reserved_parent(tree) if tree is not None else None
    if tree is None or parent is None or parent.label:
        return
    for name in ("#address-cells", "#size-cells"):
        if parent.property(name) is None:
            default = DEFAULT_CELLS[name == "#size-cells"]
            message = f"`{parent.name}` has no `{name}`, so {default} is taken"
            yield NO_CELLS.at(parent.name_span, message)
    ranges = parent.property("ranges")
    if ranges is None:
        yield NO_RANGES.at(parent.name_span, f"`{parent.name}` has no `ranges;`")
    elif not ranges.values:
        stated = any(tree.root.property(name) is not None for name in ("#address-cells", "#size-cells"))
        if stated and own_cells(tree.root) != own_cells(parent):
            root, own = own_cells(tree.root), own_cells(parent)
            message = f"cells are {own[0]} and {own[1]} here, {root[0]} and {root[1]} in the root"
            yield OTHER_CELLS.at(ranges.span, message)
    for child in parent.children:
        no_map, reusable = child.property("no-map"), child.property("reusable")
        if no_map is not None and reusable is not None:
            yield MAP_AND_REUSE.at(
                reusable.span,
                f"region `{child.name}` is `no-map` and `reusable`",
                others=other(no_map.span, ""),
            )


def _placed(memory: TreeMemory) -> Iterator[tuple[AddressRange, TreeRegion]]:
    for region in memory.regions:
        if region.window is not None and not region.guard:
            yield region.window, region


def _region_faults(memory: TreeMemory) -> Iterator[Diagnostic]:
    names: dict[str, TreeRegion] = {}
    for region in memory.regions:
        if region.size == 0:
            yield EMPTY.at(region.place_origin, f"region `{region.name}` has no bytes")
        if len(region.name) > _LONGEST_NAME:
            text = f"the name `{region.name}` has {len(region.name)} characters, {_LONGEST_NAME} are allowed"
            yield LONG_NAME.at(region.origin, text)
        first = names.setdefault(region.name, region)
        if first is not region and first.guard == region.guard:
            yield TWO_NAMES.at(
                region.origin,
                f"two regions are called `{region.name}`",
                others=other(first.origin, "the other one"),
            )
    for window, region in _placed(memory):
        if window.size and not window.is_page_aligned:
            message = f"region `{region.name}` covers {window}, not whole 4 KiB pages"
            yield UNALIGNED.at(region.place_origin, message)
    for first, second in clashes(_placed(memory)):
        yield OVERLAP.at(
            second.place_origin,
            f"region `{second.name}` at {second.window} overlaps `{first.name}` at {first.window}",
            others=other(first.place_origin, f"`{first.name}`"),
        )


def _place_faults(memory: TreeMemory, host: HostFacts) -> Iterator[Diagnostic]:
    for first, second in clashes((bank.window, bank) for bank in memory.banks):
        message = f"bank {second.window} overlaps bank {first.window}"
        yield BANKS_OVERLAP.at(second.origin, message, others=other(first.origin, "the other bank"))
    banks = [bank.window for bank in memory.banks]
    banks += [bank.window for bank in host.banks or () if bank.window is not None]
    ram = joined(banks)
    for window, region in _placed(memory):
        if window.size and ram and not any(bank.contains(window) for bank in ram):
            known = ", ".join(str(bank) for bank in ram)
            message = f"region `{region.name}` at {window} lies outside RAM"
            yield OUTSIDE.at(region.place_origin, message, notes=(f"RAM is {known}",))
        for reserve in memory.reserves:
            if window.overlaps(reserve):
                message = f"region `{region.name}` at {window} overlaps the reservation {reserve}"
                yield RESERVED_TWICE.at(region.place_origin, message)
        if host.address_bits is not None and window.end > 1 << host.address_bits:
            message = (
                f"region `{region.name}` ends at {window.end:#x}, above {host.address_bits} address bits"
            )
            yield TOO_HIGH.at(region.place_origin, message)


def _list_faults(memory: TreeMemory) -> Iterator[Diagnostic]:
    seen: dict[str, Origin] = {}
    for item in memory.order:
        if item.name in seen:
            yield LISTED_TWICE.at(
                item.origin, f"`{item.name}` is listed twice", others=other(seen[item.name], "first here")
            )
        seen.setdefault(item.name, item.origin)
        if memory.complete and memory.regions and memory.region(item.name) is None:
            known = ", ".join(f"`{region.name}`" for region in memory.regions[:12])
            yield UNKNOWN_NAME.at(
                item.origin, f"no region is called `{item.name}`", notes=(f"there are {known}",)
            )
