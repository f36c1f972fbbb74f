"""Artifacts in somebody else's tree: create_images.sh of a Qualcomm one finds them, nothing is lost."""

import json
from pathlib import Path

import pytest
from command_line import say
from demo_project import certified, checked_stack, write_stack
from sdp_stub import write_tool

from hvbuild.building import rendered
from hvbuild.deploying import Deployed, compare, deploy, difference_diagnostics
from hvbuild.imaging import image
from hvbuild.report.deployed import deployed_outcome
from hvbuild.report.exits import Exit

HEADER = """\
/* vendor memory map */
#define MB(x) ((x) << 20)
#define __GVM_PMEM_START__ 0xF0000000ul /* legacy heap */
#define __GVM_PMEM_SIZE__  0x02800000ul
#define __GVM_SYSRAM1_START__\t0x90000000ul
#define __GVM_SYSRAM1_SIZE__ 0x10000000ul
#define __OTHER_START__ 0x1000
"""
# Joins the maps, as the scripts in the field do for one guest (`_la`, `_lv`) or several (`_multi`).
CREATE_IMAGES = """\
#!/bin/sh
set -e
case $1 in
_la|_lv) cat public/memory_host_map_common.h public/memory_host_map-8155_sgvm.h >out/memory_host_map-8155.h ;;
_multi) cp public/memory_host_map-8155_multi.h out/memory_host_map-8155_multi.h ;;
*) echo "create_images.sh: unknown ext_name '$1'" >&2; exit 4 ;;
esac
{ cat out/*.h; cat ../../guests/one.qvmconf build_files/mifs.build.tmpl; } >out/mifs$1.img
"""
HOST = "target/hypervisor/host"
MEMORY = """\
memory:
  - {name: gvm_sysram1, base: 0xb0000000, size: 512MiB, owner: one, cleared: true}
  - {name: gvm_pmem, base: 0xf6000000, size: 40MiB}
"""


def qualcomm_tree(root: Path) -> Path:
    host = root / HOST
    for name in ("public/memory_host_map-8155_sgvm.h", "public/memory_host_map-8155_multi.h"):
        path = host / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(HEADER.replace("\n", "\r\n").encode())
    (host / "public/memory_host_map_common.h").write_text("#define __HOST__ 1\n")
    (host / "out").mkdir()
    (host / "build_files").mkdir()
    write_tool(host / "create_images.sh", CREATE_IMAGES)
    return root


def stack_text(ext_name: str, header: str) -> str:
    return (
        f"deploy:\n  guests/one.qvmconf: target/guests/one.qvmconf\n"
        f"  host/mifs.build: {HOST}/build_files/mifs.build.tmpl\n"
        f"  memory_host_map: {HOST}/public/{header}\n"
        f"host:\n  image:\n    vendor_script: {{run: {HOST}/create_images.sh, arguments: [{ext_name}],"
        f" outputs: [{HOST}/out/mifs{ext_name}.img]}}\n{MEMORY}"
    )


def environment(tree: Path) -> dict[str, str]:
    return {"HVBUILD_TREE": str(tree), "PATH": "/usr/bin:/bin"}


def codes(found: Deployed) -> list[str]:
    return [fault.code for fault in found.diagnostics]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return qualcomm_tree(tmp_path / "tree")


@pytest.mark.parametrize(
    ("ext_name", "header"),
    [
        ("_la", "memory_host_map-8155_sgvm.h"),
        ("_lv", "memory_host_map-8155_sgvm.h"),
        ("_multi", "memory_host_map-8155_multi.h"),
    ],
)
def test_the_vendors_script_finds_our_files(tmp_path: Path, tree: Path, ext_name: str, header: str) -> None:
    folder = write_stack(tmp_path / "project", stack_text(ext_name, header))
    checked, built = certified(folder)
    done = deploy(checked, environment(tree))
    made = image(checked, built, environment(tree))

    assert done.diagnostics == ()
    assert (made.made.faults, made.refused) == ((), False)
    assert [path.name for path in made.made.images] == [f"mifs{ext_name}.img"]
    text = made.made.images[0].read_bytes().decode()
    assert "#define __GVM_PMEM_START__ 0xF6000000ul /* legacy heap */\r\n" in text
    assert "#define __GVM_SYSRAM1_START__\t0xb0000000ul\r\n" in text
    assert "qvm @/guests/one/one.qvmconf" in text
    record = json.loads((built / "image/image.json").read_text())
    assert record["commands"] == [[f"{HOST}/create_images.sh", ext_name]]
    assert record["certificate"]


