"""Published tables and witnesses: analysis and simulation against numbers of others."""

from collections.abc import Sequence

import pytest
from scenarios import HOG, hog, periodic, responses

from hvbuild.machine.analysis import (
    Task,
    busy_times,
    follower,
    global_bounds,
    partition_delay,
    response_from_arrival,
    response_time,
    sporadic_interference,
    utilisation,
)
from hvbuild.machine.measures import partition_measures
from hvbuild.machine.profiles import PUBLISHED, STRICT
from hvbuild.machine.scenario import Aps, Burst, Event, Partition, Scenario, Sporadic, Thread
from hvbuild.machine.schedule import Schedule, simulate

# C, T, D, B, J, R: the 18-task table of Audsley and others, 1993, as schedcat's tests carry it
AUD93 = (
    (51, 1000, 1000, 0, 0, 51),
    (3000, 2000000, 5000, 300, 0, 3504),
    (2000, 25000, 25000, 600, 0, 5906),
    (5000, 25000, 25000, 900, 0, 11512),
    (1000, 40000, 40000, 1350, 0, 13064),
    (3000, 50000, 50000, 1350, 0, 16217),
    (5000, 50000, 50000, 750, 0, 20821),
    (8000, 59000, 59000, 750, 0, 36637),
    (9000, 80000, 80000, 1350, 0, 47798),
    (2000, 80000, 80000, 450, 0, 48949),
    (5000, 100000, 100000, 1050, 0, 99150),
    (1000, 200000, 200000, 450, 1000, 99550),
    (3000, 200000, 200000, 450, 0, 140641),
    (1000, 200000, 200000, 450, 0, 141692),
    (1000, 200000, 200000, 1350, 0, 143694),
    (3000, 1000000, 1000000, 0, 0, 145446),
    (1000, 1000000, 1000000, 0, 0, 146497),
    (1000, 1000000, 1000000, 0, 0, 147548),
)
AUD93_SIMULATED = (
    51, 3204, 5306, 10561, 11612, 14765, 20071, 35836, 46397, 48499, 97998, 99100, 140191, 141242, 142293,
    145446, 146497, 147548,
)  # fmt: skip

UNIPROCESSOR = {
    "BW1": (((3, 7), (3, 12), (5, 20)), (3, 6, 20)),
    "BW-A": (((10, 30), (10, 40), (12, 50)), (10, 20, 52)),
    "BW-B": (((4, 16), (5, 40), (32, 80)), (4, 9, 58)),
    "BW-C": (((5, 20), (10, 40), (40, 80)), (5, 15, 80)),
    "LEH90": (((26, 70), (62, 100)), (26, 118)),
    "SC1": (((1, 4), (1, 5), (3, 9), (3, 18)), (1, 2, 7, 18)),
    "SC2": (((1, 2), (5, 20), (1, 20)), (1, 10, 12)),
    "EDN": (((5, 20), (10, 40), (12, 60)), (5, 15, 32)),
}


def tasks_of(pairs: Sequence[tuple[int, int]]) -> list[Task]:
    return [Task(cost=c, period=t) for c, t in pairs]


def test_aud93_bounds_with_blocking_and_jitter() -> None:
    tasks = [Task(cost=c, period=t, deadline=d, blocking=b, jitter=j) for c, t, d, b, j, _ in AUD93]

    assert [row[5] for row in AUD93] == [response_time(tasks, i) for i in range(18)]


def test_aud93_simulated_without_blocking_and_jitter() -> None:
    scenario = periodic([row[:2] for row in AUD93], horizon=6_000_000)

    assert responses(scenario) == AUD93_SIMULATED


@pytest.mark.parametrize("name", UNIPROCESSOR)
def test_uniprocessor_tables(name: str) -> None:
    pairs, expected = UNIPROCESSOR[name]
    tasks = tasks_of(pairs)

    assert tuple(response_time(tasks, i) for i in range(len(pairs))) == expected
    # BW-A's last deadline is missed, so later jobs wait behind it; its table is of the first ones
    horizon = 600 if name == "BW-A" else 20_000
    assert responses(periodic(pairs, horizon=horizon)) == expected


def test_bw1_hyperperiod() -> None:
    trace = (
        "0-3 a,3-6 b,6-7 c,7-10 a,10-12 c,12-14 b,14-17 a,17-18 b,18-20 c,20-21 c,21-24 a,24-27 b,27-28 c,"
        "28-31 a,31-34 c,35-38 a,38-41 b,41-42 c,42-45 a,45-48 c,48-49 b,49-52 a,52-54 b,54-55 c,56-59 a"
    )
    expected: list[list[int]] = []
    for part in trace.split(","):
        times, who = part.split()
        start, end = (int(t) for t in times.split("-"))
        if expected and expected[-1][0] == "abc".index(who) and expected[-1][2] == start:
            expected[-1][2] = end  # the schedule joins what the table splits between two jobs
        else:
            expected.append(["abc".index(who), start, end])
    schedule = simulate(periodic([(3, 7), (3, 12), (5, 20)], horizon=60), STRICT)

    assert expected == [[s.thread, s.start, s.end] for s in schedule.segments]


