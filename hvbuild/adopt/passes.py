"""What a qvmconf hands over and keeps back, to items of a stack: regions and devices by their names."""

from collections.abc import Iterator, Mapping

from hvbuild.adopt import spelled
from hvbuild.adopt.names import Names, fits, fitted
from hvbuild.adopt.yamltext import Item, flow_list, scalar
from hvbuild.catalog import Catalog
from hvbuild.meaning import spelling
from hvbuild.meaning.places import flags_in
from hvbuild.model.board import Board, Device
from hvbuild.model.canonical import same_meaning
from hvbuild.model.guest import Guest, PassDevice
from hvbuild.model.vm import (
    AsinfoLength,
    AsinfoStart,
    Pass,
    PassInterrupt,
    PassWindow,
    Reserve,
    Space,
    VmConfig,
)
from hvbuild.resolve.devices import handed_over
from hvbuild.resolve.ledger import Ledger
from hvbuild.resolve.memory import RAM_FLAGS

_SYSTEM_MEMORY = "m"


def ram_passes(vm: VmConfig) -> tuple[int, ...]:
    """Which passes of `vm` are named regions that serve as its RAM.

    Their order may matter, so only those count that no other passed memory stands before.
    """
    found: list[int] = []
    for index, each in enumerate(vm.passes):
        if not any(_SYSTEM_MEMORY in window.flags for window in each.windows):
            continue
        if not region_of(each) or each.windows[0].host is not None:
            break
        found.append(index)
    return tuple(found)


def region_of(each: Pass) -> str:
    """The host region that a pass hands over as a whole, in place or at another address, else nothing."""
    if len(each.windows) != 1 or each.pci or each.interrupts or each.blob:
        return ""
    window = each.windows[0]
    source = window.start if window.host is None else window.host
    whole = isinstance(source, AsinfoStart) and window.length == AsinfoLength(source.name)
    elsewhere = window.host is not None and not isinstance(window.start, int)
    if not whole or elsewhere or window.space is not Space.MEM or not isinstance(source, AsinfoStart):
        return ""
    return source.name if fits(source.name) else ""


def ram_items(vm: VmConfig, catalog: Catalog) -> Iterator[Item]:
    """Blocks of `ram` for the regions that serve as RAM."""
    taken = Names()
    for block in vm.memory:
        taken.take(block.kind.value)
    for index in ram_passes(vm):
        window = vm.passes[index].windows[0]
        region = region_of(vm.passes[index])
        keys = [Item("name", scalar(taken.take(region))), Item("region", scalar(region))]
        if window.flags != flags_in(RAM_FLAGS, catalog):
            keys.append(Item("flags", scalar(spelling.flags(window.flags))))
        yield Item("", keys, vm.passes[index].origin.span)


def pass_items(vm: VmConfig, handed: Mapping[int, PassDevice]) -> Iterator[Item]:
    """Items of `pass` for all that is left; `handed` are those that are devices of the board."""
    names = Names()
    ram = ram_passes(vm)
    for index, each in enumerate(vm.passes):
        if index in ram or not (each.windows or each.pci or each.interrupts):
            continue
        region = region_of(each)
        if index in handed:
            keys = _device(handed[index], names)
        elif region:
            keys = _region(each.windows[0], region, names)
        else:
            keys = _exact(each, names)
        yield Item("", keys, each.origin.span)


def _region(window: PassWindow, region: str, names: Names) -> list[Item]:
    keys = [Item("name", scalar(names.take(region))), Item("region", scalar(region))]
    if window.host is not None:
        keys.append(Item("at", spelled.address(window.start)))
    return [*keys, *_flags(window)]


def _flags(window: PassWindow) -> list[Item]:
    return [Item("flags", scalar(spelling.flags(window.flags)))] if window.flags else []


def _exact(each: Pass, names: Names) -> list[Item]:
    keys = [Item("name", scalar(names.take(_wish(each))))]
    if each.blob:
        keys.append(Item("blob", scalar(each.blob)))
    keys += spelled.listed(
        "windows", [Item("", _window(window), window.origin.span) for window in each.windows]
    )
    pci = [
        [Item("host", scalar(device.host)), *([Item("guest", scalar(device.guest))] if device.guest else [])]
        for device in each.pci
    ]
    keys += spelled.listed("pci", [Item("", list(items)) for items in pci])
    lines = [Item("", _interrupt(line), line.origin.span) for line in each.interrupts]
    return [*keys, *spelled.listed("interrupts", lines)]


