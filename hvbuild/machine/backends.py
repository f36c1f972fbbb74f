"""Back ends of virtual devices: what asking them, being brought something and serving does step by step.

A vdev's handler runs in the vCPU thread unless the vdev hands the work to a thread of its own or to a
service of the host (QNX Hypervisor 7.1, "Tracing": threads of a qvm). Waking and waiting is by tokens of
the scheduler, so a back end's priority and CPU decide how long a guest waits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hvbuild.machine.ending import ENDINGS, Ending, Way
from hvbuild.machine.exits import Cause, operation
from hvbuild.machine.program import (
    Action,
    Answer,
    Ask,
    Await,
    AwaitAnswer,
    Leave,
    Operate,
    Serve,
    TakeInterrupt,
    Work,
)
from hvbuild.model.system import NO_TIME
from hvbuild.units import Nanoseconds

_NOTIFY = 1  # the register access that starts a request: QueueNotify, data or doorbell register


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One operation `name` of a vCPU on a vdev of type `vdev`, and who is to be told of it.

    `server` is the number of the thread that does the work behind it, None where the vCPU thread does:
    `in_vcpu` ns of it. `takers` are the vCPUs to which it brings something. `in_place`: the guest's halt is
    no exit.
    """

    vdev: str
    name: str
    server: int | None = None
    takers: Sequence[int] = ()
    in_vcpu: Nanoseconds = NO_TIME
    in_place: bool = False


def handed_over(order: Order) -> Iterator[Action]:
    """The operation done without waiting: its exits, then the threads that it concerns are woken."""
    yield Operate(vdev=order.vdev, name=order.name)
    yield from _told(order)


def awaited(order: Order) -> Iterator[Action]:
    """The operation done and waited for as a guest's driver does: halted until the interrupt that answers.

    The exits are those of the operation without waiting, and one for the halt.
    """
    row = operation(order.vdev, order.name)
    first = min(_NOTIFY, row.registers)
    yield Operate(vdev=order.vdev, name="register", count=first)
    yield from _told(order)
    if order.server is not None:
        yield from _halted(order)
        yield AwaitAnswer(target=order.server)
    if row.interrupts:
        # the interrupt is made pending while the vCPU thread waits; its entrance is that exit's
        yield TakeInterrupt(count=1, unmask_early=True)
    if row.registers > first:
        yield Operate(vdev=order.vdev, name="register", count=row.registers - first)


def awaited_arrival(order: Order) -> Iterator[Action]:
    """Waiting, halted, until another guest brings something, and taking it."""
    yield from _halted(order)
    yield Await()
    yield Operate(vdev=order.vdev, name=order.name)


def _halted(order: Order) -> Iterator[Action]:
    if not order.in_place:
        yield Leave(cause=Cause.HALT)


def _told(order: Order) -> Iterator[Action]:
    if order.in_vcpu:
        yield Serve(ns=order.in_vcpu)
    yield from (Ask(target=taker) for taker in order.takers)
    if order.server is not None:  # last: an answer is told by the request made last
        yield Ask(target=order.server)


def serving(work: Nanoseconds, *, behind: Iterable[int] = (), takers: Iterable[int] = ()) -> Iterator[Action]:
    """What a thread does that serves: it waits for a request, works, and answers.

    Each thread of `behind` is asked for its part first and waited for; `takers` are woken before the answer.
    """
    yield Await()
    yield Work(ns=work)
    for server in behind:
        yield Ask(target=server)
        yield AwaitAnswer(target=server)
    yield from (Ask(target=taker) for taker in takers)
    yield Answer()


# What a guest programs is its own; where nobody says, this is what certificates and runs take.
WATCHDOG_NS = 1_000_000_000
# How many periods pass without a kick before a watchdog acts: the SP805 counts down twice, first an
# interrupt, then the action (QNX Hypervisor 7.1 `vdev wdt-sp805`); the IB700 once (device).
WATCHDOG_PERIODS: Mapping[str, int] = MappingProxyType({"wdt-sp805": 2, "wdt-ib700": 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """A watchdog that ran out: when it warned and acted (ns), what it did, and how the VM ended."""

    warned_ns: int | None
    acted_ns: int
    action: str
    ending: Ending | None


def watchdog(
    vdev: str,
    period: Nanoseconds,
    kicks: Sequence[int],
    *,
    started: int = 0,
    until: int,
    action: str = "terminate",
) -> Expiry | None:
    """When the watchdog of type `vdev` acts, given the times of its kicks; None when it does not by `until`.

    `action` is that of the configuration: `terminate`, `fiq`, or one of them after `dump,`.
    """
    periods = WATCHDOG_PERIODS[vdev.removesuffix("-safety")]
    last = started
    for kick in (*sorted(k for k in kicks if k >= started), None):
        acts = last + periods * period
        if kick is None or kick >= acts:
            if acts > until:
                return None
            return Expiry(
                warned_ns=last + period if periods > 1 else None,
                acted_ns=acts,
                action=action,
                ending=ENDINGS[Way.WATCHDOG] if action.rpartition(",")[2] == "terminate" else None,
            )
        last = kick
    return None
