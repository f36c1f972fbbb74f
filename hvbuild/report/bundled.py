"""What `bundle` answers, for people and programs."""

from hvbuild.bundling import Bundled
from hvbuild.report.exits import Exit
from hvbuild.report.outcome import Outcome


def bundled_outcome(bundled: Bundled) -> Outcome:
    """The archive with its digest; exit 3 when it was refused for want of a certificate."""
    if bundled.refused:
        return Outcome(diagnostics=bundled.diagnostics, exit=Exit.REFUSED)
    text = f"{bundled.path}: sha256 {bundled.digest}\n" if bundled.digest else ""
    return Outcome(
        diagnostics=bundled.diagnostics,
        text=text,
        data={
            "bundle": str(bundled.path),
            "sha256": bundled.digest,
            "members": list(bundled.members),
        },
    )
