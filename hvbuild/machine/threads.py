"""The host threads of a system with what each asks of its CPUs: vCPUs as read back, loads from the plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from hvbuild.model.guest import Demand
from hvbuild.model.host import Service
from hvbuild.model.plan import Plan
from hvbuild.model.stack import Workload
from hvbuild.model.system import HostFacts, Launch, System
from hvbuild.model.vm import Fifo, RoundRobin, Sched, Sporadic, Vcpu, VmConfig
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import Nanoseconds

# A process started from a boot script has priority 10 unless it says otherwise
# (QNX System Architecture, "Thread scheduling": default priority 10); qvm's vCPUs take that of qvm.
DEFAULT_SCHED = RoundRobin(10)
SERVED = "served"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostThread:
    """A vCPU (`name` is `guest/number`) or a host service, and its load; `cpus` None: a missing cluster.

    `guest` is empty for a service. `demand` None: nobody said what it asks for. `vdevs` are the types of its
    guest's vdevs by name. `backs` are the vdevs that a service works for, as `guest.vdev`; where its load is
    to serve them, `serving` is that load and `demand` what it comes to. `halts_in_place`: it keeps its CPU
    when it has nothing to do.
    """

    name: str
    guest: str
    number: int
    sched: Sched
    cpus: frozenset[int]
    partition: str
    demand: Demand | None
    halts_in_place: bool = False
    vdevs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    backs: tuple[str, ...] = ()
    serving: Demand | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    sched_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    placement_origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def priority(self) -> int:
        """Its (normal) priority."""
        return self.sched.priority

    @property
    def is_vcpu(self) -> bool:
        """True for a vCPU of a guest."""
        return bool(self.guest)

    @property
    def mask(self) -> int:
        """Its CPUs as bits."""
        return sum(1 << cpu for cpu in self.cpus)

    @property
    def rests(self) -> bool:
        """True when it never asks for its CPU: an idle load, or none that anybody named."""
        return not self.halts_in_place and (self.demand is None or self.demand.pattern == "idle")

    @property
    def spelled(self) -> str:
        """How a story calls it: name, priority, CPUs."""
        letter = {RoundRobin: "r", Fifo: "f", Sporadic: "s"}[type(self.sched)]
        return f"`{self.name}` ({self.priority}{letter}, {cpus_text(self.cpus)})"

    @property
    def load_origin(self) -> Origin:
        """Where its load is written, else where the thread itself is."""
        return (self.demand.origin if self.demand is not None else NOWHERE) or self.origin


def cpus_text(cpus: frozenset[int]) -> str:
    """`CPU 3`, `CPUs 4-7` or `CPUs 1,4`."""
    row = sorted(cpus)
    if not row:
        return "no CPU"
    if len(row) == 1:
        return f"CPU {row[0]}"
    if row == list(range(row[0], row[-1] + 1)):
        return f"CPUs {row[0]}-{row[-1]}"
    return "CPUs " + ",".join(map(str, row))


def cpu_count(system: System, plan: Plan) -> int:
    """How many pCPUs the board has."""
    return system.host.cpus or len(plan.stack.board.cores) or 1


def cpu_speeds(system: System, plan: Plan) -> tuple[int, ...]:
    """Capacity of each pCPU; 1024 is the fastest kind of the board, and one that the board does not say."""
    known = {core.number: core.capacity for core in plan.stack.board.cores}
    return tuple(known.get(cpu, 1024) for cpu in range(cpu_count(system, plan)))


def host_threads(system: System, plan: Plan) -> tuple[HostThread, ...]:
    """Every vCPU of `system` in order of VMs, then every service of the plan's host."""
    count = cpu_count(system, plan)
    everything = frozenset(range(count))
    rows = [
        thread
        for index, vm in enumerate(system.vms)
        for thread in _vcpus(system, plan, index, vm, everything)
    ]
    rows += [_service(service, system.host, everything) for service in plan.stack.host.services]
    return _with_served(rows)


def under(threads: tuple[HostThread, ...], workload: Workload) -> tuple[HostThread, ...]:
    """`threads` with the demands that `workload` sets in place of their own.

    A demand under the name of a guest is one for each of its vCPUs that it does not name apart.
    """
    demands = dict(workload.demands)
    return _with_served(
        replace(
            row,
            demand=demands.get(row.name, demands.get(row.guest or row.name, row.serving or row.demand)),
            serving=None,
        )
        for row in threads
    )


