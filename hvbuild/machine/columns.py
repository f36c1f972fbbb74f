"""A scenario laid out in the engine's memory."""

from collections.abc import Mapping

from hvbuild.machine.engine import layout as at
from hvbuild.machine.scenario import Aps, Burst, Scenario, Sporadic, Thread

_KIND_CODE = {
    "i": at.K_WAKE,
    "t": at.K_SLEEP,
    "y": at.K_YIELD,
    "p": at.K_POST,
    "w": at.K_WAIT,
    "m": at.K_REPLY,
    "c": at.K_NEXT,
    "n": at.K_PERIOD,
    "h": at.K_HALT,
    "k": at.K_LOCK,
    "u": at.K_UNLOCK,
    "q": at.K_ASK,
    "a": at.K_AWAIT,
    "r": at.K_ANSWER,
}
_POLICY_CODE = {"f": at.FIFO, "r": at.ROUND_ROBIN, "o": at.ROUND_ROBIN, "s": at.SPORADIC}
_OP_CODE = {
    "prio": at.OP_PRIO,
    "runmask": at.OP_RUNMASK,
    "sched": at.OP_SCHED,
    "wake": at.OP_WAKE,
    "end": at.OP_END,
}

_FREETIME_BY_RATIO = 1
_BMP_SAFETY = 2  # forces the ratio, too
_CANCEL_BUDGET = 1
_MAX_PENDING = 1024  # of the textbook server; the kernel's own limit of 65535 only costs memory


