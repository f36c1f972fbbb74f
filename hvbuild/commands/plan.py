"""hvbuild plan: what a build would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering, not_yet
from hvbuild.commands.arguments import FOLDER, stack_argument, variant_option

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("plan")
@stack_argument
@variant_option
@click.option("--against", type=FOLDER, required=True, metavar="DIR", help="An earlier build folder.")
def command(stack: Path, variant: str, against: Path) -> Outcome:
    """Compare what would be rendered with an earlier build.

    Exit code 1 says that something would change.
    """
    return not_yet("plan")
