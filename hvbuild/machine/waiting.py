"""When threads waited for others in the middle of their work: for an answer or for another guest."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hvbuild.machine.parts import WORKING
from hvbuild.machine.schedule import SPINNING, Moment, Schedule
from hvbuild.machine.threads import HostThread

_RUNNING = (*WORKING, SPINNING)


class Wait(NamedTuple):
    """A wait from `start` to `end` in ns; one that the run cuts short ends with it.

    `server` is the number of the thread whose answer was waited for, None: it was another guest's turn.
    """

    start: int
    end: int
    server: int | None

    @property
    def length(self) -> int:
        """How long it was."""
        return self.end - self.start


def waits_of(thread: HostThread, number: int, schedule: Schedule) -> tuple[Wait, ...]:
    """The waits of `thread`, number `number` in the schedule, in order of time.

    One that serves is also woken by what it is asked, with nothing left to do: that is no wait for others.
    """
    if not thread.waits:
        return ()
    over = [*schedule.resumed, *schedule.woken, *schedule.left]
    still = schedule.threads[number].awaits
    if still is not None:
        over.append(Moment(schedule.scenario.horizon_ns, number, still))
    moments = [
        (row.time, row.other if row.other != number else None)
        for row in over
        if row.thread == number and (row.other != number or not thread.serves)
    ]
    ends = sorted(row.end for row in schedule.segments if row.thread == number and row.mode in _RUNNING)
    return tuple(_waits(sorted(moments, key=lambda row: row[0]), ends))


def _waits(moments: list[tuple[int, int | None]], ends: list[int]) -> Iterator[Wait]:
    for moment, server in moments:
        place = bisect_right(ends, moment)
        if place and ends[place - 1] < moment:
            yield Wait(ends[place - 1], moment, server)


def without(spans: Iterable[tuple[int, int]], waits: Iterable[Wait]) -> Iterator[tuple[int, int]]:
    """What is left of `spans`, in order of their starts, when `waits` are taken out."""
    rows = tuple(waits)
    for begin, end in spans:
        at = begin
        for wait in rows:
            if wait.end > at and wait.start < end:
                if wait.start > at:
                    yield at, wait.start
                at = wait.end
        if at < end:
            yield at, end