class Columns:
    """Builds the memory of one run; `memory` is the result, `levels` the priorities behind its levels."""

    def __init__(self, scenario: Scenario, switches: Mapping[str, int], rows: int) -> None:
        self.scenario = scenario
        self.switches = switches
        self.memory: at.Memory = [0] * at.SCALARS
        self.levels = _levels(scenario)
        self.rank = {prio: level for level, prio in enumerate(self.levels)}
        self.work_limit = (at.INF >> 1) // scenario.speed_unit
        self._lay_cpus()
        self._lay_partitions()
        self._lay_threads()
        self._lay_bursts()
        self._lay_events()
        self._lay_output(rows)
        self._set_scalars()

    def _take(self, size: int) -> int:
        base = len(self.memory)
        self.memory.extend([0] * size)
        return base

    def _lay_cpus(self) -> None:
        scenario = self.scenario
        m = self.memory
        first = self._take(at.CPU_SIZE * scenario.cpus)
        m[at.CPU_FIRST] = first
        m[at.CPU_END] = len(m)
        self.cpus = [first + i * at.CPU_SIZE for i in range(scenario.cpus)]
        for number, c in enumerate(self.cpus):
            m[c + at.NUMBER] = number
            m[c + at.BIT] = 1 << number
            m[c + at.SPEED] = scenario.speeds[number] if scenario.speeds else scenario.speed_unit
            m[c + at.END] = at.INF

    def _ready_lists(self) -> int:
        lists = self._take(at.LIST + 2 * len(self.levels))
        self.memory[lists + at.TOP] = -1
        return lists

    def _lay_partitions(self) -> None:
        m = self.memory
        aps = self.scenario.aps
        m[at.DISPATCH] = self._ready_lists()
        if aps is None:
            self.parts = [self._take(at.P_SIZE)]  # a System that nobody bills
            m[at.PART_FIRST] = self.parts[0]
            m[self.parts[0] + at.P_LISTS] = m[at.DISPATCH]
            m[at.PART_END] = len(m)
            m[at.PART_COUNT] = 1
            return
        count = len(aps.partitions) + 1
        first = self._take(at.P_SIZE * count)
        m[at.PART_FIRST] = first
        m[at.PART_END] = len(m)
        m[at.PART_COUNT] = count
        self.parts = [first + i * at.P_SIZE for i in range(count)]
        for number, part in enumerate(self.parts):
            m[part + at.P_ID] = number
            m[part + at.P_LISTS] = self._ready_lists() if number else m[at.DISPATCH]
        self._set_budgets(aps)

    def _set_budgets(self, aps: Aps) -> None:
        m = self.memory
        scenario = self.scenario
        cpus = scenario.cpus
        per_ms = scenario.cycles_per_sec // 1000
        bucket = scenario.cycles_per_sec // (1_000_000_000 // scenario.tick_ns)
        buckets = aps.window_ms * per_ms // bucket
        window = buckets * bucket
        safety = aps.policy_flags & _BMP_SAFETY
        m[at.APS] = 1
        m[at.CPB] = m[at.LEFT] = bucket
        m[at.BUCKETS] = buckets
        m[at.WINDOW] = window
        m[at.FREE_BY_RATIO] = 1 if safety or aps.policy_flags & _FREETIME_BY_RATIO else 0
        m[at.LIMITED] = int(aps.limit_cpu_usage)
        m[at.CANCEL] = 1 if aps.bankruptcy_policy & _CANCEL_BUDGET else 0
        percents = budget_percents(aps)
        # the kernel computes the zero-budget set before it counts the partition it creates
        counted = len(percents) - self.switches.get("NEWEST_ZERO", 1)
        factors, zero_offset = relative_factors(percents, window)
        for number, (part, percent) in enumerate(zip(self.parts, percents, strict=True)):
            critical = cpus * window
            if number:
                critical = min(aps.partitions[number - 1].critical_ms * per_ms, critical)
            m[part + at.P_PERCENT] = percent
            m[part + at.P_STD] = cpus * window * percent // 100
            most = aps.partitions[number - 1].max_budget if number and aps.limit_cpu_usage else 100
            m[part + at.P_MOST] = cpus * window * most // 100
            own = (1 if safety else cpus) * window * percent // 100
            m[part + at.P_BMP] = min(own, m[part + at.P_MOST])
            m[part + at.P_CRIT_BUDGET] = critical
            m[part + at.P_FACTOR] = factors[number]
            m[part + at.P_OFFSET] = 0 if percent else zero_offset
            m[part + at.P_GRACE] = 2 * buckets if aps.initial_grace else 0
            m[part + at.P_RING] = self._take(buckets)
            m[part + at.P_CRIT_RING] = self._take(buckets)
            m[part + at.P_LAST_RUN] = self._take(cpus)
            m[part + at.P_ZERO] = 1 if percent == 0 and number < counted else 0

    def _lay_threads(self) -> None:
        m = self.memory
        scenario = self.scenario
        threads = scenario.threads
        first = self._take(at.THREAD_SIZE * (len(threads) + scenario.cpus))
        m[at.THREAD_FIRST] = first
        m[at.THREAD_END] = first + at.THREAD_SIZE * len(threads)
        self.threads = [first + i * at.THREAD_SIZE for i in range(len(threads))]
        self.by_id = {thread.id: t for thread, t in zip(threads, self.threads, strict=True)}
        for thread, t in zip(threads, self.threads, strict=True):
            self._lay_thread(thread, t)
            if thread.earlier is not None:
                m[self.by_id[thread.earlier] + at.LATER] = t
        for number, c in enumerate(self.cpus):
            self._lay_idle(c, m[at.THREAD_END] + number * at.THREAD_SIZE)

    def _lay_thread(self, thread: Thread, t: int) -> None:
        m = self.memory
        m[t + at.ID] = thread.id
        m[t + at.PRIO] = m[t + at.HIGH] = self.rank[thread.prio]
        m[t + at.POLICY] = _POLICY_CODE[thread.policy]
        m[t + at.MASK] = self.scenario.all_cpus if thread.runmask is None else thread.runmask
        m[t + at.LAST_CPU] = self.cpus[0]
        m[t + at.LOOP] = int(thread.loop)
        m[t + at.CRITICAL] = int(thread.critical)
        m[t + at.IO_WAKE] = int(thread.io_wake)
        m[t + at.PART] = self.parts[thread.partition]
        m[t + at.LISTS] = m[self.parts[thread.partition] + at.P_LISTS]
        m[t + at.RELEASE] = thread.start_ns
        m[t + at.VCPU] = int(thread.vcpu)
        m[t + at.KEEPS] = int(thread.keeps_cpu)
        m[t + at.NOTED] = int(thread.noted)
        m[t + at.IRQ] = self.cpus[self.scenario.irq_cpu if thread.irq_cpu is None else thread.irq_cpu]
        server = thread.sporadic
        if server is not None:
            m[t + at.LOW] = self.rank[server.low_prio]
            m[t + at.BUDGET] = m[t + at.CAPACITY] = server.init_budget_ns
            m[t + at.PERIOD] = server.repl_period_ns
            m[t + at.MAX_REPL] = server.max_repl
            if self.switches.get("EXACT"):
                self._lay_ring(t, server)

    def _lay_ring(self, t: int, server: Sporadic) -> None:
        """Pending replenishments: at most one per block, and a block needs some run time."""
        size = min(server.max_repl, server.init_budget_ns + 1, _MAX_PENDING)
        self.memory[t + at.MAX_REPL] = size
        self.memory[t + at.REPL_RING] = self._take(2 * size)

    def _lay_idle(self, c: int, t: int) -> None:
        m = self.memory
        m[t + at.ID] = -1
        m[t + at.POLICY] = at.FIFO
        m[t + at.MASK] = m[c + at.BIT]
        m[t + at.LAST_CPU] = m[t + at.ON] = c
        m[t + at.STATE] = at.RUNNING
        m[t + at.PART] = self.parts[0]
        m[t + at.LISTS] = m[at.DISPATCH]
        m[c + at.IDLE] = m[c + at.RUN] = t

    def _lay_bursts(self) -> None:
        m = self.memory
        locks = sorted({b.value for t in self.scenario.threads for b in t.bursts if b.kind in "ku"})
        self.locks = {number: self._take(at.LOCK_SIZE) for number in locks}
        m[at.EXIT_BURST] = len(m)
        m.extend((0, 0, at.K_EXIT, at.GUEST))
        for thread, t in zip(self.scenario.threads, self.threads, strict=True):
            first = len(m)
            for burst in thread.bursts:
                work = min(burst.run_ns, self.work_limit) * self.scenario.speed_unit
                m.extend((work, self._value(burst), _KIND_CODE[burst.kind], int(burst.host)))
            m[t + at.BURST] = m[t + at.BURST_FIRST] = first
            m[t + at.BURST_END] = len(m)
            m[t + at.REMAINING] = m[first + at.WORK]

    def _value(self, burst: Burst) -> int:
        if burst.kind in "pqa":
            return self.by_id[burst.value]
        if burst.kind in "ku":
            return self.locks[burst.value]
        return burst.value

    def _lay_events(self) -> None:
        m = self.memory
        rows: list[tuple[int, ...]] = []
        exact = bool(self.switches.get("EXACT"))
        for thread, t in zip(self.scenario.threads, self.threads, strict=True):
            if not exact:
                rows.append((thread.start_ns, at.OP_START, t, self.cpus[thread.start_cpu], 0, 0))
        for event in self.scenario.events:
            code = _OP_CODE[event.op]
            value = event.runmask if event.op == "runmask" else self.rank.get(event.prio, 0)
            policy = _POLICY_CODE.get(event.policy, 0)
            rows.append((event.t_ns, code, self.by_id[event.thread], self.cpus[event.cpu], value, policy))
        m[at.EVENT_FIRST] = m[at.EVENT_AT] = len(m)
        for row in sorted(rows, key=lambda row: row[0]):  # stable: creation order within an instant
            m.extend(row)
        m[at.EVENT_END] = len(m)
        m[at.WAKE_HEAP] = self._take(at.ITEM + len(self.threads))
        m[at.SLEEP_HEAP] = self._take(at.ITEM + len(self.threads))
        if exact:
            self._sleep_until_start()

    def _sleep_until_start(self) -> None:
        """Exact mode: a start is a wake-up; a sorted list is a heap."""
        m = self.memory
        heap = m[at.WAKE_HEAP]
        starts = sorted(
            (thread.start_ns, t) for thread, t in zip(self.scenario.threads, self.threads, strict=True)
        )
        m[heap + at.SIZE] = len(starts)
        for place, (time, t) in enumerate(starts):
            m[heap + at.ITEM + place] = t
            m[t + at.KEY_TIME] = time
            m[t + at.KEY_ORDER] = t

    def _lay_output(self, rows: int) -> None:
        m = self.memory
        m[at.TRACING] = 1 if rows else 0
        # rows that one event can write at most: two per CPU, and a change per thread and server step
        spare = 4 * self.scenario.cpus
        changes = 4 * len(self.threads) + 4
        m[at.SEG_FIRST] = m[at.SEG_AT] = self._take((rows + spare) * at.SEG_SIZE)
        m[at.SEG_STOP] = m[at.SEG_FIRST] + rows * at.SEG_SIZE
        m[at.CHANGE_FIRST] = m[at.CHANGE_AT] = self._take((rows + changes) * at.CHANGE_SIZE)
        m[at.CHANGE_STOP] = m[at.CHANGE_FIRST] + rows * at.CHANGE_SIZE

    def _set_scalars(self) -> None:
        m = self.memory
        scenario = self.scenario
        m[at.TICK] = m[at.NEXT_TICK] = scenario.tick_ns
        m[at.HORIZON] = scenario.horizon_ns
        m[at.CPUS] = scenario.cpus
        m[at.UP] = int(scenario.kernel == "up")
        m[at.TIE_TICK] = int(scenario.tie == "tick")
        m[at.IRQ_CPU] = self.cpus[scenario.irq_cpu]
        m[at.RR_LIMIT] = 2 * scenario.rr_mult
        m[at.RATE] = scenario.cycles_per_sec
        m[at.SPEED_UNIT] = scenario.speed_unit
        m[at.SLICE_NS] = scenario.rr_mult * scenario.tick_ns
        for name, value in self.switches.items():
            m[getattr(at, name)] = value
        if m[at.EXACT]:
            m[at.NEXT_TICK] = at.INF
            m[at.TIE_TICK] = 0


def _levels(scenario: Scenario) -> list[int]:
    found = {0}
    for thread in scenario.threads:
        found.add(thread.prio)
        if thread.sporadic is not None:
            found.add(thread.sporadic.low_prio)
    for event in scenario.events:
        if event.op in ("prio", "sched"):
            found.add(event.prio)
    return sorted(found)


def budget_percents(aps: Aps) -> list[int]:
    """Each partition's percentage, System first, after every child took its share from its parent."""
    percents = [100]
    for partition in aps.partitions:
        percents.append(partition.budget)
        percents[partition.parent] -= partition.budget
    return percents


def relative_factors(percents: list[int], window: int) -> tuple[list[int], int]:
    """The kernel's factors that put used cycles on one scale, and the offset of zero-budget partitions."""
    product = 1
    for percent in percents:
        product *= percent or 1
    smallest = min(product // percent for percent in percents if percent)
    factors = [200 * product // percent // smallest if percent else 1 for percent in percents]
    return factors, max(factors) * (window >> 16) + 1
