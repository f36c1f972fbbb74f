"""HV40xx: vCPUs and the pCPUs they may run on."""

from collections.abc import Iterator

from hvbuild.diagnostics import Label, Severity, other
from hvbuild.rules.placement import clusters_of, is_on_8, mask_of, vcpu_place, vcpu_text
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Scene, VmScene
from hvbuild.rules.windows import device_version
from hvbuild.rules.wording import cpus_text, did_you_mean, listed

_CPU = "QNX Hypervisor 7.1, vm/cpu"


@rule("HV4001", "cpu-not-on-board", source=_CPU + ", runmask: zero-based numbers of pCPUs")
def cpu_not_on_board(scene: VmScene) -> Iterator[Finding]:
    """A vCPU's runmask, or the mask that qvm is launched with, names a pCPU that the board does not have."""
    count = scene.host.cpus
    if count is None:
        return
    masks = [(vcpu.runmask, vcpu_place(vcpu), vcpu_text(i)) for i, vcpu in enumerate(scene.vm.vcpus)]
    if scene.launch is not None:
        masks.append((scene.launch.cpus, scene.launch.origin, "the launch"))
    for mask, place, text in masks:
        beyond = sorted(cpu for cpu in mask or () if cpu >= count or cpu < 0)
        if beyond:
            yield found(
                place,
                f"{text} of {scene.text} may run on pCPU {cpus_text(beyond)}, which the board does not have",
                f"the board has pCPUs 0 to {count - 1}",
            )


@rule(
    "HV4002",
    "cpu-repeated",
    severity=Severity.WARNING,
    source="inferred: a runmask is a set, so another CPU was probably meant",
)
def cpu_repeated(scene: VmScene) -> Iterator[Finding]:
    """One runmask names the same pCPU more than once."""
    for index, vcpu in enumerate(scene.vm.vcpus):
        spelled = vcpu.runmask_spelling
        twice = sorted({cpu for cpu in spelled if spelled.count(cpu) > 1})
        if twice:
            yield found(
                vcpu_place(vcpu),
                f"{vcpu_text(index)} of {scene.text} names pCPU {cpus_text(twice)} more than once",
                "a runmask is a set",
            )


@rule("HV4003", "empty-runmask", source=_CPU + ": a vCPU is a thread and needs a pCPU to run on")
def empty_runmask(scene: VmScene) -> Iterator[Finding]:
    """A vCPU may run on no pCPU at all."""
    for index, vcpu in enumerate(scene.vm.vcpus):
        if vcpu.runmask is not None and not vcpu.runmask:
            yield found(
                vcpu_place(vcpu),
                f"{vcpu_text(index)} of {scene.text} may run on no pCPU",
                "an empty runmask",
                helps=("leave the runmask out to let the vCPU float",),
            )


@rule(
    "HV4004",
    "exclusive-cpu-shared",
    source="the stack: a pCPU that is declared as one guest's own",
)
def exclusive_cpu_shared(scene: Scene) -> Iterator[Finding]:
    """A pCPU that belongs to one guest alone may be used by another guest."""
    own = scene.host.exclusive
    owners = {vm.vm.label: vm for vm in scene.vms}
    for vm in scene.vms if own else ():
        for index, vcpu in enumerate(vm.vm.vcpus):
            mask = mask_of(vcpu, vm)
            taken = sorted(cpu for cpu, guest in own.items() if guest != vm.vm.label and cpu in mask)
            if taken:
                yield found(
                    (vcpu_place(vcpu), vm.place),
                    f"{vcpu_text(index)} of {vm.text} may run on pCPU {cpus_text(taken)}, "
                    f"which is kept for {listed(sorted({own[cpu] for cpu in taken}))}",
                    "floats over all pCPUs" if vcpu.runmask is None else "includes a kept pCPU",
                    others=[label for cpu in taken[:1] for label in _keeper(owners.get(own[cpu]), cpu)],
                )


def _keeper(owner: VmScene | None, cpu: int) -> Iterator[Label]:
    """The vCPU for which a pCPU is kept."""
    if owner is None:
        return
    keeping = next((vcpu for vcpu in owner.vm.vcpus if cpu in mask_of(vcpu, owner)), None)
    if keeping is not None:
        yield from other(vcpu_place(keeping), f"pCPU {cpu} is kept for this one")


