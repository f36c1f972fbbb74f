"""Every host file that an image needs, looked up as mkifs does; what is not there is told all at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.image.codes import HOST_FILE_MISSING
from hvbuild.image.sdp import Folder
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.model.image import EntryType, Image
from hvbuild.source import Origin, SourceFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A host name of the buildfile: what it fills, where that is said, and whether it may be missing."""

    name: str
    path: str
    optional: bool = False
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A host file with its place here and the name that records give it."""

    wanted: Wanted
    file: Path
    label: str


@dataclass(frozen=True, slots=True)
class HostFiles:
    """All host files of a buildfile: those found, and those that are not there."""

    found: tuple[Found, ...]
    missing: tuple[Wanted, ...]

    def diagnostics(self, folders: Sequence[Folder]) -> Iterator[Diagnostic]:
        """One diagnostic for each missing file that is not optional."""
        searched = ", ".join(dict.fromkeys(folder.name.split("/")[0] for folder in folders)) or "nowhere"
        for wanted in self.missing:
            if not wanted.optional:
                yield HOST_FILE_MISSING.at(
                    wanted.origin,
                    f"`{wanted.name}`, which becomes `{wanted.path}`, is not there",
                    "needed by this line",
                    notes=(f"looked in {searched}",),
                )


def host_files(buildfile: SourceFile, artifacts: Mapping[str, Path], folders: Sequence[Folder]) -> HostFiles:
    """The host files of `buildfile`, looked up among the build's own `artifacts`, then along `folders`.

    As mkifs does: an absolute name as it is, one with a `/` in the folder it runs in first, then the search
    path in order.
    """
    image = image_meaning(read_buildfile(buildfile.text, buildfile.path))
    found: list[Found] = []
    missing: list[Wanted] = []
    for wanted in _wanted(image):
        place = _located(wanted.name, artifacts, folders)
        if place is None:
            missing.append(wanted)
        else:
            found.append(Found(wanted=wanted, file=place[0], label=place[1]))
    return HostFiles(tuple(found), tuple(missing))


def _wanted(image: Image) -> Iterator[Wanted]:
    boot = image.boot
    if boot is not None:
        kind = boot.type.replace("/", ",").rpartition(",")[2].split(" ")[0]
        if kind:
            yield Wanted(name=f"{kind}.boot", path=f"boot type `{kind}`", origin=boot.origin)
        for program in boot.programs:
            yield Wanted(name=program.name, path=f"/proc/boot/{program.name}", origin=program.origin)
    for entry in image.entries:
        if entry.type is EntryType.FILE and entry.content is None and entry.source:
            yield Wanted(name=entry.source, path=entry.path, optional=entry.optional, origin=entry.origin)


def _located(name: str, artifacts: Mapping[str, Path], folders: Sequence[Folder]) -> tuple[Path, str] | None:
    if name in artifacts:
        return artifacts[name], name
    if name.startswith("/"):
        return (Path(name), name) if Path(name).exists() else None
    for folder in folders:
        path = folder.path / name
        if path.exists():
            return path, f"{folder.name}/{name}"
    return None
