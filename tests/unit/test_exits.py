"""Exits: what each consists of, what it costs, and how many an operation makes."""

import pytest
from machine_systems import MIB, SHAPES, host, passed, ram, system, vdev, vm

from hvbuild.catalog import shipped_catalog
from hvbuild.machine.access import Access, Operation
from hvbuild.machine.costs import DEFAULT_COSTS, Level, cost_table, free_table
from hvbuild.machine.exits import (
    CAUSES,
    SGI_GICV2,
    Cause,
    Tally,
    Terms,
    exit_ns,
    interrupt_path,
    refills,
)
from hvbuild.machine.memory import build_memory
from hvbuild.machine.program import (
    Action,
    Call,
    Halt,
    Leave,
    Operate,
    ReadTrapped,
    SendSgi,
    TakeInterrupt,
    TakeTick,
    Touch,
    Work,
    compile_program,
    engine_costs,
    with_ticks,
)
from hvbuild.machine.scenario import Burst
from hvbuild.model.board import Cost
from hvbuild.model.operations import OPERATIONS
from hvbuild.units import Nanoseconds

GHZ = 1_000_000_000


def ns(value: int) -> Nanoseconds:
    return Nanoseconds(value)


def terms(cost_class: str = "el2-host", *, gic: int = 3, halt: bool = True) -> Terms:
    return Terms(costs=cost_table(cost_class, GHZ), gic=gic, exit_on_halt=halt)


@pytest.mark.parametrize("cost_class", sorted(DEFAULT_COSTS))
def test_every_row_has_a_range_and_a_provenance(cost_class: str) -> None:
    names = [row.name for row in DEFAULT_COSTS[cost_class]]

    assert len(names) == len(set(names))
    for row in DEFAULT_COSTS[cost_class]:
        assert row.low <= row.typical <= row.high
        assert row.source
        assert row.unit in ("cycles", "ns", "bytes/s")
    needed = {"exit-entry", *SGI_GICV2, *(part for row in CAUSES.values() for part in row.parts)}
    assert needed <= set(names)


def test_a_host_at_el1_pays_more_for_every_exit() -> None:
    for cause in Cause:
        assert exit_ns(terms("el1-host"), cause) > exit_ns(terms("el2-host"), cause)


def test_cycles_are_taken_at_the_core_clock() -> None:
    assert cost_table("el2-host", GHZ).ns("exit-entry") == 1500
    assert cost_table("el2-host", 2 * GHZ).ns("exit-entry") == 750
    assert cost_table("el2-host", 2841600000).ns("exit-entry") == 528
    assert cost_table("el2-host", GHZ, level=Level.LOW).ns("exit-entry") == 376
    assert cost_table("el2-host", GHZ, level=Level.HIGH).moving_ns("zeroing", 2_290_000_000) == GHZ


def test_a_boards_own_row_replaces_the_default_and_keeps_its_provenance() -> None:
    row = Cost(
        name="zeroing", low=1, typical=4 * MIB, high=8 * MIB, unit="bytes/s", source="bench of board x"
    )
    table = cost_table("el2-host", GHZ, [row])

    assert table.moving_ns("zeroing", 4 * MIB) == GHZ
    assert table.rows["zeroing"].source == "bench of board x"


def test_a_measured_exit_replaces_the_sum_of_its_parts() -> None:
    row = Cost(name="exit-vdev", low=1, typical=4321, high=9999, unit="ns", source="trace of board x")
    measured = Terms(costs=cost_table("el2-host", GHZ, [row]))

    assert exit_ns(measured, Cause.VDEV) == 4321
    assert exit_ns(measured, Cause.HALT) == exit_ns(terms(), Cause.HALT) == 3500


def test_an_sgi_is_dearer_on_gicv2() -> None:
    assert exit_ns(terms(gic=2), Cause.SGI) == 1500 + 1000 + 1000
    assert exit_ns(terms(gic=3), Cause.SGI) == 1500 + 500 + 1000


@pytest.mark.parametrize(
    ("pending", "registers", "extra"),
    [(0, 4, 0), (1, 4, 0), (4, 4, 0), (5, 4, 1), (9, 4, 2), (16, 16, 0), (17, 16, 1)],
)
def test_interrupts_beyond_the_list_registers_cost_maintenance_exits(
    pending: int, registers: int, extra: int
) -> None:
    assert refills(pending, registers) == extra


def test_a_pass_through_interrupt_goes_the_documented_way() -> None:
    plain, early = interrupt_path(), interrupt_path(unmask_early=True)

    assert [step.name for step in plain] == ["exit", "mask", "inject", "handle", "completion", "unmask"]
    assert [step.name for step in early] == ["exit", "mask", "unmask", "inject", "handle", "completion"]
    assert [len([s for s in path if s.cause]) for path in (plain, early)] == [2, 1]
    for path, unmask_early in ((plain, False), (early, True)):
        program = compile_program([TakeInterrupt(handler_ns=ns(10), unmask_early=unmask_early)], terms())
        assert [s.cause for s in path if s.cause] == list(program.tally.counts)
        assert program.guest_ns == 10


