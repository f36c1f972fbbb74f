"""What a schedule means for its threads: shares, waits, starvation, lock holders that were preempted.

Everything here was observed in one run; nothing is a worst case.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hvbuild.machine.schedule import HOLDING, INTERRUPT, SPINNING, Schedule, Segment, ThreadTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time, half-open, in nanoseconds."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Its nanoseconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadMeasure:
    """One thread's observed figures; shares are fractions of one CPU over the horizon."""

    thread: int
    share: float
    guest_share: float
    worst_latency_ns: int
    longest_ready: Window
    preemptions: int
    exits_per_second: float
    jobs: int
    worst_response_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuMeasure:
    """One CPU's time in nanoseconds: threads, host overhead between them, idle; they sum to the horizon."""

    cpu: int
    busy_ns: int
    overhead_ns: int
    idle_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionMeasure:
    """A partition's share of all CPUs over the horizon, beside its budget, both in percent."""

    name: str
    budget_percent: int
    used_percent: float
    bankrupt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Starvation:
    """`thread` was READY through `window` without running; `instead` held its CPUs, most time first."""

    thread: int
    window: Window
    instead: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolderPreemption:
    """`holder` was off its CPU through `window` while `spinner` burned `spun_ns` waiting for its lock."""

    holder: int
    spinner: int
    window: Window
    spun_ns: int


def thread_measures(schedule: Schedule) -> tuple[ThreadMeasure, ...]:
    """The figures of every thread, in the order of the scenario."""
    horizon = schedule.scenario.horizon_ns
    return tuple(
        ThreadMeasure(
            thread=t.id,
            share=t.cpu_ns / horizon,
            guest_share=(t.cpu_ns - t.host_ns - t.spin_ns - t.halt_ns) / horizon,
            worst_latency_ns=t.worst_latency_ns,
            longest_ready=_longest_ready(t, horizon),
            preemptions=t.preemptions,
            exits_per_second=t.exits * 1e9 / horizon,
            jobs=t.jobs,
            worst_response_ns=t.worst_response_ns,
        )
        for t in schedule.threads
    )


def _longest_ready(t: ThreadTotals, horizon: int) -> Window:
    """The longest READY stretch, one still open at the horizon included."""
    if t.ready_since is not None and horizon - t.ready_since > t.longest_ready_ns:
        return Window(start=t.ready_since, end=horizon)
    return Window(start=t.longest_ready_at, end=t.longest_ready_at + t.longest_ready_ns)


def cpu_measures(schedule: Schedule) -> tuple[CpuMeasure, ...]:
    """The load of every CPU; the schedule must have its segments."""
    horizon = schedule.scenario.horizon_ns
    busy = [0] * schedule.scenario.cpus
    for segment in schedule.segments:
        if not segment.is_overhead:
            busy[segment.cpu] += segment.end - segment.start
    return tuple(
        CpuMeasure(cpu=cpu, busy_ns=ns, overhead_ns=extra, idle_ns=horizon - ns - extra)
        for cpu, (ns, extra) in enumerate(zip(busy, schedule.overhead_ns, strict=True))
    )


def partition_measures(schedule: Schedule) -> tuple[PartitionMeasure, ...]:
    """The use of every partition against its budget; none without partitions."""
    scenario = schedule.scenario
    all_cycles = scenario.cpus * scenario.cycles_per_sec * scenario.horizon_ns / 1e9
    return tuple(
        PartitionMeasure(
            name=p.name,
            budget_percent=p.percent,
            used_percent=100 * p.total_cycles / all_cycles,
            bankrupt=p.bankrupt,
        )
        for p in schedule.partitions
    )


def starvations(schedule: Schedule, limit_ns: int) -> tuple[Starvation, ...]:
    """The threads that stayed READY for more than `limit_ns` at a stretch, with who ran instead."""
    masks = {t.id: t.runmask or schedule.scenario.all_cpus for t in schedule.scenario.threads}
    found = []
    for t in schedule.threads:
        window = _longest_ready(t, schedule.scenario.horizon_ns)
        if window.length > limit_ns:
            instead = _occupants(schedule, window, masks[t.id])
            found.append(Starvation(thread=t.id, window=window, instead=instead))
    return tuple(found)


