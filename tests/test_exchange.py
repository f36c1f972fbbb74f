"""Loads that make others work and wait for them: requests of a disk, packets, notifications."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import say
from simulated_stacks import guest, simulated, stack, write

DISK = '      - {name: disk, type: virtio-blk, loc: 0x1c0d0000, intr: "gic:41", hostdev: /dev/x%s}\n'
SHM = '      - {name: shm, type: shmem, loc: 0x1c0f0000, intr: "gic:43"}\n'
JOINED = "shared_memory:\n  - {name: s, size: 64KiB, guests: [a, b]}\n"
LINKED = "links:\n  - {name: ab, between: [a.net, b.net]}\n"
BLK = "{name: blk, command: devb-x, wait_for: [/dev/x], backs: [a.disk], sched: 50r, cpus: [1]%s}"
SERVED = ", load: {pattern: served, work: 200us, bound: 5ms}"
ASKING = "{pattern: periodic, period: 10ms, work: 1ms, bound: %s, operations: {%s}%s}"


def net(number: int) -> str:
    mac = f'"02:00:00:00:00:0{number}"'
    return (
        f'      - {{name: net, type: virtio-net, loc: 0x1c0e0000, intr: "gic:42", peer: auto, mac: {mac}}}\n'
    )


def asking(operations: str, awaits: str = "", bound: str = "10ms") -> str:
    return ASKING % (bound, operations, f", awaits: [{awaits}]" if awaits else "")


def one(
    folder: Path, *vdevs: str, load: str, host: str = "", cpu: str = "{sched: 10r, runmask: [2]}"
) -> Path:
    """Guest `a` alone, on a board without costs."""
    services = f"  services:\n    - {host}\n" if host else ""
    return write(
        folder, stack(guest("a", cpu, load, 0x80000000) + "".join(vdevs), board="free", host=services)
    )


def two(
    folder: Path, a: str, b: str, vdev: str, *, more: str, cpu: str = "{sched: 10r, runmask: [3]}"
) -> Path:
    """Guests `a` and `b`, each with the vdev."""
    first = guest("a", "{sched: 10r, runmask: [2]}", a, 0x80000000) + (vdev or net(1))
    second = guest("b", cpu, b, 0x90000000) + (vdev or net(2))
    return write(folder, stack(first, second, board="free", more=more))


def rows(place: Path, *words: object) -> dict[str, dict[str, Any]]:
    """Every thread of a run of 100 ms."""
    return {row["name"]: row for row in simulated(place, "--until", "100ms", *words)["threads"]}


# --- requests -----------------------------------------------------------------------------------------------


def test_a_guest_waits_for_the_service_that_it_asks(tmp_path: Path) -> None:
    """1 ms of work and two requests of 200 us; not waited for, the service works beside the guest."""
    disk, host = DISK % "", BLK % SERVED
    waiting = rows(one(tmp_path / "w", disk, load=asking("disk.request: 2", "disk.request"), host=host))
    going_on = rows(one(tmp_path / "g", disk, load=asking("disk.request: 2"), host=host))

    assert waiting["a/0"]["observed_response_ns"] == 1_400_000
    assert waiting["a/0"]["analytic_response_ns"] >= 1_400_000
    assert waiting["a/0"]["waits"] == {
        "for": ["blk"],
        "observed_count": 20,
        "observed_longest_ns": 200_000,
        "observed_total_ns": 4_000_000,
    }
    assert (going_on["a/0"]["observed_response_ns"], going_on["a/0"]["waits"]) == (1_000_000, None)
    assert waiting["blk"]["observed_cpu_ns"] == going_on["blk"]["observed_cpu_ns"] == 4_000_000


def test_a_wait_is_not_stolen_time(tmp_path: Path) -> None:
    row = rows(one(tmp_path, DISK % "", load=asking("disk.request: 2", "disk.request"), host=BLK % SERVED))[
        "a/0"
    ]

    assert row["guest_time"]["active_ns"] == 10_000_000
    assert row["guest_time"]["observed_stolen_ns"] == 0


def test_the_thread_of_a_vdev_stands_between_guest_and_service(tmp_path: Path) -> None:
    """50 us of its own, then 200 us of the service; it runs where the qvm was started, as its option says."""
    disk = DISK % ", anonymous: true, sched: 30, load: {pattern: served, work: 50us, bound: 9ms}"
    found = rows(one(tmp_path, disk, load=asking("disk.request: 2", "disk.request"), host=BLK % SERVED))

    assert found["a/0"]["observed_response_ns"] == 1_500_000
    assert found["a.disk"]["observed_response_ns"] == 250_000
    assert (found["a.disk"]["sched"], found["a.disk"]["guest"]) == ("30r", "a")
    # that nobody asks it is no wait for others
    assert (found["a.disk"]["waits"]["for"], found["a.disk"]["waits"]["observed_count"]) == (["blk"], 20)


def test_a_guest_that_halts_in_place_holds_its_pcpu_while_it_waits(tmp_path: Path) -> None:
    """Below it on the same pCPU nobody ever answers; on another one the pCPU is held all the time."""
    load = asking("disk.request: 1", "disk.request")
    disk = DISK % ""
    apart = one(tmp_path / "apart", disk, load=load, host=BLK % SERVED)
    below = one(
        tmp_path / "below", disk, load=load, host=(BLK % SERVED).replace("50r, cpus: [1]", "5r, cpus: [2]")
    )
    for place in (apart, below):
        text = (place / "stack.yaml").read_text()
        (place / "stack.yaml").write_text(
            text.replace("    system: a\n", '    system: a\n    set: {exit-on-halt: "off"}\n')
        )
    held = rows(apart)["a/0"]
    stuck = rows(below)["a/0"]

    assert held["observed_response_ns"] == 1_200_000
    assert held["observed_halted_ns"] == 90_000_000
    assert stuck["completed"] == 0


# --- between guests -----------------------------------------------------------------------------------------


def test_a_packet_wakes_the_guest_that_takes_it(tmp_path: Path) -> None:
    taking = "{pattern: served, work: 300us, bound: 5ms, operations: {net.receive: 1}}"
    found = rows(two(tmp_path, asking("net.send: 3"), taking, "", more=LINKED))

    # sent at 250, 500 and 750 us: the third waits for those before it
    assert (found["b/0"]["activations"], found["b/0"]["observed_cpu_ns"]) == (30, 9_000_000)
    assert found["b/0"]["observed_response_ns"] == 250_000 + 3 * 300_000 - 750_000
    assert found["a/0"]["observed_response_ns"] == 1_000_000


def test_a_guest_waits_for_the_notification_that_answers_its_own(tmp_path: Path) -> None:
    taking = "{pattern: served, work: 100us, bound: 5ms, operations: {shm.notified: 1, shm.notify: 1}}"
    asks = asking("shm.notify: 1, shm.notified: 1", "shm.notified")
    found = rows(two(tmp_path, asks, taking, SHM, more=JOINED))

    # it is answered in the middle of the other's work
    assert found["a/0"]["observed_response_ns"] == 1_000_000 + 50_000
    assert found["a/0"]["waits"]["for"] == ["another guest"]
    assert found["b/0"]["completed"] == 10


def test_what_is_brought_goes_to_the_vcpu_that_takes_it(tmp_path: Path) -> None:
    taking = "{pattern: served, work: 300us, bound: 5ms, operations: {net.receive: 1}}"
    cpus = f"{{sched: 10r, runmask: [0]}}\n{{sched: 10r, runmask: [3], load: {taking}}}"
    found = rows(two(tmp_path, asking("net.send: 1"), "{pattern: idle}", "", more=LINKED, cpu=cpus))

    assert sorted(found) == ["a/0", "b/1"]


# --- what people are told -----------------------------------------------------------------------------------


def late(folder: Path, sched: str) -> Path:
    """A service that shares its pCPU with a guest of priority 20."""
    host = (BLK % SERVED).replace("50r", sched)
    place = one(folder, DISK % "", load=asking("disk.request: 1", "disk.request", "4ms"), host=host)
    text = (place / "stack.yaml").read_text()
    rival = guest("b", "{sched: 20r, runmask: [1]}", ASKING % ("10ms", "", ""), 0x90000000)
    rival = rival.replace(", operations: {}", "").replace("work: 1ms", "work: 6ms")
    (place / "stack.yaml").write_text(text + rival)
    return place


def test_a_late_answer_is_told_with_whom_to_blame(tmp_path: Path) -> None:
    said = say("simulate", late(tmp_path, "15r"), "--until", "100ms", "--format", "json")
    finding, behind = said.data["findings"]

    assert said.code == 0
    assert (finding["kind"], finding["thread"], finding["instead"]) == ("bound missed", "a/0", "blk")
    assert "it waits for `blk` from 0.5 ms to 6.2 ms" in finding["story"]
    assert (behind["thread"], behind["instead"]) == ("blk", "b/0")
    assert finding["change"].startswith("give `blk` a higher priority")


def test_the_waits_are_in_the_text_as_well(tmp_path: Path) -> None:
    said = say("simulate", late(tmp_path, "50r"), "--until", "100ms")

    assert "observed, waiting for others\n" in said.out
    assert "a/0     blk    100.0       0.200           2.00" in said.out


def test_a_trace_shows_requests_and_answers(tmp_path: Path) -> None:
    place, trace = late(tmp_path, "50r"), tmp_path / "trace.json"
    assert say("simulate", place, "--until", "30ms", "--trace", trace).code == 0
    events = json.loads(trace.read_text())["traceEvents"]

    told = [(row["name"], row["tid"]) for row in events if row.get("cat") == "request" and row["ph"] == "X"]
    names = {row["tid"]: row["args"]["name"] for row in events if row["name"] == "thread_name"}

    assert [(name, names[track]) for name, track in told] == [
        ("request", "for blk"),
        ("answer", "for a/0"),
    ] * 3


def test_each_track_of_a_trace_is_named(tmp_path: Path) -> None:
    """Of a service that is asked and not waited for, too: there is no answer to name it by."""
    place = one(tmp_path, DISK % "", load=asking("disk.request: 1"), host=BLK % SERVED)
    trace = tmp_path / "trace.json"
    assert say("simulate", place, "--until", "30ms", "--trace", trace).code == 0
    events = json.loads(trace.read_text())["traceEvents"]
    names = {(row["pid"], row["tid"]): row["args"]["name"] for row in events if row["name"] == "thread_name"}
    told = {(row["pid"], row["tid"]) for row in events if row.get("cat") == "request" and row["ph"] == "X"}

    assert [names.get(track) for track in told] == ["for blk"]


def test_a_workload_without_requests_leaves_the_service_at_rest(tmp_path: Path) -> None:
    place = late(tmp_path, "50r")
    text = (place / "stack.yaml").read_text()
    (place / "stack.yaml").write_text(text + "workloads:\n  - {name: quiet, demands: {a: {pattern: idle}}}\n")

    assert "blk" in rows(place)
    assert "blk" not in rows(place, "--workload", "quiet")


def test_both_engines_play_the_same(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    disk = DISK % ", sched: 30, load: {pattern: served, work: 50us, bound: 9ms}"
    place = one(tmp_path, disk, load=asking("disk.request: 2", "disk.request"), host=BLK % SERVED)

    assert rows(place) == rows(place, "--fast")


# --- certificates -------------------------------------------------------------------------------------------


def judged(out: Path, code: str) -> dict[str, Any]:
    held = json.loads((out / "certificate.json").read_text())["predicate"]["properties"]
    (row,) = (row for row in held if row["id"] == code)
    return dict(row)


@pytest.mark.parametrize(("sched", "bound"), [("15r", "4ms"), ("50r", "1100us")])
def test_a_certificate_counts_the_wait(tmp_path: Path, sched: str, bound: str) -> None:
    """Below its rival a request waits for the rival's work; above it, too, it takes its time."""
    place = late(tmp_path, sched)
    text = (place / "stack.yaml").read_text()
    (place / "stack.yaml").write_text(text.replace("bound: 4ms", f"bound: {bound}"))
    said = say("certify", place, "-o", tmp_path / "out", "--examples", "20")

    assert said.code == 3
    assert "HC4001 `vcpus-meet-bounds` does not hold" in said.out
    assert "it waits for `blk` from" in said.out
    assert judged(tmp_path / "out", "HC4001")["counterexample"]["exact"]


