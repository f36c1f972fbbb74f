"""Bounds of threads that ask, serve and wait, against figures worked out by hand."""

from collections.abc import Iterable
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import pytest

from hvbuild.machine.arrivals import Arrivals, Delays, delays_of
from hvbuild.machine.bounds import Bound, response_bound
from hvbuild.machine.exchange import exchanged
from hvbuild.machine.profiles import STRICT
from hvbuild.machine.setting import Setting
from hvbuild.machine.threads import HostThread, Stream
from hvbuild.model.guest import Demand, VdevUse
from hvbuild.model.vm import Fifo
from hvbuild.units import Nanoseconds

ASK = VdevUse(vdev="disk", name="request", count=1)


def setting(cpus: int) -> Setting:
    host = SimpleNamespace(tick=1000, partitions=None)
    system = SimpleNamespace(host=host)
    found = SimpleNamespace(
        system=system, profile=STRICT, cpus=cpus, speeds=(1024,) * cpus, overhead_ns=lambda _: 0
    )
    return cast("Setting", found)


def vcpu(
    name: str, prio: int, cpu: int, work: int, period: int, *, asks: int = 0, waits: bool = False
) -> HostThread:
    demand = Demand(
        pattern="periodic",
        period=Nanoseconds(period),
        work=Nanoseconds(work),
        uses=(VdevUse(vdev="disk", name="request", count=asks),) if asks else (),
        awaits=("disk.request",) if waits else (),
    )
    return HostThread(
        name=f"{name}/0",
        guest=name,
        home=name,
        number=0,
        sched=Fifo(prio),
        cpus=frozenset((cpu,)),
        partition="System",
        demand=demand,
        vdevs={"disk": "virtio-blk"},
    )


def service(
    prio: int, cpus: Iterable[int], work: int, *backs: str, name: str = "blk", home: str = ""
) -> HostThread:
    return HostThread(
        name=name,
        guest="",
        home=home,
        number=0,
        sched=Fifo(prio),
        cpus=frozenset(cpus),
        partition="System",
        demand=Demand(pattern="served", work=Nanoseconds(work)),
        vdevs={"disk": "virtio-blk"} if home else {},
        backs=backs,
    )


def bounds(cpus: int, *rows: HostThread) -> dict[str, Bound]:
    """The bound of each thread."""
    threads = exchanged(rows)
    given = setting(cpus)

    def bound(thread: HostThread, late: Delays) -> Bound:
        return response_bound(given, thread, threads, delays=late)

    delays = delays_of(threads, lambda thread, late: bound(thread, late).response_ns)
    return {thread.name: bound(thread, delays) for thread in threads}


def test_a_request_may_come_as_late_as_who_makes_it_is_done() -> None:
    """Below a rival of 80, `a` (10 in each 100) asks late once and early the next time: two at once."""
    found = bounds(
        2,
        vcpu("hog", 20, 0, 80, 1000),
        vcpu("a", 10, 0, 10, 100, asks=1),
        service(30, [1], 30, "a.disk"),
        vcpu("below", 10, 1, 40, 200),
    )

    assert found["a/0"].response_ns == 90
    # 40 of its own and two requests; as if each came with its period it would be 40 + 30
    assert found["below/0"].response_ns == 40 + 2 * 30


def test_a_wait_counts_for_who_waits() -> None:
    found = bounds(2, vcpu("a", 10, 0, 10, 1000, asks=3, waits=True), service(30, [1], 30, "a.disk"))

    # who waits for each has no second one under way
    assert found["blk"].response_ns == 30
    assert found["a/0"].response_ns == 10 + 3 * 30


def test_each_of_those_who_wait_has_one_request_before_another() -> None:
    rows = [
        vcpu("a", 10, 0, 10, 1000, asks=3, waits=True),
        vcpu("b", 10, 2, 10, 1000, asks=1, waits=True),
        service(30, [1], 30, "a.disk", "b.disk"),
    ]
    together = bounds(3, *rows)
    beside = bounds(3, *rows, vcpu("c", 30, 1, 5, 1000))

    assert together["a/0"].response_ns == 10 + 3 * 60
    # an equal on its pCPU: now only when requests arrive counts, four of them at once
    assert beside["blk"].response_ns == 4 * 30 + 5


def test_one_that_does_not_wait_may_have_many_before_another() -> None:
    found = bounds(
        3,
        vcpu("a", 10, 0, 10, 1000, asks=3),
        vcpu("b", 10, 2, 10, 1000, asks=1, waits=True),
        service(30, [1], 30, "a.disk", "b.disk"),
    )

    assert found["blk"].response_ns == 4 * 30


