"""What a build did, for people and programs."""

from hvbuild.building import Built
from hvbuild.diagnostics import StackInvalid
from hvbuild.report.outcome import Outcome
from hvbuild.store import edited_copy


def built_outcome(built: Built) -> Outcome:
    """What was written and what was kept of hand edits; warnings of all stages beside it."""
    lines = [f"{built.folder / name}" for name in built.changed] or [f"{built.folder}: nothing to write"]
    for name in built.edited:
        kept = edited_copy(built.folder, name)
        lines.append(f"{built.folder / name} had been edited by hand: kept as {kept}")
        lines.extend(f"  {line}" for line in _edit(built, name).splitlines())
    return Outcome(
        diagnostics=built.diagnostics,
        text="\n".join(lines) + "\n",
        data={
            "folder": str(built.folder),
            "artifacts": dict(built.draft.artifacts),
            "written": list(built.changed),
            "edited": list(built.edited),
        },
    )


def _edit(built: Built, name: str) -> str:
    """What the hand edit had changed, by meaning: from the file as built to the copy that was kept."""
    from hvbuild.comparing import artifact_changes  # noqa: PLC0415 - needed for an edit only
    from hvbuild.report.difference import difference_text  # noqa: PLC0415

    written = next((item.data for item in built.draft.rendering.artifacts if item.name == name), None)
    if written is None:
        return "no longer made by this stack"
    try:
        found = artifact_changes(name, written, edited_copy(built.folder, name).read_bytes())
    except StackInvalid as fault:
        return "".join(f"{each.primary.span}: {each.message}\n" for each in fault.diagnostics)
    if found is None:
        return "a file without a meaning of its own: compare the two"
    return "the same by meaning" if found.same else difference_text(found)
