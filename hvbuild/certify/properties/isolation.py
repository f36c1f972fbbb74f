"""HC10xx: who reaches which host memory, by interval arithmetic over all stage-2 maps."""

from collections.abc import Iterator
from functools import partial

from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Answer, Finding, Proved, Refused
from hvbuild.certify.property import Family, Method, Property
from hvbuild.machine.claims import Claim, ClaimKind
from hvbuild.machine.guestmemory import GuestMemory, Segment
from hvbuild.machine.memory import HostUse
from hvbuild.model.stack import Region
from hvbuild.ranges import AddressRange, gaps, merged
from hvbuild.units import hex_address


def judged(findings: Iterator[Finding], cases: int, note: str = "") -> Answer:
    """Proved over `cases` when there are no findings, else refused with all of them."""
    found = tuple(findings)
    return Refused(findings=found) if found else Proved(cases=cases, note=note)


def _segments(ground: Ground) -> int:
    return sum(len(guest.segments) for guest in ground.memory.guests)


def _describe(use: HostUse) -> str:
    return f"guest `{use.vm}` reaches {use.host} through `{use.claim.name}` at {use.claim.window}"


def _shared_bytes(ground: Ground) -> Iterator[Finding]:
    for common, one, two, declared in ground.memory.shared_host():
        if declared:
            continue
        yield Finding(
            what=f"guests `{one.vm}` and `{two.vm}` both reach host memory {common}",
            place=ground.line_of(two.index, two.claim),
            others=((ground.line_of(one.index, one.claim), f"`{one.vm}` reaches it from here"),),
            story=(
                _describe(one),
                _describe(two),
                f"what `{one.vm}` writes to {_guest_address(ground, one, common)} is read by `{two.vm}` "
                f"at {_guest_address(ground, two, common)}",
            ),
            change=f"give `{two.vm}` other host memory, or declare the region `shared: true`",
            numbers=(("bytes", common.size),),
        )


def _guest_address(ground: Ground, use: HostUse, common: AddressRange) -> str:
    """The guest address at which `use` reaches the start of `common`."""
    for segment in ground.memory.guest(use.vm).segments:
        if segment.host is not None and 0 <= common.start - segment.host < segment.window.size:
            return hex_address(segment.window.start + common.start - segment.host)
    return "?"


def guests_do_not_share(ground: Ground) -> Answer:
    """No host byte in two guests' maps, unless declared."""
    return judged(_shared_bytes(ground), _segments(ground), "pairs of mapped stretches compared by sweep")


def _host_bytes(ground: Ground) -> Iterator[Finding]:
    for hole, use in ground.memory.trespasses():
        yield Finding(
            what=f"guest `{use.vm}` reaches host memory {hole}, which is handed over by no region",
            place=ground.line_of(use.index, use.claim),
            story=(
                _describe(use),
                f"{hole} is RAM that the host allocates from: its data is open to the guest",
            ),
            change="name the memory as a region owned by the guest, or pass something else",
            numbers=(("bytes", hole.size),),
        )
    for use in ground.memory.uses():
        for kept in ground.system.host.reserved:
            common = use.host.intersection(kept.window) if kept.window is not None else None
            if common is not None and common.size:
                yield Finding(
                    what=f"guest `{use.vm}` reaches {common}, {kept.purpose or f'kept as `{kept.name}`'}",
                    place=ground.line_of(use.index, use.claim),
                    others=((kept.origin, f"`{kept.name}` is declared here"),),
                    story=(_describe(use),),
                    change="move the window off what firmware or the host startup keeps",
                    numbers=(("bytes", common.size),),
                )


def host_untouched(ground: Ground) -> Answer:
    """No guest reaches RAM of the host or of firmware."""
    return judged(
        _host_bytes(ground), _segments(ground), "mapped stretches against banks and reserved ranges"
    )


def _regions_of_others(ground: Ground) -> Iterator[Finding]:
    for use in ground.memory.uses():
        for region in ground.plan.stack.regions:
            placed = (ground.system.host.regions or {}).get(region.name)
            window = placed.window if placed is not None else None
            common = use.host.intersection(window) if window is not None else None
            if common is None or not common.size or region.shared or region.owner == use.vm:
                continue
            yield _foreign_region(ground, use, region, common)


def _foreign_region(ground: Ground, use: HostUse, region: Region, common: AddressRange) -> Finding:
    owner = f"guest `{region.owner}`" if region.owner else "the host"
    return Finding(
        what=f"guest `{use.vm}` reaches region `{region.name}`, which belongs to {owner}",
        place=ground.line_of(use.index, use.claim),
        others=((region.owner_origin or region.origin, f"`{region.name}` belongs to {owner}"),),
        story=(_describe(use),),
        change=f"make `{use.vm}` the owner of `{region.name}`, or declare it `shared: true`",
        numbers=(("bytes", common.size),),
    )


