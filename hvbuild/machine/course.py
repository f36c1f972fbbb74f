"""What went on around one thread in a stretch of a run: who held its pCPUs, and the line to change."""

from collections.abc import Sequence
from typing import Protocol

from hvbuild.machine.parts import Part
from hvbuild.machine.schedule import GUEST, SWITCH, Schedule, join
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


def course(run: Played, part: Part, start: int, end: int) -> list[str]:
    """What the pCPUs of `part` do between `start` and `end`, in words."""
    cpus = part.thread.cpus
    rows = [row for row in run.schedule.segments if row.cpu in cpus and row.start < end and row.end > start]
    lines = []
    for row in join(row if row.mode == SWITCH else row._replace(mode=GUEST) for row in rows):
        other = run.parts[row.thread].thread
        begin, until = max(row.start, start), min(row.end, end)
        who = "it runs" if other is part.thread else f"{other.spelled} runs"
        if row.mode == SWITCH:
            who = f"the host switches to `{other.name}`"
        lines.append(f"CPU {row.cpu}: {who} from {milliseconds(begin)} to {milliseconds(until)}")
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"and so on, {len(lines) - _LINES + 1} stretches more"]
    return lines


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
