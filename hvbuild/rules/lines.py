"""Guest interrupt lines in use, and who uses each."""

from collections.abc import Iterator, Mapping

from hvbuild.catalog import Catalog
from hvbuild.catalog_rows import VdevRow
from hvbuild.model.vm import Interrupt, Vdev, VmConfig
from hvbuild.source import Origin
from hvbuild.values import dataclass

# Arm GIC architecture: ids 0-15 are software interrupts, 16-31 private to one CPU, 32-1019 shared.
FIRST_SHARED = 32


@dataclass(frozen=True, slots=True)
class Line:
    """A guest interrupt line with its user; `shares`: the device may share it with others of its kind."""

    interrupt: Interrupt
    text: str
    origin: Origin
    shares: bool = False
    vdev: Vdev | None = None


def lines_of(vm: VmConfig, catalog: Catalog) -> Iterator[Line]:
    """Every guest interrupt line in use, devices first, then what is handed over."""
    for vdev in vm.vdevs:
        row = catalog.vdev(vdev.type) if vdev.interrupts else None
        for interrupt in vdev.interrupts:
            text = f"virtual device `{vdev.label}`"
            shares = bool(row and row.shares_line)
            yield Line(interrupt, text, interrupt.origin or vdev.origin, shares, vdev)
    for each in vm.passes:
        for handed in each.interrupts:
            name = each.device or each.name
            text = f"pass-through `{name}`" if name else "a passed interrupt"
            yield Line(handed.line, text, handed.origin or handed.line.origin or each.origin)


def line_controllers(vm: VmConfig, catalog: Catalog) -> Mapping[str, VdevRow | None]:
    """The interrupt controllers of `vm` by the names that `intr` uses; None: one that has no rows."""
    rows: dict[str, VdevRow | None] = {
        row.name: catalog.vdev(row.type) if row.type else None for row in catalog.implicit_controllers
    }
    for vdev in vm.vdevs:
        row = catalog.vdev(vdev.type)
        if row is not None and row.controller:
            if row.implicit and vdev.name:
                rows.pop(row.name, None)
            rows[vdev.name or row.name] = row
        elif row is None and vdev.name:
            rows[vdev.name] = None
    return rows


def line_bounds(vm: VmConfig, catalog: Catalog) -> Mapping[str, range]:
    """The lines that devices of `vm` may use, for each controller that it declares or names somewhere.

    Of a GIC these are the shared ones: those below belong to one CPU each.
    """
    named = {line.interrupt.pic for line in lines_of(vm, catalog)} | {vdev.name for vdev in vm.vdevs}
    bounds: dict[str, range] = {}
    for pic, row in line_controllers(vm, catalog).items():
        if row is not None and row.lines is not None and pic in named:
            low, high = row.lines
            bounds[pic] = range(max(low, FIRST_SHARED) if row.name == "gic" else low, high + 1)
    return bounds
