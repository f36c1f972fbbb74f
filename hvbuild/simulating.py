"""Runs of the execution model: a checked stack as a whole, or one scenario through the bare scheduler."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hvbuild.building import rendered
from hvbuild.checking import Checked
from hvbuild.diagnostics import Code, Diagnostic, Severity, other
from hvbuild.machine.claims import shapes_of
from hvbuild.machine.costs import Level
from hvbuild.machine.findings import Kind, Seen, findings
from hvbuild.machine.profiles import profile, profile_of_target
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import Schedule, refusals, simulate
from hvbuild.machine.simulation import Question, Simulation, simulate_system
from hvbuild.model.stack import Workload
from hvbuild.nearest import did_you_mean
from hvbuild.source import SourceFile, Span
from hvbuild.units import Nanoseconds

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
_OBSERVED = "observed in one run of the execution model; no worst case"
STARVED = Code(
    code="HV7043",
    name="thread-starved",
    severity=Severity.WARNING,
    meaning="In a simulated run a thread was ready for 100 ms or more without running.",
    source=_OBSERVED,
)
LOCK_HOLDER = Code(
    code="HV7044",
    name="lock-holder-preempted",
    severity=Severity.WARNING,
    meaning="In a simulated run a vCPU lost its pCPU while it held a spin lock that another one spun for.",
    source=_OBSERVED,
)
LATE = Code(
    code="HV7045",
    name="bound-missed",
    severity=Severity.WARNING,
    meaning="In a simulated run a thread's work was not done within its declared bound.",
    source=_OBSERVED,
)
NOT_UP = Code(
    code="HV7046",
    name="guest-not-up",
    severity=Severity.WARNING,
    meaning="In a simulated boot a guest did not come up: its qvm ended, or what it needs is not there.",
    source="QNX Hypervisor 7.1, qvm exit codes; the boot as hvbuild models it",
)
CODES = (NOT_JSON, SCENARIO_FAULT, PROFILE_CANNOT, STARVED, LOCK_HOLDER, LATE, NOT_UP)
SECOND = Nanoseconds(1_000_000_000)
_CODE_OF = {Kind.STARVED: STARVED, Kind.LOCK_HOLDER: LOCK_HOLDER, Kind.LATE: LATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user asks of a run: length, profile (empty: the stack's, else the target's) and workload.

    `host_memory` is what the host holds when guests start, in bytes; None: what the stack says.
    """

    until: Nanoseconds = SECOND
    profile: str = ""
    workload: str = ""
    level: str = "typical"
    fast: bool = False
    host_memory: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Simulated:
    """One variant that was run: the run, what went wrong in it, and every diagnostic of the way there."""

    checked: Checked
    asked: Asked
    run: Simulation
    seen: tuple[Seen, ...]

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What went wrong, by place, after the warnings of the check."""
        found = [*_not_up(self.checked, self.run), *(_diagnostic(seen) for seen in self.seen)]
        return (*self.checked.diagnostics, *sorted(found, key=lambda row: row.sort_key))


class UnknownWorkload(Exception):  # noqa: N818 - says what is the case
    """A workload was asked for that the stack does not have; its text says which it has."""


def simulate_stack(checked: Checked, asked: Asked) -> Simulated:
    """The run of `checked` as its files say it; UnknownWorkload for a name that the stack does not have.

    StackInvalid where the files do not read back; FastMissingError where `fast` is not installed.
    """
    stack = checked.plan.stack
    chosen = profile(asked.profile or stack.certificate.profile or profile_of_target(stack.target))
    if chosen is None:
        raise ValueError(f"no such profile: {asked.profile or stack.certificate.profile}")
    question = Question(
        until_ns=int(asked.until),
        profile=chosen,
        level=Level(asked.level),
        workload=_workload(stack.workloads, asked.workload) if asked.workload else None,
        fast=asked.fast,
        host_memory=asked.host_memory,
    )
    run = simulate_system(checked.plan, rendered(checked).system, shapes_of(checked.catalog.vdevs), question)
    return Simulated(checked=checked, asked=asked, run=run, seen=findings(run))


def _workload(known: tuple[Workload, ...], name: str) -> Workload:
    for row in known:
        if row.name == name:
            return row
    names = [row.name for row in known]
    close = "".join(f"; {text}" for text in did_you_mean(name, names))
    there = f"there are {', '.join(f'`{known}`' for known in names)}" if names else "it has none"
    raise UnknownWorkload(f"the stack has no workload `{name}`: {there}{close}")


def _not_up(checked: Checked, run: Simulation) -> Iterator[Diagnostic]:
    """Why each guest that is not up is not."""
    words = [(row.vm, f"its qvm exits {row.code}: {row.message}") for row in run.boot.exits]
    words += [(row.vm, row.reason) for row in run.boot.stalls]
    for guest in checked.plan.stack.guests:
        reasons = tuple(reason for name, reason in words if name == guest.name)
        if guest.name in run.bench.down:
            message = f"guest `{guest.name}` does not come up and is not run"
            yield NOT_UP.at(guest.origin, message, "this guest", notes=reasons)


def _diagnostic(seen: Seen) -> Diagnostic:
    others = [label for place, text in seen.others for label in other(place, text)]
    return _CODE_OF[seen.kind].at(
        seen.place, seen.what, f"`{seen.thread}`", others=others, notes=seen.story, helps=[seen.change]
    )


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
