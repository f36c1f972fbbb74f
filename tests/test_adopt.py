"""hvbuild adopt: what becomes of each construct, of comments, of what is not understood; hosts; refusals."""

from pathlib import Path

import pytest
from conftest import ROOT

from hvbuild.adopt.proof import proof
from hvbuild.adopt.stack import AdoptedVm
from hvbuild.adopting import Adopted, CannotAdopt, adopt
from hvbuild.building import build
from hvbuild.catalog import shipped_catalog
from hvbuild.checking import Checker
from hvbuild.comparing import compare, side_at
from hvbuild.diagnostics import StackInvalid
from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.project import stack_place
from hvbuild.report.difference import difference_text
from hvbuild.source import SourceFile

CATALOG = shipped_catalog()
ARM = "system la\nram 0x80000000,512M\ncpu\nload /la/Image\n"
NET = "vdev virtio-net loc 0x1c0c0000 intr gic:40 peer /dev/vdevpeers/vp0"
FRAGMENT = "fragment"
WHOLE = {
    "qemu-qnx8-agl-linux-guest": "qemu-virt",
    "qemu-qnx8-linux-central": "qemu-virt",
    "qemu-qnx8-linux-v6": "qemu-virt",
    "qemu-qnx8-qnx-guest": "qemu-virt",
    "rpi4-qnx8-android13": "rpi4",
    "x86-mkqnximage-safeedge-guest": "x86-qemu",
    "x86-mkqnximage-safeedge-nonsafety": "x86-qemu",
    "x86-mkqnximage-safeedge-safety": "x86-qemu",
    "zephyr-qnxhv_vm": "sa8155p",
}


def adopted(tmp_path: Path, text: str, board: str = "sa8155p", target: str | None = None) -> Adopted:
    (tmp_path / "la.qvmconf").write_text(text, encoding="utf-8")
    return adopt([tmp_path / "la.qvmconf"], board, target, tmp_path / "stack")


def stack_of(tmp_path: Path, text: str, board: str = "sa8155p") -> str:
    return (adopted(tmp_path, text, board).folder / "stack.yaml").read_text("utf-8")


def difference(source: Path, folder: Path, guest: str) -> str:
    """What differs between a file and what the stack in `folder` renders for `guest`."""
    checked = Checker(None).check(stack_place(folder), "base")
    built = build(checked, folder / "out")
    return difference_text(
        compare(side_at(source, "base"), side_at(built.folder / "guests" / f"{guest}.qvmconf", "base"))
    )


# --- real files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_real_file_survives(name: str, shared: Path, tmp_path: Path) -> None:
    source = shared / "corpus" / "qvmconf" / f"{name}.qvmconf"

    made = adopt([source], WHOLE[name], None, tmp_path / "stack")

    assert difference(source, made.folder, made.guests[0]) == "same\n"
    assert made.foreign


def test_fragments_survive_too(shared: Path, tmp_path: Path) -> None:
    sources = sorted((shared / "corpus" / "qvmconf").glob(f"*{FRAGMENT}*"))

    assert sources
    for source in sources:
        made = adopt([source], "sa8155p", None, tmp_path / source.stem)

        assert difference(source, made.folder, made.guests[0]) == "same\n", source.name


def test_every_real_file_is_listed_here(shared: Path) -> None:
    found = {path.stem for path in (shared / "corpus" / "qvmconf").iterdir() if FRAGMENT not in path.name}

    assert found == set(WHOLE)


