"""A CPU looks for another thread: because it was told to, or because its thread blocks."""

from hvbuild.machine.engine.choice import choose, has_budget
from hvbuild.machine.engine.layout import (
    APS,
    BIT,
    BLOCKED,
    DISPATCH,
    EQUAL_RESCHED,
    EXACT,
    FIFO,
    IDLE,
    LIMITED,
    LISTS,
    MASK,
    MASK_SILENT,
    ON,
    PART,
    POLICY,
    PRIO,
    READY,
    REFILL_STOPS,
    REPL_HEAD,
    ROUND_ROBIN,
    RR,
    RR_LIMIT,
    RUN,
    SPORADIC,
    STATE,
    Memory,
)
from hvbuild.machine.engine.lowering import (
    charge_displacement,
    charge_half_tick,
    evict,
    hand_over_to_tail,
    pick_cpu,
    queue_tail,
)
from hvbuild.machine.engine.priority import post_queued, replenish
from hvbuild.machine.engine.queues import best_allowed, dequeue, enqueue_head, first_equal
from hvbuild.machine.engine.ready import place, ready, send_ipi
from hvbuild.machine.engine.sporadic import expire, post
from hvbuild.machine.engine.switching import enter, leave


def expired(m: Memory, t: int) -> int:
    """1 when the round-robin slice of `t` is used up."""
    return 1 if m[t + POLICY] == ROUND_ROBIN and m[t + RR] >= m[RR_LIMIT] else 0


def reschedule(m: Memory, c: int) -> None:
    """CPU `c` obeys a reschedule request: servers first, then whoever may displace its thread."""
    running = m[c + RUN]
    expire(m, running)
    if m[REPL_HEAD]:
        lifted = replenish(m, c)
        served = (lifted and m[REFILL_STOPS]) or m[c + RUN] != running
        if served and (not m[APS] or has_budget(m, m[m[c + RUN] + PART])):
            return
    if m[APS]:
        reschedule_partitions(m, c)
    else:
        reschedule_global(m, c)


def reschedule_global(m: Memory, c: int) -> None:
    """The best allowed READY thread takes `c`: a higher one, or an equal one unless FIFO runs."""
    running = m[c + RUN]
    floor = m[running + PRIO]
    allowed = m[running + MASK] & m[c + BIT]
    if not allowed:
        floor = 0
    elif m[running + POLICY] == FIFO or not (m[EQUAL_RESCHED] or expired(m, running)):
        floor += 1
    winner = best_allowed(m, m[DISPATCH], m[c + BIT], floor)
    if winner == 0:
        return
    leave(m, c)
    if running != m[c + IDLE]:
        charge_displacement(m, running)
    if expired(m, running):
        queue_tail(m, running)
    else:
        enqueue_head(m, running)
    dequeue(m, winner)
    enter(m, c, winner)
    if not allowed and not m[MASK_SILENT]:
        offer(m, running, c)


def offer(m: Memory, t: int, c: int) -> None:
    """Tell another CPU, if there is a better one, of the queued thread `t`."""
    chosen = pick_cpu(m, t)
    if chosen and chosen != c:
        send_ipi(m, chosen)


def reschedule_partitions(m: Memory, c: int) -> None:
    """The choice among partitions, then the slice within the running thread's own partition."""
    running = m[c + RUN]
    idle = m[c + IDLE]
    winner = choose(m, c, running)
    if winner == 0 and m[LIMITED]:
        winner = idle
    if winner and winner != running:
        leave(m, c)
        if running != idle:
            enqueue_head(m, running)
        if winner != idle:
            dequeue(m, winner)
        enter(m, c, winner)
        if m[running + POLICY] == SPORADIC:
            post_queued(m, running, c)
    elif expired(m, running):
        winner = first_equal(m, m[running + LISTS], m[c + BIT], m[running + PRIO])
        if winner:
            hand_over_to_tail(m, c, winner)


def block(m: Memory, c: int, state: int) -> None:
    """The thread running on `c` blocks; the best allowed thread, or idle, takes over."""
    t = m[c + RUN]
    # the choice still counts the partition of `t` as running, hence not asleep
    winner = choose(m, c, 0) if m[APS] else best_allowed(m, m[DISPATCH], m[c + BIT], 0)
    leave(m, c)
    m[t + STATE] = state
    if winner == 0:
        winner = m[c + IDLE]
    else:
        dequeue(m, winner)
    # a higher successor makes it a preemption in the eyes of server and slice
    higher = m[winner + PRIO] > m[t + PRIO]
    if m[t + POLICY] == SPORADIC and (m[EXACT] or not higher):
        post(m, t, 0)
    if higher:
        charge_half_tick(m, t)
    enter(m, c, winner)


def set_runmask(m: Memory, t: int, mask: int, c: int) -> None:
    """Restrict `t` to the CPUs of `mask`; nobody is told of a READY thread's new chances."""
    m[t + MASK] = mask
    where = m[t + ON]
    if where == 0:
        if m[t + STATE] == READY and not m[MASK_SILENT]:
            dequeue(m, t)
            place(m, t, c, 0)
        return
    if mask & m[where + BIT]:
        return
    if m[EXACT]:
        evict(m, t)
        return
    if where == c:
        block(m, c, BLOCKED)
        ready(m, t, c)
    else:
        send_ipi(m, where)
