"""What `image` answers, for people and programs."""

from hvbuild.imaging import Imaged
from hvbuild.report.exits import Exit
from hvbuild.report.outcome import Outcome
from hvbuild.store import file_digest


def imaged_outcome(imaged: Imaged) -> Outcome:
    """The images made, or why there is none: 3 for want of a certificate, 2 of files or tools, else 1."""
    made = imaged.made
    if imaged.refused:
        return Outcome(diagnostics=made.faults, exit=Exit.REFUSED)
    if made.faults:
        return Outcome(diagnostics=made.faults, exit=Exit.NO_ANSWER if made.unable else Exit.NO)
    return Outcome(
        diagnostics=imaged.warnings,
        text="".join(f"{path}\n" for path in made.images),
        data={
            "images": {str(path): file_digest(path) for path in made.images},
            "commands": [list(command.words) for command in made.commands],
        },
    )
