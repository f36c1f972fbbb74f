"""The examples of README run and print what README says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"<!-- (example|output|fails|rule): (\S+) -->\n```\w*\n(.*?)```\n", re.DOTALL)


def blocks(kind: str) -> list[tuple[str, str]]:
    return [(name, text) for found, name, text in BLOCK.findall(README) if found == kind]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example stacks, rendered."""
    folder = tmp_path_factory.mktemp("readme")
    for name, text in blocks("example"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        assert hvbuild(folder, "render", str(Path(name).parent)).returncode == 0
    return folder


def hvbuild(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HVBUILD_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-m", "hvbuild", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_readme_has_an_example_with_three_outputs_and_a_failure() -> None:
    assert len(blocks("example")) == 1
    assert len(blocks("output")) == 3
    assert len(blocks("fails")) == 1
    assert blocks("example")[0][1].count("\n") == 10


@pytest.mark.parametrize(("name", "text"), blocks("output"), ids=lambda value: value[:40])
def test_outputs_are_what_is_rendered(name: str, text: str, folder: Path) -> None:
    assert text in (folder / name).read_text(encoding="utf-8")


def test_the_failing_example_prints_its_diagnostic(folder: Path) -> None:
    ((name, text),) = blocks("fails")
    file = folder / name / "stack.yaml"
    good = file.read_text(encoding="utf-8")
    file.write_text(good.replace("loc: auto", "loc: 0xd0000000"), encoding="utf-8")
    finished = hvbuild(folder, "check", name)
    file.write_text(good, encoding="utf-8")

    assert finished.returncode == 1
    assert finished.stdout.strip() == text.strip()


def test_the_rule_of_ones_own_fires_where_it_should(folder: Path) -> None:
    ((module, text),) = blocks("rule")
    (setting,) = re.findall(r"`(rules: \[\S+\])`", README)
    place = folder / "own"
    files = {
        module: text,
        "hvbuild.yaml": f"format: 1\n{setting}\n",
        "stacks/la/stack.yaml": blocks("example")[0][1],
    }
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(data, encoding="utf-8")

    assert hvbuild(place, "check", "stacks/la").stdout == "la (base): clean\n"
    stack = place / "stacks/la/stack.yaml"
    stack.write_text(
        files["stacks/la/stack.yaml"].replace("cpus: [", "cpus: [{runmask: [3]}, {runmask: [2]}, ")
    )
    said = hvbuild(place, "check", "stacks/la", "--format", "line")
    assert [line.split(": ", 1)[1] for line in said.stdout.splitlines() if "HV9001" in line] == [
        "error[HV9001]: guest `la` has 3 vCPUs"
    ]
    assert "A guest has two vCPUs at most." in hvbuild(place, "explain", "HV9001").stdout


def test_the_example_certifies_and_verifies(folder: Path) -> None:
    assert hvbuild(folder, "certify", "la", "--examples", "2").returncode == 0
    assert hvbuild(folder, "verify", "la/build/la/base").returncode == 0

    artifact = folder / "la/build/la/base/guests/la.qvmconf"
    good = artifact.read_bytes()
    artifact.write_bytes(good + b"#")
    refused = hvbuild(folder, "verify", "la/build/la/base")
    artifact.write_bytes(good)
    assert refused.returncode == 1
    assert "\ndoes not hold; it says certified: " in refused.stdout


@pytest.mark.parametrize("command", ["blame", "verify"])
def test_the_places_that_readme_names_are_there(command: str, folder: Path) -> None:
    (words,) = re.findall(rf"`hvbuild {command} (\S+)`", README)

    assert (folder / words.partition(":")[0]).exists()
