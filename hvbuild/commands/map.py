"""hvbuild map: who owns what, and what is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import stack_argument, variant_option
from hvbuild.commands.stacks import checked, opened

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.checking import Checked
    from hvbuild.report.map import Section
    from hvbuild.report.outcome import Outcome


@answering("map")
@stack_argument
@variant_option
def command(stack: Path, variant: str) -> Outcome:
    """Show the tables of one variant.

    Guest-physical and host-physical memory, interrupts, vCPUs and partitions, with the free gaps; the
    tables behind guest memory, and what passed devices reach by DMA.
    """
    from hvbuild.report.map import map_data, map_text
    from hvbuild.report.outcome import Outcome

    found = checked(opened(stack), variant)
    sections = _sections(found)
    return Outcome(
        diagnostics=found.diagnostics, text=map_text(sections), data=map_data(sections), whole=True
    )


def _sections(found: Checked) -> tuple[Section, ...]:
    from hvbuild.machine.claims import shapes_of
    from hvbuild.machine.memory import build_memory
    from hvbuild.report.map import system_map
    from hvbuild.rules.lines import line_bounds

    system, catalog = found.plan.system, found.catalog
    return system_map(
        system,
        lambda vdev: catalog.loc_bytes(vdev.type),
        lambda vm: line_bounds(vm, catalog),
        build_memory(system, shapes_of(catalog.vdevs)),
    )
