"""HV31xx: interrupts of guests and of the host."""

from collections.abc import Iterator, Mapping

from hvbuild.catalog_rows import VdevRow
from hvbuild.diagnostics import Severity, other
from hvbuild.model.vm import Pass, PassInterrupt, Vdev, VmConfig
from hvbuild.rules.containment import device_of
from hvbuild.rules.devices import family
from hvbuild.rules.lines import Line, line_controllers
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Scene, VmScene
from hvbuild.rules.wording import did_you_mean
from hvbuild.source import Origin
from hvbuild.units import read_number
from hvbuild.values import dataclass

_GIC_LINES = "Arm GIC architecture: interrupt ids 0-15 are software, 16-31 private, 32-1019 shared"


@dataclass(frozen=True, slots=True)
class Vector:
    """A host interrupt that a VM is handed."""

    number: int
    vm: VmConfig
    context: Pass
    origin: Origin


def controllers(scene: VmScene) -> Mapping[str, VdevRow | None]:
    """The interrupt controllers of the scene's VM by the names that `intr` uses; None: one without rows."""
    return line_controllers(scene.vm, scene.scene.catalog)


@rule(
    "HV3101",
    "guest-interrupt-twice",
    source="QNX Hypervisor 7.1, vdev options, intr; public notes from targets: qvm reports nothing",
    policy="an error although qvm accepts it: one of the two devices never gets its interrupts",
)
def guest_interrupt_twice(scene: VmScene) -> Iterator[Finding]:
    """Two devices of one guest use the same interrupt line.

    Timers of a PC may share a line (QNX's own examples put timer8254 and hpet on one).
    """
    seen: dict[tuple[str, int], Line] = {}
    for line in scene.lines:
        number = scene.system.amount(line.interrupt.line)
        if number is None:
            continue
        earlier = seen.setdefault((line.interrupt.pic, number), line)
        if earlier is line or (earlier.shares and line.shares):
            continue
        if earlier.vdev is not None and earlier.vdev is line.vdev and line.shares:
            continue
        spelled = f"{line.interrupt.pic}:{number}"
        yield found(
            line.origin,
            f"{line.text} and {earlier.text} of {scene.text} use the same interrupt `{spelled}`",
            "used again",
            others=other(earlier.origin, f"{earlier.text} has it"),
            notes=("qvm accepts this without a message",),
        )


def _host_base(vm: VmScene, pic: str) -> int | None:
    """The host vector of the first line of controller `pic`; None where it was not said.

    The first controller starts at 0; a later one follows the lines of the one before, which are not known.
    """
    first = True
    for vdev in vm.vm.vdevs:
        row = vm.scene.catalog.vdev(vdev.type)
        if row is None or not row.controller:
            continue
        option = vdev.option("hostvector")
        if (vdev.name or row.name) == pic:
            if option is not None and option.values:
                return read_number(option.values[0])
            return 0 if first else None
        first = False
    return 0 if first and pic in {row.name for row in vm.scene.catalog.implicit_controllers} else None


def vectors(vm: VmScene) -> Iterator[Vector]:
    """Every host interrupt that the VM is handed, where its number is known."""
    for each in vm.vm.passes:
        for handed in each.interrupts:
            number = _host_vector(vm, handed)
            if number is not None:
                yield Vector(number, vm.vm, each, handed.origin or each.origin)


def _host_vector(vm: VmScene, handed: PassInterrupt) -> int | None:
    if handed.vector is not None:
        return vm.system.amount(handed.vector)
    base, line = _host_base(vm, handed.line.pic), vm.system.amount(handed.line.line)
    return base + line if base is not None and line is not None else None


@rule(
    "HV3102",
    "host-interrupt-twice",
    source="QNX Hypervisor 7.1, Devices: a passed device has one owner at a time",
)
def host_interrupt_twice(scene: Scene) -> Iterator[Finding]:
    """One interrupt of the host is handed over twice, to two guests or twice to one."""
    seen: dict[int, Vector] = {}
    for vector in (each for vm in scene.vms for each in vectors(vm)):
        earlier = seen.setdefault(vector.number, vector)
        # A device that is handed over twice is one fault, said where its registers are.
        twice = vector.context.device and vector.context.device == earlier.context.device
        if earlier is not vector and not (twice and vector.context.windows):
            both = f"guests `{earlier.vm.label}` and `{vector.vm.label}` are both handed"
            once = f"guest `{vector.vm.label}` is handed twice:"
            yield found(
                vector.origin,
                f"{once if earlier.vm is vector.vm else both} host interrupt {vector.number}",
                "handed over again",
                others=other(earlier.origin, f"guest `{earlier.vm.label}` has it"),
            )


