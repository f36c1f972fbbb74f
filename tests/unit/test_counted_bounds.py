"""A proof counts what a run charges: a vCPU is left for each tick of the host on the clock's pCPU."""

from dataclasses import replace

import certify_subjects as make
import pytest
from builders import vcpu

from hvbuild.certify.counted import counted_bound
from hvbuild.certify.ground import Ground, ground_of
from hvbuild.certify.outcome import Answer, NotApplicable, Proved, Refused
from hvbuild.certify.properties.analysed import pinned_meet_bounds
from hvbuild.certify.subject import Subject
from hvbuild.machine.bounds import response_bound
from hvbuild.model.guest import VdevUse
from hvbuild.units import Nanoseconds

TICK = 1_000_000


def alone(cpu: int, bound_ns: int = 10 * TICK) -> Subject:
    """One vCPU with a pCPU of its own, 6 ms of work in each 10 ms, and a bound of its own."""
    vm = make.qnx_vm(vcpus=(vcpu("20r", [cpu]),))
    load = replace(make.demand(6, 10), bound=Nanoseconds(bound_ns))
    return make.a_subject(declared=(vm,), demands={"qnx": (load,)}, services=(), shared=())


def bounds(ground: Ground) -> tuple[int, int]:
    """Without and with the exits for the host."""
    (thread,) = ground.threads
    plain = response_bound(ground, thread, ground.threads).response_ns
    counted = counted_bound(ground, thread, ground.threads).response_ns
    assert plain is not None
    assert counted is not None
    return plain, counted


def test_on_the_clocks_pcpu_each_tick_is_counted() -> None:
    ground = ground_of(alone(cpu=0))
    plain, counted = bounds(ground)
    cost = ground.engine.interrupt_ns
    ticks = -(-counted // TICK) + 1
    wake_ups = -(-counted // (10 * TICK)) + 1

    assert cost > 0
    assert counted == plain + (ticks + wake_ups) * cost


def test_on_another_pcpu_nothing_is_added() -> None:
    plain, counted = bounds(ground_of(alone(cpu=1)))

    assert counted == plain


@pytest.mark.parametrize(("off", "kind"), [(-1, Refused), (0, NotApplicable)])
def test_a_bound_that_only_interrupts_can_break_is_left_to_drawn_runs(off: int, kind: type[Answer]) -> None:
    plain, _ = bounds(ground_of(alone(cpu=0)))

    assert isinstance(pinned_meet_bounds(ground_of(alone(0, plain + off))), kind)


def test_a_bound_with_room_for_them_is_proved() -> None:
    _, counted = bounds(ground_of(alone(cpu=0)))

    assert isinstance(pinned_meet_bounds(ground_of(alone(0, counted))), Proved)
    assert not isinstance(pinned_meet_bounds(ground_of(alone(0, counted - 1))), Proved)


def test_what_back_ends_do_in_the_thread_is_counted() -> None:
    (idle,) = ground_of(alone(cpu=1)).threads
    assert idle.demand is not None
    uses = (VdevUse(vdev="uart", name="byte", count=3),)
    busy = replace(idle, demand=replace(idle.demand, uses=uses), vdevs={"uart": "pl011"})
    working = replace(busy, demand=replace(idle.demand, uses=uses, back_end=Nanoseconds(70_000)))
    ground = ground_of(alone(cpu=1))

    assert ground.overhead_ns(working) == ground.overhead_ns(busy) + 3 * 70_000


def test_exits_that_a_load_names_are_counted_at_what_they_cost() -> None:
    subject = alone(cpu=1)
    plain = ground_of(subject)
    load = replace(make.demand(6, 10), exits=(("sgi", 3), ("timer", 2), ("interrupt", 1)))
    vm = make.qnx_vm(vcpus=(vcpu("20r", [1]),))
    named = ground_of(make.a_subject(declared=(vm,), demands={"qnx": (load,)}, services=(), shared=()))
    terms = named.terms
    more = 3 * terms["sgi-exit"] + 2 * terms["timer-exit"] + terms["interrupt-exit"]

    assert named.overhead_ns(named.threads[0]) == plain.overhead_ns(plain.threads[0]) + more
    assert [row.name for row in terms.rows if row not in plain.terms.rows] == ["sgi-exit", "timer-exit"]