def test_an_answer_that_always_comes_in_time_is_proved(tmp_path: Path) -> None:
    said = say("certify", late(tmp_path, "50r"), "-o", tmp_path / "out", "--examples", "20")
    proof = judged(tmp_path / "out", "HC3005")

    assert said.code == 0, said.out
    assert (proof["status"], proof["examples"]) == ("proved", 2)
    assert "left to drawn runs" not in proof["note"]


def test_others_run_while_a_guest_waits(tmp_path: Path) -> None:
    """Below it on its pCPU: a vCPU goes before those below only while it has something to do."""
    place = one(tmp_path, DISK % "", load=asking("disk.request: 1", "disk.request"), host=BLK % SERVED)
    below = guest("b", "{sched: 5r, runmask: [2]}", ASKING % ("10ms", "disk.request: 0", ""), 0x90000000)
    text = (place / "stack.yaml").read_text() + below.replace(", operations: {disk.request: 0}", "")
    (place / "stack.yaml").write_text(text)
    said = say("certify", place, "-o", tmp_path / "out", "--examples", "20")

    told = said.out.partition("id  ")[0]
    assert "HC4007  sampled           20" in said.out
    assert "HC40" not in told
    assert "HC4301" in told  # one that spins does keep it from running


def test_more_requests_than_a_service_can_answer_are_too_much(tmp_path: Path) -> None:
    """51 in each 10 ms, 200 us each, on one pCPU; 45 and what they cost would do."""
    said = {
        count: say(
            "certify",
            one(tmp_path / str(count), DISK % "", load=asking(f"disk.request: {count}"), host=BLK % SERVED),
            *("-o", tmp_path / f"out{count}", "--examples", "2"),
        )
        for count in (45, 51)
    }

    assert "HC3004 `capacity-holds` does not hold: CPU 1 are asked for" in said[51].out
    assert "HC3004" not in said[45].out.partition("id  ")[0]


