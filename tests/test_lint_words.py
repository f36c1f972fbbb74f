"""Hand-kept VMs as people get them wrong: what `lint` says, where, and which near miss stays silent."""

from pathlib import Path

import pytest

from hvbuild.diagnostics import StackInvalid
from hvbuild.linting import lint

BLOCK = "vdev virtio-blk loc 0x1c0d0000 intr gic:41 "
VM = "system g\nram 0x80000000,512M\n"

# (text after a valid beginning, target, what is said: line, column, severity and code; a help holds the word)
SAID: tuple[tuple[str, str | None, tuple[str, ...], str], ...] = (
    ("vdev gic its 0x2f020000", None, ("3:10 error HV3310",), ""),
    ("vdev gic its 0x2f020000 num-lpis 8192", None, (), ""),
    ("vdev gic its 0x2f020000 num-lpis 8191", None, ("3:34 error HV8032",), ""),
    ("vdev gic version 5", None, ("3:18 error HV8023",), "2 or 3"),
    ("vdev gic version 0x3", None, (), ""),
    ("vdev gic version 2", "qnx-8.0", ("3:18 error HV8023",), "it is 3"),
    ("vdev gic version 2", "qnx-8.0.4", (), ""),
    ("vdev gic version two", None, ("3:18 error HV8013",), ""),
    ("pass loc 0x10000000,4K,rwn intr gic:40,t=72", "qnx-8.0", ("3:33 error HV3109",), ""),
    ("pass loc 0x10000000,4K,rwn intr gic:40,t=72", "qnx-7.0", ("3:33 error HV3109",), ""),
    ("pass loc 0x10000000,4K,rwn intr gic:40,t=72", "qnx-7.1", (), ""),
    (
        "pass loc 0x10000000,4K,rwn intr gic:40,u=72",
        "qnx-7.0",
        ("3:33 error HV3109", "3:33 warning HV3110"),
        "",
    ),
    ("pass loc 0x1000,$asinfo_length{/a/b},rwn", None, ("3:17 error HV8029",), "`b`"),
    ("pass loc 0x1000,$asinfo_length{b},rwn", None, (), ""),
    ("load $home{x}", None, ("3:6 warning HV8029",), "$env{}"),
    ("vdev pl011,addr=0x1c090000,irq=37", None, ("3:6 error HV8006",), "intr gic:37"),
    ("vdev pl011 loc 0x1c090000 irq 37", None, ("3:1 error HV3004", "3:27 warning HV8026"), "`intr`"),
    ("pass pci:0:2.0", None, ("3:6 error HV8002",), "loc pci:0:2.0"),
    ("RAM 1M", None, ("3:1 error HV8002",), "`ram`"),
    ("vdev pl011 loc intr gic:37", None, ("3:12 error HV8003",), ""),
    ("vdev pl011 loc 0x1c090000 intr", None, ("3:27 error HV8003",), ""),
    ("vdev virtio-net loc 0x1c0c0000 intr gic:40 peer", None, ("3:44 error HV8003",), ""),
    ("reserve loc 0xa0000", None, ("3:13 error HV8024",), ""),
    ("reserve loc io:0xcf8", None, (), ""),
    ("reserve loc $asinfo_start{a},$asinfo_length{a}", None, (), ""),
    ("load $env{x", None, ("3:6 warning HV8029",), ""),
    ("load $env{}", None, ("3:6 warning HV8029",), ""),
    ("vdev pl011 loc io:0x3f8 intr gic:37", None, ("3:16 error HV8022",), ""),
    ("vdev ser8250 loc io:0x3f8", None, (), ""),
    (BLOCK + "hostdev\nvdev shmem", None, ("3:44 error HV8003",), ""),
    (BLOCK + 'hostdev\n"vdev" cpu', None, (), ""),
    (BLOCK + "hostdev\n/dev/hd0\ncpu", None, (), ""),
)


@pytest.mark.parametrize(("text", "target", "said", "word"), SAID, ids=lambda value: str(value)[:40])
def test_a_mistake_is_said_once_at_its_place(
    text: str, target: str | None, said: tuple[str, ...], word: str, tmp_path: Path
) -> None:
    file = tmp_path / "g.qvmconf"
    file.write_text(f"{VM}{text}\n", encoding="utf-8")

    faults = lint([file], [], None, target)

    places = [(each, each.primary.span) for each in faults]
    assert said == tuple(
        f"{span.line}:{span.column} {each.severity.value} {each.code}" for each, span in places
    )
    assert not word or any(word in text for each in faults for text in each.helps)