@rule("HV3103", "interrupt-controller-unknown", source="QNX Hypervisor 7.1, vdev options, intr: pic:line")
def interrupt_controller_unknown(scene: VmScene) -> Iterator[Finding]:
    """An interrupt names a controller that the VM does not have."""
    known = controllers(scene)
    for line in scene.lines:
        if line.interrupt.pic not in known:
            yield found(
                line.origin,
                f"{scene.text} has no interrupt controller `{line.interrupt.pic}`",
                f"{line.text} sends its interrupt there",
                helps=did_you_mean(line.interrupt.pic, known),
            )


@rule(
    "HV3104",
    "interrupt-controller-declared-late",
    source="QNX Hypervisor 7.1, qvm configuration syntax: a controller precedes its users",
)
def interrupt_controller_declared_late(scene: VmScene) -> Iterator[Finding]:
    """A virtual device sends its interrupt to a controller that is declared after it: qvm refuses it."""
    declared: dict[str, Vdev] = {}
    for vdev in scene.vm.vdevs:
        row = scene.scene.catalog.vdev(vdev.type)
        if row is not None and row.controller and (vdev.name or not row.implicit):
            declared.setdefault(vdev.name or row.name, vdev)
    position = {id(vdev): index for index, vdev in enumerate(scene.vm.vdevs)}
    for index, vdev in enumerate(scene.vm.vdevs):
        for interrupt in vdev.interrupts:
            controller = declared.get(interrupt.pic)
            if controller is not None and position[id(controller)] > index:
                yield found(
                    interrupt.origin or vdev.origin,
                    f"`{vdev.label}` of {scene.text} uses `{interrupt.pic}` before its declaration",
                    "names a controller that comes later",
                    others=other(controller.origin, "declared here"),
                    helps=(f"move the controller above `{vdev.label}`",),
                )


@rule("HV3105", "interrupt-line-out-of-range", source=_GIC_LINES)
def interrupt_line_out_of_range(scene: VmScene) -> Iterator[Finding]:
    """An interrupt line that its controller does not have; on a GIC ids below 16 are software interrupts."""
    known = controllers(scene)
    for line in scene.lines:
        row = known.get(line.interrupt.pic)
        number = scene.system.amount(line.interrupt.line)
        if row is None or row.lines is None or number is None:
            continue
        low, high = row.lines
        if not low <= number <= high:
            yield found(
                line.origin,
                f"{line.text} of {scene.text} uses `{line.interrupt.pic}:{number}`, which does not exist",
                f"`{row.name}` has lines {low} to {high}",
                helps=(f"as a shared interrupt it is `{line.interrupt.pic}:{number + 32}`",)
                if row.name == "gic" and number < low
                else (),
            )


@rule(
    "HV3106",
    "interrupt-line-private",
    severity=Severity.WARNING,
    source=_GIC_LINES + "; that no virtual device can use a private one is inferred",
)
def interrupt_line_private(scene: VmScene) -> Iterator[Finding]:
    """A device uses a GIC id from 16 to 31: private to one CPU, usually an SPI number without its 32."""
    known = controllers(scene)
    for line in scene.lines:
        row = known.get(line.interrupt.pic)
        number = scene.system.amount(line.interrupt.line)
        if row is not None and row.name == "gic" and number is not None and 16 <= number < 32:
            yield found(
                line.origin,
                f"{line.text} of {scene.text} uses the private interrupt `{line.interrupt.pic}:{number}`",
                "16 to 31 are private to one CPU",
                helps=(f"SPI {number} of a device tree is `{line.interrupt.pic}:{number + 32}`",),
            )


