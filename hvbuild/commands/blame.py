"""hvbuild blame: where a line of an output comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import LINE

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("blame")
@click.argument("place", type=LINE, metavar="FILE:LINE")
def command(place: tuple[Path, int]) -> Outcome:
    """Show the input lines that made a line of an artifact.

    FILE lies in a build folder, whose manifest knows.
    """
    from hvbuild.report.blame import blamed

    return blamed(*place)
