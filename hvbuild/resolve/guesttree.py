"""What a guest's own device tree must add to the one that qvm makes: handed-over devices, reserved memory.

Up to 7.1 the guest is given a whole tree that holds nothing but these; a stub with `qvm,vdev` stands for the
interrupt controller. From 8.0 on it is an overlay, and qvm itself tells of handed-over devices (QNX
Hypervisor 7.1 and 8.0, FDTs for guests).
"""

from collections.abc import Iterator

from hvbuild.catalog import Catalog
from hvbuild.model.guest import Guest
from hvbuild.model.plan import GuestPlan, Plan
from hvbuild.model.stack import Stack
from hvbuild.model.vm import AsinfoStart, Load, Pass, PassWindow, Space
from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import PAGE
from hvbuild.values import dataclass

_DATA = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedNode:
    """Memory of the guest that its kernel must leave alone; `window` None where its size is not known."""

    name: str
    window: AddressRange | None
    origin: Origin = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceNode:
    """A handed-over device: its guest windows, and its interrupts as numbers of the guest's controller."""

    name: str
    compatible: tuple[str, ...]
    windows: tuple[AddressRange, ...]
    interrupts: tuple[int, ...]
    origin: Origin = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestTreePlan:
    """The tree of one guest. `controller` is the name of the vdev that interrupts go to, empty for none."""

    overlay: bool
    reserved: tuple[ReservedNode, ...]
    devices: tuple[DeviceNode, ...] = ()
    controller: str = ""


def tree_names(stack: Stack, guest: Guest, catalog: Catalog) -> tuple[str, str]:
    """The names in the build folder of a guest's tree: its source, and the blob that qvm loads."""
    kinds = ("dtso", "dtbo") if catalog.feature(stack.target, "fdt") == "overlay" else ("dts", "dtb")
    return f"guests/{guest.name}.{kinds[0]}", f"guests/{guest.name}.{kinds[1]}"


def plan_tree(plan: Plan, guest: GuestPlan, catalog: Catalog) -> GuestTreePlan:
    """What the tree of `guest` must say."""
    overlay = catalog.feature(plan.stack.target, "fdt") == "overlay"
    reserved = (*_data(guest), *_shared(plan, guest))
    if overlay:
        return GuestTreePlan(overlay=True, reserved=reserved)
    devices = tuple(_devices(plan, guest))
    controllers = [
        interrupt.line.pic
        for item in guest.vm.passes
        for interrupt in item.interrupts
        if any(device.interrupts for device in devices)
    ]
    return GuestTreePlan(
        overlay=False, reserved=reserved, devices=devices, controller=controllers[0] if controllers else ""
    )


def _data(guest: GuestPlan) -> Iterator[ReservedNode]:
    """Data that qvm puts into the guest's memory: a block of its own, or the pages it takes."""
    sizes = {image.load.path: (image.size, image.origin) for image in guest.guest.images}
    for load in guest.vm.loads:
        if load.blob != _DATA or not isinstance(load.address, int):
            continue
        size, place = sizes.get(load.path, (None, load.origin))
        window = _own_block(guest, load)
        if window is None and size is not None:
            start = load.address // PAGE * PAGE
            window = AddressRange(start, -(-(load.address + size) // PAGE) * PAGE)
        yield ReservedNode(name=load.name or "data", window=window, origin=place)


def _own_block(guest: GuestPlan, load: Load) -> AddressRange | None:
    for memory in guest.vm.memory:
        if memory.base == load.address and isinstance(memory.base, int) and isinstance(memory.size, int):
            return AddressRange.sized(memory.base, memory.size)
    return None


def _shared(plan: Plan, guest: GuestPlan) -> Iterator[ReservedNode]:
    """Regions that several guests are handed: no guest's kernel may take them as its own RAM."""
    shared = {region.name for region in plan.stack.regions if region.shared}
    for item in guest.vm.passes:
        for window in item.windows:
            name = _region_of(window)
            if name in shared:
                place = plan.system.window(window.start, window.length)
                yield ReservedNode(name=name, window=place, origin=item.origin)


def _region_of(window: PassWindow) -> str:
    at = window.start if window.host is None else window.host
    return at.name if isinstance(at, AsinfoStart) else ""


def _devices(plan: Plan, guest: GuestPlan) -> Iterator[DeviceNode]:
    """Handed-over devices of the board whose kind is known: a node without one would find no driver."""
    for item in guest.vm.passes:
        device = plan.stack.board.device(item.device) if item.device else None
        if device is not None and device.compatible:
            yield DeviceNode(
                name=device.name,
                compatible=device.compatible,
                windows=tuple(_windows(plan, item)),
                interrupts=tuple(
                    each.line.line for each in item.interrupts if isinstance(each.line.line, int)
                ),
                origin=item.origin,
            )


def _windows(plan: Plan, item: Pass) -> Iterator[AddressRange]:
    for window in item.windows:
        place = plan.system.window(window.start, window.length)
        if window.space is Space.MEM and place is not None:
            yield place
