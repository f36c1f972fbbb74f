"""Each rule on systems that have its fault and nothing else, and on near misses that have none."""

import pytest
from cases_devices import CASES as DEVICES
from cases_host import CASES as HOST
from cases_memory import CASES as MEMORY
from cases_scheduling import CASES as SCHEDULING
from rule_case import RuleCase

from hvbuild.rules.catalog import ALL_RULES
from hvbuild.rules.rule import run_rules

CASES: tuple[RuleCase, ...] = (*MEMORY, *DEVICES, *SCHEDULING, *HOST)
FAILING = [case for case in CASES if case.fires]
PASSING = [case for case in CASES if not case.fires]


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.id)
def test_a_fault_is_said_once_with_all_its_places(case: RuleCase) -> None:
    said = run_rules(case.system, ALL_RULES)
    mine = [each for each in said if each.code == case.code]

    assert {case.code} | case.also == {each.code for each in said}, said
    assert len(mine) == 1
    text = " ".join([mine[0].message, *(la.text for la in mine[0].labels), *mine[0].notes, *mine[0].helps])
    assert [word for word in case.words if word not in text] == [], text
    assert case.places == len(mine[0].labels), mine[0].labels
    assert mine[0].primary.span.file.path == "built.test"
    assert case.severity is mine[0].severity


@pytest.mark.parametrize("case", PASSING, ids=lambda case: case.id)
def test_a_near_miss_is_silent(case: RuleCase) -> None:
    assert case.also == {each.code for each in run_rules(case.system, ALL_RULES)}


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.row.code)
def test_every_rule_fires_and_is_near_missed(rule: object) -> None:
    code = rule.row.code  # type: ignore[attr-defined]

    assert [code] == sorted({case.code for case in FAILING} & {code})
    assert [code] == sorted({case.code for case in PASSING} & {code})
