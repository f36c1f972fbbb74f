"""Builds that are killed, or that meet another build: nothing is half written, lost or done for nothing."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hvbuild.certify.canonical import read_canonical
from hvbuild.certifying import verify_folder
from hvbuild.manifest import MANIFEST, recorded_digests
from hvbuild.store import file_digest

ROOT = Path(__file__).resolve().parents[1]
DODO = """\
from hvbuild.tasks import DOIT_CONFIG, tasks_for

def task_hvbuild():
    yield from tasks_for(".")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the x86 stack and one variant."""
    (tmp_path / "dodo.py").write_text(DODO)
    shutil.copytree(ROOT / "stacks" / "x86-qemu", tmp_path / "stacks" / "x86-qemu")
    (tmp_path / "stacks/x86-qemu/variants/watchdog.yaml").unlink()
    stack = tmp_path / "stacks/x86-qemu/stack.yaml"
    stack.write_text(stack.read_text() + "certificate: {examples: 2}\n")
    return tmp_path


def started(project: Path, *words: str) -> "subprocess.Popen[str]":
    """A doit in a process group of its own, so that it can be killed with all it has started."""
    return subprocess.Popen(
        [sys.executable, "-m", "doit", *words],
        cwd=project,
        env={**os.environ, "HVBUILD_CACHE": str(project / "cache"), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def ran(out: str) -> list[str]:
    return [line.removeprefix(".  ") for line in out.splitlines() if line.startswith(". ")]


def half_written(project: Path) -> list[str]:
    """Artifacts and certificates that are not the bytes they say, as far as any are there."""
    wrong = []
    for manifest in project.glob(f"build/*/*/{MANIFEST}"):
        for name, wanted in recorded_digests(manifest.parent).items():
            found = file_digest(manifest.parent / name)
            # A committed write may still wait to be moved into place by whoever comes next.
            if found != wanted and not (manifest.parent / ".hvbuild-pending").is_dir():
                wrong.append(f"{manifest.parent.name}/{name}")
    for certificate in project.glob("build/*/*/certificate.json"):
        read_canonical(certificate.read_bytes())
    return wrong


def kill_and_finish(project: Path, times: int, seed: int) -> None:
    """Kill a build at `times` random moments, each after a change; then let it finish and do nothing more."""
    draw = random.Random(seed)
    stack = project / "stacks/x86-qemu/stack.yaml"
    code, _, err = finished(started(project, "build"))
    assert code == 0, err
    whole = 4.0
    for number in range(times):
        text = stack.read_text()
        stack.write_text(
            text.replace("size: 512MiB", "size: 256MiB")
            if number % 2
            else text.replace("size: 256MiB", "size: 512MiB")
        )
        process = started(project, "build")
        time.sleep(draw.uniform(0.0, whole))
        os.killpg(process.pid, signal.SIGKILL)
        finished(process)

        assert half_written(project) == []

    code, out, err = finished(started(project, "build"))
    assert code == 0, out + err
    assert half_written(project) == []
    folders = sorted(path for path in project.glob("build/x86-qemu/*") if path.is_dir())
    assert [folder.name for folder in folders] == ["base", "two-vcpus"]
    for folder in folders:
        assert verify_folder(folder, every_input=True).holds
        assert sorted(path.name for path in folder.glob(".hvbuild-[sp]*")) == [".hvbuild-state.json"]
    code, out, _ = finished(started(project, "build"))
    assert (code, ran(out)) == (0, [])


def test_a_killed_build_leaves_nothing_half_written_and_the_next_one_finishes(project: Path) -> None:
    kill_and_finish(project, times=2, seed=1)


@pytest.mark.campaign
def test_a_hundred_kills_leave_nothing_half_written(project: Path) -> None:
    kill_and_finish(project, times=100, seed=2)


def test_two_builds_at_once_share_the_work_and_lose_nothing(project: Path) -> None:
    first, second = started(project, "build"), started(project, "build")
    one, two = finished(first), finished(second)

    assert (one[0], two[0]) == (0, 0), one[1] + one[2] + two[1] + two[2]
    assert "another build is at it, waiting" in one[2] + two[2]
    assert "Traceback" not in one[2] + two[2]
    assert half_written(project) == []
    for variant in ("base", "two-vcpus"):
        assert verify_folder(project / "build/x86-qemu" / variant, every_input=True).holds
    code, out, _ = finished(started(project, "build"))
    assert (code, ran(out)) == (0, [])
