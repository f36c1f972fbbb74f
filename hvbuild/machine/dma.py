"""Which memory a device handed to a guest can reach by DMA: isolation as a result, not a remark.

Sources: QNX Hypervisor 7.1, smmuman user's guide: until smmuman programs the SMMU a DMA device has
unrestricted access; qvm refuses a DMA device that smmuman does not handle, unless the guest is unity-mapped
(then it starts, reported and unprotected).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from hvbuild.machine.claims import Claim, ClaimKind
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.machine.memory import MachineMemory
from hvbuild.model.board import Device
from hvbuild.model.system import System
from hvbuild.ranges import AddressRange, gaps, merged
from hvbuild.source import NOWHERE, Origin

_MEMORY = (ClaimKind.RAM, ClaimKind.ROM, ClaimKind.SHARED)


class Containment(StrEnum):
    """What stands between a device and host memory."""

    CONTAINED = "contained"
    UNRESTRICTED = "unrestricted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What one device of one VM can reach. `works`: the guest's own addresses mean the same to the device.

    `memory` is host memory; None where the device reaches everything or nothing is known.
    """

    device: str
    vm: str
    index: int
    containment: Containment
    memory: tuple[AddressRange, ...] | None
    works: bool
    why: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


def is_unity(guest: GuestMemory) -> bool:
    """True when every byte of the guest's memory has the same address in the host, by declaration."""
    rows = [row for row in guest.segments if row.claim.memory]
    return bool(rows) and all(
        row.claim.kind is ClaimKind.PASS and row.host == row.window.start for row in rows
    )


def own_memory(guest: GuestMemory) -> tuple[AddressRange, ...]:
    """The host memory that is this VM's: its RAM, and memory handed to it or shared with it."""
    return merged(
        AddressRange.sized(row.host, row.window.size)
        for row in guest.segments
        if row.host is not None and (row.claim.kind in _MEMORY or row.claim.memory)
    )


def device_of(system: System, claim: Claim, guest: GuestMemory) -> Device | None:
    """The board's device behind a pass-through claim, by its host window, else by its name."""
    devices = system.host.devices or {}
    host = [AddressRange.sized(s.host, s.window.size) for s in guest.segments if s.claim is claim and s.host]
    for device in devices.values():
        if any(window.overlaps(part) for window in device.windows for part in host):
            return device
    return devices.get(claim.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Handed:
    """A device as handed to a guest; `masters` None: nobody knows whether it does DMA."""

    name: str
    device: Device | None
    said: bool | None
    masters: bool | None
    origin: Origin


def _handed(system: System, guest: GuestMemory) -> Iterator[_Handed]:
    for claim in guest.claims:
        if claim.kind is not ClaimKind.PASS or claim.memory or claim.vdev is not None:
            continue
        device = device_of(system, claim, guest)
        # what the hardware does counts; what the configuration says of it only where nothing is known
        known = device.dma if device is not None else None
        masters = known if known is not None else claim.dma
        if masters is not None or device is not None:
            name = device.name if device is not None else claim.name
            yield _Handed(name=name, device=device, said=claim.dma, masters=masters, origin=claim.origin)
    for row in system.vms[guest.index].passes:
        for pci in row.pci:
            found = [d for d in (system.host.devices or {}).values() if d.pci and d.pci == pci.host]
            device = found[0] if found else None
            # every PCI function can master the bus, and qvm sees that it is one
            masters = device.dma is not False if device is not None else True
            name = device.name if device is not None else f"pci:{pci.host}"
            yield _Handed(name=name, device=device, said=True, masters=masters, origin=pci.origin)


def reaches(memory: MachineMemory) -> Iterator[Reach]:
    """The reach of every device that may do DMA, by VM and order; devices known not to are left out."""
    for guest in memory.guests:
        for handed in _handed(memory.system, guest):
            if handed.masters is not False:
                yield _reach(memory, guest, handed)


def _reach(memory: MachineMemory, guest: GuestMemory, handed: _Handed) -> Reach:
    unity = is_unity(guest)
    if handed.masters:
        containment, why = _containment(memory.system, unity, handed.said)
    else:
        containment, why = Containment.UNKNOWN, "whether the device does DMA is not known"
    inside = containment is Containment.CONTAINED
    reached = _grouped(memory, guest, handed.device) if inside else None
    return Reach(
        device=handed.name,
        vm=guest.vm,
        index=guest.index,
        containment=containment,
        memory=() if containment is Containment.REFUSED else reached,
        works=inside or (unity and containment is Containment.UNRESTRICTED),
        why=why,
        origin=handed.origin,
    )


def _containment(system: System, unity: bool, said: bool | None) -> tuple[Containment, str]:
    """What limits a bus master, given what its `pass` line `said` (d, n, or nothing)."""
    smmu, manager = system.host.smmu, system.host.smmuman
    if smmu is None or manager is None:
        return Containment.UNKNOWN, "whether the board has an SMMU, or the host smmuman, is not known"
    if smmu and manager:
        if said is False:
            return Containment.UNKNOWN, "said not to do DMA, so smmuman was not told of it"
        return Containment.CONTAINED, "smmuman limits the device to its VM's memory"
    lacking = "the board has no SMMU" if not smmu else "the host does not run smmuman"
    if unity:
        return Containment.UNRESTRICTED, f"{lacking}; the guest is unity-mapped, so it starts unprotected"
    if said:
        return Containment.REFUSED, f"{lacking}: qvm refuses the device and does not start"
    return Containment.UNRESTRICTED, f"{lacking}, and qvm was not told that the device does DMA"


def _grouped(memory: MachineMemory, guest: GuestMemory, device: Device | None) -> tuple[AddressRange, ...]:
    """Own memory, joined by that of every VM whose device the SMMU cannot tell from this one."""
    own = list(own_memory(guest))
    if device is None or not (device.stream_ids or device.group):
        return merged(own)
    for other in memory.guests:
        for peer in _handed(memory.system, other) if other.index != guest.index else ():
            if peer.device is not None and _inseparable(device, peer.device):
                own += own_memory(other)
    return merged(own)


def _inseparable(one: Device, two: Device) -> bool:
    streams = set(one.stream_ids) & set(two.stream_ids)
    return bool(streams) or bool(one.group and one.group == two.group)


def foreign(memory: MachineMemory, reach: Reach) -> tuple[AddressRange, ...]:
    """The host RAM that a device reaches although it is not its VM's; empty when nothing is."""
    guest = next(row for row in memory.guests if row.index == reach.index)
    own = own_memory(guest)
    if reach.memory is not None:
        return merged(gap for window in reach.memory for gap in gaps(window, own))
    if reach.containment is not Containment.UNRESTRICTED:
        return ()
    banks = [row.window for row in memory.system.host.banks or () if row.window is not None]
    return merged(gap for bank in banks for gap in gaps(bank, own))
