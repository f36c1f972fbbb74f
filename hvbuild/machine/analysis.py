"""Analytic bounds to stand beside observed figures: response times, interference, utilisation.

Times are integers of any one unit. A bound that does not exist (overload) is None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_MOST_STEPS = 100_000  # of one fixed point: beyond it the bound is given up, not guessed


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A periodic or sporadic demand; `jitter` delays releases, `blocking` is from lower priorities.

    `distance` is the least time between two arrivals, where jitter could bring them closer than that.
    """

    cost: int
    period: int
    deadline: int | None = None
    jitter: int = 0
    blocking: int = 0
    distance: int = 0

    def arrival(self, job: int) -> int:
        """The earliest that `job` arrives after job 0."""
        return max(job * self.period - self.jitter, job * self.distance)

    def arrivals(self, window: int) -> int:
        """How many can arrive in a window."""
        most = -(-(window + self.jitter) // self.period)
        return min(most, -(-window // self.distance)) if self.distance else most

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
        if time <= own.arrival(job + 1):
            return tuple(found)
    return None


def _busy_time(tasks: Sequence[Task], place: int, demand: int) -> int | None:
    time = demand
    for _ in range(_MOST_STEPS):
        again = demand + sum(t.arrivals(time) * t.cost for t in tasks[:place])
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


def response_from_arrival(tasks: Sequence[Task], place: int) -> int | None:
    """The bound of task `place` on one CPU, from the arrival of each job, early as it may be."""
    times = busy_times(tasks, place)
    if times is None:
        return None
    return max(time - (tasks[place].arrival(job) if job else 0) for job, time in enumerate(times))


def follower(before: Task, response: int, best: int, cost: int) -> Task:
    """The task of `cost` that each end of `before` starts; `before` takes from `best` to `response`.

    Its jitter grows by what the response varies, and its starts are at least `best` apart (Richter 2005,
    propagation of jitter and distance).
    """
    varies = response - best
    return Task(
        cost=cost,
        period=before.period,
        jitter=before.jitter + varies,
        distance=max(before.distance - varies, best),
    )


def supply_bound(period: int, supply: int, window: int) -> int:
    """The least time a reservation of `supply` per `period` gives in any `window`.

    Periodic resource model: Shin and Lee 2003, in the form verified by PROSA (sbf.periodic).
    """
    gap = period - supply
    if window <= gap:
        return 0
    whole = (window - gap) // period
    return whole * supply + max(0, window - 2 * gap - period * whole)


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


def partition_supply(window: int, percent: int, cpus: int, tick: int) -> int:
    """The least time, over all CPUs, that a partition gets in a `window` through which it could use them all.

    Its percentage of the window less a tick for each CPU and one more: usage is billed by ticks, and the
    window slides by them (published microkernel, measured). Critical threads of others take of it.
    """
    return max(0, cpus * window * percent // 100 - (cpus + 1) * tick)


def global_bounds(
    tasks: Sequence[Task], cpus: int, *, carry_in_limit: bool = True, slack: bool = True
) -> tuple[int | None, ...]:
    """Upper bounds of response times under preemptive global fixed priority with full masks.

    With `carry_in_limit` at most `cpus` - 1 tasks carry work in (Guan and others 2009); without, every
    higher task may (Bertogna and Cirinei 2007): until its bound, or without `slack` until its deadline and
    then as schedcat counts it, all its work and not only what runs beside `own`. Bounds, not exact values.
    """
    found: list[int | None] = []
    for place, own in enumerate(tasks):
        above = found[:place]
        if None in above:
            found.append(None)
            continue
        known = [bound if slack else task.due for bound, task in zip(above, tasks, strict=False) if bound]
        limit = cpus - 1 if carry_in_limit else None
        found.append(
            own.cost if place < cpus else _global_bound(tasks, place, known, cpus, limit, capped=slack)
        )
    return tuple(found)


def _global_bound(
    tasks: Sequence[Task], place: int, bounds: Sequence[int], cpus: int, limit: int | None, *, capped: bool
) -> int | None:
    """`limit` is how many tasks carry work in, None: all; `capped`: only what `own` waits for."""
    own = tasks[place]
    time = own.cost
    while time <= own.due:
        most = time - own.cost + 1 if capped else time + own.due
        rows = zip(tasks[:place], bounds, strict=True)
        pairs = [_interference(task, bound, time, most, limit is not None) for task, bound in rows]
        without = sum(pair[0] for pair in pairs)
        extra = sorted((pair[1] - pair[0] for pair in pairs), reverse=True)
        again = own.cost + (without + sum(e for e in extra[:limit] if e > 0)) // cpus
        if again == time:
            return time
        time = again
    return None


def _interference(task: Task, bound: int, window: int, most: int, limited: bool) -> tuple[int, int]:
    """The work of a higher task in `window`, `most` at most, without and with work carried in."""
    without = window // task.period * task.cost + min(window % task.period, task.cost)
    if limited:
        tail = max(window - task.cost, 0)
        rest = max(tail % task.period - (task.period - bound), 0)
        carried = tail // task.period * task.cost + task.cost + min(rest, task.cost - 1)
    else:
        reach = window + bound - task.cost
        carried = reach // task.period * task.cost + min(task.cost, reach % task.period)
    return min(without, most), min(carried, most)
