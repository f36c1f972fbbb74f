"""Back ends of virtual devices: who does the work behind a queue, and what each thread then does.

A vdev's handler runs in the vCPU thread unless the vdev hands the work to a thread of its own or to a
service of the host (QNX Hypervisor 7.1, "Tracing": threads of a qvm). Waking and waiting is by tokens of
the scheduler, so a back end's priority and CPU decide how long a guest waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from hvbuild.machine.ending import ENDINGS, Ending, Way
from hvbuild.machine.exits import operation
from hvbuild.machine.program import Action, Await, Give, Operate, Serve, TakeInterrupt
from hvbuild.units import Nanoseconds


class Served(StrEnum):
    """Where the work of a request is done."""

    IN_VCPU = "in the vCPU thread"
    BY_VDEV = "by a thread of the vdev"
    BY_SERVICE = "by a service of the host"


# Inferred from options: `threads` and `sched` of virtio-blk and -fs, pulses of the serial devices.
_USUAL: Mapping[str, Served] = MappingProxyType(
    {
        "virtio-blk": Served.BY_VDEV,
        "virtio-net": Served.BY_VDEV,
        "virtio-fs": Served.BY_VDEV,
        "virtio-input": Served.BY_VDEV,
        "virtio-gpu": Served.BY_VDEV,
    }
)


def usually_served(vdev: str) -> Served:
    """Where a vdev of this type does its work when nothing is said (assumed)."""
    return _USUAL.get(vdev.removesuffix("-safety"), Served.IN_VCPU)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request: what the asking vCPU does, what the serving thread does (empty: there is none)."""

    client: tuple[Action, ...]
    server: tuple[Action, ...] = ()


_NOTIFY = 1  # the register access that starts a request: QueueNotify, data or doorbell register


def request(vdev: str, name: str, work: Nanoseconds, served: Served, *, client: int, server: int) -> Exchange:
    """One `name` on `vdev` whose back end works for `work`; `client` and `server` are thread ids.

    Handed over, the vCPU waits for the answer as a guest's driver does: halted, until the interrupt.
    """
    row = operation(vdev, name)
    if served is Served.IN_VCPU:
        return Exchange(client=(Operate(vdev=vdev, name=name), Serve(ns=work)))
    asking: tuple[Action, ...] = (_registers(vdev, min(_NOTIFY, row.registers)), Give(target=server), Await())
    # the completion interrupt is made pending while the vCPU thread waits; its entrance is that exit's
    answer: tuple[Action, ...] = (TakeInterrupt(count=1, unmask_early=True),) if row.interrupts else ()
    rest = row.registers - _NOTIFY
    acknowledging: tuple[Action, ...] = (_registers(vdev, rest),) if rest > 0 else ()
    return Exchange(
        client=(*asking, *answer, *acknowledging),
        server=(Await(), Serve(ns=work), Give(target=client)),
    )


def _registers(vdev: str, count: int) -> Action:
    return Operate(vdev=vdev, name="register", count=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Data from one guest to another: sender, the vdev thread between them, receiver."""

    sender: tuple[Action, ...]
    carrier: tuple[Action, ...]
    receiver: tuple[Action, ...]


def packet(copy: Nanoseconds, *, carrier: int, receiver: int) -> Transfer:
    """One packet between virtio-net peers: a notify, a copy by the sender's vdev thread, an interrupt."""
    return Transfer(
        sender=(Operate(vdev="virtio-net", name="send"), Give(target=carrier)),
        carrier=(Await(), Serve(ns=copy), Give(target=receiver)),
        receiver=(Await(), Operate(vdev="virtio-net", name="receive")),
    )


def notification(receivers: Sequence[int]) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """A shared-memory notification: what the sender does, and what each attached guest does."""
    wake: tuple[Action, ...] = tuple(Give(target=thread) for thread in receivers)
    return (Operate(vdev="shmem", name="notify"), *wake), (Await(), Operate(vdev="shmem", name="notified"))


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
