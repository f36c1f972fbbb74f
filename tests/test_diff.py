"""hvbuild diff from outside: what is compared with what, forms, exit codes; images and trees by meaning."""

import json
from pathlib import Path

import pytest
from command_line import Said, say
from conftest import ROOT

from hvbuild.comparing import compare, side_at
from hvbuild.report.difference import difference_text
from hvbuild.report.exits import Exit

VM = "system la\nram 0x80000000,4G\ncpu runmask 4,5\nvdev pl011 loc 0x1c090000 intr gic:37\n"
IMAGE = """\
[image=0x80000]
[virtual=aarch64le,raw] boot = {
startup-x -v -c big:0xc
procnto-smp-instr -v
}
[+script] startup-script = {
slogger2 &
waitfor /dev/slog
devb-ram ram capacity=1 &
on -p 20r -C 4 qvm @/vm/la.qvmconf &
}
[perms=0755] /bin/ksh=ksh
/etc/motd={
hello
}
"""
TREE = """\
/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;
	soc: soc { status = "okay"; reg = <0x0 0x1 0x0 0x2>; };
	reserved-memory {
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		gvm: gvm@80000000 { reg = <0x0 0x80000000 0x0 0x1000000>; no-map; };
	};
};
"""


def two(tmp_path: Path, before: str, after: str, ending: str) -> tuple[Path, Path]:
    paths = (tmp_path / f"a{ending}", tmp_path / f"b{ending}")
    for path, text in zip(paths, (before, after), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def changes(tmp_path: Path, before: str, after: str, ending: str) -> list[str]:
    one, other = two(tmp_path, before, after, ending)
    found = compare(side_at(one, "base"), side_at(other, "base"))
    return [change.text for change in (*(change for vm in found.vms for change in vm.changes), *found.host)]


def diff(tmp_path: Path, before: str, after: str, *options: str) -> Said:
    one, other = two(tmp_path, before, after, ".qvmconf")
    return say("diff", str(one), str(other), *options)


# --- the command --------------------------------------------------------------------------------------------


def test_the_same_however_written_is_exit_0(tmp_path: Path) -> None:
    said = diff(
        tmp_path,
        VM,
        VM.replace("4G", "0x100000000").replace("cpu ", "cpu sched 10\n ").replace("sched 10\n ", ""),
    )

    assert (said.code, said.out) == (Exit.YES, "same\n")


def test_a_difference_is_exit_1_with_both_places(tmp_path: Path) -> None:
    said = diff(tmp_path, VM, VM.replace("4G", "6G").replace("4,5", "5"))
    one, other = (tmp_path / name for name in ("a.qvmconf", "b.qvmconf"))

    assert said.code == Exit.NO
    assert said.out == (
        f"guest `la`\n  RAM 4GiB → 6GiB    [{one}:2 → {other}:2]\n"
        f"  vCPU 0 leaves CPU 4    [{one}:3 → {other}:3]\n\n2 changed\n"
    )


def test_markdown_and_json_say_the_same(tmp_path: Path) -> None:
    changed = VM.replace("4G", "6G")
    markdown, document = (
        diff(tmp_path, VM, changed, "--markdown"),
        diff(tmp_path, VM, changed, "--format", "json"),
    )
    data = json.loads(document.out)

    assert markdown.out.startswith("### Guest `la`\n\n| | what | before | after | where |\n")
    assert "| changed | RAM size | 4GiB | 6GiB |" in markdown.out
    assert (data["format"], data["same"]) == ("hvbuild-difference/1", False)
    assert [row["text"] for row in data["guests"][0]["changes"]] == ["RAM 4GiB → 6GiB"]
    assert markdown.code == document.code == Exit.NO


@pytest.mark.parametrize("names", [("a.qvmconf", "nowhere"), ("a.qvmconf", "a.build"), ("a.qvmconf", ".")])
def test_what_cannot_be_compared_is_exit_2(names: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.qvmconf").write_text(VM)
    (tmp_path / "a.build").write_text(IMAGE)
    said = say("diff", *(str(tmp_path / name) for name in names))

    assert (said.code, said.out) == (Exit.NO_ANSWER, "")
    assert said.err.startswith("hvbuild: ")


def test_text_without_a_meaning_is_reported_where_it_stands(tmp_path: Path) -> None:
    said = diff(tmp_path, VM, VM + "ram addr=1,size=2\n", "--format", "line")

    assert said.code == Exit.NO
    assert ":5:5: error[HV8006]" in said.out


def test_what_is_not_understood_is_compared_as_words(tmp_path: Path) -> None:
    assert changes(
        tmp_path, VM.replace("cpu", "frob 3\ncpu"), VM.replace("cpu", "frob 4\ncpu"), ".qvmconf"
    ) == ["- `frob 3`", "+ `frob 4`"]


# --- stacks and build folders -------------------------------------------------------------------------------


def test_a_stack_is_the_same_as_its_build_until_the_build_is_edited(tmp_path: Path) -> None:
    stack = str(ROOT / "stacks" / "rpi4")
    assert say("render", "-q", stack, "-o", str(tmp_path)).code == Exit.YES
    same = say("diff", stack, str(tmp_path))
    guest = tmp_path / "guests" / "qnx.qvmconf"
    guest.write_text(guest.read_text().replace("512M", "768M"))
    differs = say("diff", stack, str(tmp_path))

    assert (same.code, same.out) == (Exit.YES, "same\n")
    assert differs.code == Exit.NO
    assert "RAM 512MiB → 768MiB" in differs.out


def test_variants_of_a_stack_are_compared_by_name() -> None:
    stack = str(ROOT / "stacks" / "rpi4")

    assert say("diff", stack, stack, "--variant", "linux-2g").code == Exit.YES
    assert "+ guest `la`" in say("diff", stack, str(ROOT / "stacks" / "sa8155-la")).out


# --- buildfiles ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[image=0x80000]", "[image=0x90000]", ["image: address 0x80000 → 0x90000"]),
        ("startup-x -v", "startup-x", ["boot program `startup-x`: arguments `-v -c big:0xc` → `-c big:0xc`"]),
        ("perms=0755", "perms=0555", ["image file `/bin/ksh`: mode 0755 → 0555"]),
        ("=ksh\n", "=other/ksh\n", ["image file `/bin/ksh`: source `ksh` → `other/ksh`"]),
        ("-p 20r", "-p 30f", ["launch `@/vm/la.qvmconf`: priority 20r → 30f"]),
        ("-C 4", "-C 5", ["launch `@/vm/la.qvmconf` leaves CPU 4, joins CPU 5"]),
        (
            "capacity=1",
            "capacity=2",
            ["service `devb-ram`: command `devb-ram ram capacity=1` → `devb-ram ram capacity=2`"],
        ),
        ("waitfor /dev/slog", "waitfor /dev/slog 9", ["wait for `/dev/slog`: for 5s → 9s"]),
        ("slogger2 &\n", "", ["- service `slogger2` (command `slogger2`, background yes)"]),
        ("# nothing", "", []),
    ],
)
def test_an_image_is_told_in_its_own_words(old: str, new: str, told: list[str], tmp_path: Path) -> None:
    assert changes(tmp_path, IMAGE, IMAGE.replace(old, new), ".build") == told


