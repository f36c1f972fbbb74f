"""What `deploy` answers, for people and programs."""

from hvbuild.deploying import Deployed, difference_diagnostics
from hvbuild.report.exits import Exit
from hvbuild.report.outcome import Outcome


def deployed_outcome(found: Deployed, *, only_checked: bool) -> Outcome:
    """What was written where; for a check, what differs: exit 1 then, and where nothing may be written."""
    differing = tuple(difference_diagnostics(found)) if only_checked else ()
    lines = [f"{found.tree / name}" for name in found.written]
    lines += [
        f"{item.path}: changes made in the tree stay in it"
        for item in found.deliveries
        if item.kept and not found.diagnostics
    ]
    if not lines and not differing and not found.diagnostics:
        lines = [f"{found.tree}: nothing to write"]
    return Outcome(
        diagnostics=(*found.diagnostics, *differing),
        text="".join(f"{line}\n" for line in lines),
        data={
            "tree": str(found.tree),
            "written": list(found.written),
            "files": {
                item.deployment.path: {
                    "artifact": item.deployment.artifact,
                    "differs": item.differs,
                    "kept": item.kept,
                    "changes": list(item.changes),
                }
                for item in found.deliveries
            },
        },
        exit=Exit.NO if differing or found.diagnostics else Exit.YES,
    )