def test_leh90_all_seven_jobs() -> None:
    times = busy_times(tasks_of([(26, 70), (62, 100)]), 1)

    assert times == (114, 202, 316, 404, 518, 606, 694)
    # the fifth job is the worst, not the first: a witness against looking at the first job only
    assert [t - 100 * i for i, t in enumerate(times)] == [114, 102, 116, 104, 118, 106, 94]
    assert ends_of(1, simulate(periodic([(26, 70), (62, 100)], horizon=700), STRICT), 62) == times


def ends_of(thread: int, schedule: Schedule, cost: int) -> tuple[int, ...]:
    """When each job of `cost` was done."""
    ends, left = [], cost
    for s in schedule.segments:
        at = s.start
        while s.thread == thread and s.end - at >= left:
            at, left = at + left, cost
            ends.append(at)
        left -= s.end - at if s.thread == thread else 0
    return tuple(ends)


def test_a_deadline_is_missed_below_full_load() -> None:
    """BW-A: the third answers after 52 of 50, at a load of 0.82."""
    tasks = tasks_of(UNIPROCESSOR["BW-A"][0])

    assert round(float(utilisation(tasks)), 2) == 0.82
    assert [response_time(tasks, i) > task.due for i, task in enumerate(tasks)] == [False, False, True]  # type: ignore[operator]


def test_global_bounds_are_kept_by_the_simulation() -> None:
    pairs = [(1, 4), (1, 5), (3, 9), (9, 18)]
    for cpus, expected in ((2, (1, 1, 4, 15)), (3, (1, 1, 3, 12))):
        bounds = global_bounds(tasks_of(pairs), cpus)

        assert bounds == expected
        for seen, bound in zip(responses(periodic(pairs, cpus=cpus, horizon=2000)), bounds, strict=True):
            assert bound is not None
            assert seen <= bound


def test_global_bounds_where_every_task_carries_work_in() -> None:
    """GFP2: with slack two CPUs do, without it takes three."""
    tasks = tasks_of([(1, 4), (1, 5), (3, 9), (9, 18)])

    assert global_bounds(tasks, 2, carry_in_limit=False) == (1, 1, 4, 15)
    assert global_bounds(tasks, 2, carry_in_limit=False, slack=False)[3] is None
    assert global_bounds(tasks, 3, carry_in_limit=False, slack=False) == (1, 1, 3, 14)


def test_dhall_effect() -> None:
    """Misses although the load is about 1.31 of 2, and the longer the later."""
    pairs = [(2, 10), (2, 10), (10, 11)]

    assert round(float(utilisation(tasks_of(pairs))), 2) == 1.31
    assert [responses(periodic(pairs, cpus=2, horizon=h))[2] for h in (110, 1100)] == [23, 142]


def test_anomaly_of_a_longer_period() -> None:
    base = [(4, 12), (1, 3), (5, 8), (1, 6)]

    assert responses(periodic(base, cpus=2, horizon=5000)) == (4, 1, 7, 5)
    assert responses(periodic([(4, 13), *base[1:]], cpus=2, horizon=5000)) == (4, 1, 7, 6)
    assert responses(periodic([base[0], (1, 4), *base[2:]], cpus=2, horizon=5000)) == (4, 1, 6, 6)


def test_anomaly_of_offsets() -> None:
    pairs = [(1, 8), (1, 5), (4, 8), (4, 5)]

    assert responses(periodic(pairs, cpus=2, horizon=4000)) == (1, 1, 5, 5)
    assert responses(periodic(pairs, cpus=2, horizon=4000, offsets=(3, 0, 0, 2))) == (1, 1, 5, 6)


def test_anomaly_of_masks() -> None:
    """ANOM-M: who does less work makes another late."""
    masks = (1, 2, 3, 2)

    assert responses(periodic([(3, 8), (3, 12), (3, 6), (2, 10)], cpus=2, horizon=5000, masks=masks)) == (
        (3, 3, 6, 5)
    )
    assert responses(periodic([(3, 8), (2, 12), (3, 6), (2, 10)], cpus=2, horizon=5000, masks=masks)) == (
        (3, 2, 5, 7)
    )


