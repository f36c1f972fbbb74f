"""Runs of the execution model: a checked stack as a whole."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hvbuild.building import rendered
from hvbuild.checking import Checked
from hvbuild.diagnostics import Code, Diagnostic, Severity, other
from hvbuild.machine.claims import shapes_of
from hvbuild.machine.costs import Level
from hvbuild.machine.ending import Way
from hvbuild.machine.findings import Kind, Seen, findings
from hvbuild.machine.lives import AskedEnd
from hvbuild.machine.profiles import profile, profile_of_target
from hvbuild.machine.simulation import Question, Simulation, simulate_system
from hvbuild.model.stack import Stack, Workload
from hvbuild.scenariofile import UnknownName, turned_around
from hvbuild.units import Nanoseconds

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
WATCHDOG = Code(
    code="HV7047",
    name="watchdog-ran-out",
    severity=Severity.WARNING,
    meaning="In a simulated run a guest did not kick its watchdog in time, and its action followed: "
    "`terminate` ends the guest there, and a launch with `restart` brings it back.",
    source="QNX Hypervisor 7.1, vdev wdt-sp805: counts down twice; a period of 1 s is assumed",
)
# How a guest can be told to end: the way on Arm and on x86.
HOW: Mapping[str, tuple[Way, Way]] = MappingProxyType(
    {
        "off": (Way.PSCI_OFF, Way.ACPI_OFF),
        "reset": (Way.PSCI_RESET, Way.KEYBOARD_RESET),
        "vdev": (Way.THIRD_PARTY, Way.THIRD_PARTY),
        "quit": (Way.POWER_CUT, Way.POWER_CUT),
        "unsupported": (Way.UNSUPPORTED, Way.UNSUPPORTED),
        "vdev-error": (Way.VDEV_ERROR, Way.VDEV_ERROR),
    }
)
CODES = (STARVED, LOCK_HOLDER, LATE, NOT_UP, WATCHDOG)
SECOND = Nanoseconds(1_000_000_000)
_CODE_OF = {
    Kind.STARVED: STARVED,
    Kind.LOCK_HOLDER: LOCK_HOLDER,
    Kind.LATE: LATE,
    Kind.WATCHDOG: WATCHDOG,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user asks of a run: length, profile (empty: the stack's, else the target's) and workload.

    `host_memory` is what the host holds when guests start, in bytes; None: what the stack says.
    `explored` are the assumptions of the profile that are turned around. `ends` are guests that end on the
    way, each with when and how, one of `HOW`.
    """

    until: Nanoseconds = SECOND
    profile: str = ""
    explored: tuple[str, ...] = ()
    workload: str = ""
    level: str = "typical"
    fast: bool = False
    host_memory: int | None = None
    ends: tuple[tuple[str, Nanoseconds, str], ...] = ()


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


def simulate_stack(checked: Checked, asked: Asked) -> Simulated:
    """The run of `checked` as its files say it.

    UnknownName for a workload or guest that the stack, or an assumption that the profile does not have.
    StackInvalid where the files do not read back; FastMissingError where `fast` is not installed.
    """
    stack = checked.plan.stack
    chosen = profile(asked.profile or stack.certificate.profile or profile_of_target(stack.target))
    if chosen is None:
        raise ValueError(f"no such profile: {asked.profile or stack.certificate.profile}")
    question = Question(
        until_ns=int(asked.until),
        profile=chosen,
        explored=turned_around(chosen, asked.explored),
        level=Level(asked.level),
        workload=_workload(stack.workloads, asked.workload) if asked.workload else None,
        fast=asked.fast,
        host_memory=asked.host_memory,
        ends=tuple(_ends(stack, asked.ends)),
    )
    run = simulate_system(checked.plan, rendered(checked).system, shapes_of(checked.catalog.vdevs), question)
    return Simulated(checked=checked, asked=asked, run=run, seen=findings(run))


def _workload(known: tuple[Workload, ...], name: str) -> Workload:
    for row in known:
        if row.name == name:
            return row
    names = [row.name for row in known]
    raise UnknownName(f"the stack has no workload `{name}`", name, names)


def _ends(stack: Stack, asked: Iterable[tuple[str, Nanoseconds, str]]) -> Iterator[AskedEnd]:
    names = [guest.name for guest in stack.guests]
    x86 = stack.board.architecture == "x86_64"
    for guest, at, how in asked:
        if guest not in names:
            raise UnknownName(f"the stack has no guest `{guest}`", guest, names)
        arm, pc = HOW[how]
        yield AskedEnd(guest=guest, at_ns=int(at), way=pc if x86 else arm)


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
