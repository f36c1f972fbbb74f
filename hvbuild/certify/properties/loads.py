"""HC30xx: what can be said of CPU time by argument: loads, places, capacity, bounds of pinned vCPUs."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from hvbuild.certify.bounds import Bound, response_bound
from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Answer, Exhausted, Finding, NotApplicable, Proved, Refused
from hvbuild.certify.playing import overhead_ns
from hvbuild.certify.properties.isolation import judged
from hvbuild.certify.properties.times import ms
from hvbuild.certify.property import EVERYWHERE, Applies, Family, Method, Property, Prove, always
from hvbuild.certify.threads import HostThread, cpus_text
from hvbuild.model.vm import Sporadic
from hvbuild.units import duration_text


def vcpus_of(threads: Iterable[HostThread]) -> tuple[HostThread, ...]:
    """The vCPUs among `threads`."""
    return tuple(thread for thread in threads if thread.is_vcpu)


def _undeclared(ground: Ground) -> Iterator[Finding]:
    for workload, threads in ground.workloads:
        for thread in vcpus_of(threads):
            demand = thread.demand
            if demand is None:
                yield Finding(
                    what=f"nobody says what vCPU {thread.number} of guest `{thread.guest}` asks for",
                    place=thread.origin,
                    story=("without a load and a bound, no run says anything about this vCPU",),
                    change="declare `load: {period, work, bound}`, with `assumed:` and the reason where it is a guess",
                )
            elif demand.bound is None:
                yield Finding(
                    what=f"vCPU {thread.number} of guest `{thread.guest}` has a load and no bound"
                    + (f" under workload `{workload}`" if workload != "declared" else ""),
                    place=thread.load_origin,
                    change="say by when its work must be done: `bound:`",
                )


def load_is_declared(ground: Ground) -> Answer:
    """Every vCPU has a declared or explicitly assumed load, and a bound."""
    if not vcpus_of(ground.threads):
        return Refused(findings=(Finding(what="there is no vCPU to judge"),))
    cases = sum(len(vcpus_of(threads)) for _, threads in ground.workloads)
    return judged(_undeclared(ground), cases, "vCPUs under every workload")


def _places(ground: Ground) -> Iterator[Finding]:
    existing = frozenset(range(ground.cpus))
    for thread in ground.threads:
        missing = sorted(thread.cpus - existing)
        if missing or not thread.cpus:
            there = cpus_text(frozenset(missing)) if missing else "a cluster that is not defined"
            yield Finding(
                what=f"`{thread.name}` is placed on {there}; the board has CPUs 0-{ground.cpus - 1}",
                place=thread.placement_origin,
                change="name pCPUs that the board has",
            )


def places_exist(ground: Ground) -> Answer:
    """Everything is placed on pCPUs that the board has."""
    return judged(_places(ground), len(ground.threads), "run masks and clusters against the board")


def _crowded(ground: Ground) -> Iterator[Finding]:
    for guest in dict.fromkeys(t.guest for t in vcpus_of(ground.threads)):
        rows = [thread for thread in ground.threads if thread.guest == guest]
        for within in unions({row.cpus for row in rows}):
            inside = [row for row in rows if row.cpus <= within]
            if len(inside) > len(within):
                yield _crowd(guest, inside, within)
                break


def _crowd(guest: str, inside: Sequence[HostThread], within: frozenset[int]) -> Finding:
    high, low = max(inside, key=lambda row: row.priority), min(inside, key=lambda row: row.priority)
    if high.priority > low.priority:
        effect = (
            f"{low.spelled} takes a lock of the guest's kernel and is displaced by {high.spelled}",
            f"`{high.name}` spins for the lock and never gives its pCPU up: `{low.name}` never runs again",
        )
    else:
        high = next(row for row in inside if row is not low)
        effect = (
            f"{low.spelled} takes a lock of the guest's kernel and its time slice ends",
            f"{high.spelled} spins for the lock for a whole slice, and so on in turn",
        )
    return Finding(
        what=f"{len(inside)} vCPUs of guest `{guest}` share {cpus_text(within)}",
        place=low.placement_origin,
        others=((high.placement_origin, f"`{high.name}` runs there too"),),
        story=effect,
        change=f"give `{low.name}` a pCPU of its own, or the guest fewer vCPUs",
    )


def vcpus_never_share(ground: Ground) -> Answer:
    """The vCPUs of one guest can always run at the same time."""
    cases = len(vcpus_of(ground.threads))
    return judged(_crowded(ground), cases, "vCPUs of each guest against every set of their pCPUs")


def unions(sets: Iterable[frozenset[int]]) -> tuple[frozenset[int], ...]:
    """Every union of some of `sets`, the smallest first; the empty one left out."""
    found: set[frozenset[int]] = set()
    for one in sorted(set(sets), key=sorted):
        found |= {one} | {one | other for other in found}
    return tuple(sorted((row for row in found if row), key=lambda row: (len(row), sorted(row))))


def utilisation(ground: Ground, thread: HostThread) -> Fraction:
    """The share of the board's fastest pCPU that `thread` asks for; a busy one asks for all of one."""
    demand = thread.demand
    if demand is None:
        return Fraction(0)
    if demand.period is None or demand.work is None:
        return Fraction(1)
    burst = max(1, demand.burst)
    work = int(demand.work) * burst + overhead_ns(ground, thread)
    return Fraction(work, int(demand.period) * burst)