@rule("HV3107", "interrupt-of-other-architecture", source="QNX Hypervisor 7.1, Configuring guests: intr apic")
def interrupt_of_other_architecture(scene: VmScene) -> Iterator[Finding]:
    """An interrupt is sent to the controller of another architecture: `apic` on Arm, `gic` on x86."""
    kind = family(scene)
    implicit = {row.name: row.architecture for row in scene.scene.catalog.implicit_controllers}
    named = {vdev.name for vdev in scene.vm.vdevs if vdev.name}
    for line in scene.lines:
        pic = line.interrupt.pic
        own = scene.scene.catalog.vdev(line.vdev.type) if line.vdev else None
        foreign = own is not None and own.architecture not in ("", kind)
        if kind and pic not in named and implicit.get(pic, kind) != kind and not foreign:
            yield found(
                line.origin,
                f"{line.text} of {scene.text} interrupts `{pic}`, which this machine does not have",
                "controller of another architecture",
            )


@rule(
    "HV3108",
    "interrupt-of-other-device",
    severity=Severity.WARNING,
    source="inferred: a board's device list says which device raises an interrupt",
)
def interrupt_of_other_device(scene: VmScene) -> Iterator[Finding]:
    """A guest is handed an interrupt that the board's list gives to another device than the passed one."""
    owners = scene.scene.raisers
    for vector in vectors(scene):
        owner, device = owners.get(vector.number), device_of(scene, vector.context)
        if owner and device and owner is not device:
            yield found(
                vector.origin,
                f"host interrupt {vector.number} handed over with `{device.name}` belongs to `{owner.name}`",
                f"handed to {scene.text} with `{device.name}`",
                others=other(owner.origin, f"`{owner.name}` raises it"),
            )


@rule("HV3109", "interrupt-attribute-of-other-release", source="QNX Hypervisor 7.1 and 8.0, vm/pass, intr")
def interrupt_attribute_of_other_release(scene: VmScene) -> Iterator[Finding]:
    """A passed interrupt has an attribute that the target release does not know."""
    catalog, target = scene.scene.catalog, scene.system.target
    for each in scene.vm.passes:
        for handed in each.interrupts:
            for letter in handed.attribute if target else "":
                rows = catalog.interrupt_attributes.get(letter, ())
                if not any(catalog.holds(row, target) for row in rows):
                    yield found(
                        handed.origin or each.origin,
                        f"`{target}` does not know the interrupt attribute `{letter}`",
                        f"passed interrupt of {scene.text}",
                    )


@rule(
    "HV3110",
    "interrupt-unmasked-early",
    severity=Severity.WARNING,
    source="QNX Hypervisor 7.1, vm/pass, attribute u: for edge interrupts only, after asking QNX",
    policy="right for some devices; whoever uses it says so in an `allow` remark",
)
def interrupt_unmasked_early(scene: VmScene) -> Iterator[Finding]:
    """A passed interrupt is unmasked at once (`u`): safe only when host and guest see edges."""
    for each in scene.vm.passes:
        for handed in each.interrupts:
            if "u" in handed.attribute:
                yield found(
                    handed.origin or each.origin,
                    f"{scene.text} gets an interrupt that is unmasked before its handler is done",
                    "attribute `u`",
                    notes=("a level-triggered source raises it again at once and floods the host",),
                    helps=(
                        "keep it only for an edge-triggered source, and say why: `# hvbuild: allow HV3110 …`",
                    ),
                )


@rule(
    "HV3111", "controller-name-has-colon", source="QNX Hypervisor 7.1, vdev reference: names of controllers"
)
def controller_name_has_colon(scene: VmScene) -> Iterator[Finding]:
    """An interrupt controller's name contains a colon, so no `intr` can name it."""
    for vdev in scene.vm.vdevs:
        row = scene.scene.catalog.vdev(vdev.type)
        if row is not None and row.controller and ":" in vdev.name:
            yield found(
                (vdev.name_origin, vdev.origin),
                f"interrupt controller `{vdev.name}` of {scene.text} has a colon in its name",
                "`intr` takes what stands before the first colon as the name",
            )


RULES = (
    guest_interrupt_twice,
    host_interrupt_twice,
    interrupt_controller_unknown,
    interrupt_controller_declared_late,
    interrupt_line_out_of_range,
    interrupt_line_private,
    interrupt_of_other_architecture,
    interrupt_of_other_device,
    interrupt_attribute_of_other_release,
    interrupt_unmasked_early,
    controller_name_has_colon,
)
