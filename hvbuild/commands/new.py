"""hvbuild new: a first stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import FOLDER, board_option

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("new")
@click.argument("folder", type=FOLDER, metavar="DIR")
@board_option()
def command(folder: Path, board: str) -> Outcome:
    """Write the files of a first stack.

    DIR is made; where it holds a stack already, nothing is written.
    """
    from hvbuild.report.outcome import CannotAnswer, Outcome
    from hvbuild.starting import CannotStart, start_stack

    try:
        written = start_stack(folder, board)
    except CannotStart as fault:
        raise CannotAnswer(str(fault)) from None
    return Outcome(text="".join(f"{folder / name}\n" for name in written), data={"written": list(written)})