# --- single constructs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("set exit-on-halt on", "    set:\n      exit-on-halt: on\n"),
        ("logger error,warning slog", "- {levels: [error, warn], to: slog}"),
        ("fdt generate", "    fdt_generate: true\n"),
        ("dump /tmp/d", "    dump: /tmp/d\n"),
        ("unsupported register ignore", "    unsupported:\n      register: ignore\n"),
        ("rom 0xc0000,0x40000", "- {name: rom, kind: rom, base: 0xc0000, size: 256KiB}"),
        ("ram 1M", "- {name: ram-2, size: 1MiB}"),
        ("ram 0x90000000,$asinfo_length{gvm}", 'size: "$asinfo_length{gvm}"'),
        ("cpu sched 45r runmask 7,6", "- {sched: 45r, runmask: [7, 6]}"),
        ("cpu sched 9,5,3,40000000,10000000s", "period: 40ms, budget: 10ms"),
        ("cpu sched $env{P}", '- {verbatim: ["sched $env{P}"]}'),
        ("initrd load 0x90000000,/a b", "frobnicate"),
        ('cmdline "a \\\nb"', 'cmdline: "a b"'),
        ("reserve loc 0x1000,4K intr 39", '- {loc: ["mem:0x1000,0x1000"], intr: [39]}'),
        ("vdev vdev-pl011.so loc 0x1c090000 intr gic:37", "spelling: vdev-pl011.so"),
        ("vdev virtio-net loc 0x1c0c0000 intr gic:40 peer auto", '"peer auto"'),
        (f"{NET} name /dev/qvm/la/n", "qvm_name: /dev/qvm/la/n"),
        ("vdev virtio-blk legacy", "legacy: true"),
        (f"{NET} mac 02:00:00:00:00:01", 'mac: "02:00:00:00:00:01"'),
        ("vdev vendor-thing mode 3", "mode: 3"),
        ("vdev shmem allow a allow b", "allow: [a, b]"),
        ("vdev smmu log error slog", "- {levels: [error], to: slog}"),
        ("pass loc mem:$asinfo_start{gvm},$asinfo_length{gvm},rwcxm", "- {name: gvm, region: gvm}"),
        ("pass loc mem:$asinfo_start{gvm},$asinfo_length{gvm},rw", "- {name: gvm, region: gvm, flags: rw}"),
        ("pass loc pci:0:2.0=pci:0x8086/0x5aa8", "- {host: 0x8086/0x5aa8, guest: "),
        (
            "pass loc 0x1000,4K,rwn=0x9000 intr gic:44=179",
            "- {base: 0x1000, size: 4KiB, flags: rwn, host: 0x9000}",
        ),
        ("pass", "guests:"),
    ],
)
def test_how_a_construct_is_said(line: str, written: str, tmp_path: Path) -> None:
    if written == "frobnicate":
        line, written = 'initrd load "0x90000000,/a b"', 'load: "/a b", type: initrd, at: 0x90000000'
    text = stack_of(tmp_path, f"{ARM}{line}\n")

    assert written in text
    assert difference(tmp_path / "la.qvmconf", tmp_path / "stack", "la") == "same\n"


def test_a_vm_without_a_name_stays_without(tmp_path: Path) -> None:
    text = stack_of(tmp_path, ARM.removeprefix("system la\n"))

    assert "  la:\n    anonymous: true\n" in text
    assert difference(tmp_path / "la.qvmconf", tmp_path / "stack", "la") == "same\n"


def test_a_device_of_the_board_is_handed_over_by_its_name(tmp_path: Path) -> None:
    line = "pass loc mem:0xfe204000,0x1000,rwn intr gic:44=150\n"
    text = stack_of(tmp_path, ARM + line, "rpi4")

    assert "- {name: spi0, device: spi0, flags: rwn, lines: [44]}" in text


def test_nothing_is_left_open(tmp_path: Path) -> None:
    text = stack_of(tmp_path, f"{ARM}vdev pl011\nvdev virtio-net\n")

    assert "auto" not in text


def test_what_is_not_provided_is_external(tmp_path: Path) -> None:
    text = stack_of(tmp_path, ARM)

    assert "- {name: image, load: /la/Image, external: true}" in text
    assert "  foreign: true\n" in text


# --- comments -----------------------------------------------------------------------------------------------


