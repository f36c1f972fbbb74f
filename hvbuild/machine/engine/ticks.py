"""The clock interrupt: slices, budgets, the partitions' window, timers."""

from hvbuild.machine.engine.choice import critical_ok, has_budget, running_critical
from hvbuild.machine.engine.layout import (
    APS,
    BANKRUPTCIES,
    BILL_CRITICAL,
    BUCKET_AT,
    BUCKETS,
    BUDGET,
    CANCEL,
    CLOCK,
    CONSUMED,
    CPB,
    CPU_END,
    CPU_FIRST,
    CPU_SIZE,
    CPUS,
    DROPPED,
    EXPIRED_HEAD,
    EXPIRED_TAIL,
    FLAG,
    ITEM,
    KEY_TIME,
    LEFT,
    LIMITED,
    LISTS,
    NEXT,
    NEXT_TICK,
    P_BANKRUPT,
    P_CRIT_BUDGET,
    P_CRIT_RING,
    P_CRIT_USED,
    P_GRACE,
    P_RING,
    P_SIZE,
    P_USED,
    PART,
    PART_COUNT,
    PART_END,
    PART_FIRST,
    POLICY,
    POST_TIME,
    PRIO,
    REPL_HEAD,
    ROTATIONS,
    ROUND_ROBIN,
    RR,
    RR_LIMIT,
    RUN,
    SATURATING,
    SIZE,
    SLEEP_HEAP,
    SPORADIC,
    TICK,
    Memory,
)
from hvbuild.machine.engine.leaving import settle
from hvbuild.machine.engine.queues import heap_pop, highest
from hvbuild.machine.engine.ready import send_ipi
from hvbuild.machine.engine.switching import bill, leave_guest

TIMERS_PER_TICK = 51  # the kernel's pool of events for one tick


def rotate_buckets(m: Memory) -> None:
    """The window slides by one tick: what was billed in the oldest bucket is forgotten."""
    at = m[BUCKET_AT] + 1
    if at >= m[BUCKETS]:
        at = 0
    m[BUCKET_AT] = at
    m[ROTATIONS] += 1
    for part in range(m[PART_FIRST], m[PART_END], P_SIZE):
        place = m[part + P_RING] + at
        m[part + P_USED] -= m[place]
        m[place] = 0
        place = m[part + P_CRIT_RING] + at
        m[part + P_CRIT_USED] -= m[place]
        m[place] = 0
        if m[part + P_GRACE] > 0:
            m[part + P_GRACE] -= 1


def tick_partitions(m: Memory) -> int:
    """The partitions' part of a tick; 1 when a reschedule is asked for."""
    for c in range(m[CPU_FIRST], m[CPU_END], CPU_SIZE):
        bill(m, c)
    rotate_buckets(m)
    m[LEFT] = m[CPB]
    first = m[CPU_FIRST]
    t = m[first + RUN]
    part = m[t + PART]
    bankrupt = 0
    if (
        m[t + BILL_CRITICAL]
        and m[part + P_CRIT_BUDGET] != 0
        and m[part + P_GRACE] == 0
        and m[PART_COUNT] > 1
        and not critical_ok(m, part)
    ):
        bankrupt = 1
        m[part + P_BANKRUPT] = 1
        m[BANKRUPTCIES] += 1
        if m[CANCEL]:
            m[part + P_CRIT_BUDGET] = 0
            for other in range(m[PART_FIRST], m[PART_END], P_SIZE):
                m[other + P_GRACE] = 2 * m[BUCKETS]  # one counter for all in the kernel
    if m[CPUS] > 1 or bankrupt or m[LIMITED]:
        return 1
    return 0 if has_budget(m, part) or running_critical(m, t) else 1


def expire_timers(m: Memory) -> None:
    """Queue the timers that expire at this tick, in their order."""
    heap = m[SLEEP_HEAP]
    left = TIMERS_PER_TICK
    while left and m[heap + SIZE] and m[m[heap + ITEM] + KEY_TIME] <= m[CLOCK]:
        t = heap_pop(m, heap)
        m[t + NEXT] = 0
        if m[EXPIRED_HEAD]:
            m[m[EXPIRED_TAIL] + NEXT] = t
        else:
            m[EXPIRED_HEAD] = t
        m[EXPIRED_TAIL] = t
        left -= 1


def tick(m: Memory) -> None:
    """The clock interrupt, taken by the first CPU."""
    first = m[CPU_FIRST]
    step = m[TICK]
    clock = m[CLOCK] + step
    request = 1 if m[REPL_HEAD] and m[m[REPL_HEAD] + POST_TIME] <= clock else 0
    top = 1 << 30
    if m[APS]:
        request |= tick_partitions(m)
    else:
        top = highest(m, m[m[first + RUN] + LISTS])
    for c in range(first, m[CPU_END], CPU_SIZE):
        t = m[c + RUN]
        policy = m[t + POLICY]
        sliced = 0
        if policy == ROUND_ROBIN:
            used = m[t + RR] + 2
            if used >= m[RR_LIMIT]:
                used = m[RR_LIMIT]
                sliced = 1 if top >= m[t + PRIO] else 0
                if not sliced and not m[SATURATING]:
                    used = 0
            m[t + RR] = used
        elif policy == SPORADIC and not m[t + DROPPED]:
            m[t + CONSUMED] += step
            if m[t + BUDGET] <= step:
                m[t + BUDGET] = 0
                request = 1
            else:
                m[t + BUDGET] -= step
        if request or sliced:
            if c == first:
                m[t + FLAG] = 1
            else:
                send_ipi(m, c)
    m[CLOCK] = clock
    m[NEXT_TICK] += step
    expire_timers(m)
    running = m[first + RUN]
    settle(m, first)
    leave_guest(m, first, running)
