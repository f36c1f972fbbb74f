"""Response-time analysis of vCPUs on one pCPU: what a declared load can do at worst, by argument.

While a thread that may run on one pCPU only is ready, that pCPU runs threads of its priority or above
(QNX: the scheduler picks the highest ready thread allowed there). So what these can ask for in a window
bounds its wait: Joseph and Pandya 1986 with busy periods for bounds beyond the period (Lehoczky 1990).
Waiting for others counts as work for who waits, and as being late for who is below (Chen and others 2019,
"Many suspensions, many problems").
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from hvbuild.machine.arrivals import Arrivals, Delays, arrivals_of, waited_for, waiting_askers
from hvbuild.machine.busyperiods import STRETCH, Request, busy_period, fixed_point, served_period
from hvbuild.machine.parts import CLOCK_CPU, irq_cpu_of
from hvbuild.machine.setting import Setting
from hvbuild.machine.threads import HostThread
from hvbuild.model.vm import Sporadic

PROMPT: Delays = MappingProxyType({})
"""Where nobody asks, serves or waits for others."""


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


def _regular(cost: int, period: int, late: int, window: int) -> int:
    return -(-(window + late) // period) * cost


def _asked_for(cost: int, arrivals: Arrivals, late: int, window: int) -> int:
    return arrivals.within(window + late) * cost


def _own_request(setting: Setting, thread: HostThread, cpu: int, delays: Delays) -> Request | None:
    """What the declared load of `thread` asks for on `cpu`; None: without end."""
    if thread.halts_in_place:
        return None
    # one that waits for others in the middle may have put off as much as its whole response
    late = delays.get(thread.name) if thread.waits else 0
    if late is None:
        return None
    cost = cost_ns(setting, thread, cpu)
    if thread.serves:
        arrivals = arrivals_of(thread, delays)
        return partial(_asked_for, cost, arrivals, late) if arrivals is not None else None
    period = _period(thread)
    return partial(_regular, cost, period, late) if period else None


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
    delays: Delays = PROMPT,
) -> Request | None:
    """What `thread` can ask for on `cpu` at `level` or above; None: without end.

    A sporadic vCPU below `level` when its budget is gone asks for no more than its server gives; without
    `trusting` its declared load is not believed.
    """
    sched = thread.sched
    server: Request | None = None
    if isinstance(sched, Sporadic) and sched.low_priority < level:
        server = server_request(setting, thread, threads, trusting=trusting)
    regular = _own_request(setting, thread, cpu, delays)
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
    delays: Delays = PROMPT,
) -> Bound:
    """The worst response of a pinned `thread` among `threads`; `more` is asked for besides.

    That of a thread that serves counts from a request. `delays` are the responses of those that ask, serve or
    wait.
    """
    reason = _unprovable(setting, thread, delays)
    if reason:
        return Bound(response_ns=None, reason=reason)
    (cpu,) = thread.cpus
    level = thread.priority
    requests = list(more)
    everybody = tuple(threads)
    who: list[str] = []
    exact = not requests and not thread.waits and not thread.serves
    for other in everybody:
        if other.name == thread.name or cpu not in other.cpus or other.priority < level:
            continue
        if other.rests:
            continue
        request = request_of(setting, other, cpu, level, everybody, trusting=trusting, delays=delays)
        who.append(other.name)
        if request is None:
            return _endless(other, level)
        requests.append(request)
        plain = other.cpus == thread.cpus and other.priority > level and not isinstance(other.sched, Sporadic)
        exact = exact and plain and not other.waits and not other.serves
    cost = cost_ns(setting, thread, cpu) + (waited_for(thread, delays) or 0)
    if not thread.serves:
        worst = busy_period(cost, _period(thread), requests)
        return Bound(response_ns=worst, exact=exact, who=tuple(who))
    alone = all(other.priority > level for other in everybody if other.name in who)
    worst, reason = _served(thread, everybody, cost, requests, arrivals_of(thread, delays), alone=alone)
    return Bound(response_ns=worst, who=tuple(who), reason=reason)


def _served(
    thread: HostThread,
    threads: tuple[HostThread, ...],
    cost: int,
    requests: list[Request],
    arrivals: Arrivals | None,
    *,
    alone: bool,
) -> tuple[int | None, str]:
    """The longest from a request of `thread` to its answer, or why there is none: the less of two bounds.

    By when requests arrive; and where all who ask wait for the answer, so that each has one request at most
    before it, by how many they are. The latter needs `thread` to be `alone` at its priority on its pCPU: what
    runs when a request comes then began with no work of `thread` after it.
    """
    found = []
    if arrivals is not None:
        found.append(served_period(cost, arrivals, requests))
    askers = waiting_askers(thread, threads) if alone else 0
    if askers:
        limit = askers * cost + STRETCH * max(stream.period for stream in thread.asked)
        found.append(fixed_point(askers * cost, requests, limit=limit))
    known = [worst for worst in found if worst is not None]
    if known:
        return min(known), ""
    return None, "" if arrivals is not None else "those who ask it may be late without end"


def _endless(other: HostThread, level: int) -> Bound:
    """What is left to say where no end is known of what `other` asks for."""
    if not other.halts_in_place and (other.waits or other.serves):
        reason = f"`{other.name}` depends on others that may be late without end"
        return Bound(response_ns=None, who=(other.name,), reason=reason)
    endless = other.priority > level
    reason = "" if endless else f"`{other.name}` of equal priority never rests"
    return Bound(response_ns=None, exact=endless, who=(other.name,), reason=reason)


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


def _unprovable(setting: Setting, thread: HostThread, delays: Delays) -> str:
    if len(thread.cpus) != 1 or not thread.cpus <= set(range(setting.cpus)):
        return "it may run on several pCPUs"
    if isinstance(thread.sched, Sporadic):
        return "it is sporadic itself"
    if not _period(thread) and not thread.asked:
        return "its load has no period"
    if waited_for(thread, delays) is None:
        return "it waits for others that may be late without end"
    if setting.system.host.partitions and setting.profile.partitions:
        return "partitions divide the pCPUs"
    return ""
