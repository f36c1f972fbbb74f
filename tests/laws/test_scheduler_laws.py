"""Properties of schedules as laws, each for the profiles in which it holds; witnesses where it does not.

Numbers are those of the list of properties the model is built to.
"""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive_scheduler import specified_segments
from scenario_strategies import fates, fixed_scenarios, scenarios
from scenarios import HOG, hog, periodic, responses

import hvbuild.machine.schedule as machine
from hvbuild.machine.analysis import partition_supply
from hvbuild.machine.measures import cpu_measures, starvations
from hvbuild.machine.profiles import PUBLISHED, SDP71, SDP80, STRICT, Profile
from hvbuild.machine.scenario import Aps, Burst, Partition, Scenario, Sporadic, Thread
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import GUEST, HALTING, Costs, Schedule, Segment, join, schedule_json, simulate

FEW = settings(max_examples=12, deadline=None)
MANY = settings(max_examples=60, deadline=None)
MS = 1_000_000
TICKED = st.sampled_from((PUBLISHED, SDP71, SDP80))
WITH_PARTITIONS = st.sampled_from((PUBLISHED, SDP71))
COSTS = st.sampled_from((Costs(), Costs(switch_ns=900, ipi_ns=300, migration_ns=500, interrupt_ns=1500)))


def bare(schedule: Schedule) -> list[tuple[int, ...]]:
    return [tuple(s) for s in schedule.segments]


# --- A. structure (1-13), all profiles ----------------------------------------------------------------


def check_structure(schedule: Schedule) -> None:
    scenario = schedule.scenario
    masks = {t.id: t.runmask or scenario.all_cpus for t in scenario.threads}
    free_cpu = [0] * scenario.cpus
    free_thread = dict.fromkeys(masks, 0)
    ran = dict.fromkeys(masks, 0)
    for s in schedule.segments:
        assert 0 <= s.start < s.end <= scenario.horizon_ns  # 1
        assert s.start >= free_cpu[s.cpu]  # 2
        assert s.start >= free_thread[s.thread]  # 3
        assert masks[s.thread] >> s.cpu & 1  # 6
        free_cpu[s.cpu] = free_thread[s.thread] = s.end
        ran[s.thread] += s.end - s.start
    for c in cpu_measures(schedule):
        assert c.busy_ns + c.overhead_ns + c.idle_ns == scenario.horizon_ns  # 4
        assert c.idle_ns >= 0
    assert ran == schedule.cpu_time_ns  # 5: nothing is run twice or lost
    assert sum(ran.values()) <= scenario.cpus * scenario.horizon_ns  # 53


@FEW
@given(scenarios(), st.sampled_from((PUBLISHED, SDP71, SDP80, STRICT)))
def test_structure_without_partitions(scenario: Scenario, profile: Profile) -> None:
    check_structure(simulate(scenario, profile))


@FEW
@given(scenarios(partitions=True), WITH_PARTITIONS)
def test_structure_with_partitions(scenario: Scenario, profile: Profile) -> None:
    check_structure(simulate(scenario, profile))


def test_a_mask_naming_a_missing_cpu_is_refused() -> None:
    thread = {"id": 0, "prio": 5, "policy": "f", "runmask": 4, "bursts": [[1, 1, "i"]]}
    scenario, faults = read_scenario({"cpus": 2, "horizon_ns": 10, "threads": [thread]})

    assert scenario is None
    assert [f.path for f in faults] == ["threads[0].runmask"]


@FEW
@given(scenarios(partitions=True), WITH_PARTITIONS)
def test_the_same_input_gives_the_same_schedule(scenario: Scenario, profile: Profile) -> None:
    assert schedule_json(simulate(scenario, profile)) == schedule_json(simulate(scenario, profile))  # 8


@FEW
@given(fixed_scenarios(masks=False), st.randoms(use_true_random=False))
def test_renaming_threads_renames_the_schedule(scenario: Scenario, random: object) -> None:
    """9, strict: threads without ties (distinct priorities, odd times) under any names."""
    count = len(scenario.threads)
    apart = tuple(
        replace(
            t,
            prio=10 + i,
            start_ns=t.start_ns * 1000 + 7 * i,
            bursts=tuple(Burst(b.run_ns * 1000 + 13 * i + 1, b.value * 1000 + 31 * i + 3) for b in t.bursts),
        )
        for i, t in enumerate(scenario.threads)
    )
    base = replace(scenario, threads=apart, cpus=1, horizon_ns=100_000)
    names = list(range(count))
    random.shuffle(names)  # type: ignore[attr-defined]
    renamed = replace(base, threads=tuple(replace(t, id=names[t.id]) for t in apart))
    expected = [(s.cpu, names[s.thread], s.start, s.end, s.mode) for s in simulate(base, STRICT).segments]

    assert expected == bare(simulate(renamed, STRICT))


def scaled(scenario: Scenario, k: int) -> Scenario:
    def server(s: Sporadic | None) -> Sporadic | None:
        if s is None:
            return None
        return replace(s, init_budget_ns=s.init_budget_ns * k, repl_period_ns=s.repl_period_ns * k)

    threads = tuple(
        replace(
            t,
            start_ns=t.start_ns * k,
            sporadic=server(t.sporadic),
            bursts=tuple(replace(b, run_ns=b.run_ns * k, value=b.value * k) for b in t.bursts),
        )
        for t in scenario.threads
    )
    return replace(
        scenario, tick_ns=scenario.tick_ns * k, horizon_ns=scenario.horizon_ns * k, threads=threads
    )


