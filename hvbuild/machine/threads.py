"""The host threads of a system with what each asks of its CPUs: vCPUs as read back, loads from the plan."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from hvbuild.model.guest import Demand, VdevUse
from hvbuild.model.host import Service
from hvbuild.model.joined import joined_vdevs
from hvbuild.model.plan import Plan
from hvbuild.model.system import HostFacts, Launch, System
from hvbuild.model.vm import Fifo, RoundRobin, Sched, Sporadic, Vcpu, Vdev, VmConfig
from hvbuild.source import NOWHERE, Origin

# A process started from a boot script has priority 10 unless it says otherwise
# (QNX System Architecture, "Thread scheduling": default priority 10); qvm's vCPUs take that of qvm.
DEFAULT_SCHED = RoundRobin(10)
# The argument of a vdev's option `sched`: a priority, with or without the letter of a policy.
_PRIORITY = re.compile(r"(\d{1,3})([rf]?)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What one operation of `use` sets off besides its exits.

    `server` is the thread that is asked to do the work behind it, empty where nobody is; `takers` are the
    vCPUs to which it brings something. `awaited`: who does it goes on when the server has answered, or (there
    is none) when what the operation takes has come.
    """

    use: VdevUse
    server: str = ""
    takers: tuple[str, ...] = ()
    awaited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Requests made of a thread: `count` at most for each `period` ns of load of the first of `through`.

    `through` are the threads that a request has passed before it arrives, in order.
    """

    count: int
    period: int
    through: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostThread:
    """A host thread and its load; `cpus` None: a missing cluster.

    A vCPU (`name` is `guest/number`), the thread of a vdev (`guest.vdev`, where it has a load) or a service
    of the host. `guest` is empty for all but a vCPU; `home` is the guest whose qvm the thread is part of.
    `demand` None: nobody said what it asks for. `vdevs` are the types of its guest's vdevs by name, `joined`
    the vdevs of other guests that each is joined to. `backs` are the vdevs that it works for, as
    `guest.vdev`. `errands` are what its operations make others do, `asked` what is asked of it in turn,
    where its load is to serve. `halts_in_place`: it keeps its CPU when it has nothing to do.
    """

    name: str
    guest: str
    home: str = ""
    number: int
    sched: Sched
    cpus: frozenset[int]
    partition: str
    demand: Demand | None
    halts_in_place: bool = False
    vdevs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    backs: tuple[str, ...] = ()
    errands: tuple[Errand, ...] = ()
    asked: tuple[Stream, ...] = ()
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
        """True when it never asks for its CPU: an idle load, or none that anybody named or asks for."""
        if self.halts_in_place:
            return False
        return self.demand is None or self.demand.pattern == "idle" or (self.serves and not self.asked)

    @property
    def serves(self) -> bool:
        """True when it works on request."""
        return self.demand is not None and self.demand.serves

    @property
    def waits(self) -> int:
        """How often it waits for others in the middle of one activation."""
        return sum(errand.use.count for errand in self.errands if errand.awaited)

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


def threads_of(system: System, plan: Plan) -> tuple[HostThread, ...]:
    """Every vCPU of `system` in order of VMs, then threads of vdevs, then every service of the plan's host.

    What one asks of the other is not worked out yet.
    """
    count = cpu_count(system, plan)
    everything = frozenset(range(count))
    vms = tuple(enumerate(system.vms))
    return (
        *(row for index, vm in vms for row in _vcpus(system, plan, index, vm, everything)),
        *(row for index, vm in vms for row in _vdev_threads(system, plan, index, vm, everything)),
        *(_service(service, system.host, everything) for service in plan.stack.host.services),
    )


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
                home=vm.label,
                number=number,
                sched=vcpu.sched or (launch.priority if launch is not None else None) or DEFAULT_SCHED,
                cpus=_allowed(vcpu, launch, system.host, everything),
                partition=vcpu.partition or (launch.partition if launch is not None else None) or "System",
                demand=demands[number] if number < len(demands) else None,
                halts_in_place=vm.halts_in_place,
                vdevs=MappingProxyType({row.name: row.type for row in guest.vdevs} if guest else {}),
                joined=joined_vdevs(plan.stack, guest) if guest is not None else MappingProxyType({}),
                origin=written.origin or (guest.origin if guest is not None else vm.origin),
                sched_origin=written.sched_origin or written.origin,
                placement_origin=written.placement_origin or written.origin,
            )
        )
    return rows


def _vdev_threads(
    system: System, plan: Plan, index: int, vm: VmConfig, everything: frozenset[int]
) -> Iterator[HostThread]:
    """The threads of vdevs that have a load: on the pCPUs of their qvm, at its priority or the vdev's own."""
    guest = plan.guests[index].guest if index < len(plan.guests) else None
    launch = (system.host.launches or {}).get(vm.system)
    if guest is None:
        return
    for place, row in enumerate(guest.vdevs):
        if row.demand is not None:
            named = [vdev for vdev in vm.vdevs if row.shown_name and vdev.name == row.shown_name]
            built = next(iter(named or vm.vdevs[place : place + 1]), None)
            qvm = (launch.priority if launch is not None else None) or DEFAULT_SCHED
            yield HostThread(
                name=f"{vm.label}.{row.name}",
                guest="",
                home=vm.label,
                number=0,
                sched=_vdev_sched(built) or qvm,
                cpus=_allowed(Vcpu(origin=row.origin), launch, system.host, everything),
                partition=(launch.partition if launch is not None else None) or "System",
                demand=row.demand,
                vdevs=MappingProxyType({row.name: row.type}),
                joined=joined_vdevs(plan.stack, guest),
                backs=(f"{vm.label}.{row.name}",),
                origin=row.origin,
                sched_origin=row.origin,
                placement_origin=row.origin,
            )


def _vdev_sched(vdev: Vdev | None) -> Sched | None:
    """The priority of a vdev's thread that its option `sched` names; None where it names none."""
    option = vdev.option("sched") if vdev is not None else None
    found = _PRIORITY.match(option.values[0]) if option is not None and option.values else None
    if found is None:
        return None
    return (Fifo if found[2] == "f" else RoundRobin)(int(found[1]))


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
