"""doit: builds to the end, then does nothing; a change rebuilds its own products; hand edits are kept."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sdp_stub import StubSdp, stub_sdp

from hvbuild.freshness import IMAGE_STATE, Digests, is_image_fresh

ROOT = Path(__file__).resolve().parents[1]
DODO = """\
from hvbuild.tasks import DOIT_CONFIG, tasks_for

def task_hvbuild():
    yield from tasks_for(".")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own with the x86 stack, built once."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "dodo.py").write_text(DODO)
    shutil.copytree(ROOT / "stacks" / "x86-qemu", folder / "stacks" / "x86-qemu")
    stack = folder / "stacks" / "x86-qemu" / "stack.yaml"
    # Few drawn runs: what is tested here is when certificates are made, not how many runs they hold.
    stack.write_text(stack.read_text() + "certificate: {examples: 2}\n")
    first = doit(folder, "build")
    assert first.returncode == 0, first.stdout + first.stderr
    return folder


def doit(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "HVBUILD_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "doit", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def ran(finished: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line.removeprefix(".  ") for line in finished.stdout.splitlines() if line.startswith(". ")]


def test_every_variant_is_built_and_certified(project: Path) -> None:
    for variant in ("base", "two-vcpus", "watchdog"):
        folder = project / "build" / "x86-qemu" / variant

        assert (folder / "guests" / "guest.qvmconf").is_file()
        assert (folder / "certificate.json").is_file()


def test_a_second_build_does_nothing(project: Path) -> None:
    again = doit(project, "build")

    assert again.returncode == 0
    assert ran(again) == []


def test_touching_one_variant_rebuilds_only_it(project: Path) -> None:
    file = project / "stacks" / "x86-qemu" / "variants" / "two-vcpus.yaml"
    file.write_text(file.read_text().replace("work: 2ms", "work: 3ms"))
    again = doit(project, "build")

    assert ran(again) == [f"{step}:x86-qemu/two-vcpus" for step in ("check", "render", "certify")]
    assert ran(doit(project, "build")) == []


def test_a_hand_edit_is_kept_and_the_file_rebuilt(project: Path) -> None:
    file = project / "build" / "x86-qemu" / "base" / "guests" / "guest.qvmconf"
    before = file.read_text()
    file.write_text(before.replace("512M", "256M"))
    again = doit(project, "build")

    assert again.returncode == 0, again.stdout
    assert "render:x86-qemu/base" in ran(again)
    assert file.read_text() == before
    assert "256M" in file.with_name("guest.qvmconf.edited").read_text()
    assert "512MiB" in again.stdout
    assert "256MiB" in again.stdout
    assert ran(doit(project, "build")) == []


def test_a_hand_edit_is_kept_even_where_the_manifest_is_gone(project: Path) -> None:
    folder = project / "build" / "x86-qemu" / "base"
    file = folder / "guests" / "guest.qvmconf"
    file.write_text(file.read_text().replace("512M", "128M"))
    (folder / "manifest.json").unlink()
    again = doit(project, "build")

    assert again.returncode == 0, again.stdout
    assert "128M" in file.with_name("guest.qvmconf.edited").read_text()


def test_a_fault_stops_its_own_variant_only(project: Path) -> None:
    file = project / "stacks" / "x86-qemu" / "variants" / "watchdog.yaml"
    good = file.read_text()
    file.write_text(good.replace("wdt-ib700", "wdt-sp805"))
    broken = doit(project, "run", "--continue", "build")
    file.write_text(good)

    assert broken.returncode != 0
    assert "HV" in broken.stdout
    assert doit(project, "build").returncode == 0


def test_an_image_without_an_sdp_ends_in_two_and_names_what_is_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QNX_TARGET", raising=False)
    monkeypatch.delenv("QNX_HOST", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    imaged = doit(project, "image:x86-qemu/base")

    assert imaged.returncode == 2, imaged.stdout + imaged.stderr
    assert "error[HV5501]" in imaged.stdout
    assert "startup-x86" in imaged.stdout


IMAGE = "image:x86-qemu/base"


@pytest.fixture
def sdp(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StubSdp:
    """A stub of an SDP in the environment that holds every host file of the stack."""
    manifest = json.loads((project / "build/x86-qemu/base/manifest.json").read_text())
    named = (row["source"] for row in manifest["image"])
    files = {name for name in named if "/" not in name and name != "(inline)"}
    needed = {"startup-x86", "procnto-smp-instr", "raw.boot", "bios.boot", *files}
    stub = stub_sdp(tmp_path / "sdp", sorted(needed), processor="x86_64")
    for name, value in stub.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HVBUILD_STAGING", raising=False)
    return stub


def test_an_image_is_made_once(project: Path, sdp: StubSdp) -> None:
    first = doit(project, IMAGE)

    assert first.returncode == 0, first.stdout + first.stderr
    assert ran(first)[-1] == IMAGE
    calls = len(sdp.calls)
    assert calls == 2
    again = doit(project, IMAGE)
    assert (again.returncode, ran(again), len(sdp.calls)) == (0, [], calls)


def _host_file_changes(project: Path, sdp: StubSdp) -> None:
    next(sdp.root.rglob("sbin/qvm")).write_text("another qvm\n")


def _host_file_appears_earlier(project: Path, sdp: StubSdp) -> None:
    (sdp.root / "target/qnx/x86_64/usr/sbin").mkdir(parents=True)
    shutil.move(next(sdp.root.rglob("sbin/qvm")), sdp.root / "target/qnx/x86_64/usr/sbin/qvm")


def _optional_file_appears(project: Path, sdp: StubSdp) -> None:
    (sdp.root / "target/qnx/x86_64/sbin/qvm-check").write_text("a checker\n")


def _tool_changes(project: Path, sdp: StubSdp) -> None:
    tool = sdp.bin / "mkifs"
    tool.write_text(tool.read_text() + "# newer\n")


def _image_is_edited(project: Path, sdp: StubSdp) -> None:
    (project / "build/x86-qemu/base/image/x86-qemu-base.ifs").write_text("edited\n")


def _record_is_gone(project: Path, sdp: StubSdp) -> None:
    (project / "build/x86-qemu/base/image/image.json").unlink()


def _engineering_image_takes_its_place(project: Path, sdp: StubSdp) -> None:
    words = ["image", "stacks/x86-qemu", "--engineering"]
    subprocess.run([sys.executable, "-m", "hvbuild", *words], cwd=project, check=True, capture_output=True)


CHANGES = [
    _host_file_changes,
    _host_file_appears_earlier,
    _optional_file_appears,
    _tool_changes,
    _image_is_edited,
    _record_is_gone,
    _engineering_image_takes_its_place,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_what_an_image_was_made_of_decides_when_it_is_made_again(
    project: Path, sdp: StubSdp, change: Callable[[Path, StubSdp], None]
) -> None:
    assert doit(project, IMAGE).returncode == 0
    change(project, sdp)
    again = doit(project, IMAGE)

    assert again.returncode == 0, again.stdout + again.stderr
    assert ran(again)[-1] == IMAGE
    assert ran(doit(project, IMAGE)) == []


def test_an_image_never_outlives_its_certificate(project: Path, sdp: StubSdp) -> None:
    assert doit(project, IMAGE).returncode == 0
    stack = project / "stacks/x86-qemu/stack.yaml"
    before = stack.read_text()
    stack.write_text(before.replace("certificate: {examples: 2}", "certificate: {examples: 3}"))
    again = doit(project, IMAGE)

    assert again.returncode == 0, again.stdout + again.stderr
    assert ran(again) == [f"{step}:x86-qemu/base" for step in ("check", "render", "certify", "image")]
    stack.write_text(before)
    assert doit(project, "build").returncode == 0


def test_a_waiver_that_ran_out_asks_for_the_image_again(
    project: Path, sdp: StubSdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert doit(project, IMAGE).returncode == 0
    folder = project / "build/x86-qemu/base"
    environment = sdp.environment
    assert is_image_fresh(folder, environment, Digests({}))
    state = folder / IMAGE_STATE
    held = json.loads(state.read_text())
    state.write_text(json.dumps(held | {"until": "2020-01-31"}))
    assert not is_image_fresh(folder, environment, Digests({}))
    state.write_text(json.dumps(held | {"until": "9999-12-31"}))
    assert is_image_fresh(folder, environment, Digests({}))


def test_a_project_with_a_build_of_its_own_puts_a_prefix_before_ours(project: Path) -> None:
    theirs = project / "theirs.py"
    theirs.write_text(
        DODO.replace('tasks_for(".")', 'tasks_for(".", prefix="hv-")')
        + "\n\ndef task_build():\n"
        + '    made = "build/x86-qemu/base/guests/guest.qvmconf"\n'
        + '    return {"actions": [f"cp {made} taken"], "file_dep": [made], "targets": ["taken"],\n'
        + '            "task_dep": ["hv-render:x86-qemu/base"]}\n'
    )
    listed = doit(project, "-f", "theirs.py", "list", "--all")
    shutil.rmtree(project / "build/x86-qemu/base")
    built = doit(project, "-f", "theirs.py", "build")

    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert [name for name in names if "hv-" not in name] == ["build"]
    assert ran(built) == ["hv-render:x86-qemu/base", "build"]
    assert (project / "taken").is_file()


def test_listing_shows_each_step(project: Path) -> None:
    listed = doit(project, "list", "--all")

    assert [line.split()[0] for line in listed.stdout.splitlines() if "/base" in line] == [
        f"{step}:x86-qemu/base" for step in ("build", "certify", "check", "image", "render")
    ]