@pytest.mark.parametrize(("period", "status"), [("10ms", "proved"), ("2s", "refused")])
def test_a_guest_kicks_its_watchdog_as_often_as_it_is_asked(tmp_path: Path, period: str, status: str) -> None:
    taking = "{pattern: served, work: 300us, bound: 5ms, operations: {net.receive: 1}}"
    place = two(tmp_path, asking("net.send: 1"), taking, "", more=LINKED)
    text = (place / "stack.yaml").read_text().replace("period: 10ms", f"period: {period}")
    watched = text.replace(net(2), net(2) + "      - {name: dog, type: wdt-sp805, loc: auto}\n")
    (place / "stack.yaml").write_text(watched)
    say("certify", place, "-o", tmp_path / "out", "--examples", "2")

    assert judged(tmp_path / "out", "HC3008")["status"] == status


def test_waiting_for_a_guest_that_misbehaves_is_no_guarantee(tmp_path: Path) -> None:
    taking = "{pattern: served, work: 100us, bound: 5ms, operations: {shm.notified: 1, shm.notify: 1}}"
    asks = asking("shm.notify: 1, shm.notified: 1", "shm.notified")
    said = say(
        "certify", two(tmp_path, asks, taking, SHM, more=JOINED), "-o", tmp_path / "out", "--examples", "4"
    )

    assert said.code == 3
    assert "HC4001" not in said.out.partition("id  ")[0]
    assert "HC4301 `spinning-guest-hurts-nobody` does not hold: `a/0` is not done" in said.out
    assert "do not make it wait for another guest, which may be late or gone" in said.out


