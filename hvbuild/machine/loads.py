"""Declared loads as they are played: guest work with the exits that fall into it, host programs as they are.

A vCPU is woken by its own timer (periodic) or by an interrupt, works, reads and writes vdev registers on
the way, and halts. Arrivals come as close together as the declaration allows, all first ones at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hvbuild.machine.exits import Cause, Terms
from hvbuild.machine.parts import Part
from hvbuild.machine.program import (
    Action,
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
from hvbuild.machine.threads import HostThread
from hvbuild.model.guest import Demand
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


def load_of(thread: HostThread, terms: Terms, lock: int, horizon: int) -> Load | None:
    """The load of `thread` over `horizon` ns, None when it rests; `lock` is its guest's spin lock."""
    demand = thread.demand
    if thread.rests:
        return None
    if demand is None or demand.pattern == "idle":
        return Load(part=Part(thread=thread, bursts=(Burst(1, 2 * horizon, "h"),)))
    period = int(demand.period or 0) * max(1, demand.burst)
    if not period or demand.work is None:
        return Load(part=Part(thread=thread, bursts=(Burst(2 * horizon, 0, "c"),)))
    woken = Cause.TIMER if demand.by_timer else Cause.INTERRUPT
    actions: list[Action] = [Leave(cause=woken)] if thread.is_vcpu else []
    for _ in range(max(1, demand.burst)):
        actions += _activation(thread, demand, lock)
    program = compile_program([*actions, *_waiting(thread, Nanoseconds(period))], terms)
    part = Part(
        thread=thread,
        bursts=program.bursts,
        work_ns=program.guest_ns + program.host_ns,
        period_ns=period,
    )
    return Load(part=part, exits=program.tally.counts, host_ns=program.host_ns)


def _waiting(thread: HostThread, period: Nanoseconds) -> Iterator[Action]:
    """How it waits for its next release."""
    if thread.halts_in_place:
        yield HaltInPlace(ns=period)
        return
    if thread.is_vcpu:
        yield Leave(cause=Cause.HALT)
    yield NextPeriod(ns=period)


def _activation(thread: HostThread, demand: Demand, lock: int) -> Iterator[Action]:
    """The work of one activation, cut where something falls into it."""
    work = int(demand.work or 0)
    inside: list[tuple[int, int, Action]] = []
    if thread.is_vcpu:
        inside += [(at, 1, action) for at, action in _accesses(demand, work)]
        inside += [(at, 1, action) for at, action in _operations(thread, demand, work)]
        held = min(int(demand.spinlock or 0), work)
        if held:
            start = (work - held) // 2
            inside += [(start, 0, Lock(number=lock)), (start + held, 2, Unlock(number=lock))]
    done = 0
    for at, _, action in sorted(inside, key=lambda row: row[:2]):
        if at > done:
            yield Work(ns=Nanoseconds(at - done))
            done = at
        yield action
    if work > done:
        yield Work(ns=Nanoseconds(work - done))


def _operations(thread: HostThread, demand: Demand, work: int) -> Iterator[tuple[int, Action]]:
    """The operations of one activation on each vdev, evenly over its work, and what their back ends do."""
    for use in demand.uses:
        groups = min(use.count, max(1, _GROUPS // max(1, demand.burst)))
        for number in range(groups):
            count = (number + 1) * use.count // groups - number * use.count // groups
            action = Operate(vdev=thread.vdevs[use.vdev], name=use.name, count=count)
            yield work * (number + 1) // (groups + 1), action
            if demand.back_end:
                yield work * (number + 1) // (groups + 1), Serve(ns=Nanoseconds(count * demand.back_end))


def _accesses(demand: Demand, work: int) -> Iterator[tuple[int, Action]]:
    """The register accesses of one activation, evenly over its work."""
    groups = min(demand.accesses, max(1, _GROUPS // max(1, demand.burst)))
    for number in range(groups):
        count = (number + 1) * demand.accesses // groups - number * demand.accesses // groups
        yield work * (number + 1) // (groups + 1), Leave(cause=Cause.VDEV, count=count)
