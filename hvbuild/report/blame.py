"""Which input lines made a line of an artifact, from the manifest of its build folder."""

from pathlib import Path
from typing import Any

from hvbuild.manifest import read_manifest
from hvbuild.report.outcome import CannotAnswer, Outcome
from hvbuild.store import file_digest


def blamed(file: Path, line: int) -> Outcome:
    """The places and decisions behind `line` of the artifact `file`.

    CannotAnswer when the file is no artifact of a build folder, was changed since, or has no such line.
    """
    folder, name, manifest = _manifest_of(file)
    text = file.read_text(encoding="utf-8", errors="replace").splitlines()
    if line > len(text):
        raise CannotAnswer(f"`{file}` has {len(text)} lines")
    if manifest["artifacts"][name]["sha256"] != file_digest(file):
        raise CannotAnswer(f"`{file}` was changed after it was written to `{folder}`")
    places = manifest["lines"].get(name, {}).get(str(line), [])
    decisions = [row for row in manifest["decisions"] if row["place"] in places]
    shown = [f"{file}:{line}: {text[line - 1].strip()}", ""]
    shown += [f"  {'set by' if at == 0 else 'also'} {place}" for at, place in enumerate(places)]
    shown += [f"  {row['route']} = {row['value']}: {row['reason']}" for row in decisions]
    if not places:
        shown.append("  from the template, or there for every system: nothing in the stack says it")
    return Outcome(
        text="\n".join(shown) + "\n",
        data={"format": "hvbuild-blame/1", "line": line, "places": places, "decisions": decisions},
    )


def _manifest_of(file: Path) -> tuple[Path, str, dict[str, Any]]:
    with file.open("rb"):
        whole = file.resolve()
    for folder in whole.parents:
        manifest = read_manifest(folder)
        if manifest is not None:
            name = whole.relative_to(folder).as_posix()
            if name not in manifest["artifacts"]:
                raise CannotAnswer(f"`{file}` is no artifact of the build in `{folder}`")
            return folder, name, dict(manifest)
    raise CannotAnswer(f"`{file}` does not lie in a build folder")
