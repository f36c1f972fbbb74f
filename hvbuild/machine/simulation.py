"""One run of a whole system: its boot, its threads under their loads, and the bounds beside what was seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import MappingProxyType

from hvbuild.machine.analysis import partition_delay, partition_supply
from hvbuild.machine.arrivals import Delays, delays_of
from hvbuild.machine.backends import Expiry
from hvbuild.machine.boot import Boot, boot
from hvbuild.machine.bounds import Bound, interruptions, response_bound, server_request, turns
from hvbuild.machine.busyperiods import Request
from hvbuild.machine.claims import Shapes
from hvbuild.machine.columns import budget_percents
from hvbuild.machine.costs import CostTable, Level, cost_table
from hvbuild.machine.exchange import exchanged, host_threads, under
from hvbuild.machine.exits import Cause, Terms
from hvbuild.machine.guesttime import GuestTime, Running, guest_time, running
from hvbuild.machine.lives import (
    MOST_ENDINGS,
    AskedEnd,
    Life,
    expiries,
    folded,
    kicks,
    next_ending,
    played_parts,
    with_ending,
)
from hvbuild.machine.loads import Load, load_of
from hvbuild.machine.memory import MemoryTerms, build_memory
from hvbuild.machine.parts import Job, Part, jobs_of, scenario_of
from hvbuild.machine.profiles import Profile
from hvbuild.machine.program import engine_costs
from hvbuild.machine.schedule import Costs, Schedule, simulate
from hvbuild.machine.threads import HostThread, cpu_count, cpu_speeds, titled
from hvbuild.machine.waiting import Wait, waits_of, without
from hvbuild.model.board import Board
from hvbuild.model.plan import Plan
from hvbuild.model.stack import Workload
from hvbuild.model.system import System
from hvbuild.model.vm import RoundRobin, Sporadic

_UNKNOWN_HZ = 1_000_000_000  # where a board names no frequency


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a system: how long it runs, by which rules, at which end of the costs.

    `workload` None: the declared loads; `host_memory` (bytes held by the host) None: the declared need.
    `explored` turns assumptions of the profile around. `ends` are guests that are to end on the way.
    """

    until_ns: int
    profile: Profile
    level: Level = Level.TYPICAL
    workload: Workload | None = None
    explored: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    fast: bool = False
    host_memory: int | None = None
    ends: tuple[AskedEnd, ...] = ()


@dataclass(frozen=True, eq=False)
class Bench:
    """A system set up for a run (a `Setting`): `system` is what the files say, the loads are the plan's.

    `down` are the guests that the boot left without their VM; they do not run.
    """

    plan: Plan
    system: System
    question: Question
    down: frozenset[str] = frozenset()

    @property
    def profile(self) -> Profile:
        """The rules of the scheduler."""
        return self.question.profile

    @property
    def cpus(self) -> int:
        """How many pCPUs there are."""
        return cpu_count(self.system, self.plan)

    @cached_property
    def speeds(self) -> tuple[int, ...]:
        """Capacity of each pCPU; 1024 is the fastest kind of the board."""
        return cpu_speeds(self.system, self.plan)

    @cached_property
    def costs(self) -> CostTable:
        """The board's costs at the clock of its fastest core, on which work is declared, too."""
        return costs_of(self.plan.stack.board, self.question.level)

    @cached_property
    def terms(self) -> Terms:
        """How exits are taken."""
        return Terms(costs=self.costs, gic=self.plan.stack.board.gic or 3)

    @cached_property
    def engine(self) -> Costs:
        """What the scheduler's own acts cost."""
        return engine_costs(self.terms)

    @cached_property
    def threads(self) -> tuple[HostThread, ...]:
        """vCPUs of the guests that are up, and services, under the workload."""
        workload = self.question.workload
        everybody = host_threads(self.system, self.plan)
        threads = under(everybody, workload) if workload is not None else everybody
        return exchanged(thread for thread in threads if thread.home not in self.down)

    @cached_property
    def loads(self) -> tuple[Load, ...]:
        """What each thread does that does not rest."""
        locks = {name: number for number, name in enumerate(dict.fromkeys(t.guest for t in self.threads))}
        numbers = {row.name: place for place, row in enumerate(t for t in self.threads if not t.rests)}
        rows = (
            load_of(thread, self.terms, locks[thread.guest], self.question.until_ns, numbers)
            for thread in self.threads
        )
        return tuple(row for row in rows if row is not None)

    @cached_property
    def first_lives(self) -> tuple[Life, ...]:
        """A life for each guest, which all are up when the run begins."""
        return tuple(Life(guest=name) for name in dict.fromkeys(row.guest for row in self.threads) if name)

    @cached_property
    def restarts(self) -> dict[str, str]:
        """What the launcher of each guest does when its qvm ends."""
        return {row.guest.name: row.guest.launch.restart for row in self.plan.guests}

    @cached_property
    def _host_ns(self) -> dict[str, int]:
        return {load.thread.name: load.host_ns for load in self.loads}

    def overhead_ns(self, thread: HostThread) -> int:
        """Host time of each activation of `thread` besides its work: exits, switches in and back, moves.

        The switches come once more with each wait for others.
        """
        moves = self.engine.migration_ns if len(thread.cpus) > 1 else 0
        away = 2 * self.engine.switch_ns + self.engine.ipi_ns + moves
        waits = thread.waits * (max(1, thread.demand.burst) if thread.demand is not None else 1)
        return self._host_ns.get(thread.name, 0) + (1 + waits) * away


