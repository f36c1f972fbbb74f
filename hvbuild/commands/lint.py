"""hvbuild lint: hand-kept files by the same rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import PATH, target_option

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


KINDS = ("qvmconf", "buildfile", "dts")


@answering("lint")
@click.argument("files", type=PATH, nargs=-1, metavar="FILE...")
@target_option
@click.option("--kind", type=click.Choice(KINDS), help="What the files are, where names do not tell.")
@click.option("--vm", multiple=True, metavar='"@a @b word…"', help="One VM from pieces, as qvm is called.")
def command(files: tuple[Path, ...], target: str | None, kind: str | None, vm: tuple[str, ...]) -> Outcome:
    """Check qvmconf files, buildfiles and device trees.

    Each FILE is one VM or image; files given together are one system. The
    rules, severities and device types of hvbuild.yaml in the current folder
    hold, too.
    """
    from pathlib import Path

    from hvbuild.linting import lint
    from hvbuild.project import PROJECT_FILE
    from hvbuild.report.outcome import Outcome

    if not files and not vm:
        raise click.UsageError("give a FILE or --vm.")
    found = lint(files, vm, kind, target, Path() if Path(PROJECT_FILE).is_file() else None)
    return Outcome(diagnostics=found, remark="" if found else "clean\n")
