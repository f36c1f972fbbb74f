"""`hvbuild simulate STACK` from outside: what ran, what is said of it, and the trace that it writes."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from command_line import say
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated_stacks import guest, simulated, stack, write

from hvbuild.building import rendered
from hvbuild.checking import Checker
from hvbuild.formats.target import read_asinfo
from hvbuild.machine.claims import shapes_of
from hvbuild.machine.costs import cost_table, free_table
from hvbuild.machine.exits import Cause, Terms, exit_ns
from hvbuild.machine.loads import load_of
from hvbuild.machine.profiles import SDP71
from hvbuild.machine.scenario import Burst, Scenario, Thread
from hvbuild.machine.schedule import join, simulate
from hvbuild.machine.simulation import Question, simulate_system
from hvbuild.machine.threads import DEFAULT_SCHED, HostThread
from hvbuild.model.exits import DECLARED_EXITS
from hvbuild.model.guest import Demand
from hvbuild.project import stack_place
from hvbuild.report.simulation import simulation_text
from hvbuild.simulating import Asked, Simulated
from hvbuild.source import SourceFile

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
SHIPPED = ("sa8155-la", "rpi4", "sdv", "x86-qemu", "rcar-h3", "sa8295-la")
LOAD = "{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms}"
MS = 1_000_000
Event = dict[str, Any]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("HVBUILD_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


# --- the shipped stacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_stack_runs_and_its_figures_add_up(name: str, tmp_path: Path) -> None:
    trace = tmp_path / "out.json"
    place = ROOT / "stacks" / name
    data = simulated(place, "--until", "200ms", "--trace", trace)

    assert data["format"] == "hvbuild-simulation/1"
    assert data["until_ns"] == 200 * MS
    assert data["findings"] == []
    assert data["boot"]["exits"] == data["boot"]["stalls"] == []
    up = {step["subject"] for step in data["boot"]["steps"] if step["name"] == "guest up"}
    assert {thread["guest"] for thread in data["threads"] if thread["guest"]} <= up != set()
    for cpu in data["cpus"]:
        assert cpu["busy_ns"] + cpu["overhead_ns"] + cpu["idle_ns"] == 200 * MS
    assert sum(c["busy_ns"] for c in data["cpus"]) == sum(t["observed_cpu_ns"] for t in data["threads"])
    for thread in data["threads"]:
        assert 0 < thread["observed_response_ns"] <= thread["allowed_response_ns"]
        if thread["analytic_response_ns"] is not None:
            assert thread["observed_response_ns"] <= thread["analytic_response_ns"]
    check_trace(json.loads(trace.read_bytes()), data)


@pytest.mark.parametrize(
    ("name", "last", "kept"),
    [
        ("rpi4", "linux", ["qnx"]),
        ("sdv", "media", ["core"]),
        ("x86-qemu", "guest", []),
        ("sa8155-la", "", ["la"]),
    ],
)
def test_a_page_too_little_refuses_the_last_guest_as_qvm_would(
    name: str, last: str, kept: list[str], tmp_path: Path
) -> None:
    """A guest whose RAM is handed over in place takes nothing of what the host has."""
    stack_folder, trace = ROOT / "stacks" / name, tmp_path / "t.json"
    whole = simulated(stack_folder, "--until", "10ms", "--host-memory", "0")
    left = whole["boot"]["left_bytes"]
    exact = simulated(stack_folder, "--until", "10ms", "--host-memory", left)
    short = simulated(stack_folder, "--until", "10ms", "--host-memory", left + 4096, "--trace", trace)
    said = say("simulate", stack_folder, "--until", "10ms", "--host-memory", left + 4096)
    up = [step["subject"] for step in short["boot"]["steps"] if step["name"] == "guest up"]
    codes = [row["code"] for row in short.get("diagnostics", ()) if row["code"] == "HV7046"]
    ended = [e for e in json.loads(trace.read_bytes())["traceEvents"] if e.get("cat") == "qvm exit"]

    assert (exact["boot"]["left_bytes"], exact["boot"]["exits"], exact["down"]) == (0, [], [])
    assert [(row["vm"], row["code"]) for row in short["boot"]["exits"]] == ([(last, 64)] if last else [])
    assert short["down"] == ([last] if last else [])
    assert up == kept
    assert {thread["guest"] for thread in short["threads"]} - {None} == set(kept)
    assert len(codes) == len(ended) == bool(last)
    if last:
        assert f"qvm of {last} exits 64: [guests/{last}.qvmconf:" in said.out
        assert ended[0]["name"] == "qvm exits 64"


def test_a_guest_is_told_what_it_lost_and_how_late_its_timers_are(tmp_path: Path) -> None:
    """A rival of higher priority takes 3 ms at the start of every second activation; nothing else costs."""
    rival = "{pattern: periodic, period: 20ms, work: 3ms, bound: 10ms}"
    a = guest("a", "{sched: 10r, runmask: [1]}", LOAD, 0x80000000)
    b = guest("b", "{sched: 20r, runmask: [1]}", rival, 0x80000000)
    c = guest("c", "{sched: 9r, runmask: [2]}", "{pattern: busy}", 0x80000000)
    place = write(tmp_path, stack(a, b, c, board="free"))
    data = simulated(place, "--until", "100ms")
    lost = {thread["name"]: thread["guest_time"] for thread in data["threads"]}

    assert lost["a/0"] == {
        "active_ns": 35 * MS,
        "observed_stolen_ns": 15 * MS,
        "observed_pause_ns": 3 * MS,
        "observed_pause_from_ns": 0,
        "observed_timer_late_ns": 3 * MS,
    }
    assert (lost["b/0"]["active_ns"], lost["b/0"]["observed_stolen_ns"]) == (15 * MS, 0)
    assert (lost["c/0"]["active_ns"], lost["c/0"]["observed_timer_late_ns"]) == (100 * MS, None)
    text = say("simulate", place, "--until", "100ms").out
    assert "a/0         35.000     42.86             3.000    0.000          3.000\n" in text


@pytest.mark.parametrize("name", SHIPPED)
def test_higher_costs_never_make_less_host_work(name: str) -> None:
    low, high = (
        simulated(ROOT / "stacks" / name, "--until", "100ms", "--costs", level) for level in ("low", "high")
    )

    assert sum(t["observed_exit_ns"] for t in low["threads"]) < sum(
        t["observed_exit_ns"] for t in high["threads"]
    )
    assert high["boot"]["steps"][-1]["end_ns"] > low["boot"]["steps"][-1]["end_ns"]


def test_four_vcpus_beside_two() -> None:
    data = simulated(ROOT / "stacks/sa8155-la", "--compare", "four-vcpus", "--until", "200ms")
    rows = {(row["of"], row["what"]): (row["first"], row["second"]) for row in data["differences"]}

    assert data["format"] == "hvbuild-comparison/1"
    assert [run["variant"] for run in data["runs"]] == ["base", "four-vcpus"]
    assert rows["la", "vCPUs"] == (2, 4)
    assert float(rows["la", "exits/s"][0]) * 2 == float(rows["la", "exits/s"][1])
    assert len(data["conclusions"]) == 1


# --- the answer -------------------------------------------------------------------------------------------


def contended(spinlock: str = "2ms") -> str:
    """A guest whose vCPU 0 a driver preempts while it holds the lock that vCPU 1 spins for.

    The clock interrupts of pCPU 0 delay vCPU 1, so that vCPU 0 is the first to take it.
    """
    load = (
        "{pattern: periodic, period: 20ms, work: 6ms, bound: 10ms, accesses: 10"
        + (f", spinlock: {spinlock}" if spinlock else "")
        + "}"
    )
    driver = "{pattern: sporadic, period: 20ms, work: 5ms, bound: 20ms}"
    host = (
        "  services:\n"
        f"    - {{name: driver, command: driver, sched: 60f, cpus: [1], load: {driver}}}\n"
        "    - {name: quiet, command: quiet, load: {pattern: idle}}\n"
    )
    more = (
        "workloads:\n"
        "  - name: driver-late\n"
        "    demands:\n"
        "      driver: {pattern: periodic, period: 23ms, work: 1ms, bound: 3ms}\n"
        "  - name: calm\n"
        "    demands:\n"
        "      a: {pattern: idle}\n"
        "      b/0: {pattern: bursty, period: 20ms, work: 1ms, burst: 3, bound: 60ms}\n"
        "  - name: hog\n"
        "    demands:\n"
        "      a/1: {pattern: busy}\n"
    )
    a = guest("a", "{sched: 10r, runmask: [1]}\n{sched: 10r, runmask: [0]}", load, 0x80000000)
    b = guest("b", "{sched: 5f, runmask: [0]}", LOAD, 0x80000000)
    return stack(a, b, host=host, more=more)


def test_the_text_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bless: bool) -> None:
    write(tmp_path, contended())
    monkeypatch.chdir(tmp_path)
    said = say("simulate", "bench", "--workload", "driver-late", "--until", "60ms")
    if bless:
        (DATA / "simulate.txt").write_text(said.out, "utf-8")

    assert (said.code, said.err) == (0, "")
    assert (DATA / "simulate.txt").read_text("utf-8") == said.out


def test_findings_are_warnings_at_the_line_to_change(tmp_path: Path) -> None:
    place = write(tmp_path, contended())
    data = simulated(place, "--workload", "driver-late")
    kinds = {(row["kind"], row["thread"], row["instead"]) for row in data["findings"]}

    assert ("lock holder preempted", "a/0", "driver") in kinds
    codes = {row["code"]: row for row in data["diagnostics"]}
    label = next(one for one in codes["HV7044"]["labels"] if one["primary"])
    line = (place / "stack.yaml").read_text("utf-8").splitlines()[label["line"] - 1]
    assert "runmask: [1]" in line
    assert data["summary"] == {"errors": 0, "warnings": len(data["diagnostics"])}
    assert say("simulate", place, "--workload", "driver-late", "--deny", "warnings").code == 1
    assert next(t for t in data["threads"] if t["name"] == "a/1")["observed_spin_ns"] > 0


def test_without_the_lock_nobody_spins(tmp_path: Path) -> None:
    data = simulated(write(tmp_path, contended("")), "--workload", "driver-late")

    assert "lock holder preempted" not in {row["kind"] for row in data["findings"]}
    assert {t["observed_spin_ns"] for t in data["threads"]} == {0}


def test_starvation_is_found_with_its_window(tmp_path: Path) -> None:
    data = simulated(write(tmp_path, contended("")), "--workload", "hog", "--until", "500ms")
    (found,) = (row for row in data["findings"] if row["thread"] == "b/0")

    assert (found["kind"], found["instead"]) == ("starved", "a/1")
    assert (found["from_ns"], found["to_ns"]) == (0, 500 * MS)
    assert found["place"].endswith("stack.yaml:25:17")
    assert "raise its priority above that of `a/1`" in found["change"]
    assert any("`a/1` (10r, CPU 0) runs from" in line for line in found["story"])


def test_a_workload_takes_the_place_of_declared_loads(tmp_path: Path) -> None:
    place = write(tmp_path, contended())
    data = simulated(place, "--workload", "calm")
    threads = {t["name"]: t for t in data["threads"]}

    assert data["workload"] == "calm"
    assert sorted(data["resting"]) == ["a/0", "a/1", "quiet"]
    assert sorted(threads) == ["b/0", "driver"]
    assert threads["b/0"]["activations"] == 17  # three at once, 60 ms apart
    assert threads["b/0"]["observed_response_ns"] > 3 * MS


def test_an_unknown_workload_is_no_answer(tmp_path: Path) -> None:
    said = say("simulate", write(tmp_path, contended()), "--workload", "calmer")

    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "hvbuild: the stack has no workload `calmer`: there are `driver-late`, `calm`, `hog`; "
        "did you mean `calm`?\n"
    )


def test_a_workload_for_nobody_is_refused(tmp_path: Path) -> None:
    text = contended().replace("      a/1: {pattern: busy}", "      a/2: {pattern: busy}")
    said = say("simulate", write(tmp_path, text), "--format", "line")

    assert said.code == 1
    assert "error[HV1030]: workload `hog` refers to thread `a/2`, which nothing declares" in said.out


def test_a_system_that_asks_for_nothing_runs(tmp_path: Path) -> None:
    place = write(tmp_path, stack(guest("a", "{sched: 10r}", "{pattern: idle}", 0x80000000)))
    said = say("simulate", place, "--trace", tmp_path / "t.json")
    data = simulated(place)

    assert said.code == 0
    assert "idle: a/0" in said.out
    assert (data["threads"], data["resting"]) == ([], ["a/0"])
    assert {c["idle_ns"] for c in data["cpus"]} == {1000 * MS}
    check_trace(json.loads((tmp_path / "t.json").read_bytes()), data)


def test_a_guest_that_cannot_start_is_named_and_not_run(tmp_path: Path) -> None:
    """The host keeps all but 64 MiB, a page less than both guests need."""
    guests = (guest(name, "{sched: 10r}", LOAD, 0x80000000) for name in ("a", "late"))
    checked = Checker(None).check(stack_place(write(tmp_path, stack(*guests))), "base")
    system = rendered(checked).system
    short = replace(system, host=replace(system.host, needs=(4 << 30) - (128 << 20) + 0x1000))
    question = Question(until_ns=MS, profile=SDP71)
    run = simulate_system(checked.plan, short, shapes_of(checked.catalog.vdevs), question)
    answer = Simulated(checked=checked, asked=Asked(), run=run, seen=())
    (found,) = (row for row in answer.diagnostics if row.code == "HV7046")

    assert [load.thread.name for load in run.loads] == ["a/0"]
    assert "guest `late` does not come up" in found.message
    assert "its qvm exits 64" in found.notes[0]
    assert "not up, not run: late" in simulation_text(answer)


def test_more_vcpus_are_not_always_faster(tmp_path: Path) -> None:
    """Four vCPUs on two pCPUs, with the work of two between them, spin for each other's lock."""
    two = "{sched: 10r, runmask: [0, 1]}\n{sched: 10r, runmask: [0, 1]}"
    load = "{{pattern: periodic, period: 20ms, work: {}, bound: 20ms, spinlock: 4ms}}"
    rows = "".join(f"      - {row}\n" for row in (two + "\n" + two).splitlines())
    four = f"format: 1\nguests:\n  a:\n    cpus:\n{rows}    load: {load.format('5ms')}\n"
    place = write(tmp_path, stack(guest("a", two, load.format("10ms"), 0x80000000)), four=four)
    said = say("simulate", place, "--compare", "four")

    assert said.code == 0
    assert "a: 2 to 4 vCPUs" in said.out
    assert said.out.rstrip().endswith("more vCPUs, not faster")


