"""Nothing that is observed exceeds what analysis says, sporadic servers that evade or wait included."""

from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_strategies import Bits

from hvbuild.machine.bounds import response_bound, server_request
from hvbuild.machine.profiles import PUBLISHED, SDP71, STRICT, Profile
from hvbuild.machine.scenario import Burst, Scenario, Thread
from hvbuild.machine.scenario import Sporadic as Server
from hvbuild.machine.schedule import simulate
from hvbuild.machine.setting import Setting
from hvbuild.machine.threads import HostThread
from hvbuild.model.guest import Demand
from hvbuild.model.vm import Fifo, Sporadic
from hvbuild.units import Nanoseconds

MS = 1_000_000
UNIT = MS // 10


def setting(profile: Profile) -> Setting:
    """One CPU, a tick of a millisecond, no costs."""
    host = SimpleNamespace(tick=MS, partitions=None)
    found = SimpleNamespace(
        system=SimpleNamespace(host=host), profile=profile, cpus=1, speeds=(1024,), overhead_ns=lambda _: 0
    )
    return cast("Setting", found)


def declared(name: str, sched: Fifo | Sporadic, work: int, period: int) -> HostThread:
    demand = Demand(pattern="periodic", period=Nanoseconds(period), work=Nanoseconds(work))
    return HostThread(
        name=name, guest=name, number=0, sched=sched, cpus=frozenset((0,)), partition="System", demand=demand
    )


@st.composite
def crowds(draw: st.DrawFn) -> list[tuple[HostThread, int]]:
    """Threads of distinct priorities on one CPU, every other one a server, each with its first release."""
    rows = []
    for number, packed in enumerate(draw(st.lists(st.integers(0, (1 << 60) - 1), min_size=2, max_size=4))):
        bits = Bits(packed)
        period = (5 + bits.take(400)) * UNIT
        work = min((1 + bits.take(60)) * UNIT, period)
        prio = 10 + number
        sched: Fifo | Sporadic = Fifo(prio)
        if bits.take(2):
            budget = (1 + bits.take(5)) * MS
            sched = Sporadic(
                priority=prio,
                low_priority=1,
                max_replenishments=1 + bits.take(20),
                replenishment_period=Nanoseconds(budget + bits.take(30) * MS),
                initial_budget=Nanoseconds(budget),
            )
        rows.append((declared(f"t{number}", sched, work, period), bits.take(100) * UNIT))
    return rows


def played(crowd: list[tuple[HostThread, int]], profile: Profile) -> Scenario:
    threads = []
    for number, (thread, start) in enumerate(crowd):
        demand, sched = thread.demand, thread.sched
        assert demand is not None
        server = None
        if isinstance(sched, Sporadic):
            server = Server(
                low_prio=sched.low_priority,
                init_budget_ns=int(sched.initial_budget),
                repl_period_ns=int(sched.replenishment_period),
                max_repl=sched.max_replenishments,
            )
        threads.append(
            Thread(
                id=number,
                prio=thread.priority,
                policy="s" if server else "f",
                sporadic=server,
                bursts=(Burst(int(demand.work or 0), int(demand.period or 0), "n"),),
                start_ns=start,
            )
        )
    return Scenario(cpus=1, horizon_ns=400 * MS, threads=tuple(threads))


PROFILES = st.sampled_from((PUBLISHED, SDP71, STRICT))


@settings(max_examples=60, deadline=None)
@given(crowds(), PROFILES)
def test_no_response_is_longer_than_its_bound(crowd: list[tuple[HostThread, int]], profile: Profile) -> None:
    threads = [thread for thread, _ in crowd]
    seen = simulate(played(crowd, profile), profile, trace=False).threads
    for thread, total in zip(threads, seen, strict=True):
        bound = response_bound(setting(profile), thread, threads).response_ns
        if bound is not None:
            assert total.worst_response_ns <= bound


@settings(max_examples=60, deadline=None)
@given(crowds(), PROFILES)
def test_no_server_takes_more_than_its_request(crowd: list[tuple[HostThread, int]], profile: Profile) -> None:
    """At its own priority, in any window of its period."""
    threads = [thread for thread, _ in crowd]
    schedule = simulate(played(crowd, profile), profile)
    for number, thread in enumerate(threads):
        sched = thread.sched
        if not isinstance(sched, Sporadic):
            continue
        request = server_request(setting(profile), thread, threads)
        assert request is not None
        period = int(sched.replenishment_period)
        changes = [(0, thread.priority)]
        changes += [(time, prio) for time, who, prio in schedule.prio_changes if who == number]
        changes.append((schedule.scenario.horizon_ns, 0))
        runs = [
            (max(s.start, start), min(s.end, end))
            for (start, prio), (end, _) in pairwise(changes)
            for s in schedule.segments
            if prio == thread.priority and s.thread == number and s.start < end and s.end > start
        ]
        for at in (edge for run in runs for edge in (run[0], run[1] - period)):
            used = sum(max(0, min(e, at + period) - max(s, at)) for s, e in runs)

            assert used <= request(period)


@pytest.mark.parametrize("profile", [PUBLISHED, SDP71])
def test_a_server_that_ticks_never_see_bounds_nobody(profile: Profile) -> None:
    """Bursts of 0.9 ms between ticks: a budget of 2 ms in 20 is never charged, and 12 of 20 ms are taken."""
    sched = Sporadic(
        priority=20,
        low_priority=5,
        max_replenishments=10,
        replenishment_period=Nanoseconds(20 * MS),
        initial_budget=Nanoseconds(2 * MS),
    )
    crowd = [(declared("a", sched, 9 * UNIT, MS), 0), (declared("b", Fifo(10), 8 * MS, 20 * MS), 0)]
    threads = [thread for thread, _ in crowd]
    evading, victim = simulate(played(crowd, profile), profile).threads

    assert response_bound(setting(profile), threads[1], threads).response_ns is None
    assert evading.cpu_ns > 200 * MS  # of the 40 of 400 that its budget is; max_repl alone stops it
    assert victim.worst_response_ns > 12 * MS  # two budgets and its own work
    assert response_bound(setting(STRICT), threads[1], threads).response_ns == 12 * MS
