"""Hand-kept files to a stack that says the same: read, set as text, proved in memory, written together."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from hvbuild.adopt.board import board_text
from hvbuild.adopt.codes import CARRIED, NOT_CARRIED
from hvbuild.adopt.stack import SCHEMA_FOLDER, AdoptedVm, guest_names, stack_text
from hvbuild.adopt.vdevs import is_carried
from hvbuild.adopt.yamltext import unwritable
from hvbuild.catalog import Catalog, shipped_catalog
from hvbuild.diagnostics import Diagnostic, Diagnostics, Severity
from hvbuild.difference import compare_vms
from hvbuild.formats.qvmconf import Document, read_qvmconf
from hvbuild.formats.qvmconf_codes import UNKNOWN_OPTION, UNKNOWN_VDEV_OPTION
from hvbuild.linting import QVMCONF, kind_of, read_source
from hvbuild.load.bind import bind_stack
from hvbuild.load.bind_board import bind_board
from hvbuild.load.files import Read, Unreadable, read_from_disk
from hvbuild.load.layers import BASE, FindBoard, board_file, load_layers
from hvbuild.load.references import reference_faults
from hvbuild.load.schema import shape_faults
from hvbuild.meaning.qvmconf import Reading, read_vm
from hvbuild.model.board import Board
from hvbuild.model.vm import VmConfig
from hvbuild.project import STACK_FILE, stack_place
from hvbuild.render.artifacts import render_plan
from hvbuild.render.environment import Templates
from hvbuild.resolve.planner import resolve
from hvbuild.shipped import shipped_file
from hvbuild.source import SourceFile
from hvbuild.store import locked, write_together
from hvbuild.values import dataclass


class CannotAdopt(Exception):  # noqa: N818 - named for what it says
    """The folder holds a stack already, or there is nothing to adopt; its text is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A stack that was written: its files, its guests, and what of the input is only carried along."""

    folder: Path
    written: tuple[str, ...]
    target: str
    guests: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]


def adopt(files: Sequence[Path], board: str, target: str | None, folder: Path) -> Adopted:
    """Write a stack into `folder` that means what `files` mean.

    Each qvmconf is one guest. StackInvalid with every fault where qvm would refuse a file, or where a stack
    could not say what it says; then nothing is written. CannotAdopt where there is a stack already. OSError
    where a file cannot be opened.
    """
    if (folder / STACK_FILE).exists():
        raise CannotAdopt(f"`{folder / STACK_FILE}` exists already")
    sources = [(kind_of(path, None), read_source(path)) for path in files]
    room = _Room(folder, board, target, [file for kind, file in sources if kind == QVMCONF])
    texts = room.texts()
    room.prove(texts)
    data = {name: text.encode() for name, text in texts.items()}
    for name in ("stack", "board"):
        schema = f"{name}.schema.json"
        data[f"{SCHEMA_FOLDER}/{schema}"] = shipped_file("schemas", schema).read_bytes()
    with locked(folder / SCHEMA_FOLDER):
        write_together(folder, data)
    return Adopted(
        folder=folder,
        written=tuple(texts),
        target=room.target,
        guests=tuple(each.name for each in room.vms),
        diagnostics=room.faults.ordered,
    )


class _Room:
    """Mutable: one adoption; `faults` holds what the user is told of it."""

    def __init__(self, folder: Path, board: str, target: str | None, files: Sequence[SourceFile]) -> None:
        self._catalog = shipped_catalog()
        self._stack = folder / STACK_FILE
        self._board = board
        self._files = files
        self.faults = Diagnostics()
        self._facts = _board_facts(self._stack, board)
        documents = [read_qvmconf(file, self._catalog) for file in files]
        self.target, readings = self._read(documents, target)
        self._report(documents, readings)
        named = [(reading.vm, Path(file.path).stem) for reading, file in zip(readings, files, strict=True)]
        self.vms = tuple(
            AdoptedVm(name=name, vm=reading.vm, document=document)
            for name, reading, document in zip(guest_names(named), readings, documents, strict=True)
        )
        for each in self.vms:
            self.faults.extend(_carried(each, self._catalog))

    # -- reading ---------------------------------------------------------------------------------------------

    def _read(self, documents: Sequence[Document], target: str | None) -> tuple[str, list[Reading]]:
        """The readings for the asked release; without one for the newest that has least against the files."""
        family = self._facts.architecture.family if self._facts is not None else None
        best: tuple[tuple[int, int], str, list[Reading]] | None = None
        for name in (target,) if target is not None else tuple(reversed(tuple(self._catalog.targets))):
            readings = [
                read_vm([document], self._catalog, target=name, architecture=family) for document in documents
            ]
            rank = _rank(readings)
            if best is None or rank < best[0]:
                best = (rank, name, readings)
        assert best is not None
        return best[1], best[2]

    def _report(self, documents: Sequence[Document], readings: Sequence[Reading]) -> None:
        """Hold the faults of the files; stop where qvm would refuse one or YAML cannot hold a word of it."""
        for reading in readings:
            self.faults.extend(_told(reading))
        for document in documents:
            self.faults.extend(_unwritable_words(document))
        self.faults.barrier("reading hand-kept files")

    # -- writing ---------------------------------------------------------------------------------------------

    def texts(self) -> dict[str, str]:
        """The files of the stack by name: itself, and its board where nobody has described that."""
        stack = stack_text(
            self.vms,
            board=self._board,
            facts=self._facts,
            target=self.target,
            catalog=self._catalog,
            origin=[Path(file.path).name for file in self._files],
        )
        if self._facts is not None:
            return {STACK_FILE: stack}
        vms = [each.vm for each in self.vms]
        return {
            STACK_FILE: stack,
            f"boards/{self._board}.yaml": board_text(self._board, vms, self._catalog, None),
        }

    def prove(self, texts: dict[str, str]) -> None:
        """Load, resolve and render `texts` in memory; StackInvalid where they do not mean the same."""
        proof = Diagnostics()
        proof.extend(self._proof(texts))
        proof.barrier("proving the stack")

    def _proof(self, texts: dict[str, str]) -> Iterator[Diagnostic]:
        read, find = _in_memory(self._stack.parent, texts)
        layers = load_layers(self._stack, read=read, find_board=find)
        faults = Diagnostics()
        faults.extend(layers.faults)
        if layers.stack is None or layers.board is None:
            yield from (self._not_carried(fault) for fault in faults)
            return
        faults.extend(shape_faults(layers.stack, "stack"))
        faults.extend(shape_faults(layers.board, "board"))
        if not faults.has_errors:
            place = stack_place(self._stack)
            stack = bind_stack(layers.stack, layers.board, place.name, BASE, faults)
            faults.extend(reference_faults(stack))
            if not faults.has_errors:
                plan = resolve(stack, self._catalog, faults)
                for each, planned in zip(self.vms, plan.guests, strict=True):
                    yield from _differences(each.vm, planned.vm, self._catalog)
                chain = self._catalog.target_chain(stack.target)
                templates = Templates(place.template_folders, stack.board.name, chain)
                faults.extend(render_plan(plan, templates, self._catalog).faults)
        yield from (self._not_carried(fault) for fault in faults if fault.severity is Severity.ERROR)

    def _not_carried(self, fault: Diagnostic) -> Diagnostic:
        """A fault of the stack's text, told at the file it came from."""
        place = fault.primary.span
        return NOT_CARRIED.at(
            self.vms[0].vm.origin if self.vms else None,
            f"a stack cannot say this: {fault.message}",
            notes=(f"in the stack it would be `{place.text}`",) if place.text else (),
        )


