"""hvbuild map: who owns what, and what is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hvbuild.commands.answer import answering, not_yet
from hvbuild.commands.arguments import stack_argument, variant_option

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("map")
@stack_argument
@variant_option
def command(stack: Path, variant: str) -> Outcome:
    """Show the tables of one variant.

    Guest-physical and host-physical memory, interrupts, vCPUs and partitions, with the free gaps.
    """
    return not_yet("map")
