"""What qvmconf texts mean: each construct as the one VM that every door shares."""

import pytest

from hvbuild.catalog import shipped_catalog
from hvbuild.catalog_rows import OptionRow, VdevRow
from hvbuild.diagnostics import Severity
from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.formats.qvmconf_command import read_command
from hvbuild.meaning.hand_kept import lint_documents, lint_files
from hvbuild.meaning.qvmconf import Reading, read_vm
from hvbuild.model.vm import (
    Amount,
    AsinfoLength,
    AsinfoStart,
    Fifo,
    Interrupt,
    Load,
    Location,
    Logger,
    MemoryKind,
    Opaque,
    Option,
    Pass,
    PassInterrupt,
    PassPci,
    PassWindow,
    Reserve,
    RoundRobin,
    Sched,
    Setting,
    Space,
    Sporadic,
    Unsupported,
    VmConfig,
)
from hvbuild.source import SourceFile
from hvbuild.units import Nanoseconds

CATALOG = shipped_catalog()
MIB = 1 << 20


def reading(text: str, target: str | None = None, architecture: str | None = None) -> Reading:
    document = read_qvmconf(SourceFile("a.qvmconf", text), CATALOG)
    return read_vm([document], CATALOG, target=target, architecture=architecture)


def vm(text: str) -> VmConfig:
    return reading(text).vm


def names(text: str, target: str | None = None, architecture: str | None = None) -> list[str]:
    return [f"{fault.severity[0]} {fault.name}" for fault in reading(text, target, architecture).faults]


# --- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("ram 512M", [("ram", 0, 512 * MIB)]),
        ("ram 80000000,16M", [("ram", 0x8000_0000, 16 * MIB)]),
        ("ram 4096M,2048M", [("ram", 4 << 30, 2 << 30)]),
        ("ram 1m,1023", [("ram", MIB, 1023)]),
        ("ram 0d4096,0x1000", [("ram", 4096, 4096)]),
        (
            "ram 0xa0000 rom 0xc0000,0x40000 ram 512M",
            [("ram", 0, 0xA0000), ("rom", 0xC0000, 0x40000), ("ram", MIB, 512 * MIB)],
        ),
        ("ram 0x100000,1M ram 0,4K ram 1M", [("ram", MIB, MIB), ("ram", 0, 4096), ("ram", 2 * MIB, MIB)]),
        (
            "ram $asinfo_start{a},$asinfo_length{a}",
            [("ram", AsinfoStart("a"), AsinfoLength("a"))],
        ),
        ("ram $env{BASE},1M", [("ram", Opaque("$env{BASE}"), MIB)]),
    ],
)
def test_memory(text: str, blocks: list[tuple[str, Amount, Amount]]) -> None:
    assert [(MemoryKind(kind), base, size) for kind, base, size in blocks] == [
        (block.kind, block.base, block.size) for block in vm(text).memory
    ]


def test_memory_after_memory_of_unknown_place_has_no_address() -> None:
    first, second = vm("ram $env{BASE},1M ram 1M").memory

    assert isinstance(second.base, Opaque)
    assert second.placed
    assert not first.placed


# --- vCPUs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sched"),
    [
        ("10", RoundRobin(10)),
        ("10r", RoundRobin(10)),
        ("10o", RoundRobin(10)),
        ("10f", Fifo(10)),
        (
            "30,10,4,100000,20000s",
            Sporadic(
                priority=30,
                low_priority=10,
                max_replenishments=4,
                replenishment_period=Nanoseconds(100_000),
                initial_budget=Nanoseconds(20_000),
            ),
        ),
        ("$env{PRIO}", None),
        ("high", None),
    ],
)
def test_sched(text: str, sched: Sched | None) -> None:
    assert [sched] == [vcpu.sched for vcpu in vm(f"cpu sched {text}").vcpus]


def test_vcpus_keep_masks_as_sets_and_their_spelling() -> None:
    first, second = vm("cpu sched 45r runmask 7,6,5,4 cpu cluster _cpu-1 partition apps").vcpus

    assert frozenset({4, 5, 6, 7}) == first.runmask
    assert first.runmask_spelling == (7, 6, 5, 4)
    assert (second.runmask, second.cluster, second.partition) == (None, "_cpu-1", "apps")


def test_the_last_sub_option_wins_and_contexts_stay_apart() -> None:
    first, second = vm("cpu sched 8 sched 6 cpu").vcpus

    assert (RoundRobin(6), None) == (first.sched, second.sched)


