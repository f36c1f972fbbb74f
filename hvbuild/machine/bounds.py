"""Response-time analysis of vCPUs on one pCPU: what a declared load can do at worst, by argument.

While a thread that may run on one pCPU only is ready, that pCPU runs threads of its priority or above
(QNX: the scheduler picks the highest ready thread allowed there). So what these can ask for in a window
bounds its wait: Joseph and Pandya 1986 with busy periods for bounds beyond the period (Lehoczky 1990).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from hvbuild.machine.parts import CLOCK_CPU, irq_cpu_of
from hvbuild.machine.setting import Setting
from hvbuild.machine.threads import HostThread
from hvbuild.model.vm import Sporadic

# Jobs of one busy period that are looked at before it is taken as endless.
_JOBS = 512

Request = Callable[[int], int]
"""Nanoseconds of one pCPU that a thread can ask for in a window of so many nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The worst response of a thread; `response_ns` None: none is bounded.

    `exact` says that it is reached by a synchronous release, so that more than the bound is a refusal.
    `who` are the threads that were counted against it. `reason` says why nothing can be proved.
    """

    response_ns: int | None
    exact: bool = False
    who: tuple[str, ...] = ()
    reason: str = ""


def cost_ns(setting: Setting, thread: HostThread, cpu: int) -> int:
    """One job of `thread` on `cpu`, everything that the host does for it included, in that CPU's time."""
    demand = thread.demand
    work = int(demand.work or 0) * max(1, demand.burst) if demand is not None else 0
    return -(-(work + setting.overhead_ns(thread)) * 1024 // max(1, setting.speeds[cpu]))


def _period(thread: HostThread) -> int:
    demand = thread.demand
    return int(demand.period) * max(1, demand.burst) if demand is not None and demand.period else 0


def _regular(cost: int, period: int, window: int) -> int:
    return -(-window // period) * cost


def _server(budget: int, period: int, refills: int, window: int) -> int:
    """A sporadic vCPU at its high priority: budgets back to back, `refills` more than periods have begun."""
    return (-(-window // period) + refills) * budget


def _activations(thread: HostThread, window: int) -> int:
    """How often a periodic `thread` becomes ready in a window at most, a job carried in counted."""
    burst = max(1, thread.demand.burst) if thread.demand is not None else 1
    return (-(-window // _period(thread)) + 1) * burst


def _displacing(thread: HostThread, threads: Iterable[HostThread]) -> tuple[HostThread, ...]:
    """The threads that can take a CPU from `thread`."""
    return tuple(
        other
        for other in threads
        if other.name != thread.name
        and other.cpus & thread.cpus
        and other.priority >= thread.priority
        and not other.rests
    )


def _uncharged(setting: Setting, thread: HostThread, threads: Iterable[HostThread]) -> Request | None:
    """How long the server `thread` can run in a window without being charged; None: without end.

    Budgets are charged at ticks: up to a tick goes free each time it comes onto a CPU, be it ready anew or
    back from a displacement. Exact charging misses nothing.
    """
    if setting.profile.settings().get("EXACT"):
        return lambda _window: 0
    comers = (thread, *_displacing(thread, threads))
    if not all(_period(comer) for comer in comers):
        return None
    tick = int(setting.system.host.tick)
    return lambda window: tick * sum(_activations(comer, window) for comer in comers)


def server_request(
    setting: Setting, thread: HostThread, threads: Iterable[HostThread], *, trusting: bool = True
) -> Request | None:
    """The time at its high priority that the sporadic `thread` can take in a window; None: without end.

    Two budgets can run back to back, three where it can be displaced: a refill that falls due while it
    waits moves no activation, so that the next exhaustion is refilled at once. Without `trusting` it is
    charged for all that it runs, as the manual has it: a load that nobody declared evades ticks at will.
    """
    sched = thread.sched
    assert isinstance(sched, Sporadic)
    rows = tuple(threads)
    exact = bool(setting.profile.settings().get("EXACT"))
    refills = 1 if exact or not _displacing(thread, rows) else 2
    budget = int(sched.initial_budget) + (0 if exact else int(setting.system.host.tick))
    served = partial(_server, budget, int(sched.replenishment_period), refills)
    free = _uncharged(setting, thread, rows) if trusting else _nothing
    return None if free is None else lambda window: min(window, served(window) + free(window))


def _nothing(_window: int) -> int:
    return 0


def request_of(
    setting: Setting,
    thread: HostThread,
    cpu: int,
    level: int,
    threads: Iterable[HostThread],
    *,
    trusting: bool = True,
) -> Request | None:
    """What `thread` can ask for on `cpu` at `level` or above; None: without end.

    A sporadic vCPU below `level` when its budget is gone asks for no more than its server gives; without
    `trusting` its declared load is not believed.
    """
    sched = thread.sched
    server: Request | None = None
    if isinstance(sched, Sporadic) and sched.low_priority < level:
        server = server_request(setting, thread, threads, trusting=trusting)
    period = 0 if thread.halts_in_place else _period(thread)
    regular = partial(_regular, cost_ns(setting, thread, cpu), period) if period else None
    if server is None:
        return regular
    if regular is None or not trusting:
        return server
    return lambda window: min(regular(window), server(window))


def response_bound(
    setting: Setting,
    thread: HostThread,
    threads: Iterable[HostThread],
    *,
    trusting: bool = True,
    more: Iterable[Request] = (),
) -> Bound:
    """The worst response of a pinned `thread` among `threads`; `more` is asked for besides."""
    reason = _unprovable(setting, thread)
    if reason:
        return Bound(response_ns=None, reason=reason)
    (cpu,) = thread.cpus
    level = thread.priority
    requests = list(more)
    everybody = tuple(threads)
    who: list[str] = []
    exact = not requests
    for other in everybody:
        if other.name == thread.name or cpu not in other.cpus or other.priority < level:
            continue
        if other.rests:
            continue
        request = request_of(setting, other, cpu, level, everybody, trusting=trusting)
        who.append(other.name)
        if request is None:
            endless = other.priority > level
            reason = "" if endless else f"`{other.name}` of equal priority never rests"
            return Bound(response_ns=None, exact=endless, who=(other.name,), reason=reason)
        requests.append(request)
        plain = other.cpus == thread.cpus and other.priority > level and not isinstance(other.sched, Sporadic)
        exact = exact and plain
    worst = _busy_period(cost_ns(setting, thread, cpu), _period(thread), requests)
    return Bound(response_ns=worst, exact=exact, who=tuple(who))


def interruptions(setting: Setting, threads: Iterable[HostThread], cpu: int, cost: int) -> Iterator[Request]:
    """What vCPUs on `cpu` lose, at `cost` a time, by being left for the clock and for what wakes threads."""
    if cpu == CLOCK_CPU and not setting.profile.settings().get("EXACT"):
        yield partial(turns, int(setting.system.host.tick), cost)
    for thread in threads:
        if _period(thread) and irq_cpu_of(setting, thread) == cpu:
            burst = thread.demand.burst if thread.demand is not None else 1
            yield partial(turns, _period(thread), cost * max(1, burst))


def turns(period: int, cost: int, window: int) -> int:
    """What comes once a `period`, at `cost` a time, takes of any window of that length."""
    return (-(-window // period) + 1) * cost


def _unprovable(setting: Setting, thread: HostThread) -> str:
    if len(thread.cpus) != 1 or not thread.cpus <= set(range(setting.cpus)):
        return "it may run on several pCPUs"
    if isinstance(thread.sched, Sporadic):
        return "it is sporadic itself"
    if not _period(thread):
        return "its load has no period"
    if setting.system.host.partitions and setting.profile.partitions:
        return "partitions divide the pCPUs"
    return ""


def _busy_period(cost: int, period: int, requests: list[Request]) -> int | None:
    """The longest response over all jobs of the busy period; None when it does not end."""
    worst = 0
    for job in range(_JOBS):
        window = _fixed_point((job + 1) * cost, requests, limit=(job + 1) * period + 1000 * max(period, cost))
        if window is None:
            return None
        worst = max(worst, window - job * period)
        if window <= (job + 1) * period:
            return worst
    return None


def _fixed_point(own: int, requests: list[Request], limit: int) -> int | None:
    window = own
    while window <= limit:
        needed = own + sum(request(window) for request in requests)
        if needed == window:
            return window
        window = needed
    return None
