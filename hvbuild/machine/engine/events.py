"""What happens from outside or at the end of a burst: wake-ups, calls, tokens, spin locks."""

from hvbuild.machine.engine.layout import (
    ANSWERED,
    ASKED,
    ASKING,
    AWAITS,
    BLOCKED,
    BURST,
    BURST_END,
    BURST_FIRST,
    BURST_SIZE,
    CLOCK,
    CPU_END,
    CPU_FIRST,
    CPU_SIZE,
    CRITICAL,
    DEAD,
    DONE,
    EVENT_AT,
    EVENT_SIZE,
    EXACT,
    EXIT_BURST,
    EXITS,
    FOR_ANSWER,
    FOR_RELEASE,
    FOR_TOKEN,
    HALTED,
    HOLDS,
    ID,
    IO_WAKE,
    IRQ,
    IRQ_CPU,
    JOBS,
    K_ANSWER,
    K_ASK,
    K_AWAIT,
    K_BLOCKING,
    K_EXIT,
    K_HALT,
    K_LOCK,
    K_NEXT,
    K_PERIOD,
    K_POST,
    K_SLEEP,
    K_UNLOCK,
    K_WAIT,
    K_WAKE,
    K_YIELD,
    KEEPS,
    KIND,
    LATER,
    LEFT_OFF,
    LOCK_HOLDER,
    LOOP,
    MODE,
    NEW,
    NEW_POLICY,
    NEW_VALUE,
    NOTED,
    NOW,
    ON,
    OP,
    OP_END,
    OP_PRIO,
    OP_RUNMASK,
    OP_SCHED,
    OP_START,
    POLICY,
    READY,
    READY_AT,
    RELEASE,
    RELEASED,
    REMAINING,
    REPLY,
    REQUESTED,
    RESPONSES,
    RESUMED,
    RUN,
    SEG_AT,
    SEG_SIZE,
    SEQUENCE,
    SLEEP_HEAP,
    SLICE,
    SLICE_NS,
    SPIN,
    SPIN_ORDER,
    SPORADIC,
    STATE,
    THREAD_END,
    THREAD_FIRST,
    THREAD_SIZE,
    TICK,
    TICKET,
    TOKENS,
    TRACING,
    VALUE,
    WAITING,
    WAKE,
    WAKE_HEAP,
    WHERE,
    WHO,
    WOKEN_UP,
    WORK,
    WORST_RESPONSE,
    WORST_WAIT,
    WORST_WAIT_AT,
    Memory,
)
from hvbuild.machine.engine.leaving import settle
from hvbuild.machine.engine.lowering import step_aside
from hvbuild.machine.engine.priority import replenish, set_policy, set_priority, yield_cpu
from hvbuild.machine.engine.queues import dequeue, heap_pop, heap_push, heap_remove, remove_post
from hvbuild.machine.engine.ready import ready
from hvbuild.machine.engine.resched import block, set_runmask
from hvbuild.machine.engine.sporadic import expire
from hvbuild.machine.engine.switching import (
    account,
    close_segment,
    leave_guest,
    start_work,
    write_segment,
)


def refill_due(m: Memory) -> None:
    """Exact mode: replenishments take effect at their very time."""
    replenish(m, m[IRQ_CPU])
    settle(m, m[IRQ_CPU])


def note_interrupt(m: Memory, t: int, c: int) -> None:
    """Write down, when asked for, that an interrupt for `t` arrived on `c`."""
    if m[TRACING] > 1:
        write_segment(m, c, t, m[NOW], WAKE)


def end_halt(m: Memory, t: int) -> None:
    """The interrupt that `t` halted for has come: it goes on, at once if it has its CPU still."""
    c = m[t + ON]
    if c:
        account(m, c)
        close_segment(m, c)
    m[t + HALTED] = 0
    m[t + RELEASED] = m[NOW]
    if c:
        start_work(m, c, t)


