"""The command line: finds a sub-command without loading the others, turns every ending into an exit code."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from hvbuild.commands.listing import NAMES, summary, top_help
from hvbuild.commands.pipe import drop_stdout
from hvbuild.report.exits import Exit
from hvbuild.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """The group of all commands; a command's module is imported when that command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `cmd_name`, its module imported now, or None."""
        if cmd_name not in NAMES:
            return None
        command: click.Command = import_module(f"hvbuild.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but with the near misses of a name that is not there."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as fault:
            raise click.exceptions.NoSuchCommand(fault.command_name, possibilities=NAMES, ctx=ctx) from None

    def get_help(self, ctx: click.Context) -> str:
        """The listed help, made without loading any command."""
        return top_help().rstrip("\n")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Names with their summaries, without loading any command; options as click does."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        from click.shell_completion import CompletionItem

        return [CompletionItem(name, help=summary(name)) for name in NAMES if name.startswith(incomplete)]


# A width of its own keeps help the same everywhere, and spares the import that asks the terminal for its.
@click.group("hvbuild", cls=LazyGroup, context_settings={"terminal_width": 78})
@click.version_option(__version__, prog_name="hvbuild", message="%(prog)s %(version)s")
def group() -> None:
    """All commands of hvbuild."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing escapes as a traceback but a fault of ours."""
    try:
        return int(group.main(list(arguments), prog_name="hvbuild", standalone_mode=False) or 0)
    except (click.Abort, KeyboardInterrupt):
        return int(Exit.INTERRUPTED)
    except click.ClickException as fault:
        fault.show()
        return int(Exit.NO_ANSWER)
    except BrokenPipeError:
        drop_stdout()
        return int(Exit.YES)
    except OSError as fault:
        drop_stdout()
        click.echo(f"hvbuild: {fault.filename or 'output'}: {fault.strerror or fault}", err=True)
        return int(Exit.NO_ANSWER)
    except Exception as fault:
        from hvbuild.commands.fault import fault_report

        sys.stderr.write(fault_report(fault, arguments))
        return int(Exit.FAULT)
