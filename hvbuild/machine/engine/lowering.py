"""What happens on a CPU whose running thread steps back: yields, or takes a lower priority."""

from hvbuild.machine.engine.choice import choose
from hvbuild.machine.engine.layout import (
    APS,
    BILL_CRITICAL,
    BIT,
    DISPATCH,
    IDLE,
    LISTS,
    POLICY,
    PREEMPT_CHARGE,
    PREEMPTED,
    PREEMPTIONS,
    PRIO,
    ROUND_ROBIN,
    RR,
    RR_LIMIT,
    RUN,
    Memory,
)
from hvbuild.machine.engine.queues import best_allowed, dequeue, enqueue_head, enqueue_tail, first_equal
from hvbuild.machine.engine.switching import enter, leave, write_change


def charge_displacement(m: Memory, t: int) -> None:
    """Half a tick of the slice is gone when a thread is displaced."""
    m[PREEMPTIONS] += 1
    m[t + PREEMPTED] += 1
    if m[PREEMPT_CHARGE] and m[t + POLICY] == ROUND_ROBIN and m[t + RR] < m[RR_LIMIT]:
        m[t + RR] += 1


def queue_tail(m: Memory, t: int) -> None:
    """Queue `t` behind its equals with a fresh slice."""
    m[t + RR] = 0
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
        return first_equal(m, m[t + LISTS], m[c + BIT], m[t + PRIO])
    return first_equal(m, m[DISPATCH], m[c + BIT], m[t + PRIO])


def step_aside(m: Memory, c: int) -> None:
    """Yield: only to the first READY thread of the same priority that may run here."""
    winner = peer(m, c)
    if winner:
        hand_over_to_tail(m, c, winner)


def lower_running(m: Memory, c: int, level: int) -> None:
    """Give the thread running on `c` the priority `level`; it may lose the CPU, to the tail.

    Without partitions a raise never comes here; with them every change is a new choice.
    """
    t = m[c + RUN]
    m[t + PRIO] = level
    write_change(m, t)
    if m[APS]:
        winner = choose(m, c, t)
        if winner == t:
            winner = 0
    else:
        winner = best_allowed(m, m[DISPATCH], m[c + BIT], level)
    if winner:
        hand_over_to_tail(m, c, winner)
