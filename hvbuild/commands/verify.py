"""hvbuild verify: a certificate against its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hvbuild.commands.answer import answering, not_yet
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
    return not_yet("verify")
