"""Somebody else's host: its files are read and held against our guests, and nothing of it is written."""

import json
from pathlib import Path

import pytest
from command_line import say

from hvbuild.checking import Checker
from hvbuild.model.vm import RoundRobin
from hvbuild.project import stack_place

STACK = """\
format: 1
name: la
board: sa8155p
target: qnx-7.1
{host}
memory: [{{name: gvm_sysram1, base: 0xc0000000, size: 512MiB, owner: la, cleared: true}}]
guests:
  la:
    ram: [{{name: main, region: gvm_sysram1}}]
    cpus: [{{sched: 45r, runmask: [7, 6, 5, 4]}}]
    load: {{pattern: periodic, period: 10ms, work: 2ms, bound: 10ms}}
    images: [{{name: kernel, load: /vm/la/kernel, external: true}}]
    vdevs: [{{name: console, type: pl011, loc: auto, intr: auto, hostdev: ">-"}}]
certificate: {{examples: 1}}
"""
FOREIGN = "host: {foreign: true, reads: [../../vendor/mifs.build, ../../vendor/host.dtsi]}"


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vendor's host that was made for our guest, and a stack that has the guest alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HVBUILD_CACHE", str(tmp_path / "cache"))
    folder = Path("stacks/la")
    folder.mkdir(parents=True)
    (folder / "stack.yaml").write_text(STACK.format(host="host: {}"))
    assert say("render", folder, "-o", "made").code == 0
    vendor = Path("vendor")
    vendor.mkdir()
    for name in ("mifs.build", "host.dtsi"):
        (vendor / name).write_text(Path("made/host", name).read_text())
    (folder / "stack.yaml").write_text(STACK.format(host=FOREIGN))
    return vendor


def found() -> list[tuple[str, str]]:
    rows = say("check", "stacks/la", "--format", "json").data["diagnostics"]
    return [(row["code"], row["labels"][0]["path"]) for row in rows]


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_host_that_fits_is_silent(vendor: Path) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("host.dtsi", "0x20000000>", "0x10000000>", "HV5701"),
        ("host.dtsi", "0xc0000000 ", "0xd0000000 ", "HV5701"),
        ("host.dtsi", "gvm_sysram1", "gvm_sysram2", "HV5702"),
        ("mifs.build", "/lib/dll/vdev-pl011.so", "#/lib/dll/vdev-pl011.so", "HV5001"),
        ("mifs.build", "[+keeplinked module=qvm]", "", "HV8537"),
        ("mifs.build", "[+script]", "[+scrpt]", "HV8507"),
    ],
)
def test_the_hosts_files_are_held_against_our_guests(
    vendor: Path, name: str, old: str, new: str, code: str
) -> None:
    assert found() == []
    change(vendor / name, old, new)

    of_the_text = code.startswith("HV8")
    assert (code, "vendor/mifs.build" if of_the_text else "stacks/la/stack.yaml") in found()


def test_a_launch_is_known_by_the_path_that_the_guest_names(vendor: Path) -> None:
    """The host keeps our configuration under a name of its own, which `launch.config` says."""
    build = vendor / "mifs.build"
    change(build, "qvm @/guests/la/la.qvmconf", "on -p 30r qvm @/vm/android.conf")
    change(build, "/guests/la/la.qvmconf=guests/la.qvmconf", "/vm/android.conf=android.conf")
    change(Path("stacks/la/stack.yaml"), "  la:\n", "  la:\n    launch: {config: /vm/android.conf}\n")
    assert found() == []
    launches = Checker(None).check(stack_place(Path("stacks/la")), "base").plan.system.host.launches

    assert launches is not None
    assert launches["la"].priority == RoundRobin(30)


def test_what_the_host_keeps_elsewhere_is_its_own_affair(vendor: Path) -> None:
    """On-chip memory, and what firmware keeps at the bottom of DDR: neither concerns our guest."""
    others = "".join(
        f"\t\t{name}@{base:x} {{\n\t\t\treg = <0x0 {base:#x} 0x1000>;\n\t\t\tno-map;\n\t\t}};\n"
        for name, base in (("imem: imem", 0x10000000), ("xbl: xbl", 0x80000000))
    )
    change(vendor / "host.dtsi", "\t\tgvm_sysram1: ", f"{others}\t\tgvm_sysram1: ")
    assert found() == []

    change(vendor / "host.dtsi", "0x80000000 0x1000>", "0xc0001000 0x1000>")
    change(vendor / "host.dtsi", "xbl@80000000", "xbl@c0001000")

    assert found() == [("HV8628", "vendor/host.dtsi")]


def test_a_file_that_is_not_there_is_told_and_missed(vendor: Path) -> None:
    file = vendor / "mifs.build"
    file.rename("away")
    assert found() == [("HV0022", "stacks/la/stack.yaml")]

    Path("away").rename(file)

    assert found() == []


def test_nothing_of_the_host_is_written_and_its_files_are_inputs(vendor: Path) -> None:
    assert say("certify", "stacks/la").code == 0

    built = sorted(
        path.name for path in Path("build/la/base").rglob("*") if path.suffix in (".build", ".dts")
    )
    said = json.loads(Path("build/la/base/certificate.json").read_text())["predicate"]
    assert built == []
    assert {"vendor/mifs.build", "vendor/host.dtsi"} <= {row["name"] for row in said["inputs"]}
    assert say("verify", "build/la/base").code == 0
    change(vendor / "mifs.build", "pipe &", "pipe -s &")
    assert say("verify", "build/la/base").code == 1


def test_files_of_a_host_of_ours_are_not_read(vendor: Path) -> None:
    change(Path("stacks/la/stack.yaml"), "foreign: true, ", "")

    assert found() == [("HV1035", "stacks/la/stack.yaml")] * 2


def test_a_configuration_goes_by_the_name_of_the_place_it_is_deployed_to(vendor: Path) -> None:
    """The vendor's image starts our guest by the name that its file has in the tree."""
    change(vendor / "mifs.build", "la.qvmconf", "first.qvmconf")
    stack = Path("stacks/la/stack.yaml")
    text = stack.read_text()
    stack.write_text(text.replace("guests:\n", "deploy: {guests/la.qvmconf: vm/first.qvmconf}\nguests:\n", 1))
    change(vendor / "mifs.build", "qvm @", "on -p 50 qvm @")

    launches = Checker(None).check(stack_place(stack), "base").plan.system.host.launches or {}
    assert found() == []
    assert [str(launch.priority.priority) for launch in launches.values() if launch.priority] == ["50"]
    assert set(launches) == {"la"}
