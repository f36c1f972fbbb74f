"""What a vCPU does, step by step, turned into bursts for the scheduler: guest work and the exits in it.

Exit work is host work of the same thread: it is booked apart and never shortens the guest's own work. A step
that costs nothing leaves no trace, so a program of work alone is the bare scheduler's program.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from hvbuild.machine.access import Access, PassThrough, Permitted, VdevTrap
from hvbuild.machine.exits import Cause, Tally, Terms, exit_ns, operation, refills
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.machine.scenario import Burst
from hvbuild.machine.schedule import Costs
from hvbuild.model.system import NO_TIME
from hvbuild.model.vm import Space
from hvbuild.units import Nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Run guest code for `ns` of this core's time."""

    ns: Nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """Make `access` `count` times; what it costs follows from who owns the address."""

    access: Access
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operate:
    """Do `count` times the operation `name` of a driver on a vdev of type `vdev` (`virtio-blk` `request`)."""

    vdev: str
    name: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Wait for an interrupt (WFI, HLT) that comes after `ns`; `timer` when it is the vCPU's own timer."""

    ns: Nanoseconds
    timer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A hypercall, PSCI among them."""

    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSgi:
    """One software interrupt to each of the guest's own vCPUs `targets` (thread ids); one exit in all."""

    targets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTrapped:
    """Touch a trapped system register, or execute CPUID on x86 (`cpuid`)."""

    count: int = 1
    cpuid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeInterrupt:
    """`count` pass-through interrupts arrive together, each handled for `handler_ns`.

    `unmask_early` is the attribute `u`. More than the list registers hold cost maintenance exits.
    """

    count: int = 1
    handler_ns: Nanoseconds = NO_TIME
    unmask_early: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeTick:
    """The guest's own timer ticks `count` times, each handled for `handler_ns`."""

    count: int = 1
    handler_ns: Nanoseconds = NO_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Exit `count` times for `cause`: what no other action makes, such as interrupts of the host."""

    cause: Cause
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """Host work of `ns` in this thread besides an exit's own cost: a vdev's back end doing its work here."""

    ns: Nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Await:
    """Wait until somebody makes a request of this thread, or brings it something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Make a request of the thread `target`, which serves; no exit by itself."""

    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitAnswer:
    """Wait until `target` has answered the last request that this thread made of it."""

    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The request that this thread took last is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPeriod:
    """Wait for the next release of a period of `ns`."""

    ns: Nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltInPlace:
    """Halt until the next release of a period of `ns` without an exit (exit-on-halt off): the CPU is held."""

    ns: Nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Take the spin lock `number`, spinning in the guest until it is free; no exit."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """Give the spin lock `number` back."""

    number: int


Action = (
    Work
    | Touch
    | Operate
    | Halt
    | Call
    | SendSgi
    | ReadTrapped
    | TakeInterrupt
    | TakeTick
    | Leave
    | Serve
    | Await
    | Ask
    | AwaitAnswer
    | Answer
    | NextPeriod
    | HaltInPlace
    | Lock
    | Unlock
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Bursts for the engine, and what they hold: guest work, host work and exits by cause."""

    bursts: tuple[Burst, ...]
    guest_ns: int
    host_ns: int
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A stretch of work, an exit, or a wait, before they are joined to bursts."""

    ns: int = 0
    cause: Cause | None = None
    host: bool = False
    kind: str = "c"
    value: int = 0
    fresh: bool = False


def compile_program(actions: Iterable[Action], terms: Terms, memory: GuestMemory | None = None) -> Program:
    """The bursts of `actions` under `terms`; `memory` judges accesses, and is needed where there are any."""
    pieces = [piece for action in actions for piece in _pieces(action, terms, memory)]
    tally = Tally()
    for piece in pieces:
        tally = tally.plus(piece.cause) if piece.cause is not None else tally
    bursts = _joined(pieces, terms)
    return Program(
        bursts=bursts,
        guest_ns=sum(burst.run_ns for burst in bursts if not burst.host),
        host_ns=sum(burst.run_ns for burst in bursts if burst.host),
        tally=tally,
    )


def _pieces(action: Action, terms: Terms, memory: GuestMemory | None) -> Iterator[_Piece]:
    match action:
        case Work():
            yield _Piece(ns=action.ns)
        case Touch():
            cause = access_cause(action.access, memory)
            yield from (_Piece(cause=cause) for _ in range(action.count if cause is not None else 0))
        case Operate():
            yield from _operate(action)
        case Halt():
            yield from _halt(action, terms)
        case Call():
            yield from (_Piece(cause=Cause.HYPERCALL) for _ in range(action.count))
        case SendSgi():
            yield _Piece(cause=Cause.SGI)
            yield from (_Piece(kind="p", value=target, fresh=True) for target in action.targets)
        case ReadTrapped():
            cause = Cause.CPUID if action.cpuid else Cause.SYSREG
            yield from (_Piece(cause=cause) for _ in range(action.count))
        case TakeInterrupt():
            yield from _interrupts(action, terms)
        case TakeTick():
            for _ in range(action.count):
                yield _Piece(cause=Cause.TIMER)
                yield _Piece(ns=action.handler_ns)
        case Leave():
            yield from (_Piece(cause=action.cause) for _ in range(action.count))
        case Serve():
            yield _Piece(ns=action.ns, host=True)
        case Await():
            yield _Piece(kind="w", fresh=True)
        case Ask():
            yield _Piece(kind="q", value=action.target, fresh=True)
        case AwaitAnswer():
            yield _Piece(kind="a", value=action.target, fresh=True)
        case Answer():
            yield _Piece(kind="r", fresh=True)
        case NextPeriod():
            yield _Piece(kind="n", value=action.ns, fresh=True)
        case HaltInPlace():
            yield _Piece(kind="h", value=action.ns, fresh=True)
        case Lock():
            yield _Piece(kind="k", value=action.number, fresh=True)
        case Unlock():
            yield _Piece(kind="u", value=action.number, fresh=True)
        case _:
            assert_never(action)


def access_cause(access: Access, memory: GuestMemory | None) -> Cause | None:
    """Why `access` exits, or None when the hardware answers it; ValueError without a memory to ask."""
    if memory is None:
        raise ValueError("an access needs the guest's memory")
    outcome = memory.classify(access)
    if isinstance(outcome, Permitted | PassThrough):
        return None
    if isinstance(outcome, VdevTrap):
        return Cause.PORT if access.space is Space.IO else Cause.VDEV
    return Cause.FAULT


def _operate(action: Operate) -> Iterator[_Piece]:
    row = operation(action.vdev, action.name)
    for _ in range(action.count):
        yield from (_Piece(cause=Cause.PORT if row.ports else Cause.VDEV) for _ in range(row.registers))
        yield from (_Piece(cause=Cause.INTERRUPT) for _ in range(row.interrupts))


def _halt(action: Halt, terms: Terms) -> Iterator[_Piece]:
    """With exit-on-halt the thread blocks; without, the guest holds its CPU until the interrupt comes."""
    if terms.exit_on_halt:
        yield _Piece(cause=Cause.HALT)
        yield _Piece(kind="t" if action.timer else "i", value=action.ns, fresh=True)
    else:
        yield _Piece(ns=action.ns)
    if action.timer:
        yield _Piece(cause=Cause.TIMER)


def _interrupts(action: TakeInterrupt, terms: Terms) -> Iterator[_Piece]:
    yield _Piece(cause=Cause.INTERRUPT)
    for _ in range(refills(action.count, terms.list_registers)):
        yield _Piece(cause=Cause.MAINTENANCE)
    for _ in range(action.count):
        yield _Piece(ns=action.handler_ns)
        if not action.unmask_early:
            yield _Piece(cause=Cause.UNMASK)


def _joined(pieces: Iterable[_Piece], terms: Terms) -> tuple[Burst, ...]:
    """Bursts of neighbouring pieces of one kind; a wait closes the burst before it."""
    bursts: list[Burst] = []
    open_ns, open_host = 0, False
    for piece in pieces:
        if piece.fresh:
            bursts.append(Burst(open_ns, piece.value, piece.kind, open_host))
            open_ns, open_host = 0, False
            continue
        ns = exit_ns(terms, piece.cause) if piece.cause is not None else piece.ns
        host = piece.host or piece.cause is not None
        if ns == 0:
            continue
        if open_ns and host != open_host:
            bursts.append(Burst(open_ns, 0, "c", open_host))
            open_ns = 0
        open_ns, open_host = open_ns + ns, host
    if open_ns:
        bursts.append(Burst(open_ns, 0, "c", open_host))
    return tuple(bursts)


def engine_costs(terms: Terms) -> Costs:
    """What the scheduler's own acts cost where vCPUs are scheduled.

    A preempted vCPU leaves its guest, is switched, and enters again later (QNX Hypervisor, "Scheduling");
    one whose CPU takes an interrupt of the host leaves and enters without a switch.
    """
    switch = terms.costs.ns("context-switch") + terms.costs.ns("exit-entry")
    return Costs(
        switch_ns=switch,
        ipi_ns=terms.costs.ns("ipi"),
        migration_ns=terms.costs.ns("migration"),
        interrupt_ns=exit_ns(terms, Cause.HOST_INTERRUPT),
    )


def with_ticks(actions: Iterable[Action], period: Nanoseconds, handler_ns: Nanoseconds) -> Iterator[Action]:
    """`actions` with the guest's tick taken after each `period` of its own work.

    A tick that comes while the vCPU does not run is delivered at its next entrance, and those that pile up
    meanwhile are one: so ticks are counted in guest time, not on the wall.
    """
    left = int(period)
    for action in actions:
        if not isinstance(action, Work):
            yield action
            continue
        ns = int(action.ns)
        while ns >= left:
            yield Work(ns=Nanoseconds(left))
            yield TakeTick(handler_ns=handler_ns)
            ns, left = ns - left, int(period)
        if ns:
            yield Work(ns=Nanoseconds(ns))
            left -= ns
