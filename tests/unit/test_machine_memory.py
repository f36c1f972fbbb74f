"""Stage-2 tables and the judgement of accesses: tables of cases."""

import pytest
from machine_systems import (
    GIB,
    MIB,
    SHAPES,
    host,
    passed,
    ram,
    region,
    region_pass,
    system,
    vdev,
    vm,
)

from hvbuild.catalog import shipped_catalog
from hvbuild.machine.access import (
    Access,
    AccessKind,
    Action,
    Fault,
    FaultKind,
    Operation,
    PassThrough,
    Permitted,
    VdevTrap,
    exits,
    kind_of,
)
from hvbuild.machine.claims import ClaimKind, shapes_of
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.machine.hostmemory import Placement
from hvbuild.machine.memory import MemoryTerms, build_memory
from hvbuild.machine.stage2 import Mapped, arm_regime, ept_regime, nested_reads, stage2
from hvbuild.model.vm import Memory, MemoryKind, Opaque, Option, Pass, PassWindow, Space, Vdev
from hvbuild.ranges import AddressRange

READ, WRITE, EXECUTE = Operation
BASE = 0x8000_0000


def at(address: int, operation: Operation = READ, width: int = 4, space: Space = Space.MEM) -> Access:
    return Access(operation=operation, address=address, width=width, space=space)


def one_guest() -> GuestMemory:
    guest = vm(
        "la",
        ram(BASE, 2 * MIB),
        ram(BASE + 2 * MIB, 0x1000, MemoryKind.ROM),
        vdevs=[vdev("pl011", 0x1C090000)],
        passes=[passed(0xFE204000, 0x1000, "rwn")],
    )
    return build_memory(system(guest, facts=host((0x4000_0000, GIB))), SHAPES).guest("la")


@pytest.mark.parametrize(
    ("access", "kind"),
    [
        (at(BASE), AccessKind.PERMITTED),
        (at(BASE, WRITE), AccessKind.PERMITTED),
        (at(BASE, EXECUTE), AccessKind.PERMITTED),
        (at(BASE + 2 * MIB - 4), AccessKind.PERMITTED),
        (at(BASE + 2 * MIB), AccessKind.PERMITTED),
        (at(BASE + 2 * MIB - 2), AccessKind.PERMITTED),
        (at(BASE - 1, width=1), AccessKind.FAULT),
        (at(BASE - 2), AccessKind.FAULT),
        (at(0xFE204000), AccessKind.PASS_THROUGH),
        (at(0xFE204FFF, width=1), AccessKind.PASS_THROUGH),
        (at(0xFE205000), AccessKind.FAULT),
        (at(0x1C090018), AccessKind.VDEV),
        (at(0x1C091000), AccessKind.FAULT),
    ],
)
def test_each_access_is_one_of_the_four_kinds(access: Access, kind: AccessKind) -> None:
    outcome = one_guest().classify(access)

    assert kind_of(outcome) is kind
    assert exits(outcome) == (0 if kind in (AccessKind.PERMITTED, AccessKind.PASS_THROUGH) else 1)


@pytest.mark.parametrize(
    ("access", "fault"),
    [
        (at(BASE + 2 * MIB, WRITE), FaultKind.WRITE_TO_ROM),
        (at(BASE + 2 * MIB - 2, WRITE), FaultKind.WRITE_TO_ROM),
        (at(BASE + 2 * MIB + 0x1000), FaultKind.UNOWNED),
        (at(0xFE204000, EXECUTE), FaultKind.NOT_EXECUTABLE),
        (at(0x1C090000, EXECUTE), FaultKind.NOT_EXECUTABLE),
    ],
)
def test_a_fault_says_why(access: Access, fault: FaultKind) -> None:
    outcome = one_guest().classify(access)

    assert isinstance(outcome, Fault)
    assert outcome.kind is fault


