"""Tables and the map: whole golden texts, and laws on the free gaps."""

import json
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.catalog import shipped_catalog
from hvbuild.model.board import Device
from hvbuild.model.system import HostFacts, HostPartition, HostRegion, Launch, System
from hvbuild.model.vm import (
    AsinfoLength,
    AsinfoStart,
    Fifo,
    Interrupt,
    Location,
    Memory,
    MemoryKind,
    Opaque,
    Option,
    Pass,
    PassInterrupt,
    PassPci,
    PassWindow,
    Reserve,
    RoundRobin,
    Space,
    Sporadic,
    Vcpu,
    Vdev,
    VmConfig,
)
from hvbuild.ranges import AddressRange
from hvbuild.report.map import map_data, map_text, system_map
from hvbuild.report.ownership import Holding, guest_memory, host_memory
from hvbuild.report.style import Role, Style
from hvbuild.report.tables import Row, table
from hvbuild.rules.lines import line_bounds
from hvbuild.source import Origin, SourceFile, Span
from hvbuild.units import Nanoseconds

GOLDEN = Path(__file__).parents[1] / "data/map.txt"
FILE = SourceFile("la.qvmconf", "ram\nvdev\npass\ncpu\n")


def at(word: str) -> Origin:
    start = FILE.text.index(word)
    return Origin(Span(FILE, start, start + len(word)))


def sizes(vdev: Vdev) -> int | None:
    return {"pl011": 0x1000}.get(vdev.type)


LA = VmConfig(
    system="la",
    memory=(
        Memory(kind=MemoryKind.RAM, base=0x8000_0000, size=0x2000_0000, name="main", origin=at("ram")),
        Memory(kind=MemoryKind.ROM, base=0x1000, size=0x1000),
        Memory(kind=MemoryKind.RAM, base=AsinfoStart("pool"), size=AsinfoLength("pool")),
    ),
    vcpus=(
        Vcpu(sched=RoundRobin(10), runmask=frozenset({0, 1}), origin=at("cpu")),
        Vcpu(sched=Fifo(20), partition="rt"),
        Vcpu(
            sched=Sporadic(
                priority=30,
                low_priority=8,
                max_replenishments=4,
                replenishment_period=Nanoseconds(10_000_000),
                initial_budget=Nanoseconds(2_500_000),
            ),
            cluster="big",
        ),
    ),
    vdevs=(
        Vdev(
            type="pl011",
            name="console",
            location=Location(space=Space.MEM, start=0x1C09_0000, origin=at("vdev")),
            interrupts=(Interrupt(pic="gic", line=37, origin=at("vdev")),),
        ),
        Vdev(type="shmem", location=Location(space=Space.MEM, start=0x1B00_0000)),
        Vdev(type="virtio-net", location=Location(space=Space.PCI, text="pci:0:3")),
        Vdev(type="timer8254", location=Location(space=Space.IO, start=0x40, length=4)),
    ),
    passes=(
        Pass(
            name="uart",
            windows=(
                PassWindow(
                    space=Space.MEM, start=0x2000_0000, length=0x1000, host=0xFE20_1000, origin=at("pass")
                ),
                PassWindow(space=Space.MEM, start=Opaque("$env{X}"), length=0x1000),
            ),
            pci=(PassPci(host="0:2:0"),),
            interrupts=(PassInterrupt(line=Interrupt(pic="gic", line=40), vector=153, origin=at("pass")),),
        ),
    ),
    reserves=(Reserve(locations=(Location(space=Space.MEM, start=0x4000_0000, length=0x1000),)),),
)
HOST = HostFacts(
    cpus=3,
    core_kinds=MappingProxyType({2: "a78"}),
    clusters=MappingProxyType({"big": frozenset({1})}),
    address_bits=33,
    banks=(HostRegion(name="ddr0", window=AddressRange(0x4000_0000, 0xC000_0000)),),
    regions=MappingProxyType(
        {
            "pool": HostRegion(name="pool", window=AddressRange(0x9000_0000, 0xA000_0000)),
            "vbmeta": HostRegion(
                name="vbmeta", window=AddressRange(0xB000_0000, 0xB000_1000), purpose="boot"
            ),
        }
    ),
    reserved=(HostRegion(name="tz", window=AddressRange(0x4000_0000, 0x4010_0000)),),
    devices=MappingProxyType(
        {
            "uart0": Device(
                name="uart0", windows=(AddressRange(0xFE20_1000, 0xFE20_2000),), interrupts=(153,)
            ),
            "spi0": Device(name="spi0", windows=(AddressRange(0xFE20_4000, 0xFE20_5000),), interrupts=(150,)),
        }
    ),
    partitions=MappingProxyType({"rt": HostPartition(name="rt", budget=30, critical=Nanoseconds(1_000_000))}),
)
SYSTEM = System(vms=(LA,), host=HOST)


