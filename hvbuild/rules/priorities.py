"""HV41xx: effective priorities, and who waits for whom; HV4201 and up: sporadic parameters."""

from collections.abc import Iterator

from hvbuild.diagnostics import Severity, other
from hvbuild.model.vm import Fifo, Sched, Sporadic, Vcpu
from hvbuild.rules.placement import can_occupy, every_cpu, launch_mask, mask_of, vcpu_text
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Scene, VmScene
from hvbuild.rules.wording import cpus_text, listed
from hvbuild.source import Origin
from hvbuild.units import duration_text, read_number
from hvbuild.values import dataclass

_PRIORITIES = "QNX 7.1, thread scheduling: priorities 1 to 255, above 63 for privileged processes"
_SPORADIC = "QNX 7.1, sporadic scheduling; SchedSet: EINVAL outside these bounds"
# QNX kernel source, SS_REPL_MAX.
_MOST_REPLENISHMENTS = 65535


@dataclass(frozen=True, slots=True)
class BackEnd:
    """A host thread that a guest waits for: what it is called, its priority and its pCPUs."""

    text: str
    priority: int
    cpus: frozenset[int]
    origin: Origin


def effective(vcpu: Vcpu, scene: VmScene) -> Sched | None:
    """The priority a vCPU thread runs at: its own, else that of qvm at its start; None where not known."""
    if vcpu.sched is not None:
        return vcpu.sched
    return scene.launch.priority if scene.launch is not None else None


def _sched_place(vcpu: Vcpu) -> Origin:
    return vcpu.sched_origin or vcpu.origin


def back_ends(scene: VmScene) -> Iterator[BackEnd]:
    """Host threads that serve the guest's devices and whose priority and pCPUs are known.

    Threads of qvm that are no vCPUs keep the priority and placement of its launch; a device's `sched`
    is the priority of its pulses (QNX Hypervisor 8.0, improving performance).
    """
    launch, cpus = scene.launch, launch_mask(scene)
    if launch is not None and launch.priority is not None and scene.vm.vdevs and cpus:
        text = "the device threads of its qvm"
        yield BackEnd(text, launch.priority.priority, cpus, launch.origin)
    for vdev in scene.vm.vdevs:
        option = vdev.option("sched")
        priority = read_number(option.values[0]) if option and option.values else None
        if option and priority is not None and cpus:
            origin = option.origin or vdev.origin
            yield BackEnd(f"virtual device `{vdev.label}`", priority, cpus, origin)
    seen: set[int] = set()
    for vdev in scene.vm.vdevs:
        for service in scene.scene.serving(vdev, scene.vm):
            on = service.cpus if service.cpus is not None else every_cpu(scene.host)
            if service.priority is not None and on and id(service) not in seen:
                seen.add(id(service))
                yield BackEnd(f"service `{service.name}`", service.priority, on, service.origin)


@rule("HV4101", "priority-out-of-range", source=_PRIORITIES)
def priority_out_of_range(scene: VmScene) -> Iterator[Finding]:
    """A vCPU or a qvm is to run at a priority that QNX does not have: 0 is the idle thread's."""
    scheds = [(vcpu.sched, _sched_place(vcpu), vcpu_text(i)) for i, vcpu in enumerate(scene.vm.vcpus)]
    if scene.launch is not None:
        scheds.append((scene.launch.priority, scene.launch.origin, "the launch"))
    for sched, place, text in scheds:
        if sched is not None and not 1 <= sched.priority <= 255:
            yield found(
                place,
                f"{text} of {scene.text} has priority {sched.priority}, which QNX does not have",
                "priorities are 1 to 255",
            )


@rule(
    "HV4102",
    "priority-needs-privilege",
    severity=Severity.WARNING,
    source=_PRIORITIES,
    policy="whoever starts qvm may be privileged: a start script is",
)
def priority_needs_privilege(scene: VmScene) -> Iterator[Finding]:
    """A vCPU runs above 63: only a privileged qvm may, and it then competes with the host's drivers."""
    for index, vcpu in enumerate(scene.vm.vcpus):
        if vcpu.sched is not None and 63 < vcpu.sched.priority <= 255:
            yield found(
                _sched_place(vcpu),
                f"{vcpu_text(index)} of {scene.text} runs at priority {vcpu.sched.priority}",
                "above 63 qvm needs privilege",
                notes=("threads above 63 delay drivers and interrupt threads of the host",),
            )