# --- what means nothing -------------------------------------------------------------------------------------

WAITING = asking("disk.request: 1", "disk.request")
TAKING = "{pattern: served, work: 1us, bound: 5ms, operations: {net.receive: 1}}"


@pytest.mark.parametrize(
    ("load", "vdev", "host", "said"),
    [
        (
            WAITING,
            DISK % "",
            "",
            "HV1034]: the load of guest `a` awaits `disk.request`, and nobody answers it",
        ),
        (
            asking("disk.request: 1", "disk.other"),
            DISK % "",
            BLK % SERVED,
            "HV1034]: the load of guest `a` awaits `disk.other`, which is not among its `operations`",
        ),
        (
            asking("tty.write: 1", "tty.write"),
            "      - {name: tty, type: virtio-console, loc: 0x1c090000, intr: gic:33}\n",
            "",
            "HV1033]: the load of guest `a` awaits `tty.write`, which no interrupt answers",
        ),
        (
            WAITING,
            DISK % ", load: {pattern: periodic, period: 1ms, work: 1us}",
            BLK % SERVED,
            "HV1033]: the load of vdev `a.disk` is not `served`, and a vdev only serves",
        ),
        (
            WAITING,
            DISK % ", load: {pattern: served}",
            "",
            "HV1034]: the load of vdev `a.disk` is `served` and has no `work` for one operation",
        ),
        (
            WAITING,
            DISK % "",
            (BLK % SERVED) + "\n    - " + (BLK % SERVED).replace("name: blk", "name: two"),
            "HV1035]: the load of service `two` serves `a.disk`, which another service serves already",
        ),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    tmp_path: Path, load: str, vdev: str, host: str, said: str
) -> None:
    answer = say("check", one(tmp_path, vdev, load=load, host=host), "--format", "line")

    assert answer.code == 1
    assert said in answer.out
    assert answer.out.count("error[HV10") == 1


@pytest.mark.parametrize(
    ("a", "b", "cpu", "said"),
    [
        (
            asking("net.send: 1, net.receive: 1", "net.receive"),
            asking("net.receive: 1"),
            "{sched: 10r, runmask: [3]}",
            "HV1034]: the load of guest `a` awaits `net.receive`, and no load of another guest brings it",
        ),
        (
            asking("net.send: 1"),
            TAKING,
            "{sched: 10r, runmask: [3]}\n{sched: 10r, runmask: [0]}",
            "HV1035]: the load of guest `b` takes `b.net.receive` on two vCPUs, and it is brought to one",
        ),
    ],
)
def test_what_is_brought_is_sent_by_one_and_taken_by_one(
    tmp_path: Path, a: str, b: str, cpu: str, said: str
) -> None:
    answer = say("check", two(tmp_path, a, b, "", more=LINKED, cpu=cpu), "--format", "line")

    assert answer.code == 1
    assert said in answer.out
    assert answer.out.count("error[HV10") == 1


def test_a_vcpu_takes_one_kind_of_thing(tmp_path: Path) -> None:
    """What wakes it does not say what it is."""
    both = "net.receive: 1, shm.notified: 1"
    taking = f"{{pattern: served, work: 1us, bound: 5ms, operations: {{{both}}}}}"
    waiting = asking(both, "net.receive, shm.notified")
    for number, load in enumerate((taking, waiting)):
        place = two(
            tmp_path / str(number), asking("net.send: 1, shm.notify: 1"), load, "", more=LINKED + JOINED
        )
        text = (place / "stack.yaml").read_text()
        (place / "stack.yaml").write_text(text.replace(net(1), net(1) + SHM).replace(net(2), net(2) + SHM))
        answer = say("check", place, "--format", "line")

        assert answer.code == 1
        assert "HV1033]: the load of guest `b` takes several operations of other guests" in answer.out
        assert answer.out.count("error[HV10") == 1


def test_a_workload_may_let_the_thread_of_a_vdev_rest(tmp_path: Path) -> None:
    disk = DISK % ", load: {pattern: served, work: 50us, bound: 9ms}"
    place = one(tmp_path, disk, load=asking("disk.request: 2"), host=BLK % SERVED)
    text = (place / "stack.yaml").read_text()
    more = "workloads:\n  - {name: calm, demands: {a.disk: {pattern: idle}}}\n"
    (place / "stack.yaml").write_text(text + more)

    assert rows(place)["a.disk"]["completed"] == 20
    assert "a.disk" not in rows(place, "--workload", "calm")


def test_a_workload_is_held_to_the_same(tmp_path: Path) -> None:
    place = one(tmp_path, DISK % "", load=WAITING, host=BLK % SERVED)
    text = (place / "stack.yaml").read_text()
    more = "workloads:\n  - {name: gone, demands: {blk: {pattern: idle}}}\n"
    (place / "stack.yaml").write_text(text + more)
    answer = say("check", place, "--format", "line")

    assert answer.code == 1
    assert "the load of guest `a` awaits `disk.request`, and nobody answers it" in answer.out
