"""The images of one build folder: all of them or none, with a record of how they were made."""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hvbuild.checking import Checked
from hvbuild.diagnostics import Diagnostic
from hvbuild.image.check import image_faults
from hvbuild.image.codes import IMAGE_TOO_LARGE, SDP_MISSING
from hvbuild.image.missing import HostFiles, host_files
from hvbuild.image.record import RECORD, Making, contents, image_name, image_record
from hvbuild.image.running import Command, failure, run_tool, tool_environment
from hvbuild.image.sbom import SBOM, has_sbom, image_sbom
from hvbuild.image.sdp import Folder, Sdp, Tool, find_sdp, mkifs_path, processor, search_path
from hvbuild.model.evidence import SizeLimit
from hvbuild.resolve.imagesteps import (
    BUILDFILE,
    IMAGE_FOLDER,
    ImageStep,
    host_image,
    image_steps,
    size_limits,
)
from hvbuild.source import NOWHERE, SourceFile
from hvbuild.store import locked
from hvbuild.verdicts import NamedDigest

_WORK = ".hvbuild-image"
_LISTER = "dumpifs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of it: the images' paths, or what is missing (`unable`), or what went wrong.

    `inputs` are all files of this machine that decided the images; empty where that is not known.
    """

    images: tuple[Path, ...] = ()
    inputs: tuple[NamedDigest, ...] = ()
    commands: tuple[Command, ...] = ()
    faults: tuple[Diagnostic, ...] = ()
    unable: bool = False


def make_images(
    checked: Checked,
    artifacts: Mapping[str, bytes],
    folder: Path,
    environment: Mapping[str, str],
    *,
    certificate: str = "",
) -> Made:
    """Make every image of `artifacts` in `folder`/image; without `certificate` they are marked so.

    Nothing is left behind when a tool fails or the result is not what was asked for.
    """
    with workshop(folder) as work:
        _lay_out(work, artifacts)
        run = _Run(checked, artifacts, folder, work, environment)
        made = run.go(certificate)
        if made.faults:
            return made
        images = _placed(work, folder, marked=not certificate)
        return Made(images=images, inputs=made.inputs, commands=made.commands)


@contextmanager
def workshop(folder: Path) -> Iterator[Path]:
    """An empty folder to make images in, gone afterwards; `folder` is locked and its old images removed."""
    with locked(folder):
        shutil.rmtree(folder / IMAGE_FOLDER, ignore_errors=True)
        work = folder / _WORK
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _lay_out(work: Path, artifacts: Mapping[str, bytes]) -> None:
    (work / IMAGE_FOLDER).mkdir()
    for name, data in artifacts.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _placed(work: Path, folder: Path, *, marked: bool) -> tuple[Path, ...]:
    """Move the finished images to their place by one rename; an engineering image says so in its name."""
    made = work / IMAGE_FOLDER
    names = []
    for path in sorted(made.iterdir()):
        if path.name not in (RECORD, SBOM):
            names.append(image_name(path.name, marked=marked))
            path.rename(made / names[-1])
    made.rename(folder / IMAGE_FOLDER)
    return tuple(folder / IMAGE_FOLDER / name for name in names)


def beyond_limits(name: str, path: Path, limits: Iterable[SizeLimit]) -> Iterator[Diagnostic]:
    """The limits that the finished image `name` at `path` goes beyond."""
    size = path.stat().st_size
    for limit in limits:
        if excess := limit.excess(size):
            yield IMAGE_TOO_LARGE.at(limit.origin, f"`{name}` has {excess}")


class _Run:
    """Mutable: one making of images in a folder of its own."""

    def __init__(
        self,
        checked: Checked,
        artifacts: Mapping[str, bytes],
        folder: Path,
        work: Path,
        environment: Mapping[str, str],
    ) -> None:
        self._checked = checked
        self._stack = checked.plan.stack
        self._artifacts = artifacts
        self._folder = folder
        self._work = work
        self._environment = environment
        self._sdp: Sdp = find_sdp(environment)
        self._buildfile = self._artifact(BUILDFILE)
        self._steps = tuple(image_steps(self._stack))
        host = checked.plan.host
        self._kind = processor(host.virtual) if host is not None else ""
        place = checked.place
        self._folders: tuple[Folder, ...] = search_path(
            self._sdp, environment, self._kind, (place.folder, place.root)
        )
        self._commands: list[Command] = []

    def go(self, certificate: str) -> Made:
        """Run every step; the first fault ends it."""
        names = {name: self._work / name for name in self._artifacts}
        files = host_files(self._buildfile, names, self._folders)
        missing = tuple(self._missing(files))
        if missing:
            return Made(faults=missing, unable=True)
        tools = {name: tool for name in self._tools() if (tool := self._sdp.tool(name)) is not None}
        surroundings = tool_environment(
            self._environment, mkifs_path(self._folders), self._kind, self._sdp.host
        )
        for step in self._steps:
            fault = self._step(step, tools[step.tool], surroundings)
            if fault is not None:
                return Made(faults=(fault,), commands=tuple(self._commands))
        faults = tuple(self._result_faults(files, tools[_LISTER], surroundings))
        if faults:
            return Made(faults=faults, commands=tuple(self._commands))
        self._write_record(files, tools, certificate)
        inputs = (*self._sdp.inputs(tools.values()), *files.inputs(self._folders))
        return Made(inputs=inputs, commands=tuple(self._commands))

    def _tools(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*(step.tool for step in self._steps), _LISTER]))

    def _missing(self, files: HostFiles) -> Iterator[Diagnostic]:
        """Everything that is not there, in one go."""
        parts = [] if self._sdp.target is not None else ["`QNX_TARGET` names no folder"]
        parts += [f"no `{name}`" for name in self._tools() if self._sdp.tool(name) is None]
        if self._sdp.target is None:
            needed = [item.name for item in files.missing if not item.optional]
            notes = [f"host files still to be found: {', '.join(dict.fromkeys(needed))}"] if needed else []
        else:
            notes = []
        if parts:
            yield SDP_MISSING.at(
                NOWHERE,
                f"the image needs a QNX SDP: {', '.join(parts)}",
                notes=notes,
                helps=(
                    "set up the SDP's environment (`qnxsdp-env.sh`), or give a machine that has one the file"
                    " that `hvbuild bundle` makes",
                ),
            )
        if self._sdp.target is not None:
            yield from files.diagnostics(self._folders)

    def _step(self, step: ImageStep, tool: Tool, surroundings: Mapping[str, str]) -> Diagnostic | None:
        command = run_tool(tool, step.arguments, self._work, surroundings)
        self._commands.append(command)
        if command.status == 0 and (self._work / step.output).is_file():
            return None
        return failure(command, step.output, self._source(step))

    def _source(self, step: ImageStep) -> SourceFile:
        """What a step reads, for the lines that its messages name."""
        return self._artifact(next((word for word in step.arguments if word in self._artifacts), BUILDFILE))

    def _artifact(self, name: str) -> SourceFile:
        text = self._artifacts[name].decode("utf-8", "surrogateescape")
        return SourceFile((self._folder / name).as_posix(), text)

    def _result_faults(
        self, files: HostFiles, lister: Tool, surroundings: Mapping[str, str]
    ) -> Iterator[Diagnostic]:
        image = host_image(self._stack)
        for name, limit in size_limits(self._stack):
            yield from beyond_limits(name, self._work / name, (limit,))
        command = run_tool(lister, (image,), self._work, surroundings)
        self._commands.append(command)
        if command.status != 0:
            yield failure(command, image, self._buildfile)
            return
        yield from image_faults(self._buildfile, command.message, self._sizes(files))

    def _sizes(self, files: HostFiles) -> dict[str, int]:
        """Sizes of the build's own files, which go into the image unchanged."""
        return {
            item.wanted.path: len(self._artifacts[item.wanted.name])
            for item in files.found
            if item.wanted.name in self._artifacts
        }

    def _write_record(self, files: HostFiles, tools: Mapping[str, Tool], certificate: str) -> None:
        making = Making(
            stack=self._stack,
            certificate=certificate,
            release=self._sdp.release,
            tools=tuple(tools[name] for name in self._tools()),
            commands=tuple(command.words for command in self._commands),
        )
        images = [
            (image_name(path.name, marked=not certificate), path)
            for path in sorted((self._work / IMAGE_FOLDER).iterdir())
        ]
        search = (folder.name for folder in self._folders if folder.path.is_dir())
        inside = contents(files, search, json.loads(self._artifacts["manifest.json"]))
        record = image_record(making, images, inside)
        (self._work / IMAGE_FOLDER / RECORD).write_bytes(record)
        if has_sbom():
            epoch = int(self._environment.get("SOURCE_DATE_EPOCH") or 0)
            (self._work / IMAGE_FOLDER / SBOM).write_bytes(image_sbom(record, epoch))
