"""The case folders: each fault said once at its place, each near miss silent, through the real commands.

`tests/cases/fail/<CODE>-<what>/` and `tests/cases/pass/<CODE>-<what>/` hold a `stack.yaml` (checked) or
hand-kept files (linted together; a first line `# target: NAME` says the release). For other doors a
`commands.txt` says what is done, a line each: `hvbuild WORDS` (the last one is judged, those before succeed),
`cp FROM TO`, `rm PATH`, `env NAME VALUE`, or `also CODE…` for what cannot but be said besides. In a failing
case `# here` ends the line of the primary place and `# there` that of the second party. `expected.txt` is
what the command says; `--bless` rewrites it.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import Said, say

from hvbuild.codes import all_codes
from hvbuild.linting import QVMCONF, kind_of
from hvbuild.meaning.host_files import BUILDFILE, DEVICETREE

CASES = Path(__file__).parent / "cases"
EXPECTED = "expected.txt"
COMMANDS = "commands.txt"
STACK = "stack.yaml"
NAME = re.compile(r"(H[VC]\d{4})-[a-z0-9.]+(-[a-z0-9.]+)*\Z")
FAILING = sorted(path for path in (CASES / "fail").glob("*") if path.is_dir())
PASSING = sorted(path for path in (CASES / "pass").glob("*") if path.is_dir())


def files_of(case: Path) -> list[Path]:
    """The files of a case that it gives to hvbuild, in order of names."""
    return sorted(
        path for path in case.rglob("*") if path.is_file() and path.name not in (EXPECTED, COMMANDS)
    )


def inputs_of(case: Path) -> list[Path]:
    """The files that `check` or `lint` is given, in order of names."""
    return [case / STACK] if (case / STACK).is_file() else files_of(case)


def commands_of(case: Path) -> list[list[str]]:
    """What is done with a case, each step as words; the last is a command of hvbuild."""
    if (case / COMMANDS).is_file():
        lines = (case / COMMANDS).read_text("utf-8").splitlines()
        return [line.split() for line in lines]
    names = [path.relative_to(case).as_posix() for path in inputs_of(case)]
    first = inputs_of(case)[0].read_text("utf-8").splitlines()[:1]
    target = re.match(r"(?:#|//) target: (\S+)", first[0]) if first else None
    door = ["check"] if names == [STACK] else ["lint", *(["--target", target[1]] if target else [])]
    return [["hvbuild", *door, *names]]


def beside(case: Path) -> list[str]:
    """Codes that a failing case cannot but have besides its own."""
    return [code for word, *codes in commands_of(case) if word == "also" for code in codes]


def prepared(case: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of the judged command, after the folder in which it runs was made ready.

    What only reads runs in the case itself: its expected text then names the shipped boards from there.
    """
    *before, last = commands_of(case)
    if not (case / COMMANDS).is_file():
        os.chdir(case)
        return last[1:]
    shutil.copytree(case, folder, dirs_exist_ok=True)
    for word, *words in before:
        match word:
            case "hvbuild":
                done = say(*words, "--no-color")
                assert done.code == 0, (words, done.out, done.err)
            case "cp":
                shutil.copy(folder / words[0], folder / words[1])
            case "rm":
                (folder / words[0]).unlink()
            case "env":
                monkeypatch.setenv(words[0], words[1])
            case "also":
                pass
            case _:
                raise ValueError(f"{case.name}: `{word}` is no step")
    assert last[0] == "hvbuild"
    return last[1:]


def needs(case: Path) -> None:
    """Skip where an extra is missing that the case uses."""
    words = {word for step in commands_of(case) for word in step}
    if words & {"--sign", "--public-key"}:
        pytest.importorskip("securesystemslib")


def said_of(words: list[str], *more: str) -> Said:
    """The answer of the judged command."""
    return say(*words, "--no-color", *more)


def told(words: list[str]) -> str:
    """What the judged command says, with `--format line` its diagnostics alone: the rest is of no code."""
    said = said_of(words).out
    if "line" not in words:
        return said
    return "".join(line for line in said.splitlines(keepends=True) if re.search(r": (error|warning)\[", line))


def marked(case: Path, mark: str) -> set[tuple[str, int]]:
    return {
        (path.relative_to(case).as_posix(), number)
        for path in files_of(case)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if line.rstrip().endswith(mark)
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("QNX_HOST", "QNX_TARGET", "HVBUILD_TREE"):
        monkeypatch.delenv(name, raising=False)
    where = tmp_path / "case"
    where.mkdir()
    monkeypatch.chdir(where)
    return where


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.name)
def test_a_failing_case(case: Path, folder: Path, bless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(case)
    words = prepared(case, folder, monkeypatch)
    said = said_of(words, "--format", "json", "--deny", "warnings")
    rows: list[dict[str, Any]] = said.data.get("diagnostics", [])

    assert said.code != 0
    code = case.name.partition("-")[0]
    assert sorted([code, *beside(case)]) == sorted(row["code"] for row in rows), rows
    mine = next(row for row in rows if row["code"] == code)
    places = [(label["primary"], (label["path"], label["line"])) for label in mine["labels"]]
    here, there = marked(case, "# here"), marked(case, "# there")
    assert here <= {place for primary, place in places if primary}
    assert there <= {place for primary, place in places if not primary}
    # A place in a file of the case that was not written for hvbuild cannot be marked.
    assert here | there or (case / COMMANDS).is_file()

    text = told(words)
    if bless:
        (case / EXPECTED).write_text(text, encoding="utf-8")
    assert text == (case / EXPECTED).read_text("utf-8")


@pytest.mark.parametrize("case", PASSING, ids=lambda case: case.name)
def test_a_passing_case(case: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(case)
    said = said_of(prepared(case, folder, monkeypatch), "--format", "json", "--deny", "warnings")

    assert said.data.get("diagnostics", []) == []
    assert said.code == 0


def test_every_input_belongs_to_a_case() -> None:
    codes = {row.code for row in all_codes()}
    cases = {*FAILING, *PASSING}
    strays = [path for path in CASES.rglob("*") if path.is_file() and not cases & {*path.parents}]
    plain = [case for case in cases if not (case / COMMANDS).is_file()]
    kinds = {kind_of(path, None) for case in plain for path in inputs_of(case) if path.name != STACK}

    assert strays == []
    assert [case.name for case in cases if not NAME.match(case.name)] == []
    assert set() == {case.name.partition("-")[0] for case in cases} - codes
    assert [case.name for case in FAILING if not (case / EXPECTED).is_file()] == []
    assert kinds <= {QVMCONF, BUILDFILE, DEVICETREE}