def shared(vm: VmConfig) -> dict[str, range]:
    used = {interrupt.pic for vdev in vm.vdevs for interrupt in vdev.interrupts}
    return {pic: range(32, 1020) for pic in used if pic.startswith("gic")}


def test_the_map_as_text(bless: bool) -> None:
    text = map_text(system_map(SYSTEM, sizes, shared))
    if bless:
        GOLDEN.write_text(text, "utf-8")

    assert text == GOLDEN.read_text("utf-8")


def test_text_and_json_say_the_same() -> None:
    sections = system_map(SYSTEM, sizes, shared)
    text, data = map_text(sections), json.loads(json.dumps(map_data(sections)))
    rows = [row for part in (data["guests"]["la"], data["host"]) for rows in part.values() for row in rows]
    lines = [line.split() for line in text.splitlines()]

    assert data["format"] == "hvbuild-map/1"
    assert sum(len(section.rows) for section in sections) == len(rows)
    for row in rows:
        words = " ".join(value for value in row.values() if value).split()
        assert any(sorted(words) == sorted(line) for line in lines), row


def test_every_guest_has_its_own_sections() -> None:
    system = System(vms=(VmConfig(system="a", vcpus=(Vcpu(),)), VmConfig(system="b", vcpus=(Vcpu(),))))
    data = map_data(system_map(system, sizes, shared))

    assert data["guests"] == {
        name: {
            "vcpus": [{"vCPU": "0", "priority": "qvm's own", "pCPUs": "any", "partition": "", "place": ""}]
        }
        for name in ("a", "b")
    }
    assert data["host"] == {}


def test_launch_lines_say_what_the_vm_does_not() -> None:
    launch = Launch(system="a", priority=RoundRobin(12), cpus=frozenset({3}), partition="rt")
    system = System(
        vms=(VmConfig(system="a", vcpus=(Vcpu(), Vcpu(sched=Fifo(9), runmask=frozenset({1})))),),
        host=HostFacts(launches=MappingProxyType({"a": launch})),
    )
    first, second = system_map(system, sizes, shared)[0].rows

    assert (first["priority"], first["pCPUs"], first["partition"]) == ("12 round-robin", "3", "rt")
    assert (second["priority"], second["pCPUs"], second["partition"]) == ("9 fifo", "1", "rt")


@pytest.mark.parametrize(
    ("options", "other_pic", "vector"),
    [
        ((), "gic", "40"),
        ((Option(key="hostvector", values=("100",)),), "gic", "140"),
        ((), "pic8259", "hostvector of gic + line"),
    ],
)
def test_a_passed_line_without_vector_counts_from_the_controller(
    options: tuple[Option, ...], other_pic: str, vector: str
) -> None:
    vm = VmConfig(
        system="a",
        vdevs=(
            Vdev(type="gic", options=options),
            Vdev(type="x", interrupts=(Interrupt(pic=other_pic, line=1),)),
        ),
        passes=(Pass(interrupts=(PassInterrupt(line=Interrupt(pic="gic", line=40)),)),),
    )
    rows = next(
        s for s in system_map(System(vms=(vm,)), sizes, shared) if s.key == "interrupts" and not s.of
    ).rows

    assert [row["vector"] for row in rows] == [vector]


