"""What the start-up budgets rest on: which modules a command imports, and how often it reads a file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROBE = """
import builtins, io, json, os, pathlib, sys
opened = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened.append(os.path.abspath(arguments[0]))
sys.addaudithook(hook)
from hvbuild.__main__ import main
code = main(sys.argv[1:])
print("\\n" + json.dumps({"code": code, "modules": sorted(sys.modules), "opened": opened}))
"""
MODEL = {"hvbuild.model.vm", "hvbuild.load.tree", "hvbuild.resolve.planner", "hvbuild.rules.catalog"}
LIBRARIES = {"jinja2", "jsonschema", "hypothesis", "doit", "tree_sitter", "fdt", "rich", "numba", "asyncio"}


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A copy of the Raspberry Pi stack, with an empty cache beside it."""
    shutil.copytree(ROOT / "stacks" / "rpi4", tmp_path / "stacks" / "rpi4")
    return tmp_path / "stacks" / "rpi4"


def probed(stack: Path, *words: str) -> dict[str, list[str]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HVBUILD_CACHE": str(stack.parent / "cache")}
    finished = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        cwd=stack.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, list[str]] = json.loads(finished.stdout.splitlines()[-1])
    return answer


def test_a_cold_check_imports_no_library_but_the_yaml_reader(stack: Path) -> None:
    answer = probed(stack, "check", str(stack))

    assert not LIBRARIES & set(answer["modules"])
    assert "ruamel.yaml" in answer["modules"]


def test_a_warm_check_imports_neither_the_model_nor_the_yaml_reader(stack: Path) -> None:
    probed(stack, "check", str(stack))
    answer = probed(stack, "check", str(stack))

    assert not (LIBRARIES | MODEL | {"ruamel.yaml"}) & set(answer["modules"])


def test_each_input_is_opened_once_by_a_check_of_all_variants(stack: Path) -> None:
    opened = probed(stack, "check", str(stack), "--all-variants")["opened"]
    inputs = [path for path in opened if path.endswith(".yaml") and "/stacks/" in path]
    # The command itself opens the stack file once more, to answer for one that cannot be opened.
    twice = [path for path in inputs if inputs.count(path) > 1 and not path.endswith("stack.yaml")]

    assert len(set(inputs)) == 4
    assert twice == []
    assert inputs.count(str(stack / "stack.yaml")) == 2


def test_linting_a_file_loads_neither_the_model_of_runs_nor_what_writes_files(stack: Path) -> None:
    file = stack.parent / "a.qvmconf"
    file.write_text("system a\nram 0x80000000,256M\ncpu\nload /g/a.ifs\n")
    modules = set(probed(stack, "lint", str(file))["modules"])

    assert "hvbuild.linting" in modules
    assert not {"hvbuild.machine.simulation", "hvbuild.building", "hvbuild.deploying"} & modules
    assert not (LIBRARIES - {"tree_sitter", "fdt", "asyncio"}) & modules


def test_rendering_does_not_import_the_certificates_library(stack: Path) -> None:
    answer = probed(stack, "render", str(stack))

    assert "jinja2" in answer["modules"]
    assert not (LIBRARIES - {"jinja2", "asyncio"}) & set(answer["modules"])


PROJECT = """\
format: 1
matrix: [{stacks: [rpi4], boards: [rpi4]}]
vdev_types: {acme-can: {window: 4KiB}}
"""


def test_a_project_file_costs_a_check_no_library(stack: Path) -> None:
    root = stack.parents[1]
    (root / "hvbuild.yaml").write_text(PROJECT)
    cold = probed(stack, "check", "--matrix", str(root))
    warm = probed(stack, "check", "--matrix", str(root))

    assert "hvbuild.resolve.planner" in cold["modules"]
    assert not LIBRARIES & set(cold["modules"])
    assert not (LIBRARIES | MODEL - {"hvbuild.load.tree"}) & set(warm["modules"])
