"""The engine's smaller promises: reading, legs of output, costs, speeds, locks, exports, profiles."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenarios import hog

import hvbuild.machine.schedule as machine
from hvbuild.machine.measures import (
    cpu_measures,
    lock_holder_preemptions,
    measures_json,
    partition_measures,
    thread_measures,
)
from hvbuild.machine.profiles import PROFILES, PUBLISHED, SDP71, SDP80, STRICT, assumption_lines
from hvbuild.machine.scenario import Aps, Burst, Event, Partition, Scenario, Sporadic, Thread
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import SPINNING, Costs, refusals, schedule_json, simulate
from hvbuild.machine.trace_export import timeline, trace_json

MS = 1_000_000
GOOD: dict[str, object] = {
    "cpus": 2,
    "horizon_ns": 10 * MS,
    "threads": [{"id": 0, "prio": 10, "policy": "f", "bursts": [[MS, MS, "i"]]}],
}


def test_a_scenario_is_read_bare_or_under_its_key() -> None:
    bare, _ = read_scenario(GOOD)
    held, _ = read_scenario({"scenario": GOOD, "family": "x"})

    assert bare is not None
    assert bare == held
    assert (bare.tick_ns, bare.rr_mult, bare.tie, bare.threads[0].loop) == (MS, 4, "block", True)


BAD: dict[str, tuple[dict[str, object], str]] = {
    "cpus": ({"cpus": 0}, "cpus"),
    "float": ({"cpus": 1.5}, "cpus"),
    "bool": ({"horizon_ns": True}, "horizon_ns"),
    "unknown": ({"colour": 1}, "colour"),
    "no threads": ({"threads": []}, "threads"),
    "huge": ({"horizon_ns": 1 << 70}, "horizon_ns"),
    "up on two": ({"kernel": "up"}, "kernel"),
    "burst": (
        {"threads": [{"id": 0, "prio": 1, "policy": "f", "bursts": [[0, 1]]}]},
        "threads[0].bursts[0].run_ns",
    ),
    "kind": (
        {"threads": [{"id": 0, "prio": 1, "policy": "f", "bursts": [[1, 1, "z"]]}]},
        "threads[0].bursts[0].kind",
    ),
    "prio": ({"threads": [{"id": 0, "prio": 0, "policy": "f", "bursts": [[1, 1]]}]}, "threads[0].prio"),
    "partition": (
        {"threads": [{"id": 0, "prio": 1, "policy": "f", "partition": "A", "bursts": [[1, 1]]}]},
        "threads[0].partition",
    ),
    "server": (
        {
            "threads": [
                {
                    "id": 0,
                    "prio": 9,
                    "policy": "s",
                    "low_prio": 10,
                    "init_budget_ns": 5,
                    "repl_period_ns": 9,
                    "max_repl": 1,
                    "bursts": [[1, 1]],
                }
            ]
        },
        "threads[0].low_prio",
    ),
    "period": (
        {
            "threads": [
                {
                    "id": 0,
                    "prio": 9,
                    "policy": "s",
                    "low_prio": 1,
                    "init_budget_ns": 5,
                    "repl_period_ns": 4,
                    "max_repl": 1,
                    "bursts": [[1, 1]],
                }
            ]
        },
        "threads[0].repl_period_ns",
    ),
    "budget": (
        {"aps": {"partitions": [{"name": "A", "budget": 60}, {"name": "B", "budget": 60}]}},
        "aps.partitions[1].budget",
    ),
    "maximum": (
        {"aps": {"partitions": [{"name": "A", "budget": 6, "max_budget": 101}]}},
        "aps.partitions[0].max_budget",
    ),
    "limit": ({"aps": {"limit_cpu_usage": 1}}, "aps.limit_cpu_usage"),
    "event": ({"events": [{"t": 1, "op": "prio", "thread": 3, "prio": 4}]}, "events[0].thread"),
    "irq": (
        {"threads": [{"id": 0, "prio": 9, "policy": "f", "irq_cpu": 9, "bursts": [[1, 1]]}]},
        "threads[0].irq_cpu",
    ),
    "op": ({"events": [{"t": 1, "op": "kill", "thread": 0}]}, "events[0].op"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_fault_is_told_with_its_path(name: str) -> None:
    changes, path = BAD[name]
    scenario, faults = read_scenario({**GOOD, **changes})

    assert scenario is None
    assert path in [f.path for f in faults]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({*GOOD, "events", "aps", "kernel", "tie", "irq_cpu", "rr_mult", "cycles_per_sec", "tick_ns"})


@settings(max_examples=60, deadline=None)
@given(JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_no_json_is_a_traceback(value: object) -> None:
    scenario, faults = read_scenario(value)

    assert (scenario is None) == bool(faults)


def test_legs_of_output_make_one_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = (Thread(id=0, prio=9, bursts=(Burst(3 * MS // 7, MS // 5),)), hog(1, 5), hog(2, 5))
    scenario = Scenario(cpus=1, horizon_ns=200 * MS, threads=threads)
    whole = simulate(scenario, PUBLISHED)
    monkeypatch.setattr(machine, "_ROWS", 7)

    assert whole == simulate(scenario, PUBLISHED)


def test_without_a_trace_the_sums_are_the_same() -> None:
    scenario = Scenario(cpus=1, horizon_ns=50 * MS, threads=(hog(0, 5), hog(1, 5)))

    assert simulate(scenario, PUBLISHED).threads == simulate(scenario, PUBLISHED, trace=False).threads
    assert simulate(scenario, PUBLISHED, trace=False).segments == ()


def test_a_little_core_takes_longer() -> None:
    """Work units per nanosecond 1024 and 488: the little core of the table of capacities."""
    threads = tuple(
        Thread(id=i, prio=9, policy="f", bursts=(Burst(10 * MS, 500 * MS),), runmask=1 << i) for i in range(2)
    )
    scenario = Scenario(cpus=2, horizon_ns=40 * MS, threads=threads, speeds=(1024, 488), speed_unit=1024)
    ends = {s.thread: s.end for s in simulate(scenario, PUBLISHED).segments}

    assert ends[0] == 10 * MS
    assert ends[1] == -(-10 * MS * 1024 // 488)


def test_costs_delay_work_and_are_booked_on_the_cpu() -> None:
    threads = (Thread(id=0, prio=9, policy="f", bursts=(Burst(MS, 9 * MS),)), hog(1, 5))
    scenario = Scenario(cpus=1, horizon_ns=20 * MS, threads=threads)
    schedule = simulate(scenario, PUBLISHED, costs=Costs(switch_ns=1000))
    found = schedule_json(schedule)

    assert schedule.segments[0][2:] == (0, 1000, machine.SWITCH)
    assert schedule.overhead_ns == (4000,)  # 0, 1, 0 again, 1 again
    assert found["overhead_ns"] == [4000]
    (cpu,) = cpu_measures(schedule)
    assert (cpu.busy_ns, cpu.idle_ns) == (20 * MS - 4000, 0)


def spin_scenario() -> Scenario:
    section = (Burst(MS, 7, "k"), Burst(2 * MS, 7, "u"), Burst(MS, 50 * MS))
    threads = (
        Thread(id=0, prio=10, policy="f", bursts=section, runmask=1),
        Thread(id=1, prio=10, policy="f", bursts=section, runmask=2, start_ns=MS // 2),
        Thread(id=2, prio=20, policy="f", bursts=(Burst(5 * MS, 50 * MS),), runmask=1, start_ns=2 * MS),
    )
    return Scenario(cpus=2, horizon_ns=20 * MS, threads=threads)


def test_a_preempted_lock_holder_is_found_with_its_window() -> None:
    schedule = simulate(spin_scenario(), PUBLISHED)
    (found,) = lock_holder_preemptions(schedule)

    assert (found.holder, found.spinner) == (0, 1)
    assert (found.window.start, found.window.end) == (2 * MS, 7 * MS)
    assert found.spun_ns == 5 * MS
    assert schedule.threads[1].spin_ns == 8 * MS - 3 * MS // 2  # from 1.5 ms until the release at 8 ms
    assert [(s.start, s.end) for s in schedule.segments if s.mode == SPINNING] == [(3 * MS // 2, 8 * MS)]


def test_a_thread_whose_list_ends_dies_after_its_last_call() -> None:
    threads = (
        Thread(id=0, prio=5, policy="f", bursts=(Burst(MS, 1, "p"),), loop=False),
        Thread(id=1, prio=9, policy="f", bursts=(Burst(MS, 0, "w"), Burst(MS, 0, "w"))),
    )
    schedule = simulate(Scenario(cpus=1, horizon_ns=10 * MS, threads=threads), PUBLISHED)

    assert [tuple(s)[1:4] for s in schedule.segments] == [(1, 0, MS), (0, MS, 2 * MS), (1, 2 * MS, 3 * MS)]


def test_perfetto_export() -> None:
    aps = Aps(partitions=(Partition(name="A", budget=40),), window_ms=10)
    threads = (
        Thread(id=0, prio=9, bursts=(Burst(MS, 4 * MS),), partition=1),
        Thread(id=1, prio=5, bursts=(Burst(1 << 40, 1),)),
    )
    schedule = simulate(
        Scenario(cpus=1, horizon_ns=30 * MS, threads=threads, aps=aps), PUBLISHED, interrupts=True
    )
    found = trace_json(schedule, {0: "la vcpu0"})
    events = found["traceEvents"]
    assert isinstance(events, list)
    json.dumps(found, allow_nan=False)
    slices = [e for e in events if e["ph"] == "X"]
    tracks: dict[tuple[int, int], float] = {}
    for e in slices:  # slices of one track never overlap
        track = (e["pid"], e["tid"])
        assert e["ts"] >= tracks.get(track, 0.0)
        tracks[track] = e["ts"] + e["dur"]

    assert {e["args"]["name"] for e in events if e["ph"] == "M"} >= {"CPU 0", "la vcpu0", "thread 1"}
    assert len([e for e in events if e["ph"] == "s"]) == len([e for e in events if e["ph"] == "f"]) > 3
    assert [e for e in events if e["ph"] == "C"][-1]["args"]["A"] == pytest.approx(20, abs=10)


def test_timeline_cells_show_the_longest_holder() -> None:
    threads = (Thread(id=0, prio=5, policy="f", bursts=(Burst(5 * MS // 2, 3 * MS),)),)
    schedule = simulate(Scenario(cpus=1, horizon_ns=8 * MS, threads=threads), PUBLISHED)

    assert timeline(schedule, MS) == ("CPU 0 |000..000|",)
    assert timeline(schedule, 2 * MS, start=MS, end=5 * MS) == ("CPU 0 |0.|",)


def test_measures_say_observed() -> None:
    aps = Aps(partitions=(Partition(name="A", budget=40),), window_ms=10)
    scenario = Scenario(cpus=1, horizon_ns=100 * MS, threads=(hog(0, 9, partition=1), hog(1, 5)), aps=aps)
    schedule = simulate(scenario, PUBLISHED)
    found = measures_json(schedule)

    assert sum(t.share for t in thread_measures(schedule)) == pytest.approx(1)
    assert partition_measures(schedule)[1].used_percent == pytest.approx(40, abs=2)
    assert "worst" not in json.dumps(found)


def test_profiles_name_value_and_provenance_of_everything() -> None:
    for profile in PROFILES:
        names = [a.name for a in profile.assumptions]
        assert len(names) == len(set(names))
        assert all(a.value and a.provenance for a in profile.assumptions)
        switches = [a.switch for a in profile.assumptions if a.switch]
        assert len(switches) == len(set(switches))
    assert [a.switch for a in PUBLISHED.assumptions if a.quirk] == [
        a.switch for a in SDP71.assumptions if a.quirk
    ]
    turned = [a for profile in PROFILES for a in profile.explorable]
    assert all(a.otherwise and a.otherwise != a.value for a in turned)
    assert any("quirk" in line for line in assumption_lines())
    assert "    with `simulate --explore displacement-from-outside`: it waits" in list(assumption_lines())


def test_every_exploration_of_a_profile_runs() -> None:
    server = Sporadic(low_prio=3, init_budget_ns=2 * MS, repl_period_ns=6 * MS, max_repl=3)
    threads = (
        hog(0, 9, runmask=1),
        Thread(id=1, prio=9, policy="s", sporadic=server, bursts=(Burst(3 * MS, MS),), start_cpu=1),
        Thread(id=2, prio=9, bursts=(Burst(2 * MS, MS, "t"),), runmask=2),
    )
    events = (Event(t_ns=5 * MS + 7, op="runmask", thread=2, cpu=0, runmask=3),)
    scenario = Scenario(cpus=2, horizon_ns=40 * MS, threads=threads, events=events)
    for profile in (PUBLISHED, SDP71, SDP80):
        runs = [simulate(scenario, profile, explored=e).segments for e in profile.explorations()]

        assert len(runs) > 3


def test_an_explored_quirk_changes_the_schedule() -> None:
    threads = (
        Thread(id=0, prio=10, policy="f", bursts=(Burst(9 * MS, 50 * MS),), runmask=1),
        Thread(id=1, prio=8, policy="f", bursts=(Burst(3 * MS, 50 * MS),), runmask=1, start_ns=MS),
    )
    events = (Event(t_ns=4 * MS + 5, op="runmask", thread=1, cpu=0, runmask=3),)
    scenario = Scenario(cpus=2, horizon_ns=14 * MS, threads=threads, events=events)
    silent = simulate(scenario, PUBLISHED)
    told = simulate(scenario, PUBLISHED, explored={"mask-change-without-dispatch": 0})

    assert [s.start for s in silent.segments if s.thread == 1] == [9 * MS]
    assert [s.start for s in told.segments if s.thread == 1] == [4 * MS + 5]


def test_what_a_profile_cannot_run_is_refused() -> None:
    scenario = Scenario(cpus=1, horizon_ns=1, threads=(hog(0, 1),), aps=Aps(partitions=()))

    limited = replace(scenario, aps=Aps(partitions=(), limit_cpu_usage=True))

    assert [f.path for f in refusals(limited, PUBLISHED)] == ["aps.limit_cpu_usage"]
    assert refusals(limited, SDP71) == ()
    assert [f.path for f in refusals(scenario, SDP80)] == ["aps"]
    assert [f.path for f in refusals(scenario, STRICT)] == ["aps"]
    assert refusals(scenario, SDP71) == ()


@pytest.mark.laws
def test_the_compiled_engines_give_the_same_schedules() -> None:
    pytest.importorskip("numba")
    left = replace(hog(0, 5), vcpu=True), replace(hog(1, 5), irq_cpu=1)
    halted = Thread(id=0, prio=9, bursts=(Burst(MS, 3 * MS, "h"),), vcpu=True)
    pairs = [Scenario(cpus=2, horizon_ns=90 * MS, threads=row) for row in (left, (halted, left[1]))]
    serves = Thread(id=1, prio=8, bursts=(Burst(0, 0, "w"), Burst(2 * MS, 0, "r")), noted=True)
    asks = Thread(
        id=0, prio=9, bursts=(Burst(MS, 1, "q"), Burst(0, 1, "a"), Burst(MS, 7 * MS, "n")), noted=True
    )
    for row in (asks, replace(asks, keeps_cpu=True)):
        pairs.append(Scenario(cpus=2, horizon_ns=90 * MS, threads=(row, serves)))
    for scenario in (spin_scenario(), *pairs):
        for profile in PROFILES:
            for costs in (Costs(), Costs(switch_ns=900, interrupt_ns=1500)):
                plain = simulate(scenario, profile, costs=costs)
                assert plain == simulate(scenario, profile, costs=costs, fast=True)
