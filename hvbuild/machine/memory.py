"""The memory of the whole system: each guest's stage-2 tables over one host memory, and every access judged.

Guest RAM is drawn from the host's free memory in the order in which VMs start; what does not fit is refused,
that VM alone. What the hardware maps wins over a vdev that claims the same bytes, since a mapped page never
traps; every such clash is listed, never resolved in silence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hvbuild.machine.access import Access, Action, Outcome
from hvbuild.machine.claims import (
    ALL_RIGHTS,
    READ_WRITE,
    Claim,
    ClaimKind,
    Remark,
    Shapes,
    architecture_of,
    claims_of,
)
from hvbuild.machine.guestmemory import GuestMemory, Segment
from hvbuild.machine.hostmemory import ONE_STRETCH, HostPool, Placement, pool_of
from hvbuild.machine.shared import SharedRegion, shared_regions
from hvbuild.machine.stage2 import Mapped, Regime, arm_regime, ept_regime, stage2
from hvbuild.model.system import System
from hvbuild.model.vm import Space, VmConfig
from hvbuild.ranges import AddressRange, clashes, gaps
from hvbuild.units import PAGE

# Where the board does not say: 40 bits of physical address, as most automotive Armv8 cores of the boards
# in the reference have (ID_AA64MMFR0_EL1.PARange).
ADDRESS_BITS = 40
_SHARED_ALIGN = 1 << 21


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTerms:
    """What is assumed where QNX does not say: placement of RAM, use of blocks, the host's own bytes.

    `kept` None: what the stack says the host needs, else nothing.
    """

    placement: Placement = ONE_STRETCH
    blocks: bool = True
    kept: int | None = None


DEFAULT_TERMS = MemoryTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A VM that cannot have its memory: what it asked for and what was free, in bytes."""

    vm: str
    index: int
    needed: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUse:
    """A stretch of host memory that one VM reaches through one claim."""

    host: AddressRange
    vm: str
    index: int
    claim: Claim


@dataclass(frozen=True, kw_only=True)
class MachineMemory:
    """All guests over one host memory. `pool` is what is left of it, None when the banks are not known."""

    system: System
    guests: tuple[GuestMemory, ...]
    refusals: tuple[Refusal, ...]
    shared: tuple[SharedRegion, ...]
    pool: HostPool | None
    order: tuple[int, ...] = field(default=())

    def guest(self, vm: str) -> GuestMemory:
        """The memory of the VM called `vm`; KeyError for one that was refused or does not exist."""
        for guest in self.guests:
            if guest.vm == vm:
                return guest
        raise KeyError(vm)

    def classify(self, vm: str, access: Access) -> Outcome:
        """What becomes of `access` made by `vm`."""
        return self.guest(vm).classify(access)

    def uses(self) -> tuple[HostUse, ...]:
        """Every stretch of host memory or registers that a guest reaches without a trap."""
        return tuple(
            HostUse(
                host=AddressRange.sized(segment.host, segment.window.size),
                vm=guest.vm,
                index=guest.index,
                claim=segment.claim,
            )
            for guest in self.guests
            for segment in guest.segments
            if segment.host is not None
        )

    def shared_host(self) -> Iterator[tuple[AddressRange, HostUse, HostUse, bool]]:
        """Host stretches that two VMs reach, with both uses; the last item is true when that is declared."""
        for one, two in clashes((use.host, use) for use in self.uses()):
            if one.index != two.index:
                common = one.host.intersection(two.host)
                yield common, one, two, self._is_declared(common, one, two)

    def _is_declared(self, common: AddressRange, one: HostUse, two: HostUse) -> bool:
        if one.claim.kind is ClaimKind.SHARED and two.claim.kind is ClaimKind.SHARED:
            return one.claim.name == two.claim.name
        regions = (self.system.host.regions or {}).values()
        return any(row.shared and row.window is not None and row.window.contains(common) for row in regions)

    def trespasses(self) -> Iterator[tuple[AddressRange, HostUse]]:
        """Parts of host RAM that a `pass` hands over although no named region of the host holds them."""
        banks = [row.window for row in self.system.host.banks or () if row.window is not None]
        named = [r.window for r in (self.system.host.regions or {}).values() if r.window is not None]
        for use in self.uses():
            if use.claim.kind is not ClaimKind.PASS:
                continue
            for bank in banks:
                part = use.host.intersection(bank)
                if part.size:
                    yield from ((hole, use) for hole in gaps(part, named))


