"""What properties are judged on: the machine of the system as read back, beside what the plan declares."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from hvbuild.certify.counted import counted_delays
from hvbuild.certify.places import named_path
from hvbuild.certify.subject import Subject
from hvbuild.certify.terms import Terms, terms_of
from hvbuild.machine.arrivals import Delays
from hvbuild.machine.claims import Claim
from hvbuild.machine.exchange import host_threads, under
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.machine.memory import MachineMemory, MemoryTerms, build_memory
from hvbuild.machine.profiles import PROFILES, Profile, profile
from hvbuild.machine.schedule import Costs
from hvbuild.machine.threads import HostThread, cpu_count, cpu_speeds, titled
from hvbuild.model.guest import Demand
from hvbuild.model.operations import OPERATIONS, vdev_kind
from hvbuild.model.plan import GuestPlan, Plan
from hvbuild.model.system import System
from hvbuild.model.vm import VmConfig
from hvbuild.source import NOWHERE, Origin


@dataclass(frozen=True, eq=False)
class Ground:
    """One system under judgement. `system` is what the files say, `declared` what the plan says."""

    subject: Subject
    system: System
    declared: System
    profile: Profile
    terms: Terms
    memory_terms: MemoryTerms = field(default_factory=MemoryTerms)

    @property
    def plan(self) -> Plan:
        """The plan behind the system."""
        return self.subject.plan

    @cached_property
    def memory(self) -> MachineMemory:
        """The machine's memory, from the files as read back."""
        return build_memory(self.system, self.subject.shapes, self.memory_terms)

    @cached_property
    def declared_memory(self) -> MachineMemory:
        """The memory that the plan declares."""
        return build_memory(self.declared, self.subject.shapes, self.memory_terms)

    @cached_property
    def threads(self) -> tuple[HostThread, ...]:
        """vCPUs and services with their declared loads."""
        return host_threads(self.system, self.plan)

    @cached_property
    def workloads(self) -> tuple[tuple[str, tuple[HostThread, ...]], ...]:
        """The declared loads, then each named workload over them."""
        named = self.plan.stack.workloads
        return (("declared", self.threads), *((row.name, under(self.threads, row)) for row in named))

    @cached_property
    def delays(self) -> Mapping[str, Delays]:
        """For each workload the worst responses of the threads that ask, serve or wait in it."""
        return {name: counted_delays(self, threads) for name, threads in self.workloads}

    @property
    def cpus(self) -> int:
        """How many pCPUs there are."""
        return cpu_count(self.system, self.plan)

    @cached_property
    def speeds(self) -> tuple[int, ...]:
        """Capacity of each pCPU; 1024 is the fastest kind of the board."""
        return cpu_speeds(self.system, self.plan)

    @cached_property
    def engine(self) -> Costs:
        """What a run charges besides the overhead of each job: a guest left for an interrupt of the host."""
        return Costs(interrupt_ns=self.terms["host-interrupt"])

    def overhead_ns(self, thread: HostThread) -> int:
        """Host time of each job of `thread` besides its work: exits, switches there and back, moves.

        Each wait for others in the middle costs the same switches, and a vCPU the exit of its halt.
        """
        terms = self.terms
        demand = thread.demand
        burst = max(1, demand.burst) if demand is not None else 1
        exits = _exits_ns(thread, demand, terms) * burst if demand is not None else 0
        moves = terms["migration"] if len(thread.cpus) > 1 else 0
        away = 2 * terms["context-switch"] + terms["ipi"] + moves
        waits = thread.waits * burst
        return exits + away + waits * (away + (terms["halt-exit"] if thread.is_vcpu else 0))

    def planned(self, index: int) -> GuestPlan | None:
        """The plan of VM number `index`, None for a VM that nobody planned."""
        return self.plan.guests[index] if index < len(self.plan.guests) else None

    def vm(self, index: int) -> VmConfig:
        """VM number `index` as read back."""
        return self.system.vms[index]

    def line_of(self, index: int, claim: Claim) -> Origin:
        """The line of the stack behind `claim` of VM `index`; the guest's own line where there is none."""
        declared = _guest(self.declared_memory, index)
        rows = declared.claims if declared is not None else ()
        same = [row for row in rows if row.kind is claim.kind and row.window == claim.window]
        near = [row for row in rows if row.window.overlaps(claim.window)]
        for row in (*same, *near):
            if row.origin:
                return row.origin
        return self.guest_line(index) or claim.origin

    def guest_line(self, index: int) -> Origin:
        """Where guest number `index` is declared; where its VM was read, for one that is not."""
        planned = self.planned(index)
        origin = planned.guest.origin if planned is not None else None
        return origin or self.system.vms[index].origin

    def declared_guest(self, index: int) -> GuestMemory | None:
        """The declared memory of VM `index`, None where it was refused."""
        return _guest(self.declared_memory, index)

    def place_named(self, path: str, line: int) -> Origin:
        """The origin among threads and guests that certificates name by `path` and `line`."""
        origins = [
            origin
            for thread in self.threads
            for origin in (thread.load_origin, thread.sched_origin, thread.placement_origin, thread.origin)
        ]
        origins += [self.guest_line(index) for index in range(len(self.system.vms))]
        for origin in origins:
            span = origin.span
            here = span is not None and span.line == line
            if here and span is not None and named_path(span.file.path, self.subject.inputs) == path:
                return origin
        return NOWHERE


def ground_of(subject: Subject) -> Ground:
    """The ground of `subject`; ValueError for a profile that does not exist.

    VMs take the titles of the plan's guests, since two guests may call themselves by one system name.
    """
    chosen = profile(subject.profile_name)
    if chosen is None:
        known = ", ".join(row.name for row in PROFILES)
        raise ValueError(f"no profile `{subject.profile_name}`; there are {known}")
    guests = subject.plan.guests
    declared = replace(subject.plan.system, vms=tuple(guest.vm for guest in guests))
    return Ground(
        subject=subject,
        system=titled(subject.system, subject.plan),
        declared=titled(declared, subject.plan),
        profile=chosen,
        terms=terms_of(subject.plan.stack.board, _named_causes(subject.plan)),
    )


def _named_causes(plan: Plan) -> frozenset[str]:
    """The causes of exits that any load names."""
    demands = [demand for guest in plan.stack.guests for demand in guest.demands if demand is not None]
    demands += [demand for workload in plan.stack.workloads for _, demand in workload.demands]
    return frozenset(cause for demand in demands for cause, _ in demand.exits)


def _exits_ns(thread: HostThread, demand: Demand, terms: Terms) -> int:
    """What the exits that one activation makes cost together, with what back ends do in its thread."""
    rows = [(OPERATIONS[vdev_kind(thread.vdevs[use.vdev]), use.name], use.count) for use in demand.uses]
    registers = demand.accesses + sum(row.registers * count for row, count in rows)
    interrupts = sum(row.interrupts * count for row, count in rows)
    others = sum(count * terms[f"{cause}-exit"] for cause, count in demand.exits)
    return registers * terms["vdev-exit"] + interrupts * terms["interrupt-exit"] + others + demand.back_end_ns


def _guest(memory: MachineMemory, index: int) -> GuestMemory | None:
    return next((guest for guest in memory.guests if guest.index == index), None)
