"""What went wrong in one run: threads that starved, lock holders preempted, bounds missed.

Each finding was seen in the run: it names the stretch of time, who ran instead and the line to change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from hvbuild.machine.backends import WATCHDOG_NS, Expiry
from hvbuild.machine.course import course, hindrance
from hvbuild.machine.lives import MOST_ENDINGS, Life
from hvbuild.machine.measures import (
    LockHolderPreemption,
    Window,
    lock_holder_preemptions,
    starvations,
)
from hvbuild.machine.parts import Part
from hvbuild.machine.simulation import Simulation
from hvbuild.model.plan import RESTART_PAUSE
from hvbuild.source import Origin
from hvbuild.units import duration_text, milliseconds

# Ready and not running for so long is no longer sharing: the default averaging window, within which QNX
# evens out what threads get (Adaptive Partitioning User's Guide: 100 ms).
STARVED_NS = 100_000_000


class Kind(StrEnum):
    """What kind of thing was found."""

    STARVED = "starved"
    LOCK_HOLDER = "lock holder preempted"
    LATE = "bound missed"
    WATCHDOG = "watchdog ran out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One finding of a run: of whom, when, what happened step by step, and where and how to change it."""

    kind: Kind
    thread: str
    instead: str
    window: Window
    what: str
    story: tuple[str, ...]
    change: str
    place: Origin = field(compare=False, repr=False)
    others: tuple[tuple[Origin, str], ...] = field(default=(), compare=False, repr=False)


def findings(run: Simulation) -> tuple[Seen, ...]:
    """Everything that went wrong in `run`, in order of time; at most one finding for a thread's waiting."""
    starved = tuple(_starved(run))
    names = {seen.thread for seen in starved}
    late = (seen for seen in _late(run) if seen.thread not in names)
    found = [*starved, *late, *_lock_holders(run), *_watchdogs(run)]
    return tuple(sorted(found, key=lambda seen: (seen.window.start, seen.thread, seen.kind, seen.instead)))


def _starved(run: Simulation) -> Iterator[Seen]:
    for row in starvations(run.schedule, STARVED_NS):
        part = run.parts[row.thread]
        name, window = part.thread.name, row.window
        if window.length < _bound_ns(part):
            continue
        still = window.end == run.schedule.scenario.horizon_ns
        end = "and still is when the run ends" if still else f"until {milliseconds(window.end)}"
        if window.end in {life.end_ns for life in run.lives if life.guest == part.thread.guest}:
            end += ", when its guest ends"
        what = f"`{name}` is ready for {milliseconds(window.length)} without running"
        opening = f"{part.thread.spelled} is ready from {milliseconds(window.start)} {end}"
        yield _waiting(run, part, window, _Words(Kind.STARVED, what, opening))


def _watchdogs(run: Simulation) -> Iterator[Seen]:
    """Watchdogs that acted: their guests kick them whenever vCPU 0 has done an activation."""
    parts = {part.thread.name: part for part in run.parts}
    for life, expiry in run.expiries:
        yield _expired(run, parts[f"{life.guest}/0"], life, expiry)


def _expired(run: Simulation, part: Part, life: Life, expiry: Expiry) -> Seen:
    periods = 1 if expiry.warned_ns is None else 2
    window = Window(start=expiry.acted_ns - periods * WATCHDOG_NS, end=expiry.acted_ns)
    what = (
        f"nobody kicks the watchdog of guest `{part.thread.guest}` for {milliseconds(window.length)}: "
        f"it acts at {milliseconds(expiry.acted_ns)} (`{expiry.action}`){_fate(run, life, expiry)}"
    )
    opening = f"{part.thread.spelled} kicks it whenever it has done its work"
    seen = _waiting(run, part, window, _Words(Kind.WATCHDOG, what, opening))
    return replace(seen, story=(*seen.story, *_after(run, life, expiry)))


def _fate(run: Simulation, life: Life, expiry: Expiry) -> str:
    """What becomes of the guest."""
    if expiry.ending is None:
        return ""
    text = f", and its qvm exits {expiry.ending.code}"
    if life.end_ns is None:
        return f"{text}; the run goes on without that, {MOST_ENDINGS} ends are played at most"
    if life.again_ns is None:
        return f"{text}; nobody starts it again"
    late = ", after the run" if life.again_ns >= run.schedule.scenario.horizon_ns else ""
    return f"{text}; started again, it is up at {milliseconds(life.again_ns)}{late}"


