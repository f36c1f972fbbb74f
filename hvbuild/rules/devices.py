"""HV30xx: virtual devices and their names, places and kinds."""

from collections.abc import Iterator

from hvbuild.diagnostics import Severity, other
from hvbuild.model.vm import Space, Vdev
from hvbuild.ranges import clashes
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Claim, Role, Scene, VmScene
from hvbuild.rules.windows import pci_slot
from hvbuild.rules.wording import did_you_mean, listed

_ONE_OWNER = "QNX Hypervisor 7.1, Configuring VMs: two things never answer at one physical address"
_PLACES = "QNX Hypervisor 7.1, vdev options: a memory-mapped device needs both `loc` and `intr`"
_FAMILY = {"aarch64": "arm", "x86_64": "x86"}
_FAMILY_TEXT = {"arm": "Arm", "x86": "x86"}


def family(scene: VmScene) -> str:
    """`arm` or `x86`, as the host says or its devices show beyond doubt; empty when not known."""
    said = scene.host.architecture
    if said is not None:
        return _FAMILY.get(said, "")
    kinds = {row.architecture for vdev in scene.vm.vdevs if (row := scene.scene.catalog.vdev(vdev.type))}
    kinds.discard("")
    return kinds.pop() if len(kinds) == 1 else ""


@rule("HV3001", "vdev-overlaps-vdev", source=_ONE_OWNER)
def vdev_overlaps_vdev(scene: VmScene) -> Iterator[Finding]:
    """Two virtual devices of one guest claim the same addresses, x86 ports or PCI slot."""
    ports = clashes((claim.window, claim) for claim in scene.ports)
    for first, second in (*scene.overlaps, *ports):
        if first.role is second.role is Role.VDEV and first.thing is not second.thing:
            yield _two_vdevs(scene, first, second)
    slots: dict[str, Vdev] = {}
    for vdev in scene.vm.vdevs:
        slot = pci_slot(vdev.location)
        earlier = slots.setdefault(slot, vdev) if slot else vdev
        if earlier is not vdev:
            yield found(
                (vdev.location.origin if vdev.location else vdev.origin, vdev.origin),
                f"virtual devices `{vdev.label}` and `{earlier.label}` of {scene.text} share a PCI slot",
                f"slot {slot}",
                others=other(earlier.location.origin if earlier.location else None, f"slot {slot}"),
            )


@rule("HV3002", "pass-shadows-vdev", source=_ONE_OWNER)
def pass_shadows_vdev(scene: VmScene) -> Iterator[Finding]:
    """A pass-through window covers a virtual device: the guest reaches the hardware and never traps."""
    for handed, vdev in scene.clashing(Role.HANDED, Role.VDEV):
        yield found(
            (handed.origin, vdev.origin),
            f"{handed.text} of {scene.text} shadows {vdev.text}",
            f"passed window is {handed.window}",
            others=other(vdev.origin, f"device occupies {vdev.window}"),
            notes=("accesses to a passed address do not trap, so the virtual device never sees them",),
        )


@rule("HV3003", "pass-overlaps-pass", source=_ONE_OWNER)
def pass_overlaps_pass(scene: VmScene) -> Iterator[Finding]:
    """Two pass-through windows of one guest claim the same guest-physical addresses."""
    for first, second in scene.overlaps:
        if first.role is second.role is Role.HANDED:
            yield found(
                (second.origin, first.origin),
                f"{second.text} overlaps {first.text} of {scene.text}",
                f"is {second.window}",
                others=other(first.origin, f"is {first.window}"),
                notes=(f"both claim {second.window.intersection(first.window)}",),
            )


