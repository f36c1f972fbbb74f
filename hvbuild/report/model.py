"""What the execution model takes for granted of a guest's life: exits, what they cost, what drivers do."""

from collections.abc import Sequence

from hvbuild.machine.costs import DEFAULT_COSTS
from hvbuild.machine.ending import ENDINGS, Way
from hvbuild.machine.exchange import CONVENTIONS
from hvbuild.machine.exits import CAUSES
from hvbuild.machine.lives import MOST_ENDINGS
from hvbuild.model.operations import OPERATIONS
from hvbuild.model.plan import RESTART_PAUSE
from hvbuild.report.tables import Row, table
from hvbuild.units import duration_text

_TITLES = {
    "exits": "why a guest is left, and what an exit consists of besides `exit-entry`; a load names "
    "those of its work under `exits`",
    "costs": "what things cost where the board does not say, by class of host",
    "endings": "how a VM ends, and what its qvm then exits with; where a simulated run plays that, its vCPU "
    f"threads end then, and a launch with `restart` has it up again after {duration_text(RESTART_PAUSE)} and "
    f"what its boot takes ({MOST_ENDINGS} ends in a run at most)",
    "operations": "what an operation of a driver takes: trapped registers, interrupts that answer, and which "
    "operation it brings about in a guest that is joined",
    "exchange": "how threads are played that ask, serve and wait for each other",
}
_NUMBERS = ("exit code", "low", "typical", "high", "registers", "interrupts")

Rows = Sequence[dict[str, object]]


def exit_rows() -> Rows:
    """A row for each cause of an exit."""
    return [
        {
            "cause": cause.value,
            "parts": " + ".join(row.parts),
            "in the qvm process": "yes" if row.user else "",
            "from": row.source,
        }
        for cause, row in CAUSES.items()
    ]


def cost_rows() -> Rows:
    """A row for each cost; those that all classes share stand once, with an empty class."""
    classes = {kind: {row.name: row for row in rows} for kind, rows in DEFAULT_COSTS.items()}
    shared = [row for row in next(iter(DEFAULT_COSTS.values())) if _is_shared(row.name)]
    own = [(kind, row) for kind, rows in classes.items() for row in rows.values() if not _is_shared(row.name)]
    return [
        {
            "class": kind,
            "name": row.name,
            "low": row.low,
            "typical": row.typical,
            "high": row.high,
            "unit": row.unit,
            "from": row.source,
        }
        for kind, row in (*own, *(("", row) for row in shared))
    ]


def _is_shared(name: str) -> bool:
    found = [row for rows in DEFAULT_COSTS.values() for row in rows if row.name == name]
    return len(found) == len(DEFAULT_COSTS) and all(row == found[0] for row in found)


def ending_rows() -> Rows:
    """A row for each way in which a VM ends."""
    return [
        {
            "way": way.value,
            "exit code": row.code,
            "only on": row.architecture,
            "by": "the guest" if row.by_guest else "the host",
            "again": "its launcher may start it again" if row.restarts else "",
            "in a simulated run": "played" if way is Way.WATCHDOG else "as `simulate --end` says",
            "from": row.source,
        }
        for way, row in ENDINGS.items()
    ]


def operation_rows() -> Rows:
    """A row for each operation on a vdev."""
    return [
        {
            "vdev": row.vdev,
            "operation": row.name,
            "registers": row.registers,
            "interrupts": row.interrupts,
            "brings": row.brings,
            "from": row.source,
        }
        for row in OPERATIONS.values()
    ]


def exchange_rows() -> Rows:
    """A row for each convention about threads that ask and serve."""
    return [{"what": row.name, "how": row.value, "from": row.source} for row in CONVENTIONS]


def rows_text(name: str, rows: Rows) -> str:
    """The rows as a titled table."""
    titles = list(rows[0])
    cells = [Row(tuple(str(row[title]) for title in titles)) for row in rows]
    return f"{_TITLES[name]}\n" + table(titles, cells, right=_NUMBERS)
