"""Analytic bounds to stand beside observed figures: response times, interference, utilisation.

Times are integers of any one unit. A bound that does not exist (overload) is None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_MOST_STEPS = 100_000  # of one fixed point: beyond it the bound is given up, not guessed


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A periodic or sporadic demand; `jitter` delays releases, `blocking` is from lower priorities."""

    cost: int
    period: int
    deadline: int | None = None
    jitter: int = 0
    blocking: int = 0

    @property
    def due(self) -> int:
        """The deadline; the period when none is given."""
        return self.period if self.deadline is None else self.deadline


def utilisation(tasks: Sequence[Task]) -> Fraction:
    """The exact sum of cost over period."""
    return sum((Fraction(t.cost, t.period) for t in tasks), Fraction(0))


def busy_times(tasks: Sequence[Task], place: int, limit: int | None = None) -> tuple[int, ...] | None:
    """Completion times of the jobs in the level busy period of task `place` on one CPU.

    `tasks` in descending priority. None when the busy period does not end (Lehoczky 1990; Audsley
    and others 1993 for blocking and jitter).
    """
    own = tasks[place]
    if utilisation(tasks[: place + 1]) > 1:
        return None
    found: list[int] = []
    for job in range(_MOST_STEPS if limit is None else limit):
        time = _busy_time(tasks, place, (job + 1) * own.cost + own.blocking)
        if time is None:
            return None
        found.append(time)
        if time <= (job + 1) * own.period - own.jitter:
            return tuple(found)
    return None


def _busy_time(tasks: Sequence[Task], place: int, demand: int) -> int | None:
    time = demand
    for _ in range(_MOST_STEPS):
        again = demand + sum(-(-(time + t.jitter) // t.period) * t.cost for t in tasks[:place])
        if again == time:
            return time
        time = again
    return None


def response_time(tasks: Sequence[Task], place: int) -> int | None:
    """The exact bound of task `place` on one CPU, from release, its own jitter not counted."""
    times = busy_times(tasks, place)
    if times is None:
        return None
    return max(time - job * tasks[place].period for job, time in enumerate(times))


def sporadic_interference(budget: int, period: int, window: int, *, posix: bool) -> int:
    """The most time a sporadic server can take at its normal priority in any `window`.

    POSIX rule: as a periodic task, where nothing displaces it. The published rule refills in full, so
    that two budgets can run back to back (deferrable-server style): at most 2C, then C per period. Neither
    holds for a server that is displaced (`machine.bounds` counts more there).
    """
    if window <= 0:
        return 0
    shift = 0 if posix else period - budget
    return min(window, -(-(window + shift) // period) * budget)


def partition_delay(window: int, budgets: Sequence[int]) -> int:
    """The longest delay the manual names for a partition with budget; `budgets` are percentages.

    Adaptive Partitioning User's Guide: window - smallest + largest budget.
    """
    present = [budget for budget in budgets if budget]
    return window + (max(present) - min(present)) * window // 100


def global_bounds(tasks: Sequence[Task], cpus: int, *, carry_in_limit: bool = True) -> tuple[int | None, ...]:
    """Upper bounds of response times under preemptive global fixed priority with full masks.

    With `carry_in_limit` at most `cpus` - 1 tasks carry work in (Guan and others 2009); without, every
    higher task may (Bertogna and Cirinei 2007, with slack). Bounds, not exact values.
    """
    found: list[int | None] = []
    for place, own in enumerate(tasks):
        above = found[:place]
        if None in above:
            found.append(None)
            continue
        known = [bound for bound in above if bound is not None]
        found.append(own.cost if place < cpus else _global_bound(tasks, place, known, cpus, carry_in_limit))
    return tuple(found)


def _global_bound(
    tasks: Sequence[Task], place: int, bounds: Sequence[int], cpus: int, limited: bool
) -> int | None:
    own = tasks[place]
    time = own.cost
    while time <= own.due:
        pairs = [_interference(tasks[i], bounds[i], time, own.cost, limited) for i in range(place)]
        without = sum(pair[0] for pair in pairs)
        extra = sorted((pair[1] - pair[0] for pair in pairs), reverse=True)
        carried = extra[: cpus - 1] if limited else extra
        again = own.cost + (without + sum(e for e in carried if e > 0)) // cpus
        if again == time:
            return time
        time = again
    return None


def _interference(task: Task, bound: int, window: int, cost: int, limited: bool) -> tuple[int, int]:
    """The most work of a higher task in `window`, without and with work carried in."""
    most = window - cost + 1
    without = window // task.period * task.cost + min(window % task.period, task.cost)
    if limited:
        tail = max(window - task.cost, 0)
        rest = max(tail % task.period - (task.period - bound), 0)
        carried = tail // task.period * task.cost + task.cost + min(rest, task.cost - 1)
    else:
        reach = window + bound - task.cost
        carried = reach // task.period * task.cost + min(task.cost, reach % task.period)
    return min(without, most), min(carried, most)
