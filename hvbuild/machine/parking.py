"""ACPI parking protocol: a mailbox page per CPU; the OS fills it and sends an interrupt.

Source: Linux `arch/arm64/kernel/acpi_parking_protocol.c`; ACPI MADT GICC (parking version, parked address).
A start costs the send of one SGI and its delivery; version 1 has no way back.
"""

from dataclasses import dataclass, replace

NOBODY = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One CPU's mailbox: cpu_id at +0, entry_point at +8; `number` is its GIC CPU interface number."""

    number: int
    cpu_id: int = NOBODY
    entry: int = 0
    running: int | None = None


def request(box: Mailbox, entry: int, *, cpu_id: int | None = None) -> Mailbox:
    """The mailbox as the OS fills it: entry point first, then the id.

    ValueError when the CPU is not parked in its initial state (the OS must report an error), or when the
    entry is 0, which the firmware takes for none.
    """
    if box.cpu_id != NOBODY or box.running is not None:
        raise ValueError(f"CPU {box.number} is not parked")
    if entry == 0:
        raise ValueError("an entry point is not 0")
    return replace(box, entry=entry, cpu_id=box.number if cpu_id is None else cpu_id)


def interrupt(box: Mailbox) -> tuple[Mailbox, int | None]:
    """The mailbox after an interrupt woke the parked CPU, and where it jumps.

    It jumps only when the id is its own; it clears the entry point first, which is how the OS knows.
    """
    if box.running is not None or box.cpu_id != box.number or box.entry == 0:
        return box, None
    return replace(box, entry=0, running=box.entry), box.entry


def is_started(box: Mailbox) -> bool:
    """What the OS checks after the boot: the firmware took the entry point."""
    return box.cpu_id == box.number and box.entry == 0