def _after(run: Simulation, life: Life, expiry: Expiry) -> Iterator[str]:
    """What its end comes to, as lines of the story."""
    if expiry.ending is None or life.end_ns is None:
        return
    threads = sum(part.thread.guest == life.guest for part in run.parts)
    who = "its vCPU thread ends" if threads == 1 else f"its {threads} vCPU threads end"
    cut = run.cut(life)
    begun = f", {cut} activation{'s' if cut != 1 else ''} cut off" if cut else ""
    yield f"{who} at {milliseconds(life.end_ns)}{begun}"
    if life.again_ns is not None:
        boot = life.again_ns - life.end_ns - RESTART_PAUSE
        yield (
            f"its launcher (`{run.bench.restarts[life.guest]}`) waits {duration_text(RESTART_PAUSE)}, "
            f"and its qvm takes {milliseconds(boot)} to bring it up again"
        )


def _bound_ns(part: Part) -> int:
    demand = part.thread.demand
    return int(demand.bound or 0) if demand is not None else 0


def _late(run: Simulation) -> Iterator[Seen]:
    horizon = run.schedule.scenario.horizon_ns
    for part in run.parts:
        bound = _bound_ns(part)
        jobs = run.jobs.get(part.thread.name, ())
        late = [job for job in jobs if bound and job.response(horizon) > bound]
        if not late:
            continue
        worst = max(late, key=lambda job: (job.response(horizon), -job.released))
        window = Window(start=worst.released, end=worst.released + worst.response(horizon))
        ended = "is done" if worst.done is not None else "is not even done"
        ended = "is cut off by the end of its guest" if worst.cut is not None else ended
        what = (
            f"`{part.thread.name}` {ended} {milliseconds(window.length)} after its release, "
            f"{duration_text(bound)} are allowed: {len(late)} of {len(jobs)} activations are late"
        )
        opening = f"{part.thread.spelled} has work at {milliseconds(window.start)}"
        yield _waiting(run, part, window, _Words(Kind.LATE, what, opening))


class _Words(NamedTuple):
    kind: Kind
    what: str
    opening: str


def _waiting(run: Simulation, part: Part, window: Window, words: _Words) -> Seen:
    found = hindrance(run, part, window.start, window.end)
    return Seen(
        kind=words.kind,
        thread=part.thread.name,
        instead=found.instead,
        window=window,
        what=words.what,
        story=(words.opening, *course(run, part, window.start, window.end)),
        change=found.change,
        place=found.place,
        others=found.other,
    )


def _lock_holders(run: Simulation) -> Iterator[Seen]:
    """One finding for each pair, with its worst stretch."""
    pairs: dict[tuple[int, int], list[LockHolderPreemption]] = {}
    for row in lock_holder_preemptions(run.schedule):
        pairs.setdefault((row.holder, row.spinner), []).append(row)
    for rows in pairs.values():
        worst = max(rows, key=lambda row: (row.spun_ns, -row.window.start))
        yield _lock_holder(run, worst, rows)


def _lock_holder(run: Simulation, worst: LockHolderPreemption, rows: list[LockHolderPreemption]) -> Seen:
    holder, spinner, window = run.parts[worst.holder], run.parts[worst.spinner], worst.window
    spun = sum(row.spun_ns for row in rows)
    times = "once" if len(rows) == 1 else f"{len(rows)} times"
    what = (
        f"`{holder.thread.name}` loses its pCPU while it holds a spin lock, and `{spinner.thread.name}` "
        f"spins for {milliseconds(worst.spun_ns)}; seen {times}, {milliseconds(spun)} in all"
    )
    opening = f"{holder.thread.spelled} holds the lock and is preempted at {milliseconds(window.start)}"
    found = hindrance(run, holder, window.start, window.end)
    return Seen(
        kind=Kind.LOCK_HOLDER,
        thread=holder.thread.name,
        instead=found.instead,
        window=window,
        what=what,
        story=(opening, *course(run, holder, window.start, window.end)),
        change=found.change,
        place=found.place or holder.thread.origin,
        others=((spinner.thread.placement_origin, f"`{spinner.thread.name}` spins"),),
    )
