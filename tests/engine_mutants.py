"""The engine with one line changed: its modules, joined in one namespace, one text replaced."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvbuild.machine.engine as package
from hvbuild.machine.columns import Columns
from hvbuild.machine.engine import layout as at
from hvbuild.machine.profiles import Profile
from hvbuild.machine.scenario import Scenario
from hvbuild.machine.schedule import Segment, join

_FOLDER = Path(package.__file__).parent
_MODULES = (
    "layout",
    "queues",
    "switching",
    "choice",
    "lowering",
    "sporadic",
    "ready",
    "priority",
    "resched",
    "leaving",
    "ticks",
    "events",
    "kernel",
)
_IMPORT = re.compile(r"^from hvbuild\.machine\.engine\.\w+ import (?:\([^)]*\)|[^\n]*)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` in `module` becomes `new`: what a wrong rule would look like."""

    rule: str
    module: str
    old: str
    new: str


def engine_with(mutant: Mutant | None) -> dict[str, Any]:
    """The names of the (changed) engine; an old text that is not there exactly once is an error."""
    namespace: dict[str, Any] = {}
    for module in _MODULES:
        source = (_FOLDER / f"{module}.py").read_text(encoding="utf-8")
        if mutant is not None and mutant.module == module:
            assert source.count(mutant.old) == 1, f"{mutant.rule}: {source.count(mutant.old)} places"
            source = source.replace(mutant.old, mutant.new)
        exec(compile(_IMPORT.sub("", source), f"{module}.py", "exec"), namespace)
    return namespace


def segments_of(engine: dict[str, Any], scenario: Scenario, profile: Profile) -> tuple[Segment, ...] | str:
    """The segments the engine gives, or what went wrong."""
    columns = Columns(scenario, profile.settings(), 4000)
    m = columns.memory
    try:
        if engine["run"](m):
            return "too much output"
        engine["finish"](m)
    except (IndexError, RecursionError, ZeroDivisionError) as error:
        return type(error).__name__
    rows = range(m[at.SEG_FIRST], m[at.SEG_AT], at.SEG_SIZE)
    return join(Segment(m[i], m[i + 1], m[i + 2], m[i + 3], m[i + 4]) for i in rows)
