"""The measured schedules of the published kernel, reproduced segment for segment."""

import json
from pathlib import Path
from typing import Any

import pytest

from hvbuild.machine.profiles import PUBLISHED
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import Segment, join, schedule_json, simulate


def _measured(shared: Path) -> list[Path]:
    """All measured schedules; a folder of them that holds none is a failure, no reason to skip."""
    folder = shared / "traces"
    if not folder.is_dir():
        pytest.skip("no measured schedules beside this checkout")
    found = sorted(folder.glob("*.json"))
    assert found
    return found


def _difference(path: Path, *, fast: bool) -> str | None:
    document: dict[str, Any] = json.loads(path.read_text())
    scenario, faults = read_scenario(document)
    if scenario is None:
        return f"{path.stem}: {faults[0]}"
    result = document["result"]
    schedule = simulate(scenario, PUBLISHED, fast=fast)
    found = schedule_json(schedule)
    # the measurement splits a segment where the thread left and came back within one instant
    expected = [list(s[:4]) for s in join(Segment(*s) for s in result["segments"])]
    wrong = [
        name
        for name, want, have in (
            ("segments", expected, found["segments"]),
            ("cpu time", result["cpu_time_ns"], found["cpu_time_ns"]),
            ("priorities", result["prio_changes"], [list(c) for c in schedule.prio_changes]),
            ("ipis", result["ipis"], schedule.counters["ipis"]),
            ("ipis to no cpu", result["ipis_to_no_cpu"], schedule.counters["ipis_to_no_cpu"]),
            ("partitions", result.get("partitions_end", []), _partitions(schedule)),
        )
        if want != have
    ]
    return f"{path.stem}: {', '.join(wrong)}" if wrong else None


def _partitions(schedule: Any) -> list[dict[str, int]]:
    return [
        {
            "id": p.id,
            "used_cycles": p.used_cycles,
            "critical_used": p.critical_cycles,
            "std_budget_cycles": p.budget_cycles,
            "was_bankrupt": int(p.bankrupt),
        }
        for p in schedule.partitions
    ]


def test_every_measured_schedule_is_reproduced(shared: Path) -> None:
    differing = [d for path in _measured(shared) if (d := _difference(path, fast=False))]

    assert differing == []


@pytest.mark.laws
def test_the_compiled_engine_reproduces_them_too(shared: Path) -> None:
    pytest.importorskip("numba")
    differing = [d for path in _measured(shared) if (d := _difference(path, fast=True))]

    assert differing == []
