"""Captured target text: what readers make of each variant, and what drift says of it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from machine_systems import MIB, host, ram, region, region_pass, system, systems

from hvbuild.formats.target import (
    AsinfoEntry,
    AsinfoView,
    Pool,
    ShowmemView,
    print_asinfo,
    print_info,
    print_showmem,
    print_threads,
    read_asinfo,
    read_info,
    read_showmem,
    read_threads,
)
from hvbuild.model.system import HostFacts, HostRegion, System
from hvbuild.model.vm import Fifo, RoundRobin, Vcpu, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.source import SourceFile
from hvbuild.target.drift import Difference, drift
from hvbuild.target.predict import (
    pools_text,
    predicted_asinfo,
    predicted_info,
    predicted_showmem,
    predicted_threads,
)

CORPUS = Path(__file__).parents[1] / "corpus" / "target"
KIB = 1 << 10


def source(name: str) -> SourceFile:
    return SourceFile(name, (CORPUS / name).read_text(encoding="utf-8"))


def test_asinfo_with_attributes_and_blanks_is_read() -> None:
    view = read_asinfo(source("asinfo-attributes.txt"))

    assert [entry.name for entry in view.entries] == [
        "memory",
        "ram",
        "sysram",
        "guest_a",
        "guest_b",
        "guest_b",
    ]
    assert view.entries[3] == AsinfoEntry(
        window=AddressRange(0x90000000, 0xA0000000),
        path="memory/ram/guest_a",
        offset=0x60,
        owner=0x20,
        attributes=7,
        priority=90,
    )
    assert view.faults == ()
    assert view.entries[3].span is not None
    assert view.entries[3].span.line == 5


def test_the_startup_print_of_the_same_table_is_read() -> None:
    view = read_asinfo(source("asinfo-startup-print.txt"))

    assert [str(entry.window) for entry in view.entries] == ["0x0..0x10000000000", "0x40000000..0x80000000"]


def test_damaged_rows_are_said_and_left_out() -> None:
    view = read_asinfo(source("asinfo-damaged.txt"))

    assert [entry.path for entry in view.entries] == ["memory"]
    assert [(fault.code, fault.primary.span.line) for fault in view.faults] == [("HV8802", 3), ("HV8801", 4)]


@pytest.mark.parametrize("read", [read_asinfo, read_showmem, read_threads])
def test_a_text_without_rows_is_not_a_capture(read) -> None:  # type: ignore[no-untyped-def]
    assert [fault.code for fault in read(SourceFile("x", "nothing\nhere\n")).faults] == ["HV8800"]
    assert [fault.code for fault in read(SourceFile("x", "")).faults] == ["HV8800"]


def test_showmem_is_read() -> None:
    view = read_showmem(source("showmem-pools.txt"))

    assert view.pools[2] == Pool(name="heap", total=1024, used=24, free=1000)
    assert view.faults == ()


def test_a_broken_row_among_pools_is_said() -> None:
    view = read_showmem(
        SourceFile("x", "Mem Total(KB) Used(KB) Free(KB)\n---\nheap 1024 24 1000\nheap2 1024 x\n")
    )

    assert [(fault.code, fault.primary.span.line) for fault in view.faults] == [("HV8801", 4)]


def test_a_line_without_end_is_no_row_and_costs_no_time() -> None:
    view = read_threads(SourceFile("p", "     pid tid name\n 1 1 x" + " " * 200_000 + "\n"))

    assert [fault.code for fault in view.faults] == ["HV8801", "HV8800"]


def test_info_is_read_and_printed_back() -> None:
    file = source("pidin-info.txt")
    view = read_info(file)

    assert view is not None
    assert (view.cpu, view.release, view.free, view.total) == ("AARCH64", "7.1.0", 412 * MIB, 1024 * MIB)
    assert [row.mhz for row in view.processors] == [1500, 1500]
    assert file.text == print_info(view)


def test_threads_are_read() -> None:
    view = read_threads(source("pidin-threads.txt"))

    assert [(row.tid, row.priority, row.policy) for row in view.threads if row.pid == 8201] == [
        (1, 10, "r"),
        (2, 45, "r"),
        (3, 45, "r"),
        (4, 20, "r"),
    ]
    assert view.faults == ()


@pytest.mark.parametrize("name", ["asinfo-attributes.txt", "asinfo-startup-print.txt"])
def test_a_printed_map_reads_back_equal(name: str) -> None:
    entries = read_asinfo(source(name)).entries

    assert entries == read_asinfo(SourceFile("again", print_asinfo(entries))).entries


def test_printed_pools_and_threads_read_back_equal() -> None:
    pools = read_showmem(source("showmem-pools.txt")).pools
    rows = predicted_threads(declared())

    assert pools == read_showmem(SourceFile("again", print_showmem(pools))).pools
    assert rows == read_threads(SourceFile("again", print_threads(rows))).threads


# --- drift -------------------------------------------------------------------------------------------------


def declared(facts: HostFacts | None = None) -> System:
    regions = [region("guest_a", 0x90000000, 256 * MIB), region("heap", 0xA0000000, MIB)]
    guests = [
        VmConfig(system="a", title="a", vcpus=tuple(Vcpu(sched=RoundRobin(45)) for _ in range(2)),
                 passes=(region_pass("guest_a"),)),
        VmConfig(system="b", title="b", vcpus=(Vcpu(sched=Fifo(12)),), memory=(ram(0x80000000, 128 * MIB),)),
    ]  # fmt: skip
    return system(*guests, facts=facts or host((0x80000000, 1024 * MIB), regions=regions))


def codes(found: tuple[Difference, ...]) -> list[tuple[str, str]]:
    return [(row.code.code, row.subject) for row in found]


def moved(entries: tuple[AsinfoEntry, ...], name: str, by: int, grow: int = 0) -> AsinfoView:
    return AsinfoView(
        entries=tuple(
            entry
            if entry.name != name
            else AsinfoEntry(
                window=AddressRange(entry.window.start + by, entry.window.end + by + grow), path=entry.path
            )
            for entry in entries
        )
    )


@settings(max_examples=40, deadline=None)
@given(systems())
def test_the_predicted_map_of_a_system_does_not_differ_from_it(made: System) -> None:
    text = print_asinfo(predicted_asinfo(made))

    assert drift(made, asinfo=read_asinfo(SourceFile("predicted", text))) == ()


def test_a_moved_resized_missing_or_used_region_is_named() -> None:
    entries = predicted_asinfo(declared())
    without = AsinfoView(entries=tuple(entry for entry in entries if entry.name != "heap"))
    used = AsinfoView(
        entries=(*entries, AsinfoEntry(window=AddressRange(0xA0000000, 0xA0001000), path="memory/ram/sysram"))
    )

    assert codes(drift(declared(), asinfo=moved(entries, "guest_a", 0x200000))) == [("HV8821", "guest_a")]
    assert codes(drift(declared(), asinfo=moved(entries, "heap", 0, 0x1000))) == [("HV8822", "heap")]
    assert codes(drift(declared(), asinfo=without)) == [("HV8820", "heap")]
    assert codes(drift(declared(), asinfo=used)) == [("HV8825", "heap")]


def test_a_range_in_several_entries_is_one_region() -> None:
    entries = predicted_asinfo(declared())
    halves = [
        AsinfoEntry(window=AddressRange(0x90000000, 0x98000000), path="memory/ram/guest_a"),
        AsinfoEntry(window=AddressRange(0x98000000, 0xA0000000), path="memory/ram/guest_a"),
    ]
    view = AsinfoView(entries=(*(entry for entry in entries if entry.name != "guest_a"), *halves))

    assert drift(declared(), asinfo=view) == ()


def test_less_ram_than_declared_is_named() -> None:
    entries = tuple(entry for entry in predicted_asinfo(declared()) if entry.name not in ("ram", "sysram"))
    small = AsinfoEntry(window=AddressRange(0x80000000, 0xB0000000), path="memory/below4G/ram")

    assert codes(drift(declared(), asinfo=AsinfoView(entries=(*entries, small)))) == [("HV8826", "bank0")]


def pools(**totals: int) -> ShowmemView:
    rows = {"sysram": 785408, "guest_a": 262144, "heap": 1024, **totals}
    return ShowmemView(
        pools=tuple(
            Pool(name=name, total=total, used=min(total, 131072), free=total - min(total, 131072))
            for name, total in rows.items()
            if total >= 0
        )
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"heap": 512}, [("HV8822", "heap")]),
        ({"heap": -1}, [("HV8820", "heap")]),
        ({"extra": 4096}, [("HV8823", "extra")]),
        ({"sysram": 785412}, [("HV8822", "sysram")]),
        ({"sysram": 131068}, [("HV8820", "sysram")]),
    ],
)
def test_pools_differ_by_name(changed: Mapping[str, int], expected: list[tuple[str, str]]) -> None:
    assert codes(drift(declared(), showmem=pools(**changed))) == expected


def test_a_row_that_does_not_add_up_is_named() -> None:
    view = ShowmemView(pools=(*pools(heap=-1).pools, Pool(name="heap", total=1024, used=1, free=2)))

    assert codes(drift(declared(), showmem=view)) == [("HV8824", "heap")]


def test_a_region_of_a_guest_need_not_stand_in_the_table_unless_it_is_known_to() -> None:
    mine = HostRegion(name="guest_a", window=AddressRange(0x90000000, 0xA0000000), owner="a")
    facts = host((0x80000000, 1024 * MIB), regions=[mine])
    empty = ShowmemView(pools=(Pool(name="sysram", total=786432, used=131072, free=655360),))

    assert drift(declared(facts), showmem=empty) == ()
    assert codes(drift(declared(facts), showmem=empty, listed={"guest_a"})) == [("HV8820", "guest_a")]


def test_what_is_not_known_of_pools_stays_open() -> None:
    rows = predicted_showmem(declared())

    assert [(row.name, row.total, row.used) for row in rows] == [
        ("sysram", None, None),
        ("guest_a", 262144, None),
        ("heap", 1024, None),
    ]
    assert "at most 785408 KiB, of which guests' RAM takes 131072 KiB" in rows[0].why
    assert "guest_a 262144 ? ?" in pools_text(rows)


def test_the_host_is_compared_by_processors_release_and_architecture() -> None:
    view = read_info(source("pidin-info.txt"))
    facts = HostFacts(architecture="x86_64", cpus=4, regions=MappingProxyType({}))

    assert [row.subject for row in drift(System(vms=(), target="qnx-8.0", host=facts), info=view)] == [
        "architecture",
        "processors",
        "release",
    ]
    same = HostFacts(architecture="aarch64", cpus=2)
    assert drift(System(vms=(), target="qnx-7.1", host=same), info=view) == ()


def test_predicted_info_counts_what_guests_take() -> None:
    view = predicted_info(declared())

    assert view is not None
    assert print_info(view) == "CPU:AARCH64 Release:7.1 FreeMem:639Mb/1024Mb\n"


def test_vcpu_threads_are_looked_for_in_every_qvm() -> None:
    view = read_threads(source("pidin-threads.txt"))
    lower = read_threads(SourceFile("p", source("pidin-threads.txt").text.replace("12f", "11f")))

    assert drift(declared(), threads=view) == ()
    assert codes(drift(declared(), threads=lower)) == [("HV8827", "b")]
    alone = System(vms=declared().vms[:1], host=declared().host, complete=True)
    assert codes(drift(alone, threads=view)) == [("HV8823", "qvm 12300")]


def test_a_difference_is_a_diagnostic_at_the_captured_line() -> None:
    view = read_showmem(
        SourceFile("showmem.txt", "sysram 785408 131072 654336\nguest_a 262144 0 262144\nheap 512 0 512\n")
    )
    (row,) = drift(declared(), showmem=view)

    assert row.diagnostic.primary.span.line == 3
    assert row.diagnostic.message == "`heap`: declared 1024 KiB, on the target 512 KiB"


# --- real captures -----------------------------------------------------------------------------------------


def test_the_map_of_a_qnx_8_host_is_read_whole(shared: Path) -> None:
    text = (shared / "corpus/target/pidin-syspage-asinfo-qemu-virt-qnx8.txt").read_text(encoding="utf-8")
    view = read_asinfo(SourceFile("asinfo", text))

    assert view.faults == ()
    assert text.count(") 0") == len(view.entries)
    assert sum(entry.window.size for entry in view.named("ram")) == 1024 * MIB
    rows = text.split("elsize:0x00000018\n")[1]
    assert rows.split() == print_asinfo(view.entries).split("size:0x00000000\n")[1].split()


def test_the_pools_of_an_sa8155_host_are_read_whole_and_declared_ones_do_not_differ(shared: Path) -> None:
    text = (shared / "corpus/target/showmem-s-sa8155-seed.txt").read_text(encoding="utf-8")
    view = read_showmem(SourceFile("showmem", text))
    rows = [HostRegion(name=pool.name, size=pool.total * KIB) for pool in view.pools if pool.name != "sysram"]
    facts = HostFacts(regions=MappingProxyType({row.name: row for row in rows}))

    assert view.faults == ()
    assert len(text.splitlines()) - 3 == len(view.pools)
    assert all(pool.used + pool.free == pool.total for pool in view.pools)
    assert drift(System(vms=(), host=facts), showmem=view) == ()