def test_anomaly_of_a_wider_mask() -> None:
    pairs = [(1, 4), (2, 10), (3, 10), (1, 6)]

    assert responses(periodic(pairs, cpus=2, horizon=5000, masks=(3, 2, 2, 1))) == (1, 2, 5, 2)
    assert responses(periodic(pairs, cpus=2, horizon=5000, masks=(3, 2, 3, 1))) == (1, 3, 4, 5)


def test_anomaly_of_round_robin() -> None:
    def run(first: int) -> tuple[int, ...]:
        threads = tuple(
            Thread(id=i, prio=5, policy="r", bursts=(Burst(c, t, "n"),))
            for i, (c, t) in enumerate([(first, 10), (1, 10), (5, 20)])
        )
        scenario = Scenario(cpus=1, horizon_ns=4000, tick_ns=1, rr_mult=2, threads=threads)
        return responses(scenario)

    before, after = run(6), run(5)

    assert before == (11, 3, 12)
    assert after == (10, 4, 11)  # less work for the first, a later answer for the second


# --- sporadic servers ------------------------------------------------------------------------------


def server(
    demands: Sequence[tuple[int, int]], *, busy: tuple[int, int] | None = None, c: int = 10, t: int = 40
) -> Scenario:
    """A server of budget `c` per `t` above a hog; `busy` is when a higher thread runs."""
    parameters = Sporadic(low_prio=1, init_budget_ns=c, repl_period_ns=t, max_repl=20)
    threads = [
        Thread(
            id=0,
            prio=5,
            policy="s",
            sporadic=parameters,
            start_ns=demands[0][0],
            loop=False,
            bursts=tuple(Burst(units, 0, "w") for _, units in demands),
        ),
        hog(1, 3, policy="f"),
    ]
    if busy is not None:
        burst = Burst(busy[1] - busy[0], 1)
        threads.append(Thread(id=2, prio=9, policy="f", bursts=(burst,), start_ns=busy[0], loop=False))
    events = tuple(Event(t_ns=time, op="wake", thread=0) for time, _ in demands[1:])
    return Scenario(cpus=1, horizon_ns=130, tick_ns=1, threads=tuple(threads), events=events)


def high_segments(schedule: Schedule) -> list[tuple[int, int]]:
    return [(s.start, s.end) for s in schedule.segments if s.thread == 0 and s.end < 120]


def test_never_blocking_server_gets_exactly_its_budget_per_period() -> None:
    for profile in (PUBLISHED, STRICT):
        segments = high_segments(simulate(server([(0, HOG)]), profile))

        assert segments == [(0, 10), (40, 50), (80, 90)]


def test_back_to_back_budgets() -> None:
    demands = [(0, 1), (31, 9), (40, 20)]

    assert high_segments(simulate(server(demands), PUBLISHED)) == [(0, 1), (31, 50), (80, 90)]
    assert high_segments(simulate(server(demands), STRICT))[:3] == [(0, 1), (31, 41), (71, 81)]


def test_premature_replenishment() -> None:
    segments = high_segments(simulate(server([(0, 30)], busy=(1, 31)), STRICT))

    assert segments == [(0, 1), (31, 50), (80, 90)]  # 19 units at a stretch from a budget of 10


def test_replenishments_of_the_posix_rule() -> None:
    schedule = simulate(server([(2, 2), (6, 2)], c=2, t=8), STRICT)

    assert [(s.start, s.end) for s in schedule.segments if s.thread == 0] == [(2, 4), (10, 12)]


def test_server_under_preemption_passes_its_documented_share() -> None:
    assert sporadic_interference(10, 40, 40, posix=True) == 10
    assert sporadic_interference(10, 40, 40, posix=False) == 20
    segments = high_segments(simulate(server([(0, 1), (31, 9), (40, 20)]), PUBLISHED))
    worst = max(
        sum(min(e, start + 40) - max(s, start) for s, e in segments if e > start and s < start + 40)
        for start in range(80)
    )

    assert worst == 19  # 2C - 1 of the C = 10 that the manual promises


def aperiodic(
    periodic_tasks: Sequence[tuple[int, int]],
    place: int,
    budget: tuple[int, int],
    requests: Sequence[tuple[int, int]],
    *,
    max_repl: int = 20,
    horizon: int = 40,
) -> list[tuple[int, int]]:
    """When a POSIX server at `place` of rate-monotonic tasks runs; no service below, a hog has the rest."""
    threads = [
        Thread(id=1 + i, prio=20 - 2 * i - (i >= place), policy="f", bursts=(Burst(c, t, "n"),))
        for i, (c, t) in enumerate(periodic_tasks)
    ]
    parameters = Sporadic(low_prio=1, init_budget_ns=budget[0], repl_period_ns=budget[1], max_repl=max_repl)
    bursts = tuple(Burst(units, 0, "w") for _, units in requests)
    threads.append(
        Thread(
            id=0,
            prio=20 - 2 * place,
            policy="s",
            sporadic=parameters,
            start_ns=requests[0][0],
            loop=False,
            bursts=bursts,
        )
    )
    threads.append(hog(99, 2, policy="f"))
    events = tuple(Event(t_ns=time, op="wake", thread=0) for time, _ in requests[1:])
    scenario = Scenario(cpus=1, horizon_ns=horizon, tick_ns=1, threads=tuple(threads), events=events)
    return [(s.start, s.end) for s in simulate(scenario, STRICT).segments if s.thread == 0]