def capacity_holds(ground: Ground) -> Answer:
    """No set of pCPUs is asked for more than it has."""
    tried = 0
    found = []
    for workload, threads in ground.workloads:
        for within in unions(thread.cpus for thread in threads):
            tried += 1
            inside = [thread for thread in threads if thread.cpus <= within]
            asked = sum((utilisation(ground, thread) for thread in inside), Fraction(0))
            offered = Fraction(sum(ground.speeds[cpu] for cpu in within if cpu < ground.cpus), 1024)
            if asked > offered:
                found.append(_overload(workload, inside, within, (asked, offered)))
                break
    return Refused(findings=tuple(found)) if found else Exhausted(cases=tried, note="sets of pCPUs that loads are bound to")


def _overload(
    workload: str, inside: Sequence[HostThread], within: frozenset[int], amounts: tuple[Fraction, Fraction]
) -> Finding:
    asked, offered = (f"{float(part * 100):.1f} %" for part in amounts)
    heaviest = max(inside, key=lambda row: (row.demand is not None, int((row.demand.work or 0) if row.demand else 0)))
    return Finding(
        what=f"{cpus_text(within)} are asked for {asked} of a pCPU and have {offered} (workload `{workload}`)",
        place=heaviest.load_origin,
        story=tuple(f"{row.spelled} runs there and nowhere else" for row in inside),
        change="take work from these pCPUs, or let a thread run on others as well",
        numbers=(("asked permille", int(amounts[0] * 1000)), ("offered permille", int(amounts[1] * 1000))),
    )


def _pinned(ground: Ground) -> Iterator[tuple[str, HostThread, Bound]]:
    for workload, threads in ground.workloads:
        for thread in vcpus_of(threads):
            if thread.demand is not None and thread.demand.bound is not None:
                yield workload, thread, response_bound(ground, thread, threads)


def _late(workload: str, thread: HostThread, bound: Bound) -> Finding:
    limit = int(thread.demand.bound or 0) if thread.demand is not None else 0
    worst = f"answers after {ms(bound.response_ns)}" if bound.response_ns is not None else "never gets done"
    story = [f"{thread.spelled} and {', '.join(f'`{name}`' for name in bound.who)} become ready at one instant"]
    story.append(f"`{thread.name}` {worst}; its bound is {duration_text(limit)}")
    return Finding(
        what=f"`{thread.name}` {worst}, {duration_text(limit)} are allowed (workload `{workload}`)",
        place=thread.load_origin,
        others=((thread.sched_origin, "its priority and place"),),
        story=tuple(story),
        change="raise its priority, move it to another pCPU, or take work from the threads named",
        numbers=(("bound ns", limit), ("response ns", bound.response_ns or -1)),
    )


def pinned_meet_bounds(ground: Ground) -> Answer:
    """vCPUs with a pCPU of their own meet their bounds, by response-time analysis."""
    proved, open_ones, findings = 0, [], []
    for workload, thread, bound in _pinned(ground):
        limit = int(thread.demand.bound or 0) if thread.demand is not None else 0
        if bound.response_ns is not None and bound.response_ns <= limit:
            proved += 1
        elif bound.exact:
            findings.append(_late(workload, thread, bound))
        else:
            open_ones.append(f"`{thread.name}`: {bound.reason or 'other threads may run elsewhere'}")
    if findings:
        return Refused(findings=tuple(findings))
    left = f"; left to drawn runs: {'; '.join(dict.fromkeys(open_ones))}" if open_ones else ""
    if not proved:
        return NotApplicable(reason="no vCPU can be analysed alone" + left)
    return Proved(cases=proved, note=f"response-time analysis, overheads included{left}")


