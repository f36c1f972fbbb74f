"""`hvbuild simulate STACK` where a watchdog ends a guest: others have its time, and it may come back."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import say
from simulated_stacks import guest, simulated, stack, write

from hvbuild.commands.arguments import EndType
from hvbuild.simulating import HOW

MS = 1_000_000
SECOND = 1000 * MS
LOAD = "{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms}"
BUSY = "{pattern: busy}"
STUCK = "{pattern: periodic, period: 100s, work: 90s, bound: 100s}"  # an activation that is never done
DOG = "      - {{name: dog, type: wdt-sp805, loc: auto{}}}\n"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("HVBUILD_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def watched(name: str, cpus: str, load: str, action: str = "", restart: str = "") -> str:
    text = guest(name, cpus, load, 0x80000000) + DOG.format(action and f", action: {action}")
    return text + (f"    launch: {{restart: {restart}}}\n" if restart else "")


def of(data: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (row for row in data["threads"] if row["name"] == name)
    return dict(found)


# A guest with two vCPUs, the first of which a rival starves; the second keeps a third guest from running.
RIVAL = guest("b", "{sched: 20r, runmask: [1]}", BUSY, 0x80000000)
THIRD = guest("c", "{sched: 9r, runmask: [2]}", BUSY, 0x80000000)
TWO = "{sched: 10r, runmask: [1]}\n{sched: 10r, runmask: [2], load: " + BUSY + "}"


def trio(restart: str = "", action: str = "") -> str:
    return stack(watched("a", TWO, LOAD, action, restart), RIVAL, THIRD, board="free")


def test_a_guest_ends_when_its_watchdog_acts_and_another_has_its_time(tmp_path: Path) -> None:
    place = write(tmp_path, trio())
    data = simulated(place, "--until", "3s")

    assert data["endings"] == [
        {
            "guest": "a",
            "way": "watchdog",
            "action": "terminate",
            "at_ns": 2 * SECOND,
            "exit_code": 4,
            "cut_off": 200,
            "restart": "never",
            "up_again_ns": None,
        }
    ]
    assert of(data, "a/1")["observed_cpu_ns"] == 2 * SECOND
    assert of(data, "c/0")["observed_cpu_ns"] == SECOND
    assert of(data, "a/0")["activations"] == of(data, "a/0")["cut_off"] == 200
    assert of(data, "a/0")["observed_ready_ns"] == 2 * SECOND
    assert of(data, "a/1")["guest_time"]["active_ns"] == 2 * SECOND
    assert data["down"] == []


def test_text_and_trace_tell_of_the_end(tmp_path: Path) -> None:
    place, trace = write(tmp_path, trio()), tmp_path / "t.json"
    text = say("simulate", place, "--until", "3s", "--trace", trace).out
    events = json.loads(trace.read_bytes())["traceEvents"]
    up = json.loads(trace.read_bytes())["otherData"]["run_from_ns"]
    ends = {row["tid"]: row["ts"] for row in events if row["name"] == "ends"}
    (gone,) = (row for row in events if row["name"] == "qvm exits 4")

    assert "ended in the run\nguest  by        action        at ms  qvm exits  cut off  restart" in text
    assert "a      watchdog  terminate  2000.000          4      200  never" in text
    assert "and its qvm exits 4; nobody starts it again" in text
    assert "= note: its 2 vCPU threads end at 2000 ms, 200 activations cut off" in text
    assert "`c/0` is ready for 2000 ms without running" in text
    assert ends == {0: (up + 2 * SECOND) / 1000, 1: (up + 2 * SECOND) / 1000}
    assert gone["ts"] == (up + 2 * SECOND) / 1000
    late = [row for row in events if row["ph"] == "X" and row["pid"] == 2 and row["tid"] in ends]
    assert max(row["ts"] + row["dur"] for row in late) == ends[0]


def test_nothing_starves_after_its_guest_ended(tmp_path: Path) -> None:
    """The thread waits for 2 s of 3, and no finding reaches beyond."""
    data = simulated(write(tmp_path, trio()), "--until", "3s")
    seen = [(row["kind"], row["thread"], row["to_ns"]) for row in data["findings"]]

    assert ("starved", "a/0", 2 * SECOND) in seen
    assert [to for _, thread, to in seen if thread.startswith("a/") and to > 2 * SECOND] == []
    (story,) = (
        row["story"] for row in data["findings"] if row["kind"] == "starved" and row["thread"] == "a/0"
    )
    assert story[0].endswith("is ready from 0 ms until 2000 ms, when its guest ends")


def rows_until(place: Path, trace: Path, time: int, *more: object) -> list[tuple[object, ...]]:
    """The slices of the run on its CPUs up to `time` of it, cut there."""
    simulated(place, "--trace", trace, *more)
    document = json.loads(trace.read_bytes())
    end = (document["otherData"]["run_from_ns"] + time) / 1000
    return [
        (row["tid"], row["name"], row["cat"], row["ts"], round(min(row["ts"] + row["dur"], end), 3))
        for row in document["traceEvents"]
        if row["ph"] == "X" and row["pid"] == 1 and row["ts"] < end
    ]


def test_the_run_up_to_the_end_is_the_one_without_it(tmp_path: Path) -> None:
    """`fiq` ends nothing, so it shows the run as it is without an end."""
    costly = [trio(action=action).replace("board: free", "board: bench") for action in ("", "fiq")]
    places = [write(tmp_path / str(i), text) for i, text in enumerate(costly)]
    for until in ("2s", "3s"):
        before, other = (
            rows_until(place, tmp_path / "t.json", 2 * SECOND, "--until", until) for place in places
        )
        assert before == other


@pytest.mark.parametrize("action", ["fiq", '"dump,fiq"'])
def test_an_action_that_does_not_end_the_vm_changes_nothing(action: str, tmp_path: Path) -> None:
    data = simulated(write(tmp_path, trio(action=action)), "--until", "3s")

    assert data["endings"] == []
    assert "watchdog ran out" in {row["kind"] for row in data["findings"]}
    assert of(data, "a/1")["observed_cpu_ns"] == 3 * SECOND
    assert of(data, "a/0")["activations"] == 300


def test_a_dump_before_the_end_is_an_end_all_the_same(tmp_path: Path) -> None:
    (row,) = simulated(write(tmp_path, trio(action='"dump,terminate"')), "--until", "3s")["endings"]

    assert (row["action"], row["at_ns"]) == ("dump,terminate", 2 * SECOND)


@pytest.mark.parametrize(("period", "ends"), [("1999999us", []), ("2s", [2001 * MS])])
def test_a_kick_just_in_time_leaves_the_guest_alone(period: str, ends: list[int], tmp_path: Path) -> None:
    """Work of 1 ms in every period: kicked at 1 ms, and 1 us before the watchdog acts, or as it does."""
    load = f"{{pattern: periodic, period: {period}, work: 1ms, bound: 5s}}"
    text = stack(watched("a", "{sched: 10r, runmask: [1]}", load), board="free")
    data = simulated(write(tmp_path, text), "--until", "5s")

    assert [row["at_ns"] for row in data["endings"]] == ends
    assert of(data, "a/0")["completed"] == (2 if ends else 3)


@pytest.mark.parametrize("restart", ["always", "on-failure"])
def test_a_supervised_guest_comes_back_and_is_ended_again(restart: str, tmp_path: Path) -> None:
    data = simulated(write(tmp_path, trio(restart)), "--until", "7s")
    back = 3 * SECOND  # the script's pause; nothing costs anything on this board

    assert [(row["at_ns"], row["up_again_ns"], row["restart"]) for row in data["endings"]] == [
        (2 * SECOND, back, restart),
        (back + 2 * SECOND, 2 * back, restart),
    ]
    assert of(data, "a/1")["observed_cpu_ns"] == 2 * SECOND + 2 * SECOND + SECOND
    assert of(data, "c/0")["observed_cpu_ns"] == 2 * SECOND
    assert (of(data, "a/0")["cut_off"], of(data, "a/0")["activations"]) == (400, 500)
    assert of(data, "a/1")["guest_time"]["active_ns"] == 5 * SECOND
    assert [row["name"] for row in data["threads"]] == ["a/0", "a/1", "b/0", "c/0"]


def test_it_is_back_after_the_pause_and_its_boot(tmp_path: Path) -> None:
    place = write(tmp_path, trio("always").replace("board: free", "board: bench"))
    data = simulated(place, "--until", "4s")
    (row,) = data["endings"]
    steps = [step for step in data["boot"]["steps"] if step["subject"] == "a"]
    boot = sum(step["end_ns"] - step["start_ns"] for step in steps)
    (told,) = (one["message"] for one in data["diagnostics"] if one["code"] == "HV7047")

    assert boot > 50 * MS
    assert row["up_again_ns"] == row["at_ns"] + SECOND + boot
    assert f"; started again, it is up at {row['up_again_ns'] / MS:.6f}".rstrip("0") in told
    early = simulated(place, "--until", "3s")["diagnostics"]
    (told,) = (one["message"] for one in early if one["code"] == "HV7047")
    assert told.endswith(" ms, after the run")


def test_a_guest_that_comes_back_to_a_calm_pcpu_stays(tmp_path: Path) -> None:
    """The rival's guest is ended, too, and for good: the other does its work from then on."""
    rival = watched("b", "{sched: 20r, runmask: [1]}", STUCK)
    text = stack(watched("a", "{sched: 10r, runmask: [1]}", LOAD, restart="always"), rival, board="free")
    data = simulated(write(tmp_path, text), "--until", "4s")
    first, second = data["endings"]
    thread = of(data, "a/0")
    released = -(-(4 * SECOND - first["up_again_ns"]) // (10 * MS))

    assert [first["guest"], second["guest"]] == ["a", "b"]
    assert first["at_ns"] == second["at_ns"] == 2 * SECOND
    assert thread["activations"] == 200 + released
    assert thread["cut_off"] == 200
    assert thread["completed"] in (released - 1, released)
    assert thread["observed_cpu_ns"] <= 2 * MS * released
    assert thread["guest_time"]["observed_timer_late_ns"] < MS


def test_two_guests_expire_one_after_the_other(tmp_path: Path) -> None:
    """The end of the first starves nobody any more but leaves the rival, which the second needs gone."""
    late = "{pattern: periodic, period: 400ms, work: 100ms, bound: 400ms}"
    text = stack(
        watched("a", "{sched: 10r, runmask: [1]}", LOAD),
        guest("b", "{sched: 20r, runmask: [1]}", BUSY, 0x80000000),
        watched("c", "{sched: 20r, runmask: [2]}", "{pattern: periodic, period: 3s, work: 500ms, bound: 3s}"),
        watched("d", "{sched: 10r, runmask: [2]}", late),
        board="free",
    )
    data = simulated(write(tmp_path, text), "--until", "6s")

    assert [(row["guest"], row["at_ns"]) for row in data["endings"]] == [
        ("a", 2 * SECOND),
        ("c", 2500 * MS),
    ]
    assert of(data, "c/0")["observed_cpu_ns"] == 500 * MS
    assert of(data, "d/0")["cut_off"] == 0


SHARED = "{sched: 20f, runmask: [1]}"  # the first of two guests does its first work, then the other keeps it
SLOW = "{pattern: periodic, period: 600ms, work: 100ms, bound: 9s}"


def test_an_end_that_the_end_of_another_averts_is_none(tmp_path: Path) -> None:
    """`a`, kicked at 0.4 s, would end at 2.4 s, but the end of `b` at 2 s lets it work again."""
    load = "{pattern: periodic, period: 100s, work: 300ms, bound: 9s}"
    brief = guest("c", "{sched: 30f, runmask: [1]}", load, 0x80000000)
    text = stack(watched("a", SHARED, SLOW), watched("b", SHARED, STUCK), brief, board="free")
    data = simulated(write(tmp_path, text), "--until", "6s")

    assert [(row["guest"], row["at_ns"]) for row in data["endings"]] == [("b", 2 * SECOND)]
    assert of(data, "a/0")["completed"] == 10
    assert [row["thread"] for row in data["findings"] if row["kind"] == "watchdog ran out"] == ["b/0"]


def test_no_interrupt_of_one_life_leads_into_the_next(tmp_path: Path) -> None:
    """`a` is woken at 0.6 s and never runs before it ends at 2.1 s; it is back as `b` has done its work."""
    load = "{pattern: periodic, period: 100s, work: 3s, bound: 9s}"
    text = stack(
        watched("a", SHARED, SLOW, restart="always"), guest("b", SHARED, load, 0x80000000), board="free"
    )
    trace = tmp_path / "t.json"
    data = simulated(write(tmp_path, text), "--until", "5s", "--trace", trace)
    events = json.loads(trace.read_bytes())["traceEvents"]
    (end,) = (row["ts"] for row in events if row["name"] == "ends")
    begins = {row["id"]: row["ts"] for row in events if row["ph"] == "s"}
    flows = [(begins[row["id"]], row["ts"]) for row in events if row["ph"] == "f"]

    assert [row["at_ns"] for row in data["endings"]] == [2100 * MS]
    assert of(data, "a/0")["completed"] == 1 + 4
    assert flows
    assert [flow for flow in flows if flow[0] < end < flow[1]] == []


def test_a_job_in_good_time_that_is_cut_off_misses_no_bound(tmp_path: Path) -> None:
    """vCPU 1 is 2 ms into its work of 4 when the guest ends, with 7 ms left."""
    load = "{pattern: periodic, period: 9ms, work: 4ms, bound: 9ms}"
    cpus = f"{{sched: 10r, runmask: [1]}}\n{{sched: 10r, runmask: [2], load: {load}}}"
    data = simulated(write(tmp_path, stack(watched("a", cpus, LOAD), RIVAL, board="free")), "--until", "3s")
    thread = of(data, "a/1")

    assert thread["activations"] == 223
    assert (thread["completed"], thread["cut_off"]) == (222, 1)
    assert thread["observed_response_ns"] == 4 * MS
    assert [row["kind"] for row in data["findings"] if row["thread"] == "a/1"] == []


def test_more_ends_than_are_played_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hvbuild.machine.simulation.MOST_ENDINGS", 1)
    data = simulated(write(tmp_path, trio("always")), "--until", "8s")
    last = [row["message"] for row in data["diagnostics"] if row["code"] == "HV7047"][-1]

    assert len(data["endings"]) == 1
    assert last.endswith("; the run goes on without that, 64 ends are played at most")


@pytest.mark.laws
def test_the_compiled_engine_ends_guests_alike(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    place = write(tmp_path, trio("on-failure").replace("board: free", "board: bench"))

    assert simulated(place, "--until", "6s") == simulated(place, "--until", "6s", "--fast")


@pytest.mark.parametrize(
    ("rival", "ended"), [("{sched: 9r, runmask: [1]}", []), ("{sched: 20r, runmask: [1]}", ["a"])]
)
def test_a_busy_guest_kicks_while_it_has_its_pcpu(tmp_path: Path, rival: str, ended: list[str]) -> None:
    other = guest("b", rival, BUSY, 0x80000000)
    place = write(tmp_path, stack(watched("a", "{sched: 10r, runmask: [1]}", BUSY), other, board="free"))

    assert [row["guest"] for row in simulated(place, "--until", "3s")["endings"]] == ended


DISK = '      - {name: disk, type: virtio-blk, loc: 0x1c0d0000, intr: "gic:41", hostdev: /dev/x, load: %s}\n'
HOST = "  services:\n    - {name: blk, command: devb-x, wait_for: [/dev/x]}\n"


def net(number: int) -> str:
    mac = f'"02:00:00:00:00:0{number}"'
    return (
        f'      - {{name: net, type: virtio-net, loc: 0x1c0e0000, intr: "gic:42", peer: auto, mac: {mac}}}\n'
    )


def test_the_threads_of_its_vdevs_end_and_come_back_with_a_guest(tmp_path: Path) -> None:
    """Guest `a` waits for its disk, whose thread a rival starves; what is sent to it then is lost."""
    serving = "{pattern: served, work: 1ms, bound: 5ms}"
    asks = "{pattern: periodic, period: 100ms, work: 1ms, bound: 100ms, operations: {disk.request: 1}"
    takes = "{pattern: served, work: 2ms, bound: 9ms, operations: {net.receive: 1}}"
    sends = "{pattern: periodic, period: 100ms, work: 1ms, bound: 9ms, operations: {net.send: 1}}"
    cpus = "{sched: 10r, runmask: [1]}\n{sched: 10r, runmask: [3], load: " + takes + "}"
    text = stack(
        guest("a", cpus, asks + ", awaits: [disk.request]}", 0x80000000)
        + DOG.format("")
        + DISK % serving
        + net(1)
        + "    launch: {sched: 15r, cpus: [2], restart: always}\n",
        guest("b", "{sched: 20r, runmask: [2]}", BUSY, 0x88000000),
        guest("c", "{sched: 10r, runmask: [0]}", sends, 0x90000000) + net(2),
        board="free",
        host=HOST,
        more="links:\n  - {name: ac, between: [a.net, c.net]}\n",
    )
    data = simulated(write(tmp_path, text), "--until", "9s")
    at = [(row["at_ns"], row["up_again_ns"]) for row in data["endings"]]

    (story, *_) = (row["story"] for row in data["findings"] if row["kind"] == "watchdog ran out")
    assert at == [(time * SECOND, (time + 1) * SECOND) for time in (2, 5, 8)]
    assert "it waits for `a.disk` from 0.5 ms to 2000 ms" in story
    # asked once in each life, never answered
    assert (of(data, "a.disk")["activations"], of(data, "a.disk")["completed"]) == (3, 0)
    # 20 packets in each life, and of those in between none
    assert of(data, "a/1")["completed"] == 60
    assert of(data, "c/0")["completed"] == 90


def test_a_guest_that_is_answered_again_goes_on_in_its_second_life(tmp_path: Path) -> None:
    """The rival of its disk's thread is ended by a watchdog of its own, before `a` is back."""
    serving = "{pattern: served, work: 1ms, bound: 5ms}"
    asks = "{pattern: periodic, period: 100ms, work: 1ms, bound: 100ms, operations: {disk.request: 1}"
    text = stack(
        guest("a", "{sched: 10r, runmask: [1]}", asks + ", awaits: [disk.request]}", 0x80000000)
        + DOG.format("")
        + DISK % serving
        + "    launch: {sched: 15r, cpus: [2], restart: always}\n",
        watched("b", "{sched: 20r, runmask: [2]}", STUCK),
        host=HOST,
        board="free",
    )
    data = simulated(write(tmp_path, text), "--until", "5s")

    assert sorted((row["guest"], row["at_ns"]) for row in data["endings"]) == [
        ("a", 2 * SECOND),
        ("b", 2 * SECOND),
    ]
    # back at 3 s: a request each 100 ms, each answered after 1 ms
    assert (of(data, "a.disk")["activations"], of(data, "a.disk")["completed"]) == (21, 20)
    assert of(data, "a/0")["completed"] == 20


# --- ends that are asked for --------------------------------------------------------------------------------


def pair(folder: Path, restart: str = "never") -> Path:
    """Guest `a` keeps its pCPU from `b`, which is below it."""
    first = guest("a", "{sched: 20r, runmask: [1]}", BUSY, 0x80000000)
    first += f"    launch: {{restart: {restart}}}\n"
    return write(
        folder, stack(first, guest("b", "{sched: 10r, runmask: [1]}", LOAD, 0x90000000), board="free")
    )


@pytest.mark.parametrize(
    ("how", "restart", "told", "again"),
    [
        ("", "always", ("PSCI SYSTEM_OFF", 0), True),
        ("=off", "on-failure", ("PSCI SYSTEM_OFF", 0), False),
        ("=reset", "always", ("PSCI SYSTEM_RESET", 0), True),
        ("=reset", "never", ("PSCI SYSTEM_RESET", 0), False),
        ("=quit", "on-failure", ("SIGQUIT", 3), True),
        ("=vdev", "on-failure", ("third-party vdev", 32), True),
        ("=unsupported", "never", ("unsupported operation", 5), False),
        ("=vdev-error", "always", ("unexpected vdev error", 6), True),
    ],
)
def test_a_guest_ends_as_it_is_told_and_its_launcher_sees_the_code(
    tmp_path: Path, how: str, restart: str, told: tuple[str, int], again: bool
) -> None:
    data = simulated(pair(tmp_path, restart), "--until", "2s", "--end", f"a@500ms{how}")
    (row,) = data["endings"]

    assert (row["guest"], row["at_ns"], row["way"], row["exit_code"]) == ("a", 500 * MS, *told)
    assert (row["action"], row["restart"]) == (None, restart)
    assert row["up_again_ns"] == (1500 * MS if again else None)
    # what `a` leaves is that of `b`: 2 ms in each 10 ms
    free = 1000 if again else 1500
    late = [one["thread"] for one in data["findings"]]
    assert of(data, "a/0")["observed_cpu_ns"] == (2000 - free) * MS
    assert of(data, "b/0")["observed_cpu_ns"] <= free * MS
    assert "b/0" in late


def test_ends_follow_one_another_and_one_that_is_gone_does_not_end(tmp_path: Path) -> None:
    """Ended at 0.2 s and back at 1.2 s; who is to end in between is gone, past the run nothing is."""
    ends = [word for at in ("1.6s=reset", "200ms", "700ms", "2s") for word in ("--end", f"a@{at}")]
    ends += ["--end", "b@2s"]
    data = simulated(pair(tmp_path, "always"), "--until", "2s", *ends)

    assert [(row["at_ns"], row["up_again_ns"]) for row in data["endings"]] == [
        (200 * MS, 1200 * MS),
        (1600 * MS, 2600 * MS),
    ]


def test_a_pc_ends_by_its_own_means() -> None:
    place = Path(__file__).resolve().parents[1] / "stacks" / "x86-qemu"
    ways = [
        simulated(place, "--until", "20ms", "--end", f"guest@10ms={how}")["endings"][0]["way"]
        for how in ("off", "reset")
    ]

    assert ways == ["ACPI power off", "keyboard controller reset"]


def test_a_guest_that_rests_can_end(tmp_path: Path) -> None:
    idle = guest("a", "{sched: 20r}", "{pattern: idle}", 0x80000000)
    data = simulated(write(tmp_path, stack(idle, board="free")), "--until", "1s", "--end", "a@500ms")

    assert [row["at_ns"] for row in data["endings"]] == [500 * MS]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("c@1s", "the stack has no guest `c`: there are `a`, `b`"),
        ("a@1s=never", "is no guest, time and way to end like la@500ms=reset; there are off, reset, vdev"),
        ("a@soon", "'soon' is not a time like 10ms"),
        ("1s", "is no guest, time and way to end"),
    ],
)
def test_an_end_that_makes_no_sense_is_refused(tmp_path: Path, end: str, said: str) -> None:
    answer = say("simulate", pair(tmp_path), "--end", end)

    assert answer.code == 2
    assert said in answer.err


def test_the_ways_to_end_are_those_of_the_model() -> None:
    assert EndType.hows == tuple(HOW)
