"""From a drawn run to a scenario for the scheduler, and from its schedule to what every thread got."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hvbuild.certify.draws import Drawn, Run
from hvbuild.certify.ground import Ground
from hvbuild.machine.parts import Job, Part, jobs_of, scenario_of
from hvbuild.machine.scenario import Burst
from hvbuild.machine.schedule import GUEST, HOLDING, HOST, SPINNING, Schedule, Segment, simulate
from hvbuild.machine.threads import Errand, HostThread
from hvbuild.model.guest import Demand

# What counts as work done: guest code, with a lock or without, and the host's part of it.
WORKING = (GUEST, HOST, HOLDING)
# A run is as long as this many of the longest periods, within the limits below.
_PERIODS = 3
_SHORTEST = 30_000_000
_LONGEST = 400_000_000


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


def regular_part(ground: Ground, thread: HostThread, how: Drawn, places: Mapping[str, int]) -> Part:
    """The thread under its declared load; one without a load or idle stays away, a busy one never rests.

    `places` are the numbers of all threads of the run by name: those that it asks for something.
    """
    demand = thread.demand
    if thread.rests:
        return Part(thread=thread, bursts=(Burst(1, 0, "i"),), loop=False)
    if demand is None or not (how.period_ns or thread.asked):
        return busy_part(thread, how.start_ns)
    host = ground.overhead_ns(thread)
    return Part(
        thread=thread,
        bursts=_bursts(thread, demand, how, host, places),
        start_ns=how.start_ns,
        work_ns=how.work_ns + host,
        period_ns=how.period_ns,
    )


def _bursts(
    thread: HostThread, demand: Demand, how: Drawn, host: int, places: Mapping[str, int]
) -> tuple[Burst, ...]:
    """One job: its work and the host's, cut evenly where it asks others, between its wait and its end."""
    opening = (Burst(0, 0, "w"),) if thread.serves else ()
    ending = ("r", 0) if thread.serves else (waits_by(thread), how.period_ns)
    operations = [one for errand in thread.errands for one in _operations(errand, demand, places)]
    if not (demand.accesses or demand.exits or demand.uses or operations):
        kind, value = ending
        return (*opening, Burst(how.work_ns + host, value, kind))
    bursts: list[Burst] = []
    pieces = len(operations) + 1
    for number, ((kind, value), *following) in enumerate((*operations, (ending,))):
        work, own = (
            (number + 1) * whole // pieces - number * whole // pieces for whole in (how.work_ns, host)
        )
        bursts += (Burst(work, 0, "c"), Burst(own, value, kind, host=True))
        bursts += (Burst(0, other, call, host=True) for call, other in following)
    return (*opening, *bursts)


def _operations(
    errand: Errand, demand: Demand, places: Mapping[str, int]
) -> list[tuple[tuple[str, int], ...]]:
    """What the thread does, one after the other, each time that it runs `errand`: ask, and wait."""
    calls = [("q", places[name]) for name in errand.takers if name in places]
    if errand.server:  # last: an answer is told by the request made last
        calls.append(("q", places[errand.server]))
    if errand.awaited:
        calls.append(("a", places[errand.server]) if errand.server else ("w", 0))
    return [tuple(calls)] * errand.use.count * max(1, demand.burst) if calls else []


def places_of(threads: Iterable[HostThread]) -> dict[str, int]:
    """The number of each thread in a run of `threads` in this order."""
    return {thread.name: number for number, thread in enumerate(threads)}


def waits_by(thread: HostThread) -> str:
    """The kind of burst that ends a job of `thread`: it waits for its release, or halts in place for it."""
    return "h" if thread.halts_in_place else "n"


def busy_part(thread: HostThread, start_ns: int = 0, *, host: bool = False) -> Part:
    """The thread always ready, in guest code or (`host`) in one guest exit after another."""
    return Part(thread=thread, bursts=(Burst(2 * _LONGEST, 0, "c", host=host),), start_ns=start_ns)


def horizon_of(parts: Iterable[Part], periods: int = _PERIODS) -> int:
    """Long enough for `periods` releases of everybody, within limits."""
    rows = [periods * part.period_ns for part in parts]
    return max(_SHORTEST, min(_LONGEST, max(rows, default=0)))


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
    schedule = simulate(scenario, ground.profile, explored=explored, costs=ground.engine, fast=fast)
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
        elif row.mode in (GUEST, HOST, HOLDING) and began is not None:
            found.append((began, row.start))
            began = None
    if began is not None:
        found.append((began, run.horizon))
    return tuple(found)
