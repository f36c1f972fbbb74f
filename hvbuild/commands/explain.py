"""hvbuild explain: a code or the execution model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering

if TYPE_CHECKING:
    from hvbuild.report.outcome import Outcome


@answering("explain")
@click.argument("topic", metavar="CODE|model")
def command(topic: str) -> Outcome:
    """Show what is known of one code.

    A code may be given by its name too.
    """
    from hvbuild.codes import all_codes
    from hvbuild.report.explain import explained, read_examples
    from hvbuild.shipped import shipped_file

    if topic == "model":
        from hvbuild.report.schedule import model_outcome

        return model_outcome()
    examples = read_examples(shipped_file("schemas", "examples.json").read_text("utf-8"))
    return explained(topic, all_codes(), examples)
