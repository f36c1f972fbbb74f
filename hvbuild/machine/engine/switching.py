"""Threads coming onto CPUs and leaving them: what was worked, what was written down, what it cost."""

from hvbuild.machine.engine.layout import (
    APS,
    BILL_CRITICAL,
    BILLED,
    BUCKET_AT,
    BUDGET,
    BURST,
    CHANGE_AT,
    CLOCK,
    CONSUMED,
    COST_INTERRUPT,
    COST_MIGRATION,
    COST_SWITCH,
    COSTED,
    CPB,
    CPU_NS,
    DEBT,
    DROPPED,
    END,
    EXACT,
    FIRST_WAIT,
    FIRST_WAIT_AT,
    FLAG,
    HALT_NS,
    HALTED,
    HALTING,
    HOLDING,
    HOLDS,
    HOST_NS,
    ID,
    IDLE,
    INF,
    INTERRUPT,
    INTERRUPTED,
    LAST_CPU,
    LEFT,
    LOCK_HOLDER,
    MIGRATIONS,
    MODE,
    NOW,
    NUMBER,
    ON,
    OVERHEAD,
    P_CRIT_RING,
    P_CRIT_USED,
    P_LAST_RUN,
    P_RING,
    P_RUNNING,
    P_TOTAL,
    P_USED,
    PAID_AT,
    PAID_FOR,
    PART,
    POLICY,
    PRIO,
    RATE,
    READY,
    READY_AT,
    REMAINING,
    ROTATIONS,
    ROUND_ROBIN,
    RUN,
    RUNNING,
    SEG_AT,
    SEG_SIZE,
    SINCE,
    SLICE,
    SPEED,
    SPIN,
    SPIN_NS,
    SPINNING,
    SPORADIC,
    STALE_FLAG,
    STATE,
    SWITCH,
    SWITCHES,
    TRACING,
    VCPU,
    WOKEN,
    WORK_FROM,
    WORST_WAIT,
    WORST_WAIT_AT,
    Memory,
)


def write_segment(m: Memory, c: int, t: int, start: int, mode: int) -> None:
    """Write down that `t` held CPU `c` from `start` to now."""
    at = m[SEG_AT]
    m[at] = m[c + NUMBER]
    m[at + 1] = m[t + ID]
    m[at + 2] = start
    m[at + 3] = m[NOW]
    m[at + 4] = mode
    m[SEG_AT] = at + SEG_SIZE


def write_change(m: Memory, t: int) -> None:
    """Write down the new priority of `t`."""
    at = m[CHANGE_AT]
    m[at] = m[NOW]
    m[at + 1] = m[t + ID]
    m[at + 2] = m[t + PRIO]
    m[CHANGE_AT] = at + 3


def cycles(m: Memory, time: int) -> int:
    """The cycle counter at `time`, split so that no product passes 63 bits."""
    rate = m[RATE]
    return time // 1000000000 * rate + time % 1000000000 * rate // 1000000000


def bill(m: Memory, c: int) -> None:
    """Charge the partition of the thread running on `c` for the cycles since the last charge."""
    stamp = cycles(m, m[NOW])
    spent = stamp - m[c + BILLED]
    m[c + BILLED] = stamp
    bucket = m[CPB]
    left = cycles(m, m[CLOCK]) + bucket - stamp
    m[LEFT] = left if left > 0 else 0
    t = m[c + RUN]
    if m[t + PRIO] == 0:
        return
    spent = min(spent, 2 * bucket)
    part = m[t + PART]
    at = m[BUCKET_AT]
    m[part + P_USED] += spent
    m[part + P_TOTAL] += spent
    m[m[part + P_RING] + at] += spent
    if m[t + BILL_CRITICAL]:
        m[part + P_CRIT_USED] += spent
        m[m[part + P_CRIT_RING] + at] += spent


def note_running(m: Memory, c: int, t: int) -> None:
    """Note that the partition of `t` runs on `c`; an idle thread stands for its own, System."""
    m[m[m[t + PART] + P_LAST_RUN] + m[c + NUMBER]] = m[ROTATIONS]


def charge_exactly(m: Memory, t: int, spent: int) -> None:
    """Textbook accounting: slice and budget shrink by what was run."""
    if m[t + POLICY] == ROUND_ROBIN:
        m[t + SLICE] -= spent
    elif m[t + POLICY] == SPORADIC and not m[t + DROPPED]:
        m[t + BUDGET] -= spent
        m[t + CONSUMED] += spent


def account(m: Memory, c: int) -> None:
    """Charge the thread running on `c` with its work up to now."""
    now = m[NOW]
    spent = now - m[c + WORK_FROM]
    if spent <= 0:
        return
    m[c + WORK_FROM] = now
    t = m[c + RUN]
    m[t + CPU_NS] += spent
    if m[t + HALTED]:
        m[t + HALT_NS] += spent
        return
    if m[t + SPIN]:
        m[t + SPIN_NS] += spent
        return
    if m[EXACT]:
        charge_exactly(m, t, spent)
    left = m[t + REMAINING] - spent * m[c + SPEED]
    m[t + REMAINING] = left if left > 0 else 0
    if m[m[t + BURST] + MODE]:
        m[t + HOST_NS] += spent


