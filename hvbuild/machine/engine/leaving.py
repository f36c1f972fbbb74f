"""The way out of the kernel: expired timers, reschedule requests, the other CPUs."""

from hvbuild.machine.engine.layout import (
    COST_IPI,
    CPU_END,
    CPU_FIRST,
    CPU_SIZE,
    DEBT,
    EXPIRED_HEAD,
    FLAG,
    IPI,
    IPI_PENDING,
    NEXT,
    RUN,
    Memory,
)
from hvbuild.machine.engine.ready import ready
from hvbuild.machine.engine.resched import reschedule


def leave_kernel(m: Memory, c: int) -> None:
    """CPU `c` leaves the kernel: expired timers are delivered, its reschedule request is obeyed."""
    while 1:
        t = m[EXPIRED_HEAD]
        if t:
            m[EXPIRED_HEAD] = m[t + NEXT]
            ready(m, t, c)
            continue
        running = m[c + RUN]
        if m[running + FLAG] == 0:
            return
        m[running + FLAG] = 0
        reschedule(m, c)


def settle(m: Memory, c: int) -> None:
    """`c` leaves the kernel, then the CPUs that were asked to reschedule enter it, lowest first."""
    leave_kernel(m, c)
    while m[IPI_PENDING]:
        for other in range(m[CPU_FIRST], m[CPU_END], CPU_SIZE):
            if m[other + IPI]:
                m[other + IPI] = 0
                m[IPI_PENDING] -= 1
                m[other + DEBT] += m[COST_IPI]
                m[m[other + RUN] + FLAG] = 1
                leave_kernel(m, other)
