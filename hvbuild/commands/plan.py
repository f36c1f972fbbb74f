"""hvbuild plan: what a build would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import markdown_option, stack_argument, variant_option
from hvbuild.commands.stacks import opened

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("plan")
@stack_argument
@variant_option
@click.option("--against", required=True, metavar="DIR", help="An earlier build folder, or a git revision.")
@markdown_option
def command(stack: Path, variant: str, against: str, markdown: bool) -> Outcome:
    """Compare what would be rendered with an earlier build.

    A revision is `git:REV`, or REV where no folder has that name. Exit code 1 says that something would
    change. Nothing is written.
    """
    from hvbuild.comparing import CannotCompare
    from hvbuild.planning import plan_against
    from hvbuild.report.differing import differing_outcome
    from hvbuild.report.outcome import CannotAnswer

    try:
        return differing_outcome(plan_against(opened(stack), variant, against), markdown=markdown)
    except CannotCompare as fault:
        raise CannotAnswer(str(fault)) from None
