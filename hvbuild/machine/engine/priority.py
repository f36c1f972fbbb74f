"""Priorities, policies and run masks change; replenishments fall due."""

from hvbuild.machine.engine.layout import (
    ACTIVATION,
    APS,
    CLOCK,
    CONSUMED,
    DROPPED,
    EXACT,
    HIGH,
    LOW,
    ON,
    POLICY,
    POST_NEXT,
    POST_TIME,
    PRIO,
    READY,
    REPL_HEAD,
    ROUND_ROBIN,
    RR,
    RUN,
    SLICE,
    SLICE_NS,
    SPORADIC,
    STATE,
    Memory,
)
from hvbuild.machine.engine.lowering import lower_running, step_aside
from hvbuild.machine.engine.queues import dequeue, enqueue_head, remove_post
from hvbuild.machine.engine.ready import place, send_ipi
from hvbuild.machine.engine.sporadic import book_post, refill
from hvbuild.machine.engine.switching import account, start_work, write_change


def adjust_priority(m: Memory, t: int, level: int, c: int) -> None:
    """Give `t` the priority `level` by a kernel call executed on `c`."""
    old = m[t + PRIO]
    if level == old:
        if m[c + RUN] == t:
            yield_cpu(m, c)
        return
    state = m[t + STATE]
    if state == READY:
        dequeue(m, t)
        m[t + PRIO] = level
        write_change(m, t)
        place(m, t, c, 0)
    elif m[t + ON] == c or (m[EXACT] and m[t + ON]):
        if level < old or m[APS]:
            lower_running(m, m[t + ON], level)
        else:
            m[t + PRIO] = level
            write_change(m, t)
    else:
        m[t + PRIO] = level
        write_change(m, t)
        if m[t + ON]:
            send_ipi(m, m[t + ON])


def yield_cpu(m: Memory, c: int) -> None:
    """The thread running on `c` yields; a sporadic one with a peer posts as if it had blocked."""
    t = m[c + RUN]
    step_aside(m, c)
    if m[t + POLICY] == SPORADIC and m[c + RUN] != t and not m[EXACT]:
        post_queued(m, t, c)


def post_queued(m: Memory, t: int, c: int) -> None:
    """A sporadic thread that gave up `c` and is queued posts as if it had blocked.

    When that drops it, it is queued anew at its low priority, and may take this CPU or another.
    """
    if m[t + DROPPED] or not book_post(m, t):
        return
    m[t + DROPPED] = 1
    if m[t + PRIO] != m[t + LOW]:
        dequeue(m, t)
        m[t + PRIO] = m[t + LOW]
        write_change(m, t)
        place(m, t, c, 0)


def set_priority(m: Memory, t: int, level: int, c: int) -> None:
    """`pthread_setschedprio`: a lowered READY thread comes to the head of its new list."""
    old = m[t + PRIO]
    m[t + HIGH] = level
    if level == old:
        return
    adjust_priority(m, t, level, c)
    if level < old and m[t + STATE] == READY:
        dequeue(m, t)
        enqueue_head(m, t)


def set_policy(m: Memory, t: int, policy: int, level: int, c: int) -> None:
    """`SchedSet` with a policy and a priority."""
    if m[t + POLICY] == ROUND_ROBIN:
        m[t + RR] = 0
    if m[t + POLICY] == SPORADIC:
        remove_post(m, t)
    if m[EXACT] and m[t + ON]:
        account(m, m[t + ON])
    m[t + POLICY] = policy
    m[t + SLICE] = m[SLICE_NS]
    adjust_priority(m, t, level, c)
    if m[EXACT] and m[t + ON]:
        start_work(m, m[t + ON], t)


def replenish(m: Memory, c: int) -> int:
    """Refill every server whose time has come; 1 when one was lifted from its low priority."""
    lifted = 0
    while m[REPL_HEAD] and m[m[REPL_HEAD] + POST_TIME] <= m[CLOCK]:
        t = m[REPL_HEAD]
        m[REPL_HEAD] = m[t + POST_NEXT]
        running = m[EXACT] and m[t + ON]
        if running:
            account(m, m[t + ON])
        refill(m, t)
        if m[t + DROPPED]:
            lifted = 1
            m[t + ACTIVATION] = m[CLOCK]
            m[t + CONSUMED] = 0
            if m[EXACT]:
                m[t + DROPPED] = 0  # the work of its next stretch is already charged
            adjust_priority(m, t, m[t + HIGH], c)
            m[t + DROPPED] = 0  # only now: where both priorities are one, the yield must not post
        if running and m[t + ON]:
            start_work(m, m[t + ON], t)
    return lifted
