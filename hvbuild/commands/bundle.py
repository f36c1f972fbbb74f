"""hvbuild bundle: everything a machine with the SDP needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering, not_yet
from hvbuild.commands.arguments import PATH, stack_argument, variant_option

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("bundle")
@stack_argument
@variant_option
@click.option("-o", "--output", type=PATH, required=True, metavar="FILE", help="The bundle to write.")
def command(stack: Path, variant: str, output: Path) -> Outcome:
    """Pack one variant.

    The machine that makes the image needs no hvbuild.
    """
    return not_yet("bundle")
