"""The lives of guests in one run: a watchdog or who asks for it ends one, a supervised launch begins another.

When a watchdog acts follows from the run, and the run from what has ended: so a run is played, its earliest
ending is found, and it is played again with that, until none is new. Up to an ending both runs are one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hvbuild.machine.backends import WATCHDOG_NS, WATCHDOG_PERIODS, Expiry, watchdog
from hvbuild.machine.ending import ENDINGS, Ending, Way
from hvbuild.machine.parts import Job, Part
from hvbuild.machine.scenario import Burst
from hvbuild.machine.schedule import Moment, Schedule, Segment, ThreadTotals, join
from hvbuild.model.plan import RESTART_PAUSE
from hvbuild.model.system import System
from hvbuild.model.vm import VmConfig
from hvbuild.units import Nanoseconds

# Every ending plays the run once more; a guest that never gets its time ends about every three seconds.
MOST_ENDINGS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of a guest at `at_ns` of the run; `action` is that of the watchdog, where one acted."""

    at_ns: int
    ending: Ending
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedEnd:
    """That `guest` is to end at `at_ns` of the run, if it is up then."""

    guest: str
    at_ns: int
    way: Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A guest that is up from `start_ns` on, in ns of the run, until its `end` (None: that of the run).

    `again_ns` is when it is up again after that, maybe past the run; None when nobody starts it again.
    """

    guest: str
    start_ns: int = 0
    end: End | None = None
    again_ns: int | None = None

    @property
    def end_ns(self) -> int | None:
        """When it ended, None when it did not."""
        return self.end.at_ns if self.end is not None else None


def starts_again(restart: str, ending: Ending) -> bool:
    """True when the script of a launch with this `restart` starts a qvm again that ended so.

    `on-failure` takes exit code 0 for a guest that shut itself down.
    """
    return restart == "always" or (restart == "on-failure" and ending.code != 0)


def expiries(
    system: System, kicks_of: Mapping[str, Sequence[int]], lives: Sequence[Life], horizon: int
) -> Iterator[tuple[Life, Expiry]]:
    """Every watchdog that acts in one of `lives`; `kicks_of` each guest are the times of its kicks."""
    vms = {vm.label: vm for vm in system.vms}
    for life in lives:
        kicks = kicks_of.get(life.guest, ())
        until = life.end_ns if life.end_ns is not None else horizon
        for vdev, action in _watchdogs(vms[life.guest]):
            period = Nanoseconds(WATCHDOG_NS)
            expiry = watchdog(vdev, period, kicks, started=life.start_ns, until=until, action=action)
            if expiry is not None:
                yield life, expiry


def kicks(part: Part, number: int, jobs: Sequence[Job], schedule: Schedule) -> tuple[int, ...]:
    """When vCPU 0 of a guest, number `number` in the schedule, kicks the watchdog.

    When it has done an activation; one whose load has no activations kicks as long as it has its pCPU.
    """
    if part.work_ns:
        return tuple(job.done for job in jobs if job.done is not None)
    often = WATCHDOG_NS // 2
    rows = [(row.start, row.end) for row in schedule.segments if row.thread == number]
    return tuple(time for start, end in rows for time in (*range(start, end, often), end))


def _watchdogs(vm: VmConfig) -> Iterator[tuple[str, str]]:
    """Type and action of each."""
    for vdev in vm.vdevs:
        if vdev.type.removesuffix("-safety") in WATCHDOG_PERIODS:
            chosen = vdev.option("action")
            yield vdev.type, chosen.values[0] if chosen is not None and chosen.values else "terminate"


def next_ending(
    found: Iterable[tuple[Life, Expiry]], asked: Iterable[AskedEnd], lives: Iterable[Life]
) -> tuple[Life, End] | None:
    """The earliest end of a life that has none yet: by its watchdog, or because it was asked for."""
    ends = [
        (life, End(at_ns=expiry.acted_ns, ending=expiry.ending, action=expiry.action))
        for life, expiry in found
        if expiry.ending is not None and life.end is None
    ]
    rows = tuple(lives)
    for row in asked:
        up = (life for life in rows if life.guest == row.guest and life.start_ns <= row.at_ns)
        ends += [(life, End(at_ns=row.at_ns, ending=ENDINGS[row.way])) for life in up if life.end is None]
    return min(ends, key=lambda row: row[1].at_ns, default=None)


def with_ending(lives: Sequence[Life], life: Life, end: End, restart: str, boot_ns: int) -> tuple[Life, ...]:
    """`lives` with the `end` of `life`; restarted, another follows after the pause and `boot_ns`."""
    again = None
    if starts_again(restart, end.ending):
        again = end.at_ns + RESTART_PAUSE + boot_ns
    ended = replace(life, end=end, again_ns=again)
    rows = tuple(ended if row is life else row for row in lives)
    return rows if again is None else (*rows, Life(guest=life.guest, start_ns=again))


def played_parts(parts: Sequence[Part], lives: Sequence[Life], horizon: int) -> tuple[list[Part], list[int]]:
    """What is played: `parts`, each with its end, then those of later lives; and of which part each is one.

    A later life does its loads anew, by threads of its own.
    """
    first: dict[str, Life] = {}
    later: list[Life] = []
    for life in lives:
        if first.setdefault(life.guest, life) is not life and life.start_ns < horizon:
            later.append(life)
    ends = {guest: life.end_ns for guest, life in first.items()}
    rows = [replace(part, end_ns=ends.get(part.thread.home)) for part in parts]
    owners = list(range(len(parts)))
    latest = {number: number for number in owners}
    for life in later:
        own = [number for number, part in enumerate(parts) if part.thread.home == life.guest]
        places = {number: len(rows) + i for i, number in enumerate(own)}
        for number in own:
            again = replace(parts[number], start_ns=life.start_ns, end_ns=life.end_ns)
            rows.append(replace(again, bursts=_among(again.bursts, places), earlier=latest[number]))
            owners.append(number)
        latest |= places
    return rows, owners


def _among(bursts: Sequence[Burst], places: Mapping[int, int]) -> tuple[Burst, ...]:
    """`bursts` with the threads of one life asking each other, not those of another."""
    return tuple(
        replace(burst, value=places.get(burst.value, burst.value)) if burst.kind in "qa" else burst
        for burst in bursts
    )


def folded(schedule: Schedule, owners: Sequence[int]) -> Schedule:
    """`schedule` with what later lives did told of the threads of the first; sums are those of all lives."""
    count = len(dict.fromkeys(owners))
    scenario = schedule.scenario
    if count == len(owners):
        return schedule
    totals = list(schedule.threads[:count])
    for row in schedule.threads[count:]:
        awaits = owners[row.awaits] if row.awaits is not None else None
        totals[owners[row.id]] = replace(_added(totals[owners[row.id]], row), awaits=awaits)
    events = tuple(replace(event, thread=owners[event.thread]) for event in scenario.events)
    return replace(
        schedule,
        scenario=replace(scenario, threads=scenario.threads[:count], events=events),
        segments=join(Segment(s.cpu, owners[s.thread], s.start, s.end, s.mode) for s in schedule.segments),
        interrupts=tuple((time, cpu, owners[thread]) for time, cpu, thread in schedule.interrupts),
        requests=_owned(schedule.requests, owners),
        answers=_owned(schedule.answers, owners),
        resumed=_owned(schedule.resumed, owners),
        woken=_owned(schedule.woken, owners),
        left=_owned(schedule.left, owners),
        prio_changes=tuple((time, owners[thread], prio) for time, thread, prio in schedule.prio_changes),
        threads=tuple(totals),
    )


def _owned(moments: Sequence[Moment], owners: Sequence[int]) -> tuple[Moment, ...]:
    return tuple(Moment(row.time, owners[row.thread], owners[row.other]) for row in moments)


def _added(first: ThreadTotals, later: ThreadTotals) -> ThreadTotals:
    """Both together, under the number of the first."""
    ready = max(first, later, key=lambda row: row.longest_ready_ns)
    latency = max(first, later, key=lambda row: row.worst_latency_ns)
    return ThreadTotals(
        id=first.id,
        cpu_ns=first.cpu_ns + later.cpu_ns,
        host_ns=first.host_ns + later.host_ns,
        spin_ns=first.spin_ns + later.spin_ns,
        halt_ns=first.halt_ns + later.halt_ns,
        preemptions=first.preemptions + later.preemptions,
        exits=first.exits + later.exits,
        interrupted=first.interrupted + later.interrupted,
        longest_ready_ns=ready.longest_ready_ns,
        longest_ready_at=ready.longest_ready_at,
        worst_latency_ns=latency.worst_latency_ns,
        worst_latency_at=latency.worst_latency_at,
        jobs=first.jobs + later.jobs,
        responses_ns=first.responses_ns + later.responses_ns,
        worst_response_ns=max(first.worst_response_ns, later.worst_response_ns),
        ready_since=later.ready_since,
    )