@pytest.mark.parametrize("text", ["RAM 512M", "ram=512M", "ramm 512M", "ram: 512M", "memory 512M"])
def test_a_misspelt_ram_is_one_fault(text: str, tmp_path: Path) -> None:
    file = tmp_path / "g.qvmconf"
    file.write_text(f"system g\n{text}\n", encoding="utf-8")

    faults = lint([file], [], None, None)

    assert [each.primary.span.line for each in faults] == [2]
    assert "HV2022" not in {each.code for each in faults}


BIND = """[-optional]
[image=0x80000]
[virtual=aarch64le,raw] boot = {
    startup-x -Q enable
    procnto-smp-instr
}
[+script] startup-script = {
    procmgr_symlink ../../proc/boot/ldqnx-64.so.2 /usr/lib/ldqnx-64.so.2
    vpctl vp0 peer=/dev/qvm/NAME/eth bind=/dev/vdevpeers/vp0
}
/sbin/vpctl=vpctl
ldqnx-64.so.2=ldqnx-64.so.2
"""


@pytest.mark.parametrize(("name", "codes"), [("g", []), ("guest-1", ["HV5205"])])
def test_a_link_to_another_name_is_one_fault(name: str, codes: list[str], tmp_path: Path) -> None:
    host, guest = tmp_path / "host.build", tmp_path / "g.qvmconf"
    host.write_text(BIND.replace("NAME", name), encoding="utf-8")
    guest.write_text(
        f"{VM}vdev virtio-net name eth loc 0x1c0c0000 intr gic:40 peer /dev/vdevpeers/vp0\n", encoding="utf-8"
    )

    faults = [each for each in lint([host, guest], [], None, None) if each.code.startswith("HV52")]

    assert codes == [each.code for each in faults]
    assert all(
        {"host.build", "g.qvmconf"} == {Path(la.span.file.path).name for la in each.labels} for each in faults
    )


@pytest.mark.parametrize(("region", "codes"), [("cam", ["HV2101"]), ("lidar", [])])
def test_one_region_of_the_host_for_two_vms(region: str, codes: list[str], tmp_path: Path) -> None:
    files = []
    for system, entry in (("one", "cam"), ("two", region)):
        file = tmp_path / f"{system}.qvmconf"
        window = f"pass loc 0x10000000,$asinfo_length{{{entry}}},rwn=$asinfo_start{{{entry}}}"
        file.write_text(f"system {system}\nram 0x80000000,512M\n{window}\n", encoding="utf-8")
        files.append(file)

    assert codes == [each.code for each in lint(files, [], None, None)]


def test_a_file_given_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "g.qvmconf"
    file.write_text(VM + "pass loc 0x10000000,4K,rwn\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "h.qvmconf"
    other.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")

    once = lint([file], (), None, None)
    assert lint([file, Path("g.qvmconf")], (), None, None) == once
    assert lint([file, other], (), None, None) != once


@pytest.mark.parametrize("name", ["g.qvmconf", "host.build", "board.dts"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be"])
def test_a_file_in_another_encoding_is_one_fault(name: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / name
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    file.write_bytes(mark + VM.encode(encoding))
    with pytest.raises(StackInvalid) as refused:
        lint([file], [], None, None)

    assert [(each.code, each.primary.span.file.path) for each in refused.value.diagnostics] == [
        ("HV0001", file.as_posix())
    ]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (("\r\n", "\r\n"), "2 lines end with CR LF;"),
        (("\r\n", "\n"), "1 line ends with CR LF;"),
        (("\r", "\r\n"), "1 line ends with CR LF and 1 CR stands alone;"),
    ],
)
def test_carriage_returns_are_counted(ends: tuple[str, str], said: str, tmp_path: Path) -> None:
    file = tmp_path / "g.qvmconf"
    file.write_bytes(f"system g{ends[0]}ram 0x80000000,512M{ends[1]}".encode())
    faults = lint([file], [], None, None)

    assert [each.code for each in faults] == ["HV8011"]
    assert faults[0].message.startswith(said)


@pytest.mark.parametrize("command", ["", "qvm", " &"])
def test_a_command_line_without_words_is_a_vm_without_memory(command: str) -> None:
    (fault,) = lint([], [command], None, None)

    assert fault.code == "HV2022"
    assert "`--vm 1`" in fault.message
    assert fault.primary.span.file.path == "--vm 1"