def regime_of(system: System, vm: VmConfig, *, blocks: bool) -> Regime:
    """The stage-2 regime of `vm`: EPT on x86, else by the host's physical address bits."""
    if architecture_of(system, vm) == "x86_64":
        return ept_regime(blocks=blocks)
    return arm_regime(system.host.address_bits or ADDRESS_BITS, blocks=blocks)


def build_memory(system: System, shapes: Shapes, terms: MemoryTerms = DEFAULT_TERMS) -> MachineMemory:
    """The memory of `system` under `terms`; `shapes` are the windows of each vdev type."""
    pool = _pool(system, terms)
    regions = shared_regions(system)
    backing: dict[str, tuple[AddressRange, ...]] = {}
    ram: dict[int, tuple[AddressRange, ...]] = {}
    left: dict[int, int | None] = {}
    refusals = []
    found = [claims_of(system, vm, shapes) for vm in system.vms]
    order = start_order(system)
    for index in order:
        own = [row for row in regions if row.creator == index]
        sizes = [c.window.size for c in found[index][0] if c.kind in (ClaimKind.RAM, ClaimKind.ROM)]
        needed = sum(sizes) + sum(row.size for row in own) + _pages(system.host.vm_overhead or 0)
        if pool is not None and needed > pool.size:
            label = system.vms[index].label
            refusals.append(Refusal(vm=label, index=index, needed=needed, free=pool.size))
            continue
        taken = [*sizes, *(row.size for row in own), _pages(system.host.vm_overhead or 0)]
        pieces, pool = _allocated(pool, taken, terms.placement)
        left[index] = pool.size if pool is not None else None
        ram[index] = tuple(piece for block in pieces[: len(sizes)] for piece in block)
        backing.update({row.name: block for row, block in zip(own, pieces[len(sizes) :], strict=False)})
    guests = []
    for index in sorted(ram):
        claims, remarks = found[index]
        claims = (*claims, *_shared_claims(index, [r for r in regions if r.name in backing], claims))
        guest = _guest(system, index, (claims, remarks), (ram[index], backing), terms)
        guests.append(replace(guest, left=left[index]))
    return MachineMemory(
        system=system,
        guests=tuple(guests),
        refusals=tuple(refusals),
        shared=tuple(row for row in regions if row.name in backing),
        pool=pool,
        order=order,
    )


def start_order(system: System) -> tuple[int, ...]:
    """Indices of the VMs in the order in which the host starts them; as written where it does not say."""
    launches = system.host.launches or {}
    last = len(system.vms)

    def key(index: int) -> tuple[int, int]:
        launch = launches.get(system.vms[index].system)
        return (launch.position if launch is not None and launch.position is not None else last, index)

    return tuple(sorted(range(last), key=key))


def _pool(system: System, terms: MemoryTerms) -> HostPool | None:
    host = system.host
    if host.banks is None:
        return None
    banks = [row.window for row in host.banks if row.window is not None]
    taken = [row.window for row in (host.regions or {}).values() if row.window is not None]
    taken += [row.window for row in host.reserved if row.window is not None]
    kept = terms.kept if terms.kept is not None else system.host.needs or 0
    return pool_of(banks, taken, kept)


