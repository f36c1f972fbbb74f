"""The proof of an adoption: the stack's text, loaded and rendered in memory, must say what the files say."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hvbuild.adopt.codes import NOT_CARRIED
from hvbuild.adopt.stack import AdoptedVm
from hvbuild.catalog import Catalog
from hvbuild.compare.difference import ChangeKind, changes_of, compare_vms, reordered
from hvbuild.compare.image import image_steps, image_things
from hvbuild.diagnostics import Diagnostic, Diagnostics, Severity
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.load.bind import bind_stack
from hvbuild.load.bind_board import bind_board
from hvbuild.load.files import Read, Unreadable, read_from_disk
from hvbuild.load.layers import BASE, FindBoard, Layers, board_file, load_layers
from hvbuild.load.references import reference_faults
from hvbuild.load.schema import shape_faults
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.model.board import Board
from hvbuild.model.image import Image
from hvbuild.model.plan import Plan
from hvbuild.project import STACK_FILE, stack_place
from hvbuild.render.artifacts import Rendering, render_plan
from hvbuild.render.environment import Templates
from hvbuild.resolve.imagesteps import BUILDFILE
from hvbuild.resolve.planner import resolve
from hvbuild.source import Origin, SourceFile
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSource:
    """The image that a host's own buildfile says, and the paths in it that the stack's guests fill."""

    image: Image
    base: SourceFile
    configs: frozenset[str]


def board_facts(stack: Path, board: str) -> Board | None:
    """The board as the stack file `stack` would find it; None where nobody has described it.

    StackInvalid with the faults of a board file that cannot be read.
    """
    if board_file(stack, board) is None:
        return None
    text = f"format: 1\nboard: {board}\ntarget: qnx-8.0\nguests: {{}}\n"
    layers = _layers(stack, {STACK_FILE: text})
    faults = Diagnostics()
    faults.extend(layers.faults)
    if layers.board is not None:
        faults.extend(shape_faults(layers.board, "board"))
    faults.barrier("reading the board")
    return bind_board(layers.board, faults) if layers.board is not None else None


def proof(
    stack: Path, texts: Mapping[str, str], vms: Sequence[AdoptedVm], catalog: Catalog, host: HostSource | None
) -> Iterator[Diagnostic]:
    """What the stack file `stack`, if `texts` stood beside it, would not say as the hand-kept files do."""
    layers = _layers(stack, texts)
    faults = Diagnostics()
    faults.extend(layers.faults)
    place = vms[0].vm.origin
    plan = _planned(stack, layers, catalog, faults)
    if plan is None:
        yield from (_as_carried(fault, place) for fault in faults if fault.severity is Severity.ERROR)
        return
    for each, guest in zip(vms, plan.guests, strict=True):
        for change in compare_vms(each.vm, guest.vm, catalog):
            message = f"a stack would say otherwise: {change.text}"
            yield NOT_CARRIED.at(change.before_origin or each.vm.origin, message)
    chain = catalog.target_chain(plan.stack.target)
    templates = Templates(stack_place(stack).template_folders, plan.stack.board.name, chain)
    made = render_plan(plan, templates, catalog, host.base if host is not None else None)
    found = [fault for fault in made.faults if fault.severity is Severity.ERROR]
    yield from (_as_carried(fault, place) for fault in found)
    if host is not None and not found:
        yield from _host_differences(host, made, place)


def _planned(stack: Path, layers: Layers, catalog: Catalog, faults: Diagnostics) -> Plan | None:
    """The plan, or None where the text has faults."""
    if layers.stack is None or layers.board is None:
        return None
    faults.extend(shape_faults(layers.stack, "stack"))
    faults.extend(shape_faults(layers.board, "board"))
    if faults.has_errors:
        return None
    declared = bind_stack(layers.stack, layers.board, stack_place(stack).name, BASE, faults)
    faults.extend(reference_faults(declared))
    if faults.has_errors:
        return None
    plan = resolve(declared, catalog, faults)
    return None if faults.has_errors else plan


def _host_differences(host: HostSource, made: Rendering, place: Origin) -> Iterator[Diagnostic]:
    """What the rendered buildfile does otherwise than the host's own; that it adds something is its task."""
    text = next((item.data.decode() for item in made.artifacts if item.name == BUILDFILE), None)
    if text is None:
        yield NOT_CARRIED.at(place, "the board says too little to make a host image from: it has no startup")
        return
    image = image_meaning(read_buildfile(text, BUILDFILE))
    filled = {f"image file `{path}`" for path in host.configs}
    changes = (
        *changes_of(image_things(host.image), image_things(image)),
        *reordered("start-up steps", image_steps(host.image), image_steps(image)),
    )
    for change in changes:
        if change.kind is not ChangeKind.ADDED and change.subject not in filled:
            yield NOT_CARRIED.at(change.before_origin or place, f"the host would change: {change.text}")


def _as_carried(fault: Diagnostic, place: Origin) -> Diagnostic:
    """A fault of the stack's text, told at the file it came from."""
    written = fault.primary.span.text.partition("\n")[0]
    notes = (f"in what would be written it is `{written}`",) if written else ()
    return NOT_CARRIED.at(place, f"a stack cannot say this: {fault.message}", notes=notes)


def _layers(stack: Path, texts: Mapping[str, str]) -> Layers:
    """The stack's layers as if `texts` stood beside it already."""
    read, find = _in_memory(stack.parent, texts)
    return load_layers(stack, read=read, find_board=find)


def _in_memory(folder: Path, texts: Mapping[str, str]) -> tuple[Read, FindBoard]:
    held = {folder / name: text.encode() for name, text in texts.items()}

    def read(path: Path) -> bytes | Unreadable:
        return held[path] if path in held else read_from_disk(path)

    def find(stack: Path, name: str) -> Path | None:
        own = folder / "boards" / f"{name}.yaml"
        return own if own in held else board_file(stack, name)

    return read, find
