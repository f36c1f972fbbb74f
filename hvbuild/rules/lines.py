"""Guest interrupt lines in use, and who uses each."""

from collections.abc import Iterator

from hvbuild.catalog import Catalog
from hvbuild.model.vm import Interrupt, Vdev, VmConfig
from hvbuild.source import Origin
from hvbuild.values import dataclass


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
