"""hvbuild adopt: hand-kept files to a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import FOLDER, PATH, board_option, target_option

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("adopt")
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="FILE...")
@board_option()
@target_option
@click.option(
    "-o", "--output", type=FOLDER, required=True, metavar="DIR", help="Where stack.yaml is written."
)
def command(files: tuple[Path, ...], board: str, target: str | None, output: Path) -> Outcome:
    """Write DIR/stack.yaml from hand-kept files.

    What is not understood is carried verbatim, what the files do not provide is `external`.
    """
    from hvbuild.adopting import CannotAdopt, adopt
    from hvbuild.report.adopted import adopted_outcome
    from hvbuild.report.outcome import CannotAnswer

    try:
        return adopted_outcome(adopt(files, board, target, output))
    except CannotAdopt as fault:
        raise CannotAnswer(str(fault)) from None
