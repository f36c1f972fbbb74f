"""One VM's memory as hardware and qvm answer it: an owner for each address, a judgement for each access."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from hvbuild.machine.access import (
    Access,
    Action,
    Fault,
    FaultKind,
    Operation,
    Outcome,
    PassThrough,
    Permitted,
    VdevTrap,
    fault,
)
from hvbuild.machine.claims import Claim, ClaimKind, Remark
from hvbuild.machine.stage2 import Stage2
from hvbuild.model.vm import Space
from hvbuild.ranges import AddressRange

_RIGHTS = {
    Operation.READ: ("r", FaultKind.NOT_READABLE),
    Operation.WRITE: ("w", FaultKind.NOT_WRITABLE),
    Operation.EXECUTE: ("x", FaultKind.NOT_EXECUTABLE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of guest addresses with one owner; `host` is the host address of its first byte."""

    window: AddressRange
    claim: Claim
    host: int | None = None

    def host_at(self, address: int) -> int | None:
        """The host address behind `address`, None where it is not known or there is none."""
        return None if self.host is None else self.host + address - self.window.start


@dataclass(frozen=True, kw_only=True)
class GuestMemory:
    """One VM's memory as the hardware and qvm answer it.

    `left` is the host memory that was free once this VM had its own; None where the banks are not known.
    """

    vm: str
    index: int
    claims: tuple[Claim, ...]
    segments: tuple[Segment, ...]
    ports: tuple[Segment, ...]
    table: Stage2
    action: Action
    allocated: tuple[AddressRange, ...]
    zeroed: int
    conflicts: tuple[tuple[Claim, Claim], ...]
    remarks: tuple[Remark, ...]
    left: int | None = None

    @cached_property
    def _starts(self) -> tuple[list[int], list[int]]:
        return [s.window.start for s in self.segments], [s.window.start for s in self.ports]

    def owner(self, address: int, space: Space = Space.MEM) -> Segment | None:
        """The segment that holds `address`, or None where nobody answers."""
        rows, starts = (
            (self.ports, self._starts[1]) if space is Space.IO else (self.segments, self._starts[0])
        )
        at = bisect_right(starts, address) - 1
        return rows[at] if at >= 0 and rows[at].window.holds(address) else None

    def classify(self, access: Access) -> Outcome:
        """What becomes of `access`: exactly one of the manual's four kinds.

        One that reaches over a border is split by the hardware: it faults when a part does, and when its
        parts belong to different kinds of owner.
        """
        first = self._part(access, access.address)
        end = access.address + access.width
        segment = self.owner(access.address, access.space)
        if segment is not None and end <= segment.window.end:
            return first
        for address in range(access.address + 1, end):
            part = self._part(access, address)
            if isinstance(first, Fault) or isinstance(part, Fault):
                return first if isinstance(first, Fault) else part
            if type(part) is not type(first) or (isinstance(part, VdevTrap) and not _same_vdev(part, first)):
                return fault(FaultKind.CROSSES_OWNERS, access, self.action)
        return first

    def _part(self, access: Access, address: int) -> Outcome:
        segment = self.owner(address, access.space)
        if segment is None:
            return fault(FaultKind.UNOWNED, access, self.action)
        claim = segment.claim
        letter, refusal = _RIGHTS[access.operation]
        if letter not in claim.permissions:
            if claim.kind is ClaimKind.ROM and access.operation is Operation.WRITE:
                refusal = FaultKind.WRITE_TO_ROM
            return fault(refusal, access, self.action)
        if claim.kind is ClaimKind.VDEV:
            return VdevTrap(vdev=claim.name, offset=address - claim.window.start)
        kind = PassThrough if claim.kind is ClaimKind.PASS else Permitted
        return kind(owner=claim.name, host=segment.host_at(address))

    def translate(self, address: int) -> int | None:
        """The host address that a guest memory address reaches without a trap; None when there is none."""
        return self.table.translate(address)

    def windows(self, *kinds: ClaimKind) -> tuple[AddressRange, ...]:
        """The memory windows in force of these kinds, by address."""
        return tuple(s.window for s in self.segments if s.claim.kind in kinds)


def _same_vdev(one: Outcome, other: Outcome) -> bool:
    return isinstance(one, VdevTrap) and isinstance(other, VdevTrap) and one.vdev == other.vdev
