"""What went on around one thread in a stretch of a run: who held its pCPUs, and the line to change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hvbuild.machine.parts import Part
from hvbuild.machine.schedule import GUEST, SWITCH, Schedule, join
from hvbuild.machine.waiting import Wait, waits_of
from hvbuild.source import Origin
from hvbuild.units import milliseconds

# Lines of a story; more is no longer read.
_LINES = 8


class Played(Protocol):
    """A run: what each thread did, by its number in the scenario, and the schedule of it."""

    @property
    def parts(self) -> Sequence[Part]:
        """What each thread did."""

    @property
    def schedule(self) -> Schedule:
        """Who held which CPU when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """What kept a thread from its work: `instead` is who held its pCPUs or was waited for, empty: nobody.

    `place` is the line to change, `change` how; `other` is the line of who it was, with a label.
    """

    instead: str
    place: Origin
    change: str
    other: tuple[tuple[Origin, str], ...] = ()


def hindrance(run: Played, part: Part, start: int, end: int) -> Hindrance:
    """What kept `part` from its work longest between `start` and `end`: a wait for others, or somebody."""
    blocker = main_blocker(run, part, start, end)
    waits = waits_within(run, part, start, end)
    held = held_ns(run, part, blocker, start, end) if blocker is not None else 0
    if sum(wait.length for wait in waits) > held:
        return _late_answer(run, part, max(waits, key=lambda wait: wait.length))
    place, change = remedy(part, blocker)
    if blocker is None:
        return Hindrance(instead="", place=place, change=change)
    name = blocker.thread.name
    other = ((blocker.thread.sched_origin, f"`{name}` runs instead"),)
    return Hindrance(instead=name, place=place, change=change, other=other)


def _late_answer(run: Played, part: Part, wait: Wait) -> Hindrance:
    if wait.server is None:
        change = "do not make it wait for another guest, which may be late or gone"
        return Hindrance(instead="", place=part.thread.load_origin, change=change)
    server = run.parts[wait.server].thread
    change = f"give `{server.name}` a higher priority, less work or pCPUs of its own, or allow a longer bound"
    other = ((part.thread.load_origin, f"`{part.thread.name}` waits for it"),)
    return Hindrance(instead=server.name, place=server.sched_origin, change=change, other=other)


def waits_within(run: Played, part: Part, start: int, end: int) -> list[Wait]:
    """The stretches between `start` and `end` in which `part` waits for others."""
    number = next(i for i, row in enumerate(run.parts) if row is part)
    rows = waits_of(part.thread, number, run.schedule)
    return [
        row._replace(start=max(row.start, start), end=min(row.end, end))
        for row in rows
        if row.start < end and row.end > start
    ]


def course(run: Played, part: Part, start: int, end: int) -> list[str]:
    """What the pCPUs of `part` do between `start` and `end`, and when it waits for others, in words."""
    cpus = part.thread.cpus
    rows = [row for row in run.schedule.segments if row.cpu in cpus and row.start < end and row.end > start]
    lines = []
    for row in join(row if row.mode == SWITCH else row._replace(mode=GUEST) for row in rows):
        other = run.parts[row.thread].thread
        begin, until = max(row.start, start), min(row.end, end)
        who = "it runs" if other is part.thread else f"{other.spelled} runs"
        if row.mode == SWITCH:
            who = f"the host switches to `{other.name}`"
        line = f"CPU {row.cpu}: {who} from {milliseconds(begin)} to {milliseconds(until)}"
        lines.append((begin, 0, line))
    for wait in waits_within(run, part, start, end):
        whom = f"`{run.parts[wait.server].thread.name}`" if wait.server is not None else "another guest"
        line = f"it waits for {whom} from {milliseconds(wait.start)} to {milliseconds(wait.end)}"
        lines.append((wait.start, 1, line))
    told = [line for _, _, line in sorted(lines)]
    if len(told) > _LINES:
        told = [*told[: _LINES - 1], f"and so on, {len(told) - _LINES + 1} stretches more"]
    return told


def held_ns(run: Played, part: Part, other: Part, start: int, end: int) -> int:
    """How long `other` held pCPUs of `part` between `start` and `end`."""
    return sum(
        max(0, min(row.end, end) - max(row.start, start))
        for row in run.schedule.segments
        if row.cpu in part.thread.cpus and run.parts[row.thread] is other
    )


def main_blocker(run: Played, part: Part, start: int, end: int) -> Part | None:
    """Who holds the pCPUs of `part` longest between `start` and `end`."""
    held: dict[int, int] = {}
    for row in run.schedule.segments:
        if row.cpu in part.thread.cpus and run.parts[row.thread] is not part:
            inside = min(row.end, end) - max(row.start, start)
            if inside > 0:
                held[row.thread] = held.get(row.thread, 0) + inside
    if not held:
        return None
    return run.parts[max(sorted(held), key=lambda number: held[number])]


def remedy(part: Part, blocker: Part | None) -> tuple[Origin, str]:
    """The line to change, and how."""
    thread = part.thread
    if blocker is None:
        return thread.load_origin, "give it a faster pCPU, less work or a longer bound"
    other = blocker.thread
    if other.priority > thread.priority:
        return thread.sched_origin, f"raise its priority above that of `{other.name}`, or keep the two apart"
    if other.guest == thread.guest:
        return thread.placement_origin, "give the vCPUs of the guest pCPUs of their own"
    return thread.placement_origin, f"keep it apart from `{other.name}`, or raise its priority"
