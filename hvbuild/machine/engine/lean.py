"""The engine's short cut: textbook fixed priority for threads that only run and wait.

It gives the very schedule of the full engine in exact mode (a law in the tests), for scenarios whose
threads are FIFO, wait for a time or a period, and see no events. Two things make it quick: one column
per field instead of records, and lists kept in order from the front, where short periods insert.
"""

from hvbuild.machine.engine.layout import INF, Memory

# places in the column of scalars
L_NOW = 0
L_HORIZON = 1
L_SLEEPING = 2  # first of the threads asleep, by wake-up time; -1: none
L_READY = 3  # first of the READY threads, by priority
L_RUNNING = 4  # first of the busy CPUs, by the end of their burst
L_ROW = 5
L_LAST_ROW = 6
L_TRACING = 7
L_EVENTS = 8
L_SWITCHES = 9
L_PREEMPTIONS = 10
L_MIGRATIONS = 11
L_SIZE = 12

# fields of a thread in the column of sums
J_JOBS = 0
J_RESPONSE = 1
J_WORST = 2
J_CPU = 3
J_WAIT = 4
J_WAIT_AT = 5
J_LATENCY = 6
J_LATENCY_AT = 7
J_PREEMPTED = 8
J_SIZE = 9


def insert_ready(s: Memory, level: Memory, follower: Memory, t: int, front: int) -> None:
    """Queue `t` behind its equals, or before them when `front`."""
    own = level[t] + front
    before = -1
    at = s[L_READY]
    while at >= 0 and level[at] >= own:
        before = at
        at = follower[at]
    follower[t] = at
    if before < 0:
        s[L_READY] = t
    else:
        follower[before] = t


def insert_running(s: Memory, ends: Memory, cpu_next: Memory, c: int) -> None:
    """Put CPU `c` in its place among the busy ones: by end of burst, then by number."""
    end = ends[c]
    before = -1
    at = s[L_RUNNING]
    while at >= 0 and (ends[at] < end or (ends[at] == end and at < c)):
        before = at
        at = cpu_next[at]
    cpu_next[c] = at
    if before < 0:
        s[L_RUNNING] = c
    else:
        cpu_next[before] = c


def remove_running(s: Memory, cpu_next: Memory, c: int) -> None:
    """Take CPU `c` out of the busy ones."""
    at = s[L_RUNNING]
    if at == c:
        s[L_RUNNING] = cpu_next[c]
        return
    while cpu_next[at] != c:
        at = cpu_next[at]
    cpu_next[at] = cpu_next[c]


def find_lower(level: Memory, on_cpu: Memory, own: int, mask: int, last: int) -> int:
    """The allowed CPU with the lowest thread below `own`; ties: `last`, else the highest; or -1."""
    found = -1
    lowest = own
    c = 0
    for t in on_cpu:
        if mask >> c & 1:
            running = level[t] if t >= 0 else 0
            if running < lowest or (running == lowest and found >= 0 and found != last):
                lowest = running
                found = c
        c += 1  # noqa: SIM113 - plain for the compiler
    return found


