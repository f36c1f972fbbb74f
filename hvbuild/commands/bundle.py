"""hvbuild bundle: everything a machine with the SDP needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import PATH, stack_argument, variant_option
from hvbuild.commands.stacks import opened, still_certified

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("bundle")
@stack_argument
@variant_option
@click.option("-o", "--output", type=PATH, required=True, metavar="FILE", help="The bundle to write.")
def command(stack: Path, variant: str, output: Path) -> Outcome:
    """Pack one variant.

    The machine that makes the image needs no hvbuild. Refused with exit code 3 as an image is.
    """
    from hvbuild.bundling import bundle
    from hvbuild.checking import Checked
    from hvbuild.report.bundled import bundled_outcome

    place = opened(stack)
    folder = place.build_folder(variant)
    found = still_certified(place, variant, folder)
    if not isinstance(found, Checked):
        return found
    return bundled_outcome(bundle(found, folder, output))
