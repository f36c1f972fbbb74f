"""A guest's own files against its VM: what they tell, and that the rules compare it."""

from pathlib import Path

import pytest
from builders import GIB, a_system, a_vm, ram, vcpu, vdev
from command_line import say

from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.dtb import Blob, read_plain_dts, write_dtb
from hvbuild.formats.dts import read_dts
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.meaning.guest_files import guest_commands, guest_tree
from hvbuild.model.evidence import GuestFacts, GuestTree
from hvbuild.rules.catalog import ALL_RULES
from hvbuild.rules.rule import run_rules

TREE = """/dts-v1/;
/ {
    #address-cells = <2>;
    #size-cells = <2>;
    cpus {
        #address-cells = <1>;
        #size-cells = <0>;
        cpu@0 { device_type = "cpu"; reg = <0>; };
        cpu@1 { device_type = "cpu"; reg = <1>; };
    };
    memory@80000000 { device_type = "memory"; reg = <0x0 0x80000000 0x0 0x40000000>; };
    reserved-memory {
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
        dice@80100000 { reg = <0x0 0x80100000 0x0 0x1000>; };
    };
    intc: interrupt-controller@2f000000 {
        compatible = "arm,gic-v3";
        interrupt-controller;
        #interrupt-cells = <3>;
        reg = <0x0 0x2f000000 0x0 0x10000>;
    };
    soc {
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
        serial@1c090000 {
            compatible = "arm,pl011";
            reg = <0x0 0x1c090000 0x0 0x1000>;
            interrupts = <0 5 4>;
        };
        off@1c0f0000 { reg = <0x0 0x1c0f0000 0x0 0x1000>; status = "disabled"; };
    };
    i2c { #address-cells = <1>; #size-cells = <0>; eeprom@50 { reg = <0x50>; }; };
};
"""

BUILD = """[image=0x80000000]
[virtual=aarch64le,elf] boot = {
startup-armv8_fm -H
procnto-smp-instr
}
[+script] startup-script = {
devc-virtio -e 0x20000000,42 &
devb-virtio virtio smem=0x1c0d0000,irq=41 &
}
"""


def tree_of(text: str) -> GuestTree:
    found = guest_tree(read_dts(text, "la.dts"))
    assert found is not None
    return found


def test_a_tree_tells_memory_cpus_gic_and_devices() -> None:
    tree = tree_of(TREE)

    assert [str(each.window) for each in tree.memory] == ["0x80000000..0xc0000000"]
    assert [str(each.window) for each in tree.reserved] == ["0x80100000..0x80101000"]
    assert (tree.cpus, tree.gic) == (2, 3)
    assert [(device.name, str(device.window), device.interrupts) for device in tree.devices] == [
        ("serial@1c090000", "0x1c090000..0x1c091000", (37,))
    ]


def test_a_buildfile_tells_its_address_and_what_it_starts() -> None:
    image = image_meaning(read_buildfile(BUILD, "guest.build"))

    assert image.load_address == 0x8000_0000
    assert [command.command.split()[0] for command in guest_commands(image)] == ["devc-virtio", "devb-virtio"]


UART = vdev("pl011", 0x1C09_0000, 37)
GIC = vdev("gic", version="3")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("", "", [], id="agreed"),
        pytest.param("0x0 0x40000000>", "0x0 0x80000000>", ["HV5228"], id="memory"),
        pytest.param("reg = <0x0 0x80100000", "reg = <0x0 0xd1c30000", ["HV5228"], id="reserved"),
        pytest.param("cpu@1 { device_type", "cpu@9 { device_type", [], id="other-cpu-number"),
        pytest.param('cpu@1 { device_type = "cpu"; reg = <1>; };', "", ["HV5229"], id="cpus"),
        pytest.param("arm,gic-v3", "arm,gic-400", ["HV5229"], id="gic"),
        pytest.param("0x1c090000 0x0", "0x1c0a0000 0x0", ["HV5230"], id="registers"),
        pytest.param("<0 5 4>", "<0 37 4>", ["HV5230"], id="interrupt-without-its-offset"),
    ],
)  # fmt: skip
def test_a_tree_is_compared_with_the_vm(old: str, new: str, expected: list[str]) -> None:
    facts = GuestFacts(tree=tree_of(TREE.replace(old, new) if old else TREE))
    vm = a_vm(memory=(ram(size=GIB),), vcpus=(vcpu(), vcpu()), vdevs=(GIC, UART))

    said = run_rules(a_system(vm, guests={"la": facts}), ALL_RULES)

    assert [each.code for each in said] == expected


def test_the_drivers_of_an_image_are_compared_with_the_vm() -> None:
    facts = GuestFacts(commands=guest_commands(image_meaning(read_buildfile(BUILD, "guest.build"))))
    console = vdev("virtio-console", 0x2000_0000, 43)
    disk = vdev("virtio-blk", 0x1C0E_0000, 41)

    said = run_rules(a_system(a_vm(vdevs=(console, disk)), guests={"la": facts}), ALL_RULES)

    assert [each.code for each in said if each.primary.span.file.path == "guest.build"] == [
        "HV5222",
        "HV5221",
    ]


def codes_with(tmp_path: Path, needs: str, name: str, data: bytes) -> list[str]:
    """What `check` says of a small stack whose guest names one file."""
    (tmp_path / name).write_bytes(data)
    (tmp_path / "stack.yaml").write_text(STACK + f"    needs: {{{needs}: {name}}}\n")
    said = say("check", tmp_path, "--format", "json")
    return [row["code"] for row in said.data["diagnostics"]]


STACK = """\
format: 1
name: s
board: rpi4
target: qnx-8.0.4
guests:
  la:
    system: la
    cpus: [{sched: 10r}]
    load: {pattern: periodic, period: 50ms, work: 1ms, bound: 50ms}
    ram: [{name: main, base: 0x80000000, size: 256MiB}]
    images: [{name: kernel, load: /guests/la/Image, external: true}]
"""


def test_a_blob_is_held_against_the_vm_as_its_source_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = read_plain_dts(
        "/dts-v1/; / { #address-cells = <1>; #size-cells = <1>;"
        ' memory@40000000 { device_type = "memory"; reg = <0x40000000 0x1000>; }; };',
        "t.dts",
    )
    assert isinstance(source, Blob)
    data = write_dtb(source)

    assert codes_with(tmp_path, "devicetree", "la.dtb", data) == ["HV5228"]
    assert codes_with(tmp_path, "devicetree", "la.dtb", data[:100]) == ["HV8600"]
    assert codes_with(tmp_path, "devicetree", "la.dts", b"garbage {") == ["HV8600"]
    assert codes_with(tmp_path, "buildfile", "la.build", b"garbage {\n") == ["HV0022"]
    assert codes_with(tmp_path, "buildfile", "la.build", b"[image=0x80000000]\n") == []
