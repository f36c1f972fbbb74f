"""Images made with a stub SDP: who may have one, what is run, what is left when something fails."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import say
from demo_project import HOST_FILES, certified, checked_stack, write_stack
from sdp_stub import StubSdp, stub_sdp, write_tool
from test_host_base import BASE

from hvbuild.diagnostics import StackInvalid
from hvbuild.imaging import image
from hvbuild.report.exits import Exit
from hvbuild.report.imaged import imaged_outcome

SOURCED = "{name: image, load: /guests/one/one.ifs, source: images/one.ifs}"


@pytest.fixture(scope="module")
def certified_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certified project whose guest image lies in the project."""
    root = tmp_path_factory.mktemp("project")
    folder = write_stack(root, image=SOURCED)
    (folder / "images").mkdir(exist_ok=True)
    (folder / "images/one.ifs").write_bytes(b"guest image")
    certified(folder)
    return root


@pytest.fixture
def project(certified_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which the test runs."""
    copy = tmp_path / "copy"
    shutil.copytree(certified_project, copy)
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture
def sdp(tmp_path: Path) -> StubSdp:
    return stub_sdp(tmp_path / "sdp", HOST_FILES)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_documented_commands_are_run_and_recorded(project: Path, sdp: StubSdp) -> None:
    checked = checked_stack(project / "stacks/demo")
    folder = project / "build/demo/base"
    made = image(checked, folder, sdp.environment)

    assert made.made.faults == ()
    steps = json.loads((folder / "manifest.json").read_text())["steps"]
    documented = [" ".join([step["tool"], *step["arguments"]]) for step in steps]
    assert documented == ["mkifs -nn host/mifs.build image/demo-base.ifs"]
    assert [*documented, "dumpifs image/demo-base.ifs"] == sdp.calls
    assert [n for n in names(folder / "image") if n != "image.cdx.json"] == ["demo-base.ifs", "image.json"]
    record = json.loads((folder / "image/image.json").read_text())
    assert record["engineering"] is False
    assert len(record["certificate"]) == 64
    assert record["sdp"] == {"release": "800"}
    assert {tool["name"] for tool in record["tools"]} == {"mkifs", "dumpifs"}
    rows = {row["path"]: row for row in record["entries"]}
    assert rows["/sbin/qvm"]["source"] == "$QNX_TARGET/aarch64le/sbin/qvm"
    assert rows["/sbin/qvm"]["reason"] == "the virtual machine process"
    assert rows["/guests/one/one.ifs"]["source"] == "project/images/one.ifs"
    assert rows["/guests/one/one.qvmconf"]["source"] == "guests/one.qvmconf"
    assert str(project) not in (folder / "image/image.json").read_text()


def test_a_folder_of_the_project_is_recorded_with_all_it_holds(tmp_path: Path, sdp: StubSdp) -> None:
    folder = write_stack(tmp_path, "host: {files: [{name: /etc/site, source: site}]}")
    for name, text in (("b/two", "22"), ("one", "1")):
        path = folder / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert image(checked_stack(folder), tmp_path / "out", sdp.environment, engineering=True).made.images
    record = json.loads((tmp_path / "out/image/image.json").read_text())
    row = next(row for row in record["entries"] if row["path"] == "/etc/site")
    listing = "".join(
        f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in (("b/two", b"22"), ("one", b"1"))
    )

    assert (row["size"], row["sha256"]) == (3, hashlib.sha256(listing.encode()).hexdigest())


def test_the_manifest_of_the_image_knows_what_is_not_of_the_sdp(project: Path) -> None:
    manifest = json.loads((project / "build/demo/base/manifest.json").read_text())
    rows = {row["path"]: row for row in manifest["image"]}
    guest = project / "stacks/demo/images/one.ifs"
    config = manifest["artifacts"]["guests/one.qvmconf"]

    assert rows["/guests/one/one.ifs"]["size"] == guest.stat().st_size
    assert rows["/guests/one/one.ifs"]["sha256"] == hashlib.sha256(guest.read_bytes()).hexdigest()
    assert {rows["/guests/one/one.qvmconf"][key] for key in ("size", "sha256")} == set(config.values())
    assert (rows["/sbin/qvm"]["size"], rows["/sbin/qvm"]["sha256"]) == (None, None)


def test_the_same_image_twice(project: Path, sdp: StubSdp) -> None:
    checked = checked_stack(project / "stacks/demo")
    folder = project / "build/demo/base"
    contents = []
    for _ in range(2):
        assert image(checked, folder, sdp.environment).made.images
        contents.append({name: (folder / "image" / name).read_bytes() for name in names(folder / "image")})

    assert contents[0] == contents[1]


def test_the_bill_of_materials_names_every_file(project: Path, sdp: StubSdp) -> None:
    pytest.importorskip("cyclonedx")
    folder = project / "build/demo/base"
    image(checked_stack(project / "stacks/demo"), folder, sdp.environment)
    document = json.loads((folder / "image/image.cdx.json").read_text())

    assert document["bomFormat"] == "CycloneDX"
    assert "/sbin/qvm" in {row["name"] for row in document["components"]}
    assert document["metadata"]["timestamp"].startswith("1970-01-01")


def test_no_certificate_no_image(project: Path, sdp: StubSdp) -> None:
    folder = project / "build/demo/base"
    (folder / "certificate.json").unlink()
    made = image(checked_stack(project / "stacks/demo"), folder, sdp.environment)

    assert (
        imaged_outcome(made).exit,
        [fault.code for fault in made.made.faults],
    ) == (Exit.REFUSED, ["HV5506"])
    assert sdp.calls == []


@pytest.mark.parametrize(
    "name", ["guests/one.qvmconf", "host/mifs.build", "manifest.json", "certificate.json"]
)
def test_a_tampered_file_is_refused(project: Path, sdp: StubSdp, name: str) -> None:
    folder = project / "build/demo/base"
    path = folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    made = image(checked_stack(project / "stacks/demo"), folder, sdp.environment)

    assert made.refused
    assert sdp.calls == []
    assert not (folder / "image").exists()


def test_a_changed_input_is_refused(project: Path, sdp: StubSdp) -> None:
    stack = project / "stacks/demo/stack.yaml"
    stack.write_text(stack.read_text().replace("256MiB", "512MiB"))
    made = image(checked_stack(stack.parent), project / "build/demo/base", sdp.environment)

    assert made.refused
    assert "HV7107" in {fault.code for fault in made.made.faults}


@pytest.mark.parametrize("command", ["image", "bundle"])
def test_an_input_that_does_not_even_check_any_more_is_refused(
    project: Path, tmp_path: Path, command: str
) -> None:
    stack = project / "stacks/demo/stack.yaml"
    stack.write_text(stack.read_text().replace("256MiB", "256MiX"))
    words = ["bundle", stack.parent, "-o", tmp_path / "b.tar.gz"] if command == "bundle" else ["image", stack]
    said = say(*words, "--format", "json")

    changed = [row for row in said.data["diagnostics"] if row["code"] == "HV7107"]
    assert said.code == Exit.REFUSED
    assert any("stack.yaml" in row["message"] for row in changed)
    assert {row["code"] for row in said.data["diagnostics"]} > {"HV7107"}
    (project / "build/demo/base/certificate.json").unlink()

    assert say(*words).code == Exit.NO


def test_a_changed_guest_image_is_refused(project: Path, sdp: StubSdp) -> None:
    (project / "stacks/demo/images/one.ifs").write_bytes(b"another image")
    made = image(checked_stack(project / "stacks/demo"), project / "build/demo/base", sdp.environment)

    assert made.refused
    assert sdp.calls == []


FILES = "host:\n  files: [{name: /etc/start.sh, source: files/start.sh, mode: '0744'}]\n"
BASED = "host:\n  image: {base: bsp.build}\n"


@pytest.mark.parametrize("how", ["changed", "taken away"])
@pytest.mark.parametrize("based", [False, True])
def test_a_changed_host_file_of_the_project_is_refused(
    tmp_path: Path, sdp: StubSdp, monkeypatch: pytest.MonkeyPatch, how: str, based: bool
) -> None:
    folder = write_stack(tmp_path / "project", BASED if based else FILES)
    (folder / "files").mkdir()
    script = folder / "files/start.sh"
    script.write_text("#!/bin/sh\n")
    if based:
        (folder / "bsp.build").write_text(f"{BASE}[perms=0744] /etc/start.sh=files/start.sh\n")
    checked, out = certified(folder)
    monkeypatch.chdir(tmp_path / "project")
    named = {row["name"] for row in json.loads((out / "manifest.json").read_text())["inputs"]}
    good = image(checked, out, sdp.environment)
    calls = len(sdp.calls)
    if how == "changed":
        script.write_text("#!/bin/sh\nreboot\n")
    else:
        script.unlink()
    made = image(checked_stack(folder), out, sdp.environment)

    assert "stacks/demo/files/start.sh" in named
    assert good.made.images
    assert made.refused
    assert {fault.code for fault in made.made.faults} == {"HV7107" if how == "changed" else "HV7111"}
    assert len(sdp.calls) == calls


def test_a_template_that_appears_is_refused(project: Path, sdp: StubSdp) -> None:
    own = project / "templates/rpi4"
    own.mkdir(parents=True)
    shipped = Path(__file__).parents[1] / "templates/any/mifs.build.j2"
    (own / "mifs.build.j2").write_text(shipped.read_text() + "# another line\n")
    made = image(checked_stack(project / "stacks/demo"), project / "build/demo/base", sdp.environment)

    assert made.refused
    assert [fault.code for fault in made.made.faults] == ["HV5507"]


def test_an_input_outside_the_project_is_found_from_any_folder(
    tmp_path: Path, sdp: StubSdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    boards = tmp_path / "stacks/boards"
    boards.mkdir(parents=True)
    shutil.copyfile(Path(__file__).parents[1] / "stacks/boards/rpi4.yaml", boards / "rpi4.yaml")
    write_stack(tmp_path / "own")
    (tmp_path / "own/stacks/demo").rename(tmp_path / "demo")
    monkeypatch.chdir(tmp_path)
    _, out = certified(Path("demo"))
    named = [row["name"] for row in json.loads((out / "manifest.json").read_text())["inputs"]]
    made = image(checked_stack(Path("demo")), out, sdp.environment)

    assert "../stacks/boards/rpi4.yaml" in named
    assert made.made.images


def test_an_engineering_image_says_so_everywhere(project: Path, sdp: StubSdp) -> None:
    folder = project / "build/demo/base"
    (folder / "certificate.json").unlink()
    made = image(checked_stack(project / "stacks/demo"), folder, sdp.environment, engineering=True)

    assert [path.name for path in made.made.images] == ["demo-base-engineering.ifs"]
    record = json.loads((folder / "image/image.json").read_text())
    assert (record["engineering"], record["certificate"]) == (True, "")
    assert [row["name"] for row in record["images"]] == ["demo-base-engineering.ifs"]


def test_all_that_is_missing_is_told_at_once(project: Path, tmp_path: Path) -> None:
    sdp = stub_sdp(tmp_path / "poor", [name for name in HOST_FILES if name not in ("qvm", "ksh", "raw.boot")])
    made = image(checked_stack(project / "stacks/demo"), project / "build/demo/base", sdp.environment)

    assert imaged_outcome(made).exit == Exit.NO_ANSWER
    assert [fault.code for fault in made.made.faults] == ["HV5502"] * 3
    told = " ".join(fault.message for fault in made.made.faults)
    assert all(f"`{name}`" in told for name in ("qvm", "ksh", "raw.boot"))
    assert sdp.calls == []


def test_without_an_sdp_everything_missing_is_one_answer(project: Path) -> None:
    made = image(checked_stack(project / "stacks/demo"), project / "build/demo/base", {"PATH": ""})
    (fault,) = made.made.faults

    assert (imaged_outcome(made).exit, fault.code) == (Exit.NO_ANSWER, "HV5501")
    assert all(word in fault.message for word in ("QNX_TARGET", "mkifs", "dumpifs"))
    assert all(name in fault.notes[0] for name in HOST_FILES)
    assert "images/one.ifs" not in fault.notes[0]


def test_a_staging_folder_comes_before_the_sdp(project: Path, sdp: StubSdp, tmp_path: Path) -> None:
    staged = tmp_path / "stage/aarch64le/sbin"
    staged.mkdir(parents=True)
    (staged / "qvm").write_text("another qvm, longer than the first\n")
    folder = project / "build/demo/base"
    environment = {**sdp.environment, "HVBUILD_STAGING": str(tmp_path / "stage")}
    image(checked_stack(project / "stacks/demo"), folder, environment)
    rows = {row["path"]: row for row in json.loads((folder / "image/image.json").read_text())["entries"]}

    assert rows["/sbin/qvm"]["source"] == "$HVBUILD_STAGING/aarch64le/sbin/qvm"


def test_a_failing_tool_leaves_nothing_and_is_heard(project: Path, sdp: StubSdp) -> None:
    folder = project / "build/demo/base"
    checked = checked_stack(project / "stacks/demo")
    assert image(checked, folder, sdp.environment).made.images
    sdp.break_tool("mkifs", "Line 4: Host file cannot be read.")
    made = image(checked, folder, sdp.environment)
    (fault,) = made.made.faults

    assert (imaged_outcome(made).exit, fault.code) == (Exit.NO, "HV5503")
    assert fault.primary.span.line == 4
    assert "mkifs: Line 4: Host file cannot be read." in fault.notes
    assert not (folder / "image").exists()
    assert not (folder / ".hvbuild-image").exists()


def test_a_tool_that_makes_nothing_is_a_fault(project: Path, sdp: StubSdp) -> None:
    write_tool(sdp.bin / "mkifs", "#!/bin/sh\nexit 0\n")
    made = image(checked_stack(project / "stacks/demo"), project / "build/demo/base", sdp.environment)

    assert "made no `image/demo-base.ifs`" in made.made.faults[0].message


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("grep -v sbin/qvm", "does not hold `/sbin/qvm`"),
        ("sed -e s,/bin/ksh,/bin/esh,", "links to `/bin/esh`"),
        ("sed -e 's,^.*one.qvmconf,    1000        7  guests/one/one.qvmconf,'", "has 7 bytes in the image"),
    ],
)
def test_an_image_that_holds_something_else_is_no_image(
    project: Path, sdp: StubSdp, edit: str, message: str
) -> None:
    write_tool(sdp.bin / "dumpifs", f'#!/bin/sh\n{edit} "$1"\n')
    folder = project / "build/demo/base"
    made = image(checked_stack(project / "stacks/demo"), folder, sdp.environment)

    assert [message in fault.message for fault in made.made.faults] == [True]
    assert not (folder / "image").exists()


def test_an_image_beyond_its_limit_is_refused(tmp_path: Path, sdp: StubSdp) -> None:
    folder = write_stack(tmp_path, "host: {image: {max_size: 256}}")
    made = image(checked_stack(folder), tmp_path / "out", sdp.environment, engineering=True)

    assert [fault.code for fault in made.made.faults] == ["HV5505"]
    assert not (tmp_path / "out/image").exists()


def own_board(root: Path, more: str) -> None:
    """A board `own` of the project at `root`: the shipped Raspberry Pi 4 with `more` of its own."""
    shipped = Path(__file__).parents[1] / "stacks/boards/rpi4.yaml"
    board = root / "stacks/boards/own.yaml"
    board.parent.mkdir(parents=True, exist_ok=True)
    text = shipped.read_text().replace("name: rpi4\n", "name: own\n", 1)
    board.write_text(text.replace("loader:\n", f"loader:\n{more}", 1))


def test_an_image_beyond_the_flash_is_refused(tmp_path: Path, sdp: StubSdp) -> None:
    own_board(tmp_path, "  flash: 256\n")
    made = image(
        checked_stack(write_stack(tmp_path, board="own")), tmp_path / "out", sdp.environment, engineering=True
    )

    (fault,) = made.made.faults
    assert (fault.code, fault.primary.span.file.path.endswith("boards/own.yaml")) == ("HV5505", True)
    assert "the flash of `own` takes 256" in fault.message
    assert not (tmp_path / "out/image").exists()


def test_guest_images_beyond_the_flash_are_told_before_an_image_is_made(tmp_path: Path) -> None:
    own_board(tmp_path, "  flash: 1KiB\n")
    folder = write_stack(tmp_path, board="own", image=SOURCED)
    (folder / "images").mkdir()
    (folder / "images/one.ifs").write_bytes(b"g" * 1025)
    with pytest.raises(StackInvalid) as refused:
        checked_stack(folder)

    assert [fault.code for fault in refused.value.diagnostics] == ["HV5015"]
    (folder / "images/one.ifs").write_bytes(b"g" * 1024)
    assert checked_stack(folder)


def test_an_image_built_for_another_address_than_the_boot_loaders(tmp_path: Path) -> None:
    own_board(tmp_path, "")
    board = tmp_path / "stacks/boards/own.yaml"
    board.write_text(board.read_text().replace("  image: 0x80000\n", "  image: 0x100000\n"))
    with pytest.raises(StackInvalid) as refused:
        checked_stack(write_stack(tmp_path, board="own"))

    assert [fault.code for fault in refused.value.diagnostics] == ["HV5014"]


def test_the_disk_steps_of_a_board_follow(tmp_path: Path, sdp: StubSdp) -> None:
    steps = (
        "disk:\n"
        "  - {kind: fat, template: boot.build.j2, output: boot.img}\n"
        "  - {kind: qnx6, template: data.build.j2, output: data.img}\n"
        "  - {kind: disk, template: disk.cfg.j2, output: disk.img}\n"
    )
    own_board(tmp_path, "")
    board = tmp_path / "stacks/boards/own.yaml"
    board.write_text(board.read_text() + steps)
    templates = tmp_path / "templates/own"
    templates.mkdir(parents=True)
    (templates / "boot.build.j2").write_text("qnx_sdp.ifs={{ view.ifs }}\n")
    (templates / "data.build.j2").write_text(
        "{% for file in view.files %}{{ file.path }}={{ file.source }}\n{% endfor %}"
    )
    (templates / "disk.cfg.j2").write_text('[partition=1 type=12] "{{ view.images[1] }}"\n')
    folder = write_stack(tmp_path, board="own")
    made = image(checked_stack(folder), tmp_path / "out", sdp.environment, engineering=True)

    assert sdp.calls == [
        "mkifs -nn host/mifs.build image/demo-base.ifs",
        "mkfatfsimg host/boot.build image/boot.img",
        "mkqnx6fsimg host/data.build image/data.img",
        "diskimage -o image/disk.img -c host/disk.cfg",
        "dumpifs image/demo-base.ifs",
    ]
    assert (tmp_path / "out/host/boot.build").read_text() == "qnx_sdp.ifs=image/demo-base.ifs\n"
    assert (tmp_path / "out/host/data.build").read_text() == "/guests/one/one.qvmconf=guests/one.qvmconf\n"
    assert len(made.made.images) == 4
    board.write_text(board.read_text().replace("disk.img}", "disk.img, max_size: 8}"))
    made = image(checked_stack(folder), tmp_path / "out", sdp.environment, engineering=True)
    assert ["`image/disk.img` has" in fault.message for fault in made.made.faults] == [True]
    assert not (tmp_path / "out/image").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("image", "stacks/demo"), 2),
        (("image", "stacks/demo", "-o", "elsewhere"), 3),
        (("image", "stacks/demo", "-o", "elsewhere", "--engineering"), 2),
        (("image", "stacks/none"), 2),
        (("bundle", "stacks/demo", "-o", "demo.tar.gz"), 0),
        (("bundle", "stacks/demo", "-o", "no/demo.tar.gz"), 2),
        (("deploy", "stacks/demo", "--check"), 0),
    ],
)
def test_exit_codes(project: Path, words: tuple[str, ...], code: int) -> None:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "hvbuild", *words],
        cwd=project,
        env=environment,
        capture_output=True,
        check=False,
    )

    assert (done.returncode, b"Traceback" in done.stderr) == (code, False)