def test_partitions_are_shown_beside_their_budgets(tmp_path: Path) -> None:
    host = "  partitions:\n    - {name: small, budget: 10}\n"
    cpus = "{sched: 10r, runmask: [0, 1], partition: small}\n{sched: 10r, runmask: [0, 1]}"
    busy = guest("a", cpus, "{pattern: busy}", 0x80000000)
    other = guest("b", "{sched: 9r, runmask: [0, 1]}", "{pattern: busy}", 0x80000000)
    place = write(tmp_path, stack(busy, other, host=host))
    trace = tmp_path / "t.json"
    data = simulated(place, "--trace", trace)
    parts = {row["partition"]: row for row in data["partitions"]}
    counters = [e for e in json.loads(trace.read_bytes())["traceEvents"] if e["ph"] == "C"]

    assert parts["small"]["budget_percent"] == 10
    assert parts["small"]["observed_percent"] == pytest.approx(10, abs=1)
    assert parts["small"]["analytic_delay_ns"] == 180 * MS  # window - smallest + largest budget
    cpus_of_board = len(data["cpus"])
    owed = (cpus_of_board * 100 * 10 // 100 - cpus_of_board - 1) * MS  # a tenth of each window, less ticks
    assert parts["small"]["analytic_supply_ns"] == owed
    assert f"{owed / MS:.3f}" in say("simulate", place).out
    assert len(counters) == 1000
    assert counters[-1]["args"]["small"] == pytest.approx(10, abs=1.5)
    assert "those declared are left out" in say("simulate", place, "--profile", "strict").out


def test_the_same_work_takes_longer_on_a_little_core(tmp_path: Path) -> None:
    cpus = "{sched: 10r, runmask: [0]}\n{sched: 10r, runmask: [2]}"
    place = write(tmp_path, stack(guest("a", cpus, LOAD, 0x80000000), board="uneven"))
    data = simulated(place, "--trace", tmp_path / "t.json")
    check_trace(json.loads((tmp_path / "t.json").read_bytes()), data)

    assert [t["observed_response_ns"] for t in data["threads"]] == [4 * MS, 2 * MS]
    assert [t["analytic_response_ns"] for t in data["threads"]] == [4 * MS, 2 * MS]


@pytest.mark.parametrize(("cpu", "clock"), [(0, {"host interrupt": 200}), (3, {})])
def test_time_of_one_vcpu_alone_is_its_work_and_its_exits(
    cpu: int, clock: dict[str, int], tmp_path: Path
) -> None:
    """On pCPU 0 the guest is also left for the host's clock: twice in the 2 ms of each activation."""
    load = "{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms, accesses: 7}"
    place = write(tmp_path, stack(guest("a", f"{{sched: 10r, runmask: [{cpu}]}}", load, 0x80000000)))
    data = simulated(place)
    (thread,) = data["threads"]
    # of `el2-host` at 1 GHz: entry 1500; vdev 3000 + 500, timer 800 + inject 1500, halt 2000
    exits = 7 * 5000 + 3800 + 3500

    assert thread["exits"] == {"timer": 100, "vdev": 700, "halt": 100} | clock
    assert thread["exits_per_second"] == 900 + sum(clock.values())
    assert thread["observed_exit_ns"] == 100 * exits
    assert thread["observed_cpu_ns"] == 100 * (2 * MS + exits)
    # a switch each time it wakes, the way out and in for each interrupt of the host; far from the clock's
    # pCPU a request from there each time, and one move
    overhead = 100 * 3000 + 1500 * sum(clock.values()) + (100 * 1000 + 2000 if cpu else 0)
    assert data["cpus"][cpu]["overhead_ns"] == overhead


@pytest.mark.parametrize(
    ("wakes", "taker"),
    [
        ("pattern: sporadic", 1),
        ("pattern: sporadic, interrupt: 77", 3),
        ("pattern: periodic, interrupt: 77", 3),
        ("pattern: bursty, burst: 2, interrupt: 77, interrupt_cpu: 2", 2),
        ("pattern: periodic", 0),
    ],
)
def test_an_interrupt_leaves_the_guest_of_the_pcpu_that_takes_it(
    wakes: str, taker: int, tmp_path: Path
) -> None:
    """A driver is woken while a guest holds each pCPU; the driver itself has one of its own."""
    cpus = "\n".join(f"{{sched: 20r, runmask: [{cpu}]}}" for cpu in (1, 2, 3))
    work = f"{{{wakes}, period: 10ms, work: 100us, bound: 10ms}}"
    host = f"  services:\n    - {{name: driver, command: driver, sched: 9r, cpus: [0], load: {work}}}\n"
    place = write(tmp_path, stack(guest("a", cpus, "{pattern: busy}", 0x80000000), host=host, board="routed"))
    trace = tmp_path / "t.json"
    data = simulated(place, "--until", "95ms", "--trace", trace)
    threads = {thread["name"]: thread for thread in data["threads"]}
    events = json.loads(trace.read_bytes())["traceEvents"]
    arrivals = {event["name"] for event in events if event.get("cat") == "interrupt" and event["ph"] == "X"}
    left = {name: row["exits"].get("host interrupt", 0) for name, row in threads.items() if row["guest"]}
    times = 4 if "bursty" in wakes else 9  # the first activation waits for nothing

    assert threads["driver"]["woken_on_cpu"] == taker
    assert data["interrupts"]["cpu"] == 1
    text = say("simulate", place, "--until", "95ms").out
    assert "interrupts on CPU 1: example: set by the startup program\n" in text
    assert (f"driver is woken on CPU {taker}: " in text) == (taker in (2, 3))
    assert arrivals == {f"interrupt on CPU {taker}"}
    assert left == {f"a/{cpu - 1}": times if cpu == taker else 0 for cpu in (1, 2, 3)}


EXTERNAL = "host:\n  external: [/dev/x]\n"


def test_a_guest_that_halts_in_place_keeps_its_pcpu(tmp_path: Path) -> None:
    """`exit-on-halt off`: no halt exits any more, and nobody below it gets the pCPU."""
    data = {}
    for value in ("on", "off"):
        text = guest("a", "{sched: 10r, runmask: [1]}", LOAD, 0x80000000)
        other = guest("b", "{sched: 9r, runmask: [1]}", LOAD, 0x80000000)
        place = write(tmp_path / value, stack(text + f"    set: {{exit-on-halt: {value}}}\n", other))
        answer = simulated(place)
        data[value] = {thread["name"]: thread for thread in answer["threads"]}
    off, on = data["off"], data["on"]

    assert on["a/0"]["exits"]["halt"] == 100
    assert "halt" not in off["a/0"]["exits"]
    assert off["a/0"]["completed"] == on["a/0"]["completed"] == 100
    assert off["a/0"]["observed_halted_ns"] > 700 * MS
    assert (on["b/0"]["completed"], off["b/0"]["completed"], off["b/0"]["observed_cpu_ns"]) == (100, 0, 0)
    assert off["b/0"]["analytic_response_ns"] is None
    assert "starved" in {row["kind"] for row in answer["findings"]}


def test_a_watchdog_that_nobody_kicks_acts_after_two_periods(tmp_path: Path) -> None:
    """Starved from 0 on, the guest warns after 1 s and ends after 2; kicked in time, it does neither."""
    watchdog = "    vdevs:\n      - {{name: dog, type: wdt-sp805, loc: auto{}}}\n"
    gic = "    vdevs:\n      - {name: gic, type: gic, anonymous: true, version: 3}\n"
    rows = {}
    for action in ("", ", action: fiq"):
        text = guest("a", "{sched: 10r, runmask: [1]}", LOAD, 0x80000000)
        text = text.replace(gic, gic + watchdog.format(action).partition("\n")[2])
        hog = guest("b", "{sched: 20r, runmask: [1]}", "{pattern: busy}", 0x80000000)
        calm = guest("b", "{sched: 20r, runmask: [2]}", "{pattern: busy}", 0x80000000)
        place = write(tmp_path / (action[-3:] or "plain"), stack(text, hog))
        rows[action] = simulated(place, "--until", "3s")
        assert simulated(write(tmp_path / "calm", stack(text, calm)), "--until", "3s")["findings"] == []
        assert "HV7047" not in str(simulated(place, "--until", "1999ms"))
    ended, told = (next(d for d in row["diagnostics"] if d["code"] == "HV7047") for row in rows.values())

    assert "for 2000 ms: it acts at 2000 ms (`terminate`), and its qvm exits 4" in ended["message"]
    assert told["message"].endswith("it acts at 2000 ms (`fiq`)")
    kinds = [row for row in rows[""]["findings"] if row["kind"] == "watchdog ran out"]
    assert [(row["thread"], row["instead"], row["to_ns"]) for row in kinds] == [("a/0", "b/0", 2000 * MS)]


VDEVS = """\
      - {name: disk, type: virtio-blk, loc: 0x1c0d0000, intr: "gic:41", hostdev: /dev/x}
      - {name: uart, type: pl011, loc: 0x1c090000, intr: "gic:37", hostdev: ">-"}
"""


def test_operations_on_vdevs_take_what_the_table_says(tmp_path: Path) -> None:
    """Two requests of a disk and five bytes to a serial device, beside four accesses of no device."""
    uses = "accesses: 4, operations: {disk.request: 2, uart.byte: 5}"
    load = f"{{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms, {uses}}}"
    text = stack(guest("a", "{sched: 10r, runmask: [3]}", load, 0x80000000) + VDEVS, more=EXTERNAL)
    place = write(tmp_path, text)
    data = simulated(place, "--until", "100ms")
    (thread,) = data["threads"]
    vdev, interrupt = 5000, 1500 + 150 + 1500  # of `el2-host` at 1 GHz

    assert thread["exits"] == {"timer": 10, "vdev": 10 * (4 + 2 * 3 + 5), "interrupt": 20, "halt": 10}
    assert thread["observed_exit_ns"] == 10 * (15 * vdev + 2 * interrupt + 3800 + 3500)
    assert [(row["operation"], row["registers"], row["interrupts"]) for row in thread["operations"]] == [
        ("disk.request", 3, 1),
        ("uart.byte", 1, 0),
    ]
    table = say("explain", "model", "--format", "json").data["operations"]
    known = {(row["vdev"], row["operation"]): row["from"] for row in table}
    assert thread["operations"][0]["source"] == known["virtio-blk", "request"]


def test_a_load_says_what_else_leaves_the_guest(tmp_path: Path) -> None:
    """As a kernel trace counts it, cause by cause; the timer of each release comes to that."""
    exits = "hypercall: 2, sgi: 3, sysreg: 1, fault: 1, interrupt: 4, unmask: 4, timer: 1, maintenance: 70"
    load = f"{{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms, exits: {{{exits}}}}}"
    data = simulated(
        write(tmp_path, stack(guest("a", "{sched: 10r, runmask: [3]}", load, 0x80000000))), "--until", "100ms"
    )
    (thread,) = data["threads"]
    named = {one.split(": ")[0]: 10 * int(one.split(": ")[1]) for one in exits.split(", ")}
    terms = Terms(costs=cost_table("el2-host", 1_000_000_000))
    cost = {cause: exit_ns(terms, Cause(cause)) for cause in (*named, "halt")}

    assert thread["exits"] == named | {"timer": 20, "halt": 10}
    whole = sum(count * cost[cause] for cause, count in named.items()) + 10 * (cost["timer"] + cost["halt"])
    assert thread["observed_exit_ns"] == whole


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("exits: {cpuid: 1}", "has exits of cause `cpuid`, which only x86_64 has"),
        ("exits: {port: 1}", "has exits of cause `port`, which only x86_64 has"),
        ("exits: {halt: 1}", "error[HV1001]: unknown key `halt`"),
        ("exits: {sgi: 0}", "error[HV1"),
    ],
)
def test_exits_that_cannot_be_are_refused(load: str, said: str, tmp_path: Path) -> None:
    text = f"{{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms, {load}}}"
    answer = say(
        "check",
        write(tmp_path, stack(guest("a", "{sched: 10r}", text, 0x80000000))),
        "--format",
        "line",
    )

    assert answer.code == 1
    assert said in answer.out


