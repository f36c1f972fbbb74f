"""The host tree in the shapes that vendors take: nodes, their macro, an overlay; names that are no labels."""

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from demo_project import checked_stack

from hvbuild.building import rendered
from hvbuild.diagnostics import StackInvalid

STACK = """\
format: 1
name: demo
board: own
target: qnx-7.1
memory:
  - {name: NAME, base: 0xc0000000, size: 512MiB, owner: la, cleared: true}
  - {name: gvm_pmem, base: 0xf6000000, size: 40MiB, purpose: "a */ b"}
guests:
  la:
    ram: [{name: main, region: NAME}]
    cpus: [{sched: 45r, load: {pattern: periodic, period: 10ms, work: 2ms, bound: 10ms}}]
    images: [{name: kernel, load: /vm/la/kernel, external: true}]
    vdevs: [{name: console, type: pl011, loc: auto, intr: auto, hostdev: ">-"}]
"""


def artifacts(root: Path, shape: str, name: str = "gvm_sysram1") -> dict[str, bytes]:
    """What a board whose tree has `shape` makes of two regions."""
    folder = root / "stacks/demo"
    (root / "stacks/boards").mkdir(parents=True)
    folder.mkdir()
    board = (ROOT / "stacks/boards/sa8155p.yaml").read_text().replace("name: sa8155p", "name: own", 1)
    (root / "stacks/boards/own.yaml").write_text(board.replace("  style: qualcomm", f"  {shape}"))
    (folder / "stack.yaml").write_text(STACK.replace("NAME", name))
    return {item.name: item.data for item in rendered(checked_stack(folder)).artifacts}


def test_the_vendors_macro_makes_the_regions(tmp_path: Path) -> None:
    made = artifacts(tmp_path, "style: qualcomm\n  macro: RSV_MEM")
    fragment = made["host/host.dtsi"].decode()

    assert "\t\tRSV_MEM(__GVM_SYSRAM1_START__, __GVM_SYSRAM1_SIZE__, gvm_sysram1);\n" in fragment
    assert "/* a * / b */\n\t\tRSV_MEM(__GVM_PMEM_START__, __GVM_PMEM_SIZE__, gvm_pmem);\n" in fragment
    assert 'memory-regions = "gvm_sysram1";' in fragment
    assert b"RSV_MEM" not in made["host/host.dts"]


def test_a_fragment_with_plain_nodes_has_no_macro(tmp_path: Path) -> None:
    made = artifacts(tmp_path, "style: reserved-memory")

    assert b"gvm_pmem: gvm_pmem@f6000000 {" in made["host/host.dtsi"]
    assert "host/host.dtso" not in made


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
@pytest.mark.parametrize("name", ["gvm_sysram1", "gvm-sys.ram1"])
def test_tree_and_overlay_are_those_of_dtc_without_a_warning(tmp_path: Path, name: str) -> None:
    made = artifacts(tmp_path, "style: overlay", name)
    for source, blob in (("host.dts", "host.dtb"), ("host.dtso", "host.dtbo")):
        text = made[f"host/{source}"]
        said = subprocess.run(["dtc", "-I", "dts", "-O", "dtb"], input=text, capture_output=True, check=True)

        assert (said.stdout, said.stderr) == (made[f"host/{blob}"], b"")
        assert f"{name}@c0000000".encode() in text
        assert f'memory-regions = "{name}";'.encode() in text


def test_a_name_that_the_macro_would_change_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackInvalid) as refused:
        artifacts(tmp_path, "style: qualcomm\n  macro: RSV_MEM", "gvm-sysram1")

    assert [fault.code for fault in refused.value.diagnostics] == ["HV6001"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("({{ region.start }}", "({{ region.size }}"),
        ("{{ region.label }});", "x_{{ region.label }});"),
        ("{{ view.macro }}(", "OTHER("),
    ],
)
def test_a_template_that_calls_the_macro_otherwise_is_told(tmp_path: Path, old: str, new: str) -> None:
    room = tmp_path / "templates/any"
    room.mkdir(parents=True)
    text = (ROOT / "templates/any/_host_regions.dtsi.j2").read_text()
    assert old in text
    (room / "_host_regions.dtsi.j2").write_text(text.replace(old, new))
    with pytest.raises(StackInvalid) as refused:
        artifacts(tmp_path, "style: qualcomm\n  macro: RSV_MEM")

    assert {fault.code for fault in refused.value.diagnostics} == {"HV6011"}
