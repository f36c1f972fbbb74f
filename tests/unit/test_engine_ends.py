"""A thread is ended from outside: whatever it is at, it is gone, and who waited for its CPU has it."""

from dataclasses import replace

import pytest
from scenarios import hog

from hvbuild.machine.measures import lock_holder_preemptions
from hvbuild.machine.profiles import PROFILES, PUBLISHED, SDP71, STRICT, Profile
from hvbuild.machine.scenario import Aps, Burst, Event, Partition, Scenario, Sporadic, Thread
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import Costs, Schedule, Segment, simulate

MS = 1_000_000
LATER = hog(1, 5, policy="f")
SERVER = Sporadic(low_prio=3, init_budget_ns=2 * MS, repl_period_ns=9 * MS, max_repl=4)


def one(prio: int, *bursts: Burst, **more: object) -> Thread:
    fields = {"id": 0, "prio": prio, "policy": "f", "bursts": bursts, **more}
    return Thread(**fields)  # type: ignore[arg-type]


BRIEF = Thread(id=1, prio=12, policy="f", bursts=(Burst(10 * MS, 0, "c"),), start_ns=8 * MS, loop=False)
# What thread 0 is at when it is ended at 10.3 ms, beside a lower hog, or a higher one from 8 to 18 ms.
AT = 10 * MS + 300_000
STATES = {
    "running": (one(9, Burst(90 * MS, 0, "c")),),
    "running in slices": (one(9, Burst(90 * MS, 0, "c"), policy="r"), hog(1, 9)),
    "ready": (one(9, Burst(90 * MS, 0, "c")), BRIEF),
    "not begun": (one(9, Burst(MS, MS, "i"), start_ns=15 * MS), LATER),
    "to be woken": (one(9, Burst(MS, 15 * MS, "i")), LATER),
    "to be released": (one(9, Burst(MS, 15 * MS, "n")), LATER),
    "asleep": (one(9, Burst(MS, 15 * MS, "t")), LATER),
    "halted in place": (one(9, Burst(MS, 15 * MS, "h")), LATER),
    "halted, ready": (one(9, Burst(MS, 15 * MS, "h")), BRIEF),
    "waiting": (one(9, Burst(MS, 0, "w")), Thread(id=1, prio=5, policy="f", bursts=(Burst(6 * MS, 0, "p"),))),
    "reply": (one(9, Burst(MS, 0, "m")), Thread(id=1, prio=5, policy="f", bursts=(Burst(6 * MS, 0, "p"),))),
    "a server": (one(9, Burst(MS, MS, "i"), policy="s", sporadic=SERVER), LATER),
    "a dropped server": (one(9, Burst(9 * MS, MS, "i"), policy="s", sporadic=SERVER), LATER),
    "a server that runs": (one(9, Burst(9 * MS, MS, "i"), policy="s", sporadic=SERVER),),
}


def ended(
    threads: tuple[Thread, ...], *who: int, at: int = AT, cpus: int = 1, aps: Aps | None = None
) -> Scenario:
    ends = tuple(Event(t_ns=at, op="end", thread=thread) for thread in who)
    return Scenario(cpus=cpus, horizon_ns=60 * MS, threads=threads, events=ends, aps=aps)


def after(schedule: Schedule, time: int) -> dict[int, int]:
    """What each thread ran from `time` on."""
    found: dict[int, int] = {}
    for s in schedule.segments:
        if s.end > time and not s.is_overhead:
            found[s.thread] = found.get(s.thread, 0) + s.end - max(s.start, time)
    return found


def left_to(threads: tuple[Thread, ...]) -> dict[int, int]:
    """What the others run once thread 0 has ended."""
    return {other.id: (18 if other is BRIEF else 60) * MS - AT for other in threads[1:]}


def until(schedule: Schedule, time: int) -> list[Segment]:
    return [s._replace(end=min(s.end, time)) for s in schedule.segments if s.start < time]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda one: one.name)
@pytest.mark.parametrize("state", STATES)
def test_a_thread_ends_in_any_state(state: str, profile: Profile) -> None:
    scenario = ended(STATES[state], 0)
    calm = simulate(replace(scenario, events=()), profile)
    schedule = simulate(scenario, profile)

    assert after(calm, AT).get(0)
    assert after(schedule, AT) == left_to(scenario.threads)
    assert schedule.threads[0].ready_since is None
    assert until(schedule, AT) == until(calm, AT)


