"""HC41xx and HC42xx: sporadic vCPUs, spin locks inside a guest, and partitions under full load."""

from functools import partial
from itertools import pairwise

from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Finding
from hvbuild.certify.playing import ScheduleRun, bound_of, spins_of
from hvbuild.certify.properties.analysed import has_sporadic
from hvbuild.certify.properties.loads import budgets_of, has_partitions, vcpus_of
from hvbuild.certify.properties.runs import waits_are_bounded
from hvbuild.certify.property import KERNELS, Family, Method, Property
from hvbuild.machine.analysis import partition_supply
from hvbuild.machine.parts import Part
from hvbuild.machine.schedule import SPINNING
from hvbuild.model.vm import Sporadic
from hvbuild.units import duration_text
from hvbuild.units import milliseconds as ms

_WINDOW = 100_000_000


# --- sporadic ---------------------------------------------------------------------------------------------


def sporadic_is_honest(ground: Ground, run: ScheduleRun) -> Finding | None:
    """At high priority a sporadic vCPU has two budgets, and a tick each, in any window of its period."""
    for part in run.parts:
        sched = part.thread.sched
        if not isinstance(sched, Sporadic):
            continue
        period, tick = int(sched.replenishment_period), int(ground.system.host.tick)
        limit = 2 * (int(sched.initial_budget) + tick)
        most, at = _most_in_window(_high_segments(run, part), period)
        if most > limit:
            return Finding(
                what=f"{part.thread.spelled} holds its high priority for {ms(most)} within "
                f"{duration_text(period)}",
                place=part.thread.sched_origin,
                story=(
                    f"from {ms(at)} on it runs at priority {sched.priority} for {ms(most)}",
                    _BUDGET_STORY,
                ),
                change="lower `max_repl` or the budget, or use another policy",
                numbers=(("used ns", most), ("limit ns", limit)),
            )
    return None


_BUDGET_STORY = "budgets are charged at ticks: what runs between two ticks is never charged"


def _high_segments(run: ScheduleRun, part: Part) -> list[tuple[int, int]]:
    """When the thread ran at its high priority."""
    number = run.number(part.thread.name)
    level = part.thread.priority
    changes = [(at, prio) for at, thread, prio in run.schedule.prio_changes if thread == number]
    found = []
    for row in run.segments_of(part.thread.name):
        points = [row.start, *(at for at, _ in changes if row.start < at < row.end), row.end]
        for start, end in pairwise(points):
            now = next((prio for at, prio in reversed(changes) if at <= start), level)
            if now == level:
                found.append((start, end))
    return found


def _most_in_window(rows: list[tuple[int, int]], window: int) -> tuple[int, int]:
    """The most that `rows` hold within any `window`, and where that begins."""
    most, at = 0, 0
    for start, _ in rows:
        held = sum(min(end, start + window) - begin for begin, end in rows if start <= begin < start + window)
        if held > most:
            most, at = held, start
    return most, at


# --- locks ------------------------------------------------------------------------------------------------


def spins_end(ground: Ground, run: ScheduleRun) -> Finding | None:
    """A spin-wait inside a guest ends within the bound of the vCPU that spins."""
    for part in run.parts:
        bound = bound_of(part)
        if bound is None or not part.thread.is_vcpu or not any(burst.kind == "k" for burst in part.bursts):
            continue
        for start, end in spins_of(run, part.thread.name):
            if end - start > bound:
                return _spinning(run, part, start, end, bound)
    return None


def _spinning(run: ScheduleRun, part: Part, start: int, end: int, bound: int) -> Finding:
    thread = part.thread
    holders = [p.thread for p in run.parts if p.thread.guest == thread.guest and p.thread is not thread]
    spin = sum(row.end - row.start for row in run.segments_of(thread.name) if row.mode == SPINNING)
    return Finding(
        what=f"`{thread.name}` spins for {ms(end - start)} for a lock of guest `{thread.guest}`",
        place=thread.placement_origin or thread.sched_origin,
        others=tuple((row.placement_origin, f"`{row.name}` may hold the lock") for row in holders[:1]),
        story=(
            f"{thread.spelled} starts to spin at {ms(start)}",
            f"{' and '.join(row.spelled for row in holders)} hold the lock and do not get to run",
            f"`{thread.name}` burns {ms(spin)} of CPU time in this run",
        ),
        change="give the vCPUs of the guest pCPUs of their own and one priority",
        numbers=(("spin ns", end - start), ("bound ns", bound)),
    )


