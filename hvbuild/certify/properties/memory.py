"""HC11xx: each guest's own map, and whether memory suffices."""

from collections.abc import Iterator
from functools import partial

from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Answer, Finding
from hvbuild.certify.properties.isolation import judged
from hvbuild.certify.property import Family, Method, Property
from hvbuild.machine.claims import Claim, ClaimKind
from hvbuild.machine.hostmemory import Placement
from hvbuild.machine.memory import MemoryTerms, build_memory
from hvbuild.ranges import AddressRange
from hvbuild.units import hex_address, size_text

# The other end of what procnto may do: RAM in the smallest blocks, from the top down.
SCATTERED = MemoryTerms(placement=Placement(piece=1 << 21), blocks=False)


def _pairs(ground: Ground) -> int:
    return sum(len(guest.claims) for guest in ground.memory.guests)


def _clashes(ground: Ground, *, vdev: bool) -> Iterator[Finding]:
    for guest in ground.memory.guests:
        for one, two in guest.conflicts:
            if (ClaimKind.VDEV in (one.kind, two.kind)) is not vdev:
                continue
            common = one.window.intersection(two.window)
            lost = two if two.kind is ClaimKind.VDEV else one
            winner = one if lost is two else two
            effect = (
                f"a mapped page never traps: `{lost.name}` is never asked at {common}"
                if vdev and winner.is_mapped
                else f"both claim {common}; which one answers is not documented"
            )
            yield Finding(
                what=f"{lost.kind} `{lost.name}` and {winner.kind} `{winner.name}` of guest `{guest.vm}` "
                f"both claim {common}",
                place=ground.line_of(guest.index, lost),
                others=((ground.line_of(guest.index, winner), f"`{winner.name}` at {winner.window}"),),
                story=(effect,),
                change="move one of the two",
                numbers=(("bytes", common.size),),
            )


def no_vdev_shadowed(ground: Ground) -> Answer:
    """No virtual device lies under memory or another device."""
    return judged(_clashes(ground, vdev=True), _pairs(ground), "windows of each guest compared by sweep")


def one_owner_per_address(ground: Ground) -> Answer:
    """No two mapped windows of one guest overlap."""
    return judged(_clashes(ground, vdev=False), _pairs(ground), "windows of each guest compared by sweep")


def _writable_rom(ground: Ground) -> Iterator[Finding]:
    for guest in ground.memory.guests:
        roms = [claim for claim in guest.claims if claim.kind is ClaimKind.ROM]
        for rom in roms:
            for mapping in guest.table.mappings:
                common = mapping.guest.intersection(rom.window)
                if common.size and "w" in mapping.permissions:
                    yield Finding(
                        what=f"guest `{guest.vm}` can write ROM `{rom.name}` at {common}",
                        place=ground.line_of(guest.index, rom),
                        change="keep the ROM window free of RAM and passed memory",
                        numbers=(("bytes", common.size),),
                    )


def rom_is_read_only(ground: Ground) -> Answer:
    """ROM stays as loaded."""
    cases = sum(len(guest.table.mappings) for guest in ground.memory.guests)
    return judged(_writable_rom(ground), cases, "stage-2 entries over ROM windows")


def has_rom(ground: Ground) -> str:
    """Silent where no guest has ROM."""
    roms = (c for g in ground.memory.guests for c in g.claims if c.kind is ClaimKind.ROM)
    return "" if next(roms, None) else "no guest has ROM"


def _beyond(ground: Ground) -> Iterator[Finding]:
    for guest in ground.memory.guests:
        bits = guest.table.regime.address_bits
        for claim in guest.claims:
            if claim.space.value == "mem" and claim.window.end > 1 << bits:
                yield Finding(
                    what=f"`{claim.name}` of guest `{guest.vm}` ends at {hex_address(claim.window.end)}, "
                    f"beyond the {bits} address bits of {guest.table.regime.name}",
                    place=ground.line_of(guest.index, claim),
                    change=f"place it below {hex_address(1 << bits)}",
                )


def within_address_bits(ground: Ground) -> Answer:
    """Everything a guest has lies where the hardware can reach."""
    return judged(_beyond(ground), _pairs(ground), "windows against the stage-2 address bits")


def _short(ground: Ground) -> Iterator[Finding]:
    for terms in (ground.memory_terms, SCATTERED):
        memory = build_memory(ground.system, ground.subject.shapes, terms)
        for refusal in memory.refusals:
            missing = refusal.needed - refusal.free
            yield Finding(
                what=f"guest `{refusal.vm}` needs {size_text(refusal.needed)} and the host has "
                f"{size_text(refusal.free)} left when it starts",
                place=ground.guest_line(refusal.index),
                story=(
                    "guests start in the order "
                    + ", ".join(f"`{ground.vm(index).label}`" for index in memory.order),
                    f"qvm of `{refusal.vm}` ends with exit code 64; the others start",
                ),
                change=f"take {size_text(missing)} from this guest or from those that start before it",
                numbers=(("needed bytes", refusal.needed), ("free bytes", refusal.free)),
            )
        if memory.refusals:
            return


