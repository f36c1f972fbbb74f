"""Host files of an image that lie in the project: what goes into an image is an input like what it says."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hvbuild.model.plan import Plan
from hvbuild.verdicts import NamedDigest


def host_sources(plan: Plan, folders: Sequence[Path]) -> Iterator[NamedDigest]:
    """The files that `plan` names for its host image, as they lie in `folders`, with their digests.

    A file declared under `host.files` that is not there is told, too: it would count if it appeared.
    """
    if plan.host is None:
        return
    declared = [file.source for file in plan.stack.host.files if file.source]
    named = [entry.source for entry in plan.host.entries if entry.source and entry.content is None]
    found = {item.name: item for item in project_files(named, folders)}
    yield from found.values()
    for name in declared:
        places = [(folder / name).as_posix() for folder in folders]
        if not any((folder / name).exists() for folder in folders):
            yield from (NamedDigest(place, None) for place in dict.fromkeys(places))


def project_files(names: Iterable[str], folders: Sequence[Path]) -> Iterator[NamedDigest]:
    """Each of `names` in the first of `folders` that has it; of a folder, every file below it."""
    for name in dict.fromkeys(names):
        path = next((place for folder in folders if (place := folder / name).exists()), None)
        if path is None:
            continue
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file():
                yield NamedDigest(file.as_posix(), _digest(file))


def project_file(name: str, folders: Sequence[Path]) -> tuple[int, str] | None:
    """Size and sha256 of the file that `name` is in the first of `folders` that has it, or None."""
    path = next((place for folder in folders if (place := folder / name).exists()), None)
    found = _digest(path) if path is not None else None
    return (path.stat().st_size, found) if path is not None and found is not None else None


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