@pytest.mark.parametrize("profile", [PUBLISHED, SDP71], ids=lambda one: one.name)
@pytest.mark.parametrize("state", STATES)
def test_a_thread_ends_in_its_partition(state: str, profile: Profile) -> None:
    aps = Aps(partitions=(Partition(name="A", budget=40),), window_ms=10)
    threads = (replace(STATES[state][0], partition=1), *STATES[state][1:])
    schedule = simulate(ended(threads, 0, aps=aps), profile)

    assert after(schedule, AT) == left_to(threads)


LOCKED = (Burst(MS, 7, "k"), Burst(20 * MS, 7, "u"), Burst(MS, MS, "i"))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda one: one.name)
def test_a_lock_is_free_when_its_holder_has_ended(profile: Profile) -> None:
    """The spinner has it at once; ended as well, it leaves it to a thread that comes later."""
    pair = (one(9, *LOCKED, runmask=1), Thread(id=1, prio=9, policy="f", bursts=LOCKED, runmask=2))
    third = Thread(id=2, prio=9, policy="f", bursts=LOCKED, runmask=2, start_ns=15 * MS)
    alone = simulate(ended(pair, 0, cpus=2), profile)
    both = simulate(ended((*pair, third), 0, 1, cpus=2), profile)

    assert alone.threads[1].spin_ns == AT - MS
    assert 0 < both.threads[1].spin_ns <= AT - MS
    assert set(after(both, AT)) == {2}
    assert both.threads[2].spin_ns == 0
    assert both.threads[2].jobs == 1


def test_a_holder_that_waits_for_its_cpu_frees_its_lock() -> None:
    """It is preempted with the lock until it ends, and no longer: the absence ends there."""
    threads = (
        one(9, *LOCKED, runmask=1),
        Thread(id=1, prio=9, policy="f", bursts=LOCKED, runmask=2),
        hog(2, 12, start_ns=8 * MS, runmask=1),
    )
    schedule = simulate(ended(threads, 0, cpus=2), STRICT)
    (row,) = lock_holder_preemptions(schedule)

    assert (row.holder, row.spinner, row.window.start, row.window.end) == (0, 1, 8 * MS, AT)
    assert row.spun_ns == AT - 8 * MS
    assert schedule.threads[1].spin_ns == AT - MS


def test_a_ready_thread_has_waited_until_its_end() -> None:
    schedule = simulate(ended(STATES["ready"], 0), PUBLISHED)

    assert (schedule.threads[0].longest_ready_at, schedule.threads[0].longest_ready_ns) == (
        8 * MS,
        AT - 8 * MS,
    )


@pytest.mark.parametrize("profile", PROFILES, ids=lambda one: one.name)
def test_a_server_that_has_ended_is_not_refilled(profile: Profile) -> None:
    """Dropped at 2 ms or at the tick after, ended before its budget comes back at 9 ms."""
    threads = STATES["a dropped server"]
    calm = simulate(ended(threads), profile)
    schedule = simulate(ended(threads, 0, at=5 * MS + 300_000), profile)

    assert [prio for _, _, prio in calm.prio_changes[:2]] == [3, 9]
    assert [prio for _, _, prio in schedule.prio_changes] == [3]


def test_no_scenario_file_ends_a_thread() -> None:
    thread = {"id": 0, "prio": 9, "policy": "f", "bursts": [[1, 1]]}
    events = [{"t": 5, "op": "end", "thread": 0}]
    scenario, faults = read_scenario({"cpus": 1, "horizon_ns": 10, "threads": [thread], "events": events})

    assert scenario is None
    assert [fault.path for fault in faults] == ["events[0].op"]


@pytest.mark.laws
def test_the_compiled_engine_ends_threads_alike() -> None:
    pytest.importorskip("numba")
    for threads in STATES.values():
        for profile in PROFILES:
            for costs in (Costs(), Costs(switch_ns=900, ipi_ns=300, interrupt_ns=1500)):
                scenario = ended(threads, 0)
                plain = simulate(scenario, profile, costs=costs)
                assert plain == simulate(scenario, profile, costs=costs, fast=True)
