"""Spin-table bring-up: secondaries poll a word of memory; a store starts them, nothing stops them.

Source: Linux `Documentation/arch/arm64/booting.rst`, Devicetree Specification (cpu-release-addr),
QNX 8.0 startup sources (bcm2711/board_smp.c). It costs no exit; a parked vCPU burns its CPU instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

# Raspberry Pi 4 armstub: CPU n polls 0xd8 + 8 n (bcm2711/board_smp.c).
PI4_FIRST_RELEASE = 0xD8


@dataclass(frozen=True, slots=True, kw_only=True)
class SpinTable:
    """Release addresses by CPU (CPU 0 has none) and what is stored there; `running` maps CPU to entry."""

    release: tuple[int, ...]
    words: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    running: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def spinning(self) -> tuple[int, ...]:
        """The CPUs that poll, from 1."""
        return tuple(cpu for cpu in range(1, len(self.release) + 1) if cpu not in self.running)


def spin_table(addresses: tuple[int, ...]) -> SpinTable:
    """The table with these release addresses, all words zero; ValueError for one not 8-byte aligned."""
    if any(address % 8 for address in addresses):
        raise ValueError("a release address is naturally aligned")
    return SpinTable(release=addresses)


def pi4_table(cpus: int) -> SpinTable:
    """The table of the Raspberry Pi 4 firmware for `cpus` CPUs."""
    return spin_table(tuple(PI4_FIRST_RELEASE + 8 * cpu for cpu in range(1, cpus)))


def store(table: SpinTable, address: int, entry: int) -> SpinTable:
    """The table after one 64-bit little-endian store of `entry`; a CPU that left never looks again."""
    return replace(table, words=MappingProxyType({**table.words, address: entry}))


def poll(table: SpinTable, cpu: int) -> tuple[SpinTable, int | None]:
    """The table after `cpu` looked once, and where it jumps: None while its word is zero."""
    if cpu in table.running:
        raise ValueError(f"CPU {cpu} runs already")
    entry = table.words.get(table.release[cpu - 1], 0)
    if entry == 0:
        return table, None
    return replace(table, running=MappingProxyType({**table.running, cpu: entry})), entry
