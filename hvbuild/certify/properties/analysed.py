"""HC301x: bounds of pinned vCPUs by response-time analysis, honest sporadic interference included."""

from collections.abc import Iterator
from functools import partial

from hvbuild.certify.counted import counted_bound, counted_delays
from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Answer, Finding, NotApplicable, Proved, Refused
from hvbuild.certify.properties.isolation import judged
from hvbuild.certify.properties.loads import vcpus_of
from hvbuild.certify.property import Family, Method, Property
from hvbuild.machine.arrivals import Delays
from hvbuild.machine.bounds import Bound, response_bound
from hvbuild.machine.threads import HostThread
from hvbuild.model.vm import Sporadic
from hvbuild.units import duration_text
from hvbuild.units import milliseconds as ms


def _pinned(ground: Ground) -> Iterator[tuple[str, HostThread, tuple[HostThread, ...], Delays]]:
    for workload, threads in ground.workloads:
        delays = ground.delays[workload]
        for thread in vcpus_of(threads):
            if thread.demand is not None and thread.demand.bound is not None:
                yield workload, thread, threads, delays


def _late(workload: str, thread: HostThread, bound: Bound) -> Finding:
    limit = int(thread.demand.bound or 0) if thread.demand is not None else 0
    worst = f"answers after {ms(bound.response_ns)}" if bound.response_ns is not None else "never gets done"
    others = ", ".join(f"`{name}`" for name in bound.who)
    story = [
        f"{thread.spelled} and {others} become ready at one instant"
        if others
        else f"{thread.spelled} becomes ready and has its pCPU to itself"
    ]
    story.append(f"`{thread.name}` {worst}; its bound is {duration_text(limit)}")
    return Finding(
        what=f"`{thread.name}` {worst}, {duration_text(limit)} are allowed (workload `{workload}`)",
        place=thread.load_origin,
        others=((thread.sched_origin, "its priority and place"),),
        story=tuple(story),
        change="raise its priority, move it to another pCPU, or take work from the threads named",
        numbers=_numbers(bound, limit),
    )


def _numbers(bound: Bound, limit: int) -> tuple[tuple[str, int], ...]:
    rows = (("bound ns", limit),)
    return rows if bound.response_ns is None else (*rows, ("response ns", bound.response_ns))


def pinned_meet_bounds(ground: Ground) -> Answer:
    """vCPUs with a pCPU of their own meet their bounds, by response-time analysis."""
    proved, open_ones, findings = 0, [], []
    for workload, thread, threads, delays in _pinned(ground):
        limit = int(thread.demand.bound or 0) if thread.demand is not None else 0
        bound = counted_bound(ground, thread, threads, delays=delays)
        if bound.response_ns is not None and bound.response_ns <= limit:
            proved += 1
            continue
        least = response_bound(ground, thread, threads, delays=delays)
        if least.exact and (least.response_ns is None or least.response_ns > limit):
            findings.append(_late(workload, thread, least))
        else:
            open_ones.append(f"`{thread.name}`: {bound.reason or 'not all that is counted need happen'}")
    if findings:
        return Refused(findings=tuple(findings))
    left = f"; left to drawn runs: {'; '.join(dict.fromkeys(open_ones))}" if open_ones else ""
    if not proved:
        return NotApplicable(reason="no vCPU can be analysed alone" + left)
    return Proved(cases=proved, note=f"response-time analysis, exits for the host included{left}")


def has_sporadic(ground: Ground) -> str:
    """Silent where no vCPU is sporadic."""
    found = any(isinstance(thread.sched, Sporadic) for thread in ground.threads)
    return "" if found else "no vCPU is sporadic"


def _broken_neighbours(ground: Ground) -> Iterator[Finding]:
    for _, threads in ground.workloads:
        delays = counted_delays(ground, threads, trusting=False)
        servers = [row for row in threads if isinstance(row.sched, Sporadic)]
        for thread in vcpus_of(threads):
            if thread.demand is None or thread.demand.bound is None or len(thread.cpus) != 1:
                continue
            near = [row for row in servers if row.name != thread.name and row.cpus & thread.cpus]
            near = [row for row in near if row.priority >= thread.priority]
            bound = counted_bound(ground, thread, threads, trusting=False, delays=delays) if near else None
            limit = int(thread.demand.bound)
            if bound is None or bound.reason:
                continue
            if bound.response_ns is None or bound.response_ns > limit:
                yield _broken(thread, near[0], bound, limit)


def _broken(thread: HostThread, server: HostThread, bound: Bound, limit: int) -> Finding:
    sched = server.sched
    budget = int(sched.initial_budget) if isinstance(sched, Sporadic) else 0
    period = int(sched.replenishment_period) if isinstance(sched, Sporadic) else 0
    worst = ms(bound.response_ns) if bound.response_ns is not None else "no bounded time"
    return Finding(
        what=f"sporadic `{server.name}` can hold `{thread.name}` up beyond its bound of "
        f"{duration_text(limit)}",
        place=server.sched_origin,
        others=((thread.load_origin, f"`{thread.name}` must be done within {duration_text(limit)}"),),
        story=(
            f"{server.spelled} spends its budget of {duration_text(budget)} at the end of one period of "
            f"{duration_text(period)}",
            f"it is refilled at once and spends it again: {duration_text(2 * budget)} in one go, not "
            f"{duration_text(budget)}",
            f"{thread.spelled} answers after {worst}",
        ),
        change="lower the budget or the priority of the sporadic vCPU, or place it elsewhere",
        numbers=_numbers(bound, limit),
    )


def neighbours_survive(ground: Ground) -> Answer:
    """Neighbours of a sporadic vCPU meet their bounds whatever it does, two budgets in a row included."""
    cases = len(vcpus_of(ground.threads))
    return judged(
        _broken_neighbours(ground),
        cases,
        "response-time analysis with 2C in a window of T, 3C where it can be displaced",
    )


_row = partial(Property, family=Family.LOAD, method=Method.PROVE)

PROPERTIES: tuple[Property, ...] = (
    _row(
        code="HC3005",
        name="pinned-vcpus-meet-bounds",
        title="A vCPU on a pCPU of its own answers within its bound, whatever the alignment",
        statement="Response-time analysis over all threads of its priority or above that may run there, "
        "and over the exits for interrupts that the host takes there.",
        prove=pinned_meet_bounds,
    ),
    _row(
        code="HC3006",
        name="neighbours-survive-sporadic-vcpus",
        title="Neighbours of a sporadic vCPU keep their bounds whatever it does",
        statement="The interference of a sporadic vCPU is counted as two budgets in a row in each "
        "period, not as one (a refill may follow its use at once), as three where it can be displaced "
        "itself; it is charged for all that it runs, as the manual has it.",
        prove=neighbours_survive,
        applies=has_sporadic,
    ),
)