def regions_keep_owner(ground: Ground) -> Answer:
    """A named region is reached by its owner alone."""
    cases = len(ground.memory.uses()) * max(1, len(ground.plan.stack.regions))
    return judged(_regions_of_others(ground), cases, "mapped stretches against named regions")


def _unreached(ground: Ground) -> Iterator[Finding]:
    for index, vm in enumerate(ground.declared.vms):
        declared = ground.declared_guest(index)
        built = next((row for row in ground.memory.guests if row.index == index), None)
        if declared is None:
            continue
        if built is None:
            yield Finding(
                what=f"guest `{vm.label}` is declared and not in the rendered files, or has no memory there",
                place=ground.guest_line(index),
                change="render again; a template of your own must say what the plan says",
            )
            continue
        for claim in declared.claims:
            yield from _missing(ground, built, claim)


def _missing(ground: Ground, built: GuestMemory, claim: Claim) -> Iterator[Finding]:
    rows = built.ports if claim.space.value == "io" else built.segments
    same = [row.window for row in rows if _answers(row, claim)]
    for hole in gaps(claim.window, same):
        owner = built.owner(hole.start, claim.space)
        instead = f"`{owner.claim.name}` answers there" if owner is not None else "nobody answers there"
        yield Finding(
            what=f"{claim.kind} `{claim.name}` of guest `{built.vm}` is not reachable at {hole}: {instead}",
            place=ground.line_of(built.index, claim),
            story=(f"declared: {claim.kind} `{claim.name}` at {claim.window}",),
            change="move one of the two, or mend the template that wrote the file",
            numbers=(("bytes", hole.size),),
        )


def _answers(segment: Segment, claim: Claim) -> bool:
    """True when `segment` is what `claim` declares: kind, rights and, where said, the host address."""
    own = segment.claim
    if own.kind is not claim.kind or not own.permissions >= claim.permissions:
        return False
    if claim.kind is not ClaimKind.PASS or claim.host is None:
        return True
    return segment.host is not None and segment.host - segment.window.start == claim.host - claim.window.start


def declared_is_reachable(ground: Ground) -> Answer:
    """Every declared byte answers as declared."""
    cases = sum(len(guest.claims) for guest in ground.declared_memory.guests)
    return judged(_unreached(ground), cases, "declared windows against the maps read back")


def _undeclared(ground: Ground) -> Iterator[Finding]:
    for guest in ground.memory.guests:
        declared = ground.declared_guest(guest.index)
        rows = declared.claims if declared is not None else ()
        for segment in guest.segments:
            same = [
                row.window
                for row in rows
                if row.kind is segment.claim.kind and row.permissions >= segment.claim.permissions
            ]
            for hole in gaps(segment.window, merged(same)):
                yield Finding(
                    what=f"guest `{guest.vm}` reaches {hole} through {segment.claim.kind} "
                    f"`{segment.claim.name}`, which the plan does not declare",
                    place=segment.claim.origin or ground.guest_line(guest.index),
                    change="mend the template that wrote the file: it gives more than the plan",
                    numbers=(("bytes", hole.size),),
                )


def nothing_else_reachable(ground: Ground) -> Answer:
    """Nothing undeclared answers."""
    return judged(_undeclared(ground), _segments(ground), "mapped stretches against declared windows")


_row = partial(Property, family=Family.MEMORY, method=Method.PROVE)

PROPERTIES: tuple[Property, ...] = (
    _row(
        code="HC1001",
        name="guests-do-not-share-memory",
        title="No two guests reach the same host memory unless the stack declares it",
        statement="Every host byte lies in the stage-2 map of at most one guest; shared memory and "
        "regions declared "
        "`shared` are the only exceptions.",
        prove=guests_do_not_share,
    ),
    _row(
        code="HC1002",
        name="host-memory-untouched",
        title="No guest reaches memory of the host or of firmware",
        statement="A guest's map holds no byte of the RAM that the host allocates from, or that "
        "firmware or the host "
        "startup keeps.",
        prove=host_untouched,
    ),
    _row(
        code="HC1003",
        name="regions-keep-their-owner",
        title="A named memory region is reached by its owner alone",
        statement="Each named region of host memory is in the map of the guest that owns it and of "
        "no other, unless "
        "it is shared.",
        prove=regions_keep_owner,
    ),
    _row(
        code="HC1004",
        name="declared-bytes-reachable",
        title="Every declared byte answers as declared",
        statement="RAM, ROM, passed windows and virtual devices answer in the files as the plan "
        "declares them, at every "
        "address, with the rights and the host address declared.",
        prove=declared_is_reachable,
    ),
    _row(
        code="HC1005",
        name="nothing-else-reachable",
        title="Nothing answers that was not declared",
        statement="No address of a guest is mapped or trapped to a device unless the plan declares it so.",
        prove=nothing_else_reachable,
    ),
)
