"""Scenarios drawn from packed integers: quick to draw, and they shrink towards few, small threads."""

from dataclasses import dataclass

from hypothesis import strategies as st

from hvbuild.machine.scenario import Aps, Burst, Event, Partition, Scenario, Sporadic, Thread

_TICK = 1_000_000
_BITS = 56


class Bits:
    """Takes small numbers out of one packed integer."""

    def __init__(self, packed: int) -> None:
        self.packed = packed

    def take(self, choices: int) -> int:
        self.packed, number = divmod(self.packed, choices)
        return number


def _fixed(number: int, packed: int, cpus: int, masks: bool) -> Thread:
    bits = Bits(packed)
    kinds = ("nn", "ii", "ni")[bits.take(3)]
    bursts = tuple(
        Burst(1 + bits.take(40), 1 + bits.take(60), kinds[bits.take(2)]) for _ in range(1 + bits.take(2))
    )
    mask = 1 + bits.take((1 << cpus) - 1) if masks else None
    return Thread(
        id=number,
        prio=1 + bits.take(6),
        policy="f",
        bursts=bursts,
        runmask=mask,
        start_ns=bits.take(20),
    )


@st.composite
def fixed_scenarios(draw: st.DrawFn, *, masks: bool = True, ends: bool = False) -> Scenario:
    """FIFO threads that run and wait, for the textbook profile; one tick is one nanosecond.

    With `ends` some of them are ended from outside, maybe before they begin.
    """
    cpus = draw(st.integers(1, 4))
    packed = draw(st.lists(st.integers(0, (1 << _BITS) - 1), min_size=1, max_size=7))
    threads = tuple(_fixed(i, p, cpus, masks) for i, p in enumerate(packed))
    events = draw(fates(len(threads), cpus, 400, 1)) if ends else ()
    return Scenario(cpus=cpus, horizon_ns=400, tick_ns=1, threads=threads, events=events)