def wake_up(m: Memory) -> None:
    """An interrupt wakes the thread whose exact wake-up is due."""
    t = heap_pop(m, m[WAKE_HEAP])
    if m[t + IO_WAKE]:
        m[t + CRITICAL] = 1
    c = m[t + IRQ]
    running = m[c + RUN]
    note_interrupt(m, t, c)
    if m[t + HALTED]:
        end_halt(m, t)
    else:
        ready(m, t, c)
    settle(m, c)
    if running != t:
        leave_guest(m, c, running)


def note(m: Memory, t: int, other: int, what: int) -> None:
    """Write down, where that is asked for, `what` became of a request of `t`, by or for `other`."""
    if m[t + NOTED] and m[TRACING]:
        at = m[SEG_AT]
        m[at] = m[other + ID]
        m[at + 1] = m[t + ID]
        m[at + 2] = m[at + 3] = m[NOW]
        m[at + 4] = what
        m[SEG_AT] = at + SEG_SIZE


def give_token(m: Memory, t: int, c: int) -> None:
    """Ready `t` if it waits, else leave it a token."""
    if m[t + STATE] == WAITING or m[t + STATE] == REPLY:
        note(m, t, t, WOKEN_UP)
        ready(m, t, c)
    elif m[t + HALTED] == FOR_TOKEN:
        note(m, t, t, WOKEN_UP)
        end_halt(m, t)
    else:
        m[t + TOKENS] += 1


def ask(m: Memory, c: int, t: int, server: int) -> None:
    """`t`, running on `c`, makes a request of `server`: a token, and a ticket to tell the answer by.

    Of one that has ended the request is lost, unless another follows it and is there already.
    """
    ended = 0
    while m[server + STATE] == DEAD:
        if m[server + LATER] == 0:
            return
        server = m[server + LATER]
        ended = 1
    if ended and m[server + STATE] == NEW:
        return
    m[server + ASKED] += 1
    m[t + TICKET] = m[server + ASKED]
    note(m, server, t, REQUESTED)
    give_token(m, server, c)


def await_answer(m: Memory, c: int, t: int, server: int) -> None:
    """`t` waits until its last request of `server` is answered, unless it has been."""
    if m[server + ANSWERED] >= m[t + TICKET]:
        return
    m[t + AWAITS] = server
    if m[t + KEEPS]:
        keep_halted(m, c, t, FOR_ANSWER)
    else:
        block(m, c, ASKING)


def answer(m: Memory, c: int, server: int) -> None:
    """`server` has answered one more request: whoever waited for that one goes on.

    Requests are answered in the order in which they were made, so that a count tells whose it was.
    """
    m[server + ANSWERED] += 1
    note(m, server, server, DONE)
    for t in range(m[THREAD_FIRST], m[THREAD_END], THREAD_SIZE):
        if m[t + AWAITS] == server and m[t + TICKET] <= m[server + ANSWERED]:
            m[t + AWAITS] = 0
            note(m, t, server, RESUMED)
            if m[t + HALTED]:
                end_halt(m, t)
            else:
                ready(m, t, c)


def keep_halted(m: Memory, c: int, t: int, until: int) -> None:
    """The guest of `t` halts on `c` without giving it up."""
    close_segment(m, c)
    m[t + HALTED] = until
    start_work(m, c, t)


def release_lock(m: Memory, lock: int) -> None:
    """Give the spin lock to the spinner, among those that run now, that has waited longest."""
    holder = m[lock + LOCK_HOLDER]
    if holder:
        if m[holder + ON]:
            close_segment(m, m[holder + ON])
        m[holder + HOLDS] -= 1
    m[lock + LOCK_HOLDER] = 0
    found = 0
    order = 0
    for c in range(m[CPU_FIRST], m[CPU_END], CPU_SIZE):
        t = m[c + RUN]
        if m[t + SPIN] == lock and (found == 0 or m[t + SPIN_ORDER] < order):
            found = c
            order = m[t + SPIN_ORDER]
    if found:
        account(m, found)
        close_segment(m, found)
        start_work(m, found, m[found + RUN])