def _wish(each: Pass) -> str:
    """A name from what is handed over: its first host address, device or line."""
    if each.windows:
        window = each.windows[0]
        return fitted(f"at-{spelled.address(window.start if window.host is None else window.host)}", "pass")
    if each.pci:
        return fitted(f"pci-{each.pci[0].host.replace('/', '-').replace(':', '-')}", "pass")
    return fitted(f"line-{spelling.interrupt(each.interrupts[0].line).replace(':', '-')}", "pass")


def _window(window: PassWindow) -> list[Item]:
    keys = [Item("space", "io")] if window.space is Space.IO else []
    keys.append(Item("base", spelled.address(window.start)))
    if window.length is not None:
        keys.append(Item("size", spelled.size(window.length)))
    keys += _flags(window)
    if window.host is not None:
        keys.append(Item("host", spelled.address(window.host)))
    return keys


def _interrupt(line: PassInterrupt) -> list[Item]:
    keys = [Item("line", scalar(spelling.interrupt(line.line), numbers=True))]
    if line.vector is not None:
        keys.append(Item("vector", scalar(str(line.vector), numbers=True)))
    if line.attribute:
        keys.append(Item("attribute", scalar(line.attribute)))
    return keys


# --- devices of the board -----------------------------------------------------------------------------------


def board_devices(vm: VmConfig, board: Board, catalog: Catalog) -> dict[int, PassDevice]:
    """Which passes of `vm` are a whole device of `board`, exactly as a stack would hand it over."""
    found: dict[int, PassDevice] = {}
    for index, each in enumerate(vm.passes):
        for device in board.devices:
            if index not in found and (handed := _handed(each, device, board, catalog)) is not None:
                found[index] = handed
    return found


def _handed(each: Pass, device: Device, board: Board, catalog: Catalog) -> PassDevice | None:
    if not each.windows or not device.windows or device.controller:
        return None
    first = each.windows[0]
    if (first.start if first.host is None else first.host) != device.windows[0].start:
        return None
    lines = tuple(line.line.line for line in each.interrupts if isinstance(line.line.line, int))
    attributes = {line.attribute for line in each.interrupts}
    wanted = PassDevice(
        name=device.name,
        device=device.name,
        at=first.start if isinstance(first.start, int) and first.host is not None else None,
        flags=spelling.flags(first.flags),
        lines=() if lines == device.interrupts else lines,
        attribute=next(iter(attributes)) if len(attributes) == 1 else "",
    )
    if len(wanted.lines or device.interrupts) != len(device.interrupts):
        return None
    made = handed_over(Guest(name="", system="", passes=(wanted,)), board, catalog, Ledger())
    same = same_meaning(VmConfig(passes=(each,)), VmConfig(passes=made), catalog)
    return wanted if same else None


def _device(item: PassDevice, names: Names) -> list[Item]:
    keys = [Item("name", scalar(names.take(item.name))), Item("device", scalar(item.device))]
    if item.at is not None:
        keys.append(Item("at", spelled.address(item.at)))
    if item.flags:
        keys.append(Item("flags", scalar(item.flags)))
    if item.lines:
        keys.append(Item("lines", flow_list(str(line) for line in item.lines)))
    if item.attribute:
        keys.append(Item("attribute", scalar(item.attribute)))
    return keys


# --- what is kept from qvm itself ---------------------------------------------------------------------------


def reserve_items(vm: VmConfig) -> Iterator[Item]:
    """Items of `reserve`."""
    for reserve in vm.reserves:
        if reserve.locations or reserve.interrupts:
            yield Item("", _reserve(reserve), reserve.origin.span)


def _reserve(reserve: Reserve) -> list[Item]:
    keys = []
    if reserve.locations:
        # With its space said every location is text, which the list asks for.
        keys.append(Item("loc", flow_list(spelled.location(place, Space.PCI) for place in reserve.locations)))
    if reserve.interrupts:
        lines = (scalar(spelling.interrupt(line), numbers=True) for line in reserve.interrupts)
        keys.append(Item("intr", flow_list(lines)))
    return keys