def has_sporadic(ground: Ground) -> str:
    """Silent where no vCPU is sporadic."""
    found = any(isinstance(thread.sched, Sporadic) for thread in ground.threads)
    return "" if found else "no vCPU is sporadic"


def _broken_neighbours(ground: Ground) -> Iterator[Finding]:
    for _, threads in ground.workloads:
        servers = [row for row in threads if isinstance(row.sched, Sporadic)]
        for thread in vcpus_of(threads):
            if thread.demand is None or thread.demand.bound is None or len(thread.cpus) != 1:
                continue
            near = [row for row in servers if row.name != thread.name and row.cpus & thread.cpus]
            near = [row for row in near if row.priority >= thread.priority]
            bound = response_bound(ground, thread, threads, trusting=False) if near else None
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
        what=f"sporadic `{server.name}` can hold `{thread.name}` up beyond its bound of {duration_text(limit)}",
        place=server.sched_origin,
        others=((thread.load_origin, f"`{thread.name}` must be done within {duration_text(limit)}"),),
        story=(
            f"{server.spelled} spends its budget of {duration_text(budget)} at the end of one period of "
            f"{duration_text(period)}",
            f"it is refilled at once and spends it again: {duration_text(2 * budget)} in one go, not {duration_text(budget)}",
            f"{thread.spelled} answers after {worst}",
        ),
        change="lower the budget or the priority of the sporadic vCPU, or place it elsewhere",
        numbers=(("bound ns", limit), ("response ns", bound.response_ns or -1)),
    )


def neighbours_survive(ground: Ground) -> Answer:
    """Neighbours of a sporadic vCPU meet their bounds whatever it does, two budgets in a row included."""
    cases = len(vcpus_of(ground.threads))
    return judged(_broken_neighbours(ground), cases, "response-time analysis with 2C in a window of T")


def has_partitions(ground: Ground) -> str:
    """Silent without partitions or where the profile has none."""
    if not ground.profile.partitions:
        return f"profile `{ground.profile.name}` has no partitions"
    rows = {name for name in (ground.system.host.partitions or {}) if name != "System"}
    return "" if rows else "the host has no partitions"


def budgets_of(ground: Ground) -> dict[str, int]:
    """Each partition's own percentage of the machine, what its children take left out."""
    rows = {name: row for name, row in (ground.system.host.partitions or {}).items() if name != "System"}
    own = {"System": 100, **{name: row.budget for name, row in rows.items()}}
    for row in rows.values():
        own[row.parent if row.parent in own else "System"] -= row.budget
    return own


def _unmet(ground: Ground) -> Iterator[Finding]:
    own = budgets_of(ground)
    rows = ground.system.host.partitions or {}
    for thread in ground.threads:
        if thread.partition not in own:
            yield Finding(
                what=f"`{thread.name}` runs in partition `{thread.partition}`, which does not exist",
                place=thread.placement_origin,
                change="name a partition of the host",
            )
    places = {
        name: frozenset(cpu for t in ground.threads if t.partition == name for cpu in t.cpus) for name in own
    }
    used = {name: cpus for name, cpus in places.items() if cpus and name != "System"}
    for within in unions(used.values()):
        inside = [name for name, cpus in used.items() if cpus <= within]
        promised = sum(own[name] for name in inside) * ground.cpus
        if promised > 100 * len(within):
            yield _unmet_budget(ground, inside, within, promised, rows[inside[0]].origin)
            return


def _unmet_budget(ground: Ground, inside: list[str], within: frozenset[int], promised: int, place: object) -> Finding:
    names = " and ".join(f"`{name}`" for name in inside)
    pinned = next(t for t in ground.threads if t.partition in inside)
    return Finding(
        what=f"{names} are promised {promised} % of a pCPU and all their threads run on {cpus_text(within)}",
        place=pinned.placement_origin,
        others=((place, "the budget is a share of all pCPUs together"),),  # type: ignore[arg-type]
        story=(
            f"a budget counts all {ground.cpus} pCPUs: {promised} % of one pCPU in each window",
            f"{pinned.spelled} can use {100 * len(within)} % at the most",
            "whoever is pinned there as well gets what is left, in whichever order priorities say",
        ),
        change="widen the run masks of the partition's vCPUs, or lower its budget",
        numbers=(("promised percent", promised), ("possible percent", 100 * len(within))),
    )


def budgets_can_be_met(ground: Ground) -> Answer:
    """Budgets of partitions fit the pCPUs that their threads may use."""
    findings = tuple(_unmet(ground))
    tried = len(ground.system.host.partitions or {})
    return Refused(findings=findings) if findings else Exhausted(cases=tried, note="sets of partitions and their pCPUs")