def _occupants(schedule: Schedule, window: Window, mask: int) -> tuple[tuple[int, int], ...]:
    held: dict[int, int] = {}
    for segment in schedule.segments:
        overlap = min(segment.end, window.end) - max(segment.start, window.start)
        if overlap > 0 and mask >> segment.cpu & 1:
            held[segment.thread] = held.get(segment.thread, 0) + overlap
    return tuple(sorted(held.items(), key=lambda item: (-item[1], item[0])))


def lock_holder_preemptions(schedule: Schedule) -> tuple[LockHolderPreemption, ...]:
    """Every stretch in which a lock's holder was off its CPU while another thread spun for that lock."""
    sharing = _sharers(schedule)
    spins = [s for s in schedule.segments if s.mode == SPINNING]
    found = []
    for holder, window in _absences(schedule):
        for spinner in sorted(sharing.get(holder, ())):
            overlaps = (
                min(s.end, window.end) - max(s.start, window.start) for s in spins if s.thread == spinner
            )
            spun = sum(overlap for overlap in overlaps if overlap > 0)
            if spun:
                found.append(
                    LockHolderPreemption(holder=holder, spinner=spinner, window=window, spun_ns=spun)
                )
    return tuple(sorted(found, key=lambda f: (f.window.start, f.holder, f.spinner)))


def _sharers(schedule: Schedule) -> dict[int, set[int]]:
    """For each thread those that take a spin lock it takes, too."""
    locks = {t.id: {b.value for b in t.bursts if b.kind == "k"} for t in schedule.scenario.threads}
    return {a: {b for b in locks if b != a and locks[a] & locks[b]} for a in locks if locks[a]}


def _absences(schedule: Schedule) -> Iterator[tuple[int, Window]]:
    """The stretches in which a thread that held a lock was not running; one that ends holds none any more."""
    ends: dict[int, list[int]] = {}
    for event in schedule.scenario.events:
        if event.op == "end":
            ends.setdefault(event.thread, []).append(event.t_ns)
    for thread, absence in _away(schedule):
        end = min((time for time in ends.get(thread, ()) if time >= absence.start), default=absence.end)
        if end > absence.start:
            yield thread, Window(start=absence.start, end=min(end, absence.end))


def _away(schedule: Schedule) -> Iterator[tuple[int, Window]]:
    """From each stretch of holding a lock to the next time on a CPU, or to the horizon."""
    last: dict[int, Segment] = {}
    for segment in schedule.segments:
        before = last.get(segment.thread)
        if segment.mode == INTERRUPT and before is not None:
            last[segment.thread] = before._replace(end=segment.end)  # it keeps its CPU
        if segment.is_overhead:
            continue
        held = before is not None and before.mode == HOLDING and segment.mode == HOLDING
        if before is not None and held and segment.start > before.end:
            yield segment.thread, Window(start=before.end, end=segment.start)
        last[segment.thread] = segment
    horizon = schedule.scenario.horizon_ns
    for thread, segment in sorted(last.items()):
        if segment.mode == HOLDING and segment.end < horizon:
            yield thread, Window(start=segment.end, end=horizon)


def measures_json(schedule: Schedule) -> dict[str, object]:
    """All figures as a JSON object, `observed` in its name because it is no bound."""
    return {
        "threads": [
            {
                "thread": t.thread,
                "observed_share": round(t.share, 6),
                "observed_guest_share": round(t.guest_share, 6),
                "observed_latency_ns": t.worst_latency_ns,
                "observed_ready_ns": t.longest_ready.length,
                "observed_ready_from_ns": t.longest_ready.start,
                "observed_response_ns": t.worst_response_ns,
                "preemptions": t.preemptions,
                "exits_per_second": round(t.exits_per_second, 3),
            }
            for t in thread_measures(schedule)
        ],
        "cpus": [
            {"cpu": c.cpu, "busy_ns": c.busy_ns, "overhead_ns": c.overhead_ns, "idle_ns": c.idle_ns}
            for c in cpu_measures(schedule)
        ],
        "partitions": [
            {
                "partition": p.name,
                "budget_percent": p.budget_percent,
                "observed_percent": round(p.used_percent, 3),
                "bankrupt": p.bankrupt,
            }
            for p in partition_measures(schedule)
        ],
    }