def next_burst(m: Memory, t: int) -> int:
    """Move `t` to its next burst, or to the exit when its list has ended."""
    burst = m[t + BURST] + BURST_SIZE
    if burst == m[t + BURST_END]:
        burst = m[t + BURST_FIRST] if m[t + LOOP] else m[EXIT_BURST]
    m[t + BURST] = burst
    m[t + REMAINING] = m[burst + WORK]
    return burst


def note_job(m: Memory, t: int) -> None:
    """A job of `t` ends, and with it the response to its release."""
    response = m[NOW] - m[t + RELEASED]
    m[t + JOBS] += 1
    m[t + RESPONSES] += response
    m[t + WORST_RESPONSE] = max(m[t + WORST_RESPONSE], response)


def halt_in_place(m: Memory, c: int, t: int, period: int) -> None:
    """The guest of `t` halts on `c` and keeps it until its next release, unless that has come already."""
    note_job(m, t)
    m[t + RELEASE] += period
    if m[t + RELEASE] < m[NOW]:
        m[t + RELEASED] = m[t + RELEASE]
        return
    heap_push(m, m[WAKE_HEAP], t, m[t + RELEASE])
    keep_halted(m, c, t, FOR_RELEASE)


def block_for(m: Memory, c: int, t: int, kind: int, value: int) -> None:
    """Block the thread running on `c` for what its burst ends with, unless that has come already."""
    note_job(m, t)
    if kind == K_WAKE or (kind == K_SLEEP and m[EXACT]):
        heap_push(m, m[WAKE_HEAP], t, m[NOW] + value)
        block(m, c, BLOCKED)
    elif kind == K_SLEEP:
        heap_push(m, m[SLEEP_HEAP], t, m[CLOCK] + value + m[TICK])
        block(m, c, BLOCKED)
    elif kind == K_PERIOD:
        m[t + RELEASE] += value
        if m[t + RELEASE] >= m[NOW]:
            heap_push(m, m[WAKE_HEAP], t, m[t + RELEASE])
            block(m, c, BLOCKED)
        else:
            m[t + RELEASED] = m[t + RELEASE]
            start_work(m, c, t)
    elif m[t + TOKENS]:
        m[t + TOKENS] -= 1
        m[t + RELEASED] = m[NOW]
        start_work(m, c, t)
    elif m[t + KEEPS]:
        keep_halted(m, c, t, FOR_TOKEN)
    else:
        block(m, c, WAITING if kind == K_WAIT else REPLY)


def perform(m: Memory, c: int, t: int, kind: int, value: int) -> None:
    """What a burst ends with when its thread goes on: a call that may switch, or a spin lock."""
    if kind == K_EXIT:
        block(m, c, DEAD)
    elif kind == K_YIELD:
        yield_cpu(m, c)
    elif kind == K_POST:
        give_token(m, value, c)
    elif kind == K_ASK:
        ask(m, c, t, value)
    elif kind == K_AWAIT:
        await_answer(m, c, t, value)
    elif kind == K_ANSWER:
        answer(m, c, t)
    elif kind == K_HALT:
        halt_in_place(m, c, t, value)
    elif kind == K_UNLOCK:
        release_lock(m, value)
    elif kind == K_LOCK:
        close_segment(m, c)
        m[t + SPIN] = value  # its next burst begins when it has the lock
        m[t + SPIN_ORDER] = m[SEQUENCE]
        m[SEQUENCE] += 1
        start_work(m, c, t)


def reach_limit(m: Memory, c: int, t: int) -> None:
    """Exact mode: slice or budget of the thread running on `c` ends before its burst."""
    if m[t + POLICY] == SPORADIC:
        expire(m, t)
    else:
        m[t + SLICE] = m[SLICE_NS]
        step_aside(m, c)
    if m[c + RUN] == t:
        start_work(m, c, t)


