"""A thread becomes READY: where it runs, or where it waits."""

from hvbuild.machine.engine.choice import has_budget, held_back, running_critical
from hvbuild.machine.engine.layout import (
    APS,
    BIT,
    CPU_END,
    CPU_FIRST,
    CPU_SIZE,
    CPUS,
    DISPLACE,
    EXACT,
    IDLE,
    IDLE_TAKES,
    IPI,
    IPI_PENDING,
    IPIS,
    IPIS_NOWHERE,
    LAST_CPU,
    LAZY_REPLY,
    MASK,
    NOW,
    NOWHERE,
    PART,
    PLACEMENT,
    PRIO,
    READY,
    READY_AT,
    RELEASED,
    REPLY,
    RUN,
    SLICE,
    SLICE_NS,
    STATE,
    UP,
    WOKEN,
    Memory,
)
from hvbuild.machine.engine.lowering import pick_cpu, place_exactly, preempt, queue_tail
from hvbuild.machine.engine.sporadic import activate, expire
from hvbuild.machine.engine.switching import bill


def send_ipi(m: Memory, c: int) -> None:
    """Ask CPU `c` to reschedule; requests not yet taken are one."""
    m[IPIS] += 1
    if not m[c + IPI]:
        m[c + IPI] = 1
        m[IPI_PENDING] += 1


def runs_at_once(m: Memory, t: int, c: int) -> int:
    """With partitions: 1 when `t` may take `c` in this very kernel call."""
    running = m[c + RUN]
    if m[t + PRIO] <= m[running + PRIO] or not m[t + MASK] & m[c + BIT] or held_back(m, t):
        return 0
    if running == m[c + IDLE] or has_budget(m, m[t + PART]):
        return 1
    bill(m, c)
    if not has_budget(m, m[running + PART]):
        return 1
    return running_critical(m, t)


def place(m: Memory, t: int, c: int, replied: int) -> None:
    """Let `t`, in no list, run here or elsewhere at once, or queue it. `c` is the CPU in the kernel."""
    if m[EXACT]:
        place_exactly(m, t, 0)
        return
    if m[APS]:
        expire(m, m[c + RUN])
    running = m[c + RUN]
    level = m[t + PRIO]
    if m[APS]:
        if runs_at_once(m, t, c):
            preempt(m, c, t)
            return
        if m[CPUS] == 1:
            queue_tail(m, t)
            return
    elif m[UP]:
        expire(m, running)
        if level > m[m[c + RUN] + PRIO]:
            preempt(m, c, t)
        else:
            queue_tail(m, t)
        return
    if replied and m[LAZY_REPLY] and level <= m[running + PRIO] and m[t + MASK] & m[c + BIT]:
        queue_tail(m, t)
        return
    chosen = pick_cpu_80(m, t, c) if m[PLACEMENT] else pick_cpu(m, t)
    if chosen == c and not m[APS]:
        victim = m[c + RUN]
        preempt(m, c, t)
        if m[IDLE_TAKES] and victim != m[c + IDLE]:
            wake_idle(m, victim)
        return
    queue_tail(m, t)
    if chosen == 0:
        if m[APS]:
            m[IPIS_NOWHERE] += m[NOWHERE]
    elif chosen != c:
        send_ipi(m, chosen)


def idle_cpu(m: Memory, t: int) -> int:
    """An idle CPU on which `t` may run, its last one first, else the highest numbered; or 0."""
    found = 0
    for c in range(m[CPU_FIRST], m[CPU_END], CPU_SIZE):
        free = m[c + RUN] == m[c + IDLE] and m[c + IPI] == 0
        if free and m[t + MASK] & m[c + BIT] and found != m[t + LAST_CPU]:
            found = c
    return found


def wake_idle(m: Memory, t: int) -> None:
    """8.0: idle threads are always displaced, also by a thread that has just been displaced itself."""
    found = idle_cpu(m, t)
    if found:
        send_ipi(m, found)


def pick_cpu_80(m: Memory, t: int, c: int) -> int:
    """The CPU that `t`, made ready on `c`, displaces by the rules of 8.0; 0: it waits."""
    mask = m[t + MASK]
    level = m[t + PRIO]
    if mask & m[c + BIT]:
        if level > m[m[c + RUN] + PRIO]:
            return c
        return idle_cpu(m, t)  # it displaces nobody elsewhere
    found = idle_cpu(m, t)
    if found:
        return found
    found = pick_cpu(m, t)
    if found and not m[DISPLACE]:
        for other in range(m[CPU_FIRST], m[CPU_END], CPU_SIZE):
            if mask & m[other + BIT] and m[m[other + RUN] + PRIO] >= level:
                return 0  # higher than some only: here it waits
    return found


def ready(m: Memory, t: int, c: int) -> None:
    """Make `t`, blocked or new, READY by a kernel call executed on `c`."""
    replied = 1 if m[t + STATE] == REPLY else 0
    activate(m, t)
    m[t + STATE] = READY
    m[t + READY_AT] = m[NOW]
    m[t + RELEASED] = m[NOW]
    m[t + WOKEN] = 1
    m[t + SLICE] = m[SLICE_NS]
    place(m, t, c, replied)
