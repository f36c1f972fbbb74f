"""The checked tree of a board file to a `Board`."""

from hvbuild.diagnostics import Code, Diagnostics, Severity
from hvbuild.load.fields import Fields
from hvbuild.load.tree import Mapping
from hvbuild.model.board import (
    Architecture,
    Bank,
    Board,
    BoardStartup,
    BootLoader,
    BringUp,
    Core,
    Cost,
    Device,
    DiskStep,
    HostTree,
    InterruptRouting,
    RegionsBy,
    RoutedLine,
)
from hvbuild.ranges import AddressRange
from hvbuild.units import LIMIT_64

RANGE_TOO_HIGH = Code(
    code="HV1022",
    name="range-too-high",
    severity=Severity.ERROR,
    meaning="A range ends beyond the 64-bit address space.",
    source="hvbuild: addresses are 64-bit numbers",
)
CODES = (RANGE_TOO_HIGH,)


def bind_board(tree: Mapping, faults: Diagnostics) -> Board:
    """The board that a checked tree describes; what cannot be read is reported and left out."""
    fields = Fields(tree, faults)
    smmu, gic, startup = fields.inner("smmu"), fields.inner("gic"), fields.inner("startup")
    regions_by, routing = fields.text("regions_by"), fields.inner("interrupts")
    bring_up, loader = fields.inner("bring_up"), fields.inner("loader")
    return Board(
        name=fields.text("name"),
        title=fields.text("title"),
        architecture=Architecture(fields.text("architecture")),
        cores=_cores(fields),
        memory=tuple(bank for item in fields.each("memory") if (bank := _bank(item)) is not None),
        devices=tuple(_device(item) for item in fields.each("devices")),
        smmu=smmu.flag("present") if smmu else None,
        gic=gic.node.integer("version") if gic else None,
        counter_hz=fields.frequency("counter"),
        address_bits=tree.integer("address_bits"),
        regions_by=RegionsBy(regions_by) if regions_by else None,
        tree=_tree(fields),
        startup=_startup(startup) if startup else None,
        loader=_loader(loader) if loader else None,
        disk=tuple(
            DiskStep(
                kind=item.text("kind"),
                template=item.text("template"),
                output=item.text("output"),
                max_size=item.size("max_size"),
                origin=item.node.origin,
            )
            for item in fields.each("disk")
        ),
        cost_class=fields.text("cost_class", "el2-host"),
        costs=tuple(_cost(item) for item in fields.each("costs")),
        routing=_routing(routing) if routing else InterruptRouting(),
        bring_up=BringUp(bring_up.text("protocol")) if bring_up else None,
        origin=tree.origin,
    )


def read_range(fields: Fields, base_key: str = "base", size_key: str = "size") -> AddressRange | None:
    """The range that two keys of one mapping give; reported and None where it cannot be."""
    base, size = fields.size(base_key), fields.size(size_key)
    if base is None or size is None or not fits_64_bits(fields, base, size, size_key):
        return None
    return AddressRange.sized(base, size)


def fits_64_bits(fields: Fields, base: int, size: int, size_key: str = "size") -> bool:
    """True where the range ends within 64 bits; reported at `size_key` where not."""
    if base + size > LIMIT_64:
        message = f"the range from {base:#x} of {size:#x} bytes ends beyond 64 bits"
        fields.faults.add(RANGE_TOO_HIGH.at(fields.node.origin_of(size_key), message))
    return base + size <= LIMIT_64


def _cores(fields: Fields) -> tuple[Core, ...]:
    cores: list[Core] = []
    for item in fields.each("cores"):
        for _ in range(item.node.integer("count") or 0):
            cores.append(
                Core(
                    number=len(cores),
                    kind=item.text("kind"),
                    frequency=item.frequency("frequency") or 0,
                    capacity=item.node.integer("capacity") or 1024,
                    source=item.text("source"),
                    origin=item.node.origin,
                )
            )
    return tuple(cores)


def _bank(item: Fields) -> Bank | None:
    window = read_range(item)
    if window is None:
        return None
    return Bank(
        name=item.text("name"),
        window=window,
        firmware=item.flag("firmware"),
        reserve=item.flag("reserve"),
        source=item.text("source"),
        origin=item.node.origin,
    )


def _device(item: Fields) -> Device:
    windows = (read_range(register) for register in item.each("registers"))
    return Device(
        name=item.text("name"),
        windows=tuple(window for window in windows if window is not None),
        interrupts=item.integers("interrupts"),
        dma=item.node.boolean("dma"),
        stream_ids=item.integers("stream_ids"),
        group=item.text("group"),
        pci=item.text("pci"),
        drivers=item.texts("drivers"),
        compatible=item.texts("compatible"),
        controller=item.flag("controller"),
        source=item.text("source"),
        origin=item.node.origin,
    )


def _tree(fields: Fields) -> HostTree | None:
    item = fields.inner("tree")
    if item is None:
        return None
    return HostTree(
        style=item.text("style"),
        address_cells=item.node.integer("address_cells") or 2,
        size_cells=item.node.integer("size_cells") or 2,
        consumer=item.text("consumer"),
        macro=item.text("macro"),
        origin=item.node.origin,
    )


def _startup(item: Fields) -> BoardStartup:
    return BoardStartup(
        program=item.text("program"),
        arguments=item.texts("arguments"),
        virtual=item.text("virtual"),
        image=item.size("image"),
        kernel=item.text("kernel", "procnto-smp-instr"),
        hypervisor_mode=item.text("hypervisor_mode"),
        origin=item.node.origin,
    )


def _routing(item: Fields) -> InterruptRouting:
    return InterruptRouting(
        cpu=item.node.integer("cpu") or 0,
        lines=tuple(
            RoutedLine(
                line=row.node.integer("line") or 0,
                cpu=row.node.integer("cpu") or 0,
                source=row.text("source"),
                origin=row.node.origin,
            )
            for row in item.each("lines")
        ),
        source=item.text("source"),
        origin=item.node.origin,
    )


def _loader(item: Fields) -> BootLoader:
    return BootLoader(
        address=item.size("address"),
        flash=item.size("flash"),
        source=item.text("source"),
        origin=item.node.origin,
    )


def _cost(item: Fields) -> Cost:
    return Cost(
        name=item.text("name"),
        low=item.node.integer("low") or 0,
        typical=item.node.integer("typical") or 0,
        high=item.node.integer("high") or 0,
        unit=item.text("unit"),
        source=item.text("source"),
        origin=item.node.origin,
    )
