"""hvbuild explain: a code or the execution model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering

if TYPE_CHECKING:
    from hvbuild.report.outcome import Outcome
    from hvbuild.rules.own import OwnRules


@answering("explain")
@click.argument("topic", metavar="CODE|model")
def command(topic: str) -> Outcome:
    """Show what is known of one code.

    A code may be given by its name too: of a rule (HV..., a project's own
    where hvbuild.yaml is) or of a guarantee (HC...).
    """
    from hvbuild.report.schedule import model_outcome

    return model_outcome() if topic == "model" else _code(topic) or _guarantee(topic) or _unknown(topic)


def _code(topic: str) -> Outcome | None:
    from hvbuild.codes import all_codes
    from hvbuild.report.explain import explained, read_examples
    from hvbuild.shipped import shipped_file

    examples = read_examples(shipped_file("schemas", "examples.json").read_text("utf-8"))
    return explained(topic, (*all_codes(), *_own_rules().rows), examples)


def _guarantee(topic: str) -> Outcome | None:
    """The guarantee of this code or name; their catalogue takes a while to read, and no rule needs it."""
    from hvbuild.certify.properties.catalog import ALL_PROPERTIES
    from hvbuild.report.guarantee import guarantee_outcome

    return guarantee_outcome(topic, ALL_PROPERTIES)


def _unknown(topic: str) -> Outcome:
    """What is wrong with the project's own rules, of which it may be one; else raises UnknownCode."""
    from hvbuild.certify.properties.catalog import ALL_PROPERTIES
    from hvbuild.codes import all_codes
    from hvbuild.report.explain import unknown_code
    from hvbuild.report.outcome import Outcome

    own = _own_rules()
    if own.faults:
        return Outcome(diagnostics=own.faults)
    names = [key for row in ALL_PROPERTIES for key in (row.code, row.name)]
    raise unknown_code(topic, (*all_codes(), *own.rows), names)


def _own_rules() -> OwnRules:
    """The rules of the project in the current folder."""
    from pathlib import Path

    from hvbuild.project import PROJECT_FILE
    from hvbuild.rules.own import NO_RULES

    if not Path(PROJECT_FILE).is_file():
        return NO_RULES
    from hvbuild.load.files import Files
    from hvbuild.projectfile import read_project, rules_of_project

    return rules_of_project(read_project(Path(), Files()), Path())