def test_exits_of_a_service_are_refused(tmp_path: Path) -> None:
    host = "  services:\n    - {name: s, command: s, load: {pattern: sporadic, period: 1ms, work: 1us, %s}}\n"
    for load in ("exits: {sgi: 1}", "accesses: 1"):
        text = stack(guest("a", "{sched: 10r}", "{pattern: idle}", 0x80000000), host=host % load)
        answer = say("check", write(tmp_path, text), "--format", "line")

        assert "HV1033]: the load of service `s` has exits, and only a guest is left" in answer.out


def test_the_causes_of_loads_are_those_of_the_machine() -> None:
    schema = json.loads((ROOT / "schemas/stack.schema.json").read_text())
    known = set(schema["$defs"]["demand"]["properties"]["exits"]["properties"])
    played = {Cause.HALT, Cause.HOST_INTERRUPT, Cause.PREEMPTION, Cause.VDEV}

    assert known == set(DECLARED_EXITS) == {cause.value for cause in set(Cause) - played}


def test_a_back_end_works_in_the_thread_of_the_vcpu(tmp_path: Path) -> None:
    """Three requests of 100 us each are host work of this thread: the answer is later by exactly that."""
    rows = {}
    for back_end in ("", ", back_end: 100us"):
        uses = f"operations: {{disk.request: 3}}{back_end}"
        load = f"{{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms, {uses}}}"
        text = stack(guest("a", "{sched: 10r, runmask: [3]}", load, 0x80000000) + VDEVS, more=EXTERNAL)
        (rows[back_end],) = simulated(write(tmp_path, text), "--until", "100ms")["threads"]
    without, working = rows.values()

    assert working["observed_response_ns"] == without["observed_response_ns"] + 3 * 100_000
    assert working["observed_exit_ns"] == without["observed_exit_ns"] + 10 * 3 * 100_000
    assert working["analytic_response_ns"] >= working["observed_response_ns"]
    assert working["exits"] == without["exits"]


