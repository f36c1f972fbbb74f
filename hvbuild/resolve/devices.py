"""Guest-physical windows and interrupt lines for what a stack leaves at `auto`, and pass-through in full."""

from collections.abc import Iterator, Sequence

from hvbuild.catalog import Catalog
from hvbuild.meaning.places import flags_in
from hvbuild.model.board import Architecture, Board, Device
from hvbuild.model.guest import Auto, Guest, PassDevice, Vdev
from hvbuild.model.vm import (
    AsinfoLength,
    AsinfoStart,
    Interrupt,
    Location,
    Memory,
    Pass,
    PassInterrupt,
    PassWindow,
    Space,
)
from hvbuild.ranges import AddressRange, first_fit
from hvbuild.resolve.guestmap import GuestMap, guest_map
from hvbuild.resolve.ledger import Ledger
from hvbuild.units import hex_address

# Devices handed through are registers unless their DMA is known: read and write, `n` no DMA, `d` DMA
# (QNX Hypervisor 7.1 and 8.0, `vm/pass`).
_FLAGS = {True: "rwd", False: "rwn", None: "rw"}


class GuestSpace:
    """Mutable: what of one guest's addresses and lines is taken while its devices are placed."""

    def __init__(self, guest: Guest, architecture: Architecture, catalog: Catalog, ledger: Ledger) -> None:
        self._guest = guest
        self._catalog = catalog
        self._ledger = ledger
        self.map: GuestMap = guest_map(architecture.value)
        self._paged = architecture is Architecture.AARCH64
        self.pic = self._controller()
        self._windows: list[AddressRange] = []
        self._ports: set[int] = set()
        self._lines: set[int] = {line for vdev in guest.vdevs for line in _fixed_lines(vdev)}
        for vdev in guest.vdevs:
            if isinstance(vdev.location, Location):
                self._take(vdev.location)

    def _controller(self) -> str:
        """The interrupt controller that lines left at `auto` belong to: the first declared, else the GIC."""
        for vdev in self._guest.vdevs:
            row = self._catalog.vdev(vdev.type)
            if row is not None and row.controller:
                return vdev.shown_name or vdev.type
        return "gic"

    def take_memory(self, memory: Sequence[Memory], passes: Sequence[Pass]) -> None:
        """Keep vdevs away from memory and pass-through windows, and from lines that are handed through."""
        for block in memory:
            if isinstance(block.base, int) and isinstance(block.size, int):
                self._keep(block.base, block.size)
        for item in passes:
            for window in item.windows:
                if (
                    window.space is Space.MEM
                    and isinstance(window.start, int)
                    and isinstance(window.length, int)
                ):
                    self._keep(window.start, window.length)
            self._lines.update(i.line.line for i in item.interrupts if isinstance(i.line.line, int))

    def _keep(self, start: int, size: int) -> None:
        # A range past the last address has a rule of its own and is nobody's neighbour.
        window = AddressRange.fitting(start, size)
        if window is not None:
            self._windows.append(window)

    def _take(self, location: Location) -> None:
        if not isinstance(location.start, int):
            return
        if location.space is Space.MEM:
            size = max(self.map.granule, location.length if isinstance(location.length, int) else 0)
            self._keep(location.start, size)
        elif location.space is Space.IO:
            self._ports.add(location.start)

    def location(self, vdev: Vdev) -> Location | None:
        """Where `vdev` sits: as declared, or decided here; None where qvm decides."""
        if not isinstance(vdev.location, Auto):
            return vdev.location
        chosen = self._preferred_location(vdev) or self._free_location(vdev)
        route = f"guests.{self._guest.name}.vdevs.{vdev.name}.loc"
        if chosen is None:
            self._ledger.decide(route, "none", "qvm puts it on the virtual PCI bus", vdev.location_origin)
            return None
        location, reason = chosen
        self._take(location)
        self._ledger.decide(route, _location_text(location), reason, vdev.location_origin)
        return location

    def _preferred_location(self, vdev: Vdev) -> tuple[Location, str] | None:
        for place in self.map.preferred.get(vdev.type, ()):
            location = _read_place(place.location, vdev)
            if location is not None and self._is_free(location):
                return location, f"the usual place of a {vdev.type}"
        return None

    def _is_free(self, location: Location) -> bool:
        if not isinstance(location.start, int):
            return False
        if location.space is Space.IO:
            return location.start not in self._ports
        window = AddressRange.sized(location.start, self.map.granule)
        return not any(window.overlaps(taken) for taken in self._windows)

    def _free_location(self, vdev: Vdev) -> tuple[Location, str] | None:
        if not self._paged:
            return None
        area = AddressRange.sized(self.map.slots_base, self.map.slots_size)
        start = first_fit(self.map.granule, self.map.granule, (area,), self._windows)
        if start is None:
            return None
        location = Location(space=Space.MEM, start=start, origin=vdev.location_origin)
        return location, f"first free 64 KiB slot of {area}"

    def interrupts(self, vdev: Vdev, location: Location | None) -> tuple[Interrupt, ...]:
        """The lines of `vdev`: as declared, or decided here; none where qvm assigns them."""
        if not isinstance(vdev.interrupts, Auto):
            return vdev.interrupts
        route = f"guests.{self._guest.name}.vdevs.{vdev.name}.intr"
        row = self._catalog.vdev(vdev.type)
        if location is None and (row is None or row.space == "pci"):
            reason = "qvm assigns the line of a PCI device"
            self._ledger.decide(route, "none", reason, vdev.interrupt_origin)
            return ()
        shares = row is not None and row.shares_line
        usual = [place.line for place in self.map.preferred.get(vdev.type, ()) if place.line is not None]
        line = next((number for number in usual if shares or number not in self._lines), None)
        reason = f"the usual line of a {vdev.type}"
        if line is None:
            line = next(n for n in range(self.map.first_line, 1020) if n not in self._lines)
            reason = f"first free line from {self.map.first_line}"
        self._lines.add(line)
        self._ledger.decide(route, f"{self.pic}:{line}", reason, vdev.interrupt_origin)
        return (Interrupt(pic=self.pic, line=line, origin=vdev.interrupt_origin),)


