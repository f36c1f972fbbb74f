"""The published kernel's rules, spelled out: plain objects, one list of READY threads, scan everything.

The specification the engine's profiles `published`, `sdp71` and `sdp80` are tested against. Partitions are
in `naive_partitions`. A READY thread is in `ready`, whose order within one priority is the list's order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hvbuild.machine.scenario import Burst, Event, Scenario, Thread

NEVER = 1 << 62
EXIT = Burst(0, 0, "x")  # behind a list that ends


@dataclass(eq=False)
class Worker:
    """A thread; an idle thread has no bursts, priority 0, and is pinned."""

    id: int
    prio: int
    policy: str
    mask: int
    bursts: tuple[Burst, ...] = ()
    loop: bool = True
    io_wake: bool = False
    critical: bool = False
    part: int = 0
    state: str = "new"
    last: int = 0
    half_ticks: int = 0
    flag: bool = False
    at: int = 0
    left: int = 0
    tokens: int = 0
    requests: int = 0
    answered: int = 0
    ticket: int = 0
    awaited: "Worker | None" = None
    billed_critical: bool = False
    high: int = 0
    low: int = 0
    capacity: int = 0
    period: int = 0
    most: int = 0
    budget: int = 0
    activation: int = 0
    posts: int = 0
    dropped: bool = False

    @property
    def sliced(self) -> bool:
        return self.policy in "ro"

    @property
    def idle(self) -> bool:
        return not self.bursts


@dataclass(eq=False)
class Kernel:
    """The machine without partitions; `rules` are the names of the quirks and choices that are on."""

    scenario: Scenario
    rules: frozenset[str]
    now: int = 0
    clock: int = 0
    run: list[Worker] = field(default_factory=list)
    since: list[int] = field(default_factory=list)
    ready: list[Worker] = field(default_factory=list)
    wakes: list[tuple[int, int, Worker]] = field(default_factory=list)
    sleeps: list[tuple[int, int, Worker]] = field(default_factory=list)
    posts: list[tuple[int, Worker]] = field(default_factory=list)
    expired: list[Worker] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    made: int = 0
    segments: list[tuple[int, int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        scenario = self.scenario
        self.cpus = range(scenario.cpus)
        self.workers = {t.id: self.worker(t) for t in scenario.threads}
        self.run = [Worker(-1, 0, "f", 1 << c, last=c, state="running") for c in self.cpus]
        self.idles = list(self.run)
        self.since = [0] * scenario.cpus
        starts = [Event(t_ns=t.start_ns, op="start", thread=t.id, cpu=t.start_cpu) for t in scenario.threads]
        self.table = sorted((*starts, *scenario.events), key=lambda e: e.t_ns)

    def worker(self, t: Thread) -> Worker:
        mask = self.scenario.all_cpus if t.runmask is None else t.runmask
        found = Worker(t.id, t.prio, t.policy, mask, t.bursts, t.loop, t.io_wake, t.critical, t.partition)
        found.left = t.bursts[0].run_ns
        found.high = t.prio
        if t.sporadic is not None:
            s = t.sporadic
            found.low, found.capacity, found.period = s.low_prio, s.init_budget_ns, s.repl_period_ns
            found.budget, found.most = s.init_budget_ns, s.max_repl
        return found

    # --- time ---------------------------------------------------------------------------------------

    def play(self) -> list[tuple[int, int, int, int]]:
        """(CPU, thread, start, end) by (start, CPU), touching ones joined."""
        scenario = self.scenario
        tick_at = scenario.tick_ns
        while True:
            ends = [self.since[c] + w.left if w.bursts else NEVER for c, w in enumerate(self.run)]
            burst = min(ends)
            table = self.table[0].t_ns if self.table else NEVER
            wake = min(self.wakes)[0] if self.wakes else NEVER
            self.charge_to(min(burst, tick_at, table, wake, scenario.horizon_ns))
            if self.now >= scenario.horizon_ns:
                return joined(self.segments)
            if tick_at == self.now and (scenario.tie == "tick" or burst > self.now):
                tick_at += scenario.tick_ns
                self.tick()
            elif burst == self.now:
                self.end_burst(ends.index(burst))
            elif table == self.now:
                self.call(self.table.pop(0))
            else:
                self.wake()

    def charge_to(self, time: int) -> None:
        for c, worker in enumerate(self.run):
            if worker.bursts and time > self.since[c]:
                self.segments.append((c, worker.id, self.since[c], time))
                worker.left -= time - self.since[c]
            self.since[c] = time
        self.now = time

    def leave(self, c: int) -> None:
        """CPU `c` leaves the kernel, then those that were asked enter it, lowest first."""
        self.exit(c)
        while self.asked:
            for other in self.cpus:
                if other in self.asked:
                    self.asked.discard(other)
                    self.run[other].flag = True
                    self.exit(other)

    def exit(self, c: int) -> None:
        while True:
            if self.expired:
                self.make_ready(self.expired.pop(0), c)
            elif self.run[c].flag:
                self.run[c].flag = False
                self.reschedule(c)
            else:
                return

    # --- what happens ---------------------------------------------------------------------------------

    def tick(self) -> None:
        step = self.scenario.tick_ns
        every = bool(self.posts) and self.posts[0][0] <= self.clock + step
        every, top = self.tick_hook(every)
        for c, worker in enumerate(self.run):
            mine = False
            if worker.sliced:
                limit = 2 * self.scenario.rr_mult
                worker.half_ticks = min(worker.half_ticks + 2, limit)
                if worker.half_ticks == limit:
                    mine = top >= worker.prio
                    if not mine and "saturated-lone-runner" not in self.rules:
                        worker.half_ticks = 0
            elif worker.policy == "s" and not worker.dropped:
                every = every or worker.budget <= step
                worker.budget = max(worker.budget - step, 0)
            if every or mine:
                if c == 0:
                    worker.flag = True
                else:
                    self.asked.add(c)
        self.clock += step
        due = sorted(s for s in self.sleeps if s[0] <= self.clock)[:51]
        self.sleeps = [s for s in self.sleeps if s not in due]
        self.expired.extend(worker for _, _, worker in due)
        self.leave(0)

    def tick_hook(self, every: bool) -> tuple[bool, int]:
        """Whether all CPUs are to reschedule, and the highest READY priority."""
        return every, max((w.prio for w in self.ready), default=-1)

    def end_burst(self, c: int) -> None:
        worker = self.run[c]
        burst = worker.bursts[worker.at]
        worker.at += 1
        if worker.at == len(worker.bursts) and worker.loop:
            worker.at = 0
        elif worker.at == len(worker.bursts) and burst.kind in "itwmy":
            burst = EXIT  # nothing left to wait or yield for
            worker.at -= 1
        elif worker.at == len(worker.bursts):
            worker.bursts = (*worker.bursts, EXIT)
        worker.left = worker.bursts[worker.at].run_ns
        self.made += 1
        match burst.kind:
            case "c":
                return  # no kernel entry
            case "i":
                self.wakes.append((self.now + burst.value, self.made, worker))
                self.block(c, "blocked")
            case "t":
                self.sleeps.append((self.clock + burst.value + self.scenario.tick_ns, self.made, worker))
                self.block(c, "blocked")
            case "x":
                self.block(c, "dead")
            case "y":
                self.yield_cpu(c)
            case "p":
                self.give(self.workers[burst.value], c)
            case "q":
                server = self.workers[burst.value]
                if server.state != "dead":
                    server.requests += 1
                    worker.ticket = server.requests
                    self.give(server, c)
            case "a":
                server = self.workers[burst.value]
                if server.answered < worker.ticket:
                    worker.awaited = server
                    self.block(c, "asking")
            case "r":
                worker.answered += 1
                for other in self.workers.values():
                    if other.awaited is worker and other.ticket <= worker.answered:
                        other.awaited = None
                        self.make_ready(other, c)
            case _ if worker.tokens:
                worker.tokens -= 1
            case _:
                self.block(c, "waiting" if burst.kind == "w" else "reply")
        self.leave(c)

    def give(self, worker: Worker, c: int) -> None:
        if worker.state in {"waiting", "reply"}:
            self.make_ready(worker, c)
        else:
            worker.tokens += 1

    def wake(self) -> None:
        first = min(self.wakes)
        self.wakes.remove(first)
        worker = first[2]
        worker.critical = worker.critical or worker.io_wake
        self.make_ready(worker, self.scenario.irq_cpu)
        self.leave(self.scenario.irq_cpu)

    def call(self, event: Event) -> None:
        worker, c = self.workers[event.thread], event.cpu
        match event.op:
            case "start":
                if worker.state == "new":
                    self.make_ready(worker, c)
            case "end":
                c = self.end(worker, c)
            case "prio":
                self.set_priority(worker, event.prio, c)
            case "sched":
                if worker.sliced:
                    worker.half_ticks = 0
                if worker.policy == "s":
                    self.posts = [p for p in self.posts if p[1] is not worker]
                worker.policy = event.policy
                self.adjust(worker, event.prio, c)
            case "runmask":
                self.set_mask(worker, event.runmask, c)
        self.leave(c)

    def end(self, worker: Worker, c: int) -> int:
        """`worker` is gone, from wherever it was; the CPU that is in the kernel for it."""
        if worker in self.run:
            c = self.run.index(worker)
            self.block(c, "dead")
        elif worker in self.ready:
            self.ready.remove(worker)
        worker.state = "dead"
        worker.awaited = None
        self.wakes = [w for w in self.wakes if w[2] is not worker]
        self.sleeps = [s for s in self.sleeps if s[2] is not worker]
        self.posts = [p for p in self.posts if p[1] is not worker]
        return c

    # --- who runs ---------------------------------------------------------------------------------------

    def switch(self, c: int, winner: Worker, state: str = "ready") -> Worker:
        """`winner` runs on `c`; who ran there is returned, in no list."""
        loser = self.run[c]
        loser.state = state
        if state == "ready" and "stale-flag" not in self.rules:
            loser.flag = False
        if winner in self.ready:
            self.ready.remove(winner)
        winner.state = "running"
        winner.last = c
        self.run[c] = winner
        return loser

    def to_head(self, worker: Worker) -> None:
        if not worker.idle:
            self.ready.insert(0, worker)

    def to_tail(self, worker: Worker) -> None:
        worker.half_ticks = 0
        if not worker.idle:
            self.ready.append(worker)

    def displaced(self, worker: Worker) -> None:
        if worker.sliced:
            worker.half_ticks = min(worker.half_ticks + 1, 2 * self.scenario.rr_mult)

    def candidates(self, c: int) -> Iterator[Worker]:
        """READY threads allowed on `c`, from the highest priority down, in list order within one."""
        allowed = [w for w in self.ready if w.mask >> c & 1]
        yield from sorted(allowed, key=lambda w: -w.prio)

    def best(self, c: int, floor: int) -> Worker | None:
        return next((w for w in self.candidates(c) if w.prio >= floor), None)

    def make_ready(self, worker: Worker, c: int) -> None:
        lazy = worker.state == "reply"
        if worker.policy == "s" and not worker.dropped:
            worker.activation = self.clock
        worker.state = "ready"
        self.place(worker, c, lazy)

    def preempt(self, c: int, worker: Worker) -> None:
        loser = self.switch(c, worker)
        self.displaced(loser)
        self.to_head(loser)

    def place(self, worker: Worker, c: int, lazy: bool) -> None:
        running = self.run[c]
        if self.scenario.kernel == "up":
            self.expire(c)
            if worker.prio > self.run[c].prio:
                self.preempt(c, worker)
            else:
                self.to_tail(worker)
            return
        if self.is_lazy(worker, c, lazy):
            self.to_tail(worker)
            return
        chosen = self.pick_80(worker, c) if "displacement" in self.rules else self.pick(worker)
        if chosen == c:
            self.preempt(c, worker)
            if "idle-cpu-for-the-displaced" in self.rules and not running.idle:
                self.ask(self.idle_for(running))
            return
        self.to_tail(worker)
        self.ask(chosen)

    def is_lazy(self, worker: Worker, c: int, lazy: bool) -> bool:
        low = worker.prio <= self.run[c].prio and worker.mask >> c & 1
        return lazy and bool(low) and "lazy-reply" in self.rules

    def ask(self, c: int | None) -> None:
        if c is not None:
            self.asked.add(c)

    def pick(self, worker: Worker) -> int | None:
        lower = [c for c in self.cpus if worker.mask >> c & 1 and self.run[c].prio < worker.prio]
        lowest = min((self.run[c].prio for c in lower), default=0)
        ties = [c for c in lower if self.run[c].prio == lowest]
        return worker.last if worker.last in ties else max(ties, default=None)

    def idle_for(self, worker: Worker) -> int | None:
        free = [c for c in self.cpus if worker.mask >> c & 1 and self.run[c].idle and c not in self.asked]
        return worker.last if worker.last in free else max(free, default=None)

    def pick_80(self, worker: Worker, c: int) -> int | None:
        if worker.mask >> c & 1:
            return c if worker.prio > self.run[c].prio else self.idle_for(worker)
        free = self.idle_for(worker)
        if free is not None:
            return free
        cluster = [self.run[other].prio for other in self.cpus if worker.mask >> other & 1]
        if "displacement-from-outside" not in self.rules and max(cluster) >= worker.prio:
            return None
        return self.pick(worker)

    def reschedule(self, c: int) -> None:
        running = self.run[c]
        self.expire(c)
        if self.posts:
            lifted = self.refill(c) and "refill-ends-reschedule" in self.rules
            if (lifted or self.run[c] is not running) and self.may_stop(c):
                return
        self.look_for_better(c)

    def may_stop(self, _c: int) -> bool:
        return True

    def look_for_better(self, c: int) -> None:
        running = self.run[c]
        allowed = running.mask >> c & 1
        spent = running.sliced and running.half_ticks == 2 * self.scenario.rr_mult
        equal = running.policy != "f" and ("mid-slice-equal-displacement" in self.rules or spent)
        winner = self.best(c, running.prio + (not equal)) if allowed else self.best(c, 0) or self.idles[c]
        if winner is None:
            return
        self.switch(c, winner)
        self.displaced(running)
        if running.sliced and running.half_ticks == 2 * self.scenario.rr_mult:
            self.to_tail(running)
        else:
            self.to_head(running)
        if not allowed and "mask-change-without-dispatch" not in self.rules:
            elsewhere = self.pick(running)
            self.ask(elsewhere if elsewhere != c else None)

    def successor(self, c: int) -> Worker:
        return self.best(c, 1) or self.idles[c]

    def block(self, c: int, state: str) -> None:
        winner = self.successor(c)
        loser = self.switch(c, winner, state)
        if winner.prio > loser.prio:
            self.displaced(loser)
        elif loser.policy == "s":
            self.post(loser, exhausted=False)

    def peer(self, c: int) -> Worker | None:
        return next((w for w in self.candidates(c) if w.prio == self.run[c].prio), None)

    def step_aside(self, c: int) -> bool:
        winner = self.peer(c)
        if winner is not None:
            self.to_tail(self.switch(c, winner))
        return winner is not None

    def yield_cpu(self, c: int) -> None:
        worker = self.run[c]
        if self.step_aside(c) and worker.policy == "s":
            self.post_queued(worker, c)

    def adjust(self, worker: Worker, prio: int, c: int) -> None:
        old, where = worker.prio, self.run.index(worker) if worker in self.run else None
        if prio == old:
            if where == c:
                self.yield_cpu(c)
        elif worker.state == "ready":
            self.ready.remove(worker)
            worker.prio = prio
            self.place(worker, c, lazy=False)
        else:
            worker.prio = prio
            if where == c:
                self.reconsider(c, lowered=prio < old)
            else:
                self.ask(where)

    def reconsider(self, c: int, *, lowered: bool) -> None:
        winner = self.best(c, self.run[c].prio) if lowered else None
        if winner is not None:
            self.to_tail(self.switch(c, winner))

    def set_priority(self, worker: Worker, prio: int, c: int) -> None:
        old, worker.high = worker.prio, prio
        if prio == old:
            return
        self.adjust(worker, prio, c)
        if prio < old and worker.state == "ready":
            self.ready.remove(worker)
            self.to_head(worker)

    def set_mask(self, worker: Worker, mask: int, c: int) -> None:
        worker.mask = mask
        if worker not in self.run:
            if worker.state == "ready" and "mask-change-without-dispatch" not in self.rules:
                self.ready.remove(worker)
                self.place(worker, c, lazy=False)
            return
        where = self.run.index(worker)
        if mask >> where & 1:
            return
        if where == c:
            self.block(c, "blocked")
            self.make_ready(worker, c)
        else:
            self.ask(where)

    # --- sporadic servers -----------------------------------------------------------------------------

    def expire(self, c: int) -> None:
        worker = self.run[c]
        if worker.policy == "s" and worker.budget == 0 and not worker.dropped:
            self.post(worker, exhausted=True)

    def book(self, worker: Worker) -> bool:
        """Post a replenishment; True when the thread has blocked too often."""
        if all(other is not worker for _, other in self.posts):
            time = worker.activation + worker.period
            place = sum(1 for due, _ in self.posts if due < time)
            self.posts.insert(place, (time, worker))
        worker.posts += 1
        return worker.posts >= worker.most

    def post(self, worker: Worker, *, exhausted: bool) -> None:
        if worker.dropped or not (self.book(worker) or exhausted):
            return
        worker.dropped = True
        if worker not in self.run:
            worker.prio = worker.low
        elif worker.prio == worker.low:
            self.step_aside(self.run.index(worker))
        else:
            lowered = worker.low < worker.prio
            worker.prio = worker.low
            self.reconsider(self.run.index(worker), lowered=lowered)

    def post_queued(self, worker: Worker, c: int) -> None:
        """A queued server that gave up its CPU posts as if it had blocked; dropped, it is queued anew."""
        if worker.dropped or not self.book(worker):
            return
        worker.dropped = True
        if worker.prio != worker.low:
            self.ready.remove(worker)
            worker.prio = worker.low
            self.place(worker, c, lazy=False)

    def refill(self, c: int) -> bool:
        """Obey the replenishments that are due; True when one lifted a dropped thread."""
        lifted = False
        while self.posts and self.posts[0][0] <= self.clock:
            _, worker = self.posts.pop(0)
            worker.budget, worker.posts = worker.capacity, 0
            if worker.dropped:
                lifted = True
                worker.activation = self.clock
                self.adjust(worker, worker.high, c)
                worker.dropped = False
        return lifted


def joined(segments: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    found: list[tuple[int, int, int, int]] = []
    last: dict[int, int] = {}
    for c, thread, start, end in sorted(segments, key=lambda s: (s[2], s[0])):
        place = last.get(c)
        if place is not None and found[place][1] == thread and found[place][3] == start:
            found[place] = (c, thread, found[place][2], end)
        else:
            last[c] = len(found)
            found.append((c, thread, start, end))
    return found
