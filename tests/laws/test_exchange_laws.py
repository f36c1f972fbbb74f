"""Threads that ask, serve and wait: the engine against its specification, and runs against their bounds."""

from dataclasses import replace
from itertools import cycle, pairwise
from types import SimpleNamespace
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from naive_kernel import Kernel
from scenario_strategies import Bits

from hvbuild.machine.arrivals import Delays, delays_of
from hvbuild.machine.bounds import Bound, response_bound
from hvbuild.machine.costs import free_table
from hvbuild.machine.exchange import exchanged
from hvbuild.machine.exits import Terms
from hvbuild.machine.loads import load_of
from hvbuild.machine.parts import jobs_of, scenario_of
from hvbuild.machine.profiles import PUBLISHED, SDP71, SDP80, STRICT, Profile
from hvbuild.machine.scenario import Burst, Event, Scenario, Thread
from hvbuild.machine.schedule import Moment, Schedule, simulate
from hvbuild.machine.setting import Setting
from hvbuild.machine.threads import HostThread
from hvbuild.machine.waiting import waits_of
from hvbuild.model.guest import Demand, VdevUse
from hvbuild.model.vm import Fifo, RoundRobin
from hvbuild.units import Nanoseconds

MS = 1_000_000
UNIT = MS // 10
FREE = Terms(costs=free_table())
MANY = settings(max_examples=150, deadline=None)


