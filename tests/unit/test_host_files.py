"""Host files read together: one host out of buildfile, tree and header, and lint of the whole system."""

from pathlib import Path

import pytest

from hvbuild.catalog import shipped_catalog
from hvbuild.linting import lint
from hvbuild.meaning.host_files import BUILDFILE, DEVICETREE, HEADER, joined_facts, read_host_files
from hvbuild.model.system import HostFacts, HostService
from hvbuild.ranges import AddressRange
from hvbuild.source import SourceFile

CORPUS = Path(__file__).parents[1] / "corpus"
TREE = """\
/dts-v1/;
/ {
	#address-cells = <2>; #size-cells = <1>;
	reserved-memory {
		#address-cells = <2>; #size-cells = <1>;
		ranges;
		RSV_MEM(__POOL_START__, __POOL_SIZE__, pool);
	};
	vm { memory-regions = "pool"; };
};
"""
MAP = "#define __POOL_START__ 0xb0000000\n#define __POOL_SIZE__ 0x1000\n"


def source(name: str, text: str) -> SourceFile:
    return SourceFile(name, text)


def test_one_host_out_of_three_languages() -> None:
    image = (CORPUS / "buildfiles/host-7.1.build").read_text(encoding="utf-8")
    files = [
        (DEVICETREE, source("host.dts", TREE)),
        (BUILDFILE, source("host.build", image)),
        (HEADER, source("map.h", MAP)),
        ("qvmconf", source("x", "")),
    ]
    reading = read_host_files(files, shipped_catalog(), target="qnx-7.1", systems={"lv.qvmconf": "lv"})
    host = reading.host
    assert host is not None
    assert host.regions is not None
    assert host.launches is not None

    assert host.regions["pool"].window == AddressRange.sized(0xB0000000, 0x1000)
    assert host.regions["gvm_sysram1"].window == AddressRange.sized(0x60000000, 512 << 20)
    assert sorted(host.launches) == ["la", "lv"]
    assert (host.region_order, host.size_cells, host.smmuman) == (("pool",), 1, True)
    assert (len(reading.images), len(reading.trees)) == (1, 1)
    assert [fault.primary.span.file.path for fault in reading.faults] == sorted(
        fault.primary.span.file.path for fault in reading.faults
    )


def test_no_host_file_tells_of_no_host() -> None:
    assert read_host_files([], shipped_catalog()).host is None


def test_what_one_source_does_not_know_another_may() -> None:
    slog = HostService(name="slogger2")
    pipe = HostService(name="pipe")
    first = HostFacts(services=(slog,), image_files=frozenset({"/a"}), size_cells=1, smmuman=True)
    second = HostFacts(services=(pipe,), image_files=frozenset({"/b"}), modules=("qvm",), smmuman=False)
    joined = joined_facts([first, second, HostFacts()])

    assert joined.services == (slog, pipe)
    assert joined.image_files == frozenset({"/a", "/b"})
    assert (joined.size_cells, joined.modules, joined.smmuman) == (1, ("qvm",), True)
    assert joined.partitions is None


@pytest.fixture
def system(tmp_path: Path) -> Path:
    image = (CORPUS / "buildfiles/host-7.1.build").read_text(encoding="utf-8")
    (tmp_path / "host.build").write_text(image, encoding="utf-8")
    (tmp_path / "lv.qvmconf").write_text(
        "system lv\nram 0x80000000,16M\ncpu sched 10\nload /vm/la.qvmcnf\n", encoding="utf-8"
    )
    return tmp_path


def test_files_given_together_are_one_system(system: Path) -> None:
    alone = lint([system / "lv.qvmconf"], (), None, "qnx-7.1")
    together = lint([system / "lv.qvmconf", system / "host.build"], (), None, "qnx-7.1")

    assert "HV5003" not in [fault.code for fault in alone]
    assert ("HV5003", "lv.qvmconf") in [(f.code, Path(f.primary.span.file.path).name) for f in together]
    assert "HV8543" in [fault.code for fault in together]


def test_a_remark_in_a_buildfile_accepts_a_warning(system: Path) -> None:
    text = (system / "host.build").read_text(encoding="utf-8")
    marked = text.replace("    slogger2\n", "    slogger2 # hvbuild: allow HV8558 on another partition\n", 1)
    before = lint([system / "host.build"], (), None, None)
    (system / "host.build").write_text(marked, encoding="utf-8")
    after = lint([system / "host.build"], (), None, None)

    assert marked != text
    assert {f.message for f in before} - {f.message for f in after} == {
        "`slogger2` is started, but the image does not hold it"
    }


BANKS = """\
/dts-v1/;
/ {
	#address-cells = <2>; #size-cells = <1>;
	memory@80000000 { device_type = "memory"; reg = <0x0 0x80000000 0x10000000>; };
};
"""


