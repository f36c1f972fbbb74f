"""What a build did, for people and programs."""

from hvbuild.building import Built
from hvbuild.report.outcome import Outcome
from hvbuild.store import edited_copy


def built_outcome(built: Built) -> Outcome:
    """What was written and what was kept of hand edits; warnings of all stages beside it."""
    lines = [f"{built.folder / name}" for name in built.changed] or [f"{built.folder}: nothing to write"]
    for name in built.edited:
        lines.append(
            f"{built.folder / name} had been edited by hand: kept as {edited_copy(built.folder, name)}"
        )
    return Outcome(
        diagnostics=built.diagnostics,
        text="\n".join(lines) + "\n",
        data={
            "folder": str(built.folder),
            "artifacts": dict(built.artifacts),
            "written": list(built.changed),
            "edited": list(built.edited),
        },
    )
