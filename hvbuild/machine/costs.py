"""What things cost: rows with range, unit and provenance, and the table of one board.

No row is a statement of QNX: nobody has published cycles of this hypervisor. The rows bracket it by what is
published of relatives on the same hardware; a board's own measured rows replace them one by one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from hvbuild.model.board import Cost

_ISCA = "recalled from Dall et al., ISCA 2016 (KVM and Xen on Arm), not re-read"
_ISCA_X86 = "recalled from Dall et al., ISCA 2016 (KVM and Xen on x86), not re-read"
_SEL4 = "seL4 benchmarks page, Cortex-A57: IPC call 413, notify 1,053 cycles"
_LMBENCH = "TI processor SDK guide, lmbench lat_ctx on Cortex-A72 at 2 GHz: 5.26 us, an upper anchor"
_ZERO = "sbc-bench and TI guides: memset 2,290 MB/s (J7200) to 38,414 MB/s (SC8280XP)"
_GUESS = "inferred; no published value"


class Level(StrEnum):
    """Which end of the ranges of time a run takes; of a bandwidth, low time is the high value."""

    LOW = "low"
    TYPICAL = "typical"
    HIGH = "high"


def _row(name: str, values: tuple[int, int, int], source: str, unit: str = "cycles") -> Cost:
    return Cost(name=name, low=values[0], typical=values[1], high=values[2], unit=unit, source=source)


# Names: `exit-entry` one guest exit and the entrance after it; what follows it comes on top. `vdev-user` is
# the way to the vdev's code in the qvm process and back, `vdev-work` that code; `exit-CAUSE`, where a board
# has it, is the whole measured cost of an exit of that cause and replaces the sum.
_COMMON = (
    _row("sysreg", (200, 500, 1000), _GUESS),
    _row("vdev-user", (1000, 3000, 8000), f"{_GUESS}; bracket: {_SEL4}"),
    _row("vdev-work", (100, 500, 5000), _GUESS),
    _row(
        "gicd",
        (500, 1000, 2000),
        f"{_GUESS}; the step from hypercall to interrupt-controller trap in {_ISCA}",
    ),
    _row("hypercall", (0, 300, 1000), _GUESS),
    _row("inject", (300, 1500, 3000), _GUESS),
    _row("mask", (50, 150, 500), _GUESS),
    _row("completion", (71, 71, 1556), f"{_ISCA}: 71 cycles without an exit"),
    _row("timer", (300, 800, 2000), _GUESS),
    _row("halt", (500, 2000, 5000), _GUESS),
    _row("context-switch", (420, 1500, 10520), f"{_SEL4}; {_LMBENCH}"),
    _row("ipi", (300, 1000, 3000), _GUESS),
    _row("migration", (500, 2000, 20000), _GUESS),
    _row("walk-read", (2, 20, 200), "sbc-bench, DRAM random read 98 to 200 ns; cached reads below", "ns"),
    _row("zeroing", (2_290_000_000, 5_000_000_000, 38_414_000_000), _ZERO, "bytes/s"),
    _row("load", (80_000_000, 300_000_000, 1_500_000_000), _GUESS, "bytes/s"),
    _row("firmware-call", (300, 1500, 10000), _GUESS),
    _row(
        "core-on",
        (500_000, 909_000, 1_461_000),
        "Linux devicetrees, exit latency of a core that was powered down: 500 us (R-Car H3) to 1,461 us "
        "(SA8155P)",
        "ns",
    ),
    _row("release-store", (20, 100, 1000), _GUESS),
    _row(
        "init-sipi",
        (200_000, 10_200_000, 20_000_000),
        "Intel MultiProcessor Specification 1.4: 10 ms after INIT, 200 us between two SIPIs",
        "ns",
    ),
    _row("host-startup", (100_000_000, 400_000_000, 3_000_000_000), _GUESS, "ns"),
    _row("service-start", (2_000_000, 20_000_000, 500_000_000), _GUESS, "ns"),
    _row("qvm-start", (10_000_000, 50_000_000, 300_000_000), _GUESS, "ns"),
)
DEFAULT_COSTS: Mapping[str, tuple[Cost, ...]] = MappingProxyType(
    {
        "el1-host": (
            _row("exit-entry", (3000, 6000, 8000), f"6,500 for KVM with its host at EL1; {_ISCA}"),
            *_COMMON,
        ),
        "el2-host": (
            _row("exit-entry", (376, 1500, 3000), f"376 for Xen with its host at EL2; {_ISCA}"),
            *_COMMON,
        ),
        "x86": (
            _row("exit-entry", (1228, 1300, 2400), f"1,228 to 1,300 for a hypercall; {_ISCA_X86}"),
            *_COMMON,
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What one exit moves: privilege levels changed and registers saved plus restored, there and back."""

    levels: int
    registers: int
    user_levels: int
    source: str


# The floor of state: 31 general, 32 SIMD and 2 stack registers each way (Arm, Learn the architecture:
# AArch64 virtualization). With the host at EL2 the guest's EL1 and SIMD state stays loaded.
PASSAGES: Mapping[str, Passage] = MappingProxyType(
    {
        "el1-host": Passage(
            levels=4, registers=2 * 65, user_levels=2, source="guest EL1, EL2, host EL1 and back"
        ),
        "el2-host": Passage(levels=2, registers=2 * 31, user_levels=2, source="guest EL1, EL2 and back"),
        "x86": Passage(
            levels=2,
            registers=2 * 16,
            user_levels=2,
            source="non-root, root and back; the VMCS holds the rest",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTable:
    """The costs of one board at one core clock (Hz) and one end of the ranges."""

    cost_class: str
    frequency: int
    rows: Mapping[str, Cost]
    level: Level = Level.TYPICAL

    def knows(self, name: str) -> bool:
        """True when there is a row `name`."""
        return name in self.rows

    def value(self, name: str) -> int:
        """The value of row `name` at this level, in the row's unit; KeyError when there is none."""
        row = self.rows[name]
        ends = (row.high, row.low) if row.unit == "bytes/s" else (row.low, row.high)
        return {Level.LOW: ends[0], Level.TYPICAL: row.typical, Level.HIGH: ends[1]}[self.level]

    def ns(self, name: str) -> int:
        """Nanoseconds of row `name`; cycles are taken at the core clock and rounded up."""
        value = self.value(name)
        return -(-value * 1_000_000_000 // self.frequency) if self.rows[name].unit == "cycles" else value

    def moving_ns(self, name: str, size: int) -> int:
        """Nanoseconds to move `size` bytes at the bandwidth of row `name`; none where it is 0."""
        rate = self.value(name)
        return -(-size * 1_000_000_000 // rate) if rate else 0

    @property
    def passage(self) -> Passage:
        """What one exit of this class moves."""
        return PASSAGES[self.cost_class]


def cost_table(
    cost_class: str, frequency: int, rows: Iterable[Cost] = (), level: Level = Level.TYPICAL
) -> CostTable:
    """The defaults of `cost_class` with a board's own `rows` in place of those of the same name."""
    chosen = {row.name: row for row in (*DEFAULT_COSTS[cost_class], *rows)}
    return CostTable(cost_class=cost_class, frequency=frequency, rows=MappingProxyType(chosen), level=level)


def free_table(cost_class: str = "el2-host") -> CostTable:
    """A table in which nothing costs anything: the bare scheduler."""
    rows = {
        row.name: _row(row.name, (0, 0, 0), "nothing costs", row.unit) for row in DEFAULT_COSTS[cost_class]
    }
    return CostTable(cost_class=cost_class, frequency=1_000_000_000, rows=MappingProxyType(rows))