def run_lean(  # noqa: PLR0917, PLR0915 - one kernel: every column is an argument, every step in sight
    s: Memory,
    level: Memory,
    mask: Memory,
    last: Memory,
    due: Memory,
    left: Memory,
    burst: Memory,
    first: Memory,
    end: Memory,
    woken: Memory,
    ready_at: Memory,
    follower: Memory,
    sums: Memory,
    work: Memory,
    value: Memory,
    kind: Memory,
    on_cpu: Memory,
    since: Memory,
    ends: Memory,
    cpu_next: Memory,
    rows: Memory,
) -> int:
    """Run until the horizon (0) or until the output rows want to be collected (1).

    `level` 1 is the lowest priority. A thread asleep has its wake-up in `due`. Kinds: 0 wait `value`,
    1 wait for the next release of a period of `value`, 2 go on.
    """
    horizon = s[L_HORIZON]
    tracing = s[L_TRACING]
    row = s[L_ROW]
    last_row = s[L_LAST_ROW]
    sleeper = s[L_SLEEPING]
    events = 0
    switches = 0
    more = 0
    while 1:
        c = s[L_RUNNING]
        now = ends[c] if c >= 0 else INF
        waking = due[sleeper] if sleeper >= 0 else INF
        if now <= waking:
            if now >= horizon:
                break
            if row > last_row:
                more = 1
                break
            events += 1
            t = on_cpu[c]
            b = burst[t]
            kinds = kind[b]
            step = value[b]
            b += 1
            if b == end[t]:
                b = first[t]
            burst[t] = b
            j = t * J_SIZE
            sums[j + J_CPU] += now - since[c]
            if tracing:
                rows[row] = c
                rows[row + 1] = t
                rows[row + 2] = since[c]
                rows[row + 3] = now
                row += 4
            s[L_RUNNING] = cpu_next[c]
            if kinds < 2:
                response = now - woken[t]
                sums[j + J_JOBS] += 1
                sums[j + J_RESPONSE] += response
                sums[j + J_WORST] = max(sums[j + J_WORST], response)
                if kinds == 0:
                    wake = now + step
                else:
                    wake = woken[t] + step
                woken[t] = wake
            else:
                wake = now
            if kinds == 2 or (kinds == 1 and wake < now):
                since[c] = now
                ends[c] = now + work[b]
                insert_running(s, ends, cpu_next, c)
                continue
            left[t] = work[b]
            due[t] = wake
            before = -1
            at = sleeper
            while at >= 0 and (due[at] < wake or (due[at] == wake and at < t)):
                before = at
                at = follower[at]
            follower[t] = at
            if before < 0:
                sleeper = t
            else:
                follower[before] = t
            t = s[L_READY]
            before = -1
            while t >= 0 and not mask[t] >> c & 1:
                before = t
                t = follower[t]
            on_cpu[c] = t
            if t < 0:
                continue
            if before < 0:
                s[L_READY] = follower[t]
            else:
                follower[before] = follower[t]
            j = t * J_SIZE
            wait = now - ready_at[t]
            if wait > sums[j + J_WAIT]:
                sums[j + J_WAIT] = wait
                sums[j + J_WAIT_AT] = ready_at[t]
            if left[t] == work[burst[t]] and wait > sums[j + J_LATENCY]:
                sums[j + J_LATENCY] = wait
                sums[j + J_LATENCY_AT] = ready_at[t]
        else:
            if waking >= horizon:
                break
            if row > last_row:
                more = 1
                break
            now = waking
            events += 1
            t = sleeper
            sleeper = follower[t]
            c = last[t]
            victim = on_cpu[c]
            if victim >= 0 or not mask[t] >> c & 1:
                c = find_lower(level, on_cpu, level[t], mask[t], c)
                if c < 0:
                    ready_at[t] = now
                    insert_ready(s, level, follower, t, 0)
                    continue
                victim = on_cpu[c]
            while victim >= 0:  # a cascade: who is displaced seeks another CPU at once
                remove_running(s, cpu_next, c)
                left[victim] = ends[c] - now
                j = victim * J_SIZE
                sums[j + J_CPU] += now - since[c]
                sums[j + J_PREEMPTED] += 1
                s[L_PREEMPTIONS] += 1
                if tracing and now > since[c]:
                    rows[row] = c
                    rows[row + 1] = victim
                    rows[row + 2] = since[c]
                    rows[row + 3] = now
                    row += 4
                on_cpu[c] = t
                if last[t] != c:
                    s[L_MIGRATIONS] += 1
                    last[t] = c
                switches += 1
                since[c] = now
                ends[c] = now + left[t]
                insert_running(s, ends, cpu_next, c)
                t = victim
                ready_at[t] = now
                c = find_lower(level, on_cpu, level[t], mask[t], last[t])
                if c < 0:
                    insert_ready(s, level, follower, t, 1)
                    break
                victim = on_cpu[c]
            if c < 0:
                continue
            on_cpu[c] = t
        if last[t] != c:
            s[L_MIGRATIONS] += 1
            last[t] = c
        switches += 1
        since[c] = now
        stop = now + left[t]
        ends[c] = stop
        before = -1  # insert_running, spelled out: it is half of all there is to do
        at = s[L_RUNNING]
        while at >= 0 and (ends[at] < stop or (ends[at] == stop and at < c)):
            before = at
            at = cpu_next[at]
        cpu_next[c] = at
        if before < 0:
            s[L_RUNNING] = c
        else:
            cpu_next[before] = c
    s[L_ROW] = row
    s[L_SLEEPING] = sleeper
    s[L_EVENTS] += events
    s[L_SWITCHES] += switches
    return more
