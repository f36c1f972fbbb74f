"""hvbuild deploy: artifacts into a vendor tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import stack_argument, variant_option
from hvbuild.commands.stacks import checked, opened

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("deploy")
@stack_argument
@variant_option
@click.option("--check", is_flag=True, default=False, help="Write nothing; exit 1 where the tree differs.")
def command(stack: Path, variant: str, check: bool) -> Outcome:
    """Copy the artifacts of one variant to the places the stack names.

    Files that are the same already are left alone; places are relative to $HVBUILD_TREE, or to the project.
    """
    import os

    from hvbuild.deploying import compare, deploy
    from hvbuild.report.deployed import deployed_outcome

    found = checked(opened(stack), variant)
    done = compare(found, os.environ) if check else deploy(found, os.environ)
    return deployed_outcome(done, only_checked=check)