def test_nothing_is_called_free_behind_a_window_of_unknown_size() -> None:
    claims = guest_memory(SYSTEM, LA, sizes)
    free = [claim.window for claim in claims if claim.holding is Holding.FAULT and claim.window]

    assert AddressRange(0x2000, 0x1B00_0000) in free
    assert not any(window.holds(0x1B00_1000) for window in free)


def test_nothing_is_called_free_behind_a_last_window_of_unknown_size() -> None:
    shmem = Vdev(type="shmem", location=Location(space=Space.MEM, start=0x3000))
    rows = [
        (claim.owner, claim.window)
        for claim in guest_memory(
            System(vms=(), host=HostFacts(address_bits=16)), VmConfig(vdevs=(shmem,)), sizes
        )
    ]

    assert rows == [("", AddressRange(0, 0x3000)), ("vdev shmem", None)]


def test_a_table_keeps_wide_cells_aligned_and_drops_empty_columns() -> None:
    rows = [Row(("値段", "", "1")), Row(("a", "", "20"), Role.FREE)]

    assert table(["name", "none", "size"], rows, right=["size"]) == ("name  size\n値段     1\na       20\n")
    assert table(["name"], []) == ""
    assert f"{Role.FREE.value}a       20\x1b[0m" in table(
        ["name", "none", "size"], rows, Style(coloured=True), right=["size"]
    )


# --- laws -----------------------------------------------------------------------------------------------

PAGES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 8)), max_size=8)


@given(PAGES)
def test_gaps_and_claims_of_a_guest_cover_every_address_once(pages: list[tuple[int, int]]) -> None:
    memory = tuple(Memory(kind=MemoryKind.RAM, base=base << 12, size=size << 12) for base, size in pages)
    system = System(vms=(VmConfig(memory=memory),), host=HostFacts(address_bits=18))
    claims = guest_memory(system, system.vms[0], sizes)

    for page in range(64):
        here = [claim for claim in claims if claim.window and claim.window.holds(page << 12)]
        owners = sum(base <= page < base + size for base, size in pages)
        assert [claim.holding for claim in here] == (
            [Holding.PERMITTED] * owners if owners else [Holding.FAULT]
        )


@given(PAGES)
def test_free_host_memory_is_what_of_the_banks_nobody_has(pages: list[tuple[int, int]]) -> None:
    host = HostFacts(
        banks=(HostRegion(name="b", window=AddressRange(8 << 12, 32 << 12)),),
        reserved=tuple(
            HostRegion(name="r", window=AddressRange.sized(base << 12, size << 12)) for base, size in pages
        ),
    )
    claims = host_memory(System(vms=(), host=host))
    free = [claim.window for claim in claims if claim.holding is Holding.FREE and claim.window]

    for page in range(64):
        taken = any(base <= page < base + size for base, size in pages)
        assert (8 <= page < 32 and not taken) == any(window.holds(page << 12) for window in free)


def test_an_io_apic_and_a_renamed_gic_have_their_own_free_lines() -> None:
    uart = Vdev(type="ser8250", interrupts=(Interrupt(pic="pic", line=4),))
    x86 = VmConfig(system="a", vdevs=(Vdev(type="ioapic", name="pic"), uart))
    arm = VmConfig(system="b", vdevs=(Vdev(type="gic", name="gary"),))

    assert line_bounds(x86, shipped_catalog()) == {"pic": range(24)}
    assert line_bounds(arm, shipped_catalog()) == {"gary": range(32, 1020)}
    rows = next(
        s
        for s in system_map(System(vms=(x86,)), sizes, lambda _: {"pic": range(24)})
        if s.key == "interrupts"
    ).rows
    assert [row["line"] for row in rows if row["owner"] == "free"] == ["0-3", "5-23"]
