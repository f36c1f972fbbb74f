"""From a drawn run to a scenario for the scheduler, and from its schedule to what every thread got."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hvbuild.certify.draws import Drawn, Run
from hvbuild.certify.ground import Ground
from hvbuild.certify.threads import HostThread
from hvbuild.machine.scenario import Aps, Burst, Partition, Scenario, Sporadic, Thread
from hvbuild.machine.schedule import GUEST, HOST, SPINNING, Schedule, Segment, simulate
from hvbuild.model.vm import Fifo, RoundRobin
from hvbuild.model.vm import Sporadic as SporadicSched

# A run is as long as this many of the longest periods, within the limits below.
_PERIODS = 3
_SHORTEST = 30_000_000
_LONGEST = 400_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """One release of a thread's work: when, and when it was done (None: not within the run)."""

    released: int
    done: int | None

    def response(self, horizon: int) -> int:
        """From release to completion, or to the end of the run when it never completed."""
        return (self.done if self.done is not None else horizon) - self.released


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one thread does in a run: its bursts and, where its work is counted, the jobs behind them."""

    thread: HostThread
    bursts: tuple[Burst, ...]
    start_ns: int = 0
    work_ns: int = 0
    period_ns: int = 0
    loop: bool = True


def bound_of(part: Part) -> int | None:
    """The bound of what it does, None where it has none."""
    demand = part.thread.demand
    return int(demand.bound) if demand is not None and demand.bound is not None else None


@dataclass(frozen=True, kw_only=True)
class ScheduleRun:
    """One run of the scheduler: its parts, its schedule and the jobs of every thread that has any.

    `attack` names what a misbehaving guest did, empty when none did; `attacker` is that guest.
    """

    run: Run
    workload: str
    parts: tuple[Part, ...]
    schedule: Schedule
    jobs: Mapping[str, tuple[Job, ...]] = field(hash=False)
    explored: tuple[str, ...] = ()
    attack: str = ""
    attacker: str = ""

    @property
    def horizon(self) -> int:
        """The end of the run in nanoseconds."""
        return self.schedule.scenario.horizon_ns

    def segments_of(self, name: str) -> tuple[Segment, ...]:
        """Every stretch in which the thread `name` held a CPU."""
        number = self.number(name)
        return tuple(row for row in self.schedule.segments if row.thread == number)

    def number(self, name: str) -> int:
        """The id of the thread `name` in the scenario."""
        return next(i for i, part in enumerate(self.parts) if part.thread.name == name)


@dataclass(frozen=True, kw_only=True)
class AttackRun:
    """One drawn run played once for each way to misbehave."""

    run: Run
    runs: tuple[ScheduleRun, ...]

    def of(self, attack: str) -> ScheduleRun | None:
        """The run in which the guest misbehaves by `attack`."""
        return next((run for run in self.runs if run.attack == attack), None)


def overhead_ns(ground: Ground, thread: HostThread) -> int:
    """Host time that each job of `thread` costs besides its work: exits, switches there and back, moves."""
    terms = ground.terms
    demand = thread.demand
    exits = (demand.accesses * max(1, demand.burst) if demand is not None else 0) * terms["vdev-exit"]
    moves = terms["migration"] if len(thread.cpus) > 1 else 0
    return exits + 2 * terms["context-switch"] + terms["ipi"] + moves


def regular_part(ground: Ground, thread: HostThread, how: Drawn) -> Part:
    """The thread under its declared load; one without a load stays away, a busy one never rests."""
    demand = thread.demand
    if demand is None:
        return Part(thread=thread, bursts=(Burst(1, 0, "i"),), loop=False)
    if not how.period_ns:
        return busy_part(thread, how.start_ns)
    host = overhead_ns(ground, thread)
    bursts: tuple[Burst, ...] = (Burst(how.work_ns + host, how.period_ns, "n"),)
    if demand.accesses:
        bursts = (Burst(how.work_ns, 0, "c"), Burst(host, how.period_ns, "n", host=True))
    return Part(
        thread=thread,
        bursts=bursts,
        start_ns=how.start_ns,
        work_ns=how.work_ns + host,
        period_ns=how.period_ns,
    )


def busy_part(thread: HostThread, start_ns: int = 0, *, host: bool = False) -> Part:
    """The thread always ready, in guest code or (`host`) in one guest exit after another."""
    return Part(thread=thread, bursts=(Burst(2 * _LONGEST, 0, "c", host=host),), start_ns=start_ns)


def horizon_of(parts: Iterable[Part], periods: int = _PERIODS) -> int:
    """Long enough for `periods` releases of everybody, within limits."""
    rows = [periods * part.period_ns for part in parts]
    return max(_SHORTEST, min(_LONGEST, max(rows, default=0)))


def scenario_of(ground: Ground, parts: Sequence[Part], horizon: int) -> Scenario:
    """The scenario of `parts` on the board's pCPUs; partitions only where the profile has them."""
    aps = aps_of(ground)
    names = {"System": 0, **{p.name: i + 1 for i, p in enumerate(aps.partitions if aps is not None else ())}}
    everything = (1 << ground.cpus) - 1
    alike = len(set(ground.speeds)) == 1
    return Scenario(
        cpus=ground.cpus,
        horizon_ns=horizon,
        tick_ns=int(ground.system.host.tick),
        threads=tuple(
            Thread(
                id=number,
                prio=part.thread.priority,
                policy=policy_of(part.thread),
                sporadic=server_of(part.thread),
                runmask=part.thread.mask & everything or everything,
                partition=names.get(part.thread.partition, 0),
                start_ns=part.start_ns,
                bursts=part.bursts,
                loop=part.loop,
            )
            for number, part in enumerate(parts)
        ),
        aps=aps,
        speeds=() if alike else ground.speeds,
        speed_unit=1 if alike else max(ground.speeds),
    )


