"""hvbuild simulate: the execution model, or the bare scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import DURATION, END, PATH, SIZE
from hvbuild.commands.stacks import checked, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hvbuild.report.outcome import Outcome
    from hvbuild.simulating import Asked, Simulated

Answer = TypeVar("Answer")

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
@click.option(
    "--end",
    type=END,
    multiple=True,
    metavar="G@TIME[=HOW]",
    help="Let guest G end then: off, reset, vdev, quit, unsupported, vdev-error; off unless given.",
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
@click.option(
    "--explore",
    multiple=True,
    metavar="NAME",
    help="Turn this assumption of the profile around; `explain model` names them.",
)
def command(stack: Path | None, scenario: Path | None, **asked: Any) -> Outcome:
    """Run a stack's workload, or one scenario.

    Give STACK or --scenario, not both.
    """
    if (stack is None) == (scenario is None):
        raise click.UsageError("give STACK or --scenario, and not both.")
    if asked["compare"] and asked["trace"]:
        raise click.UsageError("--trace is of one run; leave --compare out.")
    if stack is not None:
        return _stack(stack, asked)
    assert scenario is not None
    whole = ("variant", "workload", "until", "compare", "costs", "host_memory")
    if asked["end"] or any(asked[name] is not None for name in whole):
        raise click.UsageError("--scenario goes with --profile, --explore, --fast and --trace only.")
    return _scenario(scenario, asked)


def _scenario(path: Path, asked: dict[str, Any]) -> Outcome:
    from hvbuild.machine.profiles import PUBLISHED, profile
    from hvbuild.report.schedule import scenario_outcome
    from hvbuild.scenariofile import run_scenario

    chosen = profile(asked["profile"] or "") or PUBLISHED
    answer = _answered(
        lambda: run_scenario(
            path, chosen, asked["explore"], fast=asked["fast"], interrupts=asked["trace"] is not None
        )
    )
    if asked["trace"] and not isinstance(answer, tuple):
        from hvbuild.report.trace import schedule_bytes
        from hvbuild.store import write_output

        write_output(asked["trace"], schedule_bytes(answer))
    return scenario_outcome(answer)


def _stack(stack: Path, asked: dict[str, Any]) -> Outcome:
    if asked["until"] == 0:
        raise click.UsageError("--until: a run takes more than no time.")
    from hvbuild.report.comparison import comparison_outcome
    from hvbuild.report.simulation import simulation_outcome
    from hvbuild.simulating import SECOND, Asked

    question = Asked(
        until=asked["until"] or SECOND,
        profile=asked["profile"] or "",
        explored=asked["explore"],
        workload=asked["workload"] or "",
        level=asked["costs"] or "typical",
        fast=asked["fast"],
        host_memory=asked["host_memory"],
        ends=asked["end"],
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
    from hvbuild.simulating import simulate_stack

    return _answered(lambda: simulate_stack(checked(opened(stack), variant), asked))


def _answered(run: Callable[[], Answer]) -> Answer:
    """What `run` gives; what it cannot do for want of a name or of the compiled engine is no answer."""
    from hvbuild.machine.engine.fast import FastMissingError
    from hvbuild.report.outcome import CannotAnswer
    from hvbuild.scenariofile import UnknownName

    try:
        return run()
    except UnknownName as fault:
        raise CannotAnswer(str(fault)) from None
    except FastMissingError:
        raise CannotAnswer("--fast needs the extra `fast`: install hvbuild[fast]") from None
