"""hvbuild new: a first stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering, not_yet
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
    return not_yet("new")
