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
@click.option("--predict", is_flag=True, help="Show what these tools would print, as far as it is known.")
def command(
    stack: Path,
    variant: str,
    asinfo: Path | None,
    showmem: Path | None,
    pidin: Path | None,
    *,
    predict: bool,
) -> Outcome:
    """Compare one variant with what was captured on the target.

    Exit code 1 says that they differ.
    """
    captured = asinfo or showmem or pidin
    if predict and captured:
        raise click.UsageError("--predict needs no capture.")
    if not predict and not captured:
        raise click.UsageError("give --asinfo, --showmem or --pidin.")
    from hvbuild.capturing import drift_of
    from hvbuild.report.target import drift_outcome, prediction_outcome

    found = checked(opened(stack), variant)
    return prediction_outcome(found) if predict else drift_outcome(drift_of(found, asinfo, showmem, pidin))
