"""The case folders: each fault said once at its place, each near miss silent, through the real commands.

`tests/cases/fail/<CODE>-<what>/` and `tests/cases/pass/<CODE>-<what>/` hold a `stack.yaml` (checked) or
hand-kept files (linted together; a first line `# target: NAME` says the release). In a failing case
`# here` ends the line of the primary place and `# there` that of the second party. `expected.txt` is what
the command says; `--bless` rewrites it.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import say

from hvbuild.codes import all_codes
from hvbuild.linting import QVMCONF, kind_of
from hvbuild.meaning.host_files import BUILDFILE, DEVICETREE

CASES = Path(__file__).parent / "cases"
EXPECTED = "expected.txt"
STACK = "stack.yaml"
NAME = re.compile(r"(H[VC]\d{4})-[a-z0-9.]+(-[a-z0-9.]+)*\Z")
FAILING = sorted(path for path in (CASES / "fail").glob("*") if path.is_dir())
PASSING = sorted(path for path in (CASES / "pass").glob("*") if path.is_dir())


def inputs_of(case: Path) -> list[Path]:
    """The files that the command is given, in order of names."""
    found = sorted(path for path in case.rglob("*") if path.is_file() and path.name != EXPECTED)
    return [case / STACK] if case / STACK in found else found


def said_of(case: Path, *words: str) -> tuple[int, str]:
    """Exit code and answer of the command that reads a case, from inside its folder."""
    files = [path.relative_to(case).as_posix() for path in inputs_of(case)]
    first = inputs_of(case)[0].read_text("utf-8").splitlines()[0]
    target = re.match(r"(?:#|//) target: (\S+)", first)
    command = ["check"] if files == [STACK] else ["lint", *(["--target", target[1]] if target else [])]
    said = say(*command, *files, "--no-color", *words)
    return said.code, said.out


def marked(case: Path, mark: str) -> set[tuple[str, int]]:
    return {
        (path.relative_to(case).as_posix(), number)
        for path in case.rglob("*")
        if path.is_file() and path.name != EXPECTED
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if line.rstrip().endswith(mark)
    }


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.name)
def test_a_failing_case(case: Path, bless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case)
    code, answer = said_of(case, "--format", "json", "--deny", "warnings")
    rows: list[dict[str, Any]] = json.loads(answer)["diagnostics"]

    assert code == 1
    assert [row["code"] for row in rows] == [case.name.partition("-")[0]]
    places = [(label["primary"], (label["path"], label["line"])) for label in rows[0]["labels"]]
    assert marked(case, "# here") <= {place for primary, place in places if primary}
    assert marked(case, "# there") <= {place for primary, place in places if not primary}
    assert marked(case, "# here") | marked(case, "# there")

    _, text = said_of(case)
    if bless:
        (case / EXPECTED).write_text(text, encoding="utf-8")
    assert text == (case / EXPECTED).read_text("utf-8")


@pytest.mark.parametrize("case", PASSING, ids=lambda case: case.name)
def test_a_passing_case(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case)
    code, answer = said_of(case, "--format", "json", "--deny", "warnings")

    assert json.loads(answer)["diagnostics"] == []
    assert code == 0


def test_every_input_belongs_to_a_case() -> None:
    codes = {row.code for row in all_codes()}
    cases = {*FAILING, *PASSING}
    strays = [path for path in CASES.rglob("*") if path.is_file() and path.parents[0] not in cases]
    kinds = {kind_of(path, None) for case in cases for path in inputs_of(case) if path.name != STACK}

    assert strays == []
    assert [case.name for case in cases if not NAME.match(case.name)] == []
    assert set() == {case.name.partition("-")[0] for case in cases} - codes
    assert [case.name for case in FAILING if not (case / EXPECTED).is_file()] == []
    assert kinds <= {QVMCONF, BUILDFILE, DEVICETREE}
