"""hvbuild calibrate: a cost table from traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import PATH, board_option

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("calibrate")
@click.argument("trace", type=PATH, metavar="TRACE.txt")
@board_option()
def command(trace: Path, board: str) -> Outcome:
    """Read the text of a kernel trace and print the costs it shows.

    Each number says how many events it comes from.
    """
    from pathlib import Path

    from hvbuild.capturing import board_named, calibration_of
    from hvbuild.report.outcome import CannotAnswer, Outcome
    from hvbuild.report.target import calibration_outcome

    found = board_named(board, Path())
    if found is None:
        raise CannotAnswer(f"no board `{board}` is known here.")
    if isinstance(found, tuple):
        return Outcome(diagnostics=found)
    return calibration_outcome(calibration_of(trace, found))
