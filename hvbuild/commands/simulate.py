"""hvbuild simulate: the execution model, or the bare scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering, not_yet
from hvbuild.commands.arguments import DURATION, PATH

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome
    from hvbuild.units import Nanoseconds


# Scheduler profiles: scenario and schedule, section 5 of the outer contract.
PROFILES = ("published", "sdp71", "sdp80", "strict")


@answering("simulate")
@click.argument("stack", type=PATH, required=False)
@click.option("--variant", metavar="V", help="Variant, `a+b` for two; `base` unless given.")
@click.option("--workload", metavar="W", help="Workload of the stack, by name.")
@click.option("--until", type=DURATION, metavar="TIME", help="How long, like 10ms.")
@click.option("--trace", type=PATH, metavar="OUT.json", help="Write the trace of the run.")
@click.option("--scenario", type=PATH, metavar="FILE.json", help="One scenario for the bare scheduler.")
@click.option("--profile", type=click.Choice(PROFILES), help="Scheduler profile of the scenario.")
def command(
    stack: Path | None,
    variant: str | None,
    workload: str | None,
    until: Nanoseconds | None,
    trace: Path | None,
    scenario: Path | None,
    profile: str | None,
) -> Outcome:
    """Run a stack's workload, or one scenario.

    Give STACK or --scenario, not both.
    """
    if (stack is None) == (scenario is None):
        raise click.UsageError("give STACK or --scenario, and not both.")
    if scenario and (variant or workload or until is not None or trace):
        raise click.UsageError("--scenario goes with --profile only.")
    if scenario is not None:
        from hvbuild.report.schedule import scenario_outcome
        from hvbuild.simulating import run_scenario

        return scenario_outcome(run_scenario(scenario, profile or "published"))
    return not_yet("simulate")
