"""HV2010 and HV21xx: host-physical memory, what the board has and who is given it."""

from collections.abc import Iterator, Sequence

from hvbuild.diagnostics import Severity, other
from hvbuild.model.system import HostRegion
from hvbuild.model.vm import Amount, AsinfoLength, AsinfoStart, PassWindow, Space, VmConfig
from hvbuild.ranges import AddressRange, clashes, merged
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Handed, Scene, VmScene, pass_text
from hvbuild.rules.wording import did_you_mean
from hvbuild.source import Origin
from hvbuild.units import hex_address, is_page_aligned

_EXCLUSIVE = "QNX Hypervisor 7.1, Memory in a virtualized environment: memory is exclusive to one VM"
_ASINFO = "QNX Hypervisor 7.1, qvm configuration syntax: $asinfo_start and $asinfo_length"
_RESERVED = "Devicetree Specification, /reserved-memory: regions lie in memory and do not overlap"


def region_text(region: HostRegion) -> str:
    """How a message calls a region of host memory."""
    return f"region `{region.name}`" if region.name else "the reserved range"


@rule("HV2010", "outside-host-memory", source=_RESERVED)
def outside_host_memory(scene: Scene) -> Iterator[Finding]:
    """A region of host memory, or memory lent to a guest, that is not inside the board's RAM."""
    if not scene.banks:
        return
    room = merged(scene.banks)
    banks = ", ".join(str(bank) for bank in room)
    for region in scene.regions:
        if region.window and not any(bank.contains(region.window) for bank in room):
            yield found(
                region.origin,
                f"{region_text(region)} lies outside the board's memory",
                f"occupies {region.window}",
                notes=(f"the board's memory is {banks}",),
            )
    for handed in scene.handed:
        lent = "m" in handed.location.flags and not handed.region
        if lent and not any(bank.contains(handed.window) for bank in room):
            yield found(
                (handed.location.origin, handed.context.origin),
                f"guest `{handed.vm.label}` is lent memory that the board does not have",
                f"is {handed.window} of the host",
                notes=(f"the board's memory is {banks}",),
            )


@rule("HV2101", "host-range-passed-twice", source=_EXCLUSIVE)
def host_range_passed_twice(scene: Scene) -> Iterator[Finding]:
    """Two VMs are handed the same host-physical addresses: memory or a device with two owners.

    Ranges that both may only read are a warning; a region declared as shared is silent.
    """
    shared = {region.name for region in scene.regions if region.shared}
    for first, second in clashes((handed.window, handed) for handed in scene.handed):
        if first.vm is second.vm or {first.region, second.region} & shared - {""}:
            continue
        # Regions of two names that overlap are wrong by themselves, whoever takes them.
        if first.region and second.region and first.region != second.region:
            continue
        writable = any(
            "w" in handed.location.flags or not handed.location.flags for handed in (first, second)
        )
        yield found(
            (second.location.origin, second.context.origin),
            f"{second.text} of guest `{second.vm.label}` is handed to guest `{first.vm.label}` as well",
            f"is {second.window} of the host",
            others=other(
                first.location.origin or first.context.origin,
                f"guest `{first.vm.label}` has {first.window}",
            ),
            notes=(f"both own {second.window.intersection(first.window)}",),
            severity=None if writable else Severity.WARNING,
        )
    yield from _entries_passed_twice(scene, shared)


def _entries_passed_twice(scene: Scene, shared: set[str]) -> Iterator[Finding]:
    """Two VMs are handed one asinfo entry whose place only the host knows."""
    seen: dict[str, tuple[VmConfig, Origin]] = {}
    for vm in scene.system.vms:
        for context, location in ((each, window) for each in vm.passes for window in each.windows):
            start = location.start if location.host is None else location.host
            if not isinstance(start, AsinfoStart) or start.name in shared:
                continue
            if scene.system.window(start, location.length) is not None:
                continue
            place = location.origin or context.origin
            first, there = seen.setdefault(start.name, (vm, place))
            if first is not vm:
                yield found(
                    place,
                    f"region `{start.name}` of guest `{vm.label}` is handed to guest `{first.label}` as well",
                    "begins where the asinfo entry begins",
                    others=other(there, f"guest `{first.label}` has it"),
                )


