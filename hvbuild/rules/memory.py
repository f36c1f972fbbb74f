"""HV20xx: guest-physical memory, one address with one owner."""

from collections.abc import Iterator

from hvbuild.diagnostics import Severity, other
from hvbuild.model.vm import Amount, Memory, MemoryKind, PassWindow, Space
from hvbuild.ranges import AddressRange, merged
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Claim, Role, VmScene, pass_text
from hvbuild.source import Origin
from hvbuild.units import LIMIT_64, PAGE, hex_address, is_page_aligned

_ONE_OWNER = "QNX Hypervisor 7.1, Configuring VMs: two things never answer at one physical address"
_PAGES = "QNX Hypervisor 7.1, Memory in a virtualized environment: allocations are multiples of 4 KB"
_SPACE = "a guest-physical address may be claimed once; RAM, `pass` and `vdev` windows share one space"


def memory_text(block: Memory) -> str:
    """How a message calls a block of guest memory."""
    kind = "RAM" if block.kind is MemoryKind.RAM else "ROM"
    return f"{kind} `{block.name}`" if block.name else kind


def sized_things(scene: VmScene) -> Iterator[tuple[str, Amount | None, Amount | None, Origin]]:
    """Text, start, length and place of everything in guest-physical memory that says its own length."""
    for block in scene.vm.memory:
        yield memory_text(block), block.base, block.size, block.origin
    for each in scene.vm.passes:
        for location in each.windows:
            if location.space is Space.MEM:
                yield pass_text(each, location), location.start, location.length, location.origin
    for vdev in scene.vm.vdevs:
        at = vdev.location
        if at is not None and at.space is Space.MEM:
            yield f"virtual device `{vdev.label}`", at.start, at.length, at.origin
    for reserve in scene.vm.reserves:
        for at in reserve.locations:
            if at.space is Space.MEM:
                yield "the reserved range", at.start, at.length, at.origin


def host_ranges(scene: VmScene) -> Iterator[tuple[str, PassWindow]]:
    """The windows whose host range is another than the guest's, with how a message calls that range."""
    for each in scene.vm.passes:
        for location in each.windows:
            if location.space is Space.MEM and location.host not in (None, location.start):
                yield f"the host range of {pass_text(each, location)}", location


