"""hvbuild verify: a certificate against its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering
from hvbuild.commands.arguments import PATH

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.report.outcome import Outcome


@answering("verify")
@click.argument("certificate", type=PATH, metavar="DIR|CERTIFICATE")
@click.option(
    "--public-key", type=PATH, metavar="KEY", help="Demand an envelope signed with its ed25519 key."
)
def command(certificate: Path, public_key: Path | None) -> Outcome:
    """Compare a certificate with the files it speaks of.

    Artifacts are compared always, inputs wherever they can be found.
    """
    from hvbuild.certifying import verify_folder
    from hvbuild.report.outcome import Outcome

    found = verify_folder(certificate, public_key)
    return Outcome(
        diagnostics=found.diagnostics,
        text=found.note if found.holds else f"does not hold; it says {found.note}",
        data={"verdict": found.verdict, "inputs_compared": found.inputs_compared},
    )
