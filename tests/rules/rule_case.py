"""A system and what the rules must say of it: one code and nothing else, or nothing at all."""

from dataclasses import dataclass, field

from hvbuild.diagnostics import Severity
from hvbuild.model.system import System


@dataclass(frozen=True, kw_only=True)
class RuleCase:
    """`fires` False: the near miss of `code`, for which no rule at all says anything (but `also`)."""

    code: str
    name: str
    system: System
    fires: bool
    places: int = 1
    words: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    also: frozenset[str] = field(default=frozenset())

    @property
    def id(self) -> str:
        return f"{self.code}-{self.name}"


def fails(
    code: str,
    name: str,
    system: System,
    *words: str,
    places: int = 1,
    warning: bool = False,
    also: tuple[str, ...] = (),
) -> RuleCase:
    """`system` has this one fault; the diagnostic has `places` labels and all of `words` in its text."""
    return RuleCase(
        code=code,
        name=name,
        system=system,
        fires=True,
        places=places,
        words=words,
        severity=Severity.WARNING if warning else Severity.ERROR,
        also=frozenset(also),
    )


def passes(code: str, name: str, system: System, *, also: tuple[str, ...] = ()) -> RuleCase:
    """`system` comes close to the fault and has none."""
    return RuleCase(code=code, name=name, system=system, fires=False, also=frozenset(also))
