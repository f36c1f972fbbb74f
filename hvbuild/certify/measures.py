"""Numbers taken from one drawn run: what was worst, and how near it came to a bound."""

from collections.abc import Iterator
from typing import Any

from hvbuild.certify.ground import Ground
from hvbuild.certify.playing import AttackRun, ScheduleRun, longest_wait


def measured(_ground: Ground, seen: Any) -> Iterator[tuple[str, int]]:
    """Labels with values of which the greatest is kept: responses and waits in nanoseconds.

    Under attack the label names who attacked, how, and who suffered: the rows of the interference matrix.
    """
    if isinstance(seen, AttackRun):
        for run in seen.runs:
            yield from measured(_ground, run)
    if not isinstance(seen, ScheduleRun):
        return
    for number, part in enumerate(seen.parts):
        name = part.thread.name
        if part.thread.guest == seen.attacker and seen.attacker:
            continue
        prefix = f"{seen.attack}|{seen.attacker}|" if seen.attack else ""
        jobs = seen.jobs.get(name, ())
        if jobs:
            yield f"{prefix}response|{name}", max(job.response(seen.horizon) for job in jobs)
        if part.thread.demand is not None:
            yield f"{prefix}wait|{name}", longest_wait(seen, number)[1]


def tightness(_ground: Ground, seen: Any) -> float:
    """How near the run came to breaking a bound: the greatest response as a share of its bound.

    What examples are driven towards; a quotient of whole numbers, the same on any machine.
    """
    if isinstance(seen, AttackRun):
        return max((tightness(_ground, run) for run in seen.runs), default=0.0)
    if not isinstance(seen, ScheduleRun):
        return 0.0
    worst = 0.0
    for part in seen.parts:
        demand = part.thread.demand
        jobs = seen.jobs.get(part.thread.name, ())
        if demand is not None and demand.bound and jobs and part.thread.guest != seen.attacker:
            worst = max(worst, max(job.response(seen.horizon) for job in jobs) / int(demand.bound))
    return worst
