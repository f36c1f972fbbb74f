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
from hvbuild.store import NAMES_IN, digest, file_digest
from hvbuild.verdicts import NamedDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A host name of the buildfile: what it fills, where that is said, and whether it may be missing."""

    name: str
    path: str
    optional: bool = False
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A host file with its place here and the name that records give it.

    `is_artifact` says that the build itself wrote it.
    """

    wanted: Wanted
    file: Path
    label: str
    is_artifact: bool = False

    @property
    def facts(self) -> tuple[int, str]:
        """Its size and sha256; of a folder, of all files in it and of the list `sha256sum` makes of them."""
        if self.file.is_file():
            return self.file.stat().st_size, file_digest(self.file) or ""
        files = [path for path in sorted(self.file.rglob("*")) if path.is_file()]
        rows = [f"{file_digest(path)}  {path.relative_to(self.file).as_posix()}\n" for path in files]
        return sum(path.stat().st_size for path in files), digest("".join(rows).encode())


@dataclass(frozen=True, slots=True)
class HostFiles:
    """All host files of a buildfile: those found, and those that are not there."""

    found: tuple[Found, ...]
    missing: tuple[Wanted, ...]

    def inputs(self, folders: Sequence[Folder]) -> Iterator[NamedDigest]:
        """Every file that went in, and every place before it where it was looked for and not found.

        Should one appear there, mkifs would take it instead.
        """
        there = [folder for folder in folders if folder.path.is_dir()]
        yield from (NamedDigest(f.path.as_posix(), None) for f in folders if not f.path.is_dir())
        for item in self.found:
            if not item.is_artifact:
                yield from _earlier(item.wanted.name, item.file, there)
                yield from (NamedDigest(name, file_digest(Path(name))) for name in _parts(item.file))
        for wanted in self.missing:
            yield from _earlier(wanted.name, None, there)

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
            own = wanted.name in artifacts
            found.append(Found(wanted=wanted, file=place[0], label=place[1], is_artifact=own))
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


def _earlier(name: str, taken: Path | None, folders: Sequence[Folder]) -> Iterator[NamedDigest]:
    """The places along `folders` where `name` is not, up to the one it was taken from."""
    for folder in folders if not name.startswith("/") else ():
        path = folder.path / name
        if path == taken:
            return
        yield NamedDigest(path.as_posix(), None)


def _parts(file: Path) -> Iterator[str]:
    """What of a host file decides an image: its bytes, or the names in a folder and all below it."""
    if not file.is_dir():
        yield file.as_posix()
        return
    yield f"{file.as_posix()}{NAMES_IN}"
    for path in sorted(file.iterdir()):
        yield from _parts(path)
