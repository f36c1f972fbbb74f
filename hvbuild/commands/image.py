"""hvbuild image: make the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import folder_option, stack_argument, variant_option
from hvbuild.commands.stacks import checked, opened, still_certified

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("image")
@stack_argument
@variant_option
@folder_option
@click.option("--engineering", is_flag=True, default=False, help="Work uncertified; marks name and manifest.")
def command(stack: Path, variant: str, output: Path | None, engineering: bool) -> Outcome:
    """Make the images of one variant.

    Refused with exit code 3 without a certificate that verifies; never certifies by itself.
    """
    import os

    from hvbuild.checking import Checked
    from hvbuild.imaging import image
    from hvbuild.report.imaged import imaged_outcome

    place = opened(stack)
    folder = output or place.build_folder(variant)
    found = checked(place, variant) if engineering else still_certified(place, variant, folder)
    if not isinstance(found, Checked):
        return found
    return imaged_outcome(image(found, folder, os.environ, engineering=engineering))
