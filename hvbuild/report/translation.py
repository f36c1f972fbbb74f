"""Rows about what the hardware translates: each guest's tables, and what devices reach behind them."""

from collections.abc import Iterator

from hvbuild.machine.dma import Containment, Reach, foreign, reaches
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.machine.memory import MachineMemory
from hvbuild.machine.stage2 import nested_reads
from hvbuild.units import size_text

# Levels of the guest's own tables: four where it uses 48 bits, as Linux and QNX do.
_GUEST_LEVELS = 4


def table_rows(guest: GuestMemory) -> tuple[dict[str, str], ...]:
    """The guest's second translation: its shape, what its tables take, and what a miss reads at most."""
    table = guest.table
    if not table.mappings:
        return ()
    return (
        {
            "regime": table.regime.name,
            "bits": str(table.regime.address_bits),
            "levels": str(table.regime.depth),
            "mapped": size_text(sum(row.guest.size for row in table.mappings)),
            "mappings": str(len(table.mappings)),
            "table memory": size_text(table.table_bytes),
            "longest walk": f"{table.deepest} reads",
            "both walks": f"{nested_reads(_GUEST_LEVELS, table.deepest)} reads",
        },
    )


def reach_rows(memory: MachineMemory) -> Iterator[dict[str, str]]:
    """What each passed device that may do DMA reaches, and whether its guest's addresses work for it."""
    for reach in reaches(memory):
        yield {
            "device": reach.device,
            "owner": f"guest {reach.vm}",
            "DMA": reach.containment.value,
            "reaches": _reached(memory, reach),
            "guest addresses": "work" if reach.works else "do not work",
            "why": reach.why,
            "place": str(reach.origin) if reach.origin else "",
        }


def _reached(memory: MachineMemory, reach: Reach) -> str:
    beyond = sum(window.size for window in foreign(memory, reach))
    match reach.containment:
        case Containment.REFUSED:
            return "nothing: its qvm does not start"
        case Containment.UNKNOWN:
            return "not known"
        case Containment.UNRESTRICTED:
            return f"all host memory, {size_text(beyond)} of it not its guest's"
        case Containment.CONTAINED:
            return f"{size_text(beyond)} of other guests, too" if beyond else "its guest's memory only"
