"""What happens on a CPU whose running thread steps back: yields, or takes a lower priority."""

from hvbuild.machine.engine.choice import choose
from hvbuild.machine.engine.layout import (
    APS,
    BILL_CRITICAL,
    BIT,
    CPU_END,
    CPU_FIRST,
    CPU_SIZE,
    DISPATCH,
    EXACT,
    IDLE,
    LAST_CPU,
    LISTS,
    MASK,
    ON,
    POLICY,
    PREEMPT_CHARGE,
    PREEMPTED,
    PREEMPTIONS,
    PRIO,
    ROUND_ROBIN,
    RR,
    RR_LIMIT,
    RUN,
    SLICE,
    SLICE_NS,
    Memory,
)
from hvbuild.machine.engine.queues import best_allowed, dequeue, enqueue_head, enqueue_tail, first_equal
from hvbuild.machine.engine.switching import enter, leave, write_change


def charge_displacement(m: Memory, t: int) -> None:
    """Half a tick of the slice is gone when a thread is displaced."""
    m[PREEMPTIONS] += 1
    m[t + PREEMPTED] += 1
    charge_half_tick(m, t)


def charge_half_tick(m: Memory, t: int) -> None:
    """Take half a tick from the slice of `t`."""
    if m[PREEMPT_CHARGE] and m[t + POLICY] == ROUND_ROBIN and m[t + RR] < m[RR_LIMIT]:
        m[t + RR] += 1


def queue_tail(m: Memory, t: int) -> None:
    """Queue `t` behind its equals with a fresh slice."""
    m[t + RR] = 0
    m[t + SLICE] = m[SLICE_NS]
    enqueue_tail(m, t)


def hand_over_to_tail(m: Memory, c: int, winner: int) -> None:
    """`winner`, a queued thread, takes `c`; who ran there goes to the tail with a fresh slice."""
    loser = m[c + RUN]
    leave(m, c)
    dequeue(m, winner)
    if not (m[APS] and loser == m[c + IDLE]):
        queue_tail(m, loser)
    enter(m, c, winner)


def preempt(m: Memory, c: int, winner: int) -> None:
    """`winner`, in no list, takes `c`; who ran there goes to the head, half a tick poorer."""
    loser = m[c + RUN]
    leave(m, c)
    if loser != m[c + IDLE]:
        charge_displacement(m, loser)
        enqueue_head(m, loser)
    elif not m[APS]:
        enqueue_head(m, loser)
    enter(m, c, winner)


def peer(m: Memory, c: int) -> int:
    """The queued thread to which the thread running on `c` would yield, or 0."""
    t = m[c + RUN]
    if m[APS]:
        chosen = choose(m, c, t)
        if chosen != t:
            return chosen
        if m[t + BILL_CRITICAL]:
            return 0
        equal = first_equal(m, m[t + LISTS], m[c + BIT], m[t + PRIO])
        if equal:
            m[equal + BILL_CRITICAL] = 0
        return equal
    return first_equal(m, m[DISPATCH], m[c + BIT], m[t + PRIO])


def step_aside(m: Memory, c: int) -> None:
    """Yield: only to the first READY thread of the same priority that may run here."""
    winner = peer(m, c)
    if winner:
        hand_over_to_tail(m, c, winner)


def pick_cpu(m: Memory, t: int) -> int:
    """The allowed CPU with the lowest running priority below that of `t`, or 0.

    Among equals its last CPU, else the highest numbered.
    """
    mask = m[t + MASK]
    lowest = m[t + PRIO]
    last = m[t + LAST_CPU]
    found = 0
    for c in range(m[CPU_FIRST], m[CPU_END], CPU_SIZE):
        if mask & m[c + BIT]:
            level = m[m[c + RUN] + PRIO]
            if level < lowest or (level == lowest and found and found != last):
                lowest = level
                found = c
    return found


def place_exactly(m: Memory, t: int, displaced: int) -> None:
    """Textbook: `t` takes the lowest lower CPU at once; who is displaced seeks another, and so on."""
    while 1:
        chosen = pick_cpu(m, t)
        if chosen == 0:
            break
        victim = m[chosen + RUN]
        leave(m, chosen)
        enter(m, chosen, t)
        if victim == m[chosen + IDLE]:
            enqueue_head(m, victim)
            return
        m[PREEMPTIONS] += 1
        m[victim + PREEMPTED] += 1
        t = victim
        displaced = 1
    if displaced:
        enqueue_head(m, t)
    else:
        queue_tail(m, t)


def evict(m: Memory, t: int) -> None:
    """Textbook: the running thread `t` gives up its place and competes anew, for any CPU."""
    c = m[t + ON]
    leave(m, c)
    here = m[t + MASK] & m[c + BIT]
    if here:
        enqueue_tail(m, t)
    winner = best_allowed(m, m[t + LISTS], m[c + BIT], 0)
    dequeue(m, winner)
    enter(m, c, winner)
    if winner != t:
        if here:
            dequeue(m, t)
        place_exactly(m, t, 0)


def lower_running(m: Memory, c: int, level: int) -> None:
    """Give the thread running on `c` the priority `level`; it may lose the CPU, to the tail.

    Without partitions a raise never comes here; with them every change is a new choice.
    """
    t = m[c + RUN]
    m[t + PRIO] = level
    write_change(m, t)
    if m[EXACT]:
        evict(m, t)
        return
    if m[APS]:
        winner = choose(m, c, t)
        if winner == t:
            winner = 0
    else:
        winner = best_allowed(m, m[DISPATCH], m[c + BIT], level)
    if winner:
        hand_over_to_tail(m, c, winner)
