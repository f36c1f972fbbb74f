"""hvbuild certify: play the rendered system and write a certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import AnsweringCommand, answering
from hvbuild.commands.arguments import PATH, SHARD, folder_option, stack_argument, variant_option
from hvbuild.commands.stacks import checked, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hvbuild.commands.answer import Settings
    from hvbuild.report.outcome import Outcome


class MergingCommand(AnsweringCommand):
    """A command whose `--merge` takes every word up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, each word after `--merge` made an option of its own."""
        return super().parse_args(ctx, list(_each_merged(args)))


def _each_merged(args: list[str]) -> Iterator[str]:
    merging = first = False
    for word in args:
        if word == "--merge":
            merging = first = True
        elif word.startswith("-") and word != "-":
            merging = False
        elif merging and not first:
            yield "--merge"
        if word != "--merge":
            first = False
        yield word


@answering("certify", cls=MergingCommand)
@stack_argument
@variant_option
@folder_option
@click.option("--examples", type=click.IntRange(min=1), metavar="N", help="Examples per sampled property.")
@click.option("--seed", type=click.IntRange(min=0), metavar="S", help="Seed of the examples.")
@click.option("--sign", type=PATH, metavar="KEY", help="Sign with this ed25519 key.")
@click.option("--cluster", metavar="ADDRESS", help="Let the workers of this Dask scheduler play the runs.")
@click.option("--shard", type=SHARD, metavar="I/N", help="Do part I of N; no image accepts a part.")
@click.option(
    "--merge", type=PATH, multiple=True, metavar="FILE...", help="Join the certificates of all parts."
)
@click.pass_obj
def command(
    settings: Settings,
    stack: Path,
    variant: str,
    output: Path | None,
    examples: int | None,
    seed: int | None,
    sign: Path | None,
    cluster: str | None,
    shard: tuple[int, int] | None,
    merge: tuple[Path, ...],
) -> Outcome:
    """Certify one variant of a stack.

    The verdict is about the files as they were read back. Exit code 3 says that it was refused.
    """
    if shard and merge:
        raise click.UsageError("--shard and --merge exclude each other.")
    from hvbuild.building import build
    from hvbuild.campaign import NoCluster
    from hvbuild.certifying import Terms, certify_build, merge_shards
    from hvbuild.report.certified import certified_outcome
    from hvbuild.report.outcome import CannotAnswer

    built = build(checked(opened(stack), variant), output)
    if merge:
        return certified_outcome(merge_shards(built, merge, sign, settings.say))
    terms = Terms(examples=examples, seed=seed or 0, shard=shard, key=sign, cluster=cluster or "")
    try:
        return certified_outcome(certify_build(built, terms, settings.say))
    except NoCluster as fault:
        raise CannotAnswer(str(fault)) from None
