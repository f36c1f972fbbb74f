"""The sporadic server of the published kernel: one pending replenishment, refilled in full."""

from hvbuild.machine.engine.layout import (
    ACTIVATION,
    APS,
    BLOCKS,
    BUDGET,
    CAPACITY,
    CLOCK,
    CONSUMED,
    DROPPED,
    EXACT,
    LOW,
    MAX_REPL,
    ON,
    PENDING,
    PERIOD,
    POLICY,
    PRIO,
    REPL_COUNT,
    REPL_FIRST,
    REPL_RING,
    SPORADIC,
    Memory,
)
from hvbuild.machine.engine.lowering import lower_running, step_aside
from hvbuild.machine.engine.queues import insert_post
from hvbuild.machine.engine.switching import write_change


def activate(m: Memory, t: int) -> None:
    """A sporadic thread at its normal priority becomes active: its replenishment counts from here."""
    if m[t + POLICY] == SPORADIC and not m[t + DROPPED]:
        m[t + ACTIVATION] = m[CLOCK]
        m[t + CONSUMED] = 0


def drop(m: Memory, t: int) -> None:
    """Fall to the low priority until the refill; who was put below it meanwhile just rises to it."""
    m[t + DROPPED] = 1
    low = m[t + LOW]
    c = m[t + ON]
    if m[t + PRIO] == low:
        if c:
            step_aside(m, c)
    elif c and (low < m[t + PRIO] or m[APS] or m[EXACT]):
        lower_running(m, c, low)
    else:
        m[t + PRIO] = low
        write_change(m, t)


def book_post(m: Memory, t: int) -> int:
    """Post the replenishment of `t`, which is at its normal priority; 1 when it has blocked too often."""
    if m[EXACT]:
        return book_exactly(m, t)
    if not m[t + PENDING]:
        insert_post(m, t, m[t + ACTIVATION] + m[t + PERIOD])
    m[t + BLOCKS] += 1
    return 1 if m[t + BLOCKS] >= m[t + MAX_REPL] else 0


def book_exactly(m: Memory, t: int) -> int:
    """The POSIX rule: give back what was consumed, one period after the activation."""
    if m[t + CONSUMED] == 0:
        return 0
    time = m[t + ACTIVATION] + m[t + PERIOD]
    count = m[t + REPL_COUNT]
    size = m[t + MAX_REPL]
    row = m[t + REPL_RING] + 2 * ((m[t + REPL_FIRST] + count) % size)
    m[row] = time
    m[row + 1] = m[t + CONSUMED]
    m[t + REPL_COUNT] = count + 1
    m[t + CONSUMED] = 0
    if not m[t + PENDING]:
        insert_post(m, t, time)
    return 1 if count + 1 >= size else 0


def refill(m: Memory, t: int) -> None:
    """A pending replenishment of `t`, just taken off the list, takes effect."""
    if not m[EXACT]:
        m[t + PENDING] = 0
        m[t + BUDGET] = m[t + CAPACITY]
        m[t + BLOCKS] = 0
        return
    first = m[t + REPL_FIRST]
    count = m[t + REPL_COUNT] - 1
    budget = m[t + BUDGET] + m[m[t + REPL_RING] + 2 * first + 1]
    m[t + BUDGET] = budget if budget < m[t + CAPACITY] else m[t + CAPACITY]
    first = (first + 1) % m[t + MAX_REPL]
    m[t + REPL_FIRST] = first
    m[t + REPL_COUNT] = count
    m[t + PENDING] = 0
    if count:
        insert_post(m, t, m[m[t + REPL_RING] + 2 * first])


def post(m: Memory, t: int, exhausted: int) -> None:
    """Post the replenishment of `t`, running or blocked; it drops when exhausted or too often blocked."""
    if m[t + DROPPED]:
        return
    if book_post(m, t) or exhausted:
        drop(m, t)


def expire(m: Memory, t: int) -> None:
    """If the running thread `t` is sporadic and out of budget, post and drop."""
    if m[t + POLICY] == SPORADIC and m[t + BUDGET] == 0 and not m[t + DROPPED]:
        post(m, t, 1)