@rule("HV2001", "memory-not-whole-pages", source=_PAGES)
def memory_not_whole_pages(scene: VmScene) -> Iterator[Finding]:
    """Guest RAM or ROM whose address or length is not a multiple of the 4 KiB page.

    qvm allocates guest memory from the host in whole pages; a part of a page cannot be mapped.
    """
    for block in scene.vm.memory:
        base, size = scene.system.amount(block.base), scene.system.amount(block.size)
        wrong = [
            f"{word} {hex_address(value)}"
            for word, value in (("address", base), ("length", size))
            if value is not None and not is_page_aligned(value) and not (block.placed and word == "address")
        ]
        if wrong:
            up = hex_address(-(-(size or 0) // PAGE) * PAGE)
            yield found(
                block.origin,
                f"{memory_text(block)} of {scene.text} is not made of whole pages",
                f"{' and '.join(wrong)}: not a multiple of 4 KiB",
                helps=(f"round the length up to {up}",) if size is not None and size % PAGE else (),
            )


@rule("HV2002", "memory-overlaps-memory", source=_ONE_OWNER)
def memory_overlaps_memory(scene: VmScene) -> Iterator[Finding]:
    """Two blocks of RAM or ROM of one guest claim the same guest-physical addresses."""
    for first, second in scene.overlaps:
        if {first.role, second.role} <= {Role.RAM, Role.ROM}:
            yield _overlap(scene, second, first)


@rule("HV2003", "vdev-inside-ram", source=_ONE_OWNER)
def vdev_inside_ram(scene: VmScene) -> Iterator[Finding]:
    """A virtual device's window lies inside the guest's RAM or ROM.

    Stage 2 maps the RAM, so accesses to the device never trap and the device is dead.
    """
    for role in (Role.RAM, Role.ROM):
        for memory, vdev in scene.clashing(role, Role.VDEV):
            helps = (f"move `loc` to {hex_address(memory.window.end)} or above, or shrink {memory.text}",)
            yield _overlap(scene, vdev, memory, word="device occupies", helps=helps)


@rule("HV2004", "pass-inside-ram", source=_ONE_OWNER)
def pass_inside_ram(scene: VmScene) -> Iterator[Finding]:
    """A pass-through window lies inside the guest's RAM or ROM: two mappings for one address."""
    for role in (Role.RAM, Role.ROM):
        for memory, handed in scene.clashing(role, Role.HANDED):
            yield _overlap(scene, handed, memory, word="passed window is")


@rule("HV2005", "empty-range", source=_PAGES)
def empty_range(scene: VmScene) -> Iterator[Finding]:
    """A range of length zero: it claims nothing, so what was meant by it is missing."""
    for text, _, length, origin in sized_things(scene):
        if length is not None and scene.system.amount(length) == 0:
            yield found(origin, f"{text} of {scene.text} has length zero", "claims no address")


@rule("HV2006", "address-wraps", source="64-bit physical addresses of Armv8-A and x86-64")
def address_wraps(scene: VmScene) -> Iterator[Finding]:
    """A range that runs past the last 64-bit address."""
    things = list(sized_things(scene))
    things += [(text, each.host, each.length, each.origin) for text, each in host_ranges(scene)]
    for text, start, length, origin in things:
        at, size = scene.system.amount(start), scene.system.amount(length)
        if at is not None and size is not None and at + size > LIMIT_64:
            yield found(
                origin,
                f"{text} of {scene.text} ends beyond the 64-bit address space",
                f"{hex_address(at)} plus {hex_address(size)} is {hex_address(at + size)}",
            )


@rule(
    "HV2007",
    "beyond-guest-address-limit",
    source="Armv8-A: an intermediate physical address has no more bits than a physical one of the machine",
)
def beyond_guest_address_limit(scene: VmScene) -> Iterator[Finding]:
    """A guest-physical range above what the board's stage-2 tables can translate; a host range above all."""
    bits = scene.host.address_bits
    if bits is None or bits >= 64:
        return
    claims = [(each.text, each.window, each.origin) for each in (*scene.memory, *scene.passes, *scene.vdevs)]
    claims += [
        (text, window, each.origin)
        for text, each in host_ranges(scene)
        # Memory that is lent lies in a bank, or has a fault of its own.
        if "m" not in each.flags and (window := scene.system.window(each.host, each.length)) is not None
    ]
    for text, window, origin in claims:
        if window.end > 1 << bits:
            yield found(
                origin,
                f"{text} of {scene.text} lies beyond the board's {bits}-bit addresses",
                f"{window} ends above {hex_address(1 << bits)}",
            )


@rule(
    "HV2008",
    "load-outside-memory",
    source="QNX Hypervisor 7.1, vm/load: the address lies in allocated guest memory",
)
def load_outside_memory(scene: VmScene) -> Iterator[Finding]:
    """A file is loaded at an address where the guest has neither RAM nor ROM.

    With the file's size known, its end is looked at too. Silent while the place of some memory is unknown.
    """
    if scene.has_open_memory or not (scene.memory or scene.passes):
        return
    room = merged(claim.window for claim in (*scene.memory, *scene.passes) if claim.is_memory)
    for load in scene.vm.loads:
        at = scene.system.amount(load.address)
        if at is None:
            continue
        end = min(at + max(_image_size(scene, load.path) or 1, 1), LIMIT_64)
        if not any(window.contains(AddressRange(at, end)) for window in room):
            holds = ", ".join(str(window) for window in room) or "none"
            where = hex_address(at) if end == at + 1 else f"{AddressRange(at, end)}"
            yield found(
                load.origin,
                f"`{load.path}` is loaded outside the memory of {scene.text}",
                f"{where} is not in guest memory",
                notes=(f"the guest's memory is {holds}",),
            )


@rule(
    "HV2009",
    "loads-overlap",
    source="QNX Hypervisor 7.1, vm/load: a file is copied to its address in guest memory",
)
def loads_overlap(scene: VmScene) -> Iterator[Finding]:
    """Two loaded files claim the same guest memory: the later one overwrites the earlier."""
    placed = []
    for load in scene.vm.loads:
        at, size = scene.system.amount(load.address), _image_size(scene, load.path)
        window = scene.system.window(at, size if size is not None else 1)
        if at is not None and window is not None:
            placed.append((window, load))
    for index, (window, load) in enumerate(placed):
        for earlier_window, earlier in placed[:index]:
            if window.overlaps(earlier_window):
                yield found(
                    load.origin,
                    f"`{load.path}` overwrites `{earlier.path}` in the memory of {scene.text}",
                    f"occupies {window}",
                    others=other(earlier.origin, f"`{earlier.path}` occupies {earlier_window}"),
                )


@rule(
    "HV2022",
    "vm-without-memory",
    severity=Severity.WARNING,
    source="QNX Hypervisor 7.1, vm/ram: a guest has the memory that `ram` and `pass` with `m` give it",
    policy="a file may be one of several that make up a VM, and its memory may stand in another",
)
def vm_without_memory(scene: VmScene) -> Iterator[Finding]:
    """The VM has no RAM: neither a `ram` line nor host memory passed with the flag `m`."""
    has_ram = any(block.kind is MemoryKind.RAM for block in scene.vm.memory)
    lent = any("m" in location.flags for each in scene.vm.passes for location in each.windows)
    # A misspelt `ram` is said by the reader; one fault, one diagnostic.
    words = (word.lower() for each in scene.vm.verbatim for word in each.words)
    misspelt = any(word.startswith(("ram", "mem")) for word in words)
    if not has_ram and not lent and not misspelt:
        yield found(
            scene.place,
            f"{scene.text} has no RAM",
            "no `ram`, and no `pass` with the flag `m`",
            helps=("give it `ram ADDRESS,LENGTH`, or check this file together with the one that has it",),
        )


@rule(
    "HV2021",
    "owners-share-page",
    severity=Severity.WARNING,
    source="Armv8-A, Intel EPT: stage-2 tables map 4 KiB pages; that qvm traps whole pages is inferred",
)
def owners_share_page(scene: VmScene) -> Iterator[Finding]:
    """A virtual device and mapped memory touch one 4 KiB page without overlapping.

    A page is either mapped or trapped, so one of the two owners cannot work.
    """
    pages: dict[int, Claim] = {}
    for claim in (*scene.memory, *scene.passes):
        for page in {claim.window.start // PAGE, max(claim.window.end - 1, 0) // PAGE}:
            if not (is_page_aligned(claim.window.start) and is_page_aligned(claim.window.end)):
                pages.setdefault(page, claim)
    for vdev in scene.vdevs:
        for page in {vdev.window.start // PAGE, max(vdev.window.end - 1, 0) // PAGE}:
            mapped = pages.get(page)
            if mapped is not None and not mapped.window.overlaps(vdev.window):
                yield found(
                    vdev.origin,
                    f"{vdev.text} and {mapped.text} of {scene.text} share a page",
                    f"device occupies {vdev.window}",
                    others=other(mapped.origin, f"mapped: {mapped.window}"),
                    notes=(f"the page {AddressRange.sized(page * PAGE, PAGE)} is either mapped or trapped",),
                )


def _image_size(scene: VmScene, path: str) -> int | None:
    return next((image.size for image in scene.facts.images if image.path == path and image.exists), None)


def _overlap(
    scene: VmScene, later: Claim, earlier: Claim, word: str = "", helps: tuple[str, ...] = ()
) -> Finding:
    kind = "" if isinstance(earlier.thing, PassWindow) else "is "
    return found(
        (later.origin, earlier.origin, scene.place),
        f"{later.text} overlaps {earlier.text} of {scene.text}",
        f"{word or 'this is'} {later.window}",
        others=other(earlier.origin, f"{earlier.text} {kind}{earlier.window}") if later.origin else (),
        notes=(_SPACE, f"both claim {later.window.intersection(earlier.window)}"),
        helps=helps,
    )


RULES = (
    memory_not_whole_pages,
    memory_overlaps_memory,
    vdev_inside_ram,
    pass_inside_ram,
    empty_range,
    address_wraps,
    beyond_guest_address_limit,
    load_outside_memory,
    loads_overlap,
    vm_without_memory,
    owners_share_page,
)
