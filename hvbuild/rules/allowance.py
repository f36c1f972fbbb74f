"""What a user accepts: `allow` remarks at the place, and a project's severity policy.

Only warnings can be silenced, and faults of a site's own rules (HV9xxx); each with a reason. A remark that
silences nothing is reported, so that none outlives its cause.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from hvbuild.diagnostics import Code, Diagnostic, Severity, other
from hvbuild.nearest import did_you_mean
from hvbuild.source import NOWHERE, Origin, Span
from hvbuild.values import dataclass

WITHOUT_REASON = Code(
    code="HV0065",
    name="policy-without-reason",
    severity=Severity.ERROR,
    meaning="A row of the severity policy does not say why.",
    source="hvbuild: whoever reads it later has to know what was accepted",
)
UNKNOWN_CODE = Code(
    code="HV0066",
    name="allow-of-unknown-code",
    severity=Severity.ERROR,
    meaning="An `allow` remark, or a row of the severity policy, names a code that does not exist.",
    source="hvbuild: a misspelled code would silence nothing and look as if it did",
)
UNUSED = Code(
    code="HV0062",
    name="allow-unused",
    severity=Severity.WARNING,
    meaning="An `allow` remark silences nothing at its place.",
    source="hvbuild: its cause is gone, or it stands at the wrong place",
    policy="a warning: nothing is wrong with the system",
)
NOT_ALLOWED = Code(
    code="HV0063",
    name="allow-of-error",
    severity=Severity.ERROR,
    meaning="An `allow` remark, or the severity policy, is to silence or lower an error.",
    source="hvbuild: only warnings can be accepted",
)
TWICE = Code(
    code="HV0069",
    name="policy-twice",
    severity=Severity.ERROR,
    meaning="Two rows of the severity policy speak of one code.",
    source="hvbuild: nobody could tell which of them holds",
)
CODES = (WITHOUT_REASON, UNKNOWN_CODE, UNUSED, NOT_ALLOWED, TWICE)
_SITE = "HV9"
_LEVELS = ("error", "warning", "off")


class Remark(Protocol):
    """An `allow` remark as found in a file: its code, its reason, where it is and which places it covers."""

    @property
    def code(self) -> str: ...  # noqa: D102 - described by the class
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def span(self) -> Span: ...  # noqa: D102
    def covers(self, place: Span) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One row of a project's severity policy: `error`, `warning` or `off` for a code, and why."""

    code: str
    level: str
    reason: str
    origin: Origin = NOWHERE


def can_be_silenced(diagnostic: Diagnostic) -> bool:
    """True for warnings about the system and for faults of a site's own rules, false for all else.

    Warnings about allowances themselves stay.
    """
    if diagnostic.code.startswith(_SITE):
        return True
    own = {row.code for row in CODES}
    return diagnostic.severity is Severity.WARNING and diagnostic.code not in own


def apply_remarks(
    diagnostics: Iterable[Diagnostic], remarks: Sequence[Remark], known: Mapping[str, Code]
) -> tuple[Diagnostic, ...]:
    """`diagnostics` without what `remarks` silence, with what is wrong with the remarks; ordered by place.

    `known` has every code under its code and its name.
    """
    held = list(diagnostics)
    said: list[Diagnostic] = []
    silenced: set[int] = set()
    for remark in remarks:
        fault = _remark_fault(remark, known)
        if fault is not None:
            said.append(fault)
            continue
        row = known[remark.code]
        matching = [
            i for i, each in enumerate(held) if each.code == row.code and remark.covers(each.primary.span)
        ]
        silent = [i for i in matching if can_be_silenced(held[i])]
        silenced.update(silent)
        if matching and not silent:
            said.append(_refused(row, remark.span))
        elif not matching:
            said.append(
                UNUSED.at(remark.span, f"nothing to allow: `{row.code}` is not reported here", row.name)
            )
    kept = [each for i, each in enumerate(held) if i not in silenced]
    return tuple(sorted({*kept, *said}, key=lambda each: each.sort_key))


def apply_policy(
    diagnostics: Iterable[Diagnostic], levels: Sequence[Level], known: Mapping[str, Code]
) -> tuple[Diagnostic, ...]:
    """`diagnostics` with the severities of a project; what is wrong with the policy beside them."""
    chosen: dict[str, Level] = {}
    said: list[Diagnostic] = []
    for level in levels:
        row = known.get(level.code)
        if row is None:
            said.append(_unknown(level.code, level.origin, "severity policy", known))
        elif not level.reason.strip():
            said.append(WITHOUT_REASON.at(level.origin, f"severity of `{row.code}` without a reason"))
        elif level.level not in _LEVELS:
            raise ValueError(f"not a level: {level.level}")
        elif row.severity is Severity.ERROR and level.level != "error" and not row.code.startswith(_SITE):
            said.append(_refused(row, level.origin))
        elif row.code in chosen:
            first = other(chosen[row.code].origin, "the first")
            said.append(
                TWICE.at(level.origin, f"severity of `{row.code}` given twice", "again", others=first)
            )
        else:
            chosen[row.code] = level
    kept = [at for each in diagnostics if (at := _levelled(each, chosen.get(each.code))) is not None]
    return tuple(sorted({*kept, *said}, key=lambda each: each.sort_key))


def _levelled(diagnostic: Diagnostic, level: Level | None) -> Diagnostic | None:
    if level is None:
        return diagnostic
    if level.level == "error":
        return replace(diagnostic, severity=Severity.ERROR)
    if not can_be_silenced(diagnostic):
        return diagnostic
    return None if level.level == "off" else replace(diagnostic, severity=Severity.WARNING)


def _remark_fault(remark: Remark, known: Mapping[str, Code]) -> Diagnostic | None:
    if remark.code not in known:
        return _unknown(remark.code, remark.span, "allows nothing", known)
    if not remark.reason.strip():
        return WITHOUT_REASON.at(
            remark.span,
            f"`allow {remark.code}` without a reason",
            "say why it is accepted",
            helps=(f"`# hvbuild: allow {remark.code} REASON`",),
        )
    return None


def _unknown(code: str, place: Span | Origin, label: str, known: Mapping[str, Code]) -> Diagnostic:
    return UNKNOWN_CODE.at(place, f"`{code}` is not a code", label, helps=did_you_mean(code, known))


def _refused(row: Code, place: Span | Origin) -> Diagnostic:
    return NOT_ALLOWED.at(place, f"`{row.code}` is an error and cannot be silenced", row.name)