@pytest.mark.parametrize(
    ("action", "operation", "width", "expected"),
    [
        ("", READ, 4, (Action.IGNORE, 0xFFFFFFFF)),
        ("", READ, 1, (Action.IGNORE, 0xFF)),
        ("", READ, 8, (Action.IGNORE, (1 << 64) - 1)),
        ("", WRITE, 4, (Action.IGNORE, None)),
        ("", EXECUTE, 4, (Action.FAIL, None)),
        ("fail", READ, 4, (Action.FAIL, None)),
        ("abort", READ, 4, (Action.ABORT, None)),
        ("abort", EXECUTE, 4, (Action.ABORT, None)),
    ],
)
def test_an_unowned_access_does_what_unsupported_reference_says(
    action: str, operation: Operation, width: int, expected: tuple[Action, int | None]
) -> None:
    memory = build_memory(system(vm("la", ram(BASE, 0x1000), action=action)), SHAPES)
    outcome = memory.classify("la", at(0x1000, operation, width))

    assert isinstance(outcome, Fault)
    assert (outcome.action, outcome.value) == expected


def test_a_pass_through_access_reaches_the_host_address_behind_it() -> None:
    guest = vm("la", ram(BASE, 0x1000), passes=[passed(0x10000000, 0x2000, "rwn", 0xFE200000)])
    outcome = build_memory(system(guest), SHAPES).classify("la", at(0x10001004))

    assert outcome == PassThrough(owner="pass@10000000", host=0xFE201004)


def test_an_access_over_the_border_of_two_kinds_faults() -> None:
    guest = vm("la", ram(BASE, 0x1000), passes=[passed(BASE + 0x1000, 0x1000, "rwx", 0xFE200000)])
    outcome = build_memory(system(guest), SHAPES).classify("la", at(BASE + 0xFFE))

    assert isinstance(outcome, Fault)
    assert outcome.kind is FaultKind.CROSSES_OWNERS


def test_ram_from_a_named_region_is_the_region_itself() -> None:
    facts = host((BASE, GIB), regions=[region("gvm_sysram1", 0x90000000, MIB)])
    memory = build_memory(system(vm("la", passes=[region_pass("gvm_sysram1")]), facts=facts), SHAPES)

    assert memory.classify("la", at(0x90000000, EXECUTE)) == PassThrough(owner="gvm_sysram1", host=0x90000000)
    assert memory.guest("la").zeroed == 0


def test_a_second_guest_is_refused_by_one_page_and_only_it() -> None:
    fits = system(vm("a", ram(0, 6 * MIB)), vm("b", ram(0, 2 * MIB)), facts=host((BASE, 8 * MIB)))
    short = system(
        vm("a", ram(0, 6 * MIB)),
        vm("b", ram(0, 2 * MIB)),
        vm("c", ram(0, 0x1000)),
        facts=host((BASE, 8 * MIB - 0x1000)),
    )

    assert build_memory(fits, SHAPES).refusals == ()
    memory = build_memory(short, SHAPES)
    assert [(row.vm, row.needed, row.free) for row in memory.refusals] == [("b", 2 * MIB, 2 * MIB - 0x1000)]
    assert [guest.vm for guest in memory.guests] == ["a", "c"]


def test_a_window_known_only_on_the_target_stays_out_and_is_said() -> None:
    opaque = PassWindow(space=Space.MEM, start=Opaque("$env{BASE}"), length=0x1000)
    guest = vm(
        "la", Memory(kind=MemoryKind.RAM, base=0, size=Opaque("$env{SIZE}")), passes=[Pass(windows=(opaque,))]
    )
    memory = build_memory(system(guest), SHAPES).guest("la")

    assert [claim.name for claim in memory.claims] == ["gic gicd", "gic gicr"]
    assert [row.subject for row in memory.remarks] == ["ram 0x0", "pass $env{BASE}"]


def test_a_vdev_inside_ram_is_a_conflict_and_never_traps() -> None:
    guest = vm("la", ram(BASE, MIB), vdevs=[vdev("pl011", BASE + 0x1000)])
    memory = build_memory(system(guest), SHAPES).guest("la")

    assert [(a.kind, b.kind) for a, b in memory.conflicts] == [(ClaimKind.RAM, ClaimKind.VDEV)]
    assert kind_of(memory.classify(at(BASE + 0x1000))) is AccessKind.PERMITTED


def test_a_pass_of_part_of_a_page_maps_the_page_and_says_so() -> None:
    guest = vm("la", passes=[passed(0xE6055400, 0x50, "rwn")])
    memory = build_memory(system(guest), SHAPES).guest("la")

    assert memory.classify(at(0xE6055000)) == PassThrough(owner="pass@e6055400", host=0xE6055000)
    assert [row.text for row in memory.remarks] == [
        "mapped as whole pages 0xe6055000..0xe6056000, written as 0xe6055400..0xe6055450"
    ]


