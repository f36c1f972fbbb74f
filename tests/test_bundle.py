"""The bundle: the same bytes twice, and a machine with an SDP makes the image of it without hvbuild."""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from demo_project import HOST_FILES, certified, checked_stack, write_stack
from sdp_stub import StubSdp, stub_sdp, write_tool

from hvbuild.bundling import bundle
from hvbuild.imaging import image
from hvbuild.report.bundled import bundled_outcome
from hvbuild.report.exits import Exit

SOURCED = "{name: image, load: /guests/one/one.ifs, source: images/one.ifs}"


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a certified project, made in a folder of its own."""
    root = tmp_path_factory.mktemp("bundled")
    folder = write_stack(root, "host: {image: {max_size: 1MiB}}", image=SOURCED)
    (folder / "images").mkdir(exist_ok=True)
    (folder / "images/one.ifs").write_bytes(b"guest image")
    checked, built = certified(folder)
    done = bundle(checked, built, root / "demo.tar.gz")
    assert done.diagnostics == ()
    return root / "demo.tar.gz"


@pytest.fixture
def unpacked(bundled: Path, tmp_path: Path) -> Path:
    """The bundle unpacked elsewhere."""
    with tarfile.open(bundled) as tar:
        tar.extractall(tmp_path / "elsewhere", filter="data")
    return tmp_path / "elsewhere/demo-base"


@pytest.fixture
def sdp(tmp_path: Path) -> StubSdp:
    return stub_sdp(tmp_path / "sdp", HOST_FILES)


def make(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [folder / "make-image.sh"],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_same_bundle_twice(bundled: Path) -> None:
    root = bundled.parent
    copy = root / "moved"
    copy.mkdir()
    for name in ("stacks", "build"):
        shutil.copytree(root / name, copy / name)
    os.utime(copy / "stacks/demo/images/one.ifs", (1, 1))
    again = bundle(checked_stack(copy / "stacks/demo"), copy / "build/demo/base", copy / "again.tar.gz")

    assert (copy / "again.tar.gz").read_bytes() == bundled.read_bytes()
    assert bundled.read_bytes()[3:8] == bytes(5), "gzip holds neither a name nor a time"
    assert [path.name for path in copy.glob(".*")] == []
    assert again.digest


def test_what_is_in_it(bundled: Path) -> None:
    with tarfile.open(bundled) as tar:
        members = {member.name.removeprefix("demo-base/"): member for member in tar.getmembers()}

    assert set(members) == {
        "SHA256SUMS",
        "certificate.json",
        "files/images/one.ifs",
        "guests/one.qvmconf",
        "host/mifs.build",
        "make-image.sh",
        "manifest.json",
        "required.txt",
    }
    facts = {(member.mtime, member.uid, member.gid, member.uname) for member in members.values()}
    assert facts == {(0, 0, 0, "")}
    assert members["make-image.sh"].mode == 0o755


def test_unpacked_elsewhere_it_makes_the_image(unpacked: Path, sdp: StubSdp) -> None:
    done = make(unpacked, sdp.environment)

    assert (done.returncode, done.stderr) == (0, "")
    assert sdp.calls == [
        "mkifs -nn host/mifs.build image/demo-base.ifs",
        "dumpifs image/demo-base.ifs",
    ]
    assert (unpacked / "image/demo-base.ifs").is_file()


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_any_posix_shell_runs_it(unpacked: Path, sdp: StubSdp, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell}")
    words = [program, "sh"] if shell == "busybox" else [program]
    done = subprocess.run(
        [*words, unpacked / "make-image.sh"], env=sdp.environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_is_that_of_hvbuild(bundled: Path, unpacked: Path, sdp: StubSdp) -> None:
    root = bundled.parent
    made = image(checked_stack(root / "stacks/demo"), root / "build/demo/base", sdp.environment)
    make(unpacked, sdp.environment)

    assert made.made.images[0].read_bytes() == (unpacked / "image/demo-base.ifs").read_bytes()


def test_without_an_sdp_it_says_so(unpacked: Path) -> None:
    done = make(unpacked, {})

    assert done.returncode == 2
    assert "QNX_TARGET is not set" in done.stderr


def test_without_a_tool_it_says_so(unpacked: Path, sdp: StubSdp) -> None:
    (sdp.bin / "mkifs").unlink()
    (sdp.bin / "dumpifs").unlink()
    done = make(unpacked, sdp.environment)

    assert (done.returncode, done.stderr) == (2, "make-image: not found: mkifs dumpifs\n")


def test_a_tampered_file_stops_it(unpacked: Path, sdp: StubSdp) -> None:
    with (unpacked / "guests/one.qvmconf").open("a") as file:
        file.write("\n")
    done = make(unpacked, sdp.environment)

    assert done.returncode == 3
    assert "not the one that was certified" in done.stderr
    assert sdp.calls == []


def test_a_failing_tool_leaves_no_image(unpacked: Path, sdp: StubSdp) -> None:
    make(unpacked, sdp.environment)
    sdp.break_tool("mkifs", "no licence")
    done = make(unpacked, sdp.environment)

    assert done.returncode == 1
    assert "no licence" in done.stderr
    assert not (unpacked / "image").exists()


def test_an_image_that_lacks_a_file_is_none(unpacked: Path, sdp: StubSdp) -> None:
    (sdp.bin / "dumpifs").write_text('#!/bin/sh\ngrep -v sbin/qvm "$1"\n')
    done = make(unpacked, sdp.environment)

    assert done.returncode == 1
    assert done.stderr == "make-image: not in the image: sbin/qvm\n"
    assert not (unpacked / "image").exists()


def test_an_image_beyond_its_limit_is_none(unpacked: Path, sdp: StubSdp) -> None:
    write_tool(sdp.bin / "mkifs", '#!/bin/sh\nhead -c 1048577 /dev/zero >"$3"\n')
    done = make(unpacked, sdp.environment)

    assert done.returncode == 1
    assert "demo-base.ifs is larger than the 1048576 bytes that `host.image.max_size` takes" in done.stderr
    assert not (unpacked / "image").exists()


def test_no_certificate_no_bundle(bundled: Path, tmp_path: Path) -> None:
    root = bundled.parent
    folder = tmp_path / "copy"
    shutil.copytree(root / "build/demo/base", folder)
    (folder / "certificate.json").unlink()
    done = bundle(checked_stack(root / "stacks/demo"), folder, tmp_path / "x.tar.gz")

    assert bundled_outcome(done).exit is Exit.REFUSED
    assert not (tmp_path / "x.tar.gz").exists()


def test_a_place_that_cannot_be_written_leaves_nothing(bundled: Path, tmp_path: Path) -> None:
    root = bundled.parent
    with pytest.raises(OSError):
        bundle(checked_stack(root / "stacks/demo"), root / "build/demo/base", tmp_path / "no/x.tar.gz")

    assert list(tmp_path.iterdir()) == []


def test_members_are_in_order(bundled: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(bundled.read_bytes())) as tar:
        names = tar.getnames()

    assert names == sorted(names)