def _unkicked(ground: Ground) -> Iterator[Finding]:
    limit = 2 * ground.terms["watchdog-timeout"]
    for index, vm in enumerate(ground.system.vms):
        if not any(vdev.type.startswith("wdt-") for vdev in vm.vdevs):
            continue
        for workload, threads in ground.workloads:
            for thread in threads:
                demand = thread.demand
                if thread.guest != vm.label or demand is None or demand.bound is None:
                    continue
                silent = int(demand.period or 0) * max(1, demand.burst) + int(demand.bound)
                if silent > limit:
                    yield Finding(
                        what=f"the watchdog of guest `{vm.label}` can run out: `{thread.name}` may be silent for "
                        f"{ms(silent)} (workload `{workload}`)",
                        place=thread.load_origin,
                        others=((ground.guest_line(index), "the guest has a watchdog"),),
                        story=(
                            f"`{thread.name}` kicks the watchdog at the end of its work",
                            f"one job ends at once, the next only {ms(silent)} later; the device fires after {ms(limit)}",
                        ),
                        change="tighten the bound, or let the guest program a longer time",
                        numbers=(("silent ns", silent), ("limit ns", limit)),
                    )


def watchdogs_are_kicked(ground: Ground) -> Answer:
    """No watchdog runs out while every vCPU keeps its bound."""
    cases = sum(v.type.startswith("wdt-") for vm in ground.system.vms for v in vm.vdevs)
    return judged(_unkicked(ground), cases, "longest silence within the bounds against twice the timeout")


def has_watchdog(ground: Ground) -> str:
    """Silent where no guest has a watchdog."""
    found = any(v.type.startswith("wdt-") for vm in ground.system.vms for v in vm.vdevs)
    return "" if found else "no guest has a watchdog"


def _row(
    code: str,
    name: str,
    title: str,
    statement: str,
    prove: Prove,
    applies: Applies = always,
    method: Method = Method.PROVE,
) -> Property:
    return Property(
        code=code,
        name=name,
        title=title,
        statement=statement,
        family=Family.LOAD,
        method=method,
        profiles=EVERYWHERE,
        prove=prove,
        applies=applies,
    )


PROPERTIES: tuple[Property, ...] = (
    _row(
        "HC3001",
        "load-is-declared",
        "Every vCPU has a load and a bound, declared or openly assumed",
        "No vCPU goes into the runs without somebody having said what it asks for and by when.",
        load_is_declared,
    ),
    _row(
        "HC3002",
        "places-exist",
        "Everything is placed on pCPUs that exist",
        "Run masks and clusters of vCPUs and services name pCPUs of the board.",
        places_exist,
    ),
    _row(
        "HC3003",
        "vcpus-never-share",
        "The vCPUs of one guest can always run at the same time",
        "No set of pCPUs has more vCPUs of one guest bound to it than pCPUs: a spin-wait inside a guest always "
        "finds the lock's holder able to run.",
        vcpus_never_share,
    ),
    _row(
        "HC3004",
        "capacity-holds",
        "No pCPUs are asked for more than they have",
        "For every set of pCPUs, the loads bound to it, host work included, fit its capacity.",
        capacity_holds,
        always,
        Method.EXHAUST,
    ),
    _row(
        "HC3005",
        "pinned-vcpus-meet-bounds",
        "A vCPU on a pCPU of its own answers within its bound, whatever the alignment",
        "Response-time analysis over all threads of its priority or above that may run there.",
        pinned_meet_bounds,
    ),
    _row(
        "HC3006",
        "neighbours-survive-sporadic-vcpus",
        "Neighbours of a sporadic vCPU keep their bounds whatever it does",
        "The interference of a sporadic vCPU is counted as two budgets in a row in each period, not as one: a "
        "refill may follow its use at once.",
        neighbours_survive,
        has_sporadic,
    ),
    _row(
        "HC3007",
        "budgets-can-be-met",
        "Partition budgets fit the pCPUs that their vCPUs may use",
        "No set of partitions is promised more than the pCPUs that all its threads are bound to can give.",
        budgets_can_be_met,
        has_partitions,
        Method.EXHAUST,
    ),
    _row(
        "HC3008",
        "watchdogs-are-kicked",
        "Watchdogs are kicked in time",
        "While every vCPU keeps its bound, no guest is silent for as long as its watchdog waits.",
        watchdogs_are_kicked,
        has_watchdog,
    ),
)