def test_every_other_byte_of_the_header_stays(tmp_path: Path, tree: Path) -> None:
    folder = write_stack(tmp_path / "project", stack_text("_la", "memory_host_map-8155_sgvm.h"))
    path = tree / HOST / "public/memory_host_map-8155_sgvm.h"
    before = path.read_bytes().split(b"\n")
    deploy(checked_stack(folder), environment(tree))
    after = path.read_bytes().split(b"\n")

    changed = [index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert changed == [2, 4, 5]
    assert (tree / HOST / "public/memory_host_map-8155_multi.h").read_bytes().split(b"\n") == before


def test_a_failing_vendor_script_leaves_no_image(tmp_path: Path, tree: Path) -> None:
    folder = write_stack(tmp_path / "project", stack_text("_fdn", "memory_host_map-8155_sgvm.h"))
    checked, built = certified(folder)
    deploy(checked, environment(tree))
    made = image(checked, built, environment(tree))
    (fault,) = made.made.faults

    assert fault.code == "HV5503"
    assert "unknown ext_name '_fdn'" in " ".join(fault.notes)
    assert not (built / "image").exists()


def test_an_image_is_made_of_a_tree_that_holds_our_files_only(tmp_path: Path, tree: Path) -> None:
    folder = write_stack(tmp_path / "project", stack_text("_la", "memory_host_map-8155_sgvm.h"))
    checked, built = certified(folder)
    made = image(checked, built, environment(tree))

    assert {fault.code for fault in made.made.faults} == {"HV5606"}
    assert not (tree / HOST / "out/mifs_la.img").exists()


# --- what differs, and who changed it ----------------------------------------------------------------

PLACES = "deploy:\n  guests/one.qvmconf: vm/one.qvmconf\n  host/mifs.build: host/mifs.build.tmpl\n"


@pytest.fixture
def deployed(tmp_path: Path) -> tuple[Path, Path]:
    """A project and a tree that it was deployed into."""
    folder, tree = write_stack(tmp_path / "project", PLACES), tmp_path / "tree"
    tree.mkdir()
    done = deploy(checked_stack(folder), environment(tree))
    assert done.written == ("vm/one.qvmconf", "host/mifs.build.tmpl")
    return folder, tree


def test_a_second_deploy_does_nothing(deployed: tuple[Path, Path]) -> None:
    folder, tree = deployed
    times = {path: path.stat().st_mtime_ns for path in tree.rglob("*.qvmconf")}
    done = deploy(checked_stack(folder), environment(tree))

    assert (done.written, done.diagnostics) == ((), ())
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert (
        deployed_outcome(compare(checked_stack(folder), environment(tree)), only_checked=True).exit
        is Exit.YES
    )


def test_a_tree_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_stack(tmp_path / "project", PLACES)
    monkeypatch.setenv("HVBUILD_TREE", str(tmp_path / "tre"))
    said = [say("deploy", folder, *more) for more in ((), ("--check",))]

    assert [(each.code, each.out) for each in said] == [(2, ""), (2, "")]
    assert f"cannot open `{tmp_path / 'tre'}`" in said[0].err
    assert not (tmp_path / "tre").exists()


def test_a_check_writes_nothing(tmp_path: Path) -> None:
    folder, tree = write_stack(tmp_path / "project", PLACES), tmp_path / "tree"
    tree.mkdir()
    found = compare(checked_stack(folder), environment(tree))

    assert deployed_outcome(found, only_checked=True).exit is Exit.NO
    assert [fault.message for fault in difference_diagnostics(found)] == [
        "`vm/one.qvmconf` is not in the tree",
        "`host/mifs.build.tmpl` is not in the tree",
    ]
    assert list(tree.iterdir()) == []
    assert not (tmp_path / "project/build").exists()


def test_differences_are_told_by_meaning(deployed: tuple[Path, Path]) -> None:
    folder, tree = deployed
    stack = folder / "stack.yaml"
    stack.write_text(stack.read_text().replace("256MiB", "512MiB"))
    found = compare(checked_stack(folder), environment(tree))
    messages = [fault.message for fault in difference_diagnostics(found)]

    assert len(messages) == 1
    assert "256MiB → 512MiB" in messages[0].replace(" MiB", "MiB")


def test_another_spelling_is_no_difference(tmp_path: Path) -> None:
    folder, tree = write_stack(tmp_path / "project", PLACES), tmp_path / "tree"
    (tree / "vm").mkdir(parents=True)
    checked = checked_stack(folder)
    deploy(checked, environment(tree))
    path = tree / "vm/one.qvmconf"
    path.write_text("# kept by hand\n" + path.read_text())
    (tree / ".hvbuild-deployed/vm/one.qvmconf").unlink()
    found = compare(checked, environment(tree))

    assert [*difference_diagnostics(found)] == []
    assert found.diagnostics == ()


def test_a_link_and_a_mode_of_theirs_stay(deployed: tuple[Path, Path]) -> None:
    folder, tree = deployed
    conf, real = tree / "vm/one.qvmconf", tree / "kept/one.qvmconf"
    real.parent.mkdir()
    conf.rename(real)
    conf.symlink_to("../kept/one.qvmconf")
    real.chmod(0o750)
    stack = folder / "stack.yaml"
    stack.write_text(stack.read_text().replace("256MiB", "512MiB"))
    done = deploy(checked_stack(folder), environment(tree))

    assert "kept/one.qvmconf" in done.written
    assert conf.is_symlink()
    assert "512M" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o750


def test_a_link_out_of_the_tree_is_refused(deployed: tuple[Path, Path]) -> None:
    folder, tree = deployed
    conf, away = tree / "vm/one.qvmconf", tree.parent / "away.qvmconf"
    conf.rename(away)
    conf.symlink_to(away)

    assert codes(deploy(checked_stack(folder), environment(tree))) == ["HV5602"]


def test_a_file_of_theirs_is_not_overwritten(tmp_path: Path) -> None:
    folder, tree = write_stack(tmp_path / "project", PLACES), tmp_path / "tree"
    (tree / "vm").mkdir(parents=True)
    (tree / "vm/one.qvmconf").write_text("system theirs\nram 0x80000000,1G\n")
    done = deploy(checked_stack(folder), environment(tree))

    assert (codes(done), done.written) == (["HV5603"], ())
    assert (tree / "vm/one.qvmconf").read_text().startswith("system theirs")
    assert not (tree / "host").exists()


def test_their_change_and_ours_are_both_kept(deployed: tuple[Path, Path]) -> None:
    folder, tree = deployed
    path = tree / "host/mifs.build.tmpl"
    path.write_text(path.read_text() + "/etc/theirs=theirs\n")
    stack = folder / "stack.yaml"
    service = "host: {services: [{name: random, command: random -t, wait_for: [/dev/random]}]}\n"
    stack.write_text(stack.read_text().replace("guests:\n", service + "guests:\n", 1))
    done = deploy(checked_stack(folder), environment(tree))

    assert done.diagnostics == ()
    assert [item.kept for item in done.deliveries] == [False, True]
    text = path.read_text()
    assert "random -t &" in text
    assert text.endswith("/etc/theirs=theirs\n")
    again = deploy(checked_stack(folder), environment(tree))
    assert (again.written, path.read_text()) == ((), text)


def test_another_checkout_knows_what_the_first_put_there(deployed: tuple[Path, Path], tmp_path: Path) -> None:
    _, tree = deployed
    kept = tree / "host/mifs.build.tmpl"
    kept.write_text(kept.read_text() + "/etc/theirs=theirs\n")
    other = write_stack(tmp_path / "other", PLACES)
    stack = other / "stack.yaml"
    stack.write_text(stack.read_text().replace("256MiB", "512MiB"))
    done = deploy(checked_stack(other), environment(tree))

    assert (codes(done), done.written) == ([], ("vm/one.qvmconf",))
    assert "512M" in (tree / "vm/one.qvmconf").read_text()
    assert kept.read_text().endswith("/etc/theirs=theirs\n")


def test_variants_take_turns_in_one_tree(deployed: tuple[Path, Path]) -> None:
    folder, tree = deployed
    (folder / "variants").mkdir()
    (folder / "variants/big.yaml").write_text(
        "format: 1\nguests: {one: {ram: [{name: main, size: 512MiB}]}}\n"
    )
    for variant, size in (("big", "512M"), ("base", "256M"), ("big", "512M")):
        done = deploy(checked_stack(folder, variant), environment(tree))

        assert codes(done) == []
        assert f"ram 0x80000000,{size}" in (tree / "vm/one.qvmconf").read_text()


@pytest.fixture
def on_a_base(tmp_path: Path) -> tuple[Path, Path, str]:
    """A stack that builds on the vendor's buildfile, deployed over it; and the vendor's text."""
    folder, tree = write_stack(tmp_path / "project", PLACES), tmp_path / "tree"
    vendors = rendered(checked_stack(folder)).artifacts
    text = next(item.data for item in vendors if item.name == "host/mifs.build").decode()
    text = "".join(line for line in text.splitlines(keepends=True) if "qvm @" not in line)
    (tree / "host").mkdir(parents=True)
    (tree / "host/mifs.build.tmpl").write_text(text)
    (folder / "base.build").write_text(text)
    write_stack(tmp_path / "project", PLACES + "host: {image: {base: base.build}}\n")
    assert codes(deploy(checked_stack(folder), environment(tree))) == []
    assert "qvm @" in (tree / "host/mifs.build.tmpl").read_text()
    return folder, tree, text


@pytest.mark.parametrize("ours_changes", [False, True])
def test_a_new_release_of_their_file_keeps_both_sides(
    on_a_base: tuple[Path, Path, str], ours_changes: bool
) -> None:
    folder, tree, text = on_a_base
    (tree / "host/mifs.build.tmpl").write_text(text.replace("slogger2 &", "slogger2 -s 64k &"))
    if ours_changes:
        stack = folder / "stack.yaml"
        stack.write_text(stack.read_text().replace("  one:\n", "  one:\n    launch: {sched: 20r}\n"))
    assert not compare(checked_stack(folder), environment(tree)).diagnostics
    assert codes(deploy(checked_stack(folder), environment(tree))) == []

    held = (tree / "host/mifs.build.tmpl").read_text()
    assert "slogger2 -s 64k &" in held
    assert held.count("qvm @") == 1
    assert ("on -p 20r qvm @" in held) is ours_changes
    assert deploy(checked_stack(folder), environment(tree)).written == ()


def test_a_file_that_lost_what_the_stack_needs_is_not_taken_for_theirs(
    on_a_base: tuple[Path, Path, str],
) -> None:
    folder, tree, _ = on_a_base
    (tree / "host/mifs.build.tmpl").write_text("[virtual=aarch64le,raw] boot = {\nstartup-x\nprocnto\n}\n")
    done = deploy(checked_stack(folder), environment(tree))

    assert codes(done)
    assert set(codes(done)) <= {"HV5604", "HV6011", "HV6012"}
    assert done.written == ()


def test_a_clash_is_told_with_all_three_places(deployed: tuple[Path, Path]) -> None:
    folder, tree = deployed
    path = tree / "host/mifs.build.tmpl"
    theirs = path.read_text().replace("startup-bcm2711-rpi4 -v", "startup-bcm2711-rpi4 -vv")
    path.write_text(theirs)
    stack = folder / "stack.yaml"
    stack.write_text(
        stack.read_text().replace("guests:\n", "host: {image: {startup_arguments: [-W]}}\nguests:\n", 1)
    )
    done = deploy(checked_stack(folder), environment(tree))
    (fault,) = done.diagnostics

    assert (fault.code, done.written) == ("HV5604", ())
    assert path.read_text() == theirs
    files = [Path(label.span.file.path) for label in fault.labels]
    assert files[0] == path
    assert files[2] == tree / ".hvbuild-deployed/host/mifs.build.tmpl"
    assert [label.span.text.split()[-1] != "" for label in fault.labels] == [True] * 3
    assert "-vv" in fault.labels[0].span.text
    assert fault.labels[1].span.text.endswith("-W")


def test_a_merge_that_breaks_the_plan_is_refused(deployed: tuple[Path, Path]) -> None:
    folder, tree = deployed
    path = tree / "host/mifs.build.tmpl"
    path.write_text(path.read_text().replace("[perms=0755] /sbin/qvm=qvm\n", ""))
    stack = folder / "stack.yaml"
    stack.write_text(
        stack.read_text().replace("guests:\n", "host: {image: {startup_arguments: [-W]}}\nguests:\n", 1)
    )
    done = deploy(checked_stack(folder), environment(tree))

    assert codes(done) == ["HV6012"]
    assert "/sbin/qvm" in done.diagnostics[0].message


@pytest.mark.parametrize(
    ("places", "code"),
    [
        ("  guests/one.qvmconf: /etc/one.qvmconf\n", "HV5602"),
        ("  guests/one.qvmconf: ../one.qvmconf\n", "HV5602"),
        ("  guests/one.qvmconf: link/one.qvmconf\n", "HV5602"),
        ("  guests/one.qvmconf: a/b\n  host/mifs.build: a/./b\n", "HV5602"),
        ("  guests/two.qvmconf: vm/two.qvmconf\n", "HV5601"),
        ("  memory_host_map: no.h\n", "HV5605"),
    ],
)
def test_places_that_cannot_be(tmp_path: Path, places: str, code: str) -> None:
    folder, tree = write_stack(tmp_path / "project", "deploy:\n" + places), tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(tmp_path)
    done = deploy(checked_stack(folder), environment(tree))

    assert codes(done) == [code]
    assert done.diagnostics[0].primary.span.file.path.endswith("stack.yaml")
    assert not any(path.is_file() and path.name != ".hvbuild.lock" for path in tree.rglob("*"))


def test_a_constant_that_cannot_be_set_is_told(tmp_path: Path) -> None:
    tree = qualcomm_tree(tmp_path / "tree")
    path = tree / HOST / "public/memory_host_map-8155_sgvm.h"
    text = HEADER.replace("#define __GVM_PMEM_SIZE__  0x02800000ul\n", "#define __GVM_PMEM_SIZE__ MB(40)\n")
    path.write_text(text.replace("__GVM_SYSRAM1_START__", "__GVM_SYSRAM9_START__"))
    folder = write_stack(tmp_path / "project", stack_text("_la", path.name))
    done = deploy(checked_stack(folder), environment(tree))

    assert {"HV5605"} == set(codes(done))
    assert any("`__GVM_SYSRAM1_START__` is not defined" in fault.message for fault in done.diagnostics)
    assert done.written == ()


def test_a_foreign_host_gets_guests_only(tmp_path: Path) -> None:
    more = PLACES + "host: {foreign: true}\n"
    folder, tree = write_stack(tmp_path / "project", more), tmp_path / "tree"
    tree.mkdir()
    done = deploy(checked_stack(folder), environment(tree))

    assert codes(done) == ["HV5601"]
    assert "host/mifs.build" in done.diagnostics[0].message
