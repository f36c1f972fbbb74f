"""hvbuild explain: a code or the execution model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering, not_yet

if TYPE_CHECKING:
    from hvbuild.report.outcome import Outcome


@answering("explain")
@click.argument("topic", metavar="CODE|model")
def command(topic: str) -> Outcome:
    """Show what is known of one code.

    A code may be given by its name too.
    """
    return not_yet("explain")