def mode_of(m: Memory, t: int) -> int:
    """What the thread is doing: guest work (maybe holding a lock), host work of an exit, spinning, halted."""
    if m[t + HALTED]:
        return HALTING
    if m[t + SPIN]:
        return SPINNING
    return HOLDING if m[t + HOLDS] else m[m[t + BURST] + MODE]


def close_segment(m: Memory, c: int) -> None:
    """End the open segment of `c` now, overhead first, then the thread's own time."""
    t = m[c + RUN]
    if m[COSTED]:
        pay_overhead(m, c)
    since = m[c + SINCE]
    m[c + SINCE] = m[NOW]
    if m[TRACING] and m[NOW] > since:
        write_segment(m, c, t, since, mode_of(m, t))


def pay_overhead(m: Memory, c: int) -> None:
    """Book the overhead between the segment's start and the begin of work, or up to now."""
    now = m[NOW]
    since = m[c + SINCE]
    until = m[c + PAID_AT]
    if until <= since:
        return
    stop = until if until < now else now
    if stop > since:
        m[c + OVERHEAD] += stop - since
        if m[TRACING]:
            m[NOW] = stop
            write_segment(m, c, m[c + RUN], since, m[c + PAID_FOR])
            m[NOW] = now
        m[c + SINCE] = stop


def leave(m: Memory, c: int) -> None:
    """Take the running thread off CPU `c`: it is READY (in no list yet); the CPU has none."""
    t = m[c + RUN]
    now = m[NOW]
    if m[APS]:
        bill(m, c)
        if m[t + PRIO]:
            m[m[t + PART] + P_RUNNING] -= 1
    m[t + STATE] = READY
    m[t + ON] = 0
    m[t + READY_AT] = now
    m[t + WOKEN] = 0
    if not m[STALE_FLAG]:
        m[t + FLAG] = 0
    if t == m[c + IDLE]:
        return
    if m[COSTED]:
        pay_overhead(m, c)
    account(m, c)
    since = m[c + SINCE]
    if now > since and m[TRACING]:
        write_segment(m, c, t, since, mode_of(m, t))
    m[c + SINCE] = now


def enter(m: Memory, c: int, t: int) -> None:
    """Let `t`, which is in no list, run on CPU `c` from now on."""
    now = m[NOW]
    last = m[t + LAST_CPU]
    m[c + RUN] = t
    m[c + SINCE] = now
    m[c + WORK_FROM] = now
    m[t + STATE] = RUNNING
    m[t + ON] = c
    m[t + LAST_CPU] = c
    if m[APS]:
        note_running(m, c, t)
        if m[t + PRIO]:
            m[m[t + PART] + P_RUNNING] += 1
    if t == m[c + IDLE]:
        m[c + END] = INF
        return
    m[SWITCHES] += 1
    if last != c:
        m[MIGRATIONS] += 1
    wait = now - m[t + READY_AT]
    if wait > m[t + WORST_WAIT]:
        m[t + WORST_WAIT] = wait
        m[t + WORST_WAIT_AT] = m[t + READY_AT]
    if m[t + WOKEN] and wait > m[t + FIRST_WAIT]:
        m[t + FIRST_WAIT] = wait
        m[t + FIRST_WAIT_AT] = m[t + READY_AT]
    if m[COSTED]:
        cost = m[c + DEBT] + m[COST_SWITCH]
        m[c + DEBT] = 0
        if last != c:
            cost += m[COST_MIGRATION]
        m[c + WORK_FROM] = m[c + PAID_AT] = now + cost
        m[c + PAID_FOR] = SWITCH
    start_work(m, c, t)


def leave_guest(m: Memory, c: int, t: int) -> None:
    """The host took an interrupt on `c`; if vCPU `t`, which ran there, still does, it went out and in again.

    One that lost its CPU pays for that when it comes back; one in host work has left its guest already.
    """
    if m[COST_INTERRUPT] == 0 or m[c + RUN] != t or not m[t + VCPU]:
        return
    if m[m[t + BURST] + MODE] and not m[t + HALTED]:
        return
    account(m, c)
    close_segment(m, c)
    m[t + INTERRUPTED] += 1
    begin = max(m[NOW], m[c + PAID_AT])
    m[c + WORK_FROM] = m[c + PAID_AT] = begin + m[COST_INTERRUPT]
    m[c + PAID_FOR] = INTERRUPT
    start_work(m, c, t)


def start_work(m: Memory, c: int, t: int) -> None:
    """Set when the burst of `t`, running on `c`, will end."""
    if m[t + HALTED]:
        m[c + END] = INF
        return
    lock = m[t + SPIN]
    if lock:
        if m[lock + LOCK_HOLDER]:
            m[c + END] = INF
            return
        m[lock + LOCK_HOLDER] = t
        m[t + SPIN] = 0
        m[t + HOLDS] += 1
    speed = m[c + SPEED]
    left = m[t + REMAINING]
    if speed != 1:
        left = -(-left // speed)
    if m[EXACT]:
        left = exact_limit(m, t, left)
    m[c + END] = m[c + WORK_FROM] + left


def exact_limit(m: Memory, t: int, left: int) -> int:
    """How long `t` may run before its burst, its slice or its budget ends."""
    limit = left
    if m[t + POLICY] == ROUND_ROBIN:
        limit = m[t + SLICE]
    elif m[t + POLICY] == SPORADIC and not m[t + DROPPED]:
        limit = m[t + BUDGET]
    return limit if limit < left else left
