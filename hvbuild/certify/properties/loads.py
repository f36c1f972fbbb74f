"""HC30xx: what can be said of CPU time by argument: loads, places, capacity, bounds of pinned vCPUs."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial

from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Answer, Exhausted, Finding, Refused
from hvbuild.certify.properties.isolation import judged
from hvbuild.certify.property import Family, Method, Property, always
from hvbuild.machine.threads import HostThread, cpus_text
from hvbuild.units import milliseconds as ms


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
                    change="declare `load: {period, work, bound}`, with `assumed:` and the reason "
                    "where it is a guess",
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
    """The share of the board's fastest pCPU that `thread` asks for; a busy one asks for all of one.

    One that halts in place takes all of the pCPU that it is on, whatever that can do.
    """
    demand = thread.demand
    if thread.rests:
        return Fraction(0)
    if thread.halts_in_place:
        speeds = [ground.speeds[cpu] for cpu in thread.cpus if cpu < ground.cpus]
        return Fraction(min(speeds, default=0), 1024)
    if thread.asked and demand is not None:
        request = int(demand.work or 0) + ground.overhead_ns(thread)
        return sum((Fraction(row.count * request, row.period) for row in thread.asked), Fraction(0))
    if demand is None or demand.period is None or demand.work is None:
        return Fraction(1)
    burst = max(1, demand.burst)
    work = int(demand.work) * burst + ground.overhead_ns(thread)
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
    return (
        Refused(findings=tuple(found))
        if found
        else Exhausted(cases=tried, note="sets of pCPUs that loads are bound to")
    )


def _overload(
    workload: str, inside: Sequence[HostThread], within: frozenset[int], amounts: tuple[Fraction, Fraction]
) -> Finding:
    asked, offered = (f"{float(part * 100):.1f} %" for part in amounts)
    heaviest = max(
        inside, key=lambda row: (row.demand is not None, int((row.demand.work or 0) if row.demand else 0))
    )
    return Finding(
        what=f"{cpus_text(within)} are asked for {asked} of a pCPU and have {offered} (workload "
        f"`{workload}`)",
        place=heaviest.load_origin,
        story=tuple(f"{row.spelled} runs there and nowhere else" for row in inside),
        change="take work from these pCPUs, or let a thread run on others as well",
        numbers=(("asked permille", int(amounts[0] * 1000)), ("offered permille", int(amounts[1] * 1000))),
    )


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


def _unmet_budget(
    ground: Ground, inside: list[str], within: frozenset[int], promised: int, place: object
) -> Finding:
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
    return (
        Refused(findings=findings)
        if findings
        else Exhausted(cases=tried, note="sets of partitions and their pCPUs")
    )


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
                asked = min((row.period for row in thread.asked), default=0)
                silent = (int(demand.period or 0) * max(1, demand.burst) or asked) + int(demand.bound)
                if silent > limit:
                    yield Finding(
                        what=f"the watchdog of guest `{vm.label}` can run out: `{thread.name}` may be "
                        "silent for "
                        f"{ms(silent)} (workload `{workload}`)",
                        place=thread.load_origin,
                        others=((ground.guest_line(index), "the guest has a watchdog"),),
                        story=(
                            f"`{thread.name}` kicks the watchdog at the end of its work",
                            f"one job ends at once, the next only {ms(silent)} later; the device "
                            f"fires after {ms(limit)}",
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


_row = partial(Property, family=Family.LOAD, method=Method.PROVE)

PROPERTIES: tuple[Property, ...] = (
    _row(
        code="HC3001",
        name="load-is-declared",
        title="Every vCPU has a load and a bound, declared or openly assumed",
        statement="No vCPU goes into the runs without somebody having said what it asks for and by when.",
        prove=load_is_declared,
    ),
    _row(
        code="HC3002",
        name="places-exist",
        title="Everything is placed on pCPUs that exist",
        statement="Run masks and clusters of vCPUs and services name pCPUs of the board.",
        prove=places_exist,
    ),
    _row(
        code="HC3003",
        name="vcpus-never-share",
        title="The vCPUs of one guest can always run at the same time",
        statement="No set of pCPUs has more vCPUs of one guest bound to it than pCPUs: a spin-wait "
        "inside a guest always "
        "finds the lock's holder able to run.",
        prove=vcpus_never_share,
    ),
    _row(
        code="HC3004",
        name="capacity-holds",
        title="No pCPUs are asked for more than they have",
        statement="For every set of pCPUs, the loads bound to it, host work included, fit its capacity.",
        prove=capacity_holds,
        applies=always,
        method=Method.EXHAUST,
    ),
    _row(
        code="HC3007",
        name="budgets-can-be-met",
        title="Partition budgets fit the pCPUs that their vCPUs may use",
        statement="No set of partitions is promised more than the pCPUs that all its threads are "
        "bound to can give.",
        prove=budgets_can_be_met,
        applies=has_partitions,
        method=Method.EXHAUST,
    ),
    _row(
        code="HC3008",
        name="watchdogs-are-kicked",
        title="Watchdogs are kicked in time",
        statement="While every vCPU keeps its bound, no guest is silent for as long as its watchdog waits.",
        prove=watchdogs_are_kicked,
        applies=has_watchdog,
    ),
)
