"""One scenario through the bare scheduler: its file read, every fault with its place, then run."""

import json
from collections.abc import Sequence
from pathlib import Path

from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.formats.jsonplaces import repeated, span_of
from hvbuild.machine.profiles import Profile
from hvbuild.machine.scenario import Fault
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import Schedule, refusals, simulate
from hvbuild.nearest import did_you_mean
from hvbuild.source import SourceFile, Span

NOT_JSON = Code(
    code="HV7040",
    name="scenario-not-json",
    severity=Severity.ERROR,
    meaning="A scenario file is not JSON text.",
    source="RFC 8259",
)
SCENARIO_FAULT = Code(
    code="HV7041",
    name="scenario-fault",
    severity=Severity.ERROR,
    meaning="A field of a scenario is missing, of the wrong kind, out of range, or contradicts another.",
    source="hvbuild's contract, section 5: fields of a scenario",
)
PROFILE_CANNOT = Code(
    code="HV7042",
    name="scenario-beyond-profile",
    severity=Severity.ERROR,
    meaning="The asked scheduler profile has no rules for what the scenario uses, or too many ticks to play.",
    source="QNX 8.0 documentation has no adaptive partitions; the uniprocessor kernel is 6.4-era",
)
CODES = (NOT_JSON, SCENARIO_FAULT, PROFILE_CANNOT)

_BURST = ("run_ns", "block_ns", "kind")  # the places of a burst, which is a list
_LONGEST = 40  # digits of a number: far beyond 64 bits, and short enough to be read at once


class UnknownName(Exception):  # noqa: N818 - says what is the case
    """Something was asked for by a name that is not known; its text says which are."""

    def __init__(self, what: str, name: str, known: Sequence[str]) -> None:
        there = f"there are {', '.join(f'`{one}`' for one in known)}" if known else "it has none"
        close = "".join(f"; {text}" for text in did_you_mean(name, known))
        super().__init__(f"{what}: {there}{close}")


def turned_around(profile: Profile, names: Sequence[str]) -> dict[str, int]:
    """The other settings of the assumptions `names`; UnknownName for one that cannot be turned around."""
    known = [assumption.name for assumption in profile.explorable]
    for name in names:
        if name not in known:
            raise UnknownName(f"profile `{profile.name}` has no `{name}` to explore", name, known)
    return profile.turned(names)


def run_scenario(
    path: Path,
    profile: Profile,
    explored: Sequence[str] = (),
    *,
    fast: bool = False,
    interrupts: bool = False,
) -> Schedule | tuple[Diagnostic, ...]:
    """The schedule of the scenario in the file `path`, or what is wrong with it; OSError without the file.

    `explored` are explorable assumptions of `profile` that are turned around; with `interrupts` their
    arrivals are noted, for a trace. UnknownName for an assumption that cannot be turned around,
    FastMissingError where `fast` is not installed.
    """
    turned = turned_around(profile, explored)
    data = path.read_bytes()
    file = SourceFile(path.as_posix(), data.decode("utf-8", "replace"))
    try:
        value, twice = _value(data)
    except UnicodeDecodeError as fault:
        at = len(data[: fault.start].decode("utf-8"))
        return (NOT_JSON.at(Span(file, at, at + 1), "not JSON: not UTF-8", "here"),)
    except json.JSONDecodeError as fault:
        place = Span(file, min(fault.pos, len(file.text)), min(fault.pos + 1, len(file.text)))
        return (NOT_JSON.at(place, f"not JSON: {fault.msg.lower()}", "here"),)
    except RecursionError:
        return (NOT_JSON.at(Span(file, 0, 1), "not JSON: nested too deeply", "here"),)
    if twice:
        return tuple(
            SCENARIO_FAULT.at(span, f"`{key}`: is written twice", "again") for key, span in repeated(file)
        )
    scenario, faults = read_scenario(value)
    if scenario is None:
        return _diagnostics(SCENARIO_FAULT, file, faults)
    refused = refusals(scenario, profile)
    if refused:
        return _diagnostics(PROFILE_CANNOT, file, refused)
    return simulate(scenario, profile, explored=turned, fast=fast, interrupts=interrupts)


def _value(data: bytes) -> tuple[object, bool]:
    """What the text holds, and whether some object says a key twice."""
    twice = False

    def pairs(rows: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal twice
        found = dict(rows)
        twice = twice or len(found) < len(rows)
        return found

    text = data.decode("utf-8").removeprefix("\ufeff")
    return json.loads(text, object_pairs_hook=pairs, parse_int=_integer), twice


def _integer(digits: str) -> int:
    return int(digits[:_LONGEST])


def _diagnostics(code: Code, file: SourceFile, faults: Sequence[Fault]) -> tuple[Diagnostic, ...]:
    """Each fault at its field, or where the field would be, by place."""
    found = (
        code.at(
            span_of(file, fault.path, _BURST),
            f"`{fault.path or 'scenario'}`: {fault.message}",
            "here",
            route=fault.path,
        )
        for fault in faults
    )
    return tuple(sorted(found, key=lambda diagnostic: diagnostic.sort_key))
