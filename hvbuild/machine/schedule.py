"""Running a scenario under a profile: the schedule it gives, and its JSON form."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hvbuild.machine.columns import Columns
from hvbuild.machine.engine import layout as at
from hvbuild.machine.engine import lean
from hvbuild.machine.engine.kernel import finish, run
from hvbuild.machine.profiles import PUBLISHED, Profile
from hvbuild.machine.scenario import Fault, Scenario
from hvbuild.machine.shortcut import LeanResult, is_lean, run_shortcut

_MOST_TICKS = 100_000_000  # more than a day of milliseconds; a slip of the unit would run for years
_ROWS = 1 << 14  # output rows of one leg; memory stays flat however long a run without a trace is


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the host's own work takes, in nanoseconds, booked apart from guest work; 0: bare scheduler."""

    switch_ns: int = 0
    ipi_ns: int = 0
    migration_ns: int = 0
    interrupt_ns: int = 0

    @property
    def settings(self) -> dict[str, int]:
        """The engine's scalars for these costs."""
        return {
            "COST_SWITCH": self.switch_ns,
            "COST_IPI": self.ipi_ns,
            "COST_MIGRATION": self.migration_ns,
            "COST_INTERRUPT": self.interrupt_ns,
            "COSTED": int(self != FREE),
        }


FREE = Costs()

GUEST, HOST, SPINNING, HOLDING = at.GUEST, at.HOST, at.SPINNING, at.HOLDING
SWITCH, INTERRUPT, HALTING = at.SWITCH, at.INTERRUPT, at.HALTING
_MARKS = (
    at.WAKE,
    at.REQUESTED,
    at.DONE,
    at.RESUMED,
    at.WOKEN_UP,
    at.LEFT_OFF,
)  # rows that are moments, not segments


