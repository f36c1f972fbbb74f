"""The frame of every sub-command: common options before it, its answer said and its exit code after it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hvbuild.commands.listing import summary
from hvbuild.report.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from hvbuild.report.outcome import Outcome

FORMATS = ("text", "line", "json", "sarif", "junit")


class Settings(NamedTuple):
    """The common options of one run."""

    format: str = "text"
    deny_warnings: bool = False
    colour_allowed: bool = True
    quiet: bool = False

    def say(self, text: str) -> None:
        """Tell progress: a line on stderr, nothing when quiet."""
        if not self.quiet:
            click.echo(text, err=True)


def common_options() -> list[click.Parameter]:
    """The options that every command takes."""
    return [
        click.Option(
            ["--format"],
            type=click.Choice(FORMATS),
            default="text",
            show_default=True,
            help="Form of the answer.",
        ),
        click.Option(["--deny"], type=click.Choice(["warnings"]), help="Let warnings fail like errors."),
        click.Option(["--no-color"], is_flag=True, default=False, help="No colour, even on a terminal."),
        click.Option(["-q", "--quiet"], is_flag=True, default=False, help="Only the answer."),
    ]


class AnsweringCommand(click.Command):
    """A command whose function returns an Outcome; invoking it says that and returns the exit code.

    The function finds the Settings of the run in `ctx.obj`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["params"] = [*(kwargs.get("params") or []), *common_options()]
        super().__init__(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> int:
        """Run the function, say its outcome in the asked format, and return the exit code."""
        from hvbuild.diagnostics import StackInvalid
        from hvbuild.report.outcome import CannotAnswer, Outcome

        settings = ctx.obj = _settings(ctx.params)
        try:
            outcome: Outcome = super().invoke(ctx)
        except OSError as fault:
            return _refused_file(settings, fault)
        except CannotAnswer as fault:
            click.echo(f"hvbuild: {fault}", err=True)
            return int(Exit.NO_ANSWER)
        except StackInvalid as fault:
            outcome = Outcome(diagnostics=fault.diagnostics)
        return say(outcome, settings)


def answering(name: str, cls: type[AnsweringCommand] = AnsweringCommand) -> Callable[..., AnsweringCommand]:
    """Make a function that returns an Outcome the command `name`; its help begins with its listed summary."""

    def make(function: Callable[..., Outcome]) -> AnsweringCommand:
        more = (function.__doc__ or "").partition("\n\n")[2]
        return click.command(name, cls=cls, help=f"{summary(name)}\n\n{more}")(function)

    return make


def _settings(params: dict[str, Any]) -> Settings:
    return Settings(
        format=params.pop("format"),
        deny_warnings=params.pop("deny") == "warnings",
        colour_allowed=not params.pop("no_color"),
        quiet=params.pop("quiet"),
    )


def _refused_file(settings: Settings, fault: OSError) -> int:
    """Answer for a file that cannot be opened: one line on stderr, or the document of the asked format."""
    from hvbuild.report.outcome import cannot_open

    outcome = cannot_open(fault)
    if settings.format == "text":
        click.echo(f"hvbuild: {outcome.diagnostics[0].message}", err=True)
        return int(outcome.exit)
    return say(outcome, settings)


def say(outcome: Outcome, settings: Settings) -> int:
    """Write `outcome` to stdout in the asked format and return its exit code.

    A reader that goes away early (`| head`) does not change the verdict.
    """
    try:
        sys.stdout.write(spoken(outcome, settings, terminal=sys.stdout.isatty()))
        sys.stdout.flush()
    except OSError as fault:
        from hvbuild.commands.pipe import drop_stdout

        drop_stdout()
        if not isinstance(fault, BrokenPipeError):
            raise
    return int(outcome.exit_code(deny_warnings=settings.deny_warnings))


def spoken(outcome: Outcome, settings: Settings, *, terminal: bool = False) -> str:
    """The text that stands for `outcome` in the asked format."""
    match settings.format:
        case "text":
            return _text(outcome, settings, terminal=terminal)
        case "line":
            from hvbuild.report.diagnostics import line_report

            return line_report(outcome.diagnostics) + _ended(outcome.text)
        case "json":
            return _json(outcome)
        case "sarif":
            from hvbuild.report.machine_formats import json_text, sarif_document

            return json_text(sarif_document(outcome.diagnostics))
        case _:
            from hvbuild.report.machine_formats import junit_text

            return junit_text(outcome.diagnostics, deny_warnings=settings.deny_warnings)


def _text(outcome: Outcome, settings: Settings, *, terminal: bool) -> str:
    parts = [_ended(outcome.text), "" if settings.quiet else _ended(outcome.remark)]
    if outcome.diagnostics:
        import os

        from hvbuild.report.diagnostics import text_report
        from hvbuild.report.style import choose_style

        style = choose_style(
            terminal=terminal, colour_allowed=settings.colour_allowed, environment=os.environ
        )
        parts.insert(0, text_report(outcome.diagnostics, style))
    return "\n".join(part for part in parts if part)


def _json(outcome: Outcome) -> str:
    from hvbuild.report.machine_formats import diagnostics_json, json_text

    report = diagnostics_json(outcome.diagnostics)
    if "format" not in outcome.data:
        return json_text({**report, **outcome.data})
    del report["format"]
    return json_text({**outcome.data, **(report if outcome.diagnostics or not outcome.whole else {})})


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
