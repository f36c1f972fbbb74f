"""Guests that ended within a run, as text and as data: when, by what, and whether they come back."""

from hvbuild.machine.simulation import Simulation
from hvbuild.report.observed import ms
from hvbuild.report.tables import Row, table


def endings_text(run: Simulation) -> str:
    """A row for each guest that ended; empty where none did."""
    rows = [
        Row(
            (
                str(row["guest"]),
                str(row["way"]),
                str(row["action"] or ""),
                ms(life.end_ns or 0),
                str(row["exit_code"]),
                str(row["cut_off"]),
                str(row["restart"]),
                ms(life.again_ns) if life.again_ns is not None else "",
            )
        )
        for life, row in zip(run.endings, endings_data(run), strict=True)
    ]
    if not rows:
        return ""
    numbers = ("at ms", "qvm exits", "cut off", "up again ms")
    titles = ("guest", "by", "action", "at ms", "qvm exits", "cut off", "restart", "up again ms")
    return "ended in the run\n" + table(titles, rows, right=numbers)


def endings_data(run: Simulation) -> list[dict[str, object]]:
    """The same as JSON values, times in nanoseconds of the run; a guest may be up again after it only."""
    found: list[dict[str, object]] = []
    for life in run.endings:
        end = life.end
        if end is None:
            continue
        found.append(
            {
                "guest": life.guest,
                "way": end.ending.way.value,
                "action": end.action or None,
                "at_ns": end.at_ns,
                "exit_code": end.ending.code,
                "cut_off": run.cut(life),
                "restart": run.bench.restarts.get(life.guest, "never"),
                "up_again_ns": life.again_ns,
            }
        )
    return found