def _with_served(threads: Iterable[HostThread]) -> tuple[HostThread, ...]:
    """`threads` with the loads of services that serve guests worked out from what the guests ask of them."""
    rows = tuple(threads)
    return tuple(
        replace(row, demand=_served(row.demand, row.backs, rows), serving=row.demand)
        if row.demand is not None and row.demand.pattern == SERVED
        else row
        for row in rows
    )


def _served(demand: Demand, backs: Iterable[str], threads: Iterable[HostThread]) -> Demand:
    """All that the vCPUs ask for in one activation each, at once, as often as the busiest of them may ask.

    A vCPU that never rests asks at no known rate and is not counted.
    """
    asked = 0
    periods: list[int] = []
    for row in threads:
        own = row.demand
        count = sum(use.count for use in own.uses if f"{row.guest}.{use.vdev}" in backs) if own else 0
        if own is not None and own.period and count:
            asked += count * max(1, own.burst)
            periods.append(int(own.period) * max(1, own.burst))
    if not periods:
        return replace(demand, pattern="idle", work=None)
    work = Nanoseconds(int(demand.work or 0) * asked)
    return replace(demand, pattern="sporadic", period=Nanoseconds(min(periods)), work=work)


def titled(system: System, plan: Plan) -> System:
    """`system` with its VMs under the names of the plan's guests.

    What is read back knows a VM by its system name, and two guests may call themselves by one.
    """
    guests = plan.guests
    vms = tuple(
        replace(vm, title=guests[index].guest.name) if index < len(guests) else vm
        for index, vm in enumerate(system.vms)
    )
    return replace(system, vms=vms)


def _vcpus(
    system: System, plan: Plan, index: int, vm: VmConfig, everything: frozenset[int]
) -> list[HostThread]:
    guest = plan.guests[index].guest if index < len(plan.guests) else None
    planned = plan.guests[index].vm.vcpus if index < len(plan.guests) else ()
    launch = (system.host.launches or {}).get(vm.system)
    # no `cpu` line: one vCPU (QNX 7.1, vm/cpu)
    rows = []
    for number, vcpu in enumerate(vm.vcpus or (Vcpu(origin=vm.origin),)):
        written = planned[number] if number < len(planned) else vcpu
        demands = guest.demands if guest is not None else ()
        rows.append(
            HostThread(
                name=f"{vm.label}/{number}",
                guest=vm.label,
                number=number,
                sched=vcpu.sched or (launch.priority if launch is not None else None) or DEFAULT_SCHED,
                cpus=_allowed(vcpu, launch, system.host, everything),
                partition=vcpu.partition or (launch.partition if launch is not None else None) or "System",
                demand=demands[number] if number < len(demands) else None,
                halts_in_place=vm.halts_in_place,
                vdevs=MappingProxyType({row.name: row.type for row in guest.vdevs} if guest else {}),
                origin=written.origin or (guest.origin if guest is not None else vm.origin),
                sched_origin=written.sched_origin or written.origin,
                placement_origin=written.placement_origin or written.origin,
            )
        )
    return rows


def _allowed(
    vcpu: Vcpu, launch: Launch | None, host: HostFacts, everything: frozenset[int]
) -> frozenset[int]:
    """The CPUs of a vCPU: its run mask, its cluster, else those that its qvm was started on."""
    if vcpu.runmask is not None:
        return vcpu.runmask
    cluster = vcpu.cluster
    if cluster is None and launch is not None:
        if launch.cpus is not None:
            return launch.cpus
        cluster = launch.cluster
    if cluster is None:
        return everything
    return (host.clusters or {}).get(cluster, frozenset())


def _service(service: Service, host: HostFacts, everything: frozenset[int]) -> HostThread:
    cpus = service.cpus
    if cpus is None and service.cluster is not None:
        cpus = (host.clusters or {}).get(service.cluster, frozenset())
    return HostThread(
        name=service.name,
        guest="",
        number=0,
        sched=service.sched or DEFAULT_SCHED,
        cpus=cpus if cpus is not None else everything,
        partition=service.partition or "System",
        demand=service.demand,
        backs=service.backs,
        origin=service.origin,
        sched_origin=service.origin,
        placement_origin=service.origin,
    )
