"""HV2106 and up: does everything that is asked of the board's memory fit, and in which order."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from hvbuild.diagnostics import Label, Severity
from hvbuild.model.vm import Memory
from hvbuild.ranges import AddressRange, gaps, merged
from hvbuild.rules.host_memory import region_text
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Scene, VmScene, region_of
from hvbuild.rules.wording import listed
from hvbuild.units import PAGE, hex_address, size_text

_FITS = "QNX Hypervisor 7.1, Memory in a virtualized environment: without the memory a VM is not started"
_FOUR_GIB = 1 << 32


@rule("HV2106", "memory-exceeds-board", source=_FITS)
def memory_exceeds_board(scene: Scene) -> Iterator[Finding]:
    """The RAM of all guests does not fit into what the board has beside regions and reservations."""
    free = _free(scene)
    if free is None:
        return
    asked = sum(size for _, _, size in _blocks(scene)) + _overhead(scene)
    if asked <= free:
        return
    blocks = sorted(_blocks(scene), key=lambda row: -row[2])
    if not blocks:
        return
    guest, largest, size = blocks[0]
    yield found(
        (largest.origin, scene.host.origin),
        f"the guests need {size_text(asked)} of RAM, the board has {size_text(free)} left for them",
        f"guest `{guest}` takes {size_text(size)}",
        others=_block_labels(blocks[1:]),
        notes=_sum_notes(scene, free),
        helps=(f"shrink the guests by {size_text(-(-(asked - free) // PAGE) * PAGE)} in all",),
    )


@rule("HV2113", "host-memory-too-small", source=_FITS)
def host_memory_too_small(scene: Scene) -> Iterator[Finding]:
    """What guests and reservations leave of the board's RAM is less than the host itself needs."""
    free, needs = _free(scene), scene.host.needs
    if free is None or needs is None:
        return
    asked = sum(size for _, _, size in _blocks(scene)) + _overhead(scene)
    left = free - asked
    if 0 <= left < needs:
        blocks = sorted(_blocks(scene), key=lambda row: -row[2])
        place = (scene.host.origin, *(block.origin for _, block, _ in blocks))
        yield found(
            place,
            f"the host needs {size_text(needs)} of RAM, {size_text(left)} is left for it",
            "",
            others=_block_labels(blocks),
            notes=_sum_notes(scene, free),
            helps=(f"shrink guests or regions by {size_text(-(-(needs - left) // PAGE) * PAGE)}",),
        )


@rule("HV2107", "no-contiguous-room", source="QNX 8.0 startup option -R: a region is one piece of RAM")
def no_contiguous_room(scene: Scene) -> Iterator[Finding]:
    """A region that must be one piece finds no gap that is long enough, though enough bytes are free.

    Regions of a stack were placed before rules run, with a diagnostic of their own where that failed.
    """
    if not scene.banks or scene.system.complete:
        return
    taken = [region.window for region in scene.regions if region.window]
    waiting = [
        region for region in scene.regions if not region.window and region.size and not region.external
    ]
    for region in sorted(waiting, key=lambda each: -(each.size or 0)):
        size = region.size or 0
        room = [gap for bank in merged(scene.banks) for gap in gaps(bank, taken)]
        fitting = [gap for gap in room if gap.size >= size]
        if fitting:
            taken.append(AddressRange.sized(fitting[0].start, size))
            continue
        largest = max(room, key=lambda gap: gap.size, default=AddressRange(0, 0))
        yield found(
            region.origin,
            f"{region_text(region)} finds no {size_text(size)} in one piece",
            f"needs {size_text(size)}",
            notes=(
                f"the longest free range is {largest}, {size_text(largest.size)}",
                f"{size_text(sum(gap.size for gap in room))} are free in all",
            ),
        )


@rule(
    "HV2108",
    "region-unused",
    severity=Severity.WARNING,
    source="inferred: a region that no VM takes is memory that nobody uses",
)
def region_unused(scene: Scene) -> Iterator[Finding]:
    """A region of host memory is declared for a guest, and the guest does not take it."""
    taken = {handed.region for handed in scene.handed} | _named(scene)
    labels = {vm.label for vm in scene.system.vms}
    for region in (scene.host.regions or {}).values():
        if region.owner in labels and region.name not in taken:
            size = region.window.size if region.window else region.size
            yield found(
                region.origin,
                f"{region_text(region)} is kept for guest `{region.owner}`, which does not take it",
                f"{size_text(size)} that nobody uses" if size else "",
            )


