"""Every class of mistakes planted into every shipped stack, scored by seven points; the table must be full.

The points: 1 stopped with a non-zero exit, 2 the right code and no other, 3 at the right line, 4 both
parties of a clash (in hex where they are ranges), 5 no traceback, 6 nothing written, 7 nothing said of the
valid twin.
"""

import io
import json
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from classes import FAULTS, NOT_IN_A_STACK
from fault import Fault, Setting

from hvbuild.__main__ import main
from hvbuild.checking import Checker, CheckFailed
from hvbuild.diagnostics import Diagnostic
from hvbuild.project import StackPlace, stack_place

ROOT = Path(__file__).parents[2]
STACKS = tuple(sorted(path.parent.name for path in (ROOT / "stacks").glob("*/stack.yaml")))
FULL = "1234567"
HEX = re.compile(r"0x[0-9a-f]+")


@dataclass(frozen=True)
class Bench:
    """A copy of the shipped stacks to plant faults in, and the points of each row so far."""

    root: Path
    checker: Checker
    scores: dict[tuple[str, str], str]
    settings: dict[str, Setting]

    def setting(self, place: StackPlace) -> Setting:
        if place.name not in self.settings:
            self.settings[place.name] = Setting(self.checker.check(place, "base").plan)
        return self.settings[place.name]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    root = tmp_path_factory.mktemp("faults")
    shutil.copytree(ROOT / "stacks", root / "stacks")
    return Bench(root, Checker(None), {}, {})


def line_with(text: str, mark: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if line.rstrip().endswith(mark))


@dataclass(frozen=True)
class Answer:
    """What the real command said of a planted fault: exit code, document, complaint, and if it wrote."""

    code: int
    document: Any
    complaint: str
    written: bool


def answer(place: StackPlace, fault: Fault, out: Path) -> Answer:
    what = ["check"] if fault.warning else ["render", "-o", str(out)]
    words = [*what, str(place.folder), "--variant", "planted", "--format", "json", "--deny", "warnings"]
    said, complaint = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with redirect_stdout(said), redirect_stderr(complaint):
        code = main(words)
        said.flush()
    text = said.buffer.getvalue().decode()
    document = json.loads(text) if text else {"diagnostics": []}
    return Answer(code, document, complaint.getvalue(), out.exists())


def score(fault: Fault, text: str, given: Answer, twin: tuple[Diagnostic, ...]) -> str:
    said = given.document["diagnostics"]
    mine = [row for row in said if row["code"] in fault.codes]
    labels = [label for row in mine for label in row["labels"]]
    here = [label for label in labels if label["path"].endswith("planted.yaml")]
    primary = next((label["line"] for label in here if label["primary"]), 0)
    second = "#2" not in text or any(label["line"] == line_with(text, "#2") for label in here)
    points = (
        given.code == 1,
        len(said) == len(mine) == fault.faults,
        primary == line_with(text, "#1"),
        len(labels) >= fault.parties and second and (not fault.hexes or bool(HEX.search(json.dumps(mine)))),
        "Traceback" not in given.complaint,
        not given.written,
        not twin,
    )
    return "".join(str(number) if point else "." for number, point in enumerate(points, 1))


def is_silent(checker: Checker, place: StackPlace, text: str) -> tuple[Diagnostic, ...]:
    (place.folder / "variants/planted.yaml").write_text(text, encoding="utf-8")
    try:
        return checker.check(place, "planted").diagnostics
    except CheckFailed as failed:
        return failed.diagnostics


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.number}-{fault.name}")
@pytest.mark.parametrize("name", STACKS)
def test_a_planted_fault_gets_all_points(
    name: str, fault: Fault, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(bench.root / "cache"))
    place = stack_place(bench.root / "stacks" / name)
    setting = bench.setting(place)
    wrong, right = fault.edit(setting, True), fault.edit(setting, False)
    if wrong is None or right is None:
        bench.scores[name, f"{fault.number} {fault.name}"] = "-"
        return
    twin = is_silent(bench.checker, place, right)
    (place.folder / "variants/planted.yaml").write_text(wrong, encoding="utf-8")

    given = answer(place, fault, tmp_path / "out")

    points = score(fault, wrong, given, twin)
    bench.scores[name, f"{fault.number} {fault.name}"] = points
    assert points == FULL, (wrong, given, twin)


def test_the_table_is_full(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    scores = bench.scores
    rows = [f"{fault.number} {fault.name}" for fault in FAULTS]
    if len(scores) < len(rows) * len(STACKS):
        pytest.skip("only a part of the rows was run")
    with capsys.disabled():
        print(f"\n{'class':34}" + "".join(f"{name:>12}" for name in STACKS))
        for row in rows:
            print(f"{row:34}" + "".join(f"{scores[name, row]:>12}" for name in STACKS))
        for number, why in NOT_IN_A_STACK.items():
            print(f"{number}: {why}")

    assert [key for key, points in scores.items() if points not in (FULL, "-")] == []
    assert all(any(scores[name, row] != "-" for name in STACKS) for row in rows)


def test_every_class_is_a_fault_or_has_a_reason() -> None:
    planted = {fault.number for fault in FAULTS}

    assert set(range(1, 72)) == planted | set(NOT_IN_A_STACK)
    assert set() == planted & set(NOT_IN_A_STACK)
