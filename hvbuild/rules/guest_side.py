"""HV522x: what the guest's own files say against what its VM offers: images, drivers, device tree, needs."""

import re
from collections.abc import Iterator

from hvbuild.diagnostics import Severity, other
from hvbuild.model.evidence import GuestCommand, TreeDevice
from hvbuild.model.vm import Vdev
from hvbuild.ranges import AddressRange, merged
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Claim, Role, VmScene
from hvbuild.rules.wording import either, listed
from hvbuild.units import hex_address, read_number, size_text
from hvbuild.values import dataclass

_DRIVERS = "QNX Hypervisor 7.1, vdev reference: a guest driver is told the same address and interrupt"
_LINKED = "QNX Hypervisor 7.1, vm/ram: the guest image is linked for an address in the guest's RAM"
_NUMBER = r"(0x[0-9a-fA-F]+|\d+)"
# program, pattern with the address and (where it has one) the interrupt, and the vdev types it drives
_ARGUMENTS = (
    ("devc-virtio", re.compile(rf"(?:\A|\s){_NUMBER},{_NUMBER}(?=\s|\Z)"), ("virtio-console",)),
    ("devb-virtio", re.compile(rf"smem={_NUMBER}(?:,irq={_NUMBER})?"), ("virtio-blk",)),
    ("wdtkick", re.compile(rf"-a\s*{_NUMBER}"), ("wdt-sp805", "wdt-ib700")),
    ("devc-serpl011", re.compile(rf"(?:\A|\s){_NUMBER}(?:\^\d+)?,{_NUMBER}(?=\s|\Z)"), ("pl011",)),
    ("drm-virtio", re.compile(rf"(?:0x[0-9a-fA-F]+|\d+)@{_NUMBER}:{_NUMBER}"), ("virtio-gpu",)),
    ("shmem-guest", re.compile(rf"(?:\A|\s){_NUMBER}\s+{_NUMBER}(?=\s|\Z)"), ("shmem",)),
)


@dataclass(frozen=True, slots=True)
class Told:
    """A guest driver with the address and interrupt that it is told."""

    command: GuestCommand
    program: str
    types: tuple[str, ...]
    address: int
    line: int | None


def told_drivers(scene: VmScene) -> Iterator[Told]:
    """Guest command lines that name the address of a virtual device."""
    for command in scene.facts.commands:
        first = next(iter(command.command.split()), "").rsplit("/", 1)[-1]
        for program, pattern, types in _ARGUMENTS:
            match = pattern.search(command.command) if first == program else None
            address = read_number(match[1].lower()) if match else None
            if match and address is not None:
                line = match[2] if match.re.groups > 1 else None
                yield Told(command, program, types, address, read_number(line.lower()) if line else None)


@rule("HV5221", "driver-address-differs", source=_DRIVERS)
def driver_address_differs(scene: VmScene) -> Iterator[Finding]:
    """A guest's driver is told an address where the VM has no such device: it attaches to nothing."""
    starts = {(claim.window.start, _type(claim)): claim for claim in (*scene.vdevs, *scene.ports)}
    for told in told_drivers(scene):
        if any((told.address, kind) in starts for kind in told.types):
            continue
        near = [claim for claim in (*scene.vdevs, *scene.ports) if _type(claim) in told.types]
        yield found(
            told.command.origin,
            f"`{told.program}` in {scene.text} looks for its device at {hex_address(told.address)}",
            f"no {either(told.types)} there",
            others=tuple(
                label
                for claim in near
                for label in other(claim.origin, f"{claim.text} is at {hex_address(claim.window.start)}")
            ),
            notes=("nothing reports this on the target: the driver finds no device",),
        )


@rule("HV5222", "driver-interrupt-differs", source=_DRIVERS)
def driver_interrupt_differs(scene: VmScene) -> Iterator[Finding]:
    """A guest's driver is told another interrupt than its virtual device has."""
    claims = {claim.window.start: claim for claim in (*scene.vdevs, *scene.ports)}
    for told in told_drivers(scene):
        claim = claims.get(told.address)
        if claim is None or told.line is None or _type(claim) not in told.types:
            continue
        given = [scene.system.amount(each.line) for each in _vdev(claim).interrupts]
        if given and None not in given and told.line not in given:
            place = _vdev(claim).interrupts[0].origin or claim.origin
            yield found(
                told.command.origin,
                f"`{told.program}` in {scene.text} waits for interrupt {told.line}, not for {given[0]}",
                f"told {told.line}",
                others=other(place, f"{claim.text} raises {given[0]}"),
            )


