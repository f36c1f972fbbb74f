"""Runs in which guests probe addresses: at every border, and anywhere."""

from dataclasses import dataclass

from hvbuild.certify.draws import Field, Run, split
from hvbuild.certify.ground import Ground
from hvbuild.machine.access import Access, Operation, Outcome
from hvbuild.machine.claims import Claim
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.model.vm import Space

# Accesses of one run.
PROBES = 12
_PARTS = (4, 2, 2, 4, 12, 40)
_WIDTHS = (1, 2, 4, 8)
_OPERATIONS = tuple(Operation)
_NEAR = (0, -1, 1, -2, -4, -8, 3, 4, 7, 8, 0x1000, -0x1000, 0xFFF, -0xFFF, 0x10000, 0x200000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One access of a guest and what became of it."""

    guest: GuestMemory
    access: Access
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class AccessRun:
    """The probes of one run."""

    run: Run
    probes: tuple[Probe, ...]


def probe_fields(_ground: Ground) -> tuple[Field, ...]:
    """One packed number for each access: guest, operation, width, nearness, border, and an address."""
    return tuple(Field(f"access {number}", sum(_PARTS), _PARTS) for number in range(PROBES))


def borders(guest: GuestMemory, claims: tuple[Claim, ...]) -> tuple[tuple[Space, int], ...]:
    """Starts and ends of everything that `guest` has or should have, and the ends of its address space."""
    rows = {(row.space, at) for row in claims for at in (row.window.start, row.window.end)}
    rows |= {(Space.MEM, row.window.start) for row in guest.segments}
    rows |= {(Space.MEM, 0), (Space.MEM, 1 << guest.table.regime.address_bits), (Space.MEM, 1 << 32)}
    return tuple(sorted(rows))


def probe_run(ground: Ground, run: Run, _fast: bool = False) -> AccessRun:
    """Every access of the run, judged by the machine's memory."""
    probes = [_probe(ground, value) for _, value in run] if ground.memory.guests else []
    return AccessRun(run=run, probes=tuple(probes))


def _probe(ground: Ground, value: int) -> Probe:
    who, how, wide, near, border, anywhere = split(value, _PARTS)
    guest = ground.memory.guests[who % len(ground.memory.guests)]
    declared = ground.declared_guest(guest.index)
    rows = borders(guest, (*guest.claims, *(declared.claims if declared is not None else ())))
    space, at = rows[border % len(rows)]
    limit = 1 << 16 if space is Space.IO else 1 << guest.table.regime.address_bits
    # the last of the borders' numbers are spent on addresses anywhere
    address = anywhere % limit if border >= 0xE00 else at + _NEAR[near]
    access = Access(
        operation=_OPERATIONS[how % len(_OPERATIONS)],
        address=min(max(0, address), (1 << 64) - 8),
        width=_WIDTHS[wide],
        space=space,
    )
    return Probe(guest=guest, access=access, outcome=guest.classify(access))