def locks_keep_bounds(_ground: Ground, run: ScheduleRun) -> Finding | None:
    """vCPUs that take their guest's spin lock still run: none is ready for longer than its bound."""
    return waits_are_bounded(_ground, run)


def has_several_vcpus(ground: Ground) -> str:
    """Silent where every guest has one vCPU."""
    guests = [thread.guest for thread in vcpus_of(ground.threads)]
    return "" if len(guests) > len(set(guests)) else "no guest has several vCPUs"


# --- partitions -------------------------------------------------------------------------------------------


def budgets_are_given(ground: Ground, run: ScheduleRun) -> Finding | None:
    """Under full load each partition gets its budget in every window, within a tick of each pCPU."""
    own = budgets_of(ground)
    tick = int(ground.system.host.tick)
    for name, percent in own.items():
        members = [part for part in run.parts if part.thread.partition == name and part.thread.is_vcpu]
        if not members or not percent:
            continue
        cpus = frozenset(cpu for part in members for cpu in part.thread.cpus)
        most = min(len(members), len(cpus)) * _WINDOW - (ground.cpus + 1) * tick
        owed = min(partition_supply(_WINDOW, percent, ground.cpus, tick), most)
        for start in range(_WINDOW, run.horizon - _WINDOW + 1, _WINDOW):
            got = _used(run, members, start, start + _WINDOW)
            if got < owed:
                return _starved(ground, name, members[0], (percent, owed, got, start))
    return None


def _used(run: ScheduleRun, members: list[Part], start: int, end: int) -> int:
    numbers = {run.number(part.thread.name) for part in members}
    return sum(
        max(0, min(row.end, end) - max(row.start, start))
        for row in run.schedule.segments
        if row.thread in numbers
    )


def _starved(ground: Ground, name: str, part: Part, amounts: tuple[int, int, int, int]) -> Finding:
    percent, owed, got, start = amounts
    row = (ground.system.host.partitions or {}).get(name)
    return Finding(
        what=f"partition `{name}` gets {ms(got)} of the {ms(owed)} that its {percent} % promise in "
        "one window",
        place=part.thread.placement_origin,
        others=((row.origin, "its budget"),) if row is not None else (),
        story=(
            "every vCPU is always ready, so every partition wants all it can get",
            f"between {ms(start)} and {ms(start + _WINDOW)} the threads of `{name}` run for {ms(got)}",
        ),
        change="widen the run masks of the partition's vCPUs, or change the budgets",
        numbers=(("got ns", got), ("owed ns", owed)),
    )


_row = partial(Property, family=Family.SCHEDULE, method=Method.SAMPLE)

PROPERTIES: tuple[Property, ...] = (
    _row(
        code="HC4009",
        name="sporadic-is-honest",
        title="A sporadic vCPU stays within two budgets per period",
        statement="At its high priority a sporadic vCPU runs at most two budgets, and a tick each, "
        "in any window of its period.",
        watch=sporadic_is_honest,
        applies=has_sporadic,
    ),
    _row(
        code="HC4101",
        name="spin-waits-end",
        title="Spin-waits between the vCPUs of a guest end",
        statement="A vCPU that spins for its guest's lock gets it within its bound: the holder is "
        "never kept from running.",
        watch=spins_end,
        family=Family.LOCKS,
        applies=has_several_vcpus,
    ),
    _row(
        code="HC4102",
        name="lock-takers-run",
        title="vCPUs that take a spin lock keep getting to run",
        statement="With locks held and waited for, no vCPU is ready and not running for longer than "
        "its bound.",
        watch=locks_keep_bounds,
        family=Family.LOCKS,
        applies=has_several_vcpus,
    ),
    _row(
        code="HC4201",
        name="budgets-are-given",
        title="Partitions get their budgets within a window and a tick",
        statement="With every vCPU always ready, each partition gets its percentage of each window, "
        "less one tick for each pCPU.",
        watch=budgets_are_given,
        family=Family.PARTITIONS,
        applies=has_partitions,
        profiles=KERNELS,
    ),
)
