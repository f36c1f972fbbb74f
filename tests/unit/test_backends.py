"""Back ends, watchdogs, DMA and guest time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_systems import MIB, SHAPES, host, passed, ram, region, region_pass, system, vm

from hvbuild.machine.backends import Order, awaited, awaited_arrival, handed_over, serving, watchdog
from hvbuild.machine.costs import cost_table, free_table
from hvbuild.machine.dma import Containment, Reach, foreign, is_unity, reaches
from hvbuild.machine.exits import Cause, Terms, exit_ns
from hvbuild.machine.guesttime import (
    FROM_ZERO,
    Running,
    counted_delay,
    false_timeout,
    firings,
    guest_counter,
    guest_time,
    running,
    work_loop,
)
from hvbuild.machine.memory import MachineMemory, build_memory
from hvbuild.machine.program import Action, Answer, Await, NextPeriod, Operate, Work, compile_program
from hvbuild.machine.scenario import Burst, Scenario, Thread
from hvbuild.machine.schedule import Schedule, simulate
from hvbuild.model.board import Device
from hvbuild.model.system import System
from hvbuild.model.vm import Pass, PassPci
from hvbuild.ranges import AddressRange
from hvbuild.report.map import map_data, system_map
from hvbuild.units import Nanoseconds

TERMS = Terms(costs=cost_table("el2-host", 1_000_000_000))
FREE = Terms(costs=free_table())
MS = 1_000_000


def played(programs: list[tuple[tuple[Action, ...], int, bool]], terms: Terms, cpus: int = 2) -> Schedule:
    threads = [
        Thread(
            id=i,
            prio=prio,
            policy="f",
            loop=loop,
            bursts=compile_program(actions, terms).bursts,
            runmask=1 << min(i, cpus - 1),
            start_cpu=min(i, cpus - 1),
        )
        for i, (actions, prio, loop) in enumerate(programs)
    ]
    return simulate(Scenario(cpus=cpus, horizon_ns=50 * MS, threads=tuple(threads)))


def asks(server: int | None = 1, *, in_vcpu: int = 0) -> Order:
    return Order(vdev="virtio-blk", name="request", server=server, in_vcpu=Nanoseconds(in_vcpu))


@pytest.mark.parametrize(("way", "halts"), [(handed_over, 0), (awaited, 1)])
def test_a_request_makes_the_same_exits_waited_for_or_not(
    way: Callable[[Order], Iterator[Action]], halts: int
) -> None:
    counts = compile_program(way(asks()), TERMS).tally.counts

    assert {cause: n for cause, n in counts.items() if cause is not Cause.HALT} == {
        Cause.VDEV: 3,
        Cause.INTERRUPT: 1,
    }
    assert counts.get(Cause.HALT, 0) == halts


def test_a_guest_whose_halt_is_no_exit_waits_without_one() -> None:
    order = Order(vdev="virtio-blk", name="request", server=1, in_place=True)

    assert Cause.HALT not in compile_program(awaited(order), TERMS).tally.counts


def test_work_in_the_vcpu_thread_is_host_work_of_the_vcpu() -> None:
    schedule = played([((*handed_over(asks(None, in_vcpu=MS)), Work(ns=Nanoseconds(100))), 10, False)], TERMS)
    exits = 3 * exit_ns(TERMS, Cause.VDEV) + exit_ns(TERMS, Cause.INTERRUPT)

    assert (schedule.threads[0].host_ns, schedule.threads[0].cpu_ns) == (MS + exits, MS + exits + 100)


def test_work_handed_over_runs_on_the_other_thread_and_the_vcpu_waits() -> None:
    client = (Work(ns=Nanoseconds(500)), *awaited(asks()), Work(ns=Nanoseconds(300)))
    schedule = played([(client, 10, False), (tuple(serving(Nanoseconds(MS))), 20, True)], FREE)
    mine = [(s.start, s.end) for s in schedule.segments if s.thread == 0]
    theirs = [(s.start, s.end) for s in schedule.segments if s.thread == 1]

    assert mine == [(0, 500), (500 + MS, 800 + MS)]
    assert theirs == [(500, 500 + MS)]


def test_work_handed_over_without_waiting_runs_beside_the_guest() -> None:
    client = (Work(ns=Nanoseconds(500)), *handed_over(asks()), Work(ns=Nanoseconds(300)))
    schedule = played([(client, 10, False), (tuple(serving(Nanoseconds(MS))), 20, True)], FREE)

    assert [(s.start, s.end) for s in schedule.segments if s.thread == 0] == [(0, 800)]


def test_a_thread_of_a_vdev_asks_the_service_behind_it_and_waits() -> None:
    client = (Work(ns=Nanoseconds(500)), *awaited(asks()), Work(ns=Nanoseconds(300)))
    vdev = tuple(serving(Nanoseconds(2000), behind=[2]))
    service = tuple(serving(Nanoseconds(MS)))
    schedule = played([(client, 10, False), (vdev, 20, True), (service, 20, True)], FREE, 3)

    assert max(s.start for s in schedule.segments if s.thread == 0) == 500 + 2000 + MS


def test_a_packet_travels_through_the_senders_vdev_thread() -> None:
    sender = (Work(ns=Nanoseconds(100)), *handed_over(Order(vdev="virtio-net", name="send", server=1)))
    carrier = tuple(serving(Nanoseconds(2000), takers=[2]))
    receiver = (Await(), Operate(vdev="virtio-net", name="receive"), Answer())
    schedule = played([(sender, 10, False), (carrier, 20, True), (receiver, 10, True)], TERMS, 3)
    by_thread = {t.id: t.cpu_ns for t in schedule.threads}
    vdev = exit_ns(TERMS, Cause.VDEV)

    assert by_thread == {0: 100 + vdev, 1: 2000, 2: 2 * vdev + exit_ns(TERMS, Cause.INTERRUPT)}
    assert min(s.start for s in schedule.segments if s.thread == 2) == 100 + vdev + 2000


def test_a_notification_wakes_every_attached_guest() -> None:
    sender = tuple(handed_over(Order(vdev="shmem", name="notify", takers=(1, 2))))
    receiver = tuple(awaited_arrival(Order(vdev="shmem", name="notified")))
    schedule = played([(sender, 10, False), (receiver, 10, False), (receiver, 10, False)], TERMS, 3)

    taken = exit_ns(TERMS, Cause.VDEV) + exit_ns(TERMS, Cause.INTERRUPT) + exit_ns(TERMS, Cause.HALT)
    assert schedule.threads[1].cpu_ns == schedule.threads[2].cpu_ns == taken


@pytest.mark.parametrize(
    ("kicks", "acts"),
    [
        ([], 200),
        ([100, 250, 400], 600),
        ([199], 399),
        ([200], 200),
        ([100, 301], 300),
        ([100 * n for n in range(11)], None),
    ],
)
def test_a_watchdog_acts_after_two_periods_without_a_kick(kicks: list[int], acts: int | None) -> None:
    found = watchdog("wdt-sp805", Nanoseconds(100), kicks, until=1000)

    assert (found.acted_ns if found else None) == acts
    if found is not None:
        assert found.warned_ns == found.acted_ns - 100
        assert found.ending is not None
        assert found.ending.code == 4


def test_a_watchdog_that_only_warns_ends_nothing() -> None:
    found = watchdog("wdt-ib700", Nanoseconds(100), [], until=1000, action="dump,fiq")

    assert found is not None
    assert (found.acted_ns, found.warned_ns, found.ending) == (100, None, None)


# --- DMA ---------------------------------------------------------------------------------------------------

SPI = Device(name="spi", windows=(AddressRange.sized(0xFE204000, 0x1000),), dma=True, stream_ids=(5,))
NET = Device(name="net", windows=(AddressRange.sized(0xFE300000, 0x1000),), dma=True, stream_ids=(5,))


def with_devices(made: System, smmu: bool | None, manager: bool | None) -> MachineMemory:
    devices = MappingProxyType({"spi": SPI, "net": NET})
    return build_memory(
        replace(made, host=replace(made.host, devices=devices, smmu=smmu, smmuman=manager)), SHAPES
    )


def one(memory: MachineMemory) -> Reach:
    (row,) = reaches(memory)
    return row


@pytest.mark.parametrize(
    ("smmu", "manager", "flags", "expected"),
    [
        (True, True, "rwd", Containment.CONTAINED),
        (True, True, "rwn", Containment.UNKNOWN),
        (True, False, "rwd", Containment.REFUSED),
        (False, False, "rwd", Containment.REFUSED),
        (False, True, "rwd", Containment.REFUSED),
        (False, False, "rwn", Containment.UNRESTRICTED),
        (None, False, "rwd", Containment.UNKNOWN),
    ],
)
def test_containment_needs_both_smmu_and_smmuman(
    smmu: bool | None, manager: bool | None, flags: str, expected: Containment
) -> None:
    made = system(vm("a", ram(0, MIB), passes=[passed(0xFE204000, 0x1000, flags)]), vm("b", ram(0, MIB)))
    memory = with_devices(made, smmu, manager)
    row = one(memory)

    assert (row.device, row.containment) == ("spi", expected)
    if expected is Containment.CONTAINED:
        assert row.works
        assert foreign(memory, row) == ()
    if expected is Containment.UNRESTRICTED:
        assert not row.works
        assert any(part.overlaps(memory.guest("b").allocated[0]) for part in foreign(memory, row))


def test_a_unity_mapped_guest_starts_unprotected_and_its_dma_works() -> None:
    facts = host((0x80000000, 8 * MIB), regions=[region("pool", 0x80000000, MIB)])
    made = system(vm("a", passes=[region_pass("pool"), passed(0xFE204000, 0x1000, "rwd")]), facts=facts)
    memory = with_devices(made, False, False)
    row = one(memory)

    assert is_unity(memory.guest("a"))
    assert (row.containment, row.works) == (Containment.UNRESTRICTED, True)
    assert [str(part) for part in foreign(memory, row)] == ["0x80100000..0x80800000"]


def test_a_pci_device_masters_the_bus_unless_the_board_says_otherwise() -> None:
    card = Pass(pci=(PassPci(host="0:2.0"),))
    made = system(
        vm("a", ram(0, MIB), passes=[card]), facts=host((0x80000000, 8 * MIB), architecture="x86_64")
    )
    quiet = Device(name="uart", pci="0:2.0", dma=False)
    silent = replace(made, host=replace(made.host, devices=MappingProxyType({"uart": quiet})))

    assert [(row.device, row.containment) for row in reaches(with_devices(made, True, True))] == [
        ("pci:0:2.0", Containment.CONTAINED)
    ]
    assert one(with_devices(made, False, False)).containment is Containment.REFUSED
    assert list(reaches(build_memory(silent, SHAPES))) == []


def test_devices_of_one_stream_reach_each_others_guests() -> None:
    made = system(
        vm("a", ram(0, MIB), passes=[passed(0xFE204000, 0x1000, "rwd")]),
        vm("b", ram(0, MIB), passes=[passed(0xFE300000, 0x1000, "rwd")]),
    )
    memory = with_devices(made, True, True)
    rows = list(reaches(memory))

    assert [row.containment for row in rows] == [Containment.CONTAINED] * 2
    assert foreign(memory, rows[0]) == memory.guest("b").allocated


@pytest.mark.parametrize(
    ("smmu", "manager", "flags", "said"),
    [
        (True, True, "rwd", ("contained", "1MiB of other guests, too", "work")),
        (False, False, "rwd", ("refused", "nothing: its qvm does not start", "do not work")),
        (
            False,
            False,
            "rwn",
            ("unrestricted", "all host memory, 1023MiB of it not its guest's", "do not work"),
        ),
        (None, True, "rwd", ("unknown", "not known", "do not work")),
    ],
)
def test_the_map_says_what_a_device_reaches(
    smmu: bool | None, manager: bool, flags: str, said: tuple[str, str, str]
) -> None:
    """With containment, too: the two devices share a stream id, so neither is told from the other."""
    made = system(
        vm("a", ram(0, MIB), passes=[passed(0xFE204000, 0x1000, flags)]),
        vm("b", ram(0, MIB), passes=[passed(0xFE300000, 0x1000, flags)]),
    )
    memory = with_devices(made, smmu, manager)
    data = map_data(system_map(memory.system, lambda _: None, lambda _: {}, memory))
    host_part = data["host"]
    assert isinstance(host_part, dict)
    rows = host_part["dma"]

    assert [(row["device"], row["owner"]) for row in rows] == [("spi", "guest a"), ("net", "guest b")]
    assert [(row["DMA"], row["reaches"], row["guest addresses"]) for row in rows] == [said] * 2


def test_the_map_says_what_the_tables_of_a_guest_take() -> None:
    # one stretch of 1 MiB, and a page of pass-through, both below 2 MiB: a table of each level
    memory = build_memory(system(vm("a", ram(0, MIB), passes=[passed(MIB, 0x1000)])), SHAPES)
    data = map_data(system_map(memory.system, lambda _: None, lambda _: {}, memory))
    guests = data["guests"]
    assert isinstance(guests, dict)

    assert guests["a"]["tables"] == [
        {
            "regime": "stage 2",
            "bits": "40",
            "levels": "3",
            "mapped": "1028KiB",
            "mappings": "2",
            "table memory": "16KiB",  # two at the root, side by side for 40 bits
            "longest walk": "3 reads",
            "both walks": "19 reads",
        }
    ]


# --- guest time --------------------------------------------------------------------------------------------

RAN = Running((0, 300, 1000), (100, 500, 2000))


@pytest.mark.parametrize(
    ("due", "seen"), [(50, 50), (100, 300), (299, 300), (500, 1000), (1999, 1999), (2000, None)]
)
def test_a_timer_due_while_the_vcpu_waits_is_seen_at_its_next_entrance(due: int, seen: int | None) -> None:
    assert firings(RAN, [due])[0].seen_ns == seen


def test_delays_by_the_counter_and_by_work_go_wrong_in_opposite_ways() -> None:
    delay, loop = counted_delay(RAN, 0, 400), work_loop(RAN, 0, 400)

    assert delay is not None
    assert loop is not None
    assert (delay.clock_ns, delay.guest_ns) == (400, 200)
    assert (loop.clock_ns, loop.guest_ns) == (1100, 400)
    assert false_timeout(RAN, 0, 150, 200)
    assert not false_timeout(RAN, 0, 100, 200)
    assert work_loop(RAN, 0, 5000) is None


def test_the_counter_follows_its_offset() -> None:
    assert guest_counter(5000, started_ticks=4000) == 1000
    assert guest_counter(5000, 0) == 5000
    assert guest_counter(5, 7) == FROM_ZERO - 1


STRETCHES = (
    st.lists(st.integers(0, 1000), min_size=2, max_size=12, unique=True)
    .map(sorted)
    .filter(lambda x: len(x) % 2 == 0)
)


@settings(max_examples=80, deadline=None)
@given(STRETCHES, st.integers(0, 1000), st.integers(1, 500))
def test_guest_time_agrees_with_a_count_of_every_nanosecond(cuts: list[int], start: int, span: int) -> None:
    ran = Running(tuple(cuts[::2]), tuple(cuts[1::2]))
    live = [any(a <= t < b for a, b in zip(cuts[::2], cuts[1::2], strict=True)) for t in range(2000)]

    assert ran.total(start, start + span) == sum(live[start : start + span])
    assert ran.stolen(start, start + span) == span - sum(live[start : start + span])
    assert ran.next_at(start) == next((t for t in range(start, 2000) if live[t]), None)
    done = [t + 1 for t in range(start, 2000) if sum(live[start : t + 1]) == span]
    assert ran.after_work(start, span) == (done[0] if done else None)
    pauses = "".join(" " if live[t] else "." for t in range(start, start + span)).split()
    length, at = ran.longest_pause(start, start + span)
    assert length == max(map(len, pauses), default=0)
    assert not any(live[at : at + length])


@settings(max_examples=80, deadline=None)
@given(STRETCHES, STRETCHES, st.lists(st.integers(0, 1000), max_size=4))
def test_what_a_vcpu_lost_is_its_time_with_work_less_what_it_ran_then(
    cuts: list[int], work: list[int], due: list[int]
) -> None:
    ran = Running(tuple(cuts[::2]), tuple(cuts[1::2]))
    spans = list(zip(work[::2], work[1::2], strict=True))
    # a late job overlaps the next, whose time is then not counted twice
    lost = guest_time(ran, [*spans, *((b - 1, b) for _, b in spans[-1:])], due)
    late = [moment - t for t in due if (moment := ran.next_at(t)) is not None]

    assert lost.active_ns == sum(b - a for a, b in spans)
    assert lost.stolen_ns == lost.active_ns - sum(ran.total(a, b) for a, b in spans)
    assert lost.pause_ns == max((ran.longest_pause(a, b)[0] for a, b in spans), default=0)
    assert lost.timer_late_ns == (max(late) if late else None)


def test_stolen_time_is_what_a_rival_takes() -> None:
    bursts = compile_program([Work(ns=Nanoseconds(MS)), NextPeriod(ns=Nanoseconds(4 * MS))], FREE).bursts
    rival = Thread(id=1, prio=20, bursts=bursts, policy="f")
    guest = Thread(id=0, prio=10, bursts=(Burst(100 * MS, 0, "c"),), policy="f")
    ran = running(simulate(Scenario(cpus=1, horizon_ns=20 * MS, threads=(guest, rival))).segments, 0)

    assert ran.stolen(0, 20 * MS) == 5 * MS