@FEW
@given(scenarios(), st.sampled_from((PUBLISHED, SDP71, SDP80, STRICT)), st.integers(2, 5))
def test_scaling_all_times_scales_the_schedule(scenario: Scenario, profile: Profile, k: int) -> None:
    expected = [
        (s.cpu, s.thread, s.start * k, s.end * k, s.mode) for s in simulate(scenario, profile).segments
    ]

    assert expected == bare(simulate(scaled(scenario, k), profile))  # 10


@FEW
@given(scenarios(), TICKED, st.integers(1, 5))
def test_shifting_all_starts_by_ticks_shifts_the_schedule(
    scenario: Scenario, profile: Profile, ticks: int
) -> None:
    assume(not any(t.policy == "s" for t in scenario.threads))  # an activation may lie before the start
    shift = ticks * scenario.tick_ns
    threads = tuple(replace(t, start_ns=t.start_ns + shift) for t in scenario.threads)
    later = replace(scenario, threads=threads, horizon_ns=scenario.horizon_ns + shift)
    expected = [
        (s.cpu, s.thread, s.start + shift, s.end + shift, s.mode)
        for s in simulate(scenario, profile).segments
    ]

    assert expected == bare(simulate(later, profile))  # 11


@FEW
@given(scenarios(partitions=True), WITH_PARTITIONS, st.integers(1, 29 * MS))
def test_a_shorter_horizon_gives_a_prefix(scenario: Scenario, profile: Profile, horizon: int) -> None:
    expected = [
        s._replace(end=min(s.end, horizon)) for s in simulate(scenario, profile).segments if s.start < horizon
    ]

    assert expected == list(simulate(replace(scenario, horizon_ns=horizon), profile).segments)  # 12


@FEW
@given(scenarios(), st.sampled_from((PUBLISHED, SDP71, SDP80, STRICT)))
def test_a_thread_that_never_starts_changes_nothing(scenario: Scenario, profile: Profile) -> None:
    extra = hog(len(scenario.threads), 200, start_ns=scenario.horizon_ns)
    more = replace(scenario, threads=(*scenario.threads, extra))

    assert bare(simulate(scenario, profile)) == bare(simulate(more, profile))  # 13


@FEW
@given(scenarios(), st.sampled_from((PUBLISHED, SDP71, SDP80, STRICT)))
def test_a_cpu_outside_all_masks_changes_nothing(scenario: Scenario, profile: Profile) -> None:
    pinned = tuple(replace(t, runmask=t.runmask or scenario.all_cpus) for t in scenario.threads)
    base = replace(scenario, threads=pinned)

    assert bare(simulate(base, profile)) == bare(simulate(replace(base, cpus=base.cpus + 1), profile))  # 13


@st.composite
def with_ends(draw: st.DrawFn, *, partitions: bool = False) -> Scenario:
    """A scenario some of whose threads are ended from outside."""
    scenario = draw(scenarios(partitions=partitions))
    ends = draw(fates(len(scenario.threads), scenario.cpus, scenario.horizon_ns, 10_007))
    return replace(scenario, events=ends)


def check_ends(scenario: Scenario, profile: Profile, costs: Costs) -> None:
    schedule = simulate(scenario, profile, costs=costs)
    calm = simulate(replace(scenario, events=()), profile, costs=costs)
    check_structure_of_time(schedule)
    for end in scenario.events:
        assert all(s.end <= end.t_ns for s in schedule.segments if s.thread == end.thread)
        assert schedule.threads[end.thread].ready_since is None
    first = min((event.t_ns for event in scenario.events), default=scenario.horizon_ns)
    cut = [
        tuple(s._replace(end=min(s.end, first)) for s in one.segments if s.start < first)
        for one in (schedule, calm)
    ]
    assert cut[0] == cut[1]


def check_structure_of_time(schedule: Schedule) -> None:
    """No pCPU is in two hands, and every nanosecond is somebody's."""
    free = [0] * schedule.scenario.cpus
    for s in schedule.segments:
        assert free[s.cpu] <= s.start < s.end
        free[s.cpu] = s.end
    for c in cpu_measures(schedule):
        assert c.busy_ns + c.overhead_ns + c.idle_ns == schedule.scenario.horizon_ns
        assert c.idle_ns >= 0
    assert sum(c.busy_ns for c in cpu_measures(schedule)) == sum(schedule.cpu_time_ns.values())


@MANY
@given(with_ends(), st.sampled_from((PUBLISHED, SDP71, SDP80, STRICT)), COSTS)
def test_a_thread_that_has_ended_gets_nothing_and_changes_nothing_before(
    scenario: Scenario, profile: Profile, costs: Costs
) -> None:
    check_ends(scenario, profile, costs)


@MANY
@given(with_ends(partitions=True), WITH_PARTITIONS, COSTS)
def test_a_thread_that_has_ended_gets_nothing_with_partitions(
    scenario: Scenario, profile: Profile, costs: Costs
) -> None:
    check_ends(scenario, profile, costs)


