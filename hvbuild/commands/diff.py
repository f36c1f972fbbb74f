"""hvbuild diff: two things compared by meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import PATH, markdown_option, variant_option

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("diff")
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@variant_option
@markdown_option
def command(a: Path, b: Path, variant: str, markdown: bool) -> Outcome:
    """Compare A with B.

    Both are stacks, build folders, or hand-kept files of one kind; of stacks one variant is compared. Exit
    code 1 says that they differ.
    """
    from hvbuild.comparing import CannotCompare, compare, side_at
    from hvbuild.report.differing import differing_outcome
    from hvbuild.report.outcome import CannotAnswer

    try:
        return differing_outcome(compare(side_at(a, variant), side_at(b, variant)), markdown=markdown)
    except CannotCompare as fault:
        raise CannotAnswer(str(fault)) from None
