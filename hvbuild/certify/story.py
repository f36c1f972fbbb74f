"""Counterexamples in words: who did what when, and the line to change."""

from hvbuild.certify.outcome import Finding
from hvbuild.certify.playing import ScheduleRun
from hvbuild.certify.properties.times import ms
from hvbuild.machine.parts import Job, Part
from hvbuild.units import duration_text

# Lines of a story; more is no longer read.
_LINES = 8


def lateness(run: ScheduleRun, part: Part, job: Job, bound: int) -> Finding:
    """The finding that `job` of `part` is not done within `bound`."""
    thread = part.thread
    end = job.done if job.done is not None else run.horizon
    took = (
        f"is done {ms(end - job.released)} later" if job.done is not None else "is not done when the run ends"
    )
    blocker = _main_blocker(run, part, job.released, end)
    place, change = _remedy(part, blocker)
    return Finding(
        what=f"`{thread.name}` {took}, {duration_text(bound)} are allowed{_circumstance(run)}",
        place=place,
        others=((blocker.thread.sched_origin, f"`{blocker.thread.name}` runs instead"),) if blocker else (),
        story=(
            *_opening(run),
            f"{thread.spelled} has work at {ms(job.released)}",
            *_course(run, part, job.released, end),
            f"it {took}; its bound is {duration_text(bound)}",
        ),
        change=change,
        numbers=(("response ns", end - job.released), ("bound ns", bound)),
    )


def waiting(run: ScheduleRun, part: Part, since: int, length: int, bound: int) -> Finding:
    """The finding that `part` is ready from `since` for `length` without running."""
    thread = part.thread
    cut = since + length >= run.horizon
    ended = "still waits when the run ends" if cut else f"runs again {ms(length)} later"
    blocker = _main_blocker(run, part, since, since + length)
    place, change = _remedy(part, blocker)
    return Finding(
        what=f"`{thread.name}` waits {ms(length)} for a pCPU, {duration_text(bound)} are "
        f"allowed{_circumstance(run)}",
        place=place,
        others=((blocker.thread.sched_origin, f"`{blocker.thread.name}` runs instead"),) if blocker else (),
        story=(
            *_opening(run),
            f"{thread.spelled} is ready at {ms(since)}",
            *_course(run, part, since, since + length),
            f"it {ended}; its bound is {duration_text(bound)}",
        ),
        change=change,
        numbers=(("wait ns", length), ("bound ns", bound)),
    )


def _circumstance(run: ScheduleRun) -> str:
    verbs = {
        "spin": "spins",
        "storm": "drowns in interrupts",
        "probe": "probes every address",
        "reset": "is reset",
    }
    return f" while guest `{run.attacker}` {verbs[run.attack]}" if run.attack else ""


def _opening(run: ScheduleRun) -> tuple[str, ...]:
    rows = []
    if run.attack:
        rows.append(f"guest `{run.attacker}` misbehaves: {run.attack}")
    if run.workload != "declared":
        rows.append(f"workload `{run.workload}`")
    if run.explored:
        rows.append(f"with the assumption `{run.explored[0]}` the other way round")
    return tuple(rows)


def _course(run: ScheduleRun, part: Part, start: int, end: int) -> list[str]:
    """What the pCPUs of `part` do between `start` and `end`, in words."""
    cpus = part.thread.cpus
    rows = [row for row in run.schedule.segments if row.cpu in cpus and row.start < end and row.end > start]
    lines = []
    for row in rows:
        other = run.parts[row.thread].thread
        begin, until = max(row.start, start), min(row.end, end)
        who = "it runs" if other is part.thread else f"{other.spelled} runs"
        lines.append(f"CPU {row.cpu}: {who} from {ms(begin)} to {ms(until)}")
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"and so on, {len(lines) - _LINES + 1} stretches more"]
    return lines


def _main_blocker(run: ScheduleRun, part: Part, start: int, end: int) -> Part | None:
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


def _remedy(part: Part, blocker: Part | None):  # type: ignore[no-untyped-def]
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
