"""hvbuild check: read, validate, resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering, not_yet
from hvbuild.commands.arguments import stack_argument

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("check")
@stack_argument
@click.option("--variant", metavar="V", multiple=True, help="Variant, `a+b` for two; may be repeated.")
@click.option("--all-variants", is_flag=True, default=False, help="`base` and every variant.")
def command(stack: Path, variant: tuple[str, ...], all_variants: bool) -> Outcome:
    """Check a stack in the asked variants.

    STACK is a stack folder or a stack.yaml.
    """
    if variant and all_variants:
        raise click.UsageError("--variant and --all-variants exclude each other.")
    return not_yet("check")
