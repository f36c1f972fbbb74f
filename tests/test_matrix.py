"""A family of products: which there are, what holds for all of them, and what a change touches."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hvbuild.checking import Checker
from hvbuild.cli import run
from hvbuild.diagnostics import Severity
from hvbuild.family import departures
from hvbuild.load.files import Files
from hvbuild.load.yamltree import read_yaml
from hvbuild.matrix import Matrix, expanded, products_of
from hvbuild.project import StackPlace
from hvbuild.projectfile import read_project
from hvbuild.resolve.planner import resolve as resolve_plan
from hvbuild.store import rules_of

ROOT = Path(__file__).resolve().parents[1]
ON_SA8295P = """\
format: 1
description: two more vCPUs where the cores allow it
guests:
  la:
    cpus:
      - {sched: 45r, runmask: [7, 6, 5, 4]}
      - {sched: 45r, runmask: [6, 5, 4, 7]}
      - {sched: 45r, runmask: [5, 4, 7, 6]}
    load: {pattern: periodic, period: 16ms, work: 4ms, bound: 16ms, assumed: an example}
"""
MATRIX = """\
format: 1
matrix:
  - stacks: [sa8155-la]
    variants: [base, high-ram]
    boards: [sa8155p, {name: sa8295p, variant: on-sa8295p}]
  - stacks: [rcar-h3]