@rule(
    "HV4005",
    "mixed-core-kinds",
    severity=Severity.WARNING,
    source="inferred: a guest measures its CPUs once and schedules by what it measured",
)
def mixed_core_kinds(scene: VmScene) -> Iterator[Finding]:
    """One vCPU may move between pCPUs of different kinds, so its speed changes under the guest."""
    kinds = scene.host.core_kinds
    for index, vcpu in enumerate(scene.vm.vcpus):
        if vcpu.runmask is None and vcpu.cluster is None:
            continue
        mixed: dict[str, list[int]] = {}
        for cpu in sorted(mask_of(vcpu, scene)):
            if cpu in kinds:
                mixed.setdefault(kinds[cpu], []).append(cpu)
        if len(mixed) > 1:
            spelled = "; ".join(f"{kind}: {cpus_text(cpus)}" for kind, cpus in sorted(mixed.items()))
            yield found(
                vcpu_place(vcpu),
                f"{vcpu_text(index)} of {scene.text} may run on pCPUs of different kinds",
                spelled,
            )


@rule(
    "HV4006",
    "placement-of-other-release",
    source="QNX Hypervisor 7.1 and 8.0, vm/cpu: runmask and partition up to 7.1, cluster from 8.0",
    policy="an error although 8.0 may still read a runmask: no page of 8.0 has it",
)
def placement_of_other_release(scene: VmScene) -> Iterator[Finding]:
    """A vCPU is placed with a word that the target release does not have."""
    target, catalog = scene.system.target, scene.scene.catalog
    if target is None or target not in catalog.targets:
        return
    for index, vcpu in enumerate(scene.vm.vcpus):
        for word, given in (
            ("runmask", vcpu.runmask is not None),
            ("partition", vcpu.partition is not None),
            ("cluster", vcpu.cluster is not None),
        ):
            if given and not catalog.feature(target, f"vcpu_{word}"):
                helps = ("use `cluster _cpu-N` for one pCPU, or a cluster that startup defines",)
                yield found(
                    vcpu_place(vcpu),
                    f"`{target}` does not place a vCPU with `{word}`",
                    f"{vcpu_text(index)} of {scene.text}",
                    helps=helps if word == "runmask" else (),
                )


@rule(
    "HV4007",
    "vcpus-share-pcpu",
    severity=Severity.WARNING,
    source="QNX Hypervisor 7.1, Configuring VMs: two vCPUs of one VM on one pCPU are a bad configuration",
    policy="qvm starts it, and a board may have too few pCPUs: whoever accepts it says so",
)
def vcpus_share_pcpu(scene: VmScene) -> Iterator[Finding]:
    """More vCPUs of one guest are bound to a set of pCPUs than the set holds.

    Guests spin on locks held by another of their CPUs; on one pCPU the holder cannot run meanwhile.
    """
    groups: dict[frozenset[int], list[int]] = {}
    for index, vcpu in enumerate(scene.vm.vcpus):
        if vcpu.runmask is not None or vcpu.cluster is not None:
            groups.setdefault(mask_of(vcpu, scene), []).append(index)
    for mask, indexes in groups.items():
        if mask and len(indexes) > len(mask):
            yield _crowded(scene, mask, indexes)


def _crowded(scene: VmScene, mask: frozenset[int], indexes: list[int]) -> Finding:
    vcpus = scene.vm.vcpus
    last = vcpus[indexes[-1]]
    priorities = {sched.priority for index in indexes if (sched := vcpus[index].sched) is not None}
    notes = ["a guest that spins on a lock waits for a vCPU that cannot run"]
    if len(priorities) > 1:
        notes.append("their priorities differ: the lower one may never run")
    labels = tuple(
        label for index in indexes[:-1] for label in other(vcpu_place(vcpus[index]), f"{vcpu_text(index)}")
    )
    return found(
        (vcpu_place(last), scene.place),
        f"{len(indexes)} vCPUs of {scene.text} are bound to pCPU {cpus_text(mask)}",
        vcpu_text(indexes[-1]),
        others=labels,
        notes=notes,
        helps=("give each vCPU a pCPU of its own, or let them float over more pCPUs",),
    )


@rule(
    "HV4008",
    "more-vcpus-than-pcpus",
    severity=Severity.WARNING,
    source="inferred from QNX Hypervisor 7.1, Configuring VMs: vCPUs of one VM need pCPUs of their own",
)
def more_vcpus_than_pcpus(scene: VmScene) -> Iterator[Finding]:
    """A guest has more vCPUs than the board has pCPUs."""
    count = scene.host.cpus
    if count is not None and len(scene.vm.vcpus) > count:
        yield found(
            (vcpu_place(scene.vm.vcpus[count]), scene.place),
            f"{scene.text} has {len(scene.vm.vcpus)} vCPUs, the board has {count} pCPUs",
            "one vCPU too many",
        )


