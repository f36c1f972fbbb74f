"""Hand-kept files to a stack that says the same: read, set as text, proved in memory, written together."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hvbuild.adopt.board import board_text
from hvbuild.adopt.codes import LEFT_IN_BASE, NOT_STARTED
from hvbuild.adopt.host import BASE_FILE, HostFiles, Left, base_text, host_items, region_items
from hvbuild.adopt.names import fits
from hvbuild.adopt.proof import HostSource, board_facts, proof
from hvbuild.adopt.reading import carried_along, read_for, told, unwritable_words
from hvbuild.adopt.stack import SCHEMA_FOLDER, AdoptedVm, HostItems, guest_names, stack_text
from hvbuild.catalog import shipped_catalog
from hvbuild.diagnostics import Diagnostic, Diagnostics, Severity
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.qvmconf import Document, read_qvmconf
from hvbuild.linting import QVMCONF, kind_of, read_source
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.meaning.host_files import BUILDFILE, HostReading, read_host_files
from hvbuild.model.image import Image
from hvbuild.model.system import HostFacts
from hvbuild.project import STACK_FILE
from hvbuild.shipped import shipped_file
from hvbuild.source import SourceFile
from hvbuild.store import locked, write_together
from hvbuild.values import dataclass

Sources = Sequence[tuple[str, SourceFile]]


class CannotAdopt(Exception):  # noqa: N818 - named for what it says
    """The folder holds a stack already, or there is nothing to adopt; its text is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A stack that was written: its files, its guests, and what of the input is only carried along.

    `foreign` says that the host stayed somebody else's.
    """

    folder: Path
    written: tuple[str, ...]
    target: str
    guests: tuple[str, ...]
    foreign: bool
    diagnostics: tuple[Diagnostic, ...]


def adopt(files: Sequence[Path], board: str, target: str | None, folder: Path) -> Adopted:
    """Write a stack into `folder` that means what `files` mean.

    Each qvmconf is one guest, and so is each configuration that a buildfile holds inline. StackInvalid with
    every fault where qvm would refuse a file, or where a stack could not say what it says; then nothing is
    written. CannotAdopt where there is a stack already. OSError where a file cannot be opened.
    """
    if (folder / STACK_FILE).exists():
        raise CannotAdopt(f"`{folder / STACK_FILE}` exists already")
    if not fits(board):
        raise CannotAdopt(f"`{board}` cannot be the name of a board")
    room = _Room(folder, board, target, [(kind_of(path, None), read_source(path)) for path in files])
    draft = room.proved()
    data = {name: text.encode("utf-8", "surrogateescape") for name, text in draft.texts.items()}
    for name in ("stack", "board"):
        schema = f"{name}.schema.json"
        data[f"{SCHEMA_FOLDER}/{schema}"] = shipped_file("schemas", schema).read_bytes()
    with locked(folder / SCHEMA_FOLDER):
        write_together(folder, data)
    return Adopted(
        folder=folder,
        written=tuple(draft.texts),
        target=room.target,
        guests=tuple(each.name for each in room.vms),
        foreign=draft.source is None,
        diagnostics=(*room.faults.ordered, *draft.left),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """One way to write the stack: its files, what its host is proved against, what gets no key."""

    texts: Mapping[str, str]
    source: HostSource | None = None
    left: tuple[Diagnostic, ...] = ()


class _Room:
    """Mutable: one adoption; `faults` holds what the user is told of it."""

    def __init__(self, folder: Path, board: str, target: str | None, sources: Sources) -> None:
        self._catalog = shipped_catalog()
        self._stack = folder / STACK_FILE
        self._board = board
        self._sources = sources
        self.faults = Diagnostics()
        self._facts = board_facts(self._stack, board)
        self._host_file, image = _started_by(sources)
        named = [(file, Path(file.path).stem) for kind, file in sources if kind == QVMCONF]
        named += _inline(self._host_file, image, [file for file, _ in named])
        if not named:
            raise CannotAdopt("no configuration of a VM is among these files")
        self.target, self.vms = self._guests(named, target)
        self._files = self._host(image)

    # -- reading ---------------------------------------------------------------------------------------------

    def _guests(
        self, named: Sequence[tuple[SourceFile, str]], target: str | None
    ) -> tuple[str, tuple[AdoptedVm, ...]]:
        """The release and the guests; stops where qvm would refuse a file or YAML cannot hold a word."""
        family = self._facts.architecture.family if self._facts is not None else None
        documents: list[Document] = [read_qvmconf(file, self._catalog) for file, _ in named]
        release, readings = read_for(documents, self._catalog, target, family, self._host_errors)
        for document, reading in zip(documents, readings, strict=True):
            self.faults.extend(told(reading))
            self.faults.extend(unwritable_words(document))
        self.faults.barrier("reading hand-kept files")
        names = guest_names([(reading.vm, stem) for reading, (_, stem) in zip(readings, named, strict=True)])
        vms = tuple(
            AdoptedVm(name=name, vm=reading.vm, document=document)
            for name, reading, document in zip(names, readings, documents, strict=True)
        )
        for each in vms:
            self.faults.extend(carried_along(each, self._catalog))
        return release, vms

    def _host(self, image: Image | None) -> HostFiles:
        """What the host's own files say; whether they are good files is not asked, they stay as they are."""
        systems = self._configs(image)
        reading = read_host_files(self._sources, self._catalog, target=self.target, systems=systems)
        self.faults.extend(self._unused(reading))
        document = read_buildfile(self._host_file.text, self._host_file.path) if self._host_file else None
        return HostFiles(document=document, image=image, facts=reading.host or HostFacts(), systems=systems)

    def _host_errors(self, target: str) -> int:
        faults = read_host_files(self._sources, self._catalog, target=target).faults
        return sum(fault.severity is Severity.ERROR for fault in faults)

    def _configs(self, image: Image | None) -> dict[str, str]:
        """Path of a VM's configuration in the image → the guest it is, by the file's name."""
        names = {Path(each.document.file.path).name: each.name for each in self.vms if each.document}
        launches = image.launches if image is not None else ()
        return {
            path: names[Path(path).name]
            for launch in launches
            for path in launch.configs
            if Path(path).name in names
        }

    def _unused(self, reading: HostReading) -> Iterator[Diagnostic]:
        for linted in reading.images:
            if self._host_file is None or linted.document.file.path != self._host_file.path:
                yield LEFT_IN_BASE.at(linted.image.origin, "this image starts no guest: it is left alone")

    # -- writing ---------------------------------------------------------------------------------------------

    def proved(self) -> _Draft:
        """The fullest draft that means what the files mean; StackInvalid where none does."""
        reasons: list[Diagnostic] = []
        for draft in self._drafts():
            against = list(proof(self._stack, draft.texts, self.vms, self._catalog, draft.source))
            if not against:
                self.faults.extend(_given_up(draft, reasons))
                return draft
            reasons = reasons or against
        last = Diagnostics()
        last.extend(against)
        last.barrier("proving the stack")
        raise AssertionError("a draft with nothing against it was passed over")

    def _drafts(self) -> Iterator[_Draft]:
        """Ways to write the stack: with the host and all it starts, with less of it, with a foreign host."""
        image = self._files.image
        if image is not None and self._host_file is not None:
            for services in (True, False):
                items, left = host_items(self._files, self.vms, self._facts, services=services)
                base = base_text(self._files)
                yield _Draft(
                    texts={**self._texts(items), BASE_FILE: base},
                    source=HostSource(
                        image=image,
                        base=SourceFile(BASE_FILE, base),
                        configs=frozenset(self._files.systems),
                    ),
                    left=(*self._left(left), *self._not_started()),
                )
        yield _Draft(texts=self._texts(None))

    def _texts(self, host: HostItems | None) -> dict[str, str]:
        stack = stack_text(
            self.vms,
            board=self._board,
            facts=self._facts,
            target=self.target,
            catalog=self._catalog,
            origin=[Path(file.path).name for _, file in self._sources],
            host=host or HostItems(memory=region_items(self._files.facts)),
            foreign=host is None,
        )
        if self._facts is not None:
            return {STACK_FILE: stack}
        vms = [each.vm for each in self.vms]
        board = board_text(self._board, vms, self._catalog, self._files.facts, self._files.image)
        return {STACK_FILE: stack, f"boards/{self._board}.yaml": board}

    def _left(self, left: Sequence[Left]) -> Iterator[Diagnostic]:
        for part in left:
            yield LEFT_IN_BASE.at(part.origin, f"{part.what} stays in `{BASE_FILE}`: no key says it")

    def _not_started(self) -> Iterator[Diagnostic]:
        for each in self.vms:
            if self._files.launch_of(each.name) is None:
                yield NOT_STARTED.at(
                    each.vm.origin, f"nothing in the host's files starts guest `{each.name}`: the stack will"
                )


