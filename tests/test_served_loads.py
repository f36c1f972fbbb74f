"""A service whose load is to serve guests: it works when they ask something of its vdevs."""

from pathlib import Path
from typing import Any

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
    """Two requests in each 10 ms and three in each 20 ms, 100 us each: 35 in 100 ms."""
    row = served(bench(tmp_path))

    assert row["activations"] == row["completed"] == 35
    assert row["observed_cpu_ns"] == 3_500_000
    assert row["allowed_response_ns"] == 5_000_000


def test_requests_wait_for_each_other(tmp_path: Path) -> None:
    """On boards without costs: `a` asks at 1/3 and 2/3 of its millisecond, `b` at 1/4, 2/4 and 3/4."""
    place = bench(tmp_path, "{pattern: served, work: 400us, bound: 5ms}")
    text = (place / "stack.yaml").read_text().replace("board: bench", "board: free")
    (place / "stack.yaml").write_text(text)
    row = served(place)

    # asked at 250, 333, 500, 667 and 750 us: the last is answered 250 + 5 * 400 us from the start
    assert row["observed_response_ns"] == 250_000 + 5 * 400_000 - 750_000


def test_a_workload_of_the_guests_changes_what_is_served(tmp_path: Path) -> None:
    quiet = "workloads:\n  - {name: quiet, demands: {a: {pattern: idle}}}\n"
    row = served(bench(tmp_path, more=quiet), "--workload", "quiet")

    assert row["activations"] == 15


def test_a_service_that_nobody_asks_rests(tmp_path: Path) -> None:
    data = simulated(bench(tmp_path, uses=""), "--until", "100ms")

    assert "blk" in data["resting"]


def test_a_certificate_names_the_load_that_it_came_to(tmp_path: Path) -> None:
    place = bench(tmp_path)
    certified = say("certify", place, "-o", tmp_path / "out", "--examples", "5", "--format", "json")
    text = (tmp_path / "out/certificate.json").read_text()

    assert certified.code == 0, certified.out
    assert '"bound":"5000000"' in text
    assert '{"period":"10000000","requests":2,"through":["a/0"]}' in text
    assert '{"period":"20000000","requests":3,"through":["b/0"]}' in text
    assert '{"name":"exchange: priority","source":"assumed: as told by pulses, ' in text


def test_a_served_load_without_work_is_refused(tmp_path: Path) -> None:
    answer = say("check", bench(tmp_path, "{pattern: served, bound: 5ms}"), "--format", "line")

    assert answer.code == 1
    assert "error[HV1034]: the load of service `blk` is `served` and has no `work`" in answer.out


def test_a_vcpu_that_serves_takes_what_another_guest_brings(tmp_path: Path) -> None:
    text = stack(guest("a", "{sched: 10r}", SERVED, 0x80000000))
    answer = say("check", write(tmp_path, text), "--format", "line")

    assert answer.code == 1
    assert "error[HV1034]: the load of guest `a` is `served` and has no operation that another" in answer.out