@rule(
    "HV4009",
    "too-many-vcpus",
    source="Arm GICv2 architecture: 8 CPU interfaces; QNX Hypervisor 8.0, vm/cpu: the hardware limits vCPUs",
)
def too_many_vcpus(scene: VmScene) -> Iterator[Finding]:
    """A guest has more vCPUs than its interrupt controller can serve."""
    catalog, target = scene.scene.catalog, scene.system.target or "qnx-8.0"
    limit = catalog.limit(target, "gicv2_vcpus")
    gic = next((vdev for vdev in scene.vm.vdevs if vdev.type == "gic"), None)
    version = device_version(gic, catalog, scene.system.target) if gic else None
    if limit is not None and version == 2 and len(scene.vm.vcpus) > limit:
        yield found(
            (vcpu_place(scene.vm.vcpus[limit]), scene.place),
            f"{scene.text} has {len(scene.vm.vcpus)} vCPUs, its GICv2 serves {limit}",
            "one vCPU too many",
            others=other(gic.origin if gic else None, "version 2"),
            helps=("use a GIC of version 3",),
        )


@rule("HV4010", "cluster-unknown", source="QNX 8.0, system page, cluster: startup defines clusters")
def cluster_unknown(scene: VmScene) -> Iterator[Finding]:
    """A vCPU is placed on a cluster that the host does not define.

    `_all` and one `_cpu-N` for each pCPU exist always. Where the board is not known, a startup may define
    more by itself: then a warning, and only for a name that is nearly one of the startup line.
    """
    whole, said = clusters_of(scene.host), scene.host.clusters
    clusters = whole if whole is not None else said
    if clusters is None or not is_on_8(scene):
        return
    places = [(vcpu.cluster, vcpu_place(vcpu), vcpu_text(i)) for i, vcpu in enumerate(scene.vm.vcpus)]
    if scene.launch is not None:
        places.append((scene.launch.cluster, scene.launch.origin, "the launch"))
    for name, place, text in places:
        if name is None or name in clusters:
            continue
        helps = did_you_mean(name, clusters)
        if whole is not None or (helps and helps[0].startswith("did")):
            yield found(
                place,
                f"{text} of {scene.text} uses cluster `{name}`, which the host does not define",
                "no such cluster",
                helps=helps,
                severity=None if whole is not None else Severity.WARNING,
            )


@rule("HV4011", "empty-cluster", source="QNX 8.0, startup option -c: a cluster with mask 0 is refused")
def empty_cluster(scene: Scene) -> Iterator[Finding]:
    """A cluster of the host has no pCPU, or one that the board does not have."""
    count = scene.host.cpus
    for name, cpus in (scene.host.clusters or {}).items():
        beyond = sorted(cpu for cpu in cpus if count is not None and cpu >= count)
        if not cpus or beyond:
            why = f"names pCPU {cpus_text(beyond)}, which the board does not have" if beyond else "is empty"
            place = scene.host.cluster_origins.get(name) or scene.host.origin
            yield found(place, f"cluster `{name}` {why}", "startup refuses it")


@rule(
    "HV4012",
    "housekeeping-cpu-used",
    severity=Severity.WARNING,
    source="inferred: the host's interrupts and services need a pCPU that no real-time guest holds",
)
def housekeeping_cpu_used(scene: VmScene) -> Iterator[Finding]:
    """A guest with pCPUs of its own may also run on a pCPU that the host needs for its own work."""
    host = scene.host
    if not host.housekeeping or scene.vm.label not in host.exclusive.values():
        return
    for index, vcpu in enumerate(scene.vm.vcpus):
        taken = sorted(mask_of(vcpu, scene) & host.housekeeping)
        if taken:
            yield found(
                (vcpu_place(vcpu), scene.place),
                f"{vcpu_text(index)} of {scene.text} may hold pCPU {cpus_text(taken)}, which the host needs",
                "a real-time guest keeps host work waiting",
            )


RULES = (
    cpu_not_on_board,
    cpu_repeated,
    empty_runmask,
    exclusive_cpu_shared,
    mixed_core_kinds,
    placement_of_other_release,
    vcpus_share_pcpu,
    more_vcpus_than_pcpus,
    too_many_vcpus,
    cluster_unknown,
    empty_cluster,
    housekeeping_cpu_used,
)
