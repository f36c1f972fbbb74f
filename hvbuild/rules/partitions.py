"""HV421x: adaptive partitions of the host and the vCPUs in them."""

from collections.abc import Iterator

from hvbuild.diagnostics import Severity, other
from hvbuild.model.system import HostPartition
from hvbuild.rules.placement import vcpu_place, vcpu_text
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Scene, VmScene
from hvbuild.rules.wording import did_you_mean
from hvbuild.source import Origin
from hvbuild.units import duration_text

SYSTEM = "System"
_APS = "QNX 7.1, Adaptive Partitioning User's Guide"
_SCRIPT = "mkifs source, sched_aps: names up to 15 characters, budget 0 to 100, critical budget up to 1000 ms"
_MOST_CRITICAL = 1_000_000_000


def _users(scene: VmScene) -> Iterator[tuple[str, Origin, str]]:
    for index, vcpu in enumerate(scene.vm.vcpus):
        if vcpu.partition is not None:
            yield vcpu.partition, vcpu.partition_origin or vcpu_place(vcpu), vcpu_text(index)
    if scene.launch is not None and scene.launch.partition is not None:
        yield scene.launch.partition, scene.launch.origin, "the launch"


def _all(scene: Scene) -> dict[str, HostPartition]:
    return {name: row for name, row in (scene.host.partitions or {}).items() if name != SYSTEM}


@rule("HV4211", "partition-unknown", source="QNX Hypervisor 7.1, vm/cpu, partition: a partition of the host")
def partition_unknown(scene: VmScene) -> Iterator[Finding]:
    """A vCPU or a qvm is put into a partition that the host does not create."""
    partitions = scene.host.partitions
    if partitions is None:
        return
    for name, place, text in _users(scene):
        if name != SYSTEM and name not in partitions:
            yield found(
                place,
                f"{text} of {scene.text} uses partition `{name}`, which the host does not create",
                "no such partition",
                helps=did_you_mean(name, [SYSTEM, *partitions]),
            )


def _cycle(name: str, partitions: dict[str, HostPartition]) -> tuple[str, ...]:
    """The ancestors of `name` up to itself when it is its own ancestor, else nothing."""
    seen = [name]
    at = partitions[name].parent if name in partitions else SYSTEM
    while at in partitions and at not in seen:
        seen.append(at)
        at = partitions[at].parent
    return tuple(seen) if at == name and name in partitions else ()


@rule("HV4212", "partition-budgets-exceed", source=_APS + ": a budget is taken from that of the parent")
def partition_budgets_exceed(scene: Scene) -> Iterator[Finding]:
    """The partitions under one parent have more budget in all than the parent."""
    partitions = _all(scene)
    for parent in (SYSTEM, *partitions):
        children = [row for row in partitions.values() if row.parent == parent]
        most = partitions[parent].budget if parent in partitions else 100
        total = sum(row.budget for row in children)
        if total > most and not _cycle(parent, partitions):
            last = children[-1]
            yield found(
                (last.origin, scene.host.origin),
                f"the partitions under `{parent}` have {total} % of the CPU, `{parent}` has {most} %",
                f"`{last.name}` takes {last.budget} %",
                others=tuple(
                    label
                    for row in children[:-1]
                    for label in other(row.origin, f"`{row.name}` takes {row.budget} %")
                ),
            )


@rule("HV4213", "too-many-partitions", source=_APS + ": the number of partitions is limited by release")
def too_many_partitions(scene: Scene) -> Iterator[Finding]:
    """The host creates more partitions than its release has room for, `System` included."""
    target = scene.system.target
    limit = scene.catalog.limit(target, "partitions") if target else None
    partitions = list(_all(scene).values())
    if limit is not None and len(partitions) + 1 > limit:
        extra = partitions[limit - 1]
        yield found(
            (extra.origin, scene.host.origin),
            f"the host creates {len(partitions)} partitions beside `{SYSTEM}`, `{target}` has {limit} in all",
            f"`{extra.name}` is one too many",
        )


@rule("HV4214", "partition-values", source=_SCRIPT)
def partition_values(scene: Scene) -> Iterator[Finding]:
    """A partition whose name or budgets `sched_aps` refuses."""
    for row in _all(scene).values():
        wrong = []
        if len(row.name.encode()) > 15 or "/" in row.name or not row.name:
            wrong.append("a name has 1 to 15 characters and no `/`")
        if not 0 <= row.budget <= 100:
            wrong.append(f"budget {row.budget} % is not in 0 to 100")
        if not 0 <= row.critical <= _MOST_CRITICAL:
            wrong.append(f"critical budget {duration_text(row.critical)} is not in 0 to 1s")
        if wrong:
            yield found(
                (row.origin, scene.host.origin), f"partition `{row.name}` is refused", "; ".join(wrong)
            )


@rule("HV4215", "partition-parent", source=_APS + ": partitions form a tree under System")
def partition_parent(scene: Scene) -> Iterator[Finding]:
    """A partition's parent does not exist, or it is its own ancestor."""
    partitions = _all(scene)
    for row in partitions.values():
        if row.parent != SYSTEM and row.parent not in partitions:
            yield found(
                row.origin,
                f"partition `{row.name}` has the parent `{row.parent}`, which does not exist",
                "no such partition",
                helps=did_you_mean(row.parent, [SYSTEM, *partitions]),
            )
        cycle = _cycle(row.name, partitions)
        if cycle and row.name == next(name for name in partitions if name in cycle):
            yield found(row.origin, f"partition `{row.name}` is its own ancestor", " under ".join(cycle))


@rule(
    "HV4216",
    "bound-vcpu-in-partition",
    severity=Severity.WARNING,
    source=_APS + "; kernel source: a budget counts all CPUs together, so the effect on one is inferred",
)
def bound_vcpu_in_partition(scene: VmScene) -> Iterator[Finding]:
    """A vCPU that is bound to one pCPU runs in a partition with a budget.

    A budget is a share of all pCPUs together: on one pCPU the partition may take far more or get less.
    """
    partitions = scene.host.partitions or {}
    count = scene.host.cpus
    for index, vcpu in enumerate(scene.vm.vcpus):
        row = partitions.get(vcpu.partition or "")
        bound = vcpu.runmask is not None and len(vcpu.runmask) == 1
        if row is not None and row.name != SYSTEM and bound and count is not None and count > 1:
            yield found(
                vcpu_place(vcpu),
                f"{vcpu_text(index)} of {scene.text} is bound to one pCPU inside partition `{row.name}`",
                f"{row.budget} % of {count} pCPUs is {row.budget * count} % of one",
                others=other(row.origin, f"budget {row.budget} %"),
            )


@rule(
    "HV4217",
    "partition-without-budget",
    severity=Severity.WARNING,
    source=_APS + ": a partition without budget runs in free time only; effect on a guest inferred",
)
def partition_without_budget(scene: VmScene) -> Iterator[Finding]:
    """A vCPU runs in a partition with a budget of 0: it stands still while others use theirs."""
    partitions = scene.host.partitions or {}
    for name, place, text in _users(scene):
        row = partitions.get(name)
        if row is not None and row.budget == 0 and name != SYSTEM:
            yield found(
                place,
                f"{text} of {scene.text} runs in partition `{name}`, which has no budget",
                "runs only when nobody else wants to",
                others=other(row.origin, "budget 0"),
            )


RULES = (
    partition_unknown,
    partition_budgets_exceed,
    too_many_partitions,
    partition_values,
    partition_parent,
    bound_vcpu_in_partition,
    partition_without_budget,
)
