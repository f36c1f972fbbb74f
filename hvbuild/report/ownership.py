"""Who owns what in a system: claims on addresses and interrupts, and the gaps between them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from hvbuild.model.system import HostRegion, System
from hvbuild.model.vm import (
    Amount,
    AsinfoLength,
    AsinfoStart,
    Interrupt,
    Location,
    PassInterrupt,
    Space,
    Vdev,
    VmConfig,
)
from hvbuild.ranges import AddressRange, gaps
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import read_number

WindowSize = Callable[[Vdev], int | None]
"""The bytes of a vdev's window by its type, or None where the catalogue does not know."""

LineBounds = Callable[[VmConfig], Mapping[str, range]]
"""The lines of each interrupt controller of a VM that its devices may use, by the controller's name."""


class Holding(StrEnum):
    """What becomes of an access to a claim: the manual's four kinds, and what is no guest access at all."""

    PERMITTED = "permitted"
    PASS_THROUGH = "pass-through"  # noqa: S105 - a kind of access
    TRAP = "vdev trap"
    FAULT = "fault"
    RESERVED = "reserved"
    HOST = "host"
    GUEST = "guest"
    SHARED = "shared"
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A range of addresses and its owner.

    Where only the target knows the range, `window` is None, `start` says how it is written, and `known_start`
    holds the start when that much is known.
    """

    owner: str
    holding: Holding
    window: AddressRange | None = None
    start: str = ""
    known_start: int | None = None
    size: int | None = None
    origin: Origin = NOWHERE

    @property
    def sort_key(self) -> tuple[bool, int, int, str, str]:
        """By address, the longest first; what has none comes last."""
        if self.window is not None:
            return False, self.window.start, -self.window.end, "", self.owner
        return self.known_start is None, self.known_start or 0, 0, self.start, self.owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An interrupt: of a guest (`pic`, `line`), of the host (`vector`), or handed from one to the other."""

    owner: str
    pic: str = ""
    line: str = ""
    number: int | None = None
    vector: str = ""
    vector_number: int | None = None
    origin: Origin = NOWHERE


