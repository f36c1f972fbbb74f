"""hvbuild migrate: older formats to the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering, not_yet
from hvbuild.commands.arguments import PATH

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("migrate")
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="FILE...")
def command(files: tuple[Path, ...]) -> Outcome:
    """Rewrite stacks, overlays and boards.

    Comments and order stay; a file of the present format is left alone.
    """
    return not_yet("migrate")
