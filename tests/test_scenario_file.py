"""`hvbuild simulate --scenario` from outside: the schedule, faults at their places, what can be asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import say

MS = 1_000_000
HOG = [[10**13, 1, "i"]]
GOOD: dict[str, Any] = {
    "cpus": 2,
    "horizon_ns": 10 * MS,
    "threads": [
        {"id": 0, "prio": 10, "policy": "f", "runmask": 1, "bursts": [[2 * MS, 6 * MS, "i"]]},
        {"id": 1, "prio": 9, "policy": "r", "runmask": 1, "bursts": [[3 * MS, 50 * MS]], "start_ns": MS},
    ],
}


def scenario(tmp_path: Path, value: object) -> Path:
    path = tmp_path / "scenario.json"
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def test_the_answer_is_the_schedule_of_the_contract_and_nothing_else(tmp_path: Path) -> None:
    said = say("simulate", "--scenario", scenario(tmp_path, GOOD), "--format", "json")

    assert (said.code, said.err) == (0, "")
    assert said.data == {
        "format": "schedule/1",
        "segments": [[0, 0, 0, 2 * MS], [0, 1, 2 * MS, 5 * MS], [0, 0, 8 * MS, 10 * MS]],
        "cpu_time_ns": {"0": 4 * MS, "1": 3 * MS},
    }


BAD: dict[str, tuple[object, str, int, str]] = {
    "missing": ({"cpus": 1, "threads": GOOD["threads"]}, "HV7041", 1, "`horizon_ns`: is missing"),
    "type": ({**GOOD, "cpus": "2"}, "HV7041", 10, "`cpus`: is '2', expected an integer"),
    "repeated key": (b'{"cpus": 2, "cpus": 3}', "HV7041", 13, "`cpus`: is written twice"),
    "operation": (
        {**GOOD, "threads": GOOD["threads"][:1], "events": [{"t": 1, "op": "kill", "thread": 0}]},
        "HV7041",
        165,
        "`events[0].op`: is 'kill', expected one of prio, runmask, sched",
    ),
    "id": (
        {"cpus": 1, "horizon_ns": 5, "threads": [{"id": 4, "prio": 1, "policy": "f", "bursts": HOG}]},
        "HV7041",
        49,
        "`threads[0].id`: is 4, expected 0 to 0",
    ),
    "digits": (b'{"cpus": ' + b"9" * 9000 + b"}", "HV7041", 10, "`cpus`: is beyond 64 bits"),
    "depth": (b"[" * 100_000, "HV7040", 1, "nested too deeply"),
    "encoding": ('{"cpus": 1}'.encode("utf-16"), "HV7040", 1, "not UTF-8"),
    "byte": (b'{"\xc3\xa9": "\xe9"}', "HV7040", 8, "not UTF-8"),
    "nul": (b'{"cpus": 1}\0', "HV7040", 12, "extra data"),
    "ticks": ({**GOOD, "horizon_ns": 1 << 59}, "HV7042", 27, "holds 576460752303 ticks"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_fault_is_one_diagnostic_at_its_place(name: str, tmp_path: Path) -> None:
    value, code, column, words = BAD[name]
    said = say("simulate", "--scenario", scenario(tmp_path, value), "--format", "json")
    found = [row for row in said.data["diagnostics"] if words in row["message"]]

    assert said.code == 1
    assert [(row["code"], row["labels"][0]["line"], row["labels"][0]["column"]) for row in found] == [
        (code, 1, column)
    ]
    if name not in {"missing", "repeated key", "digits"}:  # these lack other fields, too
        assert len(said.data["diagnostics"]) == 1


def test_an_assumption_is_turned_around_by_name(tmp_path: Path) -> None:
    """A widened run mask tells nobody in `published`; turned around, the idle CPU takes the thread."""
    change = {"t": 1_500_000, "op": "runmask", "thread": 1, "runmask": 3}
    path = scenario(tmp_path, {**GOOD, "events": [change]})
    starts = {}
    for words in ((), ("--explore", "mask-change-without-dispatch")):
        said = say("simulate", "--scenario", path, "--format", "json", *words)
        starts[words] = next(s[2] for s in said.data["segments"] if s[1] == 1)

    assert list(starts.values()) == [2 * MS, 1_500_000]


def test_an_assumption_that_cannot_be_turned_around_is_no_answer(tmp_path: Path) -> None:
    path = scenario(tmp_path, GOOD)
    said = say("simulate", "--scenario", path, "--profile", "sdp80", "--explore", "stale-flags")

    assert said.code == 2
    assert "profile `sdp80` has no `stale-flags` to explore" in said.err
    assert "`displacement-from-outside`" in said.err
    assert "did you mean `stale-flag`?" in said.err


def test_a_scenario_has_a_trace(tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    said = say("simulate", "--scenario", scenario(tmp_path, GOOD), "--trace", out)
    events = json.loads(out.read_bytes())["traceEvents"]

    assert said.code == 0
    assert [(e["ts"], e["dur"]) for e in events if e["ph"] == "X" and e["pid"] == 2 and e["tid"] == 0] == [
        (0.0, 2000.0),
        (8000.0, 2000.0),
    ]
    assert len([e for e in events if e["ph"] == "f"]) == 1  # the interrupt at 8 ms


@pytest.mark.parametrize(
    "words", [("--until", "1s"), ("--variant", "x"), ("--compare", "x"), ("--costs", "low")]
)
def test_what_only_a_stack_has_is_wrong_use(words: tuple[str, ...], tmp_path: Path) -> None:
    assert say("simulate", "--scenario", scenario(tmp_path, GOOD), *words).code == 2