def memory_suffices(ground: Ground) -> Answer:
    """All guests get their RAM at once, however the host lays it out."""
    return judged(_short(ground), 2 * len(ground.system.vms), "both extremes of placement in host memory")


def knows_banks(ground: Ground) -> str:
    """Silent where the host's memory is not known."""
    return "" if ground.system.host.banks is not None else "the host's memory banks are not known"


def _too_small(ground: Ground) -> Iterator[Finding]:
    for guest in ground.memory.guests:
        facts = ground.system.guests.get(guest.vm)
        needed = facts.needs.memory if facts is not None and facts.needs is not None else None
        # memory handed over as RAM (flag m) counts like `ram` (qvmconf: an IVI guest has no other)
        kinds = (ClaimKind.RAM, ClaimKind.PASS)
        own = sum(c.window.size for c in guest.claims if c.kind in kinds and c.memory)
        if needed is not None and own < needed:
            yield Finding(
                what=f"guest `{guest.vm}` has {size_text(own)} of RAM and its software needs "
                f"{size_text(needed)}",
                place=ground.guest_line(guest.index),
                change=f"give it {size_text(needed - own)} more",
                numbers=(("has bytes", own), ("needs bytes", needed)),
            )


def guest_has_its_memory(ground: Ground) -> Answer:
    """A guest has the RAM that its software needs."""
    return judged(_too_small(ground), len(ground.memory.guests), "RAM of each guest against its needs")


def says_needs(ground: Ground) -> str:
    """Silent where no guest says what it needs."""
    told = any(facts.needs is not None and facts.needs.memory for facts in ground.system.guests.values())
    return "" if told else "no guest says how much memory its software needs"


def _leaks(ground: Ground) -> Iterator[Finding]:
    regions = (ground.system.host.regions or {}).values()
    for use in ground.memory.uses():
        if use.claim.kind is not ClaimKind.PASS:
            continue
        for region in regions:
            if region.window is None or not region.window.overlaps(use.host):
                continue
            if region.cleared or not region.before or region.before == use.vm:
                continue
            yield Finding(
                what=f"guest `{use.vm}` finds in `{region.name}` what `{region.before}` left there",
                place=region.origin or ground.line_of(use.index, use.claim),
                others=((ground.line_of(use.index, use.claim), "handed over here"),),
                story=(
                    f"`{region.before}` uses {region.window} and gives it up",
                    f"qvm hands {use.host} to `{use.vm}` as it is: passed memory is never zeroed",
                    f"`{use.vm}` reads {hex_address(use.claim.window.start)} before it writes it",
                ),
                change="say `cleared: true` once something zeroes it, or hand it to one user only",
                numbers=(("bytes", region.window.size),),
            )


def handed_memory_leaks_nothing(ground: Ground) -> Answer:
    """What is handed over without zeroing holds no other's data."""
    cases = sum(use.claim.kind is ClaimKind.PASS for use in ground.memory.uses())
    return judged(_leaks(ground), cases, "passed stretches against who used the region before")


def _loads_outside(ground: Ground) -> Iterator[Finding]:
    for index, vm in enumerate(ground.system.vms):
        guest = next((row for row in ground.memory.guests if row.index == index), None)
        planned = ground.planned(index)
        images = {image.load.path: image for image in planned.guest.images} if planned is not None else {}
        for load in vm.loads:
            at = ground.system.amount(load.address)
            image = images.get(load.path)
            if at is None or guest is None:
                continue
            size = image.size if image is not None and image.size else 1
            if not _holds(guest.claims, AddressRange.sized(at, size)):
                yield Finding(
                    what=f"`{load.path}` is loaded at {hex_address(at)}, where guest `{vm.label}` has "
                    "no memory "
                    f"of {size_text(size)}",
                    place=(image.origin if image is not None else None) or load.origin,
                    change="load it into RAM or ROM of the guest",
                )


def _holds(claims: tuple[Claim, ...], window: AddressRange) -> bool:
    return any(claim.memory and claim.window.contains(window) for claim in claims)


def images_inside_memory(ground: Ground) -> Answer:
    """Images are loaded into memory that the guest has."""
    cases = sum(len(vm.loads) for vm in ground.system.vms)
    return judged(_loads_outside(ground), cases, "load addresses against memory windows")


def has_placed_loads(ground: Ground) -> str:
    """Silent where no image has an address."""
    placed = any(load.address is not None for vm in ground.system.vms for load in vm.loads)
    return "" if placed else "qvm places every image itself"


def _wrong_members(ground: Ground) -> Iterator[Finding]:
    wanted = {row.name: {name for name, _ in row.guests} for row in ground.plan.stack.shared_memory}
    for region in ground.memory.shared:
        members = {ground.vm(index).label for index in region.members}
        allowed = wanted.get(region.name)
        if allowed is None and ground.plan.stack.shared_memory:
            continue
        for name in sorted(members - (allowed if allowed is not None else members)):
            yield Finding(
                what=f"guest `{name}` may open shared memory `{region.name}`, which is not meant for it",
                place=next(
                    (r.origin for r in ground.plan.stack.shared_memory if r.name == region.name),
                    region.origin,
                ),
                change=f"deny `{region.name}` to `{name}`, or list it among its guests",
                numbers=(("bytes", region.size),),
            )


