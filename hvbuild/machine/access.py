"""What a guest's access is and what becomes of it: the four kinds of the QNX manual as values.

Source: QNX Hypervisor 7.1, "QNX hypervisor: memory" and "Virtual machines": an access is permitted, goes to a
pass-through device, goes to a virtual device, or faults; `vm/unsupported` for what a fault then does.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from hvbuild.model.vm import Space


class Operation(StrEnum):
    """What the guest's instruction does at the address."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One access of a guest: `width` bytes from guest-physical `address` (or port, in space `io`)."""

    operation: Operation
    address: int
    width: int = 4
    space: Space = Space.MEM


class AccessKind(StrEnum):
    """The manual's four kinds of access."""

    PERMITTED = "permitted"
    PASS_THROUGH = "pass-through"  # noqa: S105 - a kind of access
    VDEV = "virtual device"
    FAULT = "fault"


class FaultKind(StrEnum):
    """Why an access faults."""

    UNOWNED = "unowned"
    WRITE_TO_ROM = "write-to-rom"
    NOT_READABLE = "not-readable"
    NOT_WRITABLE = "not-writable"
    NOT_EXECUTABLE = "not-executable"
    CROSSES_OWNERS = "crosses-owners"


class Action(StrEnum):
    """What qvm does on an unsupported access (`unsupported reference …`)."""

    ABORT = "abort"
    FAIL = "fail"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """The guest's own memory `owner`; `host` is the host-physical address, None where it is not known."""

    owner: str
    host: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassThrough:
    """Memory or registers handed through: qvm does nothing, the access reaches `host`."""

    owner: str
    host: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VdevTrap:
    """A guest exit, the vdev's work at `offset` of its window, and an entrance."""

    vdev: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Nobody answers. `value` is what a read yields when `action` is ignore (all ones), else None."""

    kind: FaultKind
    action: Action
    value: int | None = None


Outcome = Permitted | PassThrough | VdevTrap | Fault


def kind_of(outcome: Outcome) -> AccessKind:
    """Which of the four kinds `outcome` is."""
    match outcome:
        case Permitted():
            return AccessKind.PERMITTED
        case PassThrough():
            return AccessKind.PASS_THROUGH
        case VdevTrap():
            return AccessKind.VDEV
        case Fault():
            return AccessKind.FAULT
        case _:
            assert_never(outcome)


def exits(outcome: Outcome) -> int:
    """Guest exits of one such access: none while stage 2 maps it, one when hardware must trap."""
    return 0 if isinstance(outcome, Permitted | PassThrough) else 1


def fault(kind: FaultKind, access: Access, action: Action) -> Fault:
    """The fault of `access` under the VM's `unsupported reference` action.

    A fetch cannot be ignored (there is no instruction to go on with): an ignoring VM delivers the abort.
    """
    if access.operation is Operation.EXECUTE and action is Action.IGNORE:
        action = Action.FAIL
    reads_ones = action is Action.IGNORE and access.operation is Operation.READ
    return Fault(kind=kind, action=action, value=(1 << 8 * access.width) - 1 if reads_ones else None)