def test_comments_come_along_to_their_places(tmp_path: Path) -> None:
    source = (
        "# Head of the file\n#\n# second line\nsystem la\n"
        "ram 0x80000000,512M   # all of it\n# two of them\ncpu\ncpu\nload /la/Image\n"
        "# the console\nvdev pl011\n\t# where it always was\n\tloc 0x1c090000 # window\n\tintr gic:37\n"
        "# never used: vdev hpet \x07\u00fc\n"
    )
    text = stack_of(tmp_path, source)

    assert text[text.index("guests:") :] == (
        "guests:\n  # Head of the file\n  #\n  # second line\n  la:\n    ram:\n"
        "      - {name: ram, base: 0x80000000, size: 512MiB}  # all of it\n"
        "    cpus:\n      # two of them\n      - {}\n      - {}\n"
        "    images:\n      - {name: image, load: /la/Image, external: true}\n"
        "    vdevs:\n      # the console\n      - name: pl011\n        type: pl011\n        anonymous: true\n"
        "        # where it always was\n        loc: 0x1c090000  # window\n        intr: gic:37\n"
        "    # never used: vdev hpet \\u0007\u00fc\n"
    )


def test_a_comment_of_an_overruled_entry_is_not_lost(tmp_path: Path) -> None:
    text = stack_of(tmp_path, f"{ARM}# first try\ncmdline a\n# second try\ncmdline b\n# the end\n")

    for comment in ("# first try", "# second try", "# the end"):
        assert text.count(comment) == 1


def test_two_comments_at_the_ends_of_lines_that_become_one_are_both_kept(tmp_path: Path) -> None:
    text = stack_of(tmp_path, f"{ARM}cmdline a # once\ncmdline b # then\n")

    assert text.count("# once") == text.count("# then") == 1


# --- what is not understood ---------------------------------------------------------------------------------


def test_what_is_not_understood_is_listed_and_carried(tmp_path: Path) -> None:
    source = f'{ARM}frobnicate 3 "a b"\n{NET} turbo on\n'
    made = adopted(tmp_path, source)
    text = (made.folder / "stack.yaml").read_text("utf-8")

    assert [(each.code, each.primary.span.line) for each in made.diagnostics] == [
        ("HV8900", 5),
        ("HV8900", 6),
    ]
    assert '    verbatim:\n      - "frobnicate 3 \\"a b\\""\n' in text
    assert '        verbatim:\n          - "turbo on"\n' in text
    assert difference(tmp_path / "la.qvmconf", made.folder, "la") == "same\n"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ram addr=0x80000000,size=1G", "HV8006"),
        ("cpu sched", "HV8003"),
        ('cmdline "a\x01b"', "HV8901"),
    ],
)
def test_a_file_that_qvm_refuses_or_yaml_cannot_hold_is_refused_whole(
    line: str, code: str, tmp_path: Path
) -> None:
    with pytest.raises(StackInvalid) as refused:
        adopted(tmp_path, f"{ARM}{line}\n")

    assert code in {each.code for each in refused.value.diagnostics}
    assert not (tmp_path / "stack").exists()


def test_a_stack_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    made = adopted(tmp_path, ARM)
    before = (made.folder / "stack.yaml").read_bytes()

    with pytest.raises(CannotAdopt, match="exists already"):
        adopted(tmp_path, ARM)
    assert (made.folder / "stack.yaml").read_bytes() == before


def test_files_that_hold_no_vm_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.build").write_text("libc.so\n")

    with pytest.raises(CannotAdopt, match="no configuration of a VM"):
        adopt([tmp_path / "a.build"], "rpi4", None, tmp_path / "stack")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("512MiB", "256MiB", "a stack would say otherwise: RAM 512MiB → 256MiB"),
        ("size: 512MiB", "size: many", "a stack cannot say this"),
        ("      - {}\n", "      - {cluster: 'a\"b'}\n", "a stack cannot say this"),
    ],
)
def test_a_stack_that_says_otherwise_is_not_written(old: str, new: str, told: str, tmp_path: Path) -> None:
    made = adopted(tmp_path, ARM)
    text = (made.folder / "stack.yaml").read_text("utf-8")
    document = read_qvmconf(SourceFile("la.qvmconf", ARM), CATALOG)
    vms = [AdoptedVm(name="la", vm=read_vm([document], CATALOG).vm, document=document)]

    def against(changed: str) -> list[str]:
        texts = {"stack.yaml": changed}
        return [each.message for each in proof(tmp_path / "s" / "stack.yaml", texts, vms, CATALOG, None)]

    assert against(text) == []
    assert [message.startswith(told) for message in against(text.replace(old, new))][:1] == [True]


