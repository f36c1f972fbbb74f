"""Comparison by meaning: what is the same although it is written otherwise, and how differences are told."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qvmconf_machines import MACHINES

from hvbuild.catalog import shipped_catalog
from hvbuild.compare.difference import Difference, compare_systems, compare_vms
from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.meaning.hand_kept import lint_files
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.model.canonical import canonical, same_meaning
from hvbuild.model.system import HostFacts, HostPartition, Launch, System
from hvbuild.model.vm import Location, RoundRobin, Space, Vdev, VmConfig
from hvbuild.report.difference import difference_json, difference_markdown, difference_text
from hvbuild.source import SourceFile

CATALOG = shipped_catalog()
PARTS = [field.name for field in fields(VmConfig) if field.compare]
BASE = "system la\nram 0x80000000,4G\ncpu runmask 4\ncpu runmask 5\ncpu runmask 4,5\nload /la.img\n"


def vm(text: str) -> VmConfig:
    return read_vm([read_qvmconf(SourceFile("a.qvmconf", text), CATALOG)], CATALOG).vm


def told(before: str, after: str) -> list[str]:
    return [change.text for change in compare_vms(vm(before), vm(after), CATALOG)]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("ram 80000000,0x20000000", "ram 0x80000000,512M"),
        ("ram 0xa0000 rom 0xc0000,0x40000 ram 512M", "ram 1M,0d536870912 rom 0xc0000,256k ram 0,0xa0000"),
        ("ram 1M", "ram 1M cpu"),
        ("cpu sched 10o runmask 7,6", "cpu runmask 6,7 sched 10"),
        ("cpu sched 8 sched 6", "cpu sched 6"),
        ("vdev 8259 loc 0x20 vdev 8259 loc 0xa0", "vdev 8259 loc 0xa0 vdev 8259 loc 0x20"),
        ("pass loc 0x1000,4K,rwn=0x1000", "pass loc mem:0x1000,0x1000,nwr"),
        ("pass loc 0x1000,4K,m", "pass loc 0x1000,4K,rwcxm"),
        ("reserve loc 0x1000,4K intr 39", "reserve intr 39 reserve loc 0x1000,4K"),
        ("vdev vdev-pl011.so loc 1c090000", "vdev pl011 loc 0x1c090000"),
        ("vdev pl011 vdev virtio-net", "vdev virtio-net vdev pl011"),
        ("vdev virtio-net peer a peerfeats 0x0382", "vdev virtio-net peerfeats 898 peer a"),
        ("vdev virtio-net mac 02:00:AA:00:00:01", "vdev virtio-net mac 02:00:aa:00:00:01"),
        ("unsupported register fail", ""),
        ("logger error,warn slog logger info slog", "logger info,warn,error slog"),
        ("vdev smmu log warning slog vdev gic", "vdev gic vdev smmu log warn slog"),
        ("set exit-on-halt off set grow-heap 4K", "set grow-heap 0x1000 set exit-on-halt no"),
        ('cmdline "a\nb"', 'cmdline "a b"'),
        ("guest load a", "load a"),
    ],
)
def test_the_same_however_written(one: str, two: str) -> None:
    assert not told(one, two)
    assert same_meaning(vm(one), vm(two), CATALOG)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (BASE, BASE.replace("4G", "6G"), ["RAM 4GiB → 6GiB"]),
        (
            BASE,
            BASE + "vdev virtio-blk name userdata hostdev /dev/ud",
            ["+ virtio-blk `userdata` (type virtio-blk, name `userdata`, hostdev /dev/ud)"],
        ),
        (BASE, BASE.replace("4,5", "5"), ["vCPU 2 leaves CPU 4"]),
        (BASE, BASE.replace("4,5", "5,6,7"), ["vCPU 2 leaves CPU 4, joins CPU 6, 7"]),
        (BASE, BASE.replace("runmask 4,5", ""), ["vCPU 2 may run on any CPU (CPU 4,5 before)"]),
        (BASE, BASE.replace("cpu runmask 4\n", "cpu runmask 4 sched 10f\n"), ["vCPU 0: + priority 10f"]),
        (BASE, BASE.replace("cpu runmask 4,5\n", ""), ["- vCPU 2 (CPUs 4,5)"]),
        (BASE, BASE.replace("0x8000", "0x9000"), ["RAM: address 0x80000000 → 0x90000000"]),
        (BASE, BASE.replace("la.img", "lb.img"), ["load `/la.img`: path `/la.img` → `/lb.img`"]),
        (BASE, BASE.replace("system la", "system lb"), ["system `la` → `lb`"]),
        ("vdev pl011 loc 0x1000", "vdev pl011 loc 0x2000", ["pl011: loc 0x1000 → 0x2000"]),
        (
            "vdev shmem name x loc 0x1000 intr gic:38",
            "vdev shmem name x loc 0x1000 intr gic:39",
            ["shmem `x`: intr gic:38 → gic:39"],
        ),
        (
            "vdev virtio-blk name a",
            "vdev virtio-console name a",
            ["virtio-blk `a`: type virtio-blk → virtio-console"],
        ),
        ("load a load b", "load b load a", ["order of loads: load `a`, load `b` → load `b`, load `a`"]),
        (
            "vdev virtio-net name a vdev virtio-net name b",
            "vdev virtio-net name b vdev virtio-net name a",
            ["order of virtio-net devices: virtio-net `a`, virtio-net `b` → virtio-net `b`, virtio-net `a`"],
        ),
        (
            "pass loc mem:0x1000,4K,rwn intr gic:44",
            "pass loc mem:0x1000,4K,rwd intr gic:44",
            ["pass mem:0x1000: loc mem:0x1000,4K,rwn → mem:0x1000,4K,rwd"],
        ),
        ("set grow-heap 4K", "set grow-heap 8K", ["variable `grow-heap` 0x1000 → 0x2000"]),
        ("", "debug dump /tmp", ["+ dump (`/tmp`)", "+ `debug`"]),
        ("cmdline a", "cmdline b", ["command line `a` → `b`"]),
        ("", "unsupported register ignore", ["+ unsupported register (ignore)"]),
        ("logger info slog", "logger error slog", ["logger to slog info → error"]),
    ],
)
def test_differences_in_the_words_of_users(before: str, after: str, lines: list[str]) -> None:
    assert lines == told(before, after)


def test_both_places_are_told() -> None:
    (change,) = compare_vms(vm(BASE), vm("\n" + BASE.replace("4G", "6G")), CATALOG)

    assert (str(change.before_origin), str(change.after_origin)) == ("a.qvmconf:2:1", "a.qvmconf:3:1")


@settings(max_examples=40)
@given(MACHINES)
def test_a_machine_equals_itself(machine: VmConfig) -> None:
    assert not compare_vms(machine, machine, CATALOG)
    assert canonical(machine, CATALOG) == canonical(canonical(machine, CATALOG), CATALOG)


@settings(max_examples=150)
@given(MACHINES, MACHINES, st.sampled_from(PARTS), st.booleans())
def test_changes_are_told_exactly_where_meanings_differ(
    one: VmConfig, other: VmConfig, part: str, turn: bool
) -> None:
    """`two` is `one` with one part taken from elsewhere, or turned round."""
    held: Any = getattr(one if turn else other, part)
    changed_part: dict[str, Any] = {part: held[::-1] if turn and isinstance(held, tuple) else held}
    two = replace(one, **changed_part)

    assert same_meaning(one, two, CATALOG) == (not compare_vms(one, two, CATALOG))


def test_the_order_of_legacy_devices_in_two_spaces_makes_no_difference() -> None:
    """Both begin at 0 of their own space."""
    places = (Location(space=Space.PCI, text="0:1"), Location(space=Space.MEM, start=0))
    one, other = (
        VmConfig(system="a", vdevs=tuple(Vdev(type="8259", location=place) for place in row))
        for row in (places, places[::-1])
    )

    assert same_meaning(one, other, CATALOG)
    assert not compare_vms(one, other, CATALOG)


@settings(max_examples=40)
@given(MACHINES)
def test_order_that_nobody_sees_makes_no_difference(machine: VmConfig) -> None:
    turned = replace(
        machine,
        memory=machine.memory[::-1],
        settings=machine.settings[::-1],
        unsupported=machine.unsupported[::-1],
        reserves=machine.reserves[::-1],
    )

    assert not compare_vms(machine, turned, CATALOG)


# --- systems -------------------------------------------------------------------------------------


def system(*texts: str, host: HostFacts | None = None, target: str | None = None) -> System:
    files = [SourceFile(f"{index}.qvmconf", text) for index, text in enumerate(texts)]
    return lint_files(files, CATALOG, host=host, target=target).system


def test_machines_pair_by_name() -> None:
    before = system("system a ram 1M", "system b ram 1M")
    after = system("system c ram 1M", "system a ram 2M")
    difference = compare_systems(before, after, CATALOG)

    assert [(each.name, each.kind.value) for each in difference.vms] == [
        ("a", "changed"),
        ("b", "removed"),
        ("c", "added"),
    ]


def test_a_lone_machine_on_each_side_is_one() -> None:
    difference = compare_systems(system("system a ram 1M"), system("system b ram 1M"), CATALOG)

    assert [change.text for change in difference.vms[0].changes] == ["system `a` → `b`"]


def test_a_host_is_compared_where_both_sides_know_it() -> None:
    partitions = {"rt": HostPartition(name="rt", budget=20)}
    more = {"rt": HostPartition(name="rt", budget=30)}
    launches = {"a": Launch(system="a", priority=RoundRobin(10), cpus=frozenset({1}))}
    one = HostFacts(partitions=partitions, launches=launches)
    two = HostFacts(partitions=more)
    difference = compare_systems(
        system("system a", host=one, target="qnx-7.1"),
        system("system a", host=two, target="qnx-8.0"),
        CATALOG,
    )

    assert [change.text for change in difference.host] == [
        "target qnx-7.1 → qnx-8.0",
        "partition `rt`: budget 20% → 30%",
    ]


def test_nothing_is_the_same() -> None:
    difference = compare_systems(system(BASE), system(BASE), CATALOG)

    assert difference.same
    assert difference_text(difference) == "same\n"
    assert difference_markdown(difference) == "No difference.\n"
    assert difference_json(difference)["same"] is True


def changed() -> Difference:
    after = BASE.replace("4G", "6G").replace("4,5", "5") + "vdev virtio-blk name a|b"
    return compare_systems(system(BASE, "system x"), system(after, "system y"), CATALOG)


def test_text_shows_sides_and_places() -> None:
    assert difference_text(changed()) == (
        "guest `la`\n"
        "  RAM 4GiB → 6GiB    [0.qvmconf:2 → 0.qvmconf:2]\n"
        "  vCPU 2 leaves CPU 4    [0.qvmconf:5 → 0.qvmconf:5]\n"
        "  + virtio-blk `a|b` (type virtio-blk, name `a|b`)    [0.qvmconf:7]\n"
        "- guest `x`\n"
        "+ guest `y`\n"
        "\n"
        "2 added, 1 removed, 2 changed\n"
    )


def test_markdown_is_a_table_for_each_guest() -> None:
    assert difference_markdown(changed()) == (
        "### Guest `la`\n"
        "\n"
        "| | what | before | after | where |\n"
        "|---|---|---|---|---|\n"
        "| changed | RAM size | 4GiB | 6GiB | 0.qvmconf:2 → 0.qvmconf:2 |\n"
        "| changed | vCPU 2 CPUs | 4,5 | 5 | 0.qvmconf:5 → 0.qvmconf:5 |\n"
        "| added | virtio-blk `a\\|b` |  | type virtio-blk, name `a\\|b` | 0.qvmconf:7 |\n"
        "\n"
        "### - guest `x`\n"
        "\n"
        "### + guest `y`\n"
        "\n"
        "2 added, 1 removed, 2 changed\n"
    )


def test_json_says_what_the_text_says() -> None:
    document = difference_json(changed())
    texts = [change["text"] for guest in document["guests"] for change in guest["changes"]]

    assert all(text in difference_text(changed()) for text in texts)
    assert document["summary"] == {"added": 2, "removed": 1, "changed": 2, "reordered": 0}
    assert document["guests"][0]["changes"][0]["after_place"] == {"path": "0.qvmconf", "line": 2, "column": 1}
    assert document == json.loads(json.dumps(document))