def test_a_region_outside_ram_is_told_once_and_by_banks_of_another_tree(tmp_path: Path) -> None:
    for name, text in (("host.dts", TREE), ("board.dts", BANKS), ("map.h", MAP)):
        (tmp_path / name).write_text(text)
    paths = [tmp_path / "host.dts", tmp_path / "board.dts", tmp_path / "map.h"]
    (tmp_path / "one.dts").write_text(BANKS.replace("};\n};", "};\n" + TREE.split("\n", 3)[3]))

    assert [fault.code for fault in lint(paths, [], None, None)] == ["HV8629"]
    assert [fault.code for fault in lint([tmp_path / "one.dts", paths[2]], [], None, None)] == ["HV8629"]


GUEST_BUILD = """\
[image=0x80000000]
[virtual=aarch64le,elf] boot = {
startup-armv8_fm -H
procnto-smp-instr
}
[+script] startup-script = {
procmgr_symlink ../../proc/boot/ldqnx-64.so.2 /usr/lib/ldqnx-64.so.2
devb-virtio virtio smem=0x1c0d0000,irq=41 &
}
[-optional] devb-virtio=devb-virtio
[-optional] ldqnx-64.so.2=ldqnx-64.so.2
"""
HOST_BUILD = """\
[virtual=aarch64le,raw] boot = {
startup-armv8_fm -H -Q enable
procnto-smp-instr
}
[+script] startup-script = {
procmgr_symlink ../../proc/boot/ldqnx-64.so.2 /usr/lib/ldqnx-64.so.2
devb-ram disk name=hd &
waitfor /dev/hd0
qvm @/one.qvmconf &
qvm @/two.qvmconf &
}
[-optional] qvm=qvm
[-optional] devb-ram=devb-ram
[-optional] ldqnx-64.so.2=ldqnx-64.so.2
[-optional] /lib/dll/vdev-virtio-blk.so=vdev-virtio-blk.so
"""
VM = """\
system {name}
ram 0x80000000,256M
cpu
load /guests/{name}.ifs
vdev virtio-blk loc {disk} intr gic:41 hostdev /dev/hd0
"""


@pytest.fixture
def guests(tmp_path: Path) -> Path:
    for name, disk in (("one", "0x1c0d0000"), ("two", "0x1c0b0000")):
        (tmp_path / f"{name}.qvmconf").write_text(VM.format(name=name, disk=disk))
    (tmp_path / "host.build").write_text(HOST_BUILD)
    (tmp_path / "two.build").write_text(GUEST_BUILD)
    return tmp_path


def test_an_image_of_a_guest_is_held_against_the_vm_that_loads_it(guests: Path) -> None:
    def said(*names: str) -> list[tuple[str, str]]:
        found = lint([guests / name for name in names], (), None, "qnx-8.0")
        return [(each.code, Path(each.primary.span.file.path).name) for each in found]

    assert said("one.qvmconf", "two.qvmconf", "host.build") == []
    assert said("one.qvmconf", "two.qvmconf", "host.build", "two.build") == [("HV5221", "two.build")]
    (guests / "two.build").rename(guests / "other.build")
    # Its VM cannot be told, and of the host it says nothing.
    assert said("one.qvmconf", "two.qvmconf", "host.build", "other.build") == []
    assert said("two.qvmconf", "other.build") == [("HV5221", "other.build")]


def test_an_image_without_the_marks_of_a_guest_is_one_where_a_vm_loads_its_name(guests: Path) -> None:
    plain = GUEST_BUILD.replace(" -H", "")
    (guests / "two.build").write_text(plain)
    (guests / "other.build").write_text(plain)

    by_name = lint([guests / "two.qvmconf", guests / "two.build"], (), None, "qnx-8.0")
    assert [each.code for each in by_name] == ["HV5221"]
    as_host = lint([guests / "two.qvmconf", guests / "other.build"], (), None, "qnx-8.0")
    assert "HV5001" in {each.code for each in as_host}


def test_a_tree_of_a_guest_tells_nothing_of_the_host(guests: Path) -> None:
    (guests / "one.qvmconf").write_text(VM.format(name="one", disk="0x1c0d0000") + "fdt load /guests/g.dtb\n")
    (guests / "g.dts").write_text(
        "/dts-v1/;\n/ {\n\t#address-cells = <1>;\n\t#size-cells = <1>;\n"
        '\tmemory@80000000 { device_type = "memory"; reg = <0x80000000 0x20000000>; };\n};\n'
    )
    found = lint([guests / "one.qvmconf", guests / "g.dts"], (), None, "qnx-8.0")

    assert [(each.code, str(each.primary.span.text)) for each in found] == [
        ("HV5228", "0x80000000 0x20000000")
    ]
    (guests / "g.dts").rename(guests / "h.dts")
    assert lint([guests / "one.qvmconf", guests / "h.dts"], (), None, "qnx-8.0") == ()