@rule(
    "HV4103",
    "vcpu-above-back-end",
    severity=Severity.WARNING,
    source="QNX Hypervisor 7.1, Scheduling: a higher-priority vCPU thread pre-empts at once; effect inferred",
)
def vcpu_above_back_end(scene: VmScene) -> Iterator[Finding]:
    """The guest's vCPUs can hold every pCPU of a host thread that they wait for, at a higher priority.

    Looks at effective priorities and masks: a back end that keeps a pCPU of its own is fine.
    """
    for back_end in back_ends(scene):
        above = [
            (index, vcpu)
            for index, vcpu in enumerate(scene.vm.vcpus)
            if (sched := effective(vcpu, scene)) is not None and _beats(sched, back_end.priority)
        ]
        masks = [mask_of(vcpu, scene) for _, vcpu in above]
        if above and can_occupy(masks, back_end.cpus):
            index, vcpu = max(above, key=lambda row: _priority(row[1], scene))
            yield found(
                (_sched_place(vcpu), scene.place),
                f"vCPUs of {scene.text} run above {back_end.text}, which they wait for",
                f"{vcpu_text(index)} runs at {_priority(vcpu, scene)}",
                others=other(back_end.origin, f"runs at {back_end.priority}"),
                notes=(
                    f"while they keep pCPU {cpus_text(back_end.cpus)} busy, {back_end.text} never runs: "
                    "requests of the guest stay unanswered",
                ),
                helps=(
                    f"raise {back_end.text} above {_priority(vcpu, scene)}, or leave it a pCPU of its own",
                ),
            )


def _beats(sched: Sched, priority: int) -> bool:
    """True when a busy thread of `sched` keeps one of `priority` waiting; an equal FIFO never gives way."""
    return sched.priority > priority or (isinstance(sched, Fifo) and sched.priority == priority)


def _priority(vcpu: Vcpu, scene: VmScene) -> int:
    sched = effective(vcpu, scene)
    return sched.priority if sched is not None else 0


@rule(
    "HV4104",
    "vcpu-priorities-differ",
    severity=Severity.WARNING,
    source="QNX Hypervisor 7.1, Configuring VMs: on one pCPU the lower vCPU may never run",
    policy="guests exist whose vCPUs do not wait for one another",
)
def vcpu_priorities_differ(scene: VmScene) -> Iterator[Finding]:
    """Higher vCPUs of a guest can hold every pCPU of a lower one of the same guest.

    When a higher vCPU spins on a lock that the lower one holds, neither ever goes on.
    """
    vcpus = [(i, vcpu, effective(vcpu, scene), mask_of(vcpu, scene)) for i, vcpu in enumerate(scene.vm.vcpus)]
    masks = [mask for _, _, _, mask in vcpus]
    for index, vcpu, sched, mask in vcpus:
        if sched is None or masks.count(mask) > len(mask):
            continue
        above = [row for row in vcpus if row[2] is not None and row[2].priority > sched.priority]
        if above and can_occupy([row[3] for row in above], mask):
            top = max(above, key=lambda row: row[2].priority if row[2] else 0)
            yield found(
                (_sched_place(vcpu), scene.place),
                f"{vcpu_text(index)} of {scene.text} can be kept from running by its own guest",
                f"runs at {sched.priority} on pCPU {cpus_text(mask)}",
                others=other(_sched_place(top[1]), f"{vcpu_text(top[0])} runs at {_priority(top[1], scene)}"),
                notes=("a guest that spins on a lock waits for a vCPU that cannot run",),
                helps=("give the vCPUs of a guest one priority, or pCPUs of their own",),
            )


