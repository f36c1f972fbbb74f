"""Public configuration files: no error is found in them, and every oddity that is right stays silent."""

from pathlib import Path

import pytest

from hvbuild.catalog import shipped_catalog
from hvbuild.diagnostics import Diagnostic, Severity
from hvbuild.meaning.hand_kept import lint_files
from hvbuild.rules.catalog import HAND_KEPT_RULES
from hvbuild.rules.rule import run_rules
from hvbuild.source import SourceFile

# Fragments that lack their memory, and a guest whose network device is named by a path and names itself.
KNOWN_WARNINGS = {"HV2022", "HV5203"}


def said_of(*files: SourceFile, target: str | None = None) -> tuple[Diagnostic, ...]:
    held = lint_files(files, shipped_catalog(), target=target)
    return run_rules(held.system, HAND_KEPT_RULES)


def test_no_public_file_has_an_error(shared: Path) -> None:
    paths = sorted((shared / "corpus/qvmconf").glob("*.qvmconf"))
    said = [
        each
        for path in paths
        for each in said_of(SourceFile(path.name, path.read_bytes().decode("utf-8", "surrogateescape")))
    ]

    assert paths
    assert [each for each in said if each.severity is Severity.ERROR] == []
    assert {each.code for each in said} <= KNOWN_WARNINGS


def text(name: str, *lines: str) -> SourceFile:
    return SourceFile(f"{name}.qvmconf", f"system {name}\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            (text("core", "ram 4096M,2048M", "load /g/kernel"), text("media", "ram 4096M,2048M")),
            id="one-guest-physical-base-in-two-guests",
        ),
        pytest.param(
            (text("android", "ram 4096M,2048M", "load /g/kernel", "load /g/sdv.dtb", "cmdline x"),),
            id="tree-loaded-without-fdt",
        ),
        pytest.param(
            (
                text(
                    "pc",
                    "ram 0xa0000",
                    "rom 0xc0000,0x40000",
                    "ram 1024M",
                    "vdev ioapic loc 0xf8000000 intr apic name myioapic",
                    "vdev ser8250 intr myioapic:4",
                    "vdev timer8254 intr myioapic:0",
                    "vdev hpet intr myioapic:0,myioapic:8,myioapic:10",
                    "vdev mc146818 reg 0x0b,0x02",
                    "vdev pckeyboard",
                    "vdev 8259 loc 0x20",
                    "vdev 8259 loc 0xa0",
                    "vdev shmem",
                    "vdev virtio-blk hostdev /dev/hd0",
                    "vdev virtio-blk hostdev /dev/hd1",
                    "vdev virtio-net peer /dev/vdevpeers/vp0",
                    "vdev wdt-ib700 loc io:0x441",
                ),
            ),
            id="pc-with-shared-timer-line",
        ),
        pytest.param(
            (
                text(
                    "third",
                    "ram 0x80000000,512M",
                    "vdev qvm-camera loc 0x1c0e0000 intr gic:45 sensor front",
                    "vdev acme-npu loc 0x1c0f0000 intr gic:46",
                ),
            ),
            id="third-party-devices",
        ),
    ],
)
def test_what_is_odd_but_right_is_silent(files: tuple[SourceFile, ...]) -> None:
    assert said_of(*files) == ()


def test_an_unaligned_window_of_an_older_board_is_a_warning() -> None:
    board = text("rcar", "ram 0x80000000,512M", "pass loc 0xe6055400,0x050,rwn intr gic:42")

    assert [(each.code, each.severity) for each in said_of(board, target="qnx-7.0")] == [
        ("HV2112", Severity.WARNING)
    ]