@rule("HV3004", "vdev-without-place", source=_PLACES)
def vdev_without_place(scene: VmScene) -> Iterator[Finding]:
    """A memory-mapped virtual device lacks its location or its interrupt."""
    for vdev in scene.vm.vdevs:
        row = scene.scene.catalog.vdev(vdev.type)
        if row is None or row.third_party or row.addon == "third-party":
            continue
        has_place, has_line = vdev.location is not None, bool(vdev.interrupts)
        missing = []
        if row.location == "required" and not has_place:
            missing.append("loc")
        if row.interrupt == "required" and not has_line:
            missing.append("intr")
        if row.location == "virtio":
            mapped = vdev.location is not None and vdev.location.space is Space.MEM
            if mapped and not has_line:
                missing.append("intr")
            if not has_place and has_line and family(scene) == "arm":
                missing.append("loc")
        if missing:
            yield found(
                (vdev.origin, scene.place),
                f"virtual device `{vdev.label}` of {scene.text} has no {listed(missing)}",
                "memory-mapped devices need both `loc` and `intr`",
            )


@rule(
    "HV3005",
    "vdev-option-missing",
    source="the page of the device in the QNX Hypervisor user's guide, `explain`",
)
def vdev_option_missing(scene: VmScene) -> Iterator[Finding]:
    """A virtual device lacks an option without which qvm refuses it, such as the `peer` of virtio-net."""
    for vdev in scene.vm.vdevs:
        row = scene.scene.catalog.vdev(vdev.type)
        for key in row.required if row else ():
            if vdev.option(key) is None and not (key == "peer" and vdev.option("tapdev")):
                yield found(
                    (vdev.origin, scene.place),
                    f"virtual device `{vdev.label}` of {scene.text} has no `{key}`",
                    f"`{vdev.type}` needs `{key}`",
                    notes=(f"qvm refuses it: the `{key}` option is mandatory",),
                )


@rule(
    "HV3006",
    "vdev-type-unknown",
    severity=Severity.WARNING,
    source="QNX Hypervisor 7.1, vdev reference: a type selects the library vdev-TYPE.so",
    policy="devices of other vendors are legal; only a name that is nearly a known one is reported",
)
def vdev_type_unknown(scene: VmScene) -> Iterator[Finding]:
    """A virtual device's type is unknown and looks like a misspelling of a known one."""
    known = scene.scene.catalog.vdevs
    for vdev in scene.vm.vdevs:
        if scene.scene.catalog.vdev(vdev.type) is None:
            helps = did_you_mean(vdev.type, known)
            if helps and helps[0].startswith("did"):
                yield found(
                    vdev.origin,
                    f"virtual device type `{vdev.type}` is not known",
                    "third-party?",
                    helps=helps,
                )


@rule(
    "HV3011",
    "vdev-option-unknown",
    source="QNX Hypervisor 7.1, vdev reference: the options of each device",
    policy="an error in a stack, whose keys are all known ones; in a hand-kept file a warning (HV8026)",
)
def vdev_option_unknown(scene: VmScene) -> Iterator[Finding]:
    """A virtual device has a key that is none of its options; `verbatim` carries what nobody here knows."""
    catalog = scene.scene.catalog
    for vdev in scene.vm.vdevs:
        row = catalog.vdev(vdev.type)
        if row is None or row.open or row.third_party:
            continue
        known = (*(option.name for option in row.options), *catalog.sub_options["vdev"])
        for option in vdev.options:
            if not option.carried and catalog.vdev_option(vdev.type, option.key) is None:
                words = " ".join((option.key, *option.values))
                yield found(
                    (option.origin, vdev.origin),
                    f"`{option.key}` is no option of virtual device `{vdev.label}` of {scene.text}",
                    f"`{row.name}` has no `{option.key}`",
                    helps=(*did_you_mean(option.key, known), f'carry it as it is: `verbatim: ["{words}"]`'),
                )


