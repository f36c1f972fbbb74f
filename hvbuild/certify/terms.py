"""Costs and limits that a certificate rests on, each with its value, unit and source."""

from collections.abc import Collection
from dataclasses import dataclass

from hvbuild.machine.backends import WATCHDOG_NS
from hvbuild.machine.costs import CostTable, Level, cost_table
from hvbuild.machine.exits import CAUSES, Cause, exit_ns
from hvbuild.machine.exits import Terms as ExitTerms
from hvbuild.model.board import Board


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One amount: nanoseconds, bytes per second or a count, as `unit` says."""

    name: str
    value: int
    unit: str
    source: str


# What guarantees promise where neither the stack nor QNX names a limit.
_LIMITS = (
    Term(
        name="watchdog-timeout",
        value=WATCHDOG_NS,
        unit="ns",
        source="assumed: the guest programs 1 s or more; the device fires after twice that (QNX, "
        "vdev wdt-sp805)",
    ),
    Term(
        name="boot-limit",
        value=120_000_000_000,
        unit="ns",
        source="assumed: from power to the start of the last guest, at the costly end of every range",
    ),
    Term(
        name="tick",
        value=1_000_000,
        unit="ns",
        source="QNX: the clock of a host ticks each millisecond unless set otherwise",
    ),
)
_KNOWN = {
    "vdev-exit": Cause.VDEV,
    "interrupt-exit": Cause.INTERRUPT,
    "halt-exit": Cause.HALT,
    "host-interrupt": Cause.HOST_INTERRUPT,
}
_MOVING = ("zeroing", "load")
_TIMES = ("context-switch", "ipi", "migration", "host-startup", "service-start", "qvm-start")
_SLOWEST_HZ = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """All amounts of one certificate in a fixed order, and the table behind the costs."""

    rows: tuple[Term, ...]
    costs: CostTable

    def __getitem__(self, name: str) -> int:
        return next(row.value for row in self.rows if row.name == name)


def terms_of(board: Board, named: Collection[str] = ()) -> Terms:
    """The terms for `board`: the costly end of every range, cycles at the clock of its slowest core.

    `named` are causes of exits that loads name, besides those that every run knows.
    """
    hertz = min((core.frequency for core in board.cores if core.frequency), default=_SLOWEST_HZ)
    costs = cost_table(board.cost_class, hertz, board.costs, Level.HIGH)
    exits = ExitTerms(costs=costs, gic=board.gic or 3)
    more = sorted(cause for cause in map(Cause, named) if cause not in _KNOWN.values())
    left = (_exit(exits, name, cause) for name, cause in (*_KNOWN.items(), *((f"{c}-exit", c) for c in more)))
    times = (Term(name=n, value=costs.ns(n), unit="ns", source=costs.rows[n].source) for n in _TIMES)
    rates = (Term(name=n, value=costs.value(n), unit="bytes/s", source=costs.rows[n].source) for n in _MOVING)
    return Terms((*left, *times, *rates, *_LIMITS), costs)


def _exit(exits: ExitTerms, name: str, cause: Cause) -> Term:
    """What one exit of `cause` costs."""
    source = f"exit-entry: {exits.costs.rows['exit-entry'].source}; {CAUSES[cause].source}"
    return Term(name=name, value=exit_ns(exits, cause), unit="ns", source=source)