def test_ports_are_a_space_of_their_own() -> None:
    serial = vdev("pl011", 0x3F8, space=Space.IO)
    timer = Vdev(type="timer8254")
    guest = vm("x", ram(0, MIB), vdevs=[serial, timer], passes=[passed(0x378, 8, "rw", space=Space.IO)])
    memory = build_memory(system(guest, facts=host((BASE, GIB), architecture="x86_64")), SHAPES).guest("x")

    assert kind_of(memory.classify(at(0x3F8, width=1, space=Space.IO))) is AccessKind.VDEV
    assert kind_of(memory.classify(at(0x43, WRITE, 1, Space.IO))) is AccessKind.VDEV
    assert kind_of(memory.classify(at(0x378, width=1, space=Space.IO))) is AccessKind.PASS_THROUGH
    assert kind_of(memory.classify(at(0xCFC, space=Space.IO))) is AccessKind.VDEV
    assert kind_of(memory.classify(at(0x80, WRITE, 1, Space.IO))) is AccessKind.FAULT
    assert kind_of(memory.classify(at(0x3F8))) is AccessKind.PERMITTED
    assert kind_of(memory.classify(at(0xFEE000B0, WRITE))) is AccessKind.VDEV
    assert memory.table.regime.name == "EPT"


def test_the_guests_cpu_interface_costs_no_exit_but_its_distributor_does() -> None:
    guest = vm("la", ram(BASE, MIB), vdevs=[Vdev(type="gic", options=(_option("version", "2"),))], cpus=2)
    memory = build_memory(system(guest), SHAPES).guest("la")

    assert kind_of(memory.classify(at(0x2C002000))) is AccessKind.PASS_THROUGH
    assert memory.classify(at(0x2C001F00, WRITE)) == VdevTrap(vdev="gic gicd", offset=0xF00)


def test_redistributors_stand_once_for_each_vcpu() -> None:
    memory = build_memory(system(vm("la", ram(BASE, MIB), cpus=3)), SHAPES).guest("la")

    assert kind_of(memory.classify(at(0x2F100000 + 3 * 0x20000 - 4))) is AccessKind.VDEV
    assert kind_of(memory.classify(at(0x2F100000 + 3 * 0x20000))) is AccessKind.FAULT


def test_shared_memory_is_the_same_bytes_for_those_who_may_open_it() -> None:
    maker = vdev("shmem", 0x1C050000, ("create", "pool,64K"), ("allow", "pool"))
    guests = [
        vm("a", ram(BASE, MIB), vdevs=[maker]),
        vm("b", ram(BASE, MIB), vdevs=[vdev("shmem", 0x1C050000, ("allow", "po*"))]),
        vm("c", ram(BASE, MIB), vdevs=[vdev("shmem", 0x1C050000, ("deny", "pool"))]),
    ]
    memory = build_memory(system(*guests), SHAPES)
    rows = list(memory.shared_host())

    assert [(one.vm, two.vm, host.size, declared) for host, one, two, declared in rows] == [
        ("a", "b", 0x10000, True)
    ]
    assert memory.guest("c").windows(ClaimKind.SHARED) == ()
    start = memory.guest("b").windows(ClaimKind.SHARED)[0].start
    assert isinstance(memory.classify("b", at(start, WRITE)), Permitted)


def test_two_guests_over_one_host_range_are_found_unless_the_region_is_shared() -> None:
    for shared in (False, True):
        facts = host((BASE, GIB), regions=[region("pool", 0x90000000, MIB, shared=shared)])
        both = system(*(vm(n, passes=[region_pass("pool", "rw")]) for n in "ab"), facts=facts)

        assert [row[3] for row in build_memory(both, SHAPES).shared_host()] == [shared]


def test_a_pass_into_memory_that_nobody_set_aside_is_a_trespass() -> None:
    facts = host((BASE, GIB), regions=[region("pool", 0x90000000, MIB)])
    guest = vm("a", passes=[passed(0x90000000, MIB + 0x1000, "rwcxm")])
    rows = list(build_memory(system(guest, facts=facts), SHAPES).trespasses())

    assert [(str(window), use.vm) for window, use in rows] == [("0x90100000..0x90101000", "a")]


