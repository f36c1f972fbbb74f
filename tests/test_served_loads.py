"""A service whose load is to serve guests: what it has to do follows from what they ask of its vdevs."""

from pathlib import Path
from typing import Any

import pytest
from command_line import say
from simulated_stacks import guest, simulated, stack, write

BLK = "{name: blk, command: devb-x, wait_for: [/dev/x], backs: [a.disk, b.disk], sched: 50r, load: %s}"
SERVED = "{pattern: served, work: 100us, bound: 5ms}"
DISK = '      - {name: disk, type: virtio-blk, loc: 0x1c0d0000, intr: "gic:41", hostdev: /dev/x}\n'


def asking(name: str, period: str, uses: str, base: int) -> str:
    load = f"{{pattern: periodic, period: {period}, work: 1ms, bound: {period}{uses}}}"
    cpu = "{sched: 10r, runmask: [2]}" if name == "a" else "{sched: 10r, runmask: [3]}"
    return guest(name, cpu, load, base) + DISK


def bench(
    folder: Path, load: str = SERVED, *, uses: str = ", operations: {disk.request: 2}", more: str = ""
) -> Path:
    """Guest `a` asks twice in each 10 ms, guest `b` three times in each 20 ms."""
    other = asking("b", "20ms", ", operations: {disk.request: 3}" if uses else "", 0x80000000)
    host = f"  services:\n    - {BLK % load}\n"
    return write(folder, stack(asking("a", "10ms", uses, 0x80000000), other, host=host, more=more))


def served(place: Path, *words: object) -> dict[str, Any]:
    """The service's row of a run of 100 ms."""
    rows = simulated(place, "--until", "100ms", *words)["threads"]
    return next(row for row in rows if row["name"] == "blk")


def test_a_service_does_what_guests_ask_of_its_vdevs(tmp_path: Path) -> None:
    """Five requests of 100 us at once, as often as the guest asks that asks most often."""
    row = served(bench(tmp_path))

    assert row["activations"] == 10
    assert row["observed_share"] == pytest.approx(5 * 0.1 / 10, rel=0.02)
    assert row["allowed_response_ns"] == 5_000_000


def test_a_workload_of_the_guests_changes_what_is_served(tmp_path: Path) -> None:
    quiet = "workloads:\n  - {name: quiet, demands: {a: {pattern: idle}}}\n"
    row = served(bench(tmp_path, more=quiet), "--workload", "quiet")

    assert row["activations"] == 5
    assert row["observed_share"] == pytest.approx(3 * 0.1 / 20, rel=0.02)


def test_a_service_that_nobody_asks_rests(tmp_path: Path) -> None:
    data = simulated(bench(tmp_path, uses=""), "--until", "100ms")

    assert "blk" in data["resting"]


def test_a_certificate_names_the_load_that_it_came_to(tmp_path: Path) -> None:
    place = bench(tmp_path)
    certified = say("certify", place, "-o", tmp_path / "out", "--examples", "5", "--format", "json")
    text = (tmp_path / "out/certificate.json").read_text()

    assert certified.code == 0, certified.out
    assert '"bound":"5000000"' in text
    assert '"pattern":"sporadic"' in text
    assert '"period":"10000000"' in text
    assert '"work":"500000"' in text
    assert "what guests ask of its vdevs in one activation each, at once" in text


def test_a_served_load_without_work_is_refused(tmp_path: Path) -> None:
    answer = say("check", bench(tmp_path, "{pattern: served, bound: 5ms}"), "--format", "line")

    assert answer.code == 1
    assert "error[HV1034]: the load of service `blk` is `served` and has no `work`" in answer.out


def test_only_a_service_serves(tmp_path: Path) -> None:
    text = stack(guest("a", "{sched: 10r}", SERVED, 0x80000000))
    answer = say("check", write(tmp_path, text), "--format", "line")

    assert answer.code == 1
    assert "error[HV1033]: the load of guest `a` is `served`, and only a service serves vdevs" in answer.out