def end_burst(m: Memory, c: int) -> None:
    """The thread running on `c` has done its burst: do what the burst ends with."""
    t = m[c + RUN]
    account(m, c)
    if m[EXACT] and m[t + REMAINING]:
        reach_limit(m, c, t)
        return
    burst = m[t + BURST]
    kind = m[burst + KIND]
    value = m[burst + VALUE]
    following = next_burst(m, t)
    if m[burst + MODE] != m[following + MODE]:
        m[t + BURST] = burst  # the segment that ends here keeps its mode
        close_segment(m, c)
        m[t + BURST] = following
        m[t + EXITS] += m[following + MODE]
    if kind == K_NEXT:
        start_work(m, c, t)
        return
    if m[following + KIND] == K_EXIT and (kind <= K_BLOCKING or kind == K_YIELD):
        block(m, c, DEAD)  # nothing left to block or yield for
    elif kind <= K_BLOCKING:
        block_for(m, c, t, kind, value)
    else:
        start_work(m, c, t)  # before the call: it may itself switch
        perform(m, c, t, kind, value)
    settle(m, c)


def end_thread(m: Memory, t: int, c: int) -> None:
    """The process of `t` ends: from now on `t` holds no CPU and no spin lock, and waits for nothing.

    One that runs leaves its own CPU at once, whichever it is; `c` is the CPU in the kernel otherwise.
    """
    where = m[t + ON]
    if m[t + AWAITS]:
        note(m, t, m[t + AWAITS], LEFT_OFF)
    elif m[t + STATE] == WAITING or m[t + HALTED] == FOR_TOKEN:
        note(m, t, t, LEFT_OFF)
    if where:
        block(m, where, DEAD)
    elif m[t + STATE] == READY:
        dequeue(m, t)
        wait = m[NOW] - m[t + READY_AT]
        if wait > m[t + WORST_WAIT]:
            m[t + WORST_WAIT] = wait
            m[t + WORST_WAIT_AT] = m[t + READY_AT]
    else:
        heap_remove(m, m[SLEEP_HEAP], t)
    heap_remove(m, m[WAKE_HEAP], t)  # one that halts in place runs, and waits for a time
    remove_post(m, t)
    m[t + STATE] = DEAD
    m[t + HALTED] = 0
    m[t + AWAITS] = 0
    for burst in range(m[t + BURST_FIRST], m[t + BURST_END], BURST_SIZE):
        if m[burst + KIND] == K_LOCK and m[m[burst + VALUE] + LOCK_HOLDER] == t:
            release_lock(m, m[burst + VALUE])
    settle(m, where or c)


def call(m: Memory) -> None:
    """The next row of the event table: a start, a kernel call or an interrupt from outside."""
    row = m[EVENT_AT]
    m[EVENT_AT] = row + EVENT_SIZE
    op = m[row + OP]
    t = m[row + WHO]
    c = m[row + WHERE]
    if op == OP_END:
        end_thread(m, t, c)
        return
    if op == OP_START:
        if m[t + STATE] == NEW:  # not one that has ended before it began
            ready(m, t, c)
    elif op == OP_PRIO:
        set_priority(m, t, m[row + NEW_VALUE], c)
    elif op == OP_SCHED:
        set_policy(m, t, m[row + NEW_POLICY], m[row + NEW_VALUE], c)
    elif op == OP_RUNMASK:
        set_runmask(m, t, m[row + NEW_VALUE], c)
    else:
        if m[t + IO_WAKE]:
            m[t + CRITICAL] = 1
        running = m[c + RUN]
        note_interrupt(m, t, c)
        give_token(m, t, c)
        settle(m, c)
        leave_guest(m, c, running)
        return
    settle(m, c)
