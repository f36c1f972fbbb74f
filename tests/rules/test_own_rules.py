"""A site's own rules: run with ours, silenced, levelled and explained as ours; never a traceback."""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from command_line import Said, say
from demo_project import write_stack

from hvbuild import site
from hvbuild.rules.catalog import ALL_RULES
from hvbuild.tasks import tasks_for
from hvbuild.testing import diagnostics

MODULE = """\
from collections.abc import Iterator

from hvbuild.site import Finding, VmScene, found, rule
from {helper} import LIMIT

@rule("HV9001", "memory-at-most", source="platform guide, 3.2")
def memory_at_most(scene: VmScene) -> Iterator[Finding]:
    \"\"\"A guest has no more memory than the platform guide allows.\"\"\"
    for claim in scene.memory:
        if claim.window.size > LIMIT:
            yield found(claim.origin, f"{{scene.text}} has {{claim.window.size >> 20}} MiB", "too much")

RULES = (memory_at_most,)
"""
PROJECT = "format: 1\nrules: [{module}:RULES]\n"


class Site:
    """A project with a rule of its own. Modules have names that no other test of this process uses."""

    def __init__(self, root: Path, number: int) -> None:
        self.module, self.helper = f"site_rules_{number}", f"site_limits_{number}"
        self.folder = write_stack(root).relative_to(root)
        self.stack = self.folder / "stack.yaml"
        self.file = Path(f"{self.module}.py")
        self.file.write_text(MODULE.format(helper=self.helper))
        self.limit(1 << 30)
        self.project("")

    def limit(self, size: int) -> None:
        Path(f"{self.helper}.py").write_text(f"LIMIT = {size}\n")
        self.forget()

    def project(self, more: str) -> None:
        Path("hvbuild.yaml").write_text(PROJECT.format(module=self.module) + more)

    def rewrite(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))
        self.forget()

    def forget(self) -> None:
        """What a new process would not know."""
        for name in (self.module, self.helper):
            sys.modules.pop(name, None)

    def check(self, *words: str) -> Said:
        return say("check", self.folder, *words)

    def codes(self) -> list[str]:
        return [row["code"] for row in self.check("--format", "json").data["diagnostics"]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site's project as current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("HVBUILD_CACHE", str(tmp_path / "cache"))
    made = Site(tmp_path, crc32(request.node.name.encode()))
    yield made
    made.forget()


def test_a_rule_fires_on_what_it_forbids_and_is_silent_otherwise(here: Site) -> None:
    assert here.codes() == []

    here.limit(1 << 20)
    (said,) = here.check("--format", "json").data["diagnostics"]

    assert (said["code"], said["name"], said["severity"]) == ("HV9001", "memory-at-most", "error")
    assert said["message"] == "guest `one` has 256 MiB"
    assert said["labels"][0]["path"] == "stacks/demo/stack.yaml"
    assert here.check().code == 1


def test_a_site_tests_its_rules_without_the_command_line(here: Site) -> None:
    here.limit(1 << 20)

    assert [each.code for each in diagnostics(here.folder)] == ["HV9001"]


def test_a_verdict_that_was_kept_hangs_on_the_modules_and_on_what_they_import(here: Site) -> None:
    assert here.codes() == []
    here.limit(1 << 20)
    assert here.codes() == ["HV9001"]
    here.rewrite("claim.window.size > LIMIT", "False")
    assert here.codes() == []


def test_a_warm_check_does_not_run_the_module_again(here: Site) -> None:
    assert here.codes() == []
    here.forget()

    assert here.codes() == []
    assert here.module not in sys.modules


def test_nothing_is_written_beside_the_module(here: Site) -> None:
    here.check()

    assert not Path("__pycache__").exists()


def test_it_can_be_allowed_where_it_speaks_and_levelled_for_the_project(here: Site) -> None:
    here.limit(1 << 20)
    text = here.stack.read_text()
    line = next(row for row in text.splitlines() if "size: 256MiB" in row)
    here.stack.write_text(text.replace(line, f"{line} # hvbuild: allow HV9001 the big trim"))
    assert here.codes() == []

    here.stack.write_text(text)
    here.project("policy: [{code: memory-at-most, level: warning, reason: not yet in force}]\n")
    assert here.check().code == 0
    assert here.check("--deny", "warnings").code == 1
    here.project("policy: [{code: HV9001, level: off, reason: not in force}]\n")
    assert here.codes() == []


def test_an_allow_of_a_rule_that_no_longer_speaks_is_reported(here: Site) -> None:
    text = here.stack.read_text()
    here.stack.write_text(text.replace("name: demo", "name: demo # hvbuild: allow HV9001 old"))

    assert here.codes() == ["HV0062"]


def test_it_is_explained_by_code_and_by_name(here: Site) -> None:
    by_code, by_name = say("explain", "HV9001"), say("explain", "memory-at-most")

    assert by_code.code == 0
    assert by_code.out == by_name.out
    assert "A guest has no more memory than the platform guide allows." in by_code.out
    assert "source: platform guide, 3.2" in by_code.out


def test_a_certificate_counts_it_and_holds_its_modules(here: Site) -> None:
    assert say("certify", here.folder, "--examples", "1").code == 0

    said = json.loads(Path("build/demo/base/certificate.json").read_text())["predicate"]
    assert said["rules"] == {"ran": len(ALL_RULES) + 1}
    assert {f"{here.module}.py", f"{here.helper}.py"} <= {row["name"] for row in said["inputs"]}
    assert say("verify", "build/demo/base").code == 0
    here.limit(1 << 31)
    assert say("verify", "build/demo/base").code == 1
    assert say("image", here.folder).code == 3


def test_doit_does_over_what_hangs_on_a_module(here: Site) -> None:
    assert say("certify", here.folder, "--examples", "1").code == 0
    assert {name for name, done in _tasks().items() if not done} == {"image:demo/base"}

    here.limit(1 << 31)

    assert {name for name, done in _tasks().items() if done} == set()


def _tasks() -> dict[str, bool]:
    tasks = [task for task in tasks_for(".") if task["name"] and task["basename"] != "build"]
    return {f"{task['basename']}:{task['name']}": task["uptodate"][0]() for task in tasks}


def test_lint_runs_the_rules_of_the_project_in_the_current_folder(here: Site) -> None:
    here.limit(1 << 20)
    Path("old.qvmconf").write_text("system old\nram 0x80000000,2M\ncpu\nload 0x80000000 /x\n")

    said = say("lint", "old.qvmconf", "--format", "json").data["diagnostics"]
    own = [row for row in said if row["code"] == "HV9001"]
    assert [(row["labels"][0]["path"], row["labels"][0]["line"]) for row in own] == [("old.qvmconf", 2)]
    text = Path("old.qvmconf").read_text()
    Path("old.qvmconf").write_text(text.replace("2M", "2M # hvbuild: allow HV9001 kept"))
    assert "HV9001" not in say("lint", "old.qvmconf").out
    here.project("policy: [{code: HV9001, level: off, reason: not in force}]\n")
    Path("old.qvmconf").write_text(text)
    assert "HV9001" not in say("lint", "old.qvmconf").out


@pytest.mark.parametrize(
    ("old", "new", "why", "line"),
    [
        ("for claim", "fro claim", "SyntaxError", 9),
        ("import LIMIT", "import LIMITS", "ImportError", 4),
        ("RULES = (", "import sys; sys.exit(3); RULES = (", "SystemExit: 3", 13),
        ("RULES = (", "ROWS = (", "has no attribute 'RULES'", 0),
        ("RULES = (memory_at_most,)", "RULES = 3", "no rule and no tuple", 0),
        ("(memory_at_most,)", "(memory_at_most, 3)", "holds 3, which is no rule", 0),
        ("(memory_at_most,)", "(memory_at_most,) * 2", "is taken", 6),
        ('"HV9001"', '"HV2003"', "HV9000 to HV9999", 6),
        ('"HV9001"', "9001", "of a wrong type", 6),
        ('"memory-at-most"', '"vdev-inside-ram"', "is taken", 6),
        ('"memory-at-most"', '"Memory at most"', "small letters", 6),
        ('source="platform guide, 3.2"', 'source=" "', "no source", 6),
        (', source="platform guide, 3.2"', "", "missing 1 required keyword-only argument", 6),
        ('    """A guest has no more memory than the platform guide allows."""\n', "", "no docstring", 6),
        ("scene: VmScene", "scene", "annotate its parameter", 6),
    ],
)
def test_a_module_that_cannot_be_used_is_told_with_its_place(
    here: Site, old: str, new: str, why: str, line: int
) -> None:
    here.rewrite(old, new)
    said = here.check("--format", "json")

    (fault,) = said.data["diagnostics"]
    assert (said.code, fault["code"]) == (1, "HV0067")
    assert why in fault["message"]
    places = [(label["path"], label["line"]) for label in fault["labels"]]
    assert places == [("hvbuild.yaml", 2), *([(here.file.name, line)] if line else [])]
    assert say("explain", "HV9001").code == (0 if "(memory_at_most, " in new or "* 2" in new else 1)


@pytest.mark.parametrize(
    ("old", "new", "why", "line"),
    [
        ("scene.memory:", "scene.memories:", "AttributeError", 9),
        ("claim.window.size > LIMIT", "1 // 0", "ZeroDivisionError", 10),
        ('"too much")', '"too much", helps="less")', "notes and helps are several texts", 11),
        (
            'yield found(claim.origin, f"{scene.text}',
            'yield (f"{scene.text}',
            "which `found` did not make",
            6,
        ),
        ('f"{scene.text} has {claim.window.size >> 20} MiB"', "7", "are texts", 6),
        ("    for claim", "    return None\n    for claim", "", 0),
    ],
)
def test_a_rule_that_breaks_off_is_told_with_its_place(
    here: Site, old: str, new: str, why: str, line: int
) -> None:
    here.limit(1 << 20)
    here.rewrite(old, new)
    said = here.check("--format", "json")

    if not line:
        assert said.data["diagnostics"] == []
        return
    (fault,) = said.data["diagnostics"]
    assert (said.code, fault["code"]) == (1, "HV0068")
    assert why in fault["message"]
    places = [(label["path"], label["line"]) for label in fault["labels"]]
    assert places == [(here.file.name, line), ("hvbuild.yaml", 2)]


def test_a_fault_of_the_surroundings_is_not_remembered(here: Site) -> None:
    Path(f"{here.helper}.py").rename("away.py")
    here.forget()
    assert here.codes() == ["HV0067"]

    Path("away.py").rename(f"{here.helper}.py")
    here.forget()

    assert here.codes() == []


def test_what_a_module_prints_does_not_spoil_the_answer(here: Site) -> None:
    here.rewrite("RULES = (", "print('hello')\nRULES = (")
    said = here.check("--format", "json")

    assert said.data["diagnostics"] == []
    assert "hello" in said.err


def test_a_rule_may_keep_its_annotations_as_texts_or_look_at_the_whole_system(here: Site) -> None:
    here.limit(1 << 20)
    here.rewrite("from collections", "from __future__ import annotations\nfrom collections")
    assert here.codes() == ["HV9001"]

    here.rewrite("scene: VmScene", "scene: Scene")
    here.rewrite("VmScene,", "Scene,")
    here.rewrite("scene.memory", "scene.vms[0].memory")
    here.rewrite("{scene.text}", "{scene.vms[0].text}")

    assert here.codes() == ["HV9001"]


def test_two_projects_of_one_process_keep_their_rules_apart(here: Site) -> None:
    here.limit(1 << 20)
    other = Path("other")
    for name in (here.file.name, f"{here.helper}.py", "hvbuild.yaml", str(here.stack)):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text(Path(name).read_text().replace("HV9001", "HV9777"))

    (other / f"{here.helper}.py").write_text("LIMIT = 1 << 40\n")

    mine = here.codes()
    theirs = [
        row["code"] for row in say("check", other / here.folder, "--format", "json").data["diagnostics"]
    ]

    assert (mine, theirs) == (["HV9001"], [])
    (other / f"{here.helper}.py").write_text("LIMIT = 1\n")
    here.forget()
    again = say("check", other / here.folder, "--format", "json").data["diagnostics"]
    assert [row["code"] for row in again] == ["HV9777"]
    # Each in turn, and the first of them once more.
    assert [each.code for each in diagnostics(here.folder)] == ["HV9001"]
    assert [each.code for each in diagnostics(other / here.folder)] == ["HV9777"]
    assert [each.code for each in diagnostics(here.folder)] == ["HV9001"]


def test_the_example_of_the_public_module_is_a_rule_that_fires(here: Site) -> None:
    text = (site.__doc__ or "").partition("that:\n\n")[2].partition("\n\nA function")[0]
    program = "\n".join(line.removeprefix("    ") for line in text.splitlines())
    ast.parse(program)
    here.file.write_text(program)
    here.forget()
    assert here.codes() == []

    stack = here.stack.read_text()
    here.stack.write_text(stack.replace("      - {sched: 10r}\n", "      - {sched: 10r}\n" * 3))

    assert here.codes() == ["HV9001"]