@rule("HV2102", "pass-over-reserved-memory", source="QNX Hypervisor 7.1, Configuring VMs: host settings win")
def pass_over_reserved_memory(scene: Scene) -> Iterator[Finding]:
    """A guest is handed memory that the host keeps for itself, its firmware or its image.

    Looks at ranges given by number: a named region that lies there overlaps it by itself.
    """
    for handed, region in _against(scene, scene.host.reserved):
        if not handed.region and not region.shared:
            yield found(
                (handed.location.origin, handed.context.origin),
                f"guest `{handed.vm.label}` is handed memory that the host keeps as {region_text(region)}",
                f"is {handed.window} of the host",
                others=other(region.origin, f"the host keeps {region.window}"),
            )


@rule("HV2103", "host-regions-overlap", source=_RESERVED)
def host_regions_overlap(scene: Scene) -> Iterator[Finding]:
    """Two regions of host memory claim the same addresses, often after a variant made one of them larger."""
    placed = [(region.window, region) for region in scene.regions if region.window]
    order = {id(region): index for index, region in enumerate(scene.regions)}
    kept = {id(region) for region in scene.host.reserved}
    for pair in clashes(placed):
        # What the host keeps is given; of two others, the one that a variant changed or the later one.
        first, second = sorted(
            pair, key=lambda each: (id(each) not in kept, len(each.origin.replaced), order[id(each)])
        )
        both = second.window.intersection(first.window) if first.window and second.window else None
        yield found(
            (second.origin, first.origin),
            f"{region_text(second)} overlaps {region_text(first)}",
            f"occupies {second.window}",
            others=other(first.origin, f"occupies {first.window}") if second.origin else (),
            notes=(f"both claim {both}",),
        )


@rule(
    "HV2104",
    "region-not-whole-pages",
    source="QNX 8.0, system page, asinfo: memory is handed out by the 4 KiB page",
)
def region_not_whole_pages(scene: Scene) -> Iterator[Finding]:
    """A named region of host memory whose address or length is not a multiple of the 4 KiB page."""
    for region in (scene.host.regions or {}).values():
        start = region.window.start if region.window else 0
        size = region.window.size if region.window else region.size
        if size is not None and not (is_page_aligned(start) and is_page_aligned(size)):
            yield found(
                region.origin,
                f"{region_text(region)} is not made of whole pages",
                f"starts at {hex_address(start)} with {hex_address(size)} bytes" if region.window else "",
                helps=("give it an address and a size that are multiples of 4 KiB",),
            )


@rule("HV2105", "region-unknown", source=_ASINFO)
def region_unknown(scene: VmScene) -> Iterator[Finding]:
    """The VM takes memory by the name of a host region that does not exist.

    Where only a part of the host is known, a warning, and only for a name that is nearly a known one.
    """
    regions = scene.host.regions
    if regions is None:
        return
    whole = scene.system.complete
    for amounts, origin in _amounts(scene):
        for name in {amount.name for amount in amounts if isinstance(amount, AsinfoStart | AsinfoLength)}:
            helps = did_you_mean(name, regions) if name not in regions else ()
            if name not in regions and (whole or (helps and helps[0].startswith("did"))):
                yield found(
                    origin,
                    f"{scene.text} names the host region `{name}`, which does not exist",
                    "no such region",
                    notes=("qvm looks the name up when it starts and fails without it",),
                    helps=helps,
                    severity=None if whole else Severity.WARNING,
                )


