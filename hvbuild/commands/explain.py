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

    A code may be given by its name too: of a rule (HV...) or of a guarantee
    (HC...).
    """
    from hvbuild.report.schedule import model_outcome

    return model_outcome() if topic == "model" else _code(topic) or _guarantee(topic)


def _code(topic: str) -> Outcome | None:
    from hvbuild.codes import all_codes
    from hvbuild.report.explain import explained, read_examples
    from hvbuild.shipped import shipped_file

    examples = read_examples(shipped_file("schemas", "examples.json").read_text("utf-8"))
    return explained(topic, all_codes(), examples)


def _guarantee(topic: str) -> Outcome:
    """The guarantee of this code or name; their catalogue takes a while to read, and no rule needs it."""
    from hvbuild.certify.properties.catalog import ALL_PROPERTIES
    from hvbuild.codes import all_codes
    from hvbuild.report.explain import unknown_code
    from hvbuild.report.guarantee import guarantee_outcome

    found = guarantee_outcome(topic, ALL_PROPERTIES)
    if found is None:
        names = [key for row in ALL_PROPERTIES for key in (row.code, row.name)]
        raise unknown_code(topic, all_codes(), names)
    return found
