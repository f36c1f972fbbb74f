"""hvbuild render: write the artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import folder_option, stack_argument, variant_option
from hvbuild.commands.stacks import checked, nothing_to_write, opened

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("render")
@stack_argument
@variant_option
@folder_option
def command(stack: Path, variant: str, output: Path | None) -> Outcome:
    """Render one variant of a stack.

    All artifacts are written together, or none.
    """
    place = opened(stack)
    known = nothing_to_write(place, variant, output or place.build_folder(variant))
    if known is not None:
        return known
    from hvbuild.building import build
    from hvbuild.report.built import built_outcome

    return built_outcome(build(checked(place, variant), output))