def _started_by(sources: Sources) -> tuple[SourceFile | None, Image | None]:
    """The buildfile of the host: the first whose image starts a guest."""
    for kind, file in sources:
        if kind == BUILDFILE:
            image = image_meaning(read_buildfile(file.text, file.path))
            if image.launches:
                return file, image
    return None, None


def _inline(
    buildfile: SourceFile | None, image: Image | None, given: Sequence[SourceFile]
) -> list[tuple[SourceFile, str]]:
    """Configurations that the image holds inline and starts, and that were not given as files."""
    if buildfile is None or image is None:
        return []
    known = {Path(file.path).name for file in given}
    paths = dict.fromkeys(path for launch in image.launches for path in launch.configs)
    found = []
    for path in paths:
        entry = image.entry(path)
        if entry is not None and entry.content is not None and Path(path).name not in known:
            found.append((SourceFile(f"{buildfile.path}:{path}", entry.content), Path(path).stem))
    return found


def _given_up(draft: _Draft, reasons: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """Why a fuller way to write the stack was not taken."""
    for reason in reasons:
        kept = "stays foreign" if draft.source is None else "keeps what it starts to itself"
        yield LEFT_IN_BASE.at(reason.primary.span, f"the host {kept}: {reason.message}", notes=reason.notes)
