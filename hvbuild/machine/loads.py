"""Declared loads as they are played: guest work with the exits that fall into it, host programs as they are.

A vCPU is woken by its own timer (periodic) or by an interrupt, works, reads and writes vdev registers on
the way, and halts. Arrivals come as close together as the declaration allows, all first ones at once; a
thread that serves works when it is asked.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hvbuild.machine.backends import Order, awaited, awaited_arrival, handed_over, serving
from hvbuild.machine.exits import Cause, Terms
from hvbuild.machine.parts import Part
from hvbuild.machine.program import (
    Action,
    Answer,
    Await,
    HaltInPlace,
    Leave,
    Lock,
    NextPeriod,
    Operate,
    Serve,
    Unlock,
    Work,
    compile_program,
)
from hvbuild.machine.scenario import Burst
from hvbuild.machine.threads import Errand, HostThread
from hvbuild.model.guest import Demand
from hvbuild.model.system import NO_TIME
from hvbuild.units import Nanoseconds

# Accesses fall into the work in so many groups at most: more make the program longer and no figure different.
_GROUPS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one thread does: its part in the run, and the exits of one activation by cause.

    `host_ns` is the host work of one activation, in the time of the fastest core.
    """

    part: Part
    exits: Mapping[Cause, int] = field(default_factory=lambda: MappingProxyType({}))
    host_ns: int = 0

    @property
    def thread(self) -> HostThread:
        """Whose load it is."""
        return self.part.thread


def load_of(
    thread: HostThread, terms: Terms, lock: int, horizon: int, numbers: Mapping[str, int]
) -> Load | None:
    """The load of `thread` over `horizon` ns, None when it rests; `lock` is its guest's spin lock.

    `numbers` are the places of the threads that do not rest, by name.
    """
    demand = thread.demand
    if thread.rests:
        return None
    if demand is None or demand.pattern == "idle" or (demand.serves and not thread.asked):
        return Load(part=Part(thread=thread, bursts=(Burst(1, 2 * horizon, "h"),)))
    if demand.serves:
        return _load(thread, terms, _serving(thread, demand, lock, numbers), 0)
    period = int(demand.period or 0) * max(1, demand.burst)
    if not period or demand.work is None:
        return Load(part=Part(thread=thread, bursts=(Burst(2 * horizon, 0, "c"),)))
    woken = Cause.TIMER if demand.by_timer else Cause.INTERRUPT
    actions: list[Action] = [Leave(cause=woken)] if thread.is_vcpu else []
    for _ in range(max(1, demand.burst)):
        actions += _activation(thread, demand, lock, numbers)
    return _load(thread, terms, [*actions, *_waiting(thread, Nanoseconds(period))], period)


def _load(thread: HostThread, terms: Terms, actions: Iterable[Action], period: int) -> Load:
    program = compile_program(actions, terms)
    part = Part(
        thread=thread,
        bursts=program.bursts,
        work_ns=program.guest_ns + program.host_ns,
        period_ns=period,
    )
    return Load(part=part, exits=program.tally.counts, host_ns=program.host_ns)


def _serving(thread: HostThread, demand: Demand, lock: int, numbers: Mapping[str, int]) -> Iterator[Action]:
    """One request: of a vCPU what it takes and what it does then, of another thread its work."""
    if not thread.is_vcpu:
        behind = [numbers[row.server] for row in thread.errands if row.server]
        takers = [numbers[name] for row in thread.errands for name in row.takers if name in numbers]
        yield from serving(demand.work or NO_TIME, behind=behind, takers=takers)
        return
    yield Await()
    yield from _activation(thread, demand, lock, numbers)
    yield Answer()
    if not thread.halts_in_place:
        yield Leave(cause=Cause.HALT)


def _waiting(thread: HostThread, period: Nanoseconds) -> Iterator[Action]:
    """How it waits for its next release."""
    if thread.halts_in_place:
        yield HaltInPlace(ns=period)
        return
    if thread.is_vcpu:
        yield Leave(cause=Cause.HALT)
    yield NextPeriod(ns=period)


def _activation(
    thread: HostThread, demand: Demand, lock: int, numbers: Mapping[str, int]
) -> Iterator[Action]:
    """The work of one activation, cut where something falls into it."""
    work = int(demand.work or 0)
    inside: list[tuple[int, int, Action]] = []
    if thread.is_vcpu:
        held = min(int(demand.spinlock or 0), work)
        start = (work - held) // 2
        inside += [(at, 1, action) for at, action in _exits(demand, work)]
        for at, action in _operations(thread, demand, work, numbers):
            # nobody waits for others with a spin lock held
            inside.append((start if held and start < at < start + held and thread.waits else at, 1, action))
        if held:
            inside += [(start, 2, Lock(number=lock)), (start + held, 0, Unlock(number=lock))]
    done = 0
    for at, _, action in sorted(inside, key=lambda row: row[:2]):
        if at > done:
            yield Work(ns=Nanoseconds(at - done))
            done = at
        yield action
    if work > done:
        yield Work(ns=Nanoseconds(work - done))


def _operations(
    thread: HostThread, demand: Demand, work: int, numbers: Mapping[str, int]
) -> Iterator[tuple[int, Action]]:
    """The operations of one activation on each vdev, evenly over its work, and what they set off.

    Those that make others work are done one by one, the rest in groups.
    """
    for use in demand.uses:
        errand = next((row for row in thread.errands if row.use == use), None)
        if errand is not None:
            for number in range(use.count):
                at = work * (number + 1) // (use.count + 1)
                yield from ((at, action) for action in _order(thread, demand, errand, numbers))
            continue
        groups = min(use.count, max(1, _GROUPS // max(1, demand.burst)))
        for number in range(groups):
            at = work * (number + 1) // (groups + 1)
            count = (number + 1) * use.count // groups - number * use.count // groups
            yield at, Operate(vdev=thread.vdevs[use.vdev], name=use.name, count=count)
            if demand.back_end:
                yield at, Serve(ns=Nanoseconds(count * demand.back_end))


def _order(
    thread: HostThread, demand: Demand, errand: Errand, numbers: Mapping[str, int]
) -> Iterator[Action]:
    order = Order(
        vdev=thread.vdevs[errand.use.vdev],
        name=errand.use.name,
        server=numbers[errand.server] if errand.server else None,
        takers=tuple(numbers[name] for name in errand.takers if name in numbers),
        in_vcpu=demand.back_end or NO_TIME,
        in_place=thread.halts_in_place,
    )
    if not errand.awaited:
        return handed_over(order)
    return awaited(order) if errand.server else awaited_arrival(order)


def _exits(demand: Demand, work: int) -> Iterator[tuple[int, Action]]:
    """The register accesses and other exits of one activation, each cause evenly over its work."""
    causes = [(Cause.VDEV, demand.accesses), *((Cause(name), count) for name, count in demand.exits)]
    for cause, whole in causes:
        groups = min(whole, max(1, _GROUPS // max(1, demand.burst)))
        for number in range(groups):
            count = (number + 1) * whole // groups - number * whole // groups
            yield work * (number + 1) // (groups + 1), Leave(cause=cause, count=count)