# --- pass and reserve ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("0x1000,4K", PassWindow(space=Space.MEM, start=0x1000, length=4096)),
        (
            "mem:0x1000,4K,rwn=0x2000",
            PassWindow(space=Space.MEM, start=0x1000, length=4096, flags=frozenset("rwn"), host=0x2000),
        ),
        (
            "mem:0x1000,4K,rwn,=0x2000",
            PassWindow(space=Space.MEM, start=0x1000, length=4096, flags=frozenset("rwn"), host=0x2000),
        ),
        (
            "mem:0x2000,r=0x1000",
            PassWindow(space=Space.MEM, start=0x2000, length=None, flags=frozenset("r"), host=0x1000),
        ),
        ("io:0x60,5", PassWindow(space=Space.IO, start=0x60, length=5)),
        ("1000,4K,m", PassWindow(space=Space.MEM, start=0x1000, length=4096, flags=frozenset("mrwxcstn"))),
        (
            "0x1000,4K,m-xt+e",
            PassWindow(space=Space.MEM, start=0x1000, length=4096, flags=frozenset("mrwcsne")),
        ),
        ("0x1000,4K,rw-w", PassWindow(space=Space.MEM, start=0x1000, length=4096, flags=frozenset("r"))),
        (
            "$asinfo_start{a},$asinfo_length{a},rw=$asinfo_start{b}",
            PassWindow(
                space=Space.MEM,
                start=AsinfoStart("a"),
                length=AsinfoLength("a"),
                flags=frozenset("rw"),
                host=AsinfoStart("b"),
            ),
        ),
    ],
)
def test_pass_windows(text: str, window: PassWindow) -> None:
    assert (Pass(windows=(window,)),) == vm(f"pass loc {text}").passes


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("pci:0x8086/0x5AA8", PassPci(host="0x8086/0x5aa8")),
        ("pci:0:2.0=pci:0:3.1", PassPci(guest="0:2.0", host="0:3.1")),
        ("pci:0:2.0=0x8086/0x5aa8/1", PassPci(guest="0:2.0", host="0x8086/0x5aa8/1")),
    ],
)
def test_passed_pci_devices(text: str, device: PassPci) -> None:
    assert (Pass(pci=(device,)),) == vm(f"pass loc {text}").passes


@pytest.mark.parametrize(
    ("text", "interrupt"),
    [
        ("gic:44", PassInterrupt(line=Interrupt(pic="gic", line=44))),
        ("gic:44=150", PassInterrupt(line=Interrupt(pic="gic", line=44), vector=150)),
        ("gic:44,u=0x96", PassInterrupt(line=Interrupt(pic="gic", line=44), attribute="u", vector=150)),
        ("gic:@L@=179", PassInterrupt(line=Interrupt(pic="gic", line=Opaque("@L@")), vector=179)),
    ],
)
def test_passed_interrupts(text: str, interrupt: PassInterrupt) -> None:
    assert (Pass(interrupts=(interrupt,)),) == vm(f"pass intr {text}").passes


def test_a_blob_type_stands_before_pass() -> None:
    assert [each.blob for each in vm("data pass loc 0x1000,4K,r").passes] == ["data"]


def test_reservations_accumulate() -> None:
    text = "reserve loc 0xa0000,0x20000 loc io:0xcf8,0x8 loc io 0xcfc,4 loc pci:0:2.0 intr 39 intr gic:40"

    assert vm(text).reserves == (
        Reserve(
            locations=(
                Location(space=Space.MEM, start=0xA0000, length=0x20000),
                Location(space=Space.IO, start=0xCF8, length=8),
                Location(space=Space.IO, start=0xCFC, length=4),
                Location(space=Space.PCI, text="0:2.0"),
            ),
            interrupts=(Interrupt(pic="", line=39), Interrupt(pic="gic", line=40)),
        ),
    )


# --- devices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["pl011", "vdev-pl011", "vdev-pl011.so", "/lib/dll/vdev-pl011.so"])
def test_a_device_has_one_type_however_it_is_spelled(spelling: str) -> None:
    (vdev,) = vm(f"vdev {spelling} loc 0x1c090000 intr gic:37").vdevs

    assert ("pl011", spelling) == (vdev.type, vdev.spelling)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("vdev virtio-net loc pci:0:1", Location(space=Space.PCI, text="0:1")),
        ("vdev virtio-net loc 0x1c0c0000", Location(space=Space.MEM, start=0x1C0C0000)),
        ("vdev 8259 loc 0xa0", Location(space=Space.IO, start=0xA0)),
        ("vdev wdt-ib700 loc io:0x441", Location(space=Space.IO, start=0x441)),
        ("vdev ser8250 loc 0x2f8,8", Location(space=Space.IO, start=0x2F8, length=8)),
        ("vdev virtio-net", None),
    ],
)
def test_places_of_devices(text: str, location: Location | None) -> None:
    assert [location] == [vdev.location for vdev in vm(text).vdevs]


