"""Remarks and severity policies: what they silence, what they may not, and what is said of them."""

from dataclasses import dataclass

import pytest

from hvbuild.codes import codes_by_name
from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.load.remarks import remarks_in
from hvbuild.rules.allowance import Level, Remark, apply_policy, apply_remarks
from hvbuild.source import SourceFile, Span, origin_at

FILE = SourceFile(
    "stack.yaml",
    "guests:\n  la:\n    cpus:  # hvbuild: allow HV4007 bring-up board, one pCPU\n"
    "      - a\n      - b\n    vdevs: c\n",
)


@dataclass(frozen=True)
class Written:
    """A remark that covers lines of the file."""

    code: str
    reason: str
    first: int
    last: int

    @property
    def span(self) -> Span:
        return at(self.first)

    def covers(self, place: Span) -> bool:
        return place.file is FILE and self.first <= place.line <= self.last


def at(line: int) -> Span:
    start = sum(len(text) + 1 for text in FILE.text.splitlines()[: line - 1])
    return Span(FILE, start, start + 3)


def fault(code: str, line: int) -> Diagnostic:
    known = codes_by_name()
    row = known.get(code) or Code(
        code=code, name="site-rule", severity=Severity.ERROR, meaning="a site's own", source="site"
    )
    return row.at(at(line), f"fault in line {line}")


def left(diagnostics: list[Diagnostic], *remarks: Remark) -> list[tuple[str, int]]:
    said = apply_remarks(diagnostics, remarks, {**codes_by_name(), "HV9001": SITE})
    return [(each.code, each.primary.span.line) for each in said]


SITE = Code(code="HV9001", name="site-rule", severity=Severity.ERROR, meaning="own", source="site")
ALLOW = Written("HV4007", "one pCPU", 3, 5)


def test_a_remark_silences_its_warning_at_its_place_only() -> None:
    faults = [fault("HV4007", 4), fault("HV4007", 6), fault("HV4005", 4)]

    assert left(faults, ALLOW) == [("HV4005", 4), ("HV4007", 6)]


def test_a_remark_of_a_file_is_found_and_applied() -> None:
    remarks, unread = remarks_in(FILE)

    assert unread == ()
    assert left([fault("HV4007", 5), fault("HV4007", 6)], *remarks) == [("HV4007", 6)]


@pytest.mark.parametrize(
    ("remark", "expected"),
    [
        pytest.param(Written("HV4005", "why", 3, 5), "HV0062", id="unused"),
        pytest.param(Written("HV2003", "why", 3, 5), "HV0063", id="error"),
        pytest.param(Written("HV4999", "why", 3, 5), "HV0066", id="unknown"),
        pytest.param(Written("HV4007", "  ", 3, 5), "HV0065", id="no-reason"),
    ],
)
def test_a_remark_that_does_nothing_is_said(remark: Written, expected: str) -> None:
    faults = [fault("HV2003", 4), fault("HV4007", 4)]

    assert [("HV2003", 4), ("HV4007", 4), (expected, 3)] == sorted(
        left(faults, remark), key=lambda row: row[0] in ("HV0062", "HV0063", "HV0065", "HV0066")
    )


def test_a_remark_by_name_counts() -> None:
    assert left([fault("HV4007", 4)], Written("vcpus-share-pcpu", "one pCPU", 3, 5)) == []


def test_a_site_rule_may_be_silenced_although_it_is_an_error() -> None:
    assert left([fault("HV9001", 4)], Written("HV9001", "ours", 3, 5)) == []


def test_a_warning_about_remarks_stays() -> None:
    unused = left([], ALLOW)

    assert unused == [("HV0062", 3)]
    assert {("HV0062", 3)} <= set(left([fault("HV0062", 4)], Written("HV0062", "why", 3, 5), ALLOW))


def levels(*rows: tuple[str, str, str]) -> tuple[Level, ...]:
    return tuple(Level(code=c, level=lv, reason=why, origin=origin_at(at(1))) for c, lv, why in rows)


def test_a_policy_raises_lowers_and_drops_warnings() -> None:
    faults = [fault("HV4007", 3), fault("HV4005", 4), fault("HV2003", 5)]
    rows = levels(("HV4007", "error", "strict"), ("mixed-core-kinds", "off", "all cores are equal"))

    said = apply_policy(faults, rows, codes_by_name())

    assert [(s.code, s.severity) for s in said] == [("HV4007", Severity.ERROR), ("HV2003", Severity.ERROR)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(("HV2003", "warning", "why"), "HV0063", id="error-lowered"),
        pytest.param(("HV2003", "off", "why"), "HV0063", id="error-dropped"),
        pytest.param(("HV4999", "off", "why"), "HV0066", id="unknown"),
        pytest.param(("HV4007", "off", " "), "HV0065", id="no-reason"),
    ],
)
def test_a_policy_that_may_not_be_is_said_and_changes_nothing(
    row: tuple[str, str, str], expected: str
) -> None:
    faults = [fault("HV4007", 3), fault("HV2003", 5)]

    said = apply_policy(faults, levels(row), codes_by_name())

    assert {expected, "HV4007", "HV2003"} == {each.code for each in said}
    assert set(faults) <= set(said)


def test_two_rows_of_one_code_are_said_and_the_first_holds() -> None:
    rows = levels(("HV4007", "error", "strict"), ("policy-twice", "error", "x"))
    twice = levels(("HV4007", "error", "strict"), (codes_by_name()["HV4007"].name, "off", "not strict"))

    assert [each.code for each in apply_policy([], rows, codes_by_name())] == []
    said = apply_policy([fault("HV4007", 3)], twice, codes_by_name())
    assert sorted((each.code, each.severity) for each in said) == [
        ("HV0069", Severity.ERROR),
        ("HV4007", Severity.ERROR),
    ]