def shared_memory_members(ground: Ground) -> Answer:
    """Shared memory is open to those it is meant for."""
    return judged(_wrong_members(ground), len(ground.memory.shared), "patterns of every shmem device")


def has_shared(ground: Ground) -> str:
    """Silent without shared memory."""
    return "" if ground.memory.shared else "no guest creates shared memory"


def _limits(ground: Ground) -> Iterator[Finding]:
    for launch in ground.plan.host.launches if ground.plan.host is not None else ():
        index = next((i for i, vm in enumerate(ground.system.vms) if vm.label == launch.guest), None)
        guest = next((row for row in ground.memory.guests if row.index == index), None)
        if launch.memory_limit is None or guest is None:
            continue
        # the limit covers RAM, shared memory and passed memory alike (QNX 8.0, RLIMIT_AS of a qvm)
        mapped = sum(c.window.size for c in guest.claims if c.is_mapped and c.space.value == "mem")
        if mapped > launch.memory_limit:
            yield Finding(
                what=f"qvm of `{launch.guest}` may use {size_text(launch.memory_limit)} and maps "
                f"{size_text(mapped)}",
                place=launch.origin,
                story=("allocation fails at the start: qvm ends with exit code 64",),
                change=f"raise the limit to at least {size_text(mapped)}",
                numbers=(("limit bytes", launch.memory_limit), ("mapped bytes", mapped)),
            )


def limits_leave_room(ground: Ground) -> Answer:
    """A memory limit on a qvm leaves room for what its guest has."""
    host = ground.plan.host
    return judged(
        _limits(ground), len(host.launches) if host is not None else 0, "limits against mapped bytes"
    )


def has_limits(ground: Ground) -> str:
    """Silent where no qvm has a limit."""
    host = ground.plan.host
    limited = host is not None and any(row.memory_limit is not None for row in host.launches)
    return "" if limited else "no qvm has a memory limit"


_row = partial(Property, family=Family.MEMORY, method=Method.PROVE)

PROPERTIES: tuple[Property, ...] = (
    _row(
        code="HC1101",
        name="no-vdev-shadowed",
        title="No virtual device is hidden by memory or by another device",
        statement="Each register window of a virtual device traps to that device: no mapped memory "
        "and no other device "
        "covers a byte of it.",
        prove=no_vdev_shadowed,
    ),
    _row(
        code="HC1102",
        name="one-owner-per-address",
        title="No two pieces of memory claim one guest address",
        statement="RAM, ROM, passed windows and shared memory of one guest do not overlap.",
        prove=one_owner_per_address,
    ),
    _row(
        code="HC1103",
        name="rom-is-read-only",
        title="A guest cannot write its ROM",
        statement="No stage-2 entry over a ROM window allows writing.",
        prove=rom_is_read_only,
        applies=has_rom,
    ),
    _row(
        code="HC1104",
        name="within-address-bits",
        title="Everything a guest has lies where the hardware can reach",
        statement="No window ends beyond the address bits of the stage-2 tables.",
        prove=within_address_bits,
    ),
    _row(
        code="HC1105",
        name="memory-suffices",
        title="There is memory for all guests at once",
        statement="Every guest gets its RAM and shared memory, in the order of starting, whether the "
        "host lays memory out "
        "in one stretch or in 2 MiB pieces.",
        prove=memory_suffices,
        applies=knows_banks,
    ),
    _row(
        code="HC1106",
        name="guest-has-its-memory",
        title="Each guest has the memory that its software needs",
        statement="RAM and memory handed over as RAM add up to what the guest declares that its "
        "software needs.",
        prove=guest_has_its_memory,
        applies=says_needs,
    ),
    _row(
        code="HC1107",
        name="handed-memory-leaks-nothing",
        title="Memory handed over without zeroing carries nobody else's data",
        statement="A region that a guest gets as it is was used by nobody before, is shared by "
        "declaration, or is declared "
        "cleared.",
        prove=handed_memory_leaks_nothing,
    ),
    _row(
        code="HC1108",
        name="images-inside-memory",
        title="Images are loaded into memory that the guest has",
        statement="Every image with an address lies in one RAM or ROM window of its guest.",
        prove=images_inside_memory,
        applies=has_placed_loads,
    ),
    _row(
        code="HC1109",
        name="shared-memory-members",
        title="Shared memory is open to exactly those guests that it is meant for",
        statement="The patterns of the shmem devices let no guest open a region that the stack does "
        "not list it for.",
        prove=shared_memory_members,
        applies=has_shared,
    ),
    _row(
        code="HC1110",
        name="limits-leave-room",
        title="A memory limit on a guest's qvm leaves room for what the guest has",
        statement="RAM, passed and shared memory together stay under the limit that the launch line sets.",
        prove=limits_leave_room,
        applies=has_limits,
    ),
)
