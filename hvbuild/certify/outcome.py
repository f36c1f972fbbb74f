"""What can come out of judging one guarantee, as values."""

from dataclasses import dataclass, field

from hvbuild.machine.scenario import Scenario
from hvbuild.source import NOWHERE, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How a guarantee is broken: one sentence, the story behind it, and the line to change.

    `numbers` are the amounts it rests on, in nanoseconds or bytes as their names say.
    """

    what: str
    place: Origin = field(default=NOWHERE, compare=False, repr=False)
    story: tuple[str, ...] = ()
    change: str = ""
    others: tuple[tuple[Origin, str], ...] = field(default=(), compare=False, repr=False)
    numbers: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """Holds for all cases by an argument; `cases` counts what the argument went over."""

    cases: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """Every case of a finite space was tried."""

    cases: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """`examples` drawn runs were judged and none failed."""

    examples: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Does not hold. `run` is the drawn run that shows it, `scenario` replays it in the bare scheduler."""

    findings: tuple[Finding, ...]
    examples: int = 0
    run: tuple[tuple[str, int], ...] = ()
    scenario: Scenario | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotApplicable:
    """Says nothing about this system, and why."""

    reason: str


Answer = Proved | Exhausted | Sampled | Refused | NotApplicable


def status_of(answer: Answer) -> str:
    """The word of the certificate for `answer`."""
    match answer:
        case Proved():
            return "proved"
        case Exhausted():
            return "exhausted"
        case Sampled():
            return "sampled"
        case Refused():
            return "refused"
        case NotApplicable():
            return "not-applicable"
