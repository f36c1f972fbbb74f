"""Where virtual devices answer: their windows as written, or as the catalogue has them by default."""

from collections.abc import Iterator

from hvbuild.catalog import Catalog
from hvbuild.catalog_rows import WindowRow
from hvbuild.model.system import System
from hvbuild.model.vm import Location, Space, Vdev, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.source import Origin
from hvbuild.units import read_number, read_qvm_address
from hvbuild.values import dataclass

# A device whose size nobody tells us answers at least the registers of a memory-mapped VIRTIO device.
_LEAST = 0x200
# A default place that is only inferred proves nothing about a clash.
_SURE = ("D", "A")


@dataclass(frozen=True, slots=True)
class VdevWindow:
    """A range that a virtual device answers; `by_default`: its place comes from the catalogue."""

    window: AddressRange
    space: Space
    origin: Origin
    by_default: bool = False


def vdev_windows(vdev: Vdev, vm: VmConfig, system: System, catalog: Catalog) -> tuple[VdevWindow, ...]:
    """The windows of `vdev` whose place is known; none for a device on the PCI bus."""
    row = catalog.vdev(vdev.type)
    if row is None or not row.windows:
        return tuple(_at_loc(vdev, system, _LEAST))
    version = device_version(vdev, catalog, system.target) if len(row.windows) > 1 else None
    space = Space(row.space)
    found = [
        window
        for piece in row.windows
        if piece.version is None or piece.version == version
        for window in _piece(vdev, piece, vm, system, space)
    ]
    if not found and vdev.location is not None:
        return tuple(_at_loc(vdev, system, _LEAST))
    return tuple(found)


def device_version(vdev: Vdev, catalog: Catalog, target: str | None) -> int | None:
    """The `version` of a device that has several: as said, as its options imply, or as the release has it.

    QNX Hypervisor 7.0, vdev gic: `gicr` or `its` implies version 3; 8.0 presents version 3 by default.
    """
    said = vdev.option("version")
    if said is not None and said.values:
        return read_number(said.values[0])
    if vdev.option("gicr") or vdev.option("its"):
        return 3
    if vdev.option("gicc"):
        return 2
    if target is not None and "8.0" in catalog.releases(target):
        return 3
    return None


def _at_loc(vdev: Vdev, system: System, size: int) -> Iterator[VdevWindow]:
    at = vdev.location
    if at is not None and at.space is not Space.PCI:
        window = system.window(at.start, at.length if at.length is not None else size)
        if window is not None:
            yield VdevWindow(window, at.space, at.origin or vdev.origin)


def _piece(vdev: Vdev, row: WindowRow, vm: VmConfig, system: System, space: Space) -> Iterator[VdevWindow]:
    size = row.size * (max(len(vm.vcpus), 1) if row.per_vcpu else 1)
    if vdev.location is not None and "loc" in (row.option, row.same):
        yield from _at_loc(vdev, system, size)
        return
    option = vdev.option(row.option) if row.option != "loc" else None
    text = option.values[0].split(",")[0] if option is not None and option.values else ""
    start = read_qvm_address(text)
    if option is not None:
        window = AddressRange.fitting(start, size)
        if window is not None:
            yield VdevWindow(window, Space.MEM, option.origin or vdev.origin)
    elif row.default is not None and row.default_evidence in _SURE and vdev.location is None:
        yield VdevWindow(AddressRange.sized(row.default, size), space, vdev.origin, by_default=True)


def pci_slot(at: Location | None) -> str:
    """The PCI slot that a location names in one spelling (`0:4.0`), or nothing."""
    if at is None or at.space is not Space.PCI or not at.text:
        return ""
    return at.text if "." in at.text or "/" in at.text else f"{at.text}.0"