@pytest.mark.parametrize(
    ("text", "interrupts"),
    [
        ("vdev ioapic intr apic", [("apic", None)]),
        ("vdev shmem intr gic:38 intr gic:39", [("gic", 39)]),
        ("vdev hpet intr a:0,a:8 intr a:10", [("a", 0), ("a", 8), ("a", 10)]),
        ("vdev hpet intrmap a:2", [("a", 2)]),
        ("vdev shmem intr my:pic:4", [("my:pic", 4)]),
    ],
)
def test_interrupts_of_devices(text: str, interrupts: list[tuple[str, int | None]]) -> None:
    (vdev,) = vm(text).vdevs

    assert [Interrupt(pic=pic, line=line) for pic, line in interrupts] == list(vdev.interrupts)


def test_options_of_devices_accumulate_or_give_way() -> None:
    console, disk = vm(
        "vdev virtio-console hostdev </in hostdev >/out delayed 1 delayed 2\n"
        "vdev virtio-blk hostdev a hostdev b"
    ).vdevs

    assert (
        Option(key="hostdev", values=("</in",)),
        Option(key="hostdev", values=(">/out",)),
        Option(key="delayed", values=("2",)),
    ) == console.options
    assert (Option(key="hostdev", values=("b",)),) == disk.options


def test_an_unknown_device_keeps_its_words() -> None:
    (vdev,) = vm('vdev vdev-npu.so turbo loc 0x1000 mode "a b" 2\nlimit 3').vdevs

    assert vdev.type == "npu"
    assert Location(space=Space.MEM, start=0x1000) == vdev.location
    assert (
        Option(key="turbo"),
        Option(key="mode", values=("a b", "2")),
        Option(key="limit", values=("3",)),
    ) == vdev.options


def test_a_device_that_the_project_declares_is_read_by_its_row() -> None:
    npu = VdevRow(name="npu", options=(OptionRow(name="mode", forms=("text", "number"), repeat="adds"),))
    catalog = CATALOG.with_vdevs([npu])
    document = read_qvmconf(SourceFile("a", "vdev npu mode a 1\n\nmode b\n2"), catalog)
    (vdev,) = read_vm([document], catalog).vm.vdevs

    assert [option.values for option in vdev.options] == [("a", "1"), ("b", "2")]
    assert CATALOG.vdev("npu") is None


# --- the rest --------------------------------------------------------------------------------------


def test_loads_keep_order_and_type() -> None:
    assert vm("guest load a initrd load 0x1000,b fdt load c data load 4096M,d load 'e f").loads[:4] == (
        Load(path="a"),
        Load(path="b", blob="initrd", address=0x1000),
        Load(path="c", blob="fdt"),
        Load(path="d", blob="data", address=4 << 30),
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a b"', "a b"),
        ('"a \\\nb"', "a b"),
        ('"a\nb"', "a b"),
        ('"a\r\nb"', "a b"),
        ('a="b c"', "a=b c"),
    ],
)
def test_the_command_line_is_one_line(written: str, meant: str) -> None:
    assert meant == vm(f"cmdline {written}").cmdline


def test_variables_belong_to_their_context() -> None:
    held = vm("set grow-heap 0x1000 vdev virtio-blk set debug off set exit-on-halt off set warp 1")

    assert (Setting(variable="grow-heap", value="0x1000"), Setting(variable="exit-on-halt", value="off")) == (
        held.settings
    )
    assert (Setting(variable="debug", value="off"), Setting(variable="warp", value="1")) == held.vdevs[
        0
    ].settings


def test_loggers_of_the_machine_and_of_a_device() -> None:
    held = vm("logger error,warn slog vdev smmu vdev shmem log warning stderr")

    assert held.loggers == (
        Logger(filters=frozenset({"error", "warn"}), destination="slog"),
        Logger(filters=frozenset({"warn"}), destination="stderr", vdev=1),
    )


def test_the_last_action_for_a_kind_counts() -> None:
    held = vm("unsupported register ignore unsupported instruction abort unsupported register fail")

    assert {row.kind: row.action for row in held.unsupported} == {"register": "fail", "instruction": "abort"}
    assert Unsupported(kind="register", action="fail") in held.unsupported