@rule("HV5223", "image-linked-elsewhere", source=_LINKED)
def image_linked_elsewhere(scene: VmScene) -> Iterator[Finding]:
    """The guest's image is linked for addresses, or starts at one, where the VM has no memory."""
    room = _room(scene)
    if scene.has_open_memory or not room:
        return
    used = {load.path: load for load in scene.vm.loads}
    for image in scene.facts.images:
        linked = image.linked
        if linked is None and image.entry is not None:
            linked = AddressRange.sized(image.entry, 1)
        if image.path in used and linked and not any(window.contains(linked) for window in room):
            where = str(linked) if linked.size > 1 else hex_address(linked.start)
            yield found(
                (used[image.path].origin, image.origin),
                f"`{image.path}` is linked for {where}, {scene.text} has no memory there",
                "linked elsewhere" if image.linked else "starts elsewhere",
                others=other(scene.vm.memory[0].origin if scene.vm.memory else None, f"memory: {room[0]}"),
            )


@rule("HV5224", "ifs-address-differs", source=_LINKED)
def ifs_address_differs(scene: VmScene) -> Iterator[Finding]:
    """The address in the guest's buildfile (`[image=…]`) is not in the RAM of its VM."""
    needs = scene.facts.needs
    room = _room(scene)
    if needs is None or needs.ifs_address is None or scene.has_open_memory or not room:
        return
    if not any(window.holds(needs.ifs_address) for window in room):
        yield found(
            (needs.origin, scene.place),
            f"the image of {scene.text} is built for {hex_address(needs.ifs_address)}, where it has no RAM",
            f"image={hex_address(needs.ifs_address)}",
            others=other(scene.vm.memory[0].origin if scene.vm.memory else None, f"RAM is {room[0]}"),
        )


@rule("HV5225", "guest-needs-more-memory", source="the guest's declared needs")
def guest_needs_more_memory(scene: VmScene) -> Iterator[Finding]:
    """The guest's software needs more RAM than its VM has."""
    needs = scene.facts.needs
    if needs is None or needs.memory is None or scene.has_open_memory:
        return
    has = sum(window.size for window in _room(scene, rom=False))
    if has < needs.memory:
        block = scene.vm.memory[0].origin if scene.vm.memory else scene.place
        yield found(
            block,
            f"{scene.text} has {size_text(has)} of RAM and needs {size_text(needs.memory)}",
            f"{size_text(needs.memory - has)} too little",
            others=other(needs.origin, f"needs {size_text(needs.memory)}"),
        )


@rule("HV5226", "guest-needs-device", source="the guest's declared needs")
def guest_needs_device(scene: VmScene) -> Iterator[Finding]:
    """The guest's software needs a virtual device that its VM does not have."""
    needs = scene.facts.needs
    types = {vdev.type.removesuffix("-safety") for vdev in scene.vm.vdevs}
    keys = {vdev.key for vdev in scene.vm.vdevs}
    for kind in needs.vdevs if needs else ():
        if needs and kind not in types and kind not in keys:
            yield found(
                (needs.origin, scene.place),
                f"{scene.text} needs a device `{kind}`, and its VM has none",
                f"has {listed(sorted(types))}" if types else "has no virtual devices",
            )


@rule(
    "HV5227",
    "guest-unaware",
    severity=Severity.WARNING,
    source="VIRTIO 1.1: paravirtual devices need drivers that know them; inferred",
)
def guest_unaware(scene: VmScene) -> Iterator[Finding]:
    """A guest that does not know that it runs in a VM is given paravirtual devices only it could drive."""
    needs = scene.facts.needs
    if needs is None or needs.aware:
        return
    for vdev in scene.vm.vdevs:
        if vdev.type.startswith("virtio-") or vdev.type == "shmem":
            yield found(
                (vdev.origin, scene.place),
                f"{scene.text} does not know that it is virtual, and has `{vdev.label}`",
                "a paravirtual device needs a guest that knows",
                others=other(needs.origin, "declared here"),
            )