# --- release and board --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "target"), [("cpu cluster big", "qnx-8.0.4"), ("cpu runmask 1", "qnx-7.1"), ("", "qnx-8.0.4")]
)
def test_the_release_is_the_newest_that_knows_all_of_it(line: str, target: str, tmp_path: Path) -> None:
    assert adopted(tmp_path, f"{ARM}{line}\n").target == target


def test_an_unknown_board_gets_a_stub_that_says_so(tmp_path: Path) -> None:
    made = adopted(tmp_path, f"{ARM}cpu runmask 5\n", "my-board")
    stub = (made.folder / "boards" / "my-board.yaml").read_text("utf-8")
    checked = Checker(None).check(stack_place(made.folder), "base")

    assert made.written == ("stack.yaml", "boards/my-board.yaml")
    assert "count: 6" in stub
    assert stub.count("adopted; to be filled in") == 2
    assert checked.diagnostics == ()


def test_a_stub_has_the_architecture_of_its_vms(tmp_path: Path) -> None:
    pc = "system pc\nram 0xa0000\nram 1M,512M\ncpu\nvdev ioapic loc 0xf8000000 intr apic name i\n"
    made = adopted(tmp_path, pc, "my-pc")

    assert "architecture: x86_64" in (made.folder / "boards" / "my-pc.yaml").read_text("utf-8")


def test_several_files_are_guests_of_one_stack(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.qvmconf").write_text(ARM.replace("la\n", f"{name}\n", 1))
    made = adopt([tmp_path / "a.qvmconf", tmp_path / "b.qvmconf"], "rpi4", None, tmp_path / "stack")

    assert made.guests == ("a", "b")


# --- hosts --------------------------------------------------------------------------------------------------

HOST = ROOT / "tests" / "corpus" / "buildfiles" / "host-7.1.build"


def test_a_host_image_becomes_part_of_the_stack(tmp_path: Path) -> None:
    made = adopt([HOST], "bench", None, tmp_path / "stack")
    text = (made.folder / "stack.yaml").read_text("utf-8")

    assert (made.foreign, made.target, made.guests) == (False, "qnx-7.1", ("la",))
    for part in (
        "base: host.build",
        "- {name: ivi, budget: 40, critical: 20ms}",
        '- {name: random, command: "random -t", foreground: true}',
        "- {name: reserve-1, base: 0x48000000, size: 64KiB}",
        "- {name: gvm_sysram1, base: 0x60000000, size: 512MiB, external: true, source: host-7.1.build}",
        "config: /vm/la.qvmconf\n      sched: 20r\n      cpus: [4, 5]\n      partition: ivi\n",
    ):
        assert part in text
    left = [each.message for each in made.diagnostics if each.code == "HV8902"]
    assert [
        word for word in ("io-pkt", "ksh", "/vm/lv.qvmconf") if not any(word in each for each in left)
    ] == []
    Checker(None).check(stack_place(made.folder), "base")


def test_the_base_file_keeps_every_line_but_the_guests_own(tmp_path: Path) -> None:
    made = adopt([HOST], "bench", None, tmp_path / "stack")
    base = (made.folder / "host.build").read_text("utf-8")
    gone = [line for line in HOST.read_text("utf-8").splitlines() if line not in base.splitlines()]

    assert gone == ["[perms=0644] /vm/la.qvmconf = {", "system la", "ram 0x80000000,512M"]


def test_a_range_that_startup_clears_has_no_key(tmp_path: Path) -> None:
    source = tmp_path / "host.build"
    source.write_text(HOST.read_text("utf-8").replace("-r 0x48000000,64K,1", "-r 0x48000000,64K"))
    made = adopt([source], "bench", None, tmp_path / "stack")

    assert "reserve" not in (made.folder / "stack.yaml").read_text("utf-8")
    assert any("0x48000000, which startup clears" in each.message for each in made.diagnostics)


def test_a_rendered_host_only_gains(tmp_path: Path) -> None:
    made = adopt([HOST], "bench", None, tmp_path / "stack")
    built = build(Checker(None).check(stack_place(made.folder), "base"), tmp_path / "out")
    found = compare(side_at(HOST, "base"), side_at(built.folder / "host" / "mifs.build", "base"))
    changed = {change.subject for change in found.host if change.kind.value != "added"}

    assert changed == {"image file `/vm/la.qvmconf`"}


def test_a_host_that_does_not_fit_its_board_stays_foreign_and_says_why(tmp_path: Path) -> None:
    made = adopt([HOST], "sa8155p", None, tmp_path / "stack")

    assert made.foreign
    assert any("the host stays foreign" in each.message for each in made.diagnostics)
    assert not (made.folder / "host.build").exists()


def test_a_tree_gives_the_regions_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "la.qvmconf").write_text(ARM)
    tree = ROOT / "tests" / "corpus" / "dts" / "vendor-host.dts"
    made = adopt([tmp_path / "la.qvmconf", tree], "bench", None, tmp_path / "stack")
    text = (made.folder / "stack.yaml").read_text("utf-8")

    assert text.index("name: gvm_sysram2") < text.index("name: gvm_pmem")
    assert made.foreign