@rule(
    "HV4105",
    "fifo-vcpus-share-pcpu",
    severity=Severity.WARNING,
    source="QNX 7.1, FIFO scheduling: a thread runs until it blocks or a higher one comes; effect inferred",
)
def fifo_vcpus_share_pcpu(scene: Scene) -> Iterator[Finding]:
    """FIFO vCPUs of several guests share pCPUs at one priority: a busy one never gives way to the other."""
    groups: dict[tuple[frozenset[int], int], list[tuple[VmScene, int, Vcpu]]] = {}
    for vm in scene.vms:
        for index, vcpu in enumerate(vm.vm.vcpus):
            mask = mask_of(vcpu, vm)
            if isinstance(vcpu.sched, Fifo) and mask:
                groups.setdefault((mask, vcpu.sched.priority), []).append((vm, index, vcpu))
    for (mask, priority), members in groups.items():
        labels = sorted({vm.vm.label for vm, _, _ in members})
        if len(members) > len(mask) and len(labels) > 1:
            vm, index, vcpu = members[-1]
            yield found(
                (_sched_place(vcpu), vm.place),
                f"FIFO vCPUs of guests {listed(labels)} share pCPU {cpus_text(mask)} at priority {priority}",
                f"{vcpu_text(index)} of {vm.text}",
                others=tuple(
                    label
                    for by, number, each in members[:-1]
                    for label in other(_sched_place(each), f"{vcpu_text(number)} of {by.text}")
                ),
                notes=("a busy FIFO thread never gives way to one of its own priority",),
                helps=("use round-robin (`r`), different pCPUs, or a partition for each guest",),
            )


def _sporadics(scene: VmScene) -> Iterator[tuple[int, Vcpu, Sporadic]]:
    for index, vcpu in enumerate(scene.vm.vcpus):
        if isinstance(vcpu.sched, Sporadic):
            yield index, vcpu, vcpu.sched


@rule("HV4201", "sporadic-parameters", source=_SPORADIC)
def sporadic_parameters(scene: VmScene) -> Iterator[Finding]:
    """Sporadic parameters that the kernel refuses.

    It wants 1 <= low <= normal priority, an initial budget above 0 and not above the replenishment
    period, and 1 to 65535 pending replenishments.
    """
    for index, vcpu, sched in _sporadics(scene):
        wrong = []
        if not 1 <= sched.low_priority <= sched.priority:
            wrong.append(f"low priority {sched.low_priority} is not in 1 to {sched.priority}")
        if sched.initial_budget <= 0:
            wrong.append("the initial budget is 0")
        elif sched.initial_budget > sched.replenishment_period:
            wrong.append(
                f"initial budget {duration_text(sched.initial_budget)} is above the "
                f"replenishment period {duration_text(sched.replenishment_period)}"
            )
        if not 1 <= sched.max_replenishments <= _MOST_REPLENISHMENTS:
            wrong.append(f"{sched.max_replenishments} replenishments are not in 1 to {_MOST_REPLENISHMENTS}")
        if wrong:
            yield found(
                _sched_place(vcpu),
                f"{vcpu_text(index)} of {scene.text} has sporadic parameters that the kernel refuses",
                "; ".join(wrong),
            )


@rule(
    "HV4202",
    "sporadic-without-effect",
    severity=Severity.WARNING,
    source=_SPORADIC + "; inferred from the rule of dropping",
)
def sporadic_without_effect(scene: VmScene) -> Iterator[Finding]:
    """Sporadic parameters that never hold the vCPU back: equal priorities, or budget equal to period."""
    for index, vcpu, sched in _sporadics(scene):
        same = sched.low_priority == sched.priority
        if same or sched.initial_budget == sched.replenishment_period > 0:
            yield found(
                _sched_place(vcpu),
                f"{vcpu_text(index)} of {scene.text} is sporadic without effect",
                "low and normal priority are the same" if same else "the budget is as long as the period",
            )


@rule(
    "HV4203",
    "sporadic-budget-below-tick",
    severity=Severity.WARNING,
    source="QNX 6.6, POSIX conformance, realtime: the execution clock advances by the system tick",
    policy="the kernel takes it; the budget is then spent at the first tick",
)
def sporadic_budget_below_tick(scene: VmScene) -> Iterator[Finding]:
    """A sporadic budget below one clock tick, or not a multiple of it: budgets are counted in ticks."""
    tick = scene.host.tick
    for index, vcpu, sched in _sporadics(scene):
        if sched.initial_budget > 0 and sched.initial_budget % tick:
            yield found(
                _sched_place(vcpu),
                f"{vcpu_text(index)} of {scene.text} has a budget that the clock tick cannot measure",
                f"{duration_text(sched.initial_budget)}, the tick is {duration_text(tick)}",
                helps=("use a multiple of the tick; on a qvmconf line the unit is taken as nanoseconds",),
            )


RULES = (
    priority_out_of_range,
    priority_needs_privilege,
    vcpu_above_back_end,
    vcpu_priorities_differ,
    fifo_vcpus_share_pcpu,
    sporadic_parameters,
    sporadic_without_effect,
    sporadic_budget_below_tick,
)