def test_inline_content_is_told_by_its_size(tmp_path: Path) -> None:
    (told,) = changes(tmp_path, IMAGE, IMAGE.replace("hello", "hello world"), ".build")

    assert told.startswith("image file `/etc/motd`: content 6 bytes (")


def test_the_order_of_steps_matters_and_that_of_files_does_not(tmp_path: Path) -> None:
    steps = "slogger2 &\nwaitfor /dev/slog\ndevb-ram ram capacity=1 &\n"
    moved = IMAGE.replace(steps, "devb-ram ram capacity=1 &\nslogger2 &\nwaitfor /dev/slog\n")
    files = "[perms=0755] /bin/ksh=ksh\n/etc/motd={\nhello\n}\n"
    swapped = IMAGE.replace(files, "/etc/motd={\nhello\n}\n[perms=0755] /bin/ksh=ksh\n")

    assert moved != IMAGE != swapped
    assert [text.partition(":")[0] for text in changes(tmp_path, IMAGE, moved, ".build")] == [
        "order of start-up steps"
    ]
    assert changes(tmp_path, IMAGE, swapped, ".build") == []


# --- devicetrees --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("0x80000000 0x0 0x1000000", "0x80000000 0x0 0x2000000", ["host region `gvm` 16MiB → 32MiB"]),
        (" no-map;", "", ["node `/reserved-memory/gvm`: - no-map true"]),
        ('"okay"', '"disabled"', ['node `/soc`: status "okay" → "disabled"']),
        ("<0x0 0x1 0x0 0x2>", "<0 1>, <0 2>", []),
        ('status = "okay"; reg', 'reg = <0x0 0x1 0x0 0x2>; status = "okay"; other', None),
        ("soc: soc", "soc", ["node `/soc`: - labels soc"]),
    ],
)
def test_a_tree_is_told_by_nodes_and_regions(
    old: str, new: str, told: list[str] | None, tmp_path: Path
) -> None:
    found = changes(tmp_path, TREE, TREE.replace(old, new), ".dts")

    assert found == told if told is not None else len(found) == 1


def test_headers_are_compared_by_their_constants(tmp_path: Path) -> None:
    found = changes(tmp_path, "#define A 0x10\n#define B A\n", "#define A 17 // more\n#define B A\n", ".h")

    assert found == ["constant `A` 0x10 → 0x11", "constant `B` 0x10 → 0x11"]


def test_the_words_of_a_difference_end_with_a_count(tmp_path: Path) -> None:
    one, other = two(tmp_path, IMAGE, IMAGE.replace("-C 4", "-C 5"), ".build")

    assert difference_text(compare(side_at(one, "base"), side_at(other, "base"))).endswith("\n\n1 changed\n")