def _read_place(text: str | None, vdev: Vdev) -> Location | None:
    if text is None:
        return None
    space, colon, number = text.rpartition(":")
    return Location(
        space=Space(space) if colon else Space.MEM, start=int(number, 16), origin=vdev.location_origin
    )


def _fixed_lines(vdev: Vdev) -> Iterator[int]:
    if not isinstance(vdev.interrupts, Auto):
        for interrupt in vdev.interrupts:
            if isinstance(interrupt.line, int):
                yield interrupt.line


def _location_text(location: Location) -> str:
    prefix = "" if location.space is Space.MEM else f"{location.space.value}:"
    return prefix + (hex_address(location.start) if isinstance(location.start, int) else str(location.start))


def handed_over(guest: Guest, board: Board, catalog: Catalog, ledger: Ledger) -> tuple[Pass, ...]:
    """Each pass-through declaration of `guest` as qvm will read it, in order."""
    return tuple(_handed(guest, item, board, catalog, ledger) for item in guest.passes)


def _handed(guest: Guest, item: PassDevice, board: Board, catalog: Catalog, ledger: Ledger) -> Pass:
    device = board.device(item.device) if item.device else None
    if device is not None:
        return _device(guest, item, device, catalog, ledger)
    if item.region:
        window = PassWindow(
            space=Space.MEM,
            start=item.at if item.at is not None else AsinfoStart(item.region),
            length=AsinfoLength(item.region),
            flags=flags_in(item.flags, catalog),
            host=AsinfoStart(item.region) if item.at is not None else None,
            flags_text=item.flags,
            origin=item.origin,
        )
        return Pass(windows=(window,), name=item.name, waiver=item.waiver, origin=item.origin)
    return item.exact or Pass(name=item.name, origin=item.origin)


def _device(guest: Guest, item: PassDevice, device: Device, catalog: Catalog, ledger: Ledger) -> Pass:
    flags = item.flags or _FLAGS[device.dma]
    shift = 0 if item.at is None or not device.windows else item.at - device.windows[0].start
    windows = tuple(
        PassWindow(
            space=Space.MEM,
            start=window.start + shift,
            length=window.size,
            flags=flags_in(flags, catalog),
            host=window.start if shift else None,
            flags_text=flags,
            origin=item.target_origin,
        )
        for window in device.windows
    )
    lines = item.lines or device.interrupts
    interrupts = tuple(
        PassInterrupt(
            line=Interrupt(pic="gic", line=line, origin=item.target_origin),
            attribute=item.attribute,
            vector=vector if vector != line else None,
            origin=item.target_origin,
        )
        for line, vector in zip(lines, device.interrupts, strict=True)
    )
    for window in device.windows:
        ledger.decide(
            f"guests.{guest.name}.pass.{item.name}",
            str(window),
            f"registers of board device `{device.name}`",
            item.origin,
        )
    return Pass(
        windows=windows,
        interrupts=interrupts,
        name=item.name,
        device=device.name,
        waiver=item.waiver,
        origin=item.origin,
    )