# --- the engine is the specification ------------------------------------------------------------------------


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Clients that work, ask and wait or go on, and servers that may ask the one behind them."""
    bits = Bits(draw(st.integers(0, (1 << 240) - 1)))
    cpus = 1 + bits.take(3)
    servers = 1 + bits.take(3)
    clients = 1 + bits.take(4)
    threads = []
    for number in range(servers + clients):
        if number < servers:
            bursts = [Burst(0, 0, "w"), Burst(bits.take(40) * UNIT, 0, "c")]
            if number + 1 < servers and bits.take(2):
                bursts += [Burst(0, number + 1, "q"), Burst(bits.take(3) * UNIT, number + 1, "a")]
            bursts.append(Burst(bits.take(3) * UNIT, 0, "r"))
        else:
            bursts = []
            for _ in range(1 + bits.take(3)):
                server = bits.take(servers)
                bursts.append(Burst((1 + bits.take(30)) * UNIT, server, "q"))
                if bits.take(3):
                    bursts.append(Burst(bits.take(5) * UNIT, server, "a"))
            bursts.append(Burst((1 + bits.take(30)) * UNIT, (1 + bits.take(90)) * UNIT, "it"[bits.take(2)]))
        threads.append(
            Thread(
                id=number,
                prio=1 + bits.take(6),
                policy="fr"[bits.take(2)],
                bursts=tuple(bursts),
                runmask=1 + bits.take((1 << cpus) - 1),
                start_ns=bits.take(30) * UNIT,
                noted=True,
            )
        )
    ends = [(bits.take(500) * UNIT, number) for number in range(servers + clients) if bits.take(6) == 0]
    events = tuple(Event(t_ns=time, op="end", thread=number) for time, number in sorted(ends))
    return Scenario(cpus=cpus, horizon_ns=60 * MS, threads=tuple(threads), events=events)


@MANY
@given(scenarios(), st.sampled_from((PUBLISHED, SDP71, SDP80)))
def test_the_engine_is_the_specification(scenario: Scenario, profile: Profile) -> None:
    values = profile.settings()
    rules = frozenset(a.name for a in profile.assumptions if a.switch and values[a.switch])
    specified = Kernel(scenario, rules).play()

    assert [tuple(row[:4]) for row in simulate(scenario, profile).segments] == specified


@MANY
@given(scenarios(), st.sampled_from((PUBLISHED, SDP71, SDP80, STRICT)))
def test_requests_are_answered_in_order_and_nobody_goes_on_unanswered(
    scenario: Scenario, profile: Profile
) -> None:
    schedule = simulate(scenario, profile)
    made: dict[int, list[Moment]] = {row.id: [] for row in scenario.threads}
    done: dict[int, list[int]] = {row.id: [] for row in scenario.threads}
    for row in schedule.requests:
        made[row.thread].append(row)
    for row in schedule.answers:
        done[row.thread].append(row.time)
    for number, requests in made.items():
        assert len(done[number]) <= len(requests)
        assert all(one.time <= time for one, time in zip(requests, done[number], strict=False))
    for row in schedule.resumed:
        # one of the requests answered at that time is its own
        served = zip(made[row.other], done[row.other], strict=False)
        assert row.thread in [one.other for one, time in served if time == row.time]


def test_one_that_has_ended_waits_for_nobody() -> None:
    """Halted in place for a token, for an answer, or blocked for one."""
    serves = (Burst(0, 0, "w"), Burst(40 * MS, 0, "r"))
    asks = (Burst(MS, 2, "q"), Burst(0, 2, "a"))
    rows = [(serves, True), (serves, False), (serves, False), (asks, True), (asks, False)]
    threads = tuple(
        Thread(id=i, prio=5, bursts=bursts, keeps_cpu=keeps, runmask=1 << i, noted=True)
        for i, (bursts, keeps) in enumerate(rows)
    )
    whole = Scenario(cpus=5, horizon_ns=60 * MS, threads=threads)
    ends = tuple(Event(t_ns=20 * MS, op="end", thread=i) for i in range(5))
    for profile in (PUBLISHED, STRICT):
        still = simulate(whole, profile).threads
        gone = simulate(replace(whole, events=ends), profile)

        assert [row.awaits for row in still] == [0, 1, None, 2, 2]
        assert [row.awaits for row in gone.threads] == [None] * 5
        assert [(row.thread, row.other) for row in gone.left] == [(0, 0), (1, 1), (3, 2), (4, 2)]


# --- nothing that is observed exceeds what analysis says ----------------------------------------------------


def setting(profile: Profile, cpus: int) -> Setting:
    """CPUs alike, a tick of a millisecond, no costs."""
    routing = SimpleNamespace(cpu=0, taker=lambda _: 0)
    host = SimpleNamespace(tick=MS, partitions=None, routing=routing)
    found = SimpleNamespace(
        system=SimpleNamespace(host=host),
        profile=profile,
        cpus=cpus,
        speeds=(1024,) * cpus,
        overhead_ns=lambda _: 0,
    )
    return cast("Setting", found)


@st.composite
def systems(draw: st.DrawFn) -> tuple[int, tuple[HostThread, ...]]:
    """Guests with a disk each, some with a thread of its own, before one service; joined by shared memory."""
    bits = Bits(draw(st.integers(0, (1 << 200) - 1)))
    cpus = 1 + bits.take(3)
    guests = ("a", "b", "c")[: 1 + bits.take(3)]
    everything = frozenset(range(cpus))

    def sched() -> Fifo | RoundRobin:
        return (Fifo, RoundRobin)[bits.take(2)](10 + bits.take(5))

    def place() -> frozenset[int]:
        return frozenset((bits.take(cpus),)) if bits.take(8) else everything

    def thread(
        name: str, home: str, demand: Demand, *, vcpu: bool = False, backs: tuple[str, ...] = ()
    ) -> HostThread:
        return HostThread(
            name=name,
            guest=home if vcpu else "",
            home=home,
            number=0,
            sched=sched(),
            cpus=place(),
            partition="System",
            demand=demand,
            vdevs={"disk": "virtio-blk", "shm": "shmem"},
            joined={"shm": tuple(f"{other}.shm" for other in guests if other != home)} if vcpu else {},
            backs=backs,
        )

    rows = []
    for name in guests:
        uses = [VdevUse(vdev="disk", name="request", count=1 + bits.take(3))]
        if bits.take(2):
            uses.append(VdevUse(vdev="shm", name="notify", count=1 + bits.take(2)))
        asking = Demand(
            pattern="periodic",
            period=Nanoseconds((40 + bits.take(200)) * UNIT),
            work=Nanoseconds((1 + bits.take(20)) * UNIT),
            uses=tuple(uses),
            awaits=("disk.request",) if bits.take(2) else (),
        )
        taking = Demand(
            pattern="served",
            work=Nanoseconds((1 + bits.take(10)) * UNIT),
            uses=(VdevUse(vdev="shm", name="notified", count=1),),
        )
        rows.append(thread(f"{name}/0", name, asking, vcpu=True))
        rows.append(thread(f"{name}/1", name, taking, vcpu=True))
        if bits.take(2):
            serving = Demand(pattern="served", work=Nanoseconds((1 + bits.take(6)) * UNIT))
            rows.append(thread(f"{name}.disk", name, serving, backs=(f"{name}.disk",)))
    serving = Demand(pattern="served", work=Nanoseconds((1 + bits.take(8)) * UNIT))
    rows.append(thread("blk", "", serving, backs=tuple(f"{name}.disk" for name in guests)))
    return cpus, exchanged(rows)


def played(
    given: Setting, threads: tuple[HostThread, ...], phases: list[int]
) -> tuple[Schedule, dict[str, int]]:
    """The schedule and the worst response of each thread; who does not serve begins at its phase."""
    running = [row for row in threads if not row.rests]
    numbers = {row.name: place for place, row in enumerate(running)}
    loads = [load_of(row, FREE, 0, 60 * MS, numbers) for row in running]
    parts = [
        load.part if load.thread.serves else replace(load.part, start_ns=phase * UNIT)
        for load, phase in zip(filter(None, loads), cycle(phases), strict=False)
    ]
    schedule = simulate(scenario_of(given, parts, 60 * MS), given.profile)
    jobs = jobs_of(parts, schedule)
    return schedule, {
        name: max((job.done - job.released for job in rows if job.done is not None), default=0)
        for name, rows in jobs.items()
    }


PROFILES = st.sampled_from((PUBLISHED, SDP71, SDP80, STRICT))
bounded: set[str] = set()


@settings(max_examples=300, deadline=None)
@given(systems(), PROFILES, st.lists(st.integers(0, 150), min_size=7, max_size=7))
def test_no_response_is_longer_than_its_bound(
    system: tuple[int, tuple[HostThread, ...]], profile: Profile, phases: list[int]
) -> None:
    """Of who asks, of who waits, of who serves, and of whoever is below them."""
    cpus, threads = system
    given = setting(profile, cpus)

    def bound(thread: HostThread, late: Delays) -> Bound:
        return response_bound(given, thread, threads, delays=late)

    delays = delays_of(threads, lambda thread, late: bound(thread, late).response_ns)
    schedule, worst = played(given, threads, phases)
    for number, thread in enumerate(row for row in threads if not row.rests):
        most = bound(thread, delays).response_ns
        if most is not None:
            bounded.add("serves" if thread.serves else "waits" if thread.waits else "asks")
            assert worst.get(thread.name, 0) <= most, thread.name
        waits = waits_of(thread, number, schedule)
        assert all(before.end <= after.start for before, after in pairwise(waits))
        assert all(wait.length > 0 for wait in waits)


def test_bounds_of_every_kind_were_held_against_runs() -> None:
    """A law of bounds that are never given would hold without end."""
    test_no_response_is_longer_than_its_bound()

    assert bounded == {"serves", "waits", "asks"}
