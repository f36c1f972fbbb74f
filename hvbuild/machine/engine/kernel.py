"""The event loop: which event comes next, until the horizon or until the output is full."""

from hvbuild.machine.engine.events import call, end_burst, wake_up
from hvbuild.machine.engine.layout import (
    AT,
    CHANGE_AT,
    CHANGE_STOP,
    COSTED,
    CPU_END,
    CPU_FIRST,
    CPU_SIZE,
    END,
    EVENT_AT,
    EVENT_END,
    EVENTS,
    HORIZON,
    IDLE,
    INF,
    ITEM,
    KEY_TIME,
    NEXT_TICK,
    NOW,
    RUN,
    SEG_AT,
    SEG_STOP,
    SIZE,
    TIE_TICK,
    WAKE_HEAP,
    Memory,
)
from hvbuild.machine.engine.switching import account, close_segment, pay_overhead
from hvbuild.machine.engine.ticks import tick


def run(m: Memory) -> int:
    """Run until the horizon (0) or until the output rows want to be collected (1).

    Events of one instant come in this order: ends of bursts (lowest CPU first), the tick, the event
    table, wake-ups in order of creation; with TIE_TICK the tick comes first.
    """
    heap = m[WAKE_HEAP]
    first = m[CPU_FIRST]
    end = m[CPU_END]
    horizon = m[HORIZON]
    tick_first = m[TIE_TICK]
    while m[SEG_AT] <= m[SEG_STOP] and m[CHANGE_AT] <= m[CHANGE_STOP]:
        burst = INF
        at = 0
        for c in range(first, end, CPU_SIZE):
            if m[c + END] < burst:
                burst = m[c + END]
                at = c
        ticking = m[NEXT_TICK]
        row = m[EVENT_AT]
        calling = m[row + AT] if row < m[EVENT_END] else INF
        waking = m[m[heap + ITEM] + KEY_TIME] if m[heap + SIZE] else INF
        other = calling if calling <= waking else waking
        now = burst if burst <= other else other
        if ticking < now or (ticking == now and (tick_first or now != burst)):
            if ticking >= horizon:
                m[NOW] = horizon
                return 0
            m[NOW] = ticking
            tick(m)
        elif now >= horizon:
            m[NOW] = horizon
            return 0
        elif now == burst:
            m[NOW] = now
            end_burst(m, at)
        elif calling <= waking:
            m[NOW] = now
            call(m)
        else:
            m[NOW] = now
            wake_up(m)
        m[EVENTS] += 1
    return 1


def finish(m: Memory) -> None:
    """At the horizon: charge what runs, and close the open segments."""
    for c in range(m[CPU_FIRST], m[CPU_END], CPU_SIZE):
        if m[c + RUN] != m[c + IDLE]:
            if m[COSTED]:
                pay_overhead(m, c)
            account(m, c)
            close_segment(m, c)