def _pages(size: int) -> int:
    return -(-size // PAGE) * PAGE


def _allocated(
    pool: HostPool | None, sizes: Sequence[int], placement: Placement
) -> tuple[list[tuple[AddressRange, ...]], HostPool | None]:
    """Host memory for each of `sizes`, which together fit, and the pool without it; no places without one."""
    pieces: list[tuple[AddressRange, ...]] = []
    for size in sizes:
        taken = pool.take(size, placement) if pool is not None and size else None
        pieces.append(taken[0] if taken is not None else ())
        pool = taken[1] if taken is not None else pool
    return pieces, pool


def _cut(pieces: Sequence[AddressRange], offset: int, size: int) -> tuple[AddressRange, ...]:
    """The bytes `offset` to `offset + size` of `pieces` laid end to end."""
    result, at = [], 0
    for piece in pieces:
        start, end = max(offset, at), min(offset + size, at + piece.size)
        if start < end:
            result.append(AddressRange(piece.start + start - at, piece.start + end - at))
        at += piece.size
    return tuple(result)


def _shared_claims(index: int, regions: Sequence[SharedRegion], claims: Sequence[Claim]) -> Iterator[Claim]:
    """The regions this VM may open, behind everything else: qvm chooses the place, so this one is assumed."""
    tops = [claim.window.end for claim in claims if claim.space is Space.MEM]
    at = -(-max(tops, default=0) // _SHARED_ALIGN) * _SHARED_ALIGN
    for row in regions:
        if index in row.members:
            window = AddressRange.sized(at, row.size)
            yield Claim(
                kind=ClaimKind.SHARED,
                name=row.name,
                window=window,
                declared=window,
                permissions=READ_WRITE,
                memory=True,
                origin=row.origin,
            )
            at = -(-window.end // _SHARED_ALIGN) * _SHARED_ALIGN


def _guest(
    system: System,
    index: int,
    found: tuple[Sequence[Claim], Sequence[Remark]],
    memory: tuple[tuple[AddressRange, ...], dict[str, tuple[AddressRange, ...]]],
    terms: MemoryTerms,
) -> GuestMemory:
    vm = system.vms[index]
    claims, remarks = found
    regime = regime_of(system, vm, blocks=terms.blocks)
    segments = _painted(claims, *memory, Space.MEM, 1 << regime.address_bits)
    ram = [c for c in claims if c.kind in (ClaimKind.RAM, ClaimKind.ROM)]
    spaces = (Space.MEM, Space.IO)
    return GuestMemory(
        vm=vm.label,
        index=index,
        claims=tuple(claims),
        segments=segments,
        ports=_painted(claims, (), {}, Space.IO, 1 << 16),
        table=stage2(regime, (_mapped(row) for row in segments if row.claim.is_mapped)),
        action=reference_action(vm),
        allocated=memory[0],
        zeroed=sum(c.window.size for c in ram),
        conflicts=tuple(
            pair for space in spaces for pair in clashes((c.window, c) for c in claims if c.space is space)
        ),
        remarks=(*remarks, *_unreachable(vm, claims, regime)),
    )


def reference_action(vm: VmConfig) -> Action:
    """What `unsupported reference` makes of an unowned access: the last one written, else ignore (7.1)."""
    found = [row.action for row in vm.unsupported if row.kind == "reference"]
    return Action(found[-1]) if found and found[-1] in tuple(Action) else Action.IGNORE


def _mapped(segment: Segment) -> Mapped:
    return Mapped(
        guest=segment.window,
        host=segment.host,
        permissions=segment.claim.permissions & ALL_RIGHTS,
        device=segment.claim.kind is ClaimKind.PASS and not segment.claim.memory,
    )


def _painted(
    claims: Sequence[Claim],
    ram: tuple[AddressRange, ...],
    backing: dict[str, tuple[AddressRange, ...]],
    space: Space,
    limit: int,
) -> tuple[Segment, ...]:
    """One owner for each address below `limit`: mapped claims in written order, then vdevs in the holes."""
    result: list[Segment] = []
    taken: list[AddressRange] = []
    used = 0
    for claim in sorted(claims, key=lambda row: not row.is_mapped):
        pieces: tuple[AddressRange, ...] = ()
        if claim.kind in (ClaimKind.RAM, ClaimKind.ROM):
            pieces, used = _cut(ram, used, claim.window.size), used + claim.window.size
        elif claim.kind is ClaimKind.SHARED:
            pieces = backing.get(claim.name, ())
        if claim.space is not space:
            continue
        within = claim.window.intersection(AddressRange(0, limit))
        for hole in gaps(within, taken):
            result += _backed(claim, hole, pieces)
        taken.append(claim.window)
    return tuple(sorted(result, key=lambda row: row.window))


def _backed(claim: Claim, hole: AddressRange, pieces: Sequence[AddressRange]) -> Iterator[Segment]:
    """The segments of `claim` in `hole`, cut where the host memory behind it is."""
    if not pieces:
        host = None if claim.host is None else claim.host // PAGE * PAGE + hole.start - claim.window.start
        yield Segment(window=hole, claim=claim, host=host)
        return
    at = claim.window.start
    for piece in pieces:
        part = AddressRange.sized(at, piece.size).intersection(hole)
        if part.size:
            yield Segment(window=part, claim=claim, host=piece.start + part.start - at)
        at += piece.size


def _unreachable(vm: VmConfig, claims: Sequence[Claim], regime: Regime) -> Iterator[Remark]:
    for claim in claims:
        if claim.space is Space.MEM and claim.window.end > 1 << regime.address_bits:
            text = f"beyond the {regime.address_bits} address bits of {regime.name}"
            yield Remark(vm=vm.label, subject=claim.name, text=text, origin=claim.origin)
