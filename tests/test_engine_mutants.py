"""Deliberately broken engines: each must be told from the true one by a timeline."""

import signal
from types import FrameType

import pytest
from engine_mutants import Mutant, engine_with, segments_of
from timelines_format import Timeline, all_timelines

MUTANTS = (
    Mutant("idle CPU kept from the displaced", "ready", "if m[IDLE_TAKES] and", "if 0 and"),
    Mutant(
        "no expiry check on waking under partitions",
        "ready",
        "    if m[APS]:\n        expire(m, m[c + RUN])\n",
        "",
    ),
    Mutant(
        "a yield that drops is told to nobody",
        "priority",
        "        write_change(m, t)\n        place(m, t, c, 0)\n\n\ndef set_priority",
        "        write_change(m, t)\n        enqueue_head(m, t)\n\n\ndef set_priority",
    ),
    Mutant(
        "a refill that yields posts",
        "priority",
        "            if m[EXACT]:\n                m[t + DROPPED] = 0",
        "            m[t + DROPPED] = 0",
    ),
    Mutant("successor by yield still billed as critical", "lowering", "m[equal + BILL_CRITICAL] = 0", "pass"),
    Mutant("grace for the bankrupt alone", "ticks", "m[other + P_GRACE] = 2", "m[part + P_GRACE] = 2"),
    Mutant(
        "no run mask",
        "queues",
        "            if m[t + MASK] & bit:\n                return t",
        "            return t",
    ),
    Mutant(
        "preempted to the tail",
        "lowering",
        "        charge_displacement(m, loser)\n        enqueue_head(m, loser)",
        "        charge_displacement(m, loser)\n        enqueue_tail(m, loser)",
    ),
    Mutant(
        "expired to the head",
        "resched",
        "        queue_tail(m, running)\n    else:\n        enqueue_head(m, running)",
        "        enqueue_head(m, running)\n    else:\n        enqueue_head(m, running)",
    ),
    Mutant(
        "slice one tick longer",
        "ticks",
        "            if used >= m[RR_LIMIT]:",
        "            if used >= m[RR_LIMIT] + 2:",
    ),
    Mutant("no charge for displacement", "lowering", "        m[t + RR] += 1", "        m[t + RR] += 0"),
    Mutant("FIFO sliced", "resched", "    elif m[running + POLICY] == FIFO or not", "    elif not"),
    Mutant(
        "equal preempts on waking",
        "ready",
        "        if level > m[m[c + RUN] + PRIO]:\n            preempt(m, c, t)",
        "        if level >= m[m[c + RUN] + PRIO]:\n            preempt(m, c, t)",
    ),
    Mutant(
        "highest running CPU displaced",
        "lowering",
        "level < lowest or (level == lowest and found and found != last)",
        "level < m[t + PRIO] and found == 0",
    ),
    Mutant("last CPU ignored", "lowering", "found and found != last)", "found)"),
    Mutant(
        "lowest numbered CPU",
        "lowering",
        "(level == lowest and found and found != last)",
        "(level == lowest and found and c == last)",
    ),
    Mutant("eager reply", "ready", "    if replied and m[LAZY_REPLY]", "    if 0 and m[LAZY_REPLY]"),
    Mutant("sleep without the extra tick", "events", "m[CLOCK] + value + m[TICK]", "m[CLOCK] + value"),
    Mutant("sleep from now", "events", "m[CLOCK] + value + m[TICK]", "m[NOW] + value"),
    Mutant(
        "slice before timers",
        "leaving",
        "        t = m[EXPIRED_HEAD]\n        if t:",
        "        t = m[EXPIRED_HEAD]\n        if t and not m[m[c + RUN] + FLAG]:",
    ),
    Mutant("stale flag forgotten", "switching", "    if not m[STALE_FLAG]:", "    if 1:"),
    Mutant("lone runner's slice renewed", "ticks", "if not sliced and not m[SATURATING]:", "if not sliced:"),
    Mutant(
        "lowered READY to the tail",
        "priority",
        "        dequeue(m, t)\n        enqueue_head(m, t)",
        "        dequeue(m, t)\n        enqueue_tail(m, t)",
    ),
    Mutant(
        "lowered runner keeps the CPU",
        "lowering",
        "    if winner:\n        hand_over_to_tail(m, c, winner)\n\n\ndef pick_cpu",
        "    if 0:\n        hand_over_to_tail(m, c, winner)\n\n\ndef pick_cpu",
    ),
    Mutant(
        "same priority does nothing",
        "priority",
        "            yield_cpu(m, c)\n        return",
        "            pass\n        return",
    ),
    Mutant(
        "yield to lower",
        "lowering",
        "    return first_equal(m, m[DISPATCH], m[c + BIT], m[t + PRIO])",
        "    return best_allowed(m, m[DISPATCH], m[c + BIT], 1)",
    ),
    Mutant(
        "mask change tells",
        "resched",
        "        if m[t + STATE] == READY and not m[MASK_SILENT]:",
        "        if m[t + STATE] == READY:",
    ),
    Mutant(
        "mask lost is kept",
        "resched",
        "    if not allowed:\n        floor = 0",
        "    if 0:\n        floor = 0",
    ),
    Mutant(
        "budget off by one tick",
        "ticks",
        "            if m[t + BUDGET] <= step:",
        "            if m[t + BUDGET] < step:",
    ),
    Mutant(
        "budget charged when dropped",
        "ticks",
        "        elif policy == SPORADIC and not m[t + DROPPED]:",
        "        elif policy == SPORADIC:",
    ),
    Mutant(
        "refill from the end",
        "sporadic",
        "insert_post(m, t, m[t + ACTIVATION] + m[t + PERIOD])",
        "insert_post(m, t, m[CLOCK] + m[t + PERIOD])",
    ),
    Mutant(
        "max_repl ignored",
        "sporadic",
        "    return 1 if m[t + BLOCKS] >= m[t + MAX_REPL] else 0",
        "    return 0",
    ),
    Mutant(
        "no equal displacement",
        "resched",
        "or not (m[EQUAL_RESCHED] or expired(m, running))",
        "or not expired(m, running)",
    ),
    Mutant(
        "tumbling window",
        "ticks",
        "        m[part + P_USED] -= m[place]\n        m[place] = 0",
        "        m[part + P_USED] = 0 if at == 0 else m[part + P_USED]\n        m[place] = 0",
    ),
    Mutant("budget of the instant", "choice", "m[CPUS] * (m[LEFT] + m[CPB] // 256)", "0"),
    Mutant(
        "priority always counts",
        "choice",
        "    return 1 if by_right or (asleep and not m[FREE_BY_RATIO]) else 0",
        "    return 1",
    ),
    Mutant("ratio forgotten", "choice", "(asleep and not m[FREE_BY_RATIO])", "asleep"),
    Mutant("sleepers ignored", "choice", "            asleep = 1", "            asleep = 0"),
    Mutant(
        "criticality ignored",
        "choice",
        "    return 1 if m[t + CRITICAL] and critical_ok(m, m[t + PART]) else 0",
        "    return 0",
    ),
    Mutant(
        "critical without end",
        "choice",
        "    return 1 if m[part + P_CRIT_USED] + m[CPB] // 32 <= m[part + P_CRIT_BUDGET] else 0",
        "    return 1",
    ),
    Mutant("no backstop", "choice", "    return ticks if ticks > m[BUCKETS] else 0", "    return 0"),
    Mutant(
        "one CPU's budget",
        "choice",
        "m[part + P_USED] + look_ahead(m) <= m[part + P_BMP]",
        "m[part + P_USED] + look_ahead(m) <= m[part + P_BMP] // m[CPUS]",
    ),
    Mutant(
        "unsorted wake-ups",
        "queues",
        "        if key < time or (key == time and m[other + KEY_ORDER] < order):",
        "        if 1:",
    ),
    Mutant(
        "displacement elsewhere in 8.0",
        "ready",
        "        return idle_cpu(m, t)  # it displaces nobody elsewhere",
        "        return pick_cpu(m, t)",
    ),
    Mutant(
        "no cascade",
        "lowering",
        "        t = victim\n        displaced = 1",
        "        t = victim\n        displaced = 1\n        break",
    ),
    Mutant("tie order", "kernel", "(tick_first or now != burst)", "now != burst"),
    Mutant("uniprocessor server never expires", "ready", "        expire(m, running)\n", "        pass\n"),
    Mutant(
        "work lost at preemption",
        "switching",
        "    m[t + REMAINING] = left if left > 0 else 0",
        "    m[t + REMAINING] = left - 1000 if left > 1000 else 0",
    ),
    Mutant(
        "blocking below a higher costs nothing",
        "resched",
        "    if higher:\n        charge_half_tick(m, t)\n",
        "",
    ),
    Mutant(
        "back-stop counts from leaving",
        "switching",
        "            m[m[t + PART] + P_RUNNING] -= 1",
        "            m[m[t + PART] + P_RUNNING] -= 1\n        note_running(m, c, t)",
    ),
    Mutant(
        "idle is nobody's turn",
        "choice",
        "    if running:\n        note_running",
        "    if running and m[running + PRIO]:\n        note_running",
    ),
    Mutant("usage not limited", "choice", "    if not m[LIMITED] or running_critical(m, t):", "    if 1:"),
    Mutant("critical time limited", "choice", "not m[LIMITED] or running_critical(m, t)", "not m[LIMITED]"),
    Mutant("limit not asked on waking", "ready", " or held_back(m, t):", ":"),
    Mutant("limit not looked at by a tick", "ticks", " or bankrupt or m[LIMITED]:", " or bankrupt:"),
    Mutant(
        "a drop that raises gives the CPU away",
        "sporadic",
        "elif c and (low < m[t + PRIO] or m[APS] or m[EXACT]):",
        "elif c:",
    ),
)

_CASES = all_timelines()


class _TooLongError(Exception):
    pass


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise _TooLongError


def _is_told(mutant: Mutant | None, cases: list[Timeline]) -> bool:
    broken = engine_with(mutant)
    for case in cases:
        before = signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, 5)
        try:
            if segments_of(broken, case.scenario, case.profile) != TRUE[case.path.stem]:
                return True
        except _TooLongError:
            return True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    return False


TRUE = {c.path.stem: segments_of(engine_with(None), c.scenario, c.profile) for c in _CASES}


def test_the_unchanged_engine_is_not_told() -> None:
    assert not _is_told(None, _CASES)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: str(m.rule).replace(" ", "-"))
def test_each_broken_engine_is_told(mutant: Mutant) -> None:
    assert _is_told(mutant, _CASES)
