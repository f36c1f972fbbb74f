"""Adaptive partitions: which thread a CPU should run, by budget, priority and fairness."""

from hvbuild.machine.engine.layout import (
    BILL_CRITICAL,
    BIT,
    BUCKETS,
    COUNT,
    CPB,
    CPUS,
    CRITICAL,
    FREE_BY_RATIO,
    LEFT,
    LIMITED,
    LIST,
    MASK,
    NUMBER,
    P_BMP,
    P_CRIT_BUDGET,
    P_CRIT_USED,
    P_FACTOR,
    P_LAST_RUN,
    P_LISTS,
    P_MOST,
    P_OFFSET,
    P_PERCENT,
    P_RUNNING,
    P_SIZE,
    P_STD,
    P_TOP,
    P_USED,
    P_ZERO,
    PART,
    PART_END,
    PART_FIRST,
    PRIO,
    ROTATIONS,
    RUN,
    Memory,
)
from hvbuild.machine.engine.queues import best_allowed, highest
from hvbuild.machine.engine.switching import bill, note_running


def look_ahead(m: Memory) -> int:
    """Cycles a partition must be able to pay: the rest of the tick on all CPUs and a little more."""
    return m[CPUS] * (m[LEFT] + m[CPB] // 256)


def has_budget(m: Memory, part: int) -> int:
    """1 when `part` can pay the look-ahead from its budget."""
    return 1 if m[part + P_USED] + look_ahead(m) <= m[part + P_BMP] else 0


def competes(m: Memory, part: int) -> int:
    """1 when `part` could also pay it from its share of the whole machine."""
    return 1 if m[part + P_USED] + look_ahead(m) <= m[part + P_STD] else 0


def critical_ok(m: Memory, part: int) -> int:
    """1 while `part` has critical budget left."""
    return 1 if m[part + P_CRIT_USED] + m[CPB] // 32 <= m[part + P_CRIT_BUDGET] else 0


def running_critical(m: Memory, t: int) -> int:
    """1 when `t` may run on its partition's critical budget."""
    return 1 if m[t + CRITICAL] and critical_ok(m, m[t + PART]) else 0


def runnable(m: Memory, t: int) -> int:
    """1 when `t` may run by right: budget, or critical budget."""
    return 1 if has_budget(m, m[t + PART]) or running_critical(m, t) else 0


def held_back(m: Memory, t: int) -> int:
    """1 when usage is limited and the partition of `t` cannot pay the look-ahead from its maximum."""
    if not m[LIMITED] or running_critical(m, t):
        return 0
    part = m[t + PART]
    return 1 if m[part + P_USED] + look_ahead(m) > m[part + P_MOST] else 0


def fraction_used(m: Memory, part: int) -> int:
    """How much of its share `part` has used, on the kernel's coarse common scale."""
    return (m[part + P_USED] >> 16) * m[part + P_FACTOR] + m[part + P_OFFSET]


def starvation(m: Memory, c: int, part: int, t: int) -> int:
    """Ticks that `part` has not run on `c` though `t` can run nowhere else; 0 within the window."""
    if m[CPUS] == 1 or m[t + MASK] != m[c + BIT] or m[part + P_PERCENT] == 0:
        return 0
    ticks = m[ROTATIONS] - m[m[part + P_LAST_RUN] + m[c + NUMBER]]
    return ticks if ticks > m[BUCKETS] else 0


def survey(m: Memory, c: int) -> int:
    """Note each partition's best thread for `c`; 1 when priority counts in this choice."""
    by_right = 0
    asleep = 0
    bit = m[c + BIT]
    for part in range(m[PART_FIRST], m[PART_END], P_SIZE):
        t = 0
        lists = m[part + P_LISTS]
        if m[lists + COUNT]:
            level = highest(m, lists)
            if not by_right:
                by_right = runnable(m, m[lists + LIST + 2 * level])
            t = best_allowed(m, lists, bit, 1)
        m[part + P_TOP] = 0 if t and held_back(m, t) else t
        if t == 0 and m[part + P_RUNNING] == 0 and m[part + P_ZERO] == 0:
            asleep = 1
    return 1 if by_right or (asleep and not m[FREE_BY_RATIO]) else 0


def others_compete(m: Memory, c: int, winner: int) -> int:
    """1 when another partition than the winner's could use `c` within its share."""
    own = m[winner + PART]
    for part in range(m[PART_FIRST], m[PART_END], P_SIZE):
        if part != own and m[part + P_TOP] and (competes(m, part) or running_critical(m, m[part + P_TOP])):
            return 1
    part = m[m[c + RUN] + PART]
    return 1 if part != own and competes(m, part) else 0


def better_candidate(m: Memory, c: int, candidate: int) -> int:
    """The head of the candidate's partition when it is higher and may run on `c`, else the candidate."""
    lists = m[m[candidate + PART] + P_LISTS]
    if m[lists + COUNT]:
        level = highest(m, lists)
        head = m[lists + LIST + 2 * level]
        if level > m[candidate + PRIO] and m[head + MASK] & m[c + BIT]:
            return head
    return candidate


def choose(m: Memory, c: int, running: int) -> int:
    """The thread CPU `c` should run; `running` (or 0) is the one that may keep it. 0: nothing to run.

    Whose partition is held back is as if it were not there, also when it runs. An idle thread cannot keep
    the CPU; its partition, System, competes for being billed all the same.
    """
    bill(m, c)
    prio_counts = survey(m, c)
    best = 0
    best_starved = 0
    best_runs = 0
    best_used = 0
    if running:
        note_running(m, c, running)
    if running and m[running + PRIO] and not held_back(m, running):
        best = better_candidate(m, c, running)
        best_runs = runnable(m, best)
        best_used = fraction_used(m, m[best + PART])
    for part in range(m[PART_FIRST], m[PART_END], P_SIZE):
        t = m[part + P_TOP]
        if t == 0:
            continue
        starved = starvation(m, c, part, t)
        runs = runnable(m, t)
        used = fraction_used(m, part)
        wins = 0
        if best == 0:
            wins = 1
        elif starved != best_starved:
            wins = 1 if starved > best_starved else 0
        elif runs != best_runs:
            wins = runs
        elif prio_counts and m[t + PRIO] != m[best + PRIO]:
            wins = 1 if m[t + PRIO] > m[best + PRIO] else 0
        else:
            wins = 1 if used < best_used else 0
        if wins:
            best = t
            best_starved = starved
            best_runs = runs
            best_used = used
    if best:
        m[best + BILL_CRITICAL] = 0
        if running_critical(m, best) and not competes(m, m[best + PART]):
            m[best + BILL_CRITICAL] = others_compete(m, c, best)
    return best
