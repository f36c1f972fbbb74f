"""What users' own tests stand on: subjects of stack folders, strategies, and properties of their own."""

import ast
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hvbuild.testing
from hvbuild.certify.outcome import Finding
from hvbuild.certify.own import source_files
from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.checking import Checker
from hvbuild.project import stack_place
from hvbuild.testing import (
    Family,
    Method,
    NoSuchProperty,
    Property,
    certified,
    demands,
    machines,
    own_properties,
    stacks,
    subject_of,
    variants,
    workloads,
)

ROOT = Path(__file__).resolve().parents[2]
RPI4 = ROOT / "stacks/rpi4"
QUICK = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
NEVER = Property(
    code="MY0001",
    name="never-content",
    title="Nothing is good enough",
    statement="This guarantee never holds.",
    family=Family.SCHEDULE,
    method=Method.SAMPLE,
    watch=lambda ground, run: Finding(what="of course", place=run.parts[0].thread.origin),
)


def test_a_property_of_ones_own_stands_in_the_certificate() -> None:
    verdict = certified(subject_of(RPI4, examples=3), NEVER)

    assert verdict.verdict == "refused"
    assert verdict.status["MY0001"] == "refused"
    assert verdict.status["HC1001"] == "proved"


def test_the_example_in_the_module_works() -> None:
    text = (hvbuild.testing.__doc__ or "").split("\n\n", 2)[2]
    program = "\n".join(line.removeprefix("    ") for line in text.splitlines())
    names: dict[str, object] = {}
    exec(compile(ast.parse(program), "example", "exec"), names)
    quiet = names["QUIET"]

    assert isinstance(quiet, Property)
    assert certified(subject_of(RPI4, examples=3), quiet).status["MY0001"] == "sampled"


def test_own_properties_are_found_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own_checks.py").write_text(
        "from hvbuild.testing import Family, Method, Property\n"
        "ONE = Property(code='MY1', name='one', title='t', statement='s.', family=Family.MEMORY,\n"
        "               method=Method.PROVE, prove=lambda ground: None)\n"
        "PROPERTIES = (ONE,)\nNONE = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    assert [row.code for row in own_properties(["own_checks:ONE"])] == ["MY1"]
    assert [row.code for row in own_properties(["own_checks"])] == ["MY1"]
    with pytest.raises(NoSuchProperty, match="no Property"):
        own_properties(["own_checks:NONE"])
    with pytest.raises(NoSuchProperty, match="MY1"):
        own_properties(["own_checks", "own_checks"])


def test_files_behind_guarantees_are_those_that_hold_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "partial_checks.py").write_text(
        "from functools import partial\n"
        "from hvbuild.testing import Family, Method, Property\n"
        "def holds(limit, ground): return None\n"
        "ONE = Property(code='MY2', name='one', title='t', statement='s.', family=Family.MEMORY,\n"
        "               method=Method.PROVE, prove=partial(partial(holds, 3)))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    # A file of the Python installation would make the certificate another one on every machine.
    assert source_files(ALL_PROPERTIES) == ()
    assert source_files(own_properties(["partial_checks:ONE"])) == (tmp_path / "partial_checks.py",)


def test_variants_are_those_of_the_folder() -> None:
    seen: set[str] = set()

    @settings(max_examples=60, deadline=None)
    @given(variants(RPI4))
    def collect(name: str) -> None:
        seen.add(name)

    collect()

    assert {"base", "no-spi", "linux-2g"} <= seen
    assert any("+" in name for name in seen)


@QUICK
@given(demands())
def test_drawn_demands_can_be_met(demand: object) -> None:
    assert demand.work * 2 <= demand.period  # type: ignore[attr-defined]


@QUICK
@given(st.data())
def test_drawn_workloads_are_played(data: st.DataObject) -> None:
    run = data.draw(workloads(subject_of(RPI4, examples=1)))

    assert run.schedule.segments
    assert set(run.jobs) >= {"qnx/0", "linux/0", "linux/1"}


@QUICK
@given(st.data())
def test_drawn_machines_hold_every_guest(data: st.DataObject) -> None:
    _, memory = data.draw(machines(subject_of(RPI4, examples=1)))

    assert memory.refusals == ()
    assert len(memory.guests) == 2


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=stacks())
def test_drawn_stacks_check(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "stack.yaml").write_text(text, encoding="utf-8")

    assert Checker(None).check(stack_place(folder), "base").plan.guests


def test_the_plugin_offers_both_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "def test_it(hvbuild_subject, hvbuild_certified):\n"
        "    assert hvbuild_subject.__name__ == 'subject_of'\n"
        "    assert hvbuild_certified.__name__ == 'certified'\n"
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)


pytest_plugins = ["pytester"]
