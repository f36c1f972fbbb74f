"""The device tree that hvbuild writes for a guest: whole up to 7.1, an overlay from 8.0, and dtc agrees."""

import shutil
import subprocess
from pathlib import Path

import pytest
from demo_project import HOST_FILES, checked_stack, write_stack
from sdp_stub import stub_sdp
from test_image import own_board

from hvbuild.building import rendered
from hvbuild.diagnostics import StackInvalid
from hvbuild.formats.dts import read_dts
from hvbuild.imaging import image
from hvbuild.meaning.guest_files import guest_tree
from hvbuild.ranges import AddressRange

needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
TREE = "{name: tree, type: fdt, load: /g/one.dtb, generated: true}"
KERNEL = "{name: image, load: /guests/one/one.ifs, external: true}"
DATA = "{name: dice, type: data, load: /g/dice.bin, at: 0x88000800, size: 6000, external: true}"
MEMORY = (
    "memory:\n  - {name: mailbox, base: 0x50000000, size: 1MiB, shared: true}\n"
    "  - {name: own_pool, base: 0x60000000, size: 1MiB, owner: one, cleared: true}\n"
)
PASS = (
    "    pass:\n      - {name: spi, device: spi0, lines: [44], waiver: a test}\n"
    "      - {name: mail, region: mailbox}\n      - {name: pool, region: own_pool}\n"
)


def project(root: Path, target: str, *, data: str = DATA, guest: str = PASS, more: str = MEMORY) -> Path:
    """A stack on a board that knows what its SPI is called."""
    own_board(root, "")
    board = root / "stacks/boards/own.yaml"
    text = board.read_text()
    board.write_text(text.replace("[spi-bcm2711]", '[spi-bcm2711]\n    compatible: ["brcm,bcm2835-spi"]'))
    images = "\n      - ".join(each for each in (KERNEL, TREE, data) if each)
    return write_stack(root, more, board="own", target=target, image=images, guest=guest)


def artifacts(folder: Path) -> dict[str, bytes]:
    return {item.name: item.data for item in rendered(checked_stack(folder)).artifacts}


def test_a_whole_tree_up_to_7_1(tmp_path: Path) -> None:
    made = artifacts(project(tmp_path, "qnx-7.1"))
    tree = guest_tree(read_dts(made["guests/one.dts"].decode(), "one.dts"))
    assert tree is not None

    assert tuple(each.window for each in tree.reserved) == (
        AddressRange(0x8800_0000, 0x8800_2000),
        AddressRange.sized(0x5000_0000, 1 << 20),
    )
    (spi,) = tree.devices
    assert (spi.name, spi.compatible) == ("spi0@fe204000", ("brcm,bcm2835-spi",))
    assert (spi.window, spi.interrupts) == (AddressRange.sized(0xFE20_4000, 0x1000), (44,))
    assert b'qvm,vdev = "gic";' in made["guests/one.dts"]
    assert b"fdt load /g/one.dtb" in made["guests/one.qvmconf"]
    assert b"/g/one.dtb=guests/one.dtb" in made["host/mifs.build"]


def test_an_overlay_from_8_0_on(tmp_path: Path) -> None:
    made = artifacts(project(tmp_path, "qnx-8.0.4"))
    text = made["guests/one.dtso"].decode()

    assert "/plugin/;" in text
    assert "reg = <0x0 0x88000000 0x0 0x2000>;" in text
    assert "spi" not in text
    assert b"/g/one.dtb=guests/one.dtbo" in made["host/mifs.build"]


@needs_dtc
@pytest.mark.parametrize(
    ("target", "source", "blob"), [("qnx-7.1", "dts", "dtb"), ("qnx-8.0.4", "dtso", "dtbo")]
)
def test_the_blob_is_that_of_dtc(tmp_path: Path, target: str, source: str, blob: str) -> None:
    made = artifacts(project(tmp_path, target))
    said = subprocess.run(
        ["dtc", "-I", "dts", "-O", "dtb"], input=made[f"guests/one.{source}"], capture_output=True, check=True
    )

    assert said.stdout == made[f"guests/one.{blob}"]
    # An overlay cannot say the cells of the tree it is laid over, which dtc takes for defaults.
    assert source == "dtso" or said.stderr == b""


def test_a_block_of_its_own_is_reserved_whole(tmp_path: Path) -> None:
    folder = project(tmp_path, "qnx-7.1", data=DATA.replace("0x88000800, size: 6000", "0xd1c30000"))
    stack = folder / "stack.yaml"
    main = "      - {name: main, base: 0x80000000, size: 256MiB}\n"
    stack.write_text(
        stack.read_text().replace(main, f"{main}      - {{name: dice, base: 0xd1c30000, size: 4KiB}}\n")
    )

    assert b"dice@d1c30000 {\n\t\t\treg = <0x0 0xd1c30000 0x0 0x1000>;" in artifacts(folder)["guests/one.dts"]


def test_data_of_unknown_size_is_told(tmp_path: Path) -> None:
    with pytest.raises(StackInvalid) as refused:
        artifacts(project(tmp_path, "qnx-7.1", data=DATA.replace("size: 6000, ", "")))

    assert [fault.code for fault in refused.value.diagnostics] == ["HV6015"]


def test_a_guest_with_nothing_to_add_still_has_a_tree(tmp_path: Path) -> None:
    made = artifacts(project(tmp_path, "qnx-7.1", data="", guest="", more=""))

    assert guest_tree(read_dts(made["guests/one.dts"].decode(), "one.dts")) is not None
    assert b"reserved-memory" not in made["guests/one.dts"]


@pytest.mark.parametrize(
    "image_text",
    [
        TREE.replace("type: fdt, ", ""),
        TREE.replace("generated: true", "generated: true, external: true"),
        f"{TREE}\n      - {TREE.replace('tree', 'second').replace('one.dtb', 'two.dtb')}",
    ],
)
def test_what_is_generated_is_one_tree(tmp_path: Path, image_text: str) -> None:
    with pytest.raises(StackInvalid) as refused:
        artifacts(write_stack(tmp_path, image=f"{KERNEL}\n      - {image_text}"))

    assert {fault.code for fault in refused.value.diagnostics} == {"HV1035"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("reg = {{ node.reg }};", "reg = <0x0 0x1000 0x0 0x1000>;"),
        ("no-map;\n\t\t};", "no-map;\n\t\t};\n\t\textra@0 { reg = <0 0 0 0x1000>; };"),
        ("{% for node in view.reserved %}", "{% for node in view.reserved[1:] %}"),
    ],
)
def test_a_template_that_says_something_else_is_told(tmp_path: Path, old: str, new: str) -> None:
    folder = project(tmp_path, "qnx-7.1")
    room = tmp_path / "templates/any"
    room.mkdir(parents=True)
    text = (Path(__file__).parents[1] / "templates/any/_guest_reserved.dtsi.j2").read_text()
    assert old in text
    (room / "_guest_reserved.dtsi.j2").write_text(text.replace(old, new))
    with pytest.raises(StackInvalid) as refused:
        artifacts(folder)

    assert {fault.code for fault in refused.value.diagnostics} == {"HV6011"}


def test_the_tree_goes_into_the_image(tmp_path: Path) -> None:
    sdp = stub_sdp(tmp_path / "sdp", HOST_FILES)
    checked = checked_stack(project(tmp_path, "qnx-8.0.4"))
    made = image(checked, tmp_path / "out", sdp.environment, engineering=True)

    assert [fault.message for fault in made.made.faults] == []
    assert "g/one.dtb" in (tmp_path / "out/image/demo-base-engineering.ifs").read_text()