# --- B. priority, FIFO, round-robin (14-23) ----------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(fixed_scenarios(ends=True))
def test_strict_is_the_specification(scenario: Scenario) -> None:
    """14-18 in `strict`: the readable specification, which scans everything, says the same."""
    found = [tuple(s)[:4] for s in simulate(scenario, STRICT).segments]

    assert specified_segments(scenario) == found


@settings(max_examples=40, deadline=None)
@given(fixed_scenarios())
def test_the_lean_engine_is_the_full_engine(scenario: Scenario) -> None:
    lean = simulate(scenario, STRICT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "is_lean", lambda *_: False)
        full = simulate(scenario, STRICT)

    assert full.segments == lean.segments
    assert [(t.cpu_ns, t.jobs, t.responses_ns, t.worst_response_ns, t.ready_since) for t in full.threads] == [
        (t.cpu_ns, t.jobs, t.responses_ns, t.worst_response_ns, t.ready_since) for t in lean.threads
    ]


def starved_beside_lower(schedule: Schedule, thread: int) -> bool:
    """True when a lower thread, or nobody, held a CPU of `thread` while that was READY."""
    prios = {t.id: t.prio for t in schedule.scenario.threads}
    for one in starvations(schedule, 0):
        if one.thread == thread:
            mask = next(t.runmask for t in schedule.scenario.threads if t.id == thread)
            allowed = (mask or schedule.scenario.all_cpus).bit_count() * one.window.length
            return sum(ns for _, ns in one.instead) < allowed or any(
                prios[other] < prios[thread] for other, _ in one.instead
            )
    return False


def displaced_scenario() -> Scenario:
    """A thread displaced from one CPU while a lower one runs on the other."""
    threads = (
        Thread(id=0, prio=10, policy="f", bursts=(Burst(8 * MS, 50 * MS),)),
        Thread(id=1, prio=5, policy="f", bursts=(Burst(8 * MS, 50 * MS),), runmask=2, start_ns=MS),
        Thread(id=2, prio=20, policy="f", bursts=(Burst(3 * MS, 50 * MS),), runmask=1, start_ns=2 * MS),
    )
    return Scenario(cpus=2, horizon_ns=16 * MS, threads=threads)


def test_witness_published_leaves_a_displaced_thread_waiting_beside_a_lower_one() -> None:
    """14, 15: laws in `strict`; in `published` and `sdp71` nobody offers the displaced thread elsewhere."""
    assert starved_beside_lower(simulate(displaced_scenario(), PUBLISHED), 0)
    assert starved_beside_lower(simulate(displaced_scenario(), SDP71), 0)
    assert not starved_beside_lower(simulate(displaced_scenario(), STRICT), 0)


def test_witness_published_idles_beside_a_ready_thread() -> None:
    """16: a law in `strict`; in `published` a lazy reply leaves a CPU idle."""
    threads = (
        Thread(id=0, prio=20, policy="f", bursts=(Burst(2 * MS, 1, "p"), Burst(4 * MS, 2 * MS))),
        Thread(id=1, prio=10, policy="f", bursts=(Burst(MS, 0, "m"), Burst(3 * MS, 0, "m"))),
    )
    scenario = Scenario(cpus=2, horizon_ns=12 * MS, threads=threads)
    run_1 = [s.start for s in simulate(scenario, PUBLISHED).segments if s.thread == 1]
    eager = [s.start for s in simulate(scenario, STRICT).segments if s.thread == 1]

    assert run_1[1] == 6 * MS  # readied at 2 ms, the other CPU idle all the while
    assert eager[1] == 2 * MS