exclude:
  - {stack: sa8155-la, variant: high-ram, board: sa8155p, reason: that part is not bought}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two stacks and the guest they share."""
    for name in ("sa8155-la", "rcar-h3", "guests"):
        shutil.copytree(ROOT / "stacks" / name, tmp_path / "stacks" / name)
    (tmp_path / "stacks/sa8155-la/variants/on-sa8295p.yaml").write_text(ON_SA8295P)
    monkeypatch.setenv("HVBUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return Path()


def matrix_of(project: Path, text: str) -> Matrix:
    (project / "hvbuild.yaml").write_text(text)
    return expanded(project, read_project(project, Files()))


def names(matrix: Matrix) -> list[str]:
    return [product.name for product in matrix.products]


def test_without_a_project_file_every_variant_of_every_stack_is_a_product(project: Path) -> None:
    found = products_of(project, project / "cache")

    assert found is not None
    assert [each.name for each in found] == [
        *(f"rcar-h3/{variant}" for variant in ("base", "linux-2g", "no-i2c")),
        *(f"sa8155-la/{variant}" for variant in ("base", "four-vcpus", "high-ram", "on-sa8295p")),
    ]


def test_a_matrix_says_what_is_built_and_what_is_not(project: Path) -> None:
    matrix = matrix_of(project, MATRIX)

    assert matrix.faults == ()
    assert names(matrix) == [
        "sa8155-la/base@sa8155p",
        "sa8155-la/on-sa8295p@sa8295p",
        "sa8155-la/high-ram+on-sa8295p@sa8295p",
        "rcar-h3/base",
        "rcar-h3/linux-2g",
        "rcar-h3/no-i2c",
    ]


def test_listing_again_reads_the_cache_and_notices_changes(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "hvbuild.yaml").write_text(MATRIX)
    first = products_of(project, project / "cache")
    assert first is not None
    with monkeypatch.context() as patched:
        patched.setattr("hvbuild.matrix.expanded", lambda *_: pytest.fail("the matrix was read again"))

        assert products_of(project, project / "cache") == first

    (project / "hvbuild.yaml").write_text(MATRIX.replace("[base, high-ram]", "[base]"))

    assert len(products_of(project, project / "cache") or ()) == len(first) - 1


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[rcar-h3]", "[rcar-h4]", "HV0070"),
        ("high-ram]", "high-ran]", "HV0071"),
        ("[sa8155p,", "[sa8255p,", "HV0071"),
        ("stacks: [rcar-h3]", "stacks: [rcar-h3]\n    targets: [qnx-9.0]", "HV0071"),
        ("stack: sa8155-la, variant: high-ram", "stack: sa8155-la, variant: low-ram", "HV0072"),
        ("reason: that part is not bought", "why: none", "HV1001"),
        ("stack: sa8155-la, variant: high-ram, board: sa8155p, ", "", "HV0073"),
        ("format: 1", "format: 2", "HV0051"),
    ],
)
def test_a_word_that_means_nothing_is_reported_at_its_place(
    project: Path, old: str, new: str, code: str
) -> None:
    matrix = matrix_of(project, MATRIX.replace(old, new))

    assert code in {fault.code for fault in matrix.faults}
    assert {fault.primary.span.file.path for fault in matrix.faults} == {"hvbuild.yaml"}


def test_a_project_file_that_cannot_be_read_is_not_overlooked(project: Path) -> None:
    (project / "hvbuild.yaml").mkdir()
    found = read_project(project, Files())

    assert [fault.code for fault in found.faults] == ["HV0022"]
    assert products_of(project, project / "cache") is None
    assert run(["check", "stacks/rcar-h3"]) == 1


def test_a_faulty_project_file_is_one_task_that_says_so(project: Path) -> None:
    from hvbuild.tasks import tasks_for  # noqa: PLC0415 - reads the environment of the test

    (project / "hvbuild.yaml").write_text(MATRIX.replace("rcar-h3", "rcar-h4"))
    found = [f"{task['basename']}:{task['name']}" for task in tasks_for(project) if task["name"]]

    assert found == ["check:hvbuild.yaml", "build:hvbuild.yaml"]


def test_products_of_one_stack_on_two_boards_check_clean_and_say_why_they_differ(project: Path) -> None:
    matrix = matrix_of(project, MATRIX)
    checker = Checker(None)
    verdicts = {each.name: checker.verdict(each.place, each.variant) for each in matrix.products}
    found = departures(matrix.products, checker)

    assert {name: verdict.diagnostics for name, verdict in verdicts.items()} == dict.fromkeys(verdicts, ())
    facts = dict(verdicts["sa8155-la/high-ram+on-sa8295p@sa8295p"].facts)
    assert facts["board"] == "sa8295p"
    assert facts["guest memory"] == "4608MiB"
    because = {(each.text, each.because) for each in found if each.stack == "sa8155-la"}
    assert (
        "host region `gvm_sysram2` 2GiB → 3GiB",
        "stacks/sa8155-la/variants/high-ram.yaml:4",
    ) in because
    assert any("vCPU 2" in text and why.endswith("on-sa8295p.yaml:8") for text, why in because)


def test_boards_depart_in_their_hardware_with_the_line_of_the_board(project: Path) -> None:
    matrix = matrix_of(project, MATRIX)
    found = departures(matrix.products, Checker(None))
    board = {each.text: each.because for each in found if each.subject == "board"}

    assert board["startup program startup-sa8155 → startup-sa8295"].startswith("hvbuild:boards/sa8295p.yaml:")
    assert board["cluster `0` kryo485-silver → cortex-a78c"] == "hvbuild:boards/sa8295p.yaml:7"
    assert "memory `ddr` 0x97800000..0x380000000 → 0x97800000..0x480000000" in board
    gone = [text for text in board if text.startswith("- cluster `2` (kryo485-gold, pCPUs 7")]
    assert [board[text] for text in gone] == ["hvbuild:boards/sa8295p.yaml:2"]
    assert {each.stack for each in found if each.subject == "board"} == {"sa8155-la"}


def test_check_matrix_answers_as_table_and_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "hvbuild.yaml").write_text(MATRIX)

    assert run(["check", "--matrix", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert run(["check", "--matrix", "--differences", "stacks/rcar-h3"]) == 0
    table = capsys.readouterr().out

    assert told["products"][0]["product"] == "sa8155-la/base@sa8155p"
    assert told["summary"] == {"errors": 0, "warnings": 0}
    assert "3 products of 1 stack, 3 clean" in table
    assert "stacks/rcar-h3/variants/linux-2g.yaml:8" in table


def test_a_policy_raises_and_lowers_warnings_of_every_stack(project: Path) -> None:
    stack = project / "stacks" / "rcar-h3" / "stack.yaml"
    stack.write_text(stack.read_text().replace(" cleared: true,", ""))
    place = StackPlace(file=stack, root=project)
    levels = {}
    for level in ("error", "warning", "off"):
        policy = f"policy:\n  - {{code: HV2111, level: {level}, reason: the loader clears DDR}}\n"
        (project / "hvbuild.yaml").write_text(f"format: 1\n{policy}")
        levels[level] = {each.severity for each in Checker(None).verdict(place, "base").diagnostics}

    assert levels == {"error": {Severity.ERROR}, "warning": {Severity.WARNING}, "off": set()}


def test_a_policy_cannot_lower_an_error_nor_name_what_is_none(project: Path) -> None:
    place = StackPlace(file=project / "stacks/rcar-h3/stack.yaml", root=project)
    rows = "[{code: HV2003, level: off, reason: no}, {code: HV2999, level: error, reason: no}]"
    (project / "hvbuild.yaml").write_text(f"format: 1\npolicy: {rows}\n")

    assert {each.code for each in Checker(None).verdict(place, "base").diagnostics} == {"HV0063", "HV0066"}


def test_devices_of_the_project_are_known_to_every_stack(project: Path) -> None:
    stack = project / "stacks" / "rcar-h3" / "stack.yaml"
    line = "      - {name: can, type: acme-can, loc: 0x5ffff000}\n"
    stack.write_text(stack.read_text().replace("      - {name: disk,", f"{line}      - {{name: disk,"))
    place = StackPlace(file=stack, root=project)
    (project / "hvbuild.yaml").write_text("format: 1\nvdev_types:\n  acme-can: {window: 8KiB}\n")
    known = Checker(None).verdict(place, "base").diagnostics
    (project / "hvbuild.yaml").unlink()
    unknown = Checker(None).verdict(place, "base").diagnostics

    assert unknown == ()
    assert [each.severity for each in known] == [Severity.ERROR]


def test_the_matrix_decides_nothing_within_a_product() -> None:
    rules = b"policy:\n  - {code: HV2111, level: error, reason: a}\n"
    matrix = b"matrix:\n- stacks: [a]\n  variants: [b]\n"

    assert rules_of(b"format: 1\n" + matrix) is None
    assert rules_of(b"format: 1\n" + matrix + rules) == rules_of(b"# x\nformat: 1\n\n" + rules)
    assert rules_of(b"format: 1\n" + rules) != rules_of(b"format: 1\n" + rules.replace(b"error", b"off"))
    assert rules_of(b"matrix: &a []\npolicy: *a\n") == b"matrix: &a []\npolicy: *a\n"


def test_each_file_is_parsed_once_and_a_change_touches_its_products_only(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: a hundred products of two stacks, cold, unchanged, and with one guest changed."""
    for number in range(46):
        for stack, guest in (("rcar-h3", "linux"), ("sa8155-la", "la")):
            text = f"format: 1\nguests:\n  {guest}:\n    cmdline: console=ttyAMA0 trim={number}\n"
            (project / f"stacks/{stack}/variants/trim{number}.yaml").write_text(text)
    counted = Counted(monkeypatch)
    assert run(["check", "--matrix", "-q"]) == 0
    files = {name for name in counted.parsed if not name.endswith("hvbuild.yaml")}

    assert len(counted.parsed) == len(set(counted.parsed))
    assert counted.checked == 3 + 4 + 2 * 46
    assert len(files) == 2 + 5 + 2 * 46 + 1 + 2

    counted.clear()
    assert run(["check", "--matrix", "-q"]) == 0
    assert (counted.parsed, counted.checked) == ([], 0)
    assert max(counted.read.values()) == 1

    counted.clear()
    shared = project / "stacks/guests/android-la.yaml"
    shared.write_text(shared.read_text().replace("threads: 4", "threads: 2"))
    assert run(["check", "--matrix", "-q"]) == 0
    assert counted.checked == 4 + 46
    assert counted.parsed == ["stacks/guests/android-la.yaml"]


class Counted:
    """Which files are parsed, how often each is read, and how many products are resolved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        parse, resolve, read = read_yaml, resolve_plan, Path.read_bytes
        self.clear()

        def parsed(data: bytes, name: str) -> object:
            self.parsed.append(name)
            return parse(data, name)

        def resolved(*args: Any) -> object:
            self.checked += 1
            return resolve(*args)

        def read_bytes(path: Path) -> bytes:
            if path.suffix == ".yaml":
                self.read[str(path)] = self.read.get(str(path), 0) + 1
            return read(path)

        monkeypatch.setattr("hvbuild.load.files.read_yaml", parsed)
        monkeypatch.setattr("hvbuild.checking.resolve", resolved)
        monkeypatch.setattr(Path, "read_bytes", read_bytes)

    def clear(self) -> None:
        self.parsed: list[str] = []
        self.read: dict[str, int] = {}
        self.checked = 0
