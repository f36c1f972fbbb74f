"""One scenario from a file through the bare scheduler."""

import json
from pathlib import Path

from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.machine.profiles import profile
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import Schedule, refusals, simulate
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
    meaning="The asked scheduler profile has no rules for something the scenario uses.",
    source="QNX 8.0 documentation has no adaptive partitions; the uniprocessor kernel is 6.4-era",
)
CODES = (NOT_JSON, SCENARIO_FAULT, PROFILE_CANNOT)


def run_scenario(path: Path, profile_name: str) -> Schedule | tuple[Diagnostic, ...]:
    """The schedule of the scenario in the file `path`, or what is wrong with it; OSError without the file."""
    data = path.read_bytes()
    file = SourceFile(path.as_posix(), data.decode("utf-8", "replace"))
    whole = Span(file, 0, 0)
    try:
        value = json.loads(data)
    except json.JSONDecodeError as fault:
        place = Span(file, min(fault.pos, len(file.text)), min(fault.pos + 1, len(file.text)))
        return (NOT_JSON.at(place, f"not JSON: {fault.msg.lower()}", "here"),)
    except (UnicodeDecodeError, RecursionError, ValueError) as fault:
        return (NOT_JSON.at(whole, f"not JSON: {str(fault).lower() or 'nested too deeply'}"),)
    scenario, faults = read_scenario(value)
    if scenario is None or faults:
        return tuple(
            SCENARIO_FAULT.at(whole, f"`{fault.path or 'scenario'}`: {fault.message}", route=fault.path)
            for fault in faults
        )
    chosen = profile(profile_name)
    if chosen is None:
        raise ValueError(f"no such profile: {profile_name}")
    refused = refusals(scenario, chosen)
    if refused:
        return tuple(PROFILE_CANNOT.at(whole, fault.message, route=fault.path) for fault in refused)
    return simulate(scenario, chosen)
