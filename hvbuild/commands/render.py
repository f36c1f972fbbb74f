"""hvbuild render: write the artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hvbuild.commands.answer import answering, not_yet
from hvbuild.commands.arguments import folder_option, stack_argument, variant_option

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
    return not_yet("render")
