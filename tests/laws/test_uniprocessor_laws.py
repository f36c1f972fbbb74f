"""Laws of one thread and of one CPU: when a thread may stop and come back (7), and what never hurts (54)."""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scenario_strategies import scenarios
from scenarios import periodic, responses

from hvbuild.machine.profiles import PUBLISHED, SDP71, SDP80, STRICT, Profile
from hvbuild.machine.scenario import Scenario
from hvbuild.machine.schedule import Costs, simulate

FEW = settings(max_examples=30, deadline=None)
LOADS = st.lists(st.tuples(st.integers(2, 6), st.integers(6, 24)), min_size=2, max_size=5)


@FEW
@given(scenarios(), st.sampled_from((PUBLISHED, SDP71, SDP80, STRICT)))
def test_a_thread_blocks_after_its_burst_and_comes_back_when_woken(
    scenario: Scenario, profile: Profile
) -> None:
    """7, all profiles: between two waits it runs its burst, no more and no less, none of it waiting."""
    segments = simulate(scenario, profile).segments
    for thread in scenario.threads:
        if any(burst.kind != "i" for burst in thread.bursts):
            continue
        at, left, awake = 0, thread.bursts[0].run_ns, thread.start_ns
        for s in (s for s in segments if s.thread == thread.id):
            start = s.start
            while start < s.end:
                assert start >= awake
                end = min(s.end, start + left)
                left -= end - start
                if left == 0:
                    awake = end + thread.bursts[at].value
                    at = (at + 1) % len(thread.bursts)
                    left = thread.bursts[at].run_ns
                start = end


def changed(pairs: list[tuple[int, int]], place: int, cost: int, period: int) -> list[tuple[int, int]]:
    return [(c + cost, t + period) if i == place else (c, t) for i, (c, t) in enumerate(pairs)]


@FEW
@given(LOADS, st.integers(0, 4), st.integers(-1, 0), st.integers(0, 9))
def test_less_work_and_longer_periods_never_hurt_on_one_cpu(
    pairs: list[tuple[int, int]], place: int, cost: int, period: int
) -> None:
    """54, strict, all released at one instant, at a load whose busy periods end within the run."""
    assume(sum(c / t for c, t in pairs) <= 0.95)
    place %= len(pairs)
    before = responses(periodic(pairs, horizon=1200))
    after = responses(periodic(changed(pairs, place, cost, period), horizon=1200))

    assert all(b <= a for a, b in zip(before, after, strict=True))


@FEW
@given(LOADS, st.integers(1, 4))
def test_a_higher_priority_never_hurts_its_own_thread(pairs: list[tuple[int, int]], place: int) -> None:
    """54, strict: one place up."""
    assume(sum(c / t for c, t in pairs) <= 0.95)
    place = 1 + place % (len(pairs) - 1)
    higher = [*pairs[: place - 1], pairs[place], pairs[place - 1], *pairs[place + 1 :]]
    before, after = (responses(periodic(rows, horizon=1200)) for rows in (pairs, higher))

    assert after[place - 1] <= before[place]


@FEW
@given(LOADS, st.integers(1, 40))
def test_overheads_never_make_a_response_shorter_on_one_cpu(
    pairs: list[tuple[int, int]], switch: int
) -> None:
    """54, 55, `published`: fixed priorities on one CPU, switches that cost against switches that do not."""
    scenario = periodic([(100 * c, 100 * t) for c, t in pairs], horizon=60_000)
    assume(sum((c + 0.8) / t for c, t in pairs) <= 1)
    scenario = replace(scenario, tick_ns=10_000)
    free = simulate(scenario, PUBLISHED, trace=False).threads
    paid = simulate(scenario, PUBLISHED, costs=Costs(switch_ns=switch), trace=False).threads

    assert all(a.worst_response_ns <= b.worst_response_ns for a, b in zip(free, paid, strict=True))
