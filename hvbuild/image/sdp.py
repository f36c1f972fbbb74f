"""Where the SDP and its tools are, and along which folders mkifs looks for host files."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hvbuild.store import file_digest
from hvbuild.verdicts import NamedDigest

# Default folders below `${QNX_TARGET}/${PROCESSOR}` (mkifs reference, MKIFS_PATH; libexec since SDP 8).
FOLDERS = (
    "sbin",
    "usr/sbin",
    "boot/sys",
    "bin",
    "usr/bin",
    "usr/libexec",
    "lib",
    "lib/dll",
    "usr/lib",
)
STAGING = "HVBUILD_STAGING"
_VERSION_HEADER = "usr/include/sys/neutrino.h"
_RELEASE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+_NTO_VERSION[ \t]+([0-9]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the search path, and how records name it on any machine."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool of the SDP: its path here and its digest."""

    name: str
    path: Path
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdp:
    """An SDP that the environment names; `target` None where QNX_TARGET is unset or no folder."""

    target: Path | None
    host: Path | None
    path: str

    @property
    def release(self) -> str:
        """The number of `_NTO_VERSION` in its headers, such as 710 or 800; empty where not known."""
        if self.target is None:
            return ""
        header = self.target / _VERSION_HEADER
        text = header.read_text(encoding="utf-8", errors="replace") if header.is_file() else ""
        match = _RELEASE.search(text)
        return match[1] if match else ""

    def inputs(self, tools: Iterable[Tool]) -> Iterator[NamedDigest]:
        """The files of the SDP that decide an image besides its host files, with their digests."""
        if self.target is not None:
            header = self.target / _VERSION_HEADER
            yield NamedDigest(header.as_posix(), file_digest(header))
        for tool in tools:
            own = self.host / "usr/bin" / tool.name if self.host is not None else tool.path
            if own != tool.path:
                yield NamedDigest(own.as_posix(), file_digest(own))
            yield NamedDigest(tool.path.as_posix(), tool.digest)

    def tool(self, name: str) -> Tool | None:
        """The tool called `name`: in the SDP's own folder, else on PATH; None where there is none."""
        own = self.host / "usr/bin" / name if self.host is not None else None
        found = own if own is not None and os.access(own, os.X_OK) and own.is_file() else None
        if found is None:
            known = shutil.which(name, path=self.path)
            found = Path(known) if known is not None else None
        if found is None:
            return None
        return Tool(name=name, path=found.absolute(), digest=file_digest(found) or "")


def find_sdp(environment: Mapping[str, str]) -> Sdp:
    """The SDP of QNX_TARGET and QNX_HOST."""

    def folder(name: str) -> Path | None:
        path = Path(environment[name]) if environment.get(name) else None
        return path.absolute() if path is not None and path.is_dir() else None

    return Sdp(target=folder("QNX_TARGET"), host=folder("QNX_HOST"), path=environment.get("PATH", ""))


def processor(virtual: str) -> str:
    """The folder of the SDP that a boot type such as `aarch64le,raw` takes its files from."""
    return virtual.replace("/", ",").split(",")[0].strip()


def search_path(
    sdp: Sdp, environment: Mapping[str, str], kind: str, project: Sequence[Path]
) -> tuple[Folder, ...]:
    """The folders looked through for host names, in order: staging folders, the SDP, the project.

    `$HVBUILD_STAGING` names staging folders, separated as in PATH. Each may be laid out as an SDP
    (`aarch64le/sbin`, …), as a target (`sbin`, …), or flat.
    """
    staged = [Path(word) for word in environment.get(STAGING, "").split(os.pathsep) if word]
    folders: list[Folder] = []
    for number, root in enumerate(staged):
        label = f"${STAGING}" if len(staged) == 1 else f"${STAGING}[{number}]"
        folders += [Folder(root.absolute() / kind / part, f"{label}/{kind}/{part}") for part in FOLDERS]
        folders += [Folder(root.absolute() / part, f"{label}/{part}") for part in FOLDERS]
        folders.append(Folder(root.absolute(), label))
    if sdp.target is not None:
        folders += [Folder(sdp.target / kind / part, f"$QNX_TARGET/{kind}/{part}") for part in FOLDERS]
    folders += [Folder(path.absolute(), f"project{number or ''}") for number, path in enumerate(project)]
    return tuple(folders)


def mkifs_path(folders: Sequence[Folder]) -> str:
    """The value of MKIFS_PATH that makes mkifs look where we do; folders that are not there are left out."""
    return ":".join(str(folder.path) for folder in folders if folder.path.is_dir())