@rule(
    "HV5228",
    "guest-tree-memory",
    source="QNX Hypervisor 7.1, Configuring guests, FDT: RAM is what the VM has",
)
def guest_tree_memory(scene: VmScene) -> Iterator[Finding]:
    """The guest's device tree tells of memory, or reserves memory, that the VM does not have."""
    tree, room = scene.facts.tree, _room(scene)
    if tree is None or scene.has_open_memory:
        return
    has = f"the VM has {', '.join(map(str, room)) or 'no memory'}"
    block = next((claim.origin for claim in (*scene.memory, *scene.passes) if claim.is_memory), None)
    for word, ranges in (("has memory at", tree.memory), ("reserves", tree.reserved)):
        for each in ranges:
            if not any(known.contains(each.window) for known in room):
                yield found(
                    (each.origin, tree.origin),
                    f"the device tree of {scene.text} {word} {each.window}, beyond the memory of its VM",
                    "" if block else has,
                    others=other(block, has),
                )


@rule(
    "HV5229", "guest-tree-cpus", source="QNX Hypervisor 7.1, Configuring guests, FDT: CPU nodes come from qvm"
)
def guest_tree_cpus(scene: VmScene) -> Iterator[Finding]:
    """The guest's device tree has another number of CPUs, or another GIC, than its VM."""
    tree = scene.facts.tree
    count = max(len(scene.vm.vcpus), 1)
    if tree is not None and tree.cpus is not None and tree.cpus != count:
        yield found(
            (tree.cpus_origin, tree.origin),
            f"the device tree of {scene.text} has {tree.cpus} CPUs, the VM has {count}",
            f"{tree.cpus} CPU nodes",
            others=other(scene.vm.vcpus[-1].origin if scene.vm.vcpus else None, f"the VM has {count} vCPUs"),
        )
    gic = next((vdev for vdev in scene.vm.vdevs if vdev.type == "gic"), None)
    version = gic.option("version") if gic else None
    given = read_number(version.values[0]) if version and version.values else None
    if tree is not None and tree.gic is not None and given is not None and tree.gic != given:
        yield found(
            (tree.gic_origin, tree.origin),
            f"the device tree of {scene.text} has a GIC of version {tree.gic}, the VM one of {given}",
            f"version {tree.gic}",
            others=other(version.origin if version else None, f"version {given}"),
        )


@rule(
    "HV5230",
    "guest-tree-device",
    source="QNX Hypervisor 7.1, Configuring guests, FDT: nodes and what is behind",
)
def guest_tree_device(scene: VmScene) -> Iterator[Finding]:
    """A device node of the guest's tree has registers where its VM has no device and no passed window."""
    tree = scene.facts.tree
    windows = [*scene.vdevs, *scene.passes]
    raised = {
        number for line in scene.lines if (number := scene.system.amount(line.interrupt.line)) is not None
    }
    for device in tree.devices if tree else ():
        window = device.window
        if window and not any(claim.window.overlaps(window) for claim in windows):
            yield found(
                device.origin,
                f"the device tree of {scene.text} has `{device.name}` at {window}, where the VM has nothing",
                "an access reads as ones and writes nothing",
            )
        elif device.interrupts and not set(device.interrupts) & raised:
            yield _interrupt_differs(scene, device, windows)


def _interrupt_differs(scene: VmScene, device: TreeDevice, claims: list[Claim]) -> Finding:
    window = device.window
    claim = next((c for c in claims if window and c.window.overlaps(window)), None)
    spelled = ", ".join(str(number) for number in device.interrupts)
    return found(
        device.origin,
        f"the device tree of {scene.text} gives `{device.name}` interrupt {spelled}, which nothing raises",
        f"SPI cell {device.interrupts[0] - 32}" if device.interrupts[0] >= 32 else "",
        others=other(claim.origin if claim else None, "the device that answers there"),
    )


def _type(claim: Claim) -> str:
    return _vdev(claim).type.removesuffix("-safety")


def _vdev(claim: Claim) -> Vdev:
    assert isinstance(claim.thing, Vdev)
    return claim.thing


def _room(scene: VmScene, *, rom: bool = True) -> tuple[AddressRange, ...]:
    blocks = [c.window for c in scene.memory if rom or c.role is Role.RAM]
    return merged([*blocks, *(c.window for c in scene.passes if c.lent)])


RULES = (
    driver_address_differs,
    driver_interrupt_differs,
    image_linked_elsewhere,
    ifs_address_differs,
    guest_needs_more_memory,
    guest_needs_device,
    guest_unaware,
    guest_tree_memory,
    guest_tree_cpus,
    guest_tree_device,
)
