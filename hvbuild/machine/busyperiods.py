"""How long work takes that others above it can hold up: fixed points over busy periods of one pCPU.

Times are nanoseconds of that pCPU. None: there is no end, or none within what is looked at.
"""

from collections.abc import Callable, Sequence

from hvbuild.machine.arrivals import Arrivals

# Jobs of one busy period, or moments of arrival in it, that are looked at before it is taken as endless.
_JOBS = 512
STRETCH = 1000  # periods of the work itself in which it must be done

Request = Callable[[int], int]
"""Nanoseconds of one pCPU that a thread can ask for in a window of so many nanoseconds."""


def busy_period(cost: int, period: int, requests: Sequence[Request]) -> int | None:
    """The longest response of work that comes once a `period`, over all its jobs in a busy period."""
    worst = 0
    for job in range(_JOBS):
        limit = (job + 1) * period + STRETCH * max(period, cost)
        window = fixed_point((job + 1) * cost, requests, limit=limit)
        if window is None:
            return None
        worst = max(worst, window - job * period)
        if window <= (job + 1) * period:
            return worst
    return None


def served_period(cost: int, arrivals: Arrivals, requests: Sequence[Request]) -> int | None:
    """The longest from a request to its answer, requests being served in the order of their `arrivals`."""
    worst, moment = 0, 0
    for _ in range(_JOBS):
        asked = arrivals.by(moment)
        limit = moment + asked * cost + STRETCH * max(period for _, period, _ in arrivals.rows)
        window = fixed_point(asked * cost, requests, limit=limit)
        if window is None:
            return None
        worst = max(worst, window - moment)
        moment = arrivals.after(moment)
        if window <= moment:
            return worst
    return None


def fixed_point(own: int, requests: Sequence[Request], limit: int) -> int | None:
    """The shortest window that holds `own` and all that is asked for in it; None beyond `limit`."""
    window = own
    while window <= limit:
        needed = own + sum(request(window) for request in requests)
        if needed == window:
            return window
        window = needed
    return None
