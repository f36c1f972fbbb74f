"""hvbuild plan: what a build would change in an earlier one, and hand edits told by what they mean."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import say
from conftest import ROOT

from hvbuild.report.exits import Exit

RPI4 = str(ROOT / "stacks" / "rpi4")
STACK = """\
format: 1
board: rpi4
target: qnx-8.0.4
guests:
  la:
    ram:
      - {name: main, base: 0x80000000, size: 1GiB}
    images:
      - {name: ifs, load: /la.ifs, external: true}
    vdevs:
      - {name: console, type: pl011, loc: auto, intr: auto, hostdev: ">-"}
"""
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    assert say("render", "-q", RPI4, "-o", str(tmp_path / "built")).code == Exit.YES
    return tmp_path / "built"


def test_nothing_to_change_is_exit_0_and_writes_nothing(built: Path) -> None:
    before = snapshot(built)
    said = say("plan", RPI4, "--against", str(built))

    assert (said.code, said.out) == (Exit.YES, "same\n")
    assert snapshot(built) == before


def test_a_change_is_told_in_the_words_of_the_stack(built: Path) -> None:
    before = snapshot(built)
    said = say("plan", RPI4, "--variant", "linux-2g", "--against", str(built))

    assert said.code == Exit.NO
    assert said.out.startswith("guest `linux`\n  RAM 1GiB → 2GiB    [guests/linux.qvmconf:")
    assert "variants/linux-2g.yaml:" in said.out
    assert snapshot(built) == before


def test_the_host_is_part_of_the_plan(built: Path) -> None:
    said = say("plan", RPI4, "--variant", "no-spi", "--against", str(built))

    assert "- pass mem:0xfe204000" in said.out
    assert "+ service `spi-bcm2711`" in said.out


@pytest.mark.parametrize("against", ["no-such-revision", "git:", "git:--help"])
def test_what_is_neither_folder_nor_revision_is_exit_2(against: str) -> None:
    said = say("plan", RPI4, "--against", against)

    assert (said.code, said.out) == (Exit.NO_ANSWER, "")
    assert said.err.startswith("hvbuild: ")


@needs_git
def test_outside_a_repository_the_word_that_was_asked_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(STACK)
    said = say("plan", str(tmp_path), "--against", "git:yesterday")

    assert said.code == Exit.NO_ANSWER
    assert said.err.startswith("hvbuild: `yesterday` is no build folder, and git says: ")


def test_a_folder_that_is_no_build_is_exit_2(tmp_path: Path) -> None:
    said = say("plan", RPI4, "--against", str(tmp_path))

    assert (said.code, "no manifest of a build" in said.err) == (Exit.NO_ANSWER, True)


# --- revisions ----------------------------------------------------------------------------------------------


def git(folder: Path, *words: str) -> None:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    names = ("AUTHOR", "COMMITTER")
    own |= {f"GIT_{who}_{what}": "t@example.org" for who in names for what in ("NAME", "EMAIL")}
    subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, env={**os.environ, **own}
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one stack, committed."""
    stack = tmp_path / "repo" / "stacks" / "one" / "stack.yaml"
    stack.parent.mkdir(parents=True)
    stack.write_text(STACK)
    git(tmp_path / "repo", "init", "-q", "-b", "main")
    git(tmp_path / "repo", "add", ".")
    git(tmp_path / "repo", "commit", "-q", "-m", "first")
    return stack.parent


@needs_git
def test_a_revision_is_built_beside_and_told_with_its_places(project: Path) -> None:
    file = project / "stack.yaml"
    file.write_text(
        STACK.replace("1GiB", "2GiB")
        + "      - {name: disk, type: virtio-blk, loc: auto, intr: auto, hostdev: /data/d.img}\n"
    )
    said = say("plan", str(project), "--against", "HEAD")
    markdown = say("plan", str(project), "--against", "git:main", "--markdown")

    assert said.code == markdown.code == Exit.NO
    assert "RAM 1GiB → 2GiB    [HEAD:stacks/one/stack.yaml:7 → " in said.out
    assert "+ virtio-blk `disk`" in said.out
    assert "| added | virtio-blk `disk` |" in markdown.out


@needs_git
def test_the_same_revision_is_the_same(project: Path) -> None:
    said = say("plan", str(project), "--against", "HEAD")

    assert (said.code, said.out) == (Exit.YES, "same\n")
    assert sorted(path.name for path in project.iterdir()) == ["stack.yaml"]


@needs_git
def test_a_stack_that_was_not_there_is_all_new(project: Path) -> None:
    new = project.parent / "two"
    shutil.copytree(project, new)
    said = say("plan", str(new), "--against", "HEAD")

    assert said.code == Exit.NO
    assert "+ guest `la`" in said.out


@needs_git
def test_a_revision_with_faults_is_reported(project: Path) -> None:
    (project / "stack.yaml").write_text(STACK.replace("1GiB", "many"))
    git(project, "commit", "-q", "-a", "-m", "broken")
    (project / "stack.yaml").write_text(STACK)
    said = say("plan", str(project), "--against", "HEAD", "--format", "line")

    assert said.code == Exit.NO
    assert said.out.startswith("HEAD:stacks/one/stack.yaml:7:")
    assert "error[HV" in said.out


# --- edits by hand ------------------------------------------------------------------------------------------


def test_an_edit_is_told_by_what_it_means(built: Path) -> None:
    edits = {"qnx": ("512M", "768M"), "linux": ("system", "# a remark\nsystem")}
    for name, (old, new) in edits.items():
        file = built / "guests" / f"{name}.qvmconf"
        file.write_text(file.read_text().replace(old, new, 1))
    said = say("render", RPI4, "-o", str(built))

    assert said.code == Exit.YES
    assert "    RAM 512MiB → 768MiB" in said.out
    assert "linux.qvmconf.edited\n  the same by meaning\n" in said.out


def test_an_edit_that_has_no_meaning_is_told_as_such(built: Path) -> None:
    file = built / "guests" / "qnx.qvmconf"
    file.write_text(file.read_text().replace("ram 0x80000000,512M", "ram size=512M"))
    said = say("render", RPI4, "-o", str(built))

    assert said.code == Exit.YES
    assert "  guests/qnx.qvmconf:4:5: " in said.out