def test_witness_published_lets_equals_overtake_the_head() -> None:
    """18: a preempted thread with a stale request goes behind its equal when it runs again."""
    timer = (Burst(MS // 4, 3 * MS, "t"), Burst(MS // 4, 50 * MS))
    threads = (
        Thread(id=0, prio=10, bursts=(Burst(HOG, 1),)),
        Thread(id=1, prio=10, bursts=(Burst(HOG, 1),), start_ns=MS // 2),
        Thread(id=2, prio=20, policy="f", bursts=timer, start_ns=1),
    )
    scenario = Scenario(cpus=1, horizon_ns=8 * MS, threads=threads)
    published = [s.thread for s in simulate(scenario, PUBLISHED).segments if s.start >= 4 * MS]
    without = [s.thread for s in simulate(scenario, SDP71).segments if s.start >= 4 * MS]

    assert published[:2] == [2, 1]  # 0 was preempted at 4 ms, yet its equal follows
    assert without[:2] == [2, 0]


@FEW
@given(st.integers(2, 6), st.integers(1, 4), st.sampled_from((PUBLISHED, SDP71, SDP80, STRICT)))
def test_equal_round_robin_threads_share_within_a_slice(k: int, mult: int, profile: Profile) -> None:
    """19, 20: no run beyond a slice beside equals; each within one slice of H/k."""
    threads = tuple(hog(i, 10) for i in range(k))
    scenario = Scenario(cpus=1, horizon_ns=200 * MS, threads=threads, rr_mult=mult)
    schedule = simulate(scenario, profile)
    length = mult * MS

    assert all(s.end - s.start <= length for s in schedule.segments)
    assert all(abs(ns - 200 * MS / k) <= length for ns in schedule.cpu_time_ns.values())
    assert all(t.longest_ready_ns <= (k - 1) * length for t in schedule.threads)


@FEW
@given(scenarios(), st.sampled_from((SDP71, SDP80, STRICT)))
def test_the_highest_thread_never_waits(scenario: Scenario, profile: Profile) -> None:
    """21: alone at the top, it runs as soon as it is READY; the witness below is why not `published`."""
    top = Thread(id=len(scenario.threads), prio=250, policy="f", bursts=(Burst(3 * MS // 2, 5 * MS // 3),))
    schedule = simulate(replace(scenario, threads=(*scenario.threads, top)), profile)

    assert schedule.threads[-1].longest_ready_ns == 0


def test_witness_published_lets_the_highest_wait_for_a_tick() -> None:
    """21 [N] in `published`: the CPU asked to run it lifts a server instead and looks no further."""
    server = Sporadic(low_prio=1, init_budget_ns=MS, repl_period_ns=MS, max_repl=1)
    threads = (
        Thread(id=0, prio=2, policy="s", sporadic=server, bursts=(Burst(90_001),), runmask=1),
        Thread(id=1, prio=4, policy="s", sporadic=server, bursts=(Burst(138_057),), runmask=1),
        Thread(id=2, prio=2, policy="f", bursts=(Burst(876_918),), runmask=1),
        Thread(id=3, prio=250, policy="f", bursts=(Burst(3 * MS // 2, 5 * MS // 3),)),
    )
    scenario = Scenario(cpus=2, horizon_ns=60 * MS, threads=threads)

    assert simulate(scenario, PUBLISHED).threads[3].longest_ready_ns == 333_344
    assert simulate(scenario, SDP71).threads[3].longest_ready_ns == 0


@FEW
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(6, 30)), min_size=1, max_size=4))
def test_no_starvation_below_full_load_on_one_cpu(pairs: list[tuple[int, int]]) -> None:
    """22, strict: where the load is at most one, every thread keeps getting done."""
    assume(sum(c / t for c, t in pairs) <= 1)
    schedule = simulate(periodic(pairs, horizon=2000), STRICT)

    assert all(t.jobs >= 2000 // p - 30 // 6 * 6 for t, (_, p) in zip(schedule.threads, pairs, strict=True))


def test_a_starving_thread_is_reported_with_its_window() -> None:
    scenario = Scenario(cpus=1, horizon_ns=50 * MS, threads=(hog(0, 20), hog(1, 10, start_ns=3 * MS)))
    (found,) = starvations(simulate(scenario, PUBLISHED), 40 * MS)

    assert (found.thread, found.window.start, found.window.end) == (1, 3 * MS, 50 * MS)
    assert found.instead == ((0, 47 * MS),)


# --- C. sporadic servers (24-30) ---------------------------------------------------------------------


@st.composite
def served(draw: st.DrawFn) -> Scenario:
    budget = draw(st.integers(1, 6)) * MS
    period = budget + draw(st.integers(1, 15)) * MS
    bursts = tuple(
        Burst(draw(st.integers(1, 9 * MS)), draw(st.integers(1, 12 * MS)), "i")
        for _ in range(draw(st.integers(1, 3)))
    )
    server = Sporadic(
        low_prio=2, init_budget_ns=budget, repl_period_ns=period, max_repl=draw(st.integers(1, 8))
    )
    thread = Thread(id=0, prio=9, policy="s", sporadic=server, bursts=bursts)
    return Scenario(cpus=1, horizon_ns=300 * MS, threads=(thread, hog(1, 5, policy="f")))


def high_time(schedule: Schedule) -> list[tuple[int, int]]:
    """When the server ran at its normal priority: not while it was dropped."""
    dropped = [(t, p) for t, thread, p in schedule.prio_changes if thread == 0]
    edges = [(0, 9), *dropped, (schedule.scenario.horizon_ns, 0)]
    found: list[tuple[int, int]] = []
    for (start, prio), (end, _) in pairwise(edges):
        if prio == 9:
            found.extend(
                (max(s.start, start), min(s.end, end))
                for s in schedule.segments
                if s.thread == 0 and s.start < end and s.end > start
            )
    return found


@FEW
@given(served())
def test_posix_server_on_top_keeps_its_budget_in_every_window(scenario: Scenario) -> None:
    """24, 26, strict: at most C in any window of T when nothing preempts the server."""
    server = scenario.threads[0].sporadic
    assert server is not None
    runs = high_time(simulate(scenario, STRICT))
    for edge, _ in runs:
        window = (edge, edge + server.repl_period_ns)
        used = sum(max(0, min(e, window[1]) - max(s, window[0])) for s, e in runs)

        assert used <= server.init_budget_ns


@FEW
@given(served(), st.sampled_from((PUBLISHED, SDP71, STRICT)))
def test_a_server_that_spans_ticks_keeps_the_long_run_bound(scenario: Scenario, profile: Profile) -> None:
    """28: at most C per T and 2C more; under tick sampling only for bursts that are charged."""
    server = scenario.threads[0].sporadic
    assert server is not None
    whole = tuple(Burst(-(-b.run_ns // MS) * MS, -(-b.value // MS) * MS) for b in scenario.threads[0].bursts)
    aligned = replace(
        scenario, tie="tick", threads=(replace(scenario.threads[0], bursts=whole), *scenario.threads[1:])
    )
    used = sum(e - s for s, e in high_time(simulate(aligned, profile)))
    c, t = server.init_budget_ns, server.repl_period_ns

    assert used <= c * scenario.horizon_ns // t + 2 * c + (0 if profile is STRICT else MS)


def aligned_server(scenario: Scenario) -> Scenario:
    """The server's bursts in whole ticks, so that tick sampling charges all of them."""
    server, *others = scenario.threads
    whole = tuple(Burst(-(-b.run_ns // MS) * MS, -(-b.value // MS) * MS) for b in server.bursts)
    return replace(scenario, tie="tick", threads=(replace(server, bursts=whole), *others))


def worst_window(runs: list[tuple[int, int]], length: int) -> int:
    """The most time of `runs` in any window of `length`: one that begins or ends with a run."""
    starts = [e for run in runs for e in (run[0], run[1] - length)]
    return max(sum(max(0, min(e, at + length) - max(s, at)) for s, e in runs) for at in starts)


@FEW
@given(served(), st.sampled_from((PUBLISHED, SDP71)))
def test_published_server_on_top_takes_at_most_two_budgets(scenario: Scenario, profile: Profile) -> None:
    """27, `published` and `sdp71`: what is certified instead of C per window, one tick for sampling."""
    server = scenario.threads[0].sporadic
    assert server is not None
    runs = high_time(simulate(aligned_server(scenario), profile))

    assert worst_window(runs, server.repl_period_ns) <= 2 * server.init_budget_ns + MS


def test_witness_a_preempted_posix_server_passes_its_budget() -> None:
    """27 [N], strict: preempted right after its start, it runs on while its refill is already due."""
    server = Sporadic(low_prio=2, init_budget_ns=10 * MS, repl_period_ns=40 * MS, max_repl=8)
    above = Thread(id=2, prio=12, policy="f", bursts=(Burst(30 * MS, 1),), start_ns=MS, loop=False)
    thread = Thread(id=0, prio=9, policy="s", sporadic=server, bursts=(Burst(HOG, 1),))
    scenario = Scenario(
        cpus=1, horizon_ns=200 * MS, tick_ns=MS, threads=(thread, hog(1, 5, policy="f"), above)
    )
    runs = high_time(simulate(scenario, STRICT))

    assert worst_window(runs, 40 * MS) == 19 * MS  # of 10


@FEW
@given(served(), st.integers(0, 40))
def test_posix_replenishments_lose_no_capacity(scenario: Scenario, later: int) -> None:
    """29, strict, many replenishments: once always ready, the server gets all of C in each T."""
    thread, other = scenario.threads
    assert thread.sporadic is not None
    roomy = replace(thread.sporadic, max_repl=400)
    bursts = (*thread.bursts * 3, Burst(HOG, 1))
    changed = replace(scenario, threads=(replace(thread, sporadic=roomy, bursts=bursts), other))
    schedule = simulate(changed, STRICT)
    runs = high_time(schedule)
    ready_from = sum(b.run_ns * (1 + roomy.repl_period_ns // roomy.init_budget_ns) for b in bursts[:-1])
    ready_from += sum(b.value for b in bursts[:-1]) + roomy.repl_period_ns
    start = ready_from + later * MS
    until = start + roomy.repl_period_ns
    assume(until <= changed.horizon_ns)

    assert sum(max(0, min(e, until) - max(s, start)) for s, e in runs) == roomy.init_budget_ns


def test_witness_one_replenishment_loses_capacity() -> None:
    """29 [N], all profiles: one unit every five of a budget of ten per forty, and yet it waits."""
    for profile in (PUBLISHED, SDP71, STRICT):
        done = []
        for most in (1, 20):
            server = Sporadic(low_prio=2, init_budget_ns=10 * MS, repl_period_ns=40 * MS, max_repl=most)
            thread = Thread(id=0, prio=9, policy="s", sporadic=server, bursts=(Burst(MS, 4 * MS),))
            scenario = Scenario(
                cpus=1, horizon_ns=119 * MS, tie="tick", threads=(thread, hog(1, 5, policy="f"))
            )
            done.append(simulate(scenario, profile).cpu_time_ns[0])

        assert done[0] < done[1] // 2


def test_witness_tick_evasion() -> None:
    """24 [N] in `published`: bursts that never span a tick are never charged."""
    server = Sporadic(low_prio=2, init_budget_ns=2 * MS, repl_period_ns=20 * MS, max_repl=1000)
    thread = Thread(
        id=0, prio=9, policy="s", sporadic=server, bursts=(Burst(9 * MS // 10, MS // 10),), start_ns=MS // 20
    )
    scenario = Scenario(cpus=1, horizon_ns=100 * MS, threads=(thread, hog(1, 5, policy="f")))

    assert simulate(scenario, PUBLISHED).cpu_time_ns[0] > 85 * MS  # of 10 that C/T promises
    assert simulate(scenario, STRICT).cpu_time_ns[0] <= 14 * MS


# --- D. partitions (31-38) ----------------------------------------------------------------------------


@FEW
@given(st.lists(st.integers(5, 25), min_size=1, max_size=3), st.sampled_from((10, 20, 50)), WITH_PARTITIONS)
def test_busy_partitions_get_their_budgets(budgets: list[int], window: int, profile: Profile) -> None:
    """31, 32, 38: budgets sum to 100 %; over whole windows each within two ticks of its share."""
    named = tuple(Partition(name=f"P{i}", budget=b) for i, b in enumerate(budgets))
    threads = tuple(hog(i, 5 + 3 * i, partition=i) for i in range(len(budgets) + 1))
    aps = Aps(partitions=named, window_ms=window)
    scenario = Scenario(cpus=1, horizon_ns=10 * window * MS, threads=threads, aps=aps)
    schedule = simulate(scenario, profile)

    assert sum(p.percent for p in schedule.partitions) == 100
    for thread, percent in zip(schedule.threads, (100 - sum(budgets), *budgets), strict=True):
        assert abs(thread.cpu_ns - 10 * window * MS * percent / 100) <= 10 * 2 * MS


@FEW
@given(
    st.lists(st.integers(5, 25), min_size=1, max_size=3),
    st.integers(1, 4),
    st.sampled_from((10, 20, 50)),
    WITH_PARTITIONS,
)
def test_a_partition_that_wants_all_gets_its_supply(
    budgets: list[int], cpus: int, window: int, profile: Profile
) -> None:
    """32: in each window after the first, what `partition_supply` says, however many CPUs there are."""
    named = tuple(Partition(name=f"P{i}", budget=b) for i, b in enumerate(budgets))
    shares = (100 - sum(budgets), *budgets)
    home = [partition for partition in range(len(shares)) for _ in range(cpus)]
    threads = tuple(hog(i, 5 + 3 * p, partition=p) for i, p in enumerate(home))
    aps = Aps(partitions=named, window_ms=window)
    scenario = Scenario(cpus=cpus, horizon_ns=6 * window * MS, threads=threads, aps=aps)
    segments = simulate(scenario, profile).segments
    for partition, percent in enumerate(shares):
        runs = [(s.start, s.end) for s in segments if home[s.thread] == partition]
        for first in range(window, 5 * window):
            low, high = first * MS, (first + window) * MS
            got = sum(max(0, min(end, high) - max(start, low)) for start, end in runs)

            assert got >= partition_supply(window * MS, percent, cpus, MS)


@FEW
@given(
    st.lists(st.integers(5, 25), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30), st.integers(1, 40)), max_size=4),
    WITH_PARTITIONS,
)
def test_no_window_gives_more_than_budget_and_a_tick(
    budgets: list[int], visitors: list[tuple[int, int, int]], profile: Profile
) -> None:
    """35: with every partition busy there is no free time, and nothing here is critical.

    One CPU; the window slides by ticks, so it is measured between ticks. Every partition is held back
    when it cannot pay a whole tick and 1/256 more, and what all leave over goes to one of them.
    """
    window = 20
    slack = (len(budgets) + 1) * (MS + MS // 256)
    named = tuple(Partition(name=f"P{i}", budget=b) for i, b in enumerate(budgets))
    count = len(budgets) + 1
    threads = [hog(i, 5 + 3 * i, partition=i) for i in range(count)]
    for partition, run, wait in visitors:
        bursts = (Burst(run * 100_003, wait * 300_007),)
        threads.append(
            Thread(id=len(threads), prio=20 + run, policy="f", bursts=bursts, partition=partition % count)
        )
    aps = Aps(partitions=named, window_ms=window)
    scenario = Scenario(cpus=1, horizon_ns=200 * MS, threads=tuple(threads), aps=aps)
    home = {t.id: t.partition for t in threads}
    segments = simulate(scenario, profile).segments
    for partition, percent in enumerate((100 - sum(budgets), *budgets)):
        runs = [(s.start, s.end) for s in segments if home[s.thread] == partition]
        for first in range(200 - window):
            low, high = first * MS, (first + window) * MS
            used = sum(max(0, min(e, high) - max(s, low)) for s, e in runs)

            assert used <= window * MS * percent // 100 + slack


@FEW
@given(scenarios(partitions=False, cpus=2))
def test_underload_is_strict_priority(scenario: Scenario) -> None:
    """33: a partition that never exhausts its budget changes nothing on one CPU."""
    one = replace(
        scenario,
        cpus=1,
        threads=tuple(
            replace(t, runmask=None, start_cpu=0, irq_cpu=None, policy="f", sporadic=None, partition=0)
            for t in scenario.threads
        ),
    )
    parted = replace(one, aps=Aps(partitions=(), window_ms=50))

    assert bare(simulate(one, SDP71)) == bare(simulate(parted, SDP71))


def test_a_zero_budget_partition_waits_for_the_others() -> None:
    """36: nothing beside busy partitions, although its priority is the highest."""
    aps = Aps(partitions=(Partition(name="Z", budget=0), Partition(name="A", budget=50)), window_ms=20)
    threads = (hog(0, 200, partition=1, start_ns=MS), hog(1, 5, partition=2), hog(2, 5))
    scenario = Scenario(cpus=1, horizon_ns=200 * MS, threads=threads, aps=aps)

    assert simulate(scenario, PUBLISHED).cpu_time_ns[0] == 0


@FEW
@given(st.lists(st.integers(10, 30), min_size=2, max_size=3))
def test_a_busy_partition_waits_at_most_window_less_budget(budgets: list[int]) -> None:
    """37, plain case: all busy, one CPU; one tick more for sampling."""
    named = tuple(Partition(name=f"P{i}", budget=b) for i, b in enumerate(budgets))
    threads = tuple(hog(i, 10, partition=i) for i in range(len(budgets) + 1))
    scenario = Scenario(cpus=1, horizon_ns=1000 * MS, threads=threads, aps=Aps(partitions=named))
    for total, percent in zip(simulate(scenario).threads, (100 - sum(budgets), *budgets), strict=True):
        assert total.longest_ready_ns <= (100 - percent + 2) * MS


# --- E. exits and costs (45, 46, 55) -----------------------------------------------------------------


@FEW
@given(scenarios(), TICKED)
def test_zero_costs_are_the_bare_scheduler(scenario: Scenario, profile: Profile) -> None:
    assert schedule_json(simulate(scenario, profile)) == schedule_json(
        simulate(scenario, profile, costs=Costs())
    )


@FEW
@given(scenarios(partitions=True), st.lists(st.integers(0, 50_000), min_size=4, max_size=4))
def test_overhead_is_booked_apart(scenario: Scenario, amounts: list[int]) -> None:
    switch, ipi, migration, interrupt = amounts
    costs = Costs(switch_ns=switch, ipi_ns=ipi, migration_ns=migration, interrupt_ns=interrupt)
    schedule = simulate(scenario, PUBLISHED, costs=costs)

    check_structure(replace(schedule, segments=tuple(s for s in schedule.segments if not s.is_overhead)))
    booked = [0] * scenario.cpus
    for s in schedule.segments:
        booked[s.cpu] += s.end - s.start if s.is_overhead else 0
    assert booked == list(schedule.overhead_ns)


@FEW
@given(scenarios(partitions=True), st.integers(0, 3))
def test_an_interrupt_arrives_where_its_thread_says_else_where_the_scenario_does(
    scenario: Scenario, common: int
) -> None:
    made = replace(scenario, irq_cpu=common % scenario.cpus)
    takers = {t.id: made.irq_cpu if t.irq_cpu is None else t.irq_cpu for t in made.threads}

    for _, cpu, thread in simulate(made, PUBLISHED, interrupts=True).interrupts:
        assert takers[thread] == cpu


@pytest.mark.parametrize(("cpu", "ticks"), [(0, 9), (1, 0)])
@pytest.mark.parametrize("cost", [0, 1, 700, 1_200_000])
def test_a_guest_is_left_for_every_interrupt_of_its_cpu(cpu: int, ticks: int, cost: int) -> None:
    """CPU 0 takes the clock's, CPU 1 those that wake thread 1: by then vCPU 0 has run on without it."""
    mask = 1 << cpu
    vcpu = Thread(id=0, prio=10, bursts=(Burst(100 * MS, 0, "c"),), runmask=mask, vcpu=True, loop=False)
    woken = Thread(id=1, prio=5, bursts=(Burst(1, 3 * MS // 2, "i"),), runmask=4, irq_cpu=1)
    horizon = 9 * MS + MS // 2
    schedule = simulate(
        Scenario(cpus=3, horizon_ns=horizon, threads=(vcpu, woken)),
        costs=Costs(interrupt_ns=cost),
        interrupts=True,
    )
    arrived = ticks if cpu == 0 else sum(at == 1 for _, at, _ in schedule.interrupts)
    total = schedule.threads[0]

    assert total.interrupted == (arrived if cost else 0)
    assert total.cpu_ns + schedule.overhead_ns[cpu] == horizon
    if cost < MS:  # else the next one comes before the guest is entered again
        assert schedule.overhead_ns[cpu] == cost * arrived


@FEW
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(10, 60)), min_size=1, max_size=4),
    TICKED,
)
def test_a_guest_that_halts_in_place_keeps_its_cpu_and_works_as_before(
    rows: list[tuple[int, int, int]], profile: Profile
) -> None:
    """FIFO threads on one CPU: those at the highest priority halt in place, so nobody below them runs."""
    top = max(prio for prio, _, _ in rows)
    place = next(i for i, row in enumerate(rows) if row[0] == top)

    def threads(kind: str) -> tuple[Thread, ...]:
        return tuple(
            Thread(
                id=i,
                prio=prio,
                policy="f",
                bursts=(Burst(work * 10_000, period * 10_000, kind if i == place else "n"),),
                vcpu=True,
            )
            for i, (prio, work, period) in enumerate(rows)
        )

    horizon = 5 * MS
    held = simulate(Scenario(cpus=1, horizon_ns=horizon, threads=threads("h")), profile)
    free = simulate(Scenario(cpus=1, horizon_ns=horizon, threads=(threads("n")[place],)), profile)
    before = sum(row.cpu_ns for row in held.threads[:place])

    # equals that were ready first run before it, once
    assert sum(row.cpu_ns for row in held.threads) == horizon
    assert all(row.cpu_ns == 0 for row in held.threads[place + 1 :])
    assert held.threads[place].cpu_ns == horizon - before
    if not before:
        one, alone = held.threads[place], free.threads[0]
        assert one.cpu_ns - one.halt_ns == alone.cpu_ns
        assert (one.jobs, one.worst_response_ns) == (alone.jobs, alone.worst_response_ns)


def test_a_halted_guest_that_lost_its_cpu_goes_on_when_it_has_it_again() -> None:
    """Released at 4 ms while a higher thread holds the CPU from 3 to 5 ms."""
    vcpu = Thread(id=0, prio=10, policy="f", bursts=(Burst(MS, 4 * MS, "h"),), vcpu=True)
    rival = Thread(id=1, prio=20, policy="f", bursts=(Burst(2 * MS, 100 * MS, "i"),), start_ns=3 * MS)
    schedule = simulate(Scenario(cpus=1, horizon_ns=8 * MS, threads=(vcpu, rival)))
    rows = [(s.thread, s.start // MS, s.end // MS, s.mode) for s in schedule.segments]

    assert rows == [
        (0, 0, 1, GUEST),
        (0, 1, 3, HALTING),
        (1, 3, 5, GUEST),
        (0, 5, 6, GUEST),
        (0, 6, 8, HALTING),
    ]
    assert schedule.threads[0].halt_ns == 4 * MS
    assert schedule.threads[0].worst_response_ns == 2 * MS


@FEW
@given(st.integers(1, 20), st.integers(1, 40), st.integers(1, 100_000))
def test_one_vcpu_alone_takes_its_work_and_its_exits(count: int, work: int, cost: int) -> None:
    """46, 55: total time is work plus exits times their cost, exactly."""
    pair = (Burst(work * 1000, 0, "c"), Burst(cost, 0, "c", host=True))
    program = (*(pair * count), Burst(1, 10 * MS, "i"))
    thread = Thread(id=0, prio=10, bursts=program, loop=False)
    (total,) = simulate(Scenario(cpus=1, horizon_ns=1000 * MS, threads=(thread,))).threads

    assert total.exits == count
    assert total.host_ns == count * cost
    assert total.cpu_ns == count * (work * 1000 + cost) + 1


# --- F. monotonicity (48-55) ---------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(2, 6), st.integers(4, 14)), min_size=2, max_size=5),
    st.integers(1, 3),
    st.integers(0, 4),
)
def test_less_work_never_hurts_with_full_masks(pairs: list[tuple[int, int]], cpus: int, which: int) -> None:
    """48, strict: full masks, distinct priorities, zero overhead (Ha and Liu)."""
    which %= len(pairs)
    less = [(c - (i == which), t) for i, (c, t) in enumerate(pairs)]
    before = simulate(periodic(pairs, cpus=cpus, horizon=800), STRICT).threads
    after = simulate(periodic(less, cpus=cpus, horizon=800), STRICT).threads
    for a, b in zip(before, after, strict=True):
        assert b.jobs >= a.jobs
        assert b.jobs > a.jobs or b.responses_ns <= a.responses_ns


def test_witness_masks_break_it() -> None:
    """49 [N]: with masks, doing less can hurt (which set shows it depends on the placement rule)."""
    found = False
    for seed in range(4000):
        pairs = [(1 + seed // 3**i % 3, 4 + 2 * (seed // 5**i % 4)) for i in range(4)]
        masks = [1 + seed // 7**i % 3 for i in range(4)]
        if pairs[1][0] == 1:
            continue
        less = [pairs[0], (pairs[1][0] - 1, pairs[1][1]), *pairs[2:]]
        a = responses(periodic(pairs, cpus=2, horizon=240, masks=masks))
        b = responses(periodic(less, cpus=2, horizon=240, masks=masks))
        if any(y > x for x, y in zip(a, b, strict=True)):
            found = True
            break

    assert found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(5, 20)), min_size=2, max_size=5), st.integers(0, 4))
def test_on_one_cpu_removing_a_thread_never_hurts(pairs: list[tuple[int, int]], which: int) -> None:
    """54, strict, one CPU, a load that it can carry."""
    assume(sum(c / t for c, t in pairs) <= 1)
    which %= len(pairs)
    before = list(responses(periodic(pairs, horizon=800)))
    del before[which]
    rest = [pair for i, pair in enumerate(pairs) if i != which]
    scenario = periodic(pairs, horizon=800)
    without = replace(
        scenario,
        threads=tuple(replace(t, id=i) for i, t in enumerate(t for t in scenario.threads if t.id != which)),
    )

    assert len(rest) == len(before)
    assert all(b <= a for a, b in zip(before, responses(without), strict=True))


def test_segments_join_by_thread_and_mode() -> None:
    parts = [Segment(0, 1, 0, 5), Segment(0, 1, 5, 9), Segment(0, 1, 9, 10, 1), Segment(1, 1, 10, 11)]

    assert join(parts) == (Segment(0, 1, 0, 9), Segment(0, 1, 9, 10, 1), Segment(1, 1, 10, 11))
