"""The engine against its readable specification, which scans everything at each step, in every profile."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_kernel import Kernel, joined
from naive_partitions import PartitionedKernel
from scenario_strategies import wide_scenarios

from hvbuild.machine.profiles import PUBLISHED, SDP71, SDP80, Profile
from hvbuild.machine.scenario import Scenario
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import refusals, simulate

Rows = list[tuple[int, int, int, int]]
MANY = settings(max_examples=150, deadline=None)


def specified(scenario: Scenario, profile: Profile, explored: dict[str, int]) -> Rows:
    settings_of = profile.settings(explored)
    rules = frozenset(a.name for a in profile.assumptions if a.switch and settings_of[a.switch])
    kernel = Kernel if scenario.aps is None else PartitionedKernel
    return kernel(scenario, rules).play()


def run(scenario: Scenario, profile: Profile, explored: dict[str, int]) -> Rows:
    return [
        (s.cpu, s.thread, s.start, s.end) for s in simulate(scenario, profile, explored=explored).segments
    ]


def explorations(*profiles: Profile) -> st.SearchStrategy[tuple[Profile, dict[str, int]]]:
    """A profile as it is, or with one of its explorable assumptions turned around."""
    return st.sampled_from([(profile, turned) for profile in profiles for turned in profile.explorations()])


@MANY
@given(wide_scenarios(), explorations(PUBLISHED, SDP71, SDP80))
def test_the_engine_is_the_specification(scenario: Scenario, under: tuple[Profile, dict[str, int]]) -> None:
    profile, explored = under
    if refusals(scenario, profile):
        profile, explored = PUBLISHED, {}

    assert specified(scenario, profile, explored) == run(scenario, profile, explored)


@MANY
@given(wide_scenarios(partitions=True), explorations(PUBLISHED, SDP71))
def test_the_engine_is_the_specification_with_partitions(
    scenario: Scenario, under: tuple[Profile, dict[str, int]]
) -> None:
    if refusals(scenario, under[0]):
        under = SDP71, {}

    assert specified(scenario, *under) == run(scenario, *under)


@pytest.mark.laws
def test_the_specification_reproduces_the_measured_schedules(shared: Path) -> None:
    """What the engine is compared with is itself held to the measurement."""
    if not (shared / "traces").is_dir():
        pytest.skip("no measured schedules beside this checkout")
    differing = []
    for path in sorted((shared / "traces").glob("*.json")):
        document = json.loads(path.read_text())
        scenario, faults = read_scenario(document)
        assert scenario is not None, faults
        if joined([tuple(s[:4]) for s in document["result"]["segments"]]) != specified(
            scenario, PUBLISHED, {}
        ):
            differing.append(path.stem)

    assert differing == []
