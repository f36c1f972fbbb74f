"""hvbuild map: who owns what, and what is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import stack_argument, variant_option
from hvbuild.commands.stacks import checked, opened

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
    from hvbuild.report.map import map_data, map_text, system_map
    from hvbuild.report.outcome import Outcome
    from hvbuild.rules.lines import line_bounds

    found = checked(opened(stack), variant)
    sections = system_map(
        found.plan.system,
        lambda vdev: found.catalog.loc_bytes(vdev.type),
        lambda vm: line_bounds(vm, found.catalog),
    )
    return Outcome(
        diagnostics=found.diagnostics, text=map_text(sections), data=map_data(sections), whole=True
    )