def test_what_an_exit_moves_follows_the_class() -> None:
    tally = Tally().plus(Cause.VDEV, 2).plus(Cause.HALT)

    assert (tally.levels(terms("el2-host")), tally.registers(terms("el2-host"))) == (3 * 2 + 2 * 2, 3 * 62)
    assert (tally.levels(terms("el1-host")), tally.registers(terms("el1-host"))) == (3 * 4 + 2 * 2, 3 * 130)


GUEST = build_memory(
    system(
        vm("la", ram(0, MIB), vdevs=[vdev("pl011", 0x1C090000)], passes=[passed(0x20000000, 0x1000)]),
        facts=host((0x80000000, 2 * MIB)),
    ),
    SHAPES,
).guest("la")


@pytest.mark.parametrize(
    ("address", "cause"), [(0, None), (0x20000000, None), (0x1C090000, Cause.VDEV), (0x30000000, Cause.FAULT)]
)
def test_an_access_exits_exactly_when_nothing_is_mapped(address: int, cause: Cause | None) -> None:
    access = Access(operation=Operation.READ, address=address)
    program = compile_program([Work(ns=ns(100)), Touch(access=access, count=3)], terms(), GUEST)

    assert program.tally.counts == ({cause: 3} if cause else {})
    assert program.host_ns == (3 * exit_ns(terms(), cause) if cause else 0)


def test_bursts_hold_guest_work_and_host_work_apart() -> None:
    actions: list[Action] = [
        Work(ns=ns(100)),
        Call(),
        Call(),
        Work(ns=ns(50)),
        Work(ns=ns(7)),
        Halt(ns=ns(1000)),
        ReadTrapped(),
    ]
    program = compile_program(actions, terms())

    assert program.bursts == (
        Burst(100, 0, "c", False),
        Burst(3600, 0, "c", True),
        Burst(57, 0, "c", False),
        Burst(3500, 1000, "i", True),
        Burst(2000, 0, "c", True),
    )
    assert (program.guest_ns, program.host_ns) == (157, 9100)


def test_without_exit_on_halt_a_waiting_guest_holds_its_cpu() -> None:
    program = compile_program([Work(ns=ns(100)), Halt(ns=ns(900))], terms(halt=False))

    assert program.bursts == (Burst(1000, 0, "c", False),)
    assert program.tally.exits == 0


def test_a_send_of_an_sgi_is_one_exit_and_wakes_its_targets() -> None:
    program = compile_program([SendSgi(targets=(1, 2))], terms())

    assert program.bursts == (Burst(3000, 1, "p", True), Burst(0, 2, "p", False))
    assert program.tally.counts == {Cause.SGI: 1}


def test_ticks_are_counted_in_guest_time() -> None:
    actions = list(with_ticks([Work(ns=ns(2500)), Call(), Work(ns=ns(600))], ns(1000), ns(5)))

    assert [a.ns for a in actions if isinstance(a, Work)] == [1000, 1000, 500, 500, 100]
    assert sum(isinstance(a, TakeTick) for a in actions) == 3


@pytest.mark.parametrize("vdev", sorted({vdev for vdev, _ in OPERATIONS}))
def test_operations_speak_of_devices_in_the_catalogue(vdev: str) -> None:
    assert vdev in shipped_catalog().vdevs


def test_the_table_says_what_the_catalogue_says_where_both_speak() -> None:
    vdevs = shipped_catalog().vdevs
    both = {(vdev, name): vdevs[vdev].exits[name] for vdev, name in OPERATIONS if name in vdevs[vdev].exits}

    assert both == {key: OPERATIONS[key].registers for key in both}
    assert {("pl011", "byte"), ("ser8250", "byte"), ("gic", "acknowledge")} <= both.keys()


def test_an_operation_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        compile_program([Operate(vdev="unknown", name="byte")], terms())


def test_virtio_is_cheaper_for_a_page_than_a_register_device() -> None:
    serial = compile_program([Operate(vdev="pl011", name="byte", count=4096)], terms())
    block = compile_program([Operate(vdev="virtio-blk", name="request")], terms())

    assert serial.tally.exits == 4096
    assert block.tally.counts == {Cause.VDEV: 3, Cause.INTERRUPT: 1}


def test_an_interrupt_of_the_host_costs_the_way_out_and_in() -> None:
    program = compile_program([Leave(cause=Cause.HOST_INTERRUPT, count=4)], terms())

    assert program.host_ns == 4 * 1500


def test_the_schedulers_own_acts_cost_what_the_table_says() -> None:
    costs = engine_costs(terms())

    assert (costs.switch_ns, costs.ipi_ns, costs.migration_ns) == (1500 + 1500, 1000, 2000)
    assert engine_costs(Terms(costs=free_table())).switch_ns == 0