class Segment(NamedTuple):
    """`thread` held `cpu` from `start` to `end`; `mode` says for what (GUEST, HOST, SPINNING, …).

    A tuple, not a dataclass: a run makes hundreds of thousands.
    """

    cpu: int
    thread: int
    start: int
    end: int
    mode: int = GUEST

    @property
    def is_overhead(self) -> bool:
        """True for time of the host between the thread's own: it is no thread's work."""
        return self.mode in (SWITCH, INTERRUPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadTotals:
    """What one thread got and waited for; times in nanoseconds.

    `cpu_ns` is all it ran, of which `host_ns` was host work for guest exits, `spin_ns` spinning and `halt_ns`
    halted in place;
    `interrupted` is how often it left its guest for an interrupt of the host that did not cost it its CPU.
    `longest_ready_ns` is the longest READY stretch, from `longest_ready_at`; `worst_latency_ns` the
    longest from a wake-up to running. A job ends when the thread waits; its response counts from its release.
    """

    id: int
    cpu_ns: int
    host_ns: int
    spin_ns: int
    halt_ns: int
    preemptions: int
    exits: int
    interrupted: int
    longest_ready_ns: int
    longest_ready_at: int
    worst_latency_ns: int
    worst_latency_at: int
    jobs: int
    responses_ns: int
    worst_response_ns: int
    ready_since: int | None  # still READY at the horizon, since when
    awaits: int | None = None  # at the horizon: whose answer it waits for, itself: a token


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionTotals:
    """What one partition used; window sums as at the horizon."""

    id: int
    name: str
    percent: int
    used_cycles: int
    critical_cycles: int
    budget_cycles: int
    total_cycles: int
    bankrupt: bool


class Moment(NamedTuple):
    """Something became of a request of `thread`, by or for `other` (itself where there is none)."""

    time: int
    thread: int
    other: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One run: who held which CPU when, and the sums.

    Of noted threads `requests` are the times at which each was asked, `answers` those at which it had
    answered, `resumed` those at which an answer came that it had waited for, `woken` those at which a request
    or something else came that it had waited for, `left` those at which it ended while it waited.
    """

    scenario: Scenario
    profile: str
    segments: tuple[Segment, ...]
    interrupts: tuple[tuple[int, int, int], ...]  # (time, CPU, thread), when asked for
    requests: tuple[Moment, ...]
    answers: tuple[Moment, ...]
    resumed: tuple[Moment, ...]
    woken: tuple[Moment, ...]
    left: tuple[Moment, ...]
    prio_changes: tuple[tuple[int, int, int], ...]
    threads: tuple[ThreadTotals, ...]
    partitions: tuple[PartitionTotals, ...]
    overhead_ns: tuple[int, ...]
    counters: Mapping[str, int] = field(hash=False)

    @property
    def cpu_time_ns(self) -> dict[int, int]:
        """CPU time of every thread, host work for its exits included."""
        return {t.id: t.cpu_ns for t in self.threads}


def refusals(scenario: Scenario, profile: Profile) -> tuple[Fault, ...]:
    """Why `profile` cannot run `scenario`; empty when it can."""
    faults: list[Fault] = []
    if scenario.aps is not None and not profile.partitions:
        faults.append(Fault(path="aps", message=f"profile `{profile.name}` has no adaptive partitions"))
    if scenario.aps is not None and scenario.aps.limit_cpu_usage and profile.name == PUBLISHED.name:
        faults.append(
            Fault(path="aps.limit_cpu_usage", message="profile `published` is older than this policy")
        )
    if scenario.kernel == "up" and profile.name != PUBLISHED.name:
        faults.append(Fault(path="kernel", message="only profile `published` has the uniprocessor kernel"))
    ticks = scenario.horizon_ns // scenario.tick_ns
    if ticks > _MOST_TICKS and not profile.settings().get("EXACT"):
        faults.append(
            Fault(path="horizon_ns", message=f"holds {ticks} ticks, more than {_MOST_TICKS} are not played")
        )
    return tuple(faults)


def simulate(
    scenario: Scenario,
    profile: Profile = PUBLISHED,
    *,
    explored: Mapping[str, int] | None = None,
    costs: Costs = FREE,
    trace: bool = True,
    interrupts: bool = False,
    fast: bool = False,
) -> Schedule:
    """The schedule of `scenario` under `profile`; `fast` runs the compiled engine, with the same result.

    `explored` turns assumptions of the profile by name. Without `trace` there are no segments and
    memory does not grow with the horizon; with `interrupts` their arrivals are noted, too. The
    scenario must have been checked (`refusals`).
    """
    settings = {**profile.settings(explored), **costs.settings}
    if not interrupts and is_lean(scenario, settings):
        return _lean_schedule(scenario, profile, run_shortcut(scenario, trace, fast))
    columns = Columns(scenario, settings, _ROWS if trace else 0)
    columns.memory[at.TRACING] += int(trace and interrupts)
    segments: list[Segment] = []
    changes: list[tuple[int, int, int]] = []
    m = columns.memory
    if fast:
        from hvbuild.machine.engine.fast import run_compiled  # noqa: PLC0415 - numba only on request

        m = run_compiled(m, lambda part: _collect(part, columns, segments, changes))
    else:
        while run(m):
            _collect(m, columns, segments, changes)
        finish(m)
    _collect(m, columns, segments, changes)
    return _schedule(m, columns, profile, segments, _net(changes, scenario))


def _lean_schedule(scenario: Scenario, profile: Profile, result: LeanResult) -> Schedule:
    threads = scenario.threads
    segments = [Segment(c, threads[t].id, start, end) for c, t, start, end in result.rows]
    names = ("events", "switches", "preemptions", "migrations")
    places = (lean.L_EVENTS, lean.L_SWITCHES, lean.L_PREEMPTIONS, lean.L_MIGRATIONS)
    counters = {name: result.scalars[place] for name, place in zip(names, places, strict=True)}
    return Schedule(
        scenario=scenario,
        profile=profile.name,
        segments=join(segments),
        interrupts=(),
        requests=(),
        answers=(),
        resumed=(),
        woken=(),
        left=(),
        prio_changes=(),
        threads=tuple(_lean_totals(threads[t].id, t, result) for t in range(len(threads))),
        partitions=(),
        overhead_ns=(0,) * scenario.cpus,
        counters={**counters, "ipis": 0, "ipis_to_no_cpu": 0, "bankruptcies": 0},
    )


def _lean_totals(thread: int, place: int, result: LeanResult) -> ThreadTotals:
    at_thread = place * lean.J_SIZE
    sums = result.sums[at_thread : at_thread + lean.J_SIZE]
    return ThreadTotals(
        id=thread,
        cpu_ns=sums[lean.J_CPU],
        host_ns=0,
        spin_ns=0,
        halt_ns=0,
        preemptions=sums[lean.J_PREEMPTED],
        exits=0,
        interrupted=0,
        longest_ready_ns=sums[lean.J_WAIT],
        longest_ready_at=sums[lean.J_WAIT_AT],
        worst_latency_ns=sums[lean.J_LATENCY],
        worst_latency_at=sums[lean.J_LATENCY_AT],
        jobs=sums[lean.J_JOBS],
        responses_ns=sums[lean.J_RESPONSE],
        worst_response_ns=sums[lean.J_WORST],
        ready_since=result.ready_since.get(place),
    )


def _collect(
    m: at.Memory, columns: Columns, segments: list[Segment], changes: list[tuple[int, int, int]]
) -> None:
    """Take the output rows out of the memory and make room for more."""
    for i in range(m[at.SEG_FIRST], m[at.SEG_AT], at.SEG_SIZE):
        segments.append(Segment(m[i], m[i + 1], m[i + 2], m[i + 3], m[i + 4]))
    for i in range(m[at.CHANGE_FIRST], m[at.CHANGE_AT], at.CHANGE_SIZE):
        changes.append((m[i], m[i + 1], columns.levels[m[i + 2]]))
    m[at.SEG_AT] = m[at.SEG_FIRST]
    m[at.CHANGE_AT] = m[at.CHANGE_FIRST]


def join(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Segments by (start, CPU), those of one thread and mode that touch on one CPU made one."""
    joined: list[Segment] = []
    last: dict[int, int] = {}
    for segment in sorted(segments, key=lambda s: (s.start, s.cpu)):
        place = last.get(segment.cpu)
        if place is not None:
            before = joined[place]
            if (before.thread, before.end, before.mode) == (segment.thread, segment.start, segment.mode):
                joined[place] = Segment(segment.cpu, segment.thread, before.start, segment.end, segment.mode)
                continue
        last[segment.cpu] = len(joined)
        joined.append(segment)
    return tuple(joined)


def _net(changes: Sequence[tuple[int, int, int]], scenario: Scenario) -> tuple[tuple[int, int, int], ...]:
    """Priority changes that outlast their instant, by (time, thread)."""
    at_end: dict[tuple[int, int], int] = {}
    for time, thread, prio in changes:
        at_end[time, thread] = prio
    now = {thread.id: thread.prio for thread in scenario.threads}
    found = []
    for time, thread in sorted(at_end):
        prio = at_end[time, thread]
        if now[thread] != prio:
            now[thread] = prio
            found.append((time, thread, prio))
    return tuple(found)


def _schedule(
    m: at.Memory,
    columns: Columns,
    profile: Profile,
    segments: Sequence[Segment],
    changes: tuple[tuple[int, int, int], ...],
) -> Schedule:
    scenario = columns.scenario
    return Schedule(
        scenario=scenario,
        profile=profile.name,
        segments=join(s for s in segments if s.mode not in _MARKS),
        interrupts=tuple((s.start, s.cpu, s.thread) for s in segments if s.mode == at.WAKE),
        requests=_moments(segments, at.REQUESTED),
        answers=_moments(segments, at.DONE),
        resumed=_moments(segments, at.RESUMED),
        woken=_moments(segments, at.WOKEN_UP),
        left=_moments(segments, at.LEFT_OFF),
        prio_changes=changes,
        threads=tuple(_thread_totals(m, t) for t in columns.threads),
        partitions=_partition_totals(m, columns),
        overhead_ns=tuple(m[c + at.OVERHEAD] for c in columns.cpus),
        counters={
            "events": m[at.EVENTS],
            "switches": m[at.SWITCHES],
            "preemptions": m[at.PREEMPTIONS],
            "migrations": m[at.MIGRATIONS],
            "ipis": m[at.IPIS],
            "ipis_to_no_cpu": m[at.IPIS_NOWHERE],
            "bankruptcies": m[at.BANKRUPTCIES],
        },
    )


def _moments(segments: Sequence[Segment], mode: int) -> tuple[Moment, ...]:
    return tuple(Moment(row.start, row.thread, row.cpu) for row in segments if row.mode == mode)


def _thread_totals(m: at.Memory, t: int) -> ThreadTotals:
    ready = m[t + at.STATE] == at.READY
    for_token = m[t + at.STATE] == at.WAITING or m[t + at.HALTED] == at.FOR_TOKEN
    awaits = t if for_token else m[t + at.AWAITS]
    return ThreadTotals(
        id=m[t + at.ID],
        cpu_ns=m[t + at.CPU_NS],
        host_ns=m[t + at.HOST_NS],
        spin_ns=m[t + at.SPIN_NS],
        halt_ns=m[t + at.HALT_NS],
        preemptions=m[t + at.PREEMPTED],
        exits=m[t + at.EXITS],
        interrupted=m[t + at.INTERRUPTED],
        longest_ready_ns=m[t + at.WORST_WAIT],
        longest_ready_at=m[t + at.WORST_WAIT_AT],
        worst_latency_ns=m[t + at.FIRST_WAIT],
        worst_latency_at=m[t + at.FIRST_WAIT_AT],
        jobs=m[t + at.JOBS],
        responses_ns=m[t + at.RESPONSES],
        worst_response_ns=m[t + at.WORST_RESPONSE],
        ready_since=m[t + at.READY_AT] if ready else None,
        awaits=m[awaits + at.ID] if awaits else None,
    )


def _partition_totals(m: at.Memory, columns: Columns) -> tuple[PartitionTotals, ...]:
    aps = columns.scenario.aps
    if aps is None:
        return ()
    names = ("System", *(p.name for p in aps.partitions))
    return tuple(
        PartitionTotals(
            id=m[p + at.P_ID],
            name=name,
            percent=m[p + at.P_PERCENT],
            used_cycles=m[p + at.P_USED],
            critical_cycles=m[p + at.P_CRIT_USED],
            budget_cycles=m[p + at.P_STD],
            total_cycles=m[p + at.P_TOTAL],
            bankrupt=bool(m[p + at.P_BANKRUPT]),
        )
        for p, name in zip(columns.parts, names, strict=True)
    )


def schedule_json(schedule: Schedule) -> dict[str, object]:
    """The `schedule/1` object: segments by (start, CPU), joined, idle left out; CPU time per thread.

    Overhead of the host is no segment; where there is any, it is listed per CPU.
    """
    bare = join([Segment(s.cpu, s.thread, s.start, s.end) for s in schedule.segments if not s.is_overhead])
    found: dict[str, object] = {
        "format": "schedule/1",
        "segments": [[s.cpu, s.thread, s.start, s.end] for s in bare],
        "cpu_time_ns": {str(thread): ns for thread, ns in sorted(schedule.cpu_time_ns.items())},
    }
    if any(schedule.overhead_ns):
        found["overhead_ns"] = list(schedule.overhead_ns)
    return found
