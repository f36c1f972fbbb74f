"""hvbuild drift: the declared system against the running one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import PATH, stack_argument, variant_option
from hvbuild.commands.stacks import checked, opened

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("drift")
@stack_argument
@variant_option
@click.option("--asinfo", type=PATH, metavar="F", help="Output of `pidin syspage=asinfo`.")
@click.option("--showmem", type=PATH, metavar="F", help="Output of `showmem`.")
@click.option("--pidin", type=PATH, metavar="F", help="Output of `pidin`.")
def command(
    stack: Path, variant: str, asinfo: Path | None, showmem: Path | None, pidin: Path | None
) -> Outcome:
    """Compare one variant with what was captured on the target.

    Exit code 1 says that they differ.
    """
    if asinfo is None and showmem is None and pidin is None:
        raise click.UsageError("give --asinfo, --showmem or --pidin.")
    from hvbuild.capturing import drift_of
    from hvbuild.report.target import drift_outcome

    return drift_outcome(drift_of(checked(opened(stack), variant), asinfo, showmem, pidin))