def test_words_without_arguments_and_unknown_words_are_kept() -> None:
    held = vm("debug dryrun fdt generate frobnicate 1 2\nram 1M")

    assert frozenset({"debug", "dryrun", "fdt generate"}) == held.flags
    assert [verbatim.words for verbatim in held.verbatim] == [("frobnicate", "1", "2")]


def test_everything_has_its_place() -> None:
    held = vm("system a\nram 0x80000000,16M\ncpu sched 8\nvdev shmem\n name x\n loc 0x1000")
    places = [
        held.system_origin,
        held.memory[0].origin,
        held.vcpus[0].sched_origin,
        held.vdevs[0].origin,
        held.vdevs[0].name_origin,
    ]

    assert [str(place).partition(":")[2] for place in places] == ["1:1", "2:1", "3:11", "4:1", "5:7"]


# --- releases, architectures, several files --------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("cpu runmask 1", "qnx-7.0", []),
        ("cpu runmask 1", "qnx-8.0", ["e not-in-this-release"]),
        ("cpu runmask 1", "qnx-8.0.4", ["e not-in-this-release"]),
        ("cpu runmask 1", None, []),
        ("cpu cluster a", "qnx-8.0.4", []),
        ("cpu cluster a", "qnx-7.1", ["e not-in-this-release"]),
        ("dryrun", "qnx-7.0", ["w not-in-this-release"]),
        ("logger info none", "qnx-7.0", ["e not-in-this-release"]),
        ("logger info none", "qnx-7.1", []),
        ("set debug on", "qnx-7.1", ["w not-in-this-release"]),
        ("vdev virtio-net bind-mode 0600", "qnx-7.1", []),
        ("vdev virtio-net bind-mode 0600", "qnx-8.0", ["e not-in-this-release"]),
    ],
)
def test_releases(text: str, target: str | None, expected: list[str]) -> None:
    assert expected == names(text, target)


@pytest.mark.parametrize(
    ("text", "architecture", "expected"),
    [
        ("fdt load a", "x86_64", ["e not-on-this-architecture"]),
        ("acpi load a", "aarch64", ["e not-on-this-architecture"]),
        ("acpi load a", "x86_64", []),
        ("set gic-hwassist on", "x86_64", ["e not-on-this-architecture"]),
        ("vdev pl011 vdev gic vdev hpet", None, ["e not-on-this-architecture"]),
        ("vdev pl011", "x86_64", ["e not-on-this-architecture"]),
        ("vdev virtio-gpu vdev hpet", None, []),
    ],
)
def test_architectures(text: str, architecture: str | None, expected: list[str]) -> None:
    assert expected == names(text, None, architecture)


def test_pieces_of_one_machine_are_read_together() -> None:
    sources = {"a": SourceFile("a", "system g\nload /x"), "b": SourceFile("b", "ram 0x80000000,16M\ncpu")}
    documents = read_command(SourceFile("line", "@a set grow-heap 0x1000 @b dryrun"), sources, CATALOG)
    held = lint_documents([documents], CATALOG)

    assert [(f.name, str(f.primary.span)) for f in held.faults] == [("used-before-memory", "a:2:1")]
    assert [machine.system for machine in held.system.vms] == ["g"]
    assert frozenset({"dryrun"}) == held.system.vms[0].flags


def test_files_given_together_are_one_system() -> None:
    files = [SourceFile(name, f"system {name}\nram 4096M,2048M\ncpu") for name in ("one", "two")]
    held = lint_files(files, CATALOG, target="qnx-7.1")

    assert [machine.system for machine in held.system.vms] == ["one", "two"]
    assert held.system.target == "qnx-7.1"
    assert not held.faults


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ram 0x80000000,1M load x ram 0xd1c30000,4K data load 0xd1c30000,y", []),
        ("pass loc 0x80000000,1M,rwcxm load x ram 0xd1c30000,4K", []),
        ("pass loc 0x80000000,1M,rw load x ram 0xd1c30000,4K", ["e used-before-memory"]),
        ("pass loc mem:$asinfo_start{a},1M,m data load 0xd1c30000,x ram 0xd1c30000,4K", []),
        ("load x pass loc 0x80000000,1M,m", ["e used-before-memory"]),
        ("load x", []),
        ("ram 0,4K load 0x5000,x", []),
    ],
)
def test_memory_comes_before_what_is_loaded_into_it(text: str, expected: list[str]) -> None:
    assert expected == names(text)


def test_severities_follow_the_evidence() -> None:
    faults = reading("vdev virtio-blk threads many\nvdev virtio-blk dio often").faults

    assert [fault.severity for fault in faults] == [Severity.WARNING, Severity.ERROR]
