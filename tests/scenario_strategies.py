"""Scenarios drawn from packed integers: quick to draw, and they shrink towards few, small threads."""

from hypothesis import strategies as st

from hvbuild.machine.scenario import Aps, Burst, Partition, Scenario, Sporadic, Thread

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
def fixed_scenarios(draw: st.DrawFn, *, masks: bool = True) -> Scenario:
    """FIFO threads that run and wait, for the textbook profile; one tick is one nanosecond."""
    cpus = draw(st.integers(1, 4))
    packed = draw(st.lists(st.integers(0, (1 << _BITS) - 1), min_size=1, max_size=7))
    threads = tuple(_fixed(i, p, cpus, masks) for i, p in enumerate(packed))
    return Scenario(cpus=cpus, horizon_ns=400, tick_ns=1, threads=threads)


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
