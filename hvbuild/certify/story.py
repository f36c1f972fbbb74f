"""Counterexamples in words: who did what when, and the line to change."""

from hvbuild.certify.outcome import Finding
from hvbuild.certify.playing import ScheduleRun
from hvbuild.machine.course import course, hindrance
from hvbuild.machine.parts import Job, Part
from hvbuild.units import duration_text
from hvbuild.units import milliseconds as ms


def lateness(run: ScheduleRun, part: Part, job: Job, bound: int) -> Finding:
    """The finding that `job` of `part` is not done within `bound`."""
    thread = part.thread
    end = job.done if job.done is not None else run.horizon
    took = (
        f"is done {ms(end - job.released)} later" if job.done is not None else "is not done when the run ends"
    )
    found = hindrance(run, part, job.released, end)
    return Finding(
        what=f"`{thread.name}` {took}, {duration_text(bound)} are allowed{_circumstance(run)}",
        place=found.place,
        others=found.other,
        story=(
            *_opening(run),
            f"{thread.spelled} has work at {ms(job.released)}",
            *course(run, part, job.released, end),
            f"it {took}; its bound is {duration_text(bound)}",
        ),
        change=found.change,
        numbers=(("response ns", end - job.released), ("bound ns", bound)),
    )


def waiting(run: ScheduleRun, part: Part, since: int, length: int, bound: int) -> Finding:
    """The finding that `part` is ready from `since` for `length` without running."""
    thread = part.thread
    cut = since + length >= run.horizon
    ended = "still waits when the run ends" if cut else f"runs again {ms(length)} later"
    found = hindrance(run, part, since, since + length)
    return Finding(
        what=f"`{thread.name}` waits {ms(length)} for a pCPU, {duration_text(bound)} are "
        f"allowed{_circumstance(run)}",
        place=found.place,
        others=found.other,
        story=(
            *_opening(run),
            f"{thread.spelled} is ready at {ms(since)}",
            *course(run, part, since, since + length),
            f"it {ended}; its bound is {duration_text(bound)}",
        ),
        change=found.change,
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
