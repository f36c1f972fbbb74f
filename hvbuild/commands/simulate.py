"""hvbuild simulate: the execution model, or the bare scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import DURATION, PATH, SIZE
from hvbuild.commands.stacks import checked, opened

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome
    from hvbuild.simulating import Asked, Simulated


# Scheduler profiles: scenario and schedule, section 5 of the outer contract.
PROFILES = ("published", "sdp71", "sdp80", "strict")


@answering("simulate")
@click.argument("stack", type=PATH, required=False)
@click.option("--variant", metavar="V", help="Variant, `a+b` for two; `base` unless given.")
@click.option("--workload", metavar="W", help="Workload of the stack, by name.")
@click.option("--until", type=DURATION, metavar="TIME", help="How long, like 10ms; 1s unless given.")
@click.option("--trace", type=PATH, metavar="OUT.json", help="Write the trace of the run.")
@click.option(
    "--host-memory",
    type=SIZE,
    metavar="SIZE",
    help="Memory that the host holds when guests start; that of the stack unless given.",
)
@click.option("--compare", metavar="V", help="Run this variant, too, and set both side by side.")
@click.option(
    "--costs",
    type=click.Choice(("low", "typical", "high")),
    help="End of the board's cost ranges; typical unless given.",
)
@click.option("--fast", is_flag=True, help="Run the compiled engine (extra `fast`); the answer is the same.")
@click.option("--scenario", type=PATH, metavar="FILE.json", help="One scenario for the bare scheduler.")
@click.option(
    "--profile", type=click.Choice(PROFILES), help="Scheduler profile; the one of the target unless given."
)
def command(stack: Path | None, scenario: Path | None, profile: str | None, **asked: Any) -> Outcome:
    """Run a stack's workload, or one scenario.

    Give STACK or --scenario, not both.
    """
    if (stack is None) == (scenario is None):
        raise click.UsageError("give STACK or --scenario, and not both.")
    if scenario is not None:
        if any(value not in {None, False} for value in asked.values()):
            raise click.UsageError("--scenario goes with --profile only.")
        from hvbuild.report.schedule import scenario_outcome
        from hvbuild.simulating import run_scenario

        return scenario_outcome(run_scenario(scenario, profile or "published"))
    assert stack is not None
    return _stack(stack, profile, asked)


def _stack(stack: Path, profile: str | None, asked: dict[str, Any]) -> Outcome:
    if asked["until"] == 0:
        raise click.UsageError("--until: a run takes more than no time.")
    if asked["compare"] and asked["trace"]:
        raise click.UsageError("--trace is of one run; leave --compare out.")
    from hvbuild.report.comparison import comparison_outcome
    from hvbuild.report.simulation import simulation_outcome
    from hvbuild.simulating import SECOND, Asked

    question = Asked(
        until=asked["until"] or SECOND,
        profile=profile or "",
        workload=asked["workload"] or "",
        level=asked["costs"] or "typical",
        fast=asked["fast"],
        host_memory=asked["host_memory"],
    )
    first = _simulated(stack, asked["variant"] or "base", question)
    if asked["compare"]:
        return comparison_outcome(first, _simulated(stack, asked["compare"], question))
    if asked["trace"]:
        from hvbuild.report.trace import trace_bytes
        from hvbuild.store import write_output

        write_output(asked["trace"], trace_bytes(first))
    return simulation_outcome(first)


def _simulated(stack: Path, variant: str, asked: Asked) -> Simulated:
    from hvbuild.machine.engine.fast import FastMissingError
    from hvbuild.report.outcome import CannotAnswer
    from hvbuild.simulating import UnknownWorkload, simulate_stack

    try:
        return simulate_stack(checked(opened(stack), variant), asked)
    except UnknownWorkload as fault:
        raise CannotAnswer(str(fault)) from None
    except FastMissingError:
        raise CannotAnswer("--fast needs the extra `fast`: install hvbuild[fast]") from None
