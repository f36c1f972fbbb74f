"""The sporadic server of the published kernel: one pending replenishment, refilled in full."""

from hvbuild.machine.engine.layout import (
    ACTIVATION,
    BLOCKS,
    BUDGET,
    CLOCK,
    CONSUMED,
    DROPPED,
    LOW,
    MAX_REPL,
    ON,
    PENDING,
    PERIOD,
    POLICY,
    PRIO,
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
    """Fall to the low priority until the refill."""
    m[t + DROPPED] = 1
    low = m[t + LOW]
    c = m[t + ON]
    if m[t + PRIO] == low:
        if c:
            step_aside(m, c)
    elif c:
        lower_running(m, c, low)
    else:
        m[t + PRIO] = low
        write_change(m, t)


def book_post(m: Memory, t: int) -> int:
    """Post the replenishment of `t`, which is at its normal priority; 1 when it has blocked too often."""
    if not m[t + PENDING]:
        insert_post(m, t, m[t + ACTIVATION] + m[t + PERIOD])
    m[t + BLOCKS] += 1
    return 1 if m[t + BLOCKS] >= m[t + MAX_REPL] else 0


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