def test_a_back_end_without_operations_is_refused(tmp_path: Path) -> None:
    load = "{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms, back_end: 100us}"
    place = write(tmp_path, stack(guest("a", "{sched: 10r}", load, 0x80000000)))
    answer = say("simulate", place, "--format", "line")

    assert answer.code == 1
    assert "error[HV1034]: the load of guest `a` has a `back_end` and no `operations`" in answer.out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("disc.request", "refers to vdev of guest `a` `disc`, which nothing declares"),
        ("disk.seek", "refers to operation of `disk` (a virtio-blk) `seek`, which nothing declares"),
    ],
)
def test_an_operation_that_nothing_does_is_refused(name: str, said: str, tmp_path: Path) -> None:
    load = f"{{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms, operations: {{{name}: 1}}}}"
    place = write(tmp_path, stack(guest("a", "{sched: 10r}", load, 0x80000000) + VDEVS, more=EXTERNAL))
    answer = say("simulate", place, "--format", "line")

    assert answer.code == 1
    assert f"error[HV1030]: the load of guest `a` {said}" in answer.out


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("interrupt: 78", "refers to board interrupt `78`, which nothing declares"),
        ("interrupt_cpu: 4", "refers to pCPU `4`, which nothing declares"),
    ],
)
def test_an_interrupt_or_pcpu_that_the_board_lacks_is_refused(load: str, said: str, tmp_path: Path) -> None:
    demand = f"{{pattern: sporadic, period: 10ms, work: 1ms, bound: 10ms, {load}}}"
    place = write(tmp_path, stack(guest("a", "{sched: 9r}", demand, 0x80000000), board="routed"))
    answer = say("simulate", place, "--format", "line")

    assert answer.code == 1
    assert answer.out.startswith(f"{place}/stack.yaml:10:11: error[HV1030]: the load of guest `a` {said}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--until 0ms", "a run takes more than no time"),
        ("--compare base --trace t.json", "leave --compare out"),
        ("--scenario x.json", "and not both"),
        ("--host-memory much", "'much' is not a size like 64MiB"),
    ],
)
def test_wrong_use(words: str, said: str, tmp_path: Path) -> None:
    answer = say("simulate", tmp_path, *words.split())

    assert answer.code == 2
    assert said in answer.err


