"""Adaptive partitions of the published kernel, spelled out beside `naive_kernel`: every sum taken anew."""

from dataclasses import dataclass, field
from math import prod

from naive_kernel import Kernel, Worker


@dataclass(eq=False)
class Share:
    """A partition: what it may use of the window, and every bill as (rotation, cycles, critical)."""

    id: int
    percent: int
    standard: int
    limit: int
    critical: int
    factor: int
    offset: int
    grace: int
    never_asleep: bool
    most: int
    bills: list[tuple[int, int, bool]] = field(default_factory=list)
    last_run: dict[int, int] = field(default_factory=dict)


class PartitionedKernel(Kernel):
    """The machine with partitions."""

    def __post_init__(self) -> None:
        super().__post_init__()
        scenario, aps = self.scenario, self.scenario.aps
        assert aps is not None
        per_ms = scenario.cycles_per_sec // 1000
        self.bucket = scenario.cycles_per_sec // (1_000_000_000 // scenario.tick_ns)
        self.buckets = aps.window_ms * per_ms // self.bucket
        window = self.buckets * self.bucket
        self.by_ratio = aps.policy_flags != 0
        self.left = self.bucket
        self.rotation = 0
        self.billed = [0] * scenario.cpus
        percents = [100]
        for one in aps.partitions:
            percents.append(one.budget)
            percents[one.parent] -= one.budget
        whole = prod(p for p in percents if p)
        least = min(whole // p for p in percents if p)
        factors = [200 * whole // p // least if p else 1 for p in percents]
        counted = len(percents) - ("newest-zero-budget" in self.rules)
        n = scenario.cpus
        self.shares = [
            Share(
                id=i,
                percent=percent,
                standard=n * window * percent // 100,
                limit=(1 if aps.policy_flags & 2 else n) * window * percent // 100,
                critical=min(aps.partitions[i - 1].critical_ms * per_ms, n * window) if i else n * window,
                factor=factors[i],
                offset=0 if percent else max(factors) * (window >> 16) + 1,
                grace=2 * self.buckets if aps.initial_grace else 0,
                never_asleep=percent == 0 and i < counted,
                most=n * window * (aps.partitions[i - 1].max_budget if i else 100) // 100,
            )
            for i, percent in enumerate(percents)
        ]

    # --- bills ----------------------------------------------------------------------------------------

    def cycles(self, time: int) -> int:
        return time * self.scenario.cycles_per_sec // 1_000_000_000

    def bill(self, c: int) -> None:
        stamp, worker = self.cycles(self.now), self.run[c]
        spent = min(stamp - self.billed[c], 2 * self.bucket)
        self.billed[c] = stamp
        self.left = max(self.cycles(self.clock) + self.bucket - stamp, 0)
        if not worker.idle:
            self.shares[worker.part].bills.append((self.rotation, spent, worker.billed_critical))

    def used(self, share: Share) -> int:
        return sum(n for at, n, _ in share.bills if at > self.rotation - self.buckets)

    def critical_used(self, share: Share) -> int:
        return sum(n for at, n, critical in share.bills if critical and at > self.rotation - self.buckets)

    def need(self) -> int:
        return self.scenario.cpus * (self.left + self.bucket // 256)

    def has_budget(self, share: Share) -> bool:
        return self.used(share) + self.need() <= share.limit and not self.at_most(share)

    def at_most(self, share: Share) -> bool:
        """Usage is limited, and the next tick would go beyond the maximum."""
        aps = self.scenario.aps
        limited = aps is not None and aps.limit_cpu_usage
        return limited and self.used(share) + self.need() > share.most

    def held_back(self, worker: Worker) -> bool:
        return self.at_most(self.shares[worker.part]) and not self.runs_critical(worker)

    def competes(self, share: Share) -> bool:
        return self.used(share) + self.need() <= share.standard

    def critical_ok(self, share: Share) -> bool:
        return self.critical_used(share) + self.bucket // 32 <= share.critical

    def runs_critical(self, worker: Worker) -> bool:
        return worker.critical and self.critical_ok(self.shares[worker.part])

    def runnable(self, worker: Worker) -> bool:
        return self.has_budget(self.shares[worker.part]) or self.runs_critical(worker)

    def fraction(self, share: Share) -> int:
        return (self.used(share) >> 16) * share.factor + share.offset

    def tick_hook(self, every: bool) -> tuple[bool, int]:
        for c in self.cpus:
            self.bill(c)
        self.rotation += 1
        for share in self.shares:
            share.grace = max(share.grace - 1, 0)
        self.left = self.bucket
        worker = self.run[0]
        share = self.shares[worker.part]
        due = worker.billed_critical and share.critical and not share.grace and len(self.shares) > 1
        bankrupt = bool(due) and not self.critical_ok(share)
        aps = self.scenario.aps
        if bankrupt and aps is not None and aps.bankruptcy_policy:
            share.critical = 0
            for other in self.shares:
                other.grace = 2 * self.buckets
        alone = self.scenario.cpus == 1 and not (aps is not None and aps.limit_cpu_usage)
        if not alone or bankrupt or not (self.has_budget(share) or self.runs_critical(worker)):
            every = True
        return every, 256

    # --- the choice -----------------------------------------------------------------------------------

    def tops(self, c: int) -> dict[int, Worker]:
        """Each partition's best READY thread allowed on `c`."""
        found: dict[int, Worker] = {}
        for worker in self.candidates(c):
            found.setdefault(worker.part, worker)
        return found

    def priority_counts(self, tops: dict[int, Worker]) -> bool:
        asleep = False
        for share in self.shares:
            own = [w for w in self.ready if w.part == share.id]
            highest = max(own, key=lambda w: w.prio, default=None)
            if highest is not None and self.runnable(highest):
                return True
            runs = any(w.part == share.id and not w.idle for w in self.run)
            asleep = asleep or not (share.id in tops or runs or share.never_asleep)
        return asleep and not self.by_ratio

    def starved(self, c: int, worker: Worker) -> int:
        share = self.shares[worker.part]
        if self.scenario.cpus == 1 or worker.mask != 1 << c or share.percent == 0:
            return 0
        ticks = self.rotation - share.last_run.get(c, 0)
        return ticks if ticks > self.buckets else 0

    def choose(self, c: int, running: Worker | None) -> Worker | None:
        self.bill(c)
        tops = self.tops(c)
        by_priority = self.priority_counts(tops)
        best, best_starved = None, 0
        if running is not None:
            self.shares[running.part].last_run[c] = self.rotation
            best = None if running.idle or self.held_back(running) else self.head_or(running, c)
        for worker in (tops[part] for part in sorted(tops) if not self.held_back(tops[part])):
            starved = self.starved(c, worker)
            if best is None or self.beats(worker, starved, best, best_starved, by_priority):
                best, best_starved = worker, starved
        if best is not None:
            share = self.shares[best.part]
            over = self.runs_critical(best) and not self.competes(share)
            best.billed_critical = over and self.rivals(c, best, tops)
        return best

    def head_or(self, running: Worker, c: int) -> Worker:
        """The head of the running thread's partition when it is higher and allowed, else that thread."""
        own = [w for w in self.ready if w.part == running.part]
        head = max(own, key=lambda w: w.prio, default=running)
        return head if head.prio > running.prio and head.mask >> c & 1 else running

    def beats(self, a: Worker, a_starved: int, b: Worker, b_starved: int, by_priority: bool) -> bool:
        mine, other = (a_starved, self.runnable(a)), (b_starved, self.runnable(b))
        if mine != other:
            return mine > other
        if by_priority and a.prio != b.prio:
            return a.prio > b.prio
        return self.fraction(self.shares[a.part]) < self.fraction(self.shares[b.part])

    def rivals(self, c: int, winner: Worker, tops: dict[int, Worker]) -> bool:
        others = [w for part, w in tops.items() if part != winner.part and not self.held_back(w)]
        if any(self.competes(self.shares[w.part]) or self.runs_critical(w) for w in others):
            return True
        held = self.run[c].part
        return held != winner.part and self.competes(self.shares[held])

    # --- where partitions change the kernel ----------------------------------------------------------------

    def switch(self, c: int, winner: Worker, state: str = "ready") -> Worker:
        self.bill(c)
        loser = super().switch(c, winner, state)
        self.shares[winner.part].last_run[c] = self.rotation
        return loser

    def place(self, worker: Worker, c: int, lazy: bool) -> None:
        self.expire(c)
        if self.runs_at_once(worker, c):
            self.preempt(c, worker)
            return
        if self.scenario.cpus == 1 or self.is_lazy(worker, c, lazy):
            self.to_tail(worker)
            return
        chosen = self.pick(worker)
        self.to_tail(worker)
        self.ask(chosen if chosen != c else None)

    def runs_at_once(self, worker: Worker, c: int) -> bool:
        running = self.run[c]
        if worker.prio <= running.prio or not worker.mask >> c & 1 or self.held_back(worker):
            return False
        if running.idle or self.has_budget(self.shares[worker.part]):
            return True
        self.bill(c)
        return not self.has_budget(self.shares[running.part]) or self.runs_critical(worker)

    def may_stop(self, c: int) -> bool:
        return self.has_budget(self.shares[self.run[c].part])

    def look_for_better(self, c: int) -> None:
        running = self.run[c]
        winner = self.choose(c, running)
        if winner is None and not running.idle and self.held_back(running):
            winner = self.idles[c]
        if winner is not None and winner is not running:
            self.switch(c, winner)
            self.to_head(running)
            if running.policy == "s":
                self.post_queued(running, c)
        elif running.sliced and running.half_ticks == 2 * self.scenario.rr_mult:
            equal = self.equal(c)
            if equal is not None:
                self.to_tail(self.switch(c, equal))

    def equal(self, c: int) -> Worker | None:
        own = self.run[c]
        return next((w for w in self.candidates(c) if (w.part, w.prio) == (own.part, own.prio)), None)

    def successor(self, c: int) -> Worker:
        return self.choose(c, None) or self.idles[c]

    def peer(self, c: int) -> Worker | None:
        running = self.run[c]
        chosen = self.choose(c, running)
        if chosen is not running:
            return chosen
        if running.billed_critical:
            return None
        found = self.equal(c)
        if found is not None:
            found.billed_critical = False
        return found

    def reconsider(self, c: int, *, lowered: bool) -> None:
        winner = self.choose(c, self.run[c])  # a raise is a new choice, too
        if winner is not None and winner is not self.run[c]:
            self.to_tail(self.switch(c, winner))
