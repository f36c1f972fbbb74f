"""The list of codes: unique, well formed, documented, sourced; and every code in the source is in it."""

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from hvbuild.codes import ROOMS, all_codes, codes_by_name
from hvbuild.diagnostics import Code, Severity
from hvbuild.formats import qvmconf_codes
from hvbuild.rules.catalog import ALL_RULES, HAND_KEPT_RULES, SAID_BY_TEXT, find_rule
from hvbuild.rules.rule import Rule

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
# Not for code rows of the language's own words, but for prose: what the wording of the house leaves out.
UNWANTED = re.compile(r"\b(illegal|bad|please|dom0|carveout)\b", re.IGNORECASE)


def rows() -> list[Code]:
    """Every row of every room once, also where two rooms have rows of one code."""
    return list(dict.fromkeys(row for room in ROOMS for row in import_module(room).CODES))


def test_codes_and_names_are_unique() -> None:
    assert [code for code, count in Counter(row.code for row in rows()).items() if count > 1] == []
    assert [name for name, count in Counter(row.name for row in rows()).items() if count > 1] == []


@pytest.mark.parametrize("row", all_codes(), ids=lambda row: row.code)
def test_a_row_is_whole(row: Code) -> None:
    assert re.fullmatch(r"H[VC]\d{4}", row.code)
    assert NAME.match(row.name)
    assert row.meaning.strip()
    assert row.source.strip()
    assert not UNWANTED.search(row.meaning)


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.row.code)
def test_a_rule_says_what_it_means(rule: Rule) -> None:
    first = rule.row.meaning.splitlines()[0]

    assert 10 < len(first) <= 110
    assert first.endswith((".", ":"))
    assert rule.row.name == rule.function.__name__.replace("_", "-")
    assert next(iter(rule.function.__annotations__)) == "scene"


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.row.code)
def test_an_inferred_rule_is_a_warning_or_says_why_not(rule: Rule) -> None:
    inferred = "inferred" in rule.row.source or "declared" in rule.row.source

    assert (
        not inferred
        or rule.row.severity is Severity.WARNING
        or rule.row.policy
        or "declared" in rule.row.source
    )


def test_every_code_in_the_source_has_a_row() -> None:
    known = {row.code for row in all_codes()}
    # HV9xxx are a site's own: those in the source stand in examples.
    written = {
        code
        for path in (ROOT / "hvbuild").rglob("*.py")
        for code in re.findall(r'"(HV[0-8]\d{3})"', path.read_text(encoding="utf-8"))
    }

    assert set() == written - known


def test_rules_are_found_by_code_and_by_name() -> None:
    rule = find_rule("hv2003")

    assert rule is find_rule("vdev-inside-ram") is not None
    assert find_rule("no-such-rule") is None
    assert codes_by_name()["vdev-inside-ram"] is codes_by_name()["HV2003"]


def test_what_the_text_says_already_is_a_pair_of_codes() -> None:
    text = {
        row.code
        for row in (*qvmconf_codes.CODES, *(row for row in all_codes() if row.code.startswith("HV85")))
    }

    assert set() == set(SAID_BY_TEXT.values()) - text
    assert set() == set(SAID_BY_TEXT) - {rule.row.code for rule in ALL_RULES}
    assert len(HAND_KEPT_RULES) == len(ALL_RULES) - len(SAID_BY_TEXT)