def test_a_trace_that_cannot_be_written_is_no_answer(tmp_path: Path) -> None:
    place = write(tmp_path, stack(guest("a", "{sched: 10r}", LOAD, 0x80000000)))
    answer = say("simulate", place, "--trace", tmp_path / "nowhere" / "t.json")

    assert (answer.code, answer.out) == (2, "")
    assert f"cannot open `{tmp_path / 'nowhere' / 't.json'}`: no such file or directory" in answer.err


@pytest.mark.laws
def test_the_compiled_engine_says_the_same(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    place = write(tmp_path, contended())

    assert simulated(place) == simulated(place, "--fast")


# --- the trace --------------------------------------------------------------------------------------------


def test_a_trace_is_written_whole_and_always_the_same(tmp_path: Path) -> None:
    place = write(tmp_path, contended())
    out = tmp_path / "out"
    out.mkdir()
    for name in ("a.json", "b.json"):
        assert say("simulate", place, "--until", "100ms", "--trace", out / name).code == 0
    data = simulated(place, "--until", "100ms", "--trace", out / "a.json")

    assert sorted(path.name for path in out.iterdir()) == ["a.json", "b.json"]
    assert (out / "a.json").read_bytes() == (out / "b.json").read_bytes()
    assert (out / "a.json").stat().st_mode & 0o777 == 0o644
    check_trace(json.loads((out / "a.json").read_bytes()), data)


def check_trace(document: dict[str, Any], data: dict[str, Any]) -> None:
    """Every promise of the trace: tracks named, slices apart, arrows tied, times whole nanoseconds."""
    events: list[Event] = document["traceEvents"]
    assert document["displayTimeUnit"] == "ns"
    assert {event["ph"] for event in events} <= set("MXsfCi")
    for event in events:
        for key in ("ts", "dur"):
            if key in event:
                assert event[key] >= 0
                assert abs(event[key] * 1000 - round(event[key] * 1000)) < 1e-3
    named = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    processes = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    tracks = slices_by_track(events)
    assert set(tracks) <= named
    assert {pid for pid, _ in named} <= set(processes)
    for rows in tracks.values():
        for (_, end), (start, _) in pairwise(rows):
            assert end <= start
    check_arrows(events, tracks)
    check_totals(document, processes, tracks, data)


def slices_by_track(events: list[Event]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            start, length = round(event["ts"] * 1000), round(event["dur"] * 1000)
            assert length > 0
            found[event["pid"], event["tid"]].append((start, start + length))
    return {track: sorted(rows) for track, rows in found.items()}


def check_arrows(events: list[Event], tracks: dict[tuple[int, int], list[tuple[int, int]]]) -> None:
    ends: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] in "sf":
            ends[event["id"]].append(event)
    for start, end in ends.values():
        assert (start["ph"], end["ph"], end["bp"]) == ("s", "f", "e")
        assert start["ts"] <= end["ts"]
        for event in (start, end):
            at = round(event["ts"] * 1000)
            assert any(a <= at < b for a, b in tracks[event["pid"], event["tid"]])
        first = min(a for a, _ in tracks[end["pid"], end["tid"]] if a >= round(start["ts"] * 1000))
        assert round(end["ts"] * 1000) == first


def check_totals(
    document: dict[str, Any],
    processes: dict[int, str],
    tracks: dict[tuple[int, int], list[tuple[int, int]]],
    data: dict[str, Any],
) -> None:
    """The trace holds what the answer says: boot steps, the load of each CPU, the time of each thread."""
    numbers = {name: pid for pid, name in processes.items()}
    begin = document["otherData"]["run_from_ns"]
    boot = [event for event in document["traceEvents"] if event.get("cat") == "boot"]
    assert [e["name"] for e in boot] == [step["name"] for step in data["boot"]["steps"]]
    assert begin == max(step["end_ns"] for step in data["boot"]["steps"])
    assert all(a >= begin for (pid, _), rows in tracks.items() if pid != numbers["boot"] for a, _ in rows)
    for cpu in data["cpus"]:
        held = sum(b - a for a, b in tracks.get((numbers["CPUs"], cpu["cpu"]), []))
        assert held == cpu["busy_ns"] + cpu["overhead_ns"]
    for number, thread in enumerate(data["threads"]):
        ran = sum(b - a for a, b in tracks.get((numbers["threads"], number), []))
        assert ran == thread["observed_cpu_ns"]


# --- the law ----------------------------------------------------------------------------------------------


@st.composite
def systems(draw: st.DrawFn) -> list[tuple[int, str, int, int, int]]:
    """vCPUs as (priority, policy, mask, period, work), the last two in units of 100 us."""
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        period = draw(st.integers(10, 300))
        rows.append(
            (
                draw(st.integers(1, 4)),
                draw(st.sampled_from("fr")),
                draw(st.integers(1, 15)),
                period,
                draw(st.integers(1, period)),
            )
        )
    return rows


@given(rows=systems())
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_without_costs_and_accesses_it_is_the_bare_scheduler(
    rows: list[tuple[int, str, int, int, int]], tmp_path: Path
) -> None:
    unit = 100_000
    guests = []
    for number, (prio, policy, mask, period, work) in enumerate(rows):
        cpus = [cpu for cpu in range(4) if mask >> cpu & 1]
        load = f"{{pattern: periodic, period: {period * 100}us, work: {work * 100}us, bound: 1s}}"
        guests.append(guest(f"g{number}", f"{{sched: {prio}{policy}, runmask: {cpus}}}", load, 0x80000000))
    trace = tmp_path / "t.json"
    simulated(write(tmp_path, stack(*guests, board="free")), "--until", "50ms", "--trace", trace)
    threads = tuple(
        Thread(
            id=number,
            prio=prio,
            policy=policy,
            runmask=mask,
            bursts=(Burst(work * unit, period * unit, "n"),),
        )
        for number, (prio, policy, mask, period, work) in enumerate(rows)
    )
    bare = simulate(Scenario(cpus=4, horizon_ns=50 * MS, threads=threads), SDP71)

    assert [(s.cpu, f"g{s.thread}/0", s.start, s.end) for s in join(bare.segments)] == sorted(
        held(json.loads(trace.read_bytes())), key=lambda row: (row[2], row[0])
    )


def held(document: dict[str, Any]) -> Iterator[tuple[int, str, int, int]]:
    """Who held which CPU when, out of a trace, in the time of the run."""
    begin = document["otherData"]["run_from_ns"]
    for event in document["traceEvents"]:
        if event["ph"] == "X" and event["pid"] == 1:
            start = round(event["ts"] * 1000) - begin
            yield event["tid"], event["name"], start, start + round(event["dur"] * 1000)


@given(rows=systems())
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_bound_of_the_analysis_is_ever_passed(
    rows: list[tuple[int, str, int, int, int]], tmp_path: Path
) -> None:
    """Pinned vCPUs at drawn priorities, with every cost: what was seen stays within what was proved."""
    guests = []
    for number, (prio, policy, mask, period, work) in enumerate(rows):
        load = f"{{pattern: periodic, period: {period * 100}us, work: {work * 25}us, bound: 1s, accesses: 3}}"
        cpus = f"{{sched: {prio}{policy}, runmask: [{mask % 2}]}}"
        guests.append(guest(f"g{number}", cpus, load, 0x80000000))
    place = write(tmp_path, stack(*guests, board="bench"))
    data = simulated(place, "--costs", "high")

    for thread in data["threads"]:
        if thread["analytic_response_ns"] is not None:
            assert thread["observed_response_ns"] <= thread["analytic_response_ns"]


# --- what the target's own tools would print --------------------------------------------------------------


def test_predictions_read_back(tmp_path: Path) -> None:
    place = write(tmp_path, stack(guest("a", "{sched: 45r}\n{sched: 44f}", LOAD, 0x80000000)))
    said = say("drift", place, "--predict")
    data = say("drift", place, "--predict", "--format", "json").data
    view = read_asinfo(SourceFile("predicted", said.out))
    asinfo = tmp_path / "asinfo.txt"
    asinfo.write_text(said.out.partition("# showmem")[0], "utf-8")

    assert said.code == 0
    assert data["format"] == "hvbuild-prediction/1"
    assert [row["name"] for row in data["asinfo"]] == [entry.path for entry in view.entries]
    assert [row["sched"] for row in data["threads"]] == ["10r", "45r", "44f"]
    assert data["info"]["total_bytes"] == 4 << 30
    assert "Processor3: ? bench-core 1000MHz" in said.out
    assert say("drift", place, "--asinfo", asinfo).out == "no difference\n"


def test_a_prediction_needs_no_capture(tmp_path: Path) -> None:
    place = write(tmp_path, stack(guest("a", "{sched: 45r}", LOAD, 0x80000000)))

    assert "give --asinfo" in say("drift", place).err
    assert "--predict needs no capture" in say("drift", place, "--predict", "--asinfo", "x").err


def test_a_load_that_rests_is_not_run() -> None:
    thread = HostThread(
        name="s",
        guest="",
        number=0,
        sched=DEFAULT_SCHED,
        cpus=frozenset({0}),
        partition="System",
        demand=None,
    )
    terms = Terms(costs=free_table())

    assert load_of(thread, terms, 0, 1000, {}) is None
    assert load_of(replace(thread, demand=Demand(pattern="idle")), terms, 0, 1000, {}) is None
    assert load_of(replace(thread, demand=Demand(pattern="busy")), terms, 0, 1000, {}) is not None
