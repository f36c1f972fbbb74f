"""hvbuild diff: two things compared by meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering, not_yet
from hvbuild.commands.arguments import PATH

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("diff")
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
def command(a: Path, b: Path) -> Outcome:
    """Compare A with B.

    Both are stacks, build folders, or hand-kept files of one kind. Exit code 1 says that they differ.
    """
    return not_yet("diff")
