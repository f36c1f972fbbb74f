"""A drawn run as packed whole numbers: one per thread, and what each number means.

Zero always means the plainest case (released with everybody else, full work, no gap), so that a smaller
number is a simpler run and a shrunk counterexample can be read.
"""

from dataclasses import dataclass

from hvbuild.machine.threads import HostThread

Run = tuple[tuple[str, int], ...]
"""Named numbers of one run, in the order of its fields."""


@dataclass(frozen=True, slots=True)
class Field:
    """One drawn number of `bits` bits; `parts` are the widths of what is packed in it, lowest first."""

    name: str
    bits: int
    parts: tuple[int, ...] = ()


# What is packed in the number of one thread.
PHASE_BITS, FINE_BITS, LESS_BITS, GAP_BITS = 8, 3, 2, 2
THREAD_PARTS = (PHASE_BITS, FINE_BITS, LESS_BITS, GAP_BITS)
THREAD_BITS = sum(THREAD_PARTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """How one thread behaves in a run: when it first wants to run, its work, and time between releases."""

    start_ns: int
    work_ns: int
    period_ns: int


def thread_field(name: str) -> Field:
    """The field of the thread `name`."""
    return Field(name, THREAD_BITS, THREAD_PARTS)


def split(value: int, parts: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers packed in `value`."""
    result = []
    for width in parts:
        result.append(value & ((1 << width) - 1))
        value >>= width
    return tuple(result)


def packed(numbers: tuple[int, ...], parts: tuple[int, ...]) -> int:
    """The number that `split` takes apart into `numbers`."""
    value = 0
    for number, width in zip(reversed(numbers), reversed(parts), strict=True):
        value = value << width | number
    return value


def drawn(value: int, thread: HostThread, tick: int) -> Drawn:
    """What `value` means for `thread`: a phase of its period, moved onto or beside a tick, less work, gaps.

    When a thread that serves works is up to others.

    Releases a nanosecond before, at and after a tick are where budgets, slices and sleeps change sides.
    """
    phase, fine, less, gap = split(value, THREAD_PARTS)
    demand = thread.demand
    if demand is not None and demand.serves:
        return Drawn(start_ns=0, work_ns=max(1, int(demand.work or 0) >> less), period_ns=0)
    if demand is None or demand.period is None or demand.work is None:
        return Drawn(start_ns=_beside_tick(phase * tick // 16, fine, tick), work_ns=0, period_ns=0)
    burst = max(1, demand.burst)
    period, work = int(demand.period) * burst, int(demand.work) * burst
    start = _beside_tick(period * phase >> PHASE_BITS, fine, tick)
    longer = period * gap // 4 if demand.pattern != "periodic" else 0
    return Drawn(start_ns=start, work_ns=max(1, work >> less), period_ns=period + longer)


def _beside_tick(at: int, fine: int, tick: int) -> int:
    on = at // tick * tick
    return max(0, (at, at + 1, at - 1, on, on - 1, on + 1, on + tick // 2, on + tick - 1)[fine])