def policy_of(thread: HostThread) -> str:
    """The letter of its policy."""
    match thread.sched:
        case Fifo():
            return "f"
        case RoundRobin():
            return "r"
        case _:
            return "s"


def server_of(thread: HostThread) -> Sporadic | None:
    """Its sporadic parameters, None for another policy."""
    sched = thread.sched
    if not isinstance(sched, SporadicSched):
        return None
    return Sporadic(
        low_prio=sched.low_priority,
        init_budget_ns=int(sched.initial_budget),
        repl_period_ns=int(sched.replenishment_period),
        max_repl=sched.max_replenishments,
    )


def aps_of(ground: Ground) -> Aps | None:
    """The host's partitions, parents first; None without any or where the profile has none."""
    rows = dict(ground.system.host.partitions or {})
    rows.pop("System", None)
    if not rows or not ground.profile.partitions:
        return None
    ordered: list[str] = []
    while len(ordered) < len(rows):
        ready = [n for n, row in rows.items() if n not in ordered and row.parent in ("System", *ordered)]
        ordered += ready or [n for n in rows if n not in ordered]
    places = {"System": 0, **{name: i + 1 for i, name in enumerate(ordered)}}
    return Aps(
        partitions=tuple(
            Partition(
                name=name,
                budget=rows[name].budget,
                critical_ms=int(rows[name].critical) // 1_000_000,
                parent=places.get(rows[name].parent, 0),
            )
            for name in ordered
        )
    )


def play(
    ground: Ground,
    run: Run,
    workload: str,
    parts: Sequence[Part],
    *,
    explored: Mapping[str, int] | None = None,
    attack: str = "",
    attacker: str = "",
    horizon: int = 0,
    fast: bool = False,
) -> ScheduleRun:
    """Run `parts` through the scheduler under the profile (with assumptions `explored`)."""
    scenario = scenario_of(ground, parts, horizon or horizon_of(parts))
    schedule = simulate(scenario, ground.profile, explored=explored, fast=fast)
    return ScheduleRun(
        run=run,
        workload=workload,
        parts=tuple(parts),
        schedule=schedule,
        jobs=jobs_of(parts, schedule),
        explored=tuple(explored or ()),
        attack=attack,
        attacker=attacker,
    )


def jobs_of(parts: Sequence[Part], schedule: Schedule) -> dict[str, tuple[Job, ...]]:
    """The jobs of each thread that has counted work: a job is done when that much was executed."""
    scenario = schedule.scenario
    unit = scenario.speed_unit
    rows: dict[int, list[tuple[int, int, int]]] = {}
    for row in schedule.segments:
        if row.mode in (GUEST, HOST):
            speed = scenario.speeds[row.cpu] if scenario.speeds else unit
            rows.setdefault(row.thread, []).append((row.start, row.end, speed))
    return {
        part.thread.name: tuple(_jobs(part, rows.get(number, []), scenario.horizon_ns, unit))
        for number, part in enumerate(parts)
        if part.work_ns
    }


def _jobs(part: Part, rows: list[tuple[int, int, int]], horizon: int, unit: int) -> list[Job]:
    jobs: list[Job] = []
    need = part.work_ns * unit
    at, left = 0, need
    released = part.start_ns
    for start, end, speed in rows:
        now = start
        while now < end:
            takes = -(-left // speed)
            if now + takes > end:
                left -= (end - now) * speed
                break
            now += takes
            jobs.append(Job(released, now))
            at += 1
            released, left = part.start_ns + at * part.period_ns, need
    while released < horizon:
        jobs.append(Job(released, None))
        at += 1
        released = part.start_ns + at * part.period_ns
    return jobs


def longest_wait(run: ScheduleRun, number: int) -> tuple[int, int]:
    """When thread `number` began its longest stretch of being ready and not running, and how long that was.

    A stretch that the end of the run cuts short counts as long as it was seen.
    """
    total = run.schedule.threads[number]
    if total.ready_since is not None and run.horizon - total.ready_since > total.longest_ready_ns:
        return total.ready_since, run.horizon - total.ready_since
    return total.longest_ready_at, total.longest_ready_ns


def spins_of(run: ScheduleRun, name: str) -> tuple[tuple[int, int], ...]:
    """Each spin-wait of the thread as (start, end): until it has the lock, or the end."""
    found: list[tuple[int, int]] = []
    began: int | None = None
    for row in run.segments_of(name):
        if row.mode == SPINNING and began is None:
            began = row.start
        elif row.mode in (GUEST, HOST) and began is not None:
            found.append((began, row.start))
            began = None
    if began is not None:
        found.append((began, run.horizon))
    return tuple(found)
