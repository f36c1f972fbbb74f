"""hvbuild check: read, validate, resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import PATH
from hvbuild.commands.stacks import asked_products, opened, verdicts

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.family import Departure
    from hvbuild.matrix import Product
    from hvbuild.report.outcome import Outcome


@answering("check")
@click.argument("stack", type=PATH, required=False)
@click.option("--variant", metavar="V", multiple=True, help="Variant, `a+b` for two; may be repeated.")
@click.option("--all-variants", is_flag=True, default=False, help="`base` and every variant.")
@click.option("--matrix", is_flag=True, default=False, help="Every product of the project.")
@click.option("--differences", is_flag=True, default=False, help="With --matrix: what differs, and why.")
def command(
    stack: Path | None, variant: tuple[str, ...], all_variants: bool, matrix: bool, differences: bool
) -> Outcome:
    """Check a stack in the asked variants.

    STACK is a stack folder or a stack.yaml; with --matrix it may be a project's folder, else this one.
    """
    from hvbuild.report.outcome import Outcome

    if sum((bool(variant), all_variants, matrix)) > 1:
        raise click.UsageError("--variant, --all-variants and --matrix exclude each other.")
    if matrix:
        return _matrix(stack, differences)
    if stack is None or differences:
        raise click.UsageError("Missing argument 'STACK'." if stack is None else "--differences: no matrix.")
    place = opened(stack)
    answers = verdicts([(place, each) for each in (place.variants if all_variants else variant or ("base",))])
    found = dict.fromkeys(each for _, verdict in answers for each in verdict.diagnostics)
    clean = [name for (_, name), verdict in answers if not verdict.diagnostics]
    return Outcome(
        diagnostics=tuple(sorted(found, key=lambda each: each.sort_key)),
        remark="".join(f"{place.name} ({name}): clean\n" for name in clean),
    )


def _matrix(stack: Path | None, differences: bool) -> Outcome:
    from pathlib import Path

    from hvbuild.report.family import family_json, family_text
    from hvbuild.report.outcome import Outcome

    matrix = asked_products(stack or Path())
    said = verdicts([(each.place, each.variant) for each in matrix.products], matrix.inputs)
    answers = [(product, verdict) for product, (_, verdict) in zip(matrix.products, said, strict=True)]
    found = {each.sort_key: each for _, verdict in answers for each in verdict.diagnostics}
    found.update((each.sort_key, each) for each in matrix.faults)
    departing = _departures(matrix.products) if differences else ()
    return Outcome(
        diagnostics=tuple(found[key] for key in sorted(found)),
        text=family_text(answers, departing),
        data=family_json(answers, departing),
    )


def _departures(products: tuple[Product, ...]) -> tuple[Departure, ...]:
    import os

    from hvbuild.checking import Checker
    from hvbuild.family import departures
    from hvbuild.store import cache_folder

    return departures(products, Checker(cache_folder(os.environ)))