@st.composite
def fates(draw: st.DrawFn, threads: int, cpus: int, horizon: int, unit: int) -> tuple[Event, ...]:
    """Up to three threads are ended from outside, at multiples of `unit`."""
    rows = draw(st.lists(st.integers(0, (1 << 40) - 1), max_size=3))
    found = []
    for packed in rows:
        bits = Bits(packed)
        time = bits.take(horizon // unit) * unit
        found.append(Event(op="end", t_ns=time, thread=bits.take(threads), cpu=bits.take(cpus)))
    return tuple(found)


def _general(number: int, packed: int, cpus: int, partitions: int) -> Thread:
    bits = Bits(packed)
    policy = "frrs"[bits.take(4)]
    prio = 2 + bits.take(8)
    kinds = "iiity"
    bursts = tuple(
        Burst(300_007 + bits.take(1 << 9) * 12011, bits.take(1 << 9) * 10007, kinds[bits.take(5)])
        for _ in range(1 + bits.take(2))
    )
    server = None
    if policy == "s":
        budget = (1 + bits.take(4)) * _TICK
        server = Sporadic(
            low_prio=1 + bits.take(prio),
            init_budget_ns=budget,
            repl_period_ns=budget + bits.take(12) * _TICK,
            max_repl=1 + bits.take(5),
        )
    return Thread(
        id=number,
        prio=prio,
        policy=policy,
        sporadic=server,
        bursts=bursts,
        runmask=(1 << cpus) - 1 if bits.take(2) else 1 + bits.take((1 << cpus) - 1),
        partition=bits.take(partitions + 1),
        critical=partitions > 0 and bits.take(4) == 3,
        start_ns=bits.take(1 << 8) * 30011,
        start_cpu=bits.take(cpus),
        irq_cpu=(None, bits.take(cpus))[bits.take(2)],
        vcpu=bits.take(2) == 1,
    )


@st.composite
def scenarios(draw: st.DrawFn, *, partitions: bool = False, cpus: int = 4) -> Scenario:
    """Threads of every policy under the tick; with partitions when asked for."""
    count = draw(st.integers(1, cpus))
    aps = None
    parts = 0
    if partitions:
        parts = draw(st.integers(1, 3))
        budgets = [draw(st.integers(0, 33)) for _ in range(parts)]
        named = tuple(Partition(name=f"P{i}", budget=b, critical_ms=i) for i, b in enumerate(budgets))
        aps = Aps(
            partitions=named,
            window_ms=draw(st.sampled_from((10, 20, 50))),
            policy_flags=draw(st.integers(0, 3)),
        )
    packed = draw(st.lists(st.integers(0, (1 << 100) - 1), min_size=1, max_size=7))
    threads = tuple(_general(i, p, count, parts) for i, p in enumerate(packed))
    return Scenario(cpus=count, horizon_ns=30 * _TICK, threads=threads, aps=aps)


_CLOCKS = ((1_000_000, 1), (1_000_000, 500_000), (500_000, 1), (999_847, 1), (2_000_000, 1_000_000))
_RATES = (1_000_000_000, 19_200_000, 54_000_000, 2_400_000_000)
_LEVELS = ((8, 10, 12), (9, 10), (5, 6, 7, 8, 9, 10, 11, 12), (10,))


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all threads of a wide scenario share: times are multiples of `unit`."""

    cpus: int
    tick: int
    unit: int
    levels: tuple[int, ...]
    partitions: int
    threads: int

    def time(self, bits: Bits, tenths: int) -> int:
        """Up to `tenths` tenths of a tick."""
        drawn = self.tick // 20 + bits.take(tenths * self.tick // 10)
        return max(drawn // self.unit, 1) * self.unit


def _wide(number: int, packed: int, frame: _Frame) -> Thread:
    """A thread of any policy that ends its bursts in any way."""
    bits = Bits(packed)
    policy = "ffrros"[bits.take(6)]
    prio = frame.levels[bits.take(len(frame.levels))]
    kinds = ("iiiiii", "iiitty", "ipwmpm", "itypwm")[bits.take(4)]
    bursts = []
    for _ in range(1 + bits.take(3)):
        kind = kinds[bits.take(6)]
        run = frame.time(bits, 80) if bits.take(9) else 10**13
        value = bits.take(frame.threads) if kind == "p" else frame.time(bits, 100) if kind in "it" else 0
        bursts.append(Burst(run, value, kind))
    server = None
    if policy == "s":
        budget = (1 + bits.take(6)) * frame.tick - bits.take(2) * frame.tick // 3
        server = Sporadic(
            low_prio=1 + bits.take(prio),
            init_budget_ns=budget,
            repl_period_ns=budget + bits.take(12) * frame.tick,
            max_repl=(1, 2, 3, 8, 20)[bits.take(5)],
        )
    pinned = 1 << bits.take(frame.cpus)
    mask = (None, pinned, 1 + bits.take((1 << frame.cpus) - 1))[bits.take(3)]
    return Thread(
        id=number,
        prio=prio,
        policy=policy,
        sporadic=server,
        bursts=tuple(bursts),
        runmask=mask,
        partition=bits.take(frame.partitions + 1),
        critical=frame.partitions > 0 and bits.take(4) == 3,
        io_wake=frame.partitions > 0 and bits.take(5) == 4,
        loop=bits.take(5) != 4,
        start_ns=bits.take(2) * frame.time(bits, 60),
        start_cpu=bits.take(frame.cpus),
    )


def _change(packed: int, frame: _Frame) -> Event:
    """A priority, a policy or a run mask changes."""
    bits = Bits(packed)
    return Event(
        op=("prio", "runmask", "sched")[bits.take(3)],
        t_ns=frame.time(bits, 250),
        thread=bits.take(frame.threads),
        cpu=bits.take(frame.cpus),
        prio=frame.levels[bits.take(len(frame.levels))],
        policy="fro"[bits.take(3)],
        runmask=1 + bits.take((1 << frame.cpus) - 1),
    )


def _partitions(packed: int, count: int) -> Aps:
    """`count` partitions, each cut out of one made before it."""
    bits = Bits(packed)
    left = [100]
    rows = []
    for i in range(count):
        parent = bits.take(len(left))
        budget = min((0, bits.take(41), bits.take(41))[bits.take(3)], left[parent])
        left[parent] -= budget
        left.append(budget)
        critical = (0, 1, 2, 5, 20)[bits.take(5)]
        most = (100, bits.take(101))[bits.take(2)]
        named = Partition(name=f"P{i}", budget=budget, critical_ms=critical, parent=parent, max_budget=most)
        rows.append(named)
    return Aps(
        partitions=tuple(rows),
        window_ms=(10, 20, 50, 100)[bits.take(4)],
        policy_flags=bits.take(4),
        bankruptcy_policy=bits.take(2),
        initial_grace=bool(bits.take(2)),
        limit_cpu_usage=bits.take(4) == 3,
    )


@st.composite
def wide_scenarios(draw: st.DrawFn, *, partitions: bool = False) -> Scenario:
    """All that a scenario file can say, in 25 ticks: each policy, call and change, and coincidences.

    Some threads are ended from outside as well, which only runs of systems know.
    """
    packed = draw(st.lists(st.integers(0, (1 << 320) - 1), min_size=1, max_size=9))
    changes = draw(st.lists(st.integers(0, (1 << 60) - 1), max_size=8))
    bits = Bits(draw(st.integers(0, (1 << 120) - 1)))
    tick, unit = _CLOCKS[bits.take(len(_CLOCKS))]
    count = bits.take(5) if partitions else 0
    frame = _Frame(
        cpus=(1, 2, 2, 3, 4)[bits.take(5)],
        tick=tick,
        unit=unit,
        levels=_LEVELS[bits.take(len(_LEVELS))],
        partitions=count,
        threads=len(packed),
    )
    ends = draw(fates(frame.threads, frame.cpus, 25 * tick, unit))
    return Scenario(
        cpus=frame.cpus,
        tick_ns=tick,
        horizon_ns=25 * tick,
        threads=tuple(_wide(i, p, frame) for i, p in enumerate(packed)),
        events=(*(_change(p, frame) for p in changes), *ends),
        tie=("block", "tick")[bits.take(2)],
        rr_mult=(4, 4, 1, 2, 3)[bits.take(5)],
        irq_cpu=bits.take(frame.cpus),
        cycles_per_sec=_RATES[bits.take(4)],
        kernel="up" if frame.cpus == 1 and not partitions and bits.take(3) == 2 else "smp",
        aps=_partitions(draw(st.integers(0, (1 << 100) - 1)), count) if partitions else None,
    )
