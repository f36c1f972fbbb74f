"""The event loop: which event comes next, until the horizon or until the output is full."""

from hvbuild.machine.engine.events import call, end_burst, refill_due, wake_up
from hvbuild.machine.engine.layout import (
    AT,
    CHANGE_AT,
    CHANGE_STOP,
    CLOCK,
    CPU_END,
    CPU_FIRST,
    CPU_SIZE,
    END,
    EVENT_AT,
    EVENT_END,
    EVENTS,
    EXACT,
    HORIZON,
    IDLE,
    INF,
    ITEM,
    KEY_TIME,
    NEXT_TICK,
    NOW,
    POLICY,
    POST_TIME,
    REMAINING,
    REPL_HEAD,
    ROUND_ROBIN,
    RUN,
    SEG_AT,
    SEG_STOP,
    SIZE,
    SPEED,
    TIE_TICK,
    WAKE_HEAP,
    WORK_FROM,
    Memory,
)
from hvbuild.machine.engine.switching import account, close_segment
from hvbuild.machine.engine.ticks import tick


def run(m: Memory) -> int:
    """Run until the horizon (0) or until the output rows want to be collected (1).

    Events of one instant come in this order: ends of bursts (lowest CPU first), the tick, the event
    table, wake-ups in order of creation; with TIE_TICK the tick comes first.
    In exact mode replenishments stand where the tick does, starts are wake-ups, and those of one
    instant come in the order of the threads.
    """
    heap = m[WAKE_HEAP]
    first = m[CPU_FIRST]
    end = m[CPU_END]
    horizon = m[HORIZON]
    tick_first = m[TIE_TICK]
    exact = m[EXACT]
    while m[SEG_AT] <= m[SEG_STOP] and m[CHANGE_AT] <= m[CHANGE_STOP]:
        burst = INF
        at = 0
        for c in range(first, end, CPU_SIZE):
            if m[c + END] < burst:
                burst = m[c + END]
                at = c
        row = m[EVENT_AT]
        calling = m[row + AT] if row < m[EVENT_END] else INF
        waking = m[m[heap + ITEM] + KEY_TIME] if m[heap + SIZE] else INF
        now = calling if calling <= waking else waking
        now = min(now, burst)
        ticking = m[NEXT_TICK]
        if exact and m[REPL_HEAD]:
            ticking = m[m[REPL_HEAD] + POST_TIME]
            ticking = max(ticking, m[NOW])
        ticks = ticking < now or (ticking == now and (tick_first or now != burst))
        if ticks:
            now = ticking
        if now >= horizon:
            m[NOW] = horizon
            return 0
        m[NOW] = now
        m[EVENTS] += 1
        if exact:
            m[CLOCK] = now
            if now == burst and now in (calling, waking) and slice_only(m, at):
                burst = INF  # who arrives at the very end of a slice queues before its owner
            if ticks:
                refill_due(m)
                continue
        if ticks:
            tick(m)
        elif now == burst:
            end_burst(m, at)
        elif calling <= waking:
            call(m)
        else:
            wake_up(m)
    return 1


def slice_only(m: Memory, c: int) -> int:
    """1 when it is the slice, not the burst, of the thread on `c` that ends now."""
    t = m[c + RUN]
    if m[t + POLICY] != ROUND_ROBIN:
        return 0
    return 1 if m[t + REMAINING] > (m[NOW] - m[c + WORK_FROM]) * m[c + SPEED] else 0


def finish(m: Memory) -> None:
    """At the horizon: charge what runs, and close the open segments."""
    for c in range(m[CPU_FIRST], m[CPU_END], CPU_SIZE):
        if m[c + RUN] != m[c + IDLE]:
            account(m, c)
            close_segment(m, c)
