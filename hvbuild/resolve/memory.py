"""Places for host memory regions, and guest memory as qvm will allocate or map it."""

from collections.abc import Sequence

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Code, Diagnostic, Diagnostics, Severity
from hvbuild.meaning.places import flags_in
from hvbuild.meaning.qvmconf import AFTER_UNKNOWN
from hvbuild.model.guest import Auto, Guest, Ram
from hvbuild.model.plan import PlacedRegion
from hvbuild.model.stack import Region, Stack
from hvbuild.model.vm import AsinfoLength, AsinfoStart, Memory, Pass, PassWindow, Space
from hvbuild.ranges import AddressRange, first_fit
from hvbuild.resolve.ledger import Ledger
from hvbuild.units import hex_address, size_text

# The letters of working Qualcomm guests for memory handed over as their RAM (Android SDV IVI sample).
RAM_FLAGS = "rwcxm"

NO_ROOM = Code(
    code="HV2020",
    name="no-room-for-region",
    severity=Severity.ERROR,
    meaning="A memory region with `base: auto` fits no free stretch of the board's memory.",
    source="hvbuild: regions are placed first fit, in list order, in banks that firmware does not keep",
)
CODES = (NO_ROOM,)


def place_regions(stack: Stack, ledger: Ledger, faults: Diagnostics) -> tuple[PlacedRegion, ...]:
    """Every region with its place, in the stack's order; pinned ones never move."""
    banks = [bank.window for bank in stack.board.memory if not bank.firmware]
    taken = [bank.window for bank in stack.board.memory if bank.firmware]
    taken += [window for window, _, _ in stack.host.reserve]
    pinned = {region.name: window for region in stack.regions if (window := _pinned(region)) is not None}
    taken += pinned.values()
    placed: list[PlacedRegion] = []
    for region in stack.regions:
        window = pinned.get(region.name)
        if window is None and isinstance(region.base, Auto) and region.size is not None:
            window = _fit(region, banks, taken, ledger, faults)
        placed.append(PlacedRegion(name=region.name, window=window, owner=region.owner, origin=region.origin))
    return tuple(placed)


def _pinned(region: Region) -> AddressRange | None:
    return AddressRange.fitting(region.base if isinstance(region.base, int) else None, region.size)


def _fit(
    region: Region,
    banks: Sequence[AddressRange],
    taken: list[AddressRange],
    ledger: Ledger,
    faults: Diagnostics,
) -> AddressRange | None:
    size = region.size or 0
    start = first_fit(size, region.align, banks, taken)
    if start is None:
        faults.add(_no_room(region, size))
        return None
    window = AddressRange.sized(start, size)
    taken.append(window)
    reason = f"first free {size_text(size)} aligned to {size_text(region.align)} in the board's memory"
    ledger.decide(f"memory.{region.name}.base", hex_address(start), reason, region.origin)
    return window


def _no_room(region: Region, size: int) -> Diagnostic:
    return NO_ROOM.at(
        region.origin,
        f"memory region `{region.name}` of {size_text(size)} fits no free stretch of the board's memory",
        helps=["`hvbuild map` shows what is free"],
    )


def guest_memory(
    guest: Guest, base: int, catalog: Catalog, ledger: Ledger
) -> tuple[tuple[Memory, ...], tuple[Pass, ...]]:
    """The blocks that qvm allocates and the regions that are handed over as RAM, each in written order.

    `base` is where RAM left at `auto` begins when the guest has none before it.
    """
    blocks: list[Memory] = []
    handed: list[Pass] = []
    for ram in guest.ram:
        if ram.region:
            handed.append(_region_as_ram(ram, catalog))
        else:
            blocks.append(_block(guest, ram, blocks, base, ledger))
    return tuple(blocks), tuple(handed)


def _block(guest: Guest, ram: Ram, before: Sequence[Memory], base: int, ledger: Ledger) -> Memory:
    """One block; without a base it starts right after the highest block before it (QNX `vm/ram`)."""
    start, placed = ram.base, False
    if start is None and any(not isinstance(part, int) for b in before for part in (b.base, b.size)):
        start, placed = AFTER_UNKNOWN, True
    if start is None or isinstance(start, Auto):
        ends = [b.base + b.size for b in before if isinstance(b.base, int) and isinstance(b.size, int)]
        placed = start is None
        first = 0 if placed else base
        start = max(ends, default=first)
        reason = (
            "right after the highest block before it"
            if ends
            else (
                "the first block without an address starts at 0"
                if placed
                else "where guest RAM starts by convention"
            )
        )
        ledger.decide(f"guests.{guest.name}.ram.{ram.name}.base", hex_address(start), reason, ram.origin)
    return Memory(
        kind=ram.kind,
        base=start,
        size=ram.size if ram.size is not None else 0,
        name=ram.name,
        placed=placed,
        origin=ram.origin,
    )


def _region_as_ram(ram: Ram, catalog: Catalog) -> Pass:
    flags = ram.flags or RAM_FLAGS
    window = PassWindow(
        space=Space.MEM,
        start=AsinfoStart(ram.region),
        length=AsinfoLength(ram.region),
        flags=flags_in(flags, catalog),
        flags_text=flags,
        origin=ram.origin,
    )
    return Pass(windows=(window,), name=ram.name, origin=ram.origin)
