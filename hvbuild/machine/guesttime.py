"""Time as a guest sees it: stolen time, its counter, and timers that fire late.

The virtual counter runs on while a vCPU waits for its CPU, so delays measured by it end too early in work
and loops counted in work end too late on the clock. Sources: QNX Hypervisor 8.0 `set counter-offset`,
"Time"; a timer that expires while its vCPU does not run is delivered at the next entrance.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hvbuild.machine.schedule import GUEST, HOLDING, SPINNING, Segment

# Spinning for a lock and working under one are guest code, too.
_IN_GUEST = (GUEST, SPINNING, HOLDING)
FROM_ZERO = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Running:
    """When one vCPU executed guest code: disjoint half-open stretches of host time (ns), in order."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def total(self, start: int, end: int) -> int:
        """Guest time between two moments."""
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end)
        rows = zip(self.starts[first:last], self.ends[first:last], strict=True)
        return sum(min(b, end) - max(a, start) for a, b in rows)

    def stolen(self, start: int, end: int) -> int:
        """What a guest that wants to run all the time loses between two moments, exits included."""
        return end - start - self.total(start, end)

    def next_at(self, moment: int) -> int | None:
        """The first moment from `moment` on at which the vCPU runs; None when it never does again."""
        row = bisect_right(self.ends, moment)
        return max(moment, self.starts[row]) if row < len(self.starts) else None

    def longest_pause(self, start: int, end: int) -> tuple[int, int]:
        """The longest stretch without guest code between two moments: its length and when it began."""
        longest, begin = 0, start
        at = start
        for row in range(bisect_right(self.ends, start), len(self.starts)):
            if self.starts[row] >= end:
                break
            if self.starts[row] - at > longest:
                longest, begin = self.starts[row] - at, at
            at = self.ends[row]
        return (end - at, at) if end - at > longest else (longest, begin)

    def after_work(self, start: int, work: int) -> int | None:
        """When `work` ns of guest time have passed since `start`; None when the trace ends first."""
        left = work
        for row in range(bisect_right(self.ends, start), len(self.starts)):
            begin = max(start, self.starts[row])
            if left <= self.ends[row] - begin:
                return begin + left
            left -= self.ends[row] - begin
        return None


def running(segments: Iterable[Segment], thread: int) -> Running:
    """When vCPU thread `thread` ran guest code (spinning in the guest included) in a schedule."""
    starts: list[int] = []
    ends: list[int] = []
    for row in sorted((s.start, s.end) for s in segments if s.thread == thread and s.mode in _IN_GUEST):
        if ends and row[0] == ends[-1]:
            ends[-1] = row[1]
        else:
            starts.append(row[0])
            ends.append(row[1])
    return Running(tuple(starts), tuple(ends))


def guest_counter(host_ticks: int, setting: int = FROM_ZERO, started_ticks: int = 0) -> int:
    """The guest's counter when the host's is `host_ticks`.

    `setting` is `counter-offset`: all ones makes the guest start at 0 (it started at `started_ticks`),
    any other value is host counter minus guest counter.
    """
    offset = started_ticks if setting == FROM_ZERO else setting
    return (host_ticks - offset) & FROM_ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A timer of a guest: when it was due, when the vCPU saw it (None: never), both ns."""

    due_ns: int
    seen_ns: int | None


def firings(ran: Running, due: Sequence[int]) -> tuple[Firing, ...]:
    """When each timer of a busy vCPU is seen."""
    return tuple(Firing(due_ns=moment, seen_ns=ran.next_at(moment)) for moment in due)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestTime:
    """What a vCPU got while it had work, in ns: `stolen_ns` is what it lost, exits included.

    A timeout in the guest that is shorter than the longest pause can run out although the guest did nothing
    wrong; `timer_late_ns` is the most that a timer was seen late, None where no timer wakes it.
    """

    active_ns: int
    stolen_ns: int
    pause_ns: int
    pause_at_ns: int
    timer_late_ns: int | None


def guest_time(ran: Running, spans: Iterable[tuple[int, int]], due: Sequence[int]) -> GuestTime:
    """The guest time of a vCPU that had work in `spans` (which may overlap) and timers at `due`.

    A timer that the trace never shows as seen is not counted.
    """
    active = stolen = pause = 0
    pause_at = last = 0
    for begin, end in spans:
        start = max(begin, last)
        if start >= end:
            continue
        last = end
        active += end - start
        stolen += ran.stolen(start, end)
        length, at = ran.longest_pause(start, end)
        if length > pause:
            pause, pause_at = length, at
    late = (row.seen_ns - row.due_ns for row in firings(ran, due) if row.seen_ns is not None)
    return GuestTime(
        active_ns=active,
        stolen_ns=stolen,
        pause_ns=pause,
        pause_at_ns=pause_at,
        timer_late_ns=max(late, default=None),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A wait of a guest: when it ended (ns), on the clock, and how much guest time it really held."""

    ended_ns: int
    clock_ns: int
    guest_ns: int


def counted_delay(ran: Running, start: int, delay: int) -> Wait | None:
    """A loop that reads the counter until `delay` has passed: right on the clock, short in guest time."""
    end = ran.next_at(start + delay)
    return None if end is None else Wait(ended_ns=end, clock_ns=end - start, guest_ns=ran.total(start, end))


def work_loop(ran: Running, start: int, work: int) -> Wait | None:
    """A loop of `work` ns of instructions: right in guest time, long on the clock."""
    end = ran.after_work(start, work)
    return None if end is None else Wait(ended_ns=end, clock_ns=end - start, guest_ns=work)


def false_timeout(ran: Running, start: int, work: int, timeout: int) -> bool:
    """True when work that needs less than `timeout` alone is cut off by a timeout on the counter."""
    done = ran.after_work(start, work)
    return work <= timeout and (done is None or done > start + timeout)