def ordered(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """`claims` by address."""
    return tuple(sorted(claims, key=lambda claim: claim.sort_key))


# --- guest-physical -------------------------------------------------------------------------------------


def guest_memory(system: System, vm: VmConfig, window_size: WindowSize) -> tuple[Claim, ...]:
    """Every claim on the guest-physical addresses of `vm`, and the gaps, in which an access faults.

    The last gap ends where the guest's addresses do, when that is known. Behind a claim of unknown size
    nothing is called a gap up to the next claim.
    """
    claims = ordered(claim for space, claim in _guest_claims(system, vm, window_size) if space is Space.MEM)
    bits = system.host.address_bits
    known = [claim.window.end for claim in claims if claim.window]
    top = max([1 << bits if bits else 0, *known, *(claim.known_start or 0 for claim in claims)])
    taken = list(_taken(claims, top))
    free = (Claim(owner="", holding=Holding.FAULT, window=gap) for gap in gaps(AddressRange(0, top), taken))
    return ordered([*claims, *free])


def _taken(claims: tuple[Claim, ...], top: int) -> Iterator[AddressRange]:
    """The ranges that `claims` may take up to `top`."""
    starts = sorted(claim.window.start for claim in claims if claim.window)
    for claim in claims:
        if claim.window:
            yield claim.window
        elif claim.known_start is not None:
            at = claim.known_start
            yield AddressRange(at, max(at, next((start for start in starts if start > at), top)))


def guest_ports(system: System, vm: VmConfig, window_size: WindowSize) -> tuple[Claim, ...]:
    """Every claim on the x86 ports of `vm`."""
    return ordered(claim for space, claim in _guest_claims(system, vm, window_size) if space is Space.IO)


def guest_slots(system: System, vm: VmConfig, window_size: WindowSize) -> tuple[Claim, ...]:
    """Every claim on PCI slots of `vm`; `start` is the slot."""
    return ordered(claim for space, claim in _guest_claims(system, vm, window_size) if space is Space.PCI)


def _guest_claims(system: System, vm: VmConfig, window_size: WindowSize) -> Iterator[tuple[Space, Claim]]:
    for memory in vm.memory:
        owner = " ".join(word for word in (memory.kind.value, memory.name) if word)
        extent = (memory.base, memory.size)
        yield Space.MEM, _claim(system, owner, Holding.PERMITTED, extent, memory.origin)
    for vdev in vm.vdevs:
        if vdev.location:
            size = vdev.location.length if vdev.location.length is not None else window_size(vdev)
            yield _located(system, _vdev_owner(vdev), Holding.TRAP, vdev.location, size)
    for given in vm.passes:
        owner = _pass_owner(given.name or given.device)
        for window in given.windows:
            yield (
                window.space,
                _claim(system, owner, Holding.PASS_THROUGH, (window.start, window.length), window.origin),
            )
        for pci in given.pci:
            slot = pci.guest or "any"
            yield (
                Space.PCI,
                Claim(
                    owner=f"{owner} {pci.host}",
                    holding=Holding.PASS_THROUGH,
                    start=slot,
                    origin=pci.origin or given.origin,
                ),
            )
    for reserve in vm.reserves:
        for location in reserve.locations:
            yield _located(system, "reserve", Holding.RESERVED, location, location.length)


def _located(
    system: System, owner: str, held: Holding, location: Location, size: Amount | None
) -> tuple[Space, Claim]:
    if location.space is Space.PCI:
        return Space.PCI, Claim(owner=owner, holding=held, start=location.text, origin=location.origin)
    return location.space, _claim(system, owner, held, (location.start, size), location.origin)


def _claim(
    system: System, owner: str, held: Holding, extent: tuple[Amount, Amount | None], origin: Origin
) -> Claim:
    start, size = extent
    window = system.window(start, size)
    known = system.amount(start)
    return Claim(
        owner=owner,
        holding=held,
        window=window,
        start="" if window else (f"{known:#x}" if known is not None else str(start)),
        known_start=known,
        size=system.amount(size),
        origin=origin,
    )


def _vdev_owner(vdev: Vdev) -> str:
    return f"vdev {vdev.label}" + (f" ({vdev.type})" if vdev.label != vdev.type else "")


def _pass_owner(name: str) -> str:
    return f"pass {name}" if name else "pass"


# --- host-physical --------------------------------------------------------------------------------------


def host_memory(system: System) -> tuple[Claim, ...]:
    """Every claim on host-physical addresses that is known, and what of the RAM banks nobody claims."""
    host = system.host
    claims = [
        *(_region_claim(region, "reserved", Holding.RESERVED) for region in host.reserved),
        *(_named_region(system, region) for region in (host.regions or {}).values()),
        *_passed_windows(system),
    ]
    passed = {claim.window for claim in claims if claim.holding is Holding.PASS_THROUGH}
    for device in (host.devices or {}).values():
        claims += [
            Claim(owner=f"device {device.name}", holding=Holding.HOST, window=window, origin=device.origin)
            for window in device.windows
            if window not in passed
        ]
    taken = [claim.window for claim in claims if claim.window]
    for bank in host.banks or ():
        claims += [
            Claim(owner=f"bank {bank.name}", holding=Holding.FREE, window=gap, origin=bank.origin)
            for gap in (gaps(bank.window, taken) if bank.window else ())
        ]
    return ordered(claims)


def host_demands(system: System) -> tuple[Claim, ...]:
    """Guest memory that qvm takes from the host's free RAM when the VM starts: sizes without an address."""
    return tuple(
        Claim(
            owner=f"guest {vm.label}: {memory.kind.value}" + (f" {memory.name}" if memory.name else ""),
            holding=Holding.GUEST,
            size=system.amount(memory.size),
            start="anywhere",
            origin=memory.origin,
        )
        for vm in system.vms
        for memory in vm.memory
        if not isinstance(memory.base, AsinfoStart)
    )


def _region_claim(region: HostRegion, word: str, held: Holding) -> Claim:
    owner = f"{word} {region.name}" + (f" ({region.purpose})" if region.purpose else "")
    size = region.window.size if region.window else region.size
    return Claim(owner=owner, holding=held, window=region.window, size=size, origin=region.origin)


def _named_region(system: System, region: HostRegion) -> Claim:
    users = [vm.label for vm in system.vms if region.name in set(_named(vm))]
    held = Holding.SHARED if region.shared or len(users) > 1 else Holding.GUEST if users else Holding.HOST
    claim = _region_claim(region, "region", held)
    if not users:
        return claim
    return Claim(
        owner=f"{claim.owner}: {', '.join(f'guest {user}' for user in users)}",
        holding=held,
        window=claim.window,
        size=claim.size,
        origin=claim.origin,
    )


def _named(vm: VmConfig) -> Iterator[str]:
    """The asinfo entries that `vm` takes memory from."""
    amounts: list[Amount | None] = []
    for memory in vm.memory:
        amounts += [memory.base, memory.size]
    for window in (window for given in vm.passes for window in given.windows):
        amounts += [window.start, window.length, window.host]
    for amount in amounts:
        if isinstance(amount, AsinfoStart | AsinfoLength):
            yield amount.name


def _passed_windows(system: System) -> Iterator[Claim]:
    for vm in system.vms:
        for given in vm.passes:
            for window in given.windows:
                start = window.start if window.host is None else window.host
                if window.space is Space.MEM and not isinstance(start, AsinfoStart):
                    owner = f"guest {vm.label}: {_pass_owner(given.name or given.device)}"
                    extent = (start, window.length)
                    yield _claim(system, owner, Holding.PASS_THROUGH, extent, window.origin)


# --- interrupts -----------------------------------------------------------------------------------------


def guest_interrupts(system: System, vm: VmConfig) -> tuple[Line, ...]:
    """Every interrupt line of `vm` that has an owner, by controller and line."""
    lines = [
        *(_line(system, _vdev_owner(vdev), interrupt) for vdev in vm.vdevs for interrupt in vdev.interrupts),
        *(_line(system, "reserve", interrupt) for reserve in vm.reserves for interrupt in reserve.interrupts),
    ]
    for given in vm.passes:
        for handed in given.interrupts:
            number, text = _host_vector(system, vm, handed)
            line = _line(system, _pass_owner(given.name or given.device), handed.line)
            lines.append(
                replace(line, vector=text, vector_number=number, origin=handed.origin or line.origin)
            )
    return tuple(sorted(lines, key=lambda line: (line.pic, line.number is None, line.number or 0, line.line)))


def free_lines(lines: Iterable[Line], bounds: Mapping[str, range]) -> dict[str, tuple[AddressRange, ...]]:
    """The lines within `bounds`, by controller, that no line of `lines` takes."""
    taken: dict[str, list[AddressRange]] = {pic: [] for pic in bounds}
    for line in lines:
        if line.pic in taken and line.number is not None:
            taken[line.pic].append(AddressRange.sized(line.number, 1))
    return {
        pic: gaps(AddressRange(bounds[pic].start, bounds[pic].stop), numbers)
        for pic, numbers in sorted(taken.items())
    }


def host_interrupts(system: System) -> tuple[Line, ...]:
    """Every host interrupt that a guest is given or a device of the board raises, by vector."""
    lines = []
    for vm in system.vms:
        for given in vm.passes:
            owner = f"guest {vm.label}: {_pass_owner(given.name or given.device)}"
            for handed in given.interrupts:
                number, text = _host_vector(system, vm, handed)
                origin = handed.origin or handed.line.origin
                lines.append(Line(owner=owner, vector=text, vector_number=number, origin=origin))
    given_away = {line.vector_number for line in lines}
    for device in (system.host.devices or {}).values():
        for number in device.interrupts:
            if number not in given_away:
                owner = f"device {device.name}"
                lines.append(
                    Line(owner=owner, vector=str(number), vector_number=number, origin=device.origin)
                )
    return tuple(
        sorted(lines, key=lambda line: (line.vector_number is None, line.vector_number or 0, line.owner))
    )


def _line(system: System, owner: str, line: Interrupt) -> Line:
    number = system.amount(line.line)
    return Line(
        owner=owner,
        pic=line.pic,
        line=str(number if number is not None else line.line if line.line is not None else ""),
        number=number,
        origin=line.origin,
    )


def _host_vector(system: System, vm: VmConfig, handed: PassInterrupt) -> tuple[int | None, str]:
    """The host vector of a passed interrupt, and how it is said where its number is not known."""
    if handed.vector is not None:
        number = system.amount(handed.vector)
    else:
        base, line = _first_vector(vm, handed.line.pic), system.amount(handed.line.line)
        number = base + line if base is not None and line is not None else None
    said = handed.vector if handed.vector is not None else f"hostvector of {handed.line.pic} + line"
    return number, str(number if number is not None else said)


def _first_vector(vm: VmConfig, pic: str) -> int | None:
    """The host vector of line 0 of `pic`: what its `hostvector` says, else 0 for the only controller in use.

    Source: QNX Hypervisor 7.1, vdev options, hostvector: 0 for the first controller.
    """
    for vdev in vm.vdevs:
        option = vdev.option("hostvector")
        if option is not None and option.values and pic in (vdev.name, vdev.type):
            return read_number(option.values[0])
    used = {handed.line.pic for given in vm.passes for handed in given.interrupts}
    used |= {interrupt.pic for vdev in vm.vdevs for interrupt in vdev.interrupts}
    return 0 if used == {pic} else None