def _rank(readings: Sequence[Reading]) -> tuple[int, int]:
    told = [fault for reading in readings for fault in _told(reading)]
    errors = sum(fault.severity is Severity.ERROR for fault in told)
    return errors, len(told) - errors


def _told(reading: Reading) -> Iterator[Diagnostic]:
    """The faults of a reading, without those that say that something is not understood: it is carried."""
    carried = {row.origin.span.start for row in reading.vm.verbatim if row.origin.span is not None}
    for fault in reading.faults:
        unknown = fault.code == UNKNOWN_OPTION.code and fault.primary.span.start in carried
        if not unknown and fault.code != UNKNOWN_VDEV_OPTION.code:
            yield fault


def _carried(each: AdoptedVm, catalog: Catalog) -> Iterator[Diagnostic]:
    for row in each.vm.verbatim:
        text = " ".join(row.words)
        message = f"`{text}` is not understood: guest `{each.name}` carries it under `verbatim`"
        yield CARRIED.at(row.origin, message)
    for vdev in each.vm.vdevs:
        for option in vdev.options:
            if is_carried(vdev.type, option.key, catalog):
                text = " ".join((option.key, *option.values))
                message = f"`{text}` is no option of `{vdev.type}` known here: carried under `verbatim`"
                yield CARRIED.at(option.origin, message)


def _unwritable_words(document: Document) -> Iterator[Diagnostic]:
    for token in document.tokens:
        odd = unwritable(token.value)
        if odd:
            yield NOT_CARRIED.at(token.span, f"this word holds {odd}, which no stack can hold")


def _differences(source: VmConfig, planned: VmConfig, catalog: Catalog) -> Iterator[Diagnostic]:
    for change in compare_vms(source, planned, catalog):
        message = f"a stack would say otherwise: {change.text}"
        yield NOT_CARRIED.at(change.before_origin or source.origin, message)


# --- files that are not written yet -----------------------------------------------------------------------


def _board_facts(stack: Path, board: str) -> Board | None:
    """The board as a stack there would find it; None where nobody has described it."""
    if board_file(stack, board) is None:
        return None
    text = f"format: 1\nboard: {board}\ntarget: qnx-8.0\nguests: {{}}\n"
    read, _ = _in_memory(stack.parent, {STACK_FILE: text})
    layers = load_layers(stack, read=read)
    faults = Diagnostics()
    faults.extend(layers.faults)
    faults.barrier("reading the board")
    if layers.board is None:
        return None
    faults.extend(shape_faults(layers.board, "board"))
    faults.barrier("reading the board")
    return bind_board(layers.board, faults)


def _in_memory(folder: Path, texts: dict[str, str]) -> tuple[Read, FindBoard]:
    """How a stack in `folder` is loaded as if `texts` stood there already."""
    held = {folder / name: text.encode() for name, text in texts.items()}

    def read(path: Path) -> bytes | Unreadable:
        return held[path] if path in held else read_from_disk(path)

    def find(stack: Path, name: str) -> Path | None:
        own = folder / "boards" / f"{name}.yaml"
        return own if own in held else board_file(stack, name)

    return read, find