@dataclass(frozen=True, eq=False, kw_only=True)
class Simulation:
    """What was seen of one system; `jobs` holds the activations of each thread that has any.

    `lives` are those of guests that run, by guest each in order of time; one thread stands for all its lives.
    """

    bench: Bench
    boot: Boot
    schedule: Schedule
    jobs: Mapping[str, tuple[Job, ...]] = field(hash=False)
    lives: tuple[Life, ...] = ()

    @property
    def loads(self) -> tuple[Load, ...]:
        """The threads that ran, by their numbers in the schedule."""
        return self.bench.loads

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What each of them did."""
        return tuple(load.part for load in self.loads)

    @cached_property
    def resting(self) -> tuple[HostThread, ...]:
        """The threads that asked for nothing."""
        return tuple(thread for thread in self.bench.threads if thread.rests)

    @cached_property
    def bounds(self) -> dict[str, Bound]:
        """The analytic bound of each thread that ran, or why there is none."""
        bench = self.bench
        delays = delays_of(bench.threads, lambda thread, late: _bound(bench, thread, late).response_ns)
        return {load.thread.name: _bound(bench, load.thread, delays) for load in self.loads}

    @cached_property
    def servers(self) -> dict[str, int]:
        """For each sporadic thread the most that it can take at its priority in any one period, in ns.

        Without those that no argument keeps from taking all of it.
        """
        found: dict[str, int] = {}
        for load in self.loads:
            sched = load.thread.sched
            if not isinstance(sched, Sporadic):
                continue
            period = int(sched.replenishment_period)
            request = server_request(self.bench, load.thread, self.bench.threads)
            if request is not None and request(period) < period:
                found[load.thread.name] = request(period)
        return found

    @cached_property
    def waits(self) -> dict[str, tuple[Wait, ...]]:
        """When each thread that waits for others in the middle of its work did so."""
        rows: dict[str, tuple[Wait, ...]] = {}
        for number, load in enumerate(self.loads):
            if load.thread.waits:
                rows[load.thread.name] = waits_of(load.thread, number, self.schedule)
        return rows

    @property
    def partition_delay_ns(self) -> int | None:
        """The longest that a partition with budget waits for it (the manual's bound); None without any."""
        aps = self.schedule.scenario.aps
        return partition_delay(aps.window_ms * 1_000_000, budget_percents(aps)) if aps is not None else None

    def partition_supply_ns(self, percent: int) -> int:
        """What a partition of that budget is owed of each window through which it could use every pCPU."""
        scenario = self.schedule.scenario
        window = scenario.aps.window_ms * 1_000_000 if scenario.aps is not None else 0
        return partition_supply(window, percent, scenario.cpus, scenario.tick_ns)

    @cached_property
    def guest_times(self) -> dict[str, GuestTime]:
        """What each vCPU got of the time in which it had work; one that never rests has it all the time."""
        horizon = self.schedule.scenario.horizon_ns
        rows: dict[str, GuestTime] = {}
        for number, load in enumerate(self.loads):
            thread = load.thread
            if thread.is_vcpu:
                jobs = self.jobs.get(thread.name, ())
                spans = [(job.released, job.released + job.response(horizon)) for job in jobs]
                spans = list(without(spans, self.waits.get(thread.name, ())))
                timed = thread.demand is not None and thread.demand.by_timer
                ran = running(self.schedule.segments, number)
                due = [job.released for job in jobs if _is_seen(ran, job)] if timed else []
                rows[thread.name] = guest_time(ran, spans or self.up(thread.guest), due)
        return rows

    @cached_property
    def expiries(self) -> tuple[tuple[Life, Expiry], ...]:
        """Every watchdog that acts, and in which life; that of a guest whose vCPU 0 rests is left alone."""
        found = {
            part.thread.guest: kicks(part, number, self.jobs.get(part.thread.name, ()), self.schedule)
            for number, part in enumerate(self.parts)
            if part.thread.is_vcpu and part.thread.number == 0
        }
        lives = [life for life in self.lives if life.guest in found]
        return tuple(expiries(self.bench.system, found, lives, self.schedule.scenario.horizon_ns))

    @property
    def endings(self) -> tuple[Life, ...]:
        """The lives that ended, in order of time."""
        ended = [life for life in self.lives if life.end is not None]
        return tuple(sorted(ended, key=lambda life: (life.end_ns or 0, life.guest)))

    def cut(self, life: Life) -> int:
        """How many activations the end of `life` cut off."""
        names = [part.thread.name for part in self.parts if part.thread.home == life.guest]
        return sum(job.cut == life.end_ns for name in names for job in self.jobs.get(name, ()) if job.cut)

    def up(self, guest: str) -> list[tuple[int, int]]:
        """From when to when `guest` is up within the run, life by life."""
        horizon = self.schedule.scenario.horizon_ns
        own = [life for life in self.lives if life.guest == guest and life.start_ns < horizon]
        return [(life.start_ns, life.end_ns if life.end_ns is not None else horizon) for life in own]

    def exits(self, load: Load) -> dict[str, int]:
        """How often the guest was left, by cause, in the activations that were completed."""
        done = sum(job.done is not None for job in self.jobs.get(load.thread.name, ()))
        number = self.loads.index(load)
        rows = {cause.value: count * done for cause, count in load.exits.items() if count * done}
        totals = self.schedule.threads[number]
        host = {
            Cause.HOST_INTERRUPT.value: totals.interrupted,
            Cause.PREEMPTION.value: totals.preemptions if load.thread.is_vcpu else 0,
        }
        return rows | {name: count for name, count in host.items() if count}


def costs_of(board: Board, level: Level) -> CostTable:
    """The costs of `board` in the time of its fastest core."""
    fastest = max(board.cores, key=lambda core: (core.capacity, core.frequency), default=None)
    hertz = fastest.frequency if fastest is not None and fastest.frequency else _UNKNOWN_HZ
    return cost_table(board.cost_class, hertz, board.costs, level)


def simulate_system(plan: Plan, system: System, shapes: Shapes, question: Question) -> Simulation:
    """The boot of `system`, then `question.until_ns` of its life with every guest that came up."""
    named = titled(system, plan)
    memory = build_memory(named, shapes, MemoryTerms(kept=question.host_memory))
    started = boot(memory, costs_of(plan.stack.board, question.level))
    down = frozenset(vm.label for vm in named.vms if started.up_at(vm.label) is None)
    bench = Bench(plan, named, question, down)
    run = _play(bench, started, bench.first_lives)
    asked = [row for row in question.ends if row.at_ns < question.until_ns]
    for _ in range(MOST_ENDINGS):
        found = next_ending(run.expiries, asked, run.lives)
        if found is None:
            break
        guest = found[0].guest
        lives = with_ending(run.lives, *found, bench.restarts.get(guest, "never"), started.takes_ns(guest))
        run = _play(bench, started, lives)
    return run


def _play(bench: Bench, started: Boot, lives: tuple[Life, ...]) -> Simulation:
    """The run in which guests have these lives."""
    question = bench.question
    parts, owners = played_parts([load.part for load in bench.loads], lives, question.until_ns)
    schedule = simulate(
        scenario_of(bench, parts, question.until_ns),
        question.profile,
        explored=question.explored,
        costs=bench.engine,
        interrupts=True,
        fast=question.fast,
    )
    return Simulation(
        bench=bench,
        boot=started,
        schedule=folded(schedule, owners),
        jobs=jobs_of(parts, schedule),
        lives=lives,
    )


def _is_seen(ran: Running, job: Job) -> bool:
    """False for the timer of a job whose guest ended before it could see it; another life does not."""
    seen = ran.next_at(job.released)
    return job.cut is None or (seen is not None and seen < job.cut)


def _bound(bench: Bench, thread: HostThread, delays: Delays) -> Bound:
    """The bound of `thread` with what the scheduler's own acts cost, where they cost anything.

    Equals that take turns cost switches, at most one a tick; the first time that a thread runs it may be
    brought from another pCPU.
    """
    near = [other for other in bench.threads if other.cpus & thread.cpus and not other.rests]
    if any(other.demand is not None and other.demand.spinlock for other in near):
        return Bound(response_ns=None, reason="spin locks are waited for")
    engine = bench.engine
    equals = any(other.priority == thread.priority for other in near if other.name != thread.name)
    more: list[Request] = []
    if isinstance(thread.sched, RoundRobin) and equals and engine.switch_ns:
        more.append(partial(turns, int(bench.system.host.tick), engine.switch_ns))
    if engine.migration_ns:
        more.append(partial(_once, len(near) * engine.migration_ns))
    if engine.interrupt_ns and len(thread.cpus) == 1:
        more += interruptions(bench, bench.threads, min(thread.cpus), engine.interrupt_ns)
    return response_bound(bench, thread, bench.threads, more=more, delays=delays)


def _once(cost: int, _window: int) -> int:
    return cost