def test_who_waits_may_put_its_work_off() -> None:
    """`a` waits for 60 of its 100: two of its jobs may fall onto `below` one after the other."""
    found = bounds(
        2,
        vcpu("a", 20, 0, 20, 100, asks=1, waits=True),
        service(30, [1], 60, "a.disk"),
        vcpu("below", 10, 0, 30, 1000),
    )

    assert found["a/0"].response_ns == 80
    # 30 and two of 20: within 70 from its release a job put off by up to 80 and the next one
    assert found["below/0"].response_ns == 30 + 2 * 20


def test_a_vdev_thread_is_as_late_as_the_service_behind_it() -> None:
    found = bounds(
        3,
        vcpu("a", 10, 0, 10, 1000, asks=1, waits=True),
        service(20, [1], 5, "a.disk", name="a.disk", home="a"),
        service(20, [2], 30, "a.disk"),
    )

    assert found["blk"].response_ns == 30
    assert found["a.disk"].response_ns == 35
    assert found["a/0"].response_ns == 45


def test_the_worst_answer_need_not_be_the_first() -> None:
    """The example of Lehoczky 1990: 26 in each 70 above 62 in each 100; responses 114, 102, ..., 118, ..."""
    found = bounds(
        2, vcpu("high", 20, 0, 26, 70), vcpu("a", 10, 1, 1, 100, asks=1), service(10, [0], 62, "a.disk")
    )

    # one nanosecond of its work may pass before `a` asks, which makes the requests that much closer
    assert found["blk"].response_ns == pytest.approx(118, abs=1)


@pytest.mark.parametrize(
    ("rows", "who", "reason"),
    [
        (
            [vcpu("a", 10, 0, 10, 100, asks=1, waits=True), service(30, [0, 1], 30, "a.disk")],
            "a/0",
            "it waits for others that may be late without end",
        ),
        (
            [
                vcpu("busy", 20, 0, 60, 50),
                vcpu("a", 10, 0, 10, 100, asks=1),
                service(30, [1], 30, "a.disk"),
                vcpu("b", 10, 1, 10, 100),
            ],
            "b/0",
            "`blk` depends on others that may be late without end",
        ),
        (
            [
                vcpu("busy", 20, 0, 60, 50),
                vcpu("a", 10, 0, 10, 100, asks=1),
                service(30, [1], 30, "a.disk"),
            ],
            "blk",
            "those who ask it may be late without end",
        ),
    ],
)
def test_without_an_end_nothing_is_proved(rows: list[HostThread], who: str, reason: str) -> None:
    found = bounds(2, *rows)[who]

    assert (found.response_ns, found.exact, found.reason) == (None, False, reason)


def test_requests_multiply_along_the_way() -> None:
    """`b` is notified twice a period and notifies `c` three times for each."""

    def taking(name: str, *uses: tuple[str, int], **more: object) -> HostThread:
        rows = tuple(VdevUse(vdev="shm", name=op, count=count) for op, count in uses)
        fields: dict[str, object] = {"pattern": "served", "work": Nanoseconds(1), **more}
        return HostThread(
            name=f"{name}/0",
            guest=name,
            home=name,
            number=0,
            sched=Fifo(10),
            cpus=frozenset((0,)),
            partition="System",
            demand=Demand(uses=rows, **fields),  # type: ignore[arg-type]
            vdevs={"shm": "shmem"},
            joined={"shm": {"a": ("b.shm",), "b": ("c.shm",), "c": ()}[name] or ("b.shm",)},
        )

    a = taking("a", ("notify", 2), pattern="periodic", period=Nanoseconds(100))
    threads = exchanged([a, taking("b", ("notified", 1), ("notify", 3)), taking("c", ("notified", 1))])

    assert threads[1].asked == (Stream(count=2, period=100, through=("a/0",)),)
    assert threads[2].asked == (Stream(count=6, period=100, through=("a/0", "b/0")),)


@pytest.mark.parametrize(("window", "most"), [(1, 4), (60, 4), (61, 6), (100, 6), (160, 6), (161, 8)])
def test_arrivals_are_as_close_as_the_delay_lets_them(window: int, most: int) -> None:
    assert Arrivals(((2, 100, 140),)).within(window) == most


def test_the_next_arrival_is_the_first_moment_with_more() -> None:
    rows = Arrivals(((2, 100, 140), (1, 70, 0)))
    moments = [0]
    while len(moments) < 12:
        moments.append(rows.after(moments[-1]))

    for before, after in pairwise(moments):
        assert rows.by(after - 1) == rows.by(before) < rows.by(after)
