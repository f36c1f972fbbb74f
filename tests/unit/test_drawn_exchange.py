"""Drawn runs of threads that ask and wait: every request is made, every wait paid, no lock held over one."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import certify_subjects as make
import pytest
from builders import vcpu

from hvbuild.certify.draws import Drawn
from hvbuild.certify.families import family_row
from hvbuild.certify.ground import Ground, ground_of
from hvbuild.certify.playing import ScheduleRun, regular_part
from hvbuild.certify.property import Family
from hvbuild.machine.costs import free_table
from hvbuild.machine.exits import Terms
from hvbuild.machine.loads import load_of
from hvbuild.machine.scenario import Burst
from hvbuild.machine.threads import Errand, HostThread
from hvbuild.model.guest import Demand, VdevUse
from hvbuild.model.vm import Fifo
from hvbuild.units import Nanoseconds

MS = 1_000_000
ASK = VdevUse(vdev="disk", name="request", count=3)
SEND = VdevUse(vdev="net", name="send", count=2)
FREE = cast("Ground", SimpleNamespace(overhead_ns=lambda _: 700))


def client(*errands: Errand, **more: object) -> HostThread:
    fields = {"pattern": "periodic", "period": Nanoseconds(10 * MS), "work": Nanoseconds(MS), **more}
    return HostThread(
        name="a/0",
        guest="a",
        home="a",
        number=0,
        sched=Fifo(10),
        cpus=frozenset((0,)),
        partition="System",
        demand=Demand(uses=tuple(row.use for row in errands), **fields),  # type: ignore[arg-type]
        vdevs={"disk": "virtio-blk", "net": "virtio-net"},
        errands=errands,
    )


WAITED = Errand(use=ASK, server="blk", awaited=True)
SENT = Errand(use=SEND, takers=("b/0", "c/0"))
HOW = Drawn(start_ns=0, work_ns=MS, period_ns=10 * MS)
PLACES = {"a/0": 0, "b/0": 1, "c/0": 2, "blk": 3}


@pytest.mark.parametrize("burst", [1, 2])
def test_every_request_of_an_activation_is_made(burst: int) -> None:
    part = regular_part(FREE, client(WAITED, SENT, burst=burst), HOW, PLACES)
    calls = [(row.kind, row.value) for row in part.bursts if row.kind not in "cn"]

    assert calls == [*(("q", 3), ("a", 3)) * 3 * burst, *(("q", 1), ("q", 2)) * 2 * burst]
    assert sum(row.run_ns for row in part.bursts) == part.work_ns == MS + 700
    # it waits at once: what it does meanwhile is nothing
    assert all(row.run_ns == 0 for row in part.bursts if row.kind == "a")


def test_one_that_takes_nothing_in_this_run_is_not_asked() -> None:
    part = regular_part(FREE, client(SENT), HOW, {"a/0": 0, "c/0": 2})

    assert [(row.kind, row.value) for row in part.bursts if row.kind == "q"] == [("q", 2)] * 2


def test_a_wait_costs_a_halt_and_the_way_back() -> None:
    vm = make.qnx_vm(vcpus=(vcpu("20r", [1]),))
    subject = make.a_subject(declared=(vm,), demands={"qnx": (make.demand(6, 10),)}, services=(), shared=())
    ground = ground_of(subject)
    (idle,) = ground.threads
    assert idle.demand is not None
    asking = replace(idle, demand=replace(idle.demand, uses=(ASK,)), vdevs={"disk": "virtio-blk"})
    sent, waited = (replace(asking, errands=(replace(WAITED, awaited=way),)) for way in (False, True))
    terms = ground.terms
    back = 2 * terms["context-switch"] + terms["ipi"] + terms["halt-exit"]

    assert ground.overhead_ns(sent) == ground.overhead_ns(asking)
    assert ground.overhead_ns(waited) == ground.overhead_ns(asking) + 3 * back


def between(bursts: tuple[Burst, ...]) -> str:
    """The kinds of what is done with the lock held."""
    kinds = "".join(row.kind for row in bursts)
    return kinds[kinds.index("k") + 1 : kinds.index("u")]


def test_no_spin_lock_is_held_over_a_wait() -> None:
    thread = client(WAITED, spinlock=Nanoseconds(900_000))
    load = load_of(thread, Terms(costs=free_table()), 0, 50 * MS, PLACES)
    assert load is not None

    assert sum(row.kind == "a" for row in load.part.bursts) == 3
    assert "a" not in between(load.part.bursts)


def test_a_drawn_lock_leaves_the_requests_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two vCPUs of one guest, one of which waits for a service."""
    vms = (make.qnx_vm(vcpus=(vcpu("20r", [1]), vcpu("20r", [2]))),)
    demands = {"qnx": (make.demand(2, 10), make.demand(2, 10))}
    ground = ground_of(make.a_subject(declared=vms, demands=demands, services=(), shared=()))
    first, second = ground.threads
    assert first.demand is not None
    service = replace(
        first,
        name="blk",
        guest="",
        home="",
        cpus=frozenset((3,)),
        demand=Demand(pattern="served", work=Nanoseconds(9)),
    )
    asks = replace(first, demand=replace(first.demand, uses=(ASK,)), vdevs={"disk": "virtio-blk"})
    from hvbuild.machine.exchange import exchanged  # noqa: PLC0415

    rows = exchanged(
        [
            replace(asks, demand=replace(asks.demand, awaits=("disk.request",))),  # type: ignore[type-var]
            second,
            replace(service, backs=(f"{first.guest}.disk",)),
        ]
    )
    monkeypatch.setitem(ground.__dict__, "threads", rows)
    monkeypatch.setitem(ground.__dict__, "workloads", (("declared", rows),))
    drawn = family_row(Family.LOCKS)
    seen = drawn.play(ground, tuple((field.name, 0) for field in drawn.fields(ground)), False)
    assert isinstance(seen, ScheduleRun)
    kinds = "".join(row.kind for row in seen.parts[0].bursts)

    assert (kinds.count("q"), kinds.count("a"), kinds.count("k")) == (3, 3, 1)
    assert "a" not in between(seen.parts[0].bursts)
    assert seen.jobs["blk"]