@rule(
    "HV2111",
    "memory-not-cleared",
    severity=Severity.WARNING,
    source="QNX Hypervisor 7.1, Memory in a virtualized environment: passed memory is not zeroed",
    policy="what the former owner left behind may be harmless; somebody has to say so",
)
def memory_not_cleared(scene: Scene) -> Iterator[Finding]:
    """Host memory goes to a guest with what its former owner left in it.

    qvm zeroes the RAM that it allocates, not the memory that is handed over in place.
    """
    regions = scene.host.regions or {}
    for handed in scene.handed:
        region = regions.get(handed.region)
        if region is None or region.cleared or region.external or region.shared:
            continue
        before = region.before or "firmware, boot loader or the host's startup"
        yield found(
            (handed.location.origin, handed.context.origin),
            f"{region_text(region)} goes to guest `{handed.vm.label}` without being cleared",
            f"{handed.window} is handed over in place",
            others=other(region.origin, f"used before by {before}"),
            notes=("qvm zeroes RAM that it allocates, not memory that `pass` hands over",),
            helps=("say `cleared: true` at the region when startup or a boot loader zeroes it",)
            if scene.system.complete
            else ("let startup or the boot loader zero it before the guest starts",),
        )


@rule("HV2114", "region-of-another", source=_EXCLUSIVE)
def region_of_another(scene: Scene) -> Iterator[Finding]:
    """A guest takes a region of host memory that is declared for another guest."""
    regions = scene.host.regions or {}
    for handed in scene.handed:
        region = regions.get(handed.region)
        if region and region.owner and region.owner != handed.vm.label and not region.shared:
            yield found(
                (handed.location.origin, handed.context.origin),
                f"guest `{handed.vm.label}` takes {region_text(region)} of guest `{region.owner}`",
                f"is {handed.window} of the host",
                others=other(region.origin, f"declared for guest `{region.owner}`"),
            )


@rule(
    "HV2112",
    "pass-not-whole-pages",
    source="QNX Hypervisor 8.0, vm/pass: host address and length are multiples of the page",
    policy="an error where the release documents it, a warning on 7.x, whose boards run with such lines",
)
def pass_not_whole_pages(scene: VmScene) -> Iterator[Finding]:
    """A pass-through window whose addresses or length are not multiples of the 4 KiB page."""
    target, catalog = scene.system.target, scene.scene.catalog
    strict = target is not None and bool(catalog.feature(target, "pass_alignment_documented"))
    for each in scene.vm.passes:
        for location in each.windows:
            # What a region's name stands for is told at the region.
            wrong = [
                f"{word} {hex_address(amount)}"
                for word, amount in _parts(location)
                if isinstance(amount, int) and not is_page_aligned(amount)
            ]
            if wrong and location.space is Space.MEM:
                yield found(
                    (location.origin, each.origin),
                    f"{pass_text(each, location)} of {scene.text} is not made of whole pages",
                    f"{' and '.join(wrong)}: not a multiple of 4 KiB",
                    helps=("pass the whole page and make sure that nobody else needs the rest of it",),
                    severity=None if strict else Severity.WARNING,
                )


def _parts(location: PassWindow) -> tuple[tuple[str, Amount | None], ...]:
    return (("address", location.start), ("length", location.length), ("host address", location.host))


def _amounts(scene: VmScene) -> Iterator[tuple[tuple[Amount | None, ...], Origin]]:
    for each in scene.vm.passes:
        for location in each.windows:
            amounts = (location.start, location.length, location.host)
            yield amounts, location.origin or each.origin
    for block in scene.vm.memory:
        yield (block.base, block.size), block.origin


def _against(scene: Scene, regions: Sequence[HostRegion]) -> Iterator[tuple[Handed, HostRegion]]:
    everything: list[tuple[AddressRange, Handed | HostRegion]] = [
        (handed.window, handed) for handed in scene.handed
    ]
    everything += [(region.window, region) for region in regions if region.window]
    for first, second in clashes(everything):
        for handed, region in ((first, second), (second, first)):
            if isinstance(handed, Handed) and isinstance(region, HostRegion):
                yield handed, region


RULES = (
    outside_host_memory,
    host_range_passed_twice,
    pass_over_reserved_memory,
    host_regions_overlap,
    region_not_whole_pages,
    region_unknown,
    memory_not_cleared,
    pass_not_whole_pages,
    region_of_another,
)