def test_a_remark_in_a_tree_stands_behind_slashes(tmp_path: Path) -> None:
    path = tmp_path / "host.dts"
    lines = [
        "/dts-v1/;",
        "/ {",
        "\t#address-cells = <1>;",
        "\t#size-cells = <1>;",
        "\tchip@080000000 { reg = <0x80000000 0x1000>; };",
        "};",
    ]
    path.write_text("\n".join(lines))
    assert [each.code for each in lint([path], (), None, None)] == ["HV8621"]
    lines[4] += " // hvbuild: allow HV8621 as the vendor spells it"
    path.write_text("\n".join(lines))
    assert lint([path], (), None, None) == ()
    path.write_text("\n".join(lines).replace("@0", "@"))
    assert [each.code for each in lint([path], (), None, None)] == ["HV0062"]


@pytest.mark.parametrize(
    ("startup", "codes"),
    [
        pytest.param("-r 0x50000000,0x10000000", [], id="the-very-range"),
        pytest.param("-r 0x4f000000,0x12000000", [], id="holds-the-region"),
        pytest.param("-r 0x50000000,0x1000", [], id="inside-the-region"),
        pytest.param("-r 0x4f000000,0x1000000", [], id="right-before"),
        pytest.param("-r 0x4f000000,0x1001000", ["HV8640"], id="a-page-of-the-region"),
        pytest.param("-L 0x50000000,0x10000000,pool", [], id="one-range-two-names"),
        pytest.param("-L 0x50000000,0x1000,pool", ["HV8640"], id="another-name-inside"),
        pytest.param("-L 0x50000000,0x10000000,gvm", [], id="the-same"),
        pytest.param("-L 0x50000000,0x1000,gvm", ["HV8641"], id="a-shorter-one"),
    ],
)
def test_the_startup_line_is_held_against_the_tree(tmp_path: Path, startup: str, codes: list[str]) -> None:
    (tmp_path / "host.dts").write_text(
        "/dts-v1/;\n/ {\n\t#address-cells = <1>;\n\t#size-cells = <1>;\n"
        "\treserved-memory {\n\t\t#address-cells = <1>;\n\t\t#size-cells = <1>;\n\t\tranges;\n"
        "\t\tgvm@50000000 { reg = <0x50000000 0x10000000>; };\n\t};\n};\n"
    )
    (tmp_path / "host.build").write_text(
        f"[virtual=aarch64le,raw] boot = {{\nstartup-rcar_h3 {startup}\nprocnto-smp-instr\n}}\n"
    )
    found = lint([tmp_path / "host.dts", tmp_path / "host.build"], (), None, None)

    assert codes == [each.code for each in found]


def test_a_start_that_cannot_be_told_whose_it_is_may_be_of_any_vm(guests: Path) -> None:
    def said() -> list[str]:
        files = [guests / name for name in ("one.qvmconf", "two.qvmconf", "host.build")]
        return [each.code for each in lint(files, (), None, "qnx-8.0")]

    other = HOST_BUILD.replace("qvm @/two.qvmconf &", "qvm @/data/b.conf &")
    (guests / "host.build").write_text(other)
    assert said() == []
    (guests / "host.build").write_text(HOST_BUILD.replace("qvm @/two.qvmconf &\n", ""))
    assert said() == ["HV5007"]


def test_a_vm_that_a_buildfile_holds_inline_is_one_of_the_system(tmp_path: Path) -> None:
    vm = VM.format(name="one", disk="0x1c0d0000").replace("intr gic:41", "intr gic:5")
    build = HOST_BUILD.replace("qvm @/two.qvmconf &\n", "") + "/one.qvmconf = {\n" + vm + "}\n"
    path = tmp_path / "host.build"

    def said(text: str, *more: Path) -> list[tuple[str, str, int, str]]:
        path.write_text(text)
        found = lint([path, *more], (), None, "qnx-8.0")
        return [
            (
                each.code,
                Path(each.primary.span.file.path).name,
                each.primary.span.line,
                each.primary.span.text,
            )
            for each in found
        ]

    line = build[: build.index("gic:5")].count("\n") + 1
    assert said(build) == [("HV3105", "host.build", line, "gic:5")]
    assert said(build.replace("gic:5", "gic:41")) == []
    # A file of that name counts in place of the text, an escape makes the text another, and what no line
    # starts is a file like any other.
    (tmp_path / "one.qvmconf").write_text(vm)
    assert said(build, tmp_path / "one.qvmconf") == [("HV3105", "one.qvmconf", 5, "gic:5")]
    assert said(build.replace("system one", "system \\one")) == []
    assert said(build.replace("qvm @/one.qvmconf &\n", "")) == []


def test_a_remark_in_an_inline_vm_accepts_its_warning(tmp_path: Path) -> None:
    vm = VM.format(name="one", disk="0x1c0d0000").replace("intr gic:41", "intr gic:20")
    build = HOST_BUILD.replace("qvm @/two.qvmconf &\n", "") + "/one.qvmconf = {\n" + vm + "}\n"
    path = tmp_path / "host.build"
    path.write_text(build)
    assert [each.code for each in lint([path], (), None, "qnx-8.0")] == ["HV3106"]
    path.write_text(build.replace("/dev/hd0\n}", "/dev/hd0 # hvbuild: allow HV3106 a timer\n}"))
    assert lint([path], (), None, "qnx-8.0") == ()
