"""The host devicetree as strings for its templates."""

from collections.abc import Iterator
from dataclasses import dataclass

from hvbuild.model.board import HostTree
from hvbuild.model.plan import PlacedRegion, Plan
from hvbuild.ranges import AddressRange

_CELL = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionView:
    """One reserved-memory node: its names, unit address, `reg` cells, and the constants of start and size."""

    name: str
    label: str
    unit: str
    cells: str
    start: str
    size: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeView:
    """What the templates of the host tree place. `order` is the ordered name list of the consumer node.

    `macro` makes a region; empty where a region is a node.
    """

    title: str
    model: str
    compatible: str
    address_cells: str
    size_cells: str
    consumer: str
    consumer_node: str
    memory_unit: str
    memory_cells: tuple[str, ...]
    macro: str
    regions: tuple[RegionView, ...]
    order: str


def tree_view(plan: Plan, tree: HostTree) -> TreeView:
    """The host tree of `plan` in strings."""
    purposes = {region.name: region.purpose for region in plan.stack.regions}
    external = {region.name for region in plan.stack.regions if region.external}
    mine = [region for region in plan.regions if region.window is not None and region.name not in external]
    owned = [region.name for region in plan.regions if region.owner]
    banks = tuple(memory_pieces(plan, tree))
    return TreeView(
        title=f"{plan.stack.name} ({plan.stack.variant})",
        model=f"{plan.stack.board.name} memory check",
        compatible=f"hvbuild,{plan.stack.board.name}-check",
        address_cells=str(tree.address_cells),
        size_cells=str(tree.size_cells),
        consumer=tree.consumer,
        consumer_node=tree.consumer.replace("_", "-"),
        memory_unit=f"{banks[0].start:x}" if banks else "0",
        memory_cells=tuple(cells(bank, tree) for bank in banks),
        macro=tree.macro,
        regions=tuple(_region(region, tree, purposes[region.name]) for region in mine),
        order=", ".join(f'"{name}"' for name in owned),
    )


def region_label(name: str) -> str:
    """The label of the region `name`: a label has no `-` and no `.`."""
    return name.replace("-", "_").replace(".", "_")


def region_constants(name: str) -> tuple[str, str]:
    """What headers of host memory maps call start and size of the region `name` (`__GVM_PMEM_START__`)."""
    word = region_label(name).upper()
    return f"__{word}_START__", f"__{word}_SIZE__"


def _region(region: PlacedRegion, tree: HostTree, purpose: str) -> RegionView:
    window = region.window or AddressRange(0, 0)
    start, size = region_constants(region.name)
    return RegionView(
        name=region.name,
        label=region_label(region.name),
        unit=f"{window.start:x}",
        cells=cells(window, tree),
        start=start,
        size=size,
        purpose=purpose.replace("*/", "* /"),
    )


def cells(window: AddressRange, tree: HostTree) -> str:
    """`window` as the cells of one `reg` entry."""
    numbers = [*_split(window.start, tree.address_cells), *_split(window.size, tree.size_cells)]
    return " ".join(f"{number:#x}" for number in numbers)


def _split(value: int, count: int) -> Iterator[int]:
    for index in reversed(range(count)):
        yield (value >> (32 * index)) % _CELL if index or count == 1 else value % _CELL


def memory_pieces(plan: Plan, tree: HostTree) -> Iterator[AddressRange]:
    """The board's RAM in pieces whose size fits the tree's size cells."""
    most = _CELL >> 1 if tree.size_cells == 1 else 1 << 63
    for bank in plan.stack.board.memory:
        if bank.firmware:
            continue
        at = bank.window.start
        while at < bank.window.end:
            end = min(at + most, bank.window.end)
            yield AddressRange(at, end)
            at = end