def test_the_shapes_of_the_shipped_catalogue_place_a_guests_devices() -> None:
    shapes = shapes_of(shipped_catalog().vdevs)
    guest = vm("la", ram(BASE, MIB), vdevs=[Vdev(type="wdt-sp805"), vdev("pl011", 0x1C090000)], cpus=2)
    memory = build_memory(system(guest), shapes).guest("la")

    assert kind_of(memory.classify(at(0x1C0F0000))) is AccessKind.VDEV
    assert kind_of(memory.classify(at(0x1C090FFC))) is AccessKind.VDEV
    assert kind_of(memory.classify(at(0x2F000000))) is AccessKind.VDEV


# --- tables -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bits", "start", "roots", "depth"),
    [
        (30, 2, 1, 2),
        (32, 1, 1, 3),
        (36, 1, 1, 3),
        (39, 1, 1, 3),
        (40, 1, 2, 3),
        (43, 1, 16, 3),
        (44, 0, 1, 4),
        (48, 0, 1, 4),
    ],
)
def test_address_bits_choose_the_first_level(bits: int, start: int, roots: int, depth: int) -> None:
    regime = arm_regime(bits)

    assert (regime.start_level, regime.root_tables, regime.depth) == (start, roots, depth)


def mapping(guest: int, size: int, host_at: int | None) -> Mapped:
    return Mapped(guest=AddressRange.sized(guest, size), host=host_at, permissions=frozenset("rw"))


@pytest.mark.parametrize("gib", [1, 2, 4])
def test_table_memory_is_that_of_the_written_formula(gib: int) -> None:
    # 2 MiB and 4 KiB of tables for each GiB by pages, 4 KiB for each GiB by 2 MiB blocks (level 1 apart)
    rows = [mapping(BASE, gib * GIB, 0x4020_0000)]
    pages = stage2(arm_regime(39, blocks=False), rows)
    blocks = stage2(arm_regime(39), rows)

    assert pages.table_bytes == gib * (2 * MIB + 4096) + 4096
    assert blocks.table_bytes == gib * 4096 + 4096
    assert stage2(arm_regime(39), [mapping(BASE, gib * GIB, BASE)]).table_bytes == 4096


def test_a_walk_reads_one_entry_for_each_level_down_to_the_block() -> None:
    rows = [
        mapping(GIB, 2 * GIB, 5 * GIB),
        mapping(4 * GIB, 2 * MIB, 8 * GIB),
        mapping(5 * GIB, 0x1000, 9 * GIB),
    ]
    table = stage2(arm_regime(39), rows)

    assert [table.walk(address).reads for address in (GIB, 4 * GIB, 5 * GIB)] == [1, 2, 3]
    assert [table.walk(address).host for address in (GIB + 5, 5 * GIB + 5)] == [5 * GIB + 5, 9 * GIB + 5]
    assert [table.walk(address).reads for address in (0, 4 * GIB + 3 * MIB, 5 * GIB + 0x1000)] == [1, 2, 3]
    assert table.deepest == 3


@pytest.mark.parametrize(("n", "m", "reads"), [(4, 4, 24), (4, 3, 19), (3, 3, 15), (3, 4, 19)])
def test_nested_walks_are_bounded_as_published(n: int, m: int, reads: int) -> None:
    assert nested_reads(n, m) == reads


def test_the_longest_nested_walk_is_the_bound_itself() -> None:
    table = stage2(ept_regime(blocks=False), [mapping(0, 0x1000, 0)])

    assert table.miss_reads(0, 4) == nested_reads(4, 4)


def test_neighbours_that_continue_each_other_become_one_block() -> None:
    table = stage2(arm_regime(39), [mapping(0, MIB, 0), mapping(MIB, MIB, MIB)])

    assert table.walk(0).level == 2


def test_pieces_lie_apart_in_the_host() -> None:
    terms = MemoryTerms(placement=Placement(piece=0x2000))
    guest = build_memory(system(vm("la", ram(0, 0x6000))), SHAPES, terms).guest("la")
    places = [guest.translate(page) for page in range(0, 0x6000, 0x1000)]

    assert places == [0xBFFFE000, 0xBFFFF000, 0xBFFFC000, 0xBFFFD000, 0xBFFFA000, 0xBFFFB000]


def _option(key: str, value: str) -> Option:
    return Option(key=key, values=(value,))
