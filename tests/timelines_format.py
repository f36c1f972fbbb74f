"""Timeline files: a sentence, the profile and the scale, a scenario, and the timeline it must give."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from hvbuild.machine.profiles import Profile, profile
from hvbuild.machine.scenario import Scenario
from hvbuild.machine.scenario_reader import read_scenario

FOLDER = Path(__file__).parent / "timelines"
_HEAD = re.compile(r"profile (\w+), one character is (\d+) ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    path: Path
    above: str
    profile: Profile
    cell_ns: int
    scenario: Scenario
    expected: tuple[str, ...]


def read_timeline(path: Path) -> Timeline:
    text = path.read_text(encoding="utf-8")
    above, below = text.rstrip("\n").split("\n\n")
    _, head, document = above.split("\n", 2)
    match = _HEAD.fullmatch(head)
    assert match is not None, f"{path.name}: second line"
    chosen = profile(match[1])
    scenario, faults = read_scenario(json.loads(document))
    assert chosen is not None
    assert scenario is not None, faults
    return Timeline(
        path=path,
        above=above,
        profile=chosen,
        cell_ns=int(match[2]),
        scenario=scenario,
        expected=tuple(below.splitlines()),
    )


def all_timelines() -> list[Timeline]:
    return [read_timeline(path) for path in sorted(FOLDER.glob("*.txt"))]