@rule("HV3007", "vdev-of-other-architecture", source="QNX Hypervisor 7.1, vdev reference: architectures")
def vdev_of_other_architecture(scene: VmScene) -> Iterator[Finding]:
    """A virtual device, or an x86 port, that the architecture of host and guest does not have."""
    kind = family(scene)
    if not kind:
        return
    for vdev in scene.vm.vdevs:
        row = scene.scene.catalog.vdev(vdev.type)
        if row and row.architecture and row.architecture != kind:
            yield found(
                (vdev.origin, scene.place),
                f"virtual device `{vdev.label}` of {scene.text} is for {_FAMILY_TEXT[row.architecture]} only",
                f"`{vdev.type}` on {_FAMILY_TEXT[kind]}",
            )
        elif kind == "arm" and vdev.location is not None and vdev.location.space is Space.IO and row is None:
            yield found(
                (vdev.location.origin, vdev.origin),
                f"virtual device `{vdev.label}` of {scene.text} is placed at an x86 port",
                "Arm has no port space",
            )
    for each in scene.vm.passes:
        for location in each.windows:
            if kind == "arm" and location.space is Space.IO:
                yield found(
                    (location.origin, each.origin),
                    f"{scene.text} is handed an x86 port on Arm",
                    "Arm has no port space",
                )


@rule(
    "HV3008",
    "vdev-name-twice",
    source="QNX Hypervisor 7.1, vdev options: a name appears as /dev/qvm/SYSTEM/NAME",
    policy="an error although only inferred: one of the two can never be reached by its path",
)
def vdev_name_twice(scene: VmScene) -> Iterator[Finding]:
    """Two virtual devices of one VM have the same `name`, so they claim the same path on the host."""
    seen: dict[str, Vdev] = {}
    for vdev in scene.vm.vdevs:
        earlier = seen.setdefault(vdev.name, vdev) if vdev.name else vdev
        if earlier is not vdev:
            yield found(
                (vdev.name_origin, vdev.origin),
                f"two virtual devices of {scene.text} are called `{vdev.name}`",
                "name given again",
                others=other(earlier.name_origin or earlier.origin, "first given here"),
            )


@rule(
    "HV3009",
    "system-name-twice",
    source="QNX Hypervisor 7.1, VM configuration, system: the name of the VM under /dev/qvm",
    policy="an error although only inferred: both would claim the path /dev/qvm/SYSTEM",
)
def system_name_twice(scene: Scene) -> Iterator[Finding]:
    """Two VMs that run together have the same system name."""
    seen: dict[str, VmScene] = {}
    for vm in scene.vms:
        name = vm.vm.system
        earlier = seen.setdefault(name, vm) if name else vm
        if earlier is not vm:
            yield found(
                vm.place,
                f"two VMs are called `{name}`",
                "system name given again",
                others=other(earlier.place, "first given here"),
                helps=("give one another name, or check them apart when they never run together",),
            )


@rule("HV3010", "too-many-vdevs-of-type", source="the page of the device in the QNX Hypervisor user's guide")
def too_many_vdevs_of_type(scene: VmScene) -> Iterator[Finding]:
    """A VM has more devices of a type than qvm allows."""
    count: dict[str, int] = {}
    for vdev in scene.vm.vdevs:
        row = scene.scene.catalog.vdev(vdev.type)
        count[vdev.type] = count.get(vdev.type, 0) + 1
        if row and row.most is not None and count[vdev.type] == row.most + 1:
            yield found(
                vdev.origin,
                f"{scene.text} has more than {row.most} devices of type `{vdev.type}`",
                f"one more than the {row.most} that qvm allows",
            )


def _two_vdevs(scene: VmScene, first: Claim, second: Claim) -> Finding:
    return found(
        (second.origin, first.origin),
        f"{second.text} overlaps {first.text} of {scene.text}",
        f"occupies {second.window}",
        others=other(first.origin, f"occupies {first.window}"),
        notes=(f"both claim {second.window.intersection(first.window)}",),
    )


RULES = (
    vdev_overlaps_vdev,
    pass_shadows_vdev,
    pass_overlaps_pass,
    vdev_without_place,
    vdev_option_missing,
    vdev_type_unknown,
    vdev_option_unknown,
    vdev_of_other_architecture,
    vdev_name_twice,
    system_name_twice,
    too_many_vdevs_of_type,
)
