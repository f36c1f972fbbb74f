"""A schedule for the eye: Chrome/Perfetto JSON, and a timeline in text."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

from hvbuild.machine.schedule import (
    GUEST,
    HALTING,
    HOLDING,
    HOST,
    INTERRUPT,
    SPINNING,
    SWITCH,
    Schedule,
    Segment,
)

_CPUS = 1  # process numbers of the trace
_THREADS = 2
_PARTITIONS = 3
_INTERRUPTS = 4  # 5 is the boot, in `report.trace`
_REQUESTS = 6
_MODE = {
    GUEST: "guest",
    HOST: "exit",
    SPINNING: "spin",
    SWITCH: "switch",
    INTERRUPT: "host interrupt",
    HOLDING: "holds lock",
    HALTING: "halted in place",
}
_ARROWS = {_INTERRUPTS: "interrupt", _REQUESTS: "request"}
_LABELS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IDLE = "."


def trace_json(
    schedule: Schedule, names: Mapping[int, str] | None = None, *, from_ns: int = 0
) -> dict[str, object]:
    """The trace-event object: a track per CPU and per thread, partition use, arrows from what wakes threads.

    `names` gives threads their names. Times start at `from_ns` and are fractions of microseconds, which
    is what the format calls for whatever its display unit says.
    """
    called = {t.id: f"thread {t.id}" for t in schedule.scenario.threads} | dict(names or {})
    timed: list[dict[str, object]] = []
    for segment in schedule.segments:
        timed.extend(_slices(segment, called, from_ns))
    timed.extend(_arrows(schedule, from_ns))
    for thread, times in _ends(schedule).items():
        place = {"ph": "i", "s": "t", "name": "ends", "cat": "end", "pid": _THREADS, "tid": thread}
        timed.extend({**place, "ts": _us(from_ns + time)} for time in times)
    timed.extend(_partition_counters(schedule, from_ns))
    return {"displayTimeUnit": "ns", "traceEvents": [*_track_names(schedule, called), *timed]}


def _track_names(schedule: Schedule, called: Mapping[int, str]) -> Iterator[dict[str, object]]:
    rows = (
        (_CPUS, "CPUs"),
        (_THREADS, "threads"),
        (_PARTITIONS, "partitions"),
        (_INTERRUPTS, "interrupts"),
        (_REQUESTS, "requests and answers"),
    )
    woken: dict[int, set[int]] = {_INTERRUPTS: set(), _REQUESTS: set()}
    for process, _, _, number in _moments(schedule):
        woken[process].add(number)
    absent = {_PARTITIONS: not schedule.partitions} | {one: not threads for one, threads in woken.items()}
    for process, name in rows:
        if not absent.get(process):
            yield _metadata("process_name", process, 0, name)
    for cpu in range(schedule.scenario.cpus):
        yield _metadata("thread_name", _CPUS, cpu, f"CPU {cpu}")
    for thread in schedule.scenario.threads:
        yield _metadata("thread_name", _THREADS, thread.id, called[thread.id])
    for process, threads in woken.items():
        for number in sorted(threads):
            yield _metadata("thread_name", process, number, f"for {called[number]}")


def _metadata(kind: str, process: int, track: int, name: str) -> dict[str, object]:
    return {"ph": "M", "name": kind, "pid": process, "tid": track, "args": {"name": name}}


def _slices(segment: Segment, called: Mapping[int, str], from_ns: int) -> Iterator[dict[str, object]]:
    mode = _MODE[segment.mode]
    time = {"ts": _us(from_ns + segment.start), "dur": _us(segment.end - segment.start)}
    on_cpu = mode if segment.is_overhead else called[segment.thread]
    yield {"ph": "X", "name": on_cpu, "cat": mode, "pid": _CPUS, "tid": segment.cpu, **time}
    if not segment.is_overhead:
        on_thread = f"CPU {segment.cpu}" if segment.mode == GUEST else f"CPU {segment.cpu}, {mode}"
        yield {"ph": "X", "name": on_thread, "cat": mode, "pid": _THREADS, "tid": segment.thread, **time}


def _moments(schedule: Schedule) -> Iterator[tuple[int, str, int, int]]:
    """What wakes threads: process, name, time and thread; requests and answers of one instant are one."""
    for time, cpu, thread in schedule.interrupts:
        yield _INTERRUPTS, f"interrupt on CPU {cpu}", time, thread
    told: dict[tuple[int, int], Counter[str]] = {}
    for name, rows in (("request", schedule.requests), ("answer", schedule.resumed)):
        for row in rows:
            told.setdefault((row.time, row.thread), Counter())[name] += 1
    for (time, thread), counts in sorted(told.items()):
        names = (name if count == 1 else f"{count} {name}s" for name, count in counts.items())
        yield _REQUESTS, " and ".join(names), time, thread


def _arrows(schedule: Schedule, from_ns: int) -> Iterator[dict[str, object]]:
    """Each interrupt, request and answer as a slice of one nanosecond, and a flow from it to what follows.

    An arrow needs a slice to begin in, and the CPU that takes the interrupt may be idle. None leads to
    another life of a thread that ended first.
    """
    ends = _ends(schedule)
    starts: dict[int, list[int]] = {}
    for segment in schedule.segments:
        if not segment.is_overhead:
            starts.setdefault(segment.thread, []).append(segment.start)
    for number, (process, name, time, thread) in enumerate(_moments(schedule), 1):
        kind = _ARROWS[process]
        own = starts.get(thread, [])
        place = bisect_left(own, time)
        track = {"pid": process, "tid": thread, "ts": _us(from_ns + time)}
        yield {"ph": "X", "name": name, "cat": kind, **track, "dur": _us(1)}
        last = min((end for end in ends.get(thread, ()) if end > time), default=own[-1] + 1 if own else 0)
        if place < len(own) and own[place] < last:
            flow = {"name": "wake", "cat": kind, "id": number}
            yield {"ph": "s", **track, **flow}
            end = _us(from_ns + own[place])
            yield {"ph": "f", "bp": "e", "pid": _THREADS, "tid": thread, "ts": end, **flow}


def _ends(schedule: Schedule) -> dict[int, list[int]]:
    """When each thread that was ended from outside was, in order of time."""
    found: dict[int, list[int]] = {}
    for event in schedule.scenario.events:
        if event.op == "end" and event.t_ns < schedule.scenario.horizon_ns:
            found.setdefault(event.thread, []).append(event.t_ns)
    return {thread: sorted(times) for thread, times in sorted(found.items())}


def _partition_counters(schedule: Schedule, from_ns: int) -> Iterator[dict[str, object]]:
    """Use of each partition within the sliding window, in percent of all CPUs, at every tick."""
    aps = schedule.scenario.aps
    if aps is None:
        return
    names = {p.id: p.name for p in schedule.partitions}
    tick = schedule.scenario.tick_ns
    ticks = -(-schedule.scenario.horizon_ns // tick)
    used = {part: _use_per_tick(schedule, part, ticks) for part in names}
    window = aps.window_ms * 1_000_000
    buckets = max(window // tick, 1)
    sums = dict.fromkeys(names, 0)
    for now in range(ticks):
        percents = {}
        for part, name in names.items():
            sums[part] += used[part][now] - (used[part][now - buckets] if now >= buckets else 0)
            percents[name] = round(100 * sums[part] / (buckets * tick * schedule.scenario.cpus), 3)
        time = from_ns + min((now + 1) * tick, schedule.scenario.horizon_ns)
        yield {"ph": "C", "name": "partition use %", "pid": _PARTITIONS, "ts": _us(time), "args": percents}


def _use_per_tick(schedule: Schedule, part: int, ticks: int) -> list[int]:
    members = {t.id for t in schedule.scenario.threads if t.partition == part}
    tick = schedule.scenario.tick_ns
    used = [0] * ticks
    for segment in schedule.segments:
        if segment.thread not in members or segment.is_overhead:
            continue
        start = segment.start
        while start < segment.end:
            bucket = start // tick
            stop = min((bucket + 1) * tick, segment.end)
            used[bucket] += stop - start
            start = stop
    return used


def _us(time: int) -> float:
    """Nanoseconds as microseconds; exact to the nanosecond for runs of up to 52 days."""
    return time / 1000


def label(thread: int) -> str:
    """The one character a timeline shows for `thread`."""
    return _LABELS[thread] if thread < len(_LABELS) else "#"


def timeline(schedule: Schedule, cell_ns: int, start: int = 0, end: int | None = None) -> tuple[str, ...]:
    """One line per CPU, one character per `cell_ns`: who held it longest there, `.` when it idled longest."""
    stop = schedule.scenario.horizon_ns if end is None else min(end, schedule.scenario.horizon_ns)
    cells = max(-(-(stop - start) // cell_ns), 0)
    lines = []
    for cpu in range(schedule.scenario.cpus):
        held: list[dict[str, int]] = [{} for _ in range(cells)]
        for segment in schedule.segments:
            if segment.cpu == cpu:
                _fill(held, segment, start, stop, cell_ns)
        row = []
        for i, times in enumerate(held):
            length = min(start + (i + 1) * cell_ns, stop) - (start + i * cell_ns)
            times[_IDLE] = length - sum(times.values())
            row.append(max(times, key=lambda who, times=times: (times[who], who != _IDLE)))  # type: ignore[misc]
        lines.append(f"CPU {cpu} |{''.join(row)}|")
    return tuple(lines)


def _fill(held: list[dict[str, int]], segment: Segment, start: int, stop: int, cell_ns: int) -> None:
    time = max(segment.start, start)
    until = min(segment.end, stop)
    mark = label(segment.thread)
    while time < until:
        cell = (time - start) // cell_ns
        edge = min(start + (cell + 1) * cell_ns, until)
        held[cell][mark] = held[cell].get(mark, 0) + edge - time
        time = edge