@rule(
    "HV2109",
    "region-too-large-for-cell",
    source="Devicetree Specification, reg: sizes have #size-cells cells",
)
def region_too_large_for_cell(scene: Scene) -> Iterator[Finding]:
    """A region's address or size needs more 32-bit cells than the host devicetree gives it."""
    if scene.host.size_cells != 1:
        return
    for region in (scene.host.regions or {}).values():
        size = region.window.size if region.window else region.size or 0
        if size >= _FOUR_GIB and not region.external:
            yield found(
                region.origin,
                f"{region_text(region)} is too long for the one size cell of the host tree",
                f"{hex_address(size)} does not fit 32 bits",
                helps=("split it into regions below 4 GiB each",),
            )


@rule(
    "HV2110",
    "region-order-differs",
    severity=Severity.WARNING,
    source="comment in Qualcomm host trees: the order of memory-regions must be kept; its reason is inferred",
)
def region_order_differs(scene: VmScene) -> Iterator[Finding]:
    """The guest takes its regions in another order than the host tree lists them.

    The first region is the guest's first memory bank, where its kernel and device tree are loaded.
    """
    order = scene.host.region_order
    if not order:
        return
    rank = {name: index for index, name in enumerate(order)}
    taken = [
        (region_of(location), location.origin or each.origin)
        for each in scene.vm.passes
        for location in each.windows
        if "m" in location.flags and region_of(location) in rank
    ]
    for (first, first_origin), (second, second_origin) in pairwise(taken):
        if rank[second] < rank[first]:
            label = (Label(first_origin.span, "taken before"),) if first_origin.span else ()
            yield found(
                second_origin,
                f"{scene.text} takes region `{second}` after `{first}`, the host tree lists it before",
                "taken after",
                others=label,
                notes=(f"the host tree has {listed(order)}",),
            )


def _blocks(scene: Scene) -> list[tuple[str, Memory, int]]:
    found_blocks = []
    for vm in scene.vms:
        for block in vm.vm.memory:
            size = scene.system.amount(block.size)
            if size:
                found_blocks.append((vm.vm.label, block, size))
    return found_blocks


def _overhead(scene: Scene) -> int:
    return (scene.host.vm_overhead or 0) * len(scene.vms)


def _free(scene: Scene) -> int | None:
    """Bytes of the board's RAM that no region, reservation or pass-through window takes."""
    if not scene.banks:
        return None
    taken = [region.window for region in scene.regions if region.window]
    taken += [handed.window for handed in scene.handed if not handed.region]
    free = sum(gap.size for bank in merged(scene.banks) for gap in gaps(bank, taken))
    return free - sum(region.size or 0 for region in scene.regions if not region.window)


def _sum_notes(scene: Scene, free: int) -> tuple[str, ...]:
    total = sum(bank.size for bank in merged(scene.banks or ()))
    notes = [
        f"{size_text(total)} on the board, {size_text(max(total - free, 0))} in regions and reservations"
    ]
    if _overhead(scene):
        each = size_text(scene.host.vm_overhead or 0)
        notes.append(f"each of {len(scene.vms)} qvm processes needs {each} beside its guest's RAM")
    return tuple(notes)


def _block_labels(blocks: Sequence[tuple[str, Memory, int]]) -> tuple[Label, ...]:
    return tuple(
        Label(block.origin.span, f"guest `{guest}` takes {size_text(size)}")
        for guest, block, size in blocks
        if block.origin.span is not None
    )


def _named(scene: Scene) -> set[str]:
    """Regions that a `pass` names although their place is not known here."""
    return {region_of(location) for vm in scene.system.vms for each in vm.passes for location in each.windows}


RULES = (
    memory_exceeds_board,
    no_contiguous_room,
    region_unused,
    region_too_large_for_cell,
    region_order_differs,
    host_memory_too_small,
)
