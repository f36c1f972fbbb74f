"""hvbuild migrate: older formats to the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import PATH

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("migrate")
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="FILE...")
def command(files: tuple[Path, ...]) -> Outcome:
    """Rewrite stacks, overlays and boards.

    Comments and order stay; a file of the present format is left alone. A stack's folder stands for its stack
    and variants. With a fault in one file none is written.
    """
    from hvbuild.load.fileformat import FORMAT
    from hvbuild.migrating import files_of, migrations, write_migrations
    from hvbuild.report.outcome import Outcome

    found = migrations(files_of(files))
    write_migrations(found)
    lines = [
        f"{each.path}: format {each.version} to {FORMAT}, {each.edits} places\n"
        if each.needed
        else f"{each.path}: of the present format\n"
        for each in found
    ]
    rows = [
        {"path": each.path.as_posix(), "format": each.version, "edits": each.edits, "changed": each.needed}
        for each in found
    ]
    return Outcome(text="".join(lines), data={"format": "hvbuild-migration/1", "files": rows})
