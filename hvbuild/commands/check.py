"""hvbuild check: read, validate, resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import stack_argument
from hvbuild.commands.stacks import opened, verdicts

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
    from hvbuild.report.outcome import Outcome

    if variant and all_variants:
        raise click.UsageError("--variant and --all-variants exclude each other.")
    place = opened(stack)
    answers = verdicts(place, place.variants if all_variants else variant or ("base",))
    found = dict.fromkeys(each for _, verdict in answers for each in verdict.diagnostics)
    clean = [name for name, verdict in answers if not verdict.diagnostics]
    return Outcome(
        diagnostics=tuple(sorted(found, key=lambda each: each.sort_key)),
        remark="".join(f"{place.name} ({name}): clean\n" for name in clean),
    )