def test_sporadic_server_of_medium_priority() -> None:
    """BUT-5.17, and a third request that shows the capacity left (1) and what comes back at 14 (2)."""
    found = aperiodic([(1, 5), (4, 15)], 1, (5, 10), [(4, 2), (8, 2), (12, 4)])

    assert found == [(4, 5), (6, 7), (8, 10), (12, 13), (14, 15), (16, 17), (18, 19)]


def test_sporadic_server_of_highest_priority() -> None:
    """BUT-5.18: 2-4, capacity back at 10, again at 18."""
    found = aperiodic([(3, 10), (4, 15)], 0, (2, 8), [(2, 2), (5, 2), (13, 2)])

    assert found == [(2, 4), (10, 12), (18, 20)]


def test_sporadic_server_below_two_tasks() -> None:
    """LIU-7.8 in half units, up to the rule for an idle system, which POSIX does not have."""
    found = aperiodic([(1, 6), (2, 8), (9, 38)], 2, (3, 10), [(6, 3), (14, 8)], horizon=28)

    assert found == [(7, 8), (10, 12), (19, 22), (27, 28)]


@pytest.mark.parametrize(("max_repl", "expected"), [(1, [(0, 1), (40, 49), (80, 86)]), (20, None)])
def test_finite_replenishments_erode_the_budget(
    max_repl: int, expected: list[tuple[int, int]] | None
) -> None:
    """SS (c): one unit every five; a single replenishment makes it wait, many serve it at once."""
    requests = [(5 * i, 1) for i in range(16)]
    found = aperiodic([], 0, (10, 40), requests, max_repl=max_repl, horizon=120)

    assert found == (expected or [(time, time + 1) for time, _ in requests])


def test_chained_tasks_with_jitter() -> None:
    """CPA1: two resources; the second one's jitters are what the first one's responses vary by."""
    first = [Task(cost=10, period=30, jitter=5), Task(cost=3, period=15, jitter=6)]
    second = [follower(first[0], 10, best=5, cost=2), follower(first[1], 13, best=1, cost=9)]

    assert [response_from_arrival(first, i) for i in range(2)] == [10, 13]
    assert busy_times(first, 1) == (13, 16)
    assert [response_from_arrival(second, i) for i in range(2)] == [2, 19]
    assert busy_times(second, 1) == (11, 20, 31, 40)


# --- partitions ------------------------------------------------------------------------------------


def shares(
    budgets: tuple[int, int],
    prios: tuple[int | None, int | None, int | None],
    *,
    flags: int = 0,
    horizon_ms: int = 1000,
) -> tuple[float, ...]:
    threads = tuple(hog(i, p, partition=i) for i, p in enumerate(prios) if p is not None)
    threads = tuple(
        Thread(id=n, prio=t.prio, bursts=t.bursts, partition=t.partition) for n, t in enumerate(threads)
    )
    aps = Aps(
        partitions=(Partition(name="Pa", budget=budgets[0]), Partition(name="Pb", budget=budgets[1])),
        policy_flags=flags,
    )
    scenario = Scenario(cpus=1, horizon_ns=horizon_ms * 1_000_000, threads=threads, aps=aps)
    return tuple(p.used_percent for p in partition_measures(simulate(scenario, PUBLISHED)))


def test_aps_full() -> None:
    for prios in ((10, 9, 8), (8, 9, 10), (5, 5, 5)):
        assert shares((20, 10), prios, horizon_ms=2000) == pytest.approx((70, 20, 10), abs=1.0)


def test_aps_free_time_goes_by_priority() -> None:
    assert shares((20, 10), (None, 9, 10)) == pytest.approx((0, 20, 80), abs=1.5)


def test_aps_free_time_by_ratio() -> None:
    assert shares((20, 10), (None, 9, 10), flags=1) == pytest.approx((0, 66.7, 33.3), abs=1.0)


def test_aps_zero_budget() -> None:
    busy = shares((0, 30), (9, 200, 9))
    free = shares((0, 30), (None, 200, 9))

    assert busy[1] == pytest.approx(0, abs=0.2)
    assert free[1] == pytest.approx(70, abs=1.5)


def test_partition_delays_of_the_manual() -> None:
    assert partition_delay(100, (70, 20, 10)) == 160
