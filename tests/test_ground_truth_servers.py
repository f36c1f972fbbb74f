"""What servers and partitions of the published kernel take beyond their budgets, number for number."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scenarios import HOG, hog, periodic, responses
from test_ground_truth import server

from hvbuild.machine.analysis import Task, response_time, supply_bound
from hvbuild.machine.profiles import PUBLISHED, SDP71, STRICT, Profile
from hvbuild.machine.scenario import Aps, Burst, Partition, Scenario, Sporadic, Thread
from hvbuild.machine.schedule import simulate

MS = 1_000_000


def most_in_a_window(scenario: Scenario, profile: Profile, window: int = 40) -> int:
    """The most that thread 0 runs in any window; below its hog it runs at its normal priority only."""
    runs = [(s.start, s.end) for s in simulate(scenario, profile).segments if s.thread == 0]
    starts = [edge for run in runs for edge in (run[0], run[1] - window)]
    return max(sum(max(0, min(e, at + window) - max(s, at)) for s, e in runs) for at in starts)


@pytest.mark.parametrize("profile", [PUBLISHED, SDP71])
def test_a_displaced_server_takes_nearly_three_budgets(profile: Profile) -> None:
    """WINDOW-MAX 28 of 10: it waits while its refill falls due, and is refilled again when exhausted."""
    displaced = server([(0, 1), (11, 36)], busy=(4, 32))

    assert most_in_a_window(displaced, profile) == 28


def test_a_displaced_posix_server_takes_two_budgets() -> None:
    """WINDOW-MAX 20 of 10: all it had saved, then what comes back one period after its activation."""
    assert most_in_a_window(server([(0, HOG)], busy=(0, 30)), STRICT) == 20


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(5, 24)), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_a_schedulable_set_stays_so_with_a_server_in_the_place_of_a_task(
    pairs: list[tuple[int, int]], which: int
) -> None:
    """SSL89-T, strict: the server takes no more than the task, though its requests come as they like."""
    which %= len(pairs)
    tasks = [Task(cost=c, period=t) for c, t in pairs]
    bounds = [response_time(tasks, i) for i in range(len(pairs))]
    assume(all(b is not None and b <= t.period for b, t in zip(bounds, tasks, strict=True)))
    base = periodic(pairs, horizon=600)
    cost, period = pairs[which]
    threads = list(base.threads)
    parameters = Sporadic(low_prio=1, init_budget_ns=cost, repl_period_ns=period, max_repl=100)
    threads = [
        Thread(id=t.id, prio=t.prio + 2, policy="f", bursts=t.bursts) if t.id != which else t for t in threads
    ]
    own = threads[which]
    wild = tuple(Burst(1 + 7 * i % (2 * cost), 1 + 5 * i % period) for i in range(9))
    threads[which] = Thread(id=own.id, prio=own.prio + 2, policy="s", sporadic=parameters, bursts=wild)
    threads.append(hog(len(threads), 2, policy="f"))
    seen = responses(Scenario(cpus=1, horizon_ns=600, tick_ns=1, threads=tuple(threads)))

    for number, bound in enumerate(bounds):
        assert number == which or (bound is not None and seen[number] <= pairs[number][1])


def shared(
    budgets: tuple[int, ...],
    threads: tuple[tuple[int, int], ...],
    *,
    cpus: int = 1,
    flags: int = 0,
    mask: int | None = None,
) -> list[int]:
    """CPU time in ms of each (partition, priority) hog over ten windows."""
    named = tuple(Partition(name=f"P{i}", budget=b) for i, b in enumerate(budgets))
    scenario = Scenario(
        cpus=cpus,
        horizon_ns=1000 * MS,
        threads=tuple(hog(i, p, partition=part, runmask=mask) for i, (part, p) in enumerate(threads)),
        aps=Aps(partitions=named, policy_flags=flags),
    )
    return [round(t.cpu_ns / MS) for t in simulate(scenario, PUBLISHED).threads]


@pytest.mark.parametrize("prios", [(20, 15, 10), (10, 15, 20), (9, 9, 9)])
def test_measured_shares_when_all_are_busy(prios: tuple[int, int, int]) -> None:
    a, b, system = prios

    assert shared((30, 60), ((1, a), (2, b), (0, system))) == [300, 600, 100]


def test_measured_shares_while_system_sleeps() -> None:
    """The low partition is held back a tick early; by ratio both share what System leaves."""
    assert shared((30, 60), ((1, 10), (2, 20))) == [290, 710]
    assert shared((30, 60), ((1, 10), (2, 20)), flags=1) == pytest.approx([333, 667], abs=8)


def test_measured_shares_of_partitions_pinned_to_one_of_two_cpus() -> None:
    """A budget of all CPUs lets the first have one whole; BMP_SAFETY makes it one CPU wide."""
    assert shared((51, 49), ((1, 20), (2, 10)), cpus=2, mask=1) == pytest.approx([990, 10], abs=2)
    assert shared((51, 49), ((1, 20), (2, 10)), cpus=2, mask=1, flags=2) == pytest.approx([510, 490], abs=5)


def test_the_supply_of_a_reservation() -> None:
    """The least of any window: nothing for twice the gap, then one supply per period."""
    assert [supply_bound(10, 4, w) for w in (6, 12, 13, 16, 22, 26)] == [0, 0, 1, 4, 4, 8]


@given(st.integers(1, 12), st.integers(0, 12), st.integers(0, 80))
def test_the_supply_bound_is_the_least_supply(supply: int, gap: int, window: int) -> None:
    """Against the worst reservation spelled out: first supply as early, all later ones as late as can be."""
    period = supply + gap
    given_at = [t for k in range(1, 90) for t in range(period * k + gap, period * k + period)]

    assert supply_bound(period, supply, window) == sum(supply <= t < supply + window for t in given_at)