@pytest.mark.parametrize("name", ["rpi4", "sa8155-la", "sdv", "x86-qemu"])
def test_a_shipped_system_is_adopted_host_and_all(name: str, tmp_path: Path) -> None:
    checked = Checker(None).check(stack_place(ROOT / "stacks" / name), "base")
    built = build(checked, tmp_path / "built")
    files = [*sorted((built.folder / "guests").iterdir()), *sorted((built.folder / "host").glob("*.build"))]
    files = [path for path in files if path.suffix in (".qvmconf", ".build")]

    made = adopt(files, checked.plan.stack.board.name, None, tmp_path / "stack")
    again = Checker(None).check(stack_place(made.folder), "base")

    assert (made.foreign, made.diagnostics) == (False, ())
    assert [each.severity.value for each in again.diagnostics if each.severity.value == "error"] == []


@pytest.mark.parametrize(
    "words",
    [
        'alpha beta "gam ma" loc 0x1c200000,0x10000 intr gic:77 delta=5 name w',
        "alpha loc 0x1c200000 =1 intr gic:77 beta 2 name w -x /y",
        "a 1 loc 0x1c200000 a 2 intr gic:77 A",
    ],
)
def test_words_of_a_device_from_elsewhere_come_through_around_what_is_known(
    words: str, tmp_path: Path
) -> None:
    made = adopted(tmp_path, f"{ARM}vdev wonder {words}\n")

    assert difference(tmp_path / "la.qvmconf", made.folder, "la") == "same\n"


@pytest.mark.parametrize(
    "line", ["vdev ioapic loc 0xf8000000 intr apic", "pass loc io:0x3f8,8", "set legacy-free on"]
)
def test_what_the_board_cannot_have_is_refused_before_anything_is_written(line: str, tmp_path: Path) -> None:
    with pytest.raises(StackInvalid) as refused:
        adopted(tmp_path, f"{ARM}{line}\n", board="rpi4")

    assert [each.code for each in refused.value.diagnostics] == ["HV8022"]
    assert not (tmp_path / "stack").exists()
