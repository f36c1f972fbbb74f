"""The layers of one stack and variant: which files, in which order, merged into two trees: stack and board.

The plain stack is the variant `base`; `a+b` composes two in that order; what a variant `extends` comes before
it, each once. A board is found by name: first in `boards/` or `stacks/boards/` beside the stack or above it,
then among the shipped ones. `board_overrides` of stack and variants are laid over the board by the
same rules. `V@BOARD`, `V@TARGET` and `V@BOARD@TARGET` are the variant V on another board or for another
release; a word after `@` that is a release means that.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from hvbuild.diagnostics import Diagnostic, Label, error_code
from hvbuild.load.fileformat import format_fault
from hvbuild.load.files import UNREADABLE, Files, Input, Memory, Read, Unreadable, read_from_disk
from hvbuild.load.include import expand
from hvbuild.load.overlay import layered
from hvbuild.load.parsecache import ParseCache
from hvbuild.load.tree import Entry, Kind, Mapping, Scalar, Sequence, heading_at
from hvbuild.load.yamltree import Reading
from hvbuild.nearest import did_you_mean
from hvbuild.shipped import shipped_folder
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

BASE = "base"
_SOURCE = "hvbuild's contract, places of stacks, variants and boards"
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_RELEASE = "qnx-"
# What a variant says of itself and not of the stack.
_OF_THE_VARIANT = frozenset({"format", "description", "extends"})

_code = partial(error_code, source=_SOURCE)

UNKNOWN_VARIANT = _code("HV0052", "unknown-variant", "A variant is named that the stack does not have.")
VARIANT_CYCLE = _code("HV0053", "variant-cycle", "A variant extends itself, directly or through others.")
EXTENDS_SHAPE = _code("HV0054", "extends-shape", "`extends` is not the name of a variant or a list of names.")
UNKNOWN_BOARD = _code(
    "HV0055", "unknown-board", "No board of that name is beside the stack, above it or shipped."
)

CODES = (UNKNOWN_VARIANT, VARIANT_CYCLE, EXTENDS_SHAPE, UNKNOWN_BOARD)

FindBoard = Callable[[Path, str], Path | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What was read of a stack: settled trees (None where faults stand in the way), inputs and faults.

    `variants` are the names that were laid over the stack, lowest first. `absent` are files that were looked
    for and not there, among them places where a board of that name would be taken instead; `unreadable` are
    there and gave no bytes.
    """

    stack: Mapping | None
    board: Mapping | None
    inputs: tuple[Input, ...]
    faults: tuple[Diagnostic, ...]
    variants: tuple[str, ...] = ()
    absent: tuple[Path, ...] = ()
    unreadable: tuple[Path, ...] = ()

    @property
    def trees(self) -> tuple[Mapping, ...]:
        """The trees there are: the stack's, then the board's."""
        return tuple(tree for tree in (self.stack, self.board) if tree is not None)


def variants_beside(stack: Path) -> tuple[str, ...]:
    """The names of the variants beside the stack file, sorted; for listing and for hints, never an input."""
    found = (stack.parent / "variants").glob("*.yaml")
    return tuple(sorted(path.stem for path in found if _WORD.match(path.stem)))


def board_places(stack: Path, name: str) -> tuple[Path, ...]:
    """Where the stack file `stack` looks for the board `name`, in order; the shipped place last."""
    places = [
        Path(os.path.normpath(stack.parent.joinpath(*[".."] * level, folder, f"{name}.yaml")))
        for level in range(len(stack.absolute().parents))
        for folder in ("boards", "stacks/boards")
    ]
    return (*places, shipped_folder("boards") / f"{name}.yaml")


def board_file(stack: Path, name: str) -> Path | None:
    """The file of the board `name` as the stack file `stack` finds it, or None."""
    return next((place for place in board_places(stack, name) if place.is_file()), None)


def boards_absent(stack: Path, tree: Mapping) -> tuple[Path, ...]:
    """The places before the board that `tree` names, where none of that name is."""
    named = tree.scalar("board")
    if named is None or not _WORD.match(named.text):
        return ()
    places = board_places(stack, named.text)
    count = next((at for at, place in enumerate(places) if place.is_file()), len(places))
    return places[:count]


def boards_known(stack: Path) -> tuple[str, ...]:
    """The names of all boards that the stack file could use, sorted; for hints."""
    folders = [shipped_folder("boards")]
    for level in range(len(stack.absolute().parents)):
        folders += [stack.parent.joinpath(*[".."] * level, folder) for folder in ("boards", "stacks/boards")]
    return tuple(sorted({path.stem for folder in folders for path in folder.glob("*.yaml")}))


def load_layers(
    stack: Path,
    variant: str = BASE,
    *,
    read: Read = read_from_disk,
    find_board: FindBoard = board_file,
    cache: ParseCache | None = None,
    memory: Memory | None = None,
    below: Iterable[Mapping] = (),
    above: Iterable[Mapping] = (),
) -> Layers:
    """The trees of the stack file `stack` in `variant`, with `above` (a command line's overlays) on top.

    `below` lies under the stack: what a project says for all its stacks. Calls that share one `memory` read
    and parse each file once.
    """
    files = Files(read, cache, memory)
    loading = _Loading(stack, files)
    base = loading.layer(stack, None)
    plain, placed = elsewhere(variant)
    names, variants = loading.variants(plain, base)
    if base is None or loading.faults:
        return Layers(
            stack=None,
            board=None,
            inputs=files.inputs,
            faults=tuple(loading.faults),
            variants=names,
            absent=files.missing,
            unreadable=files.unreadable,
        )
    overlays = (_without(layer, _OF_THE_VARIANT) for layer in variants)
    layers = [*below, base, *overlays, *((placed,) if placed is not None else ()), *above]
    whole, faults = layered(_without_overrides(layer) for layer in layers)
    loading.faults.extend(faults)
    overrides = [layer for each in layers if (layer := each.mapping("board_overrides")) is not None]
    board = loading.board(whole, overrides, find_board)
    clean = not loading.faults
    return Layers(
        stack=whole if clean else None,
        board=board if clean else None,
        inputs=files.inputs,
        faults=tuple(dict.fromkeys(loading.faults)),
        variants=names,
        absent=(*files.missing, *boards_absent(stack, whole)),
        unreadable=files.unreadable,
    )


def elsewhere(variant: str) -> tuple[str, Mapping | None]:
    """`V@BOARD@TARGET` taken apart: the variant, and the layer that names board and target, or None."""
    name, *words = variant.split("@")
    if not words:
        return variant, None
    file = SourceFile("--variant", variant)
    entries: dict[str, Entry] = {}
    at = len(name)
    for word in words:
        span = Span(file, at + 1, at + 1 + len(word))
        key = "target" if word.startswith(_RELEASE) else "board"
        entries[key] = Entry(key, span, Scalar(word, Kind.TEXT, word, span))
        at = span.end
    return name or BASE, Mapping(entries, Span(file, 0, len(variant)))


def _without(layer: Mapping, keys: frozenset[str]) -> Mapping:
    entries = {key: entry for key, entry in layer.entries.items() if key not in keys}
    return layer if len(entries) == len(layer) else replace(layer, entries=entries)


def _without_overrides(layer: Mapping) -> Mapping:
    """The layer without its board overrides; what is no mapping there stays, for the schema to refuse."""
    return (
        layer if layer.mapping("board_overrides") is None else _without(layer, frozenset({"board_overrides"}))
    )


class _Loading:
    """Mutable: the faults of loading one stack."""

    def __init__(self, stack: Path, files: Files) -> None:
        self._stack = stack
        self._files = files
        self.faults: list[Diagnostic] = []

    def layer(self, path: Path, named_at: Span | None) -> Mapping | None:
        """The tree of one file with its inclusions; None where it cannot be read."""
        reading = self._files.reading(path)
        if isinstance(reading, Unreadable):
            place = named_at or Span(SourceFile(path.as_posix(), ""), 0, 0)
            self.faults.append(UNREADABLE.at(place, f"cannot read `{path.as_posix()}`: {reading.reason}"))
            return None
        self.faults.extend(reading.faults)
        if reading.root is None:
            return None
        fault = format_fault(reading.root, reading.faults)
        if fault is not None:
            self.faults.append(fault)
        tree, faults = expand(reading.root, path, self._files)
        self.faults.extend(faults)
        return tree

    def variants(self, variant: str, base: Mapping | None) -> tuple[tuple[str, ...], list[Mapping]]:
        """The variants that `variant` means, each after those it extends: their names and their trees."""
        place = heading_at(base, ()) if base is not None else None
        found: dict[str, Mapping | None] = {}
        for name in variant.split("+"):
            if base is not None:
                self._variant(name, place, (), found)
        return tuple(found), [tree for tree in found.values() if tree is not None]

    def _variant(
        self,
        name: str,
        place: Span | None,
        chain: tuple[tuple[str, Span | None], ...],
        found: dict[str, Mapping | None],
    ) -> None:
        if name == BASE or name in found:
            return
        opened = [each for each, _ in chain]
        if name in opened:
            others = tuple(
                Label(span, "extended here") for _, span in chain[opened.index(name) + 1 :] if span
            )
            self.faults.append(
                VARIANT_CYCLE.at(place, f"variant `{name}` extends itself", "again", others=others)
            )
            return
        path = self._stack.parent / "variants" / f"{name}.yaml"
        if not _WORD.match(name) or _is_missing(self._files.reading(path)):
            self.faults.append(_unknown_variant(self._stack, name, place))
            return
        tree = self.layer(path, place)
        for parent, span in self._extended(tree):
            self._variant(parent, span, (*chain, (name, place)), found)
        found[name] = tree

    def _extended(self, tree: Mapping | None) -> list[tuple[str, Span]]:
        node = tree.get("extends") if tree is not None else None
        if tree is None or node is None:
            return []
        named = node.items if isinstance(node, Sequence) else (node,)
        names = [each for each in named if isinstance(each, Scalar) and each.kind is Kind.TEXT and each.text]
        if len(names) < len(named):
            message = "`extends` is the name of a variant or a list of names"
            self.faults.append(
                EXTENDS_SHAPE.at(tree.key_span("extends"), message, "not a name", route="extends")
            )
        return [(each.text, each.span) for each in names]

    def board(self, stack: Mapping, overrides: list[Mapping], find: FindBoard) -> Mapping | None:
        """The settled tree of the board that the stack names, or None."""
        named = stack.scalar("board")
        # What is no name at all is a matter of shape, which the schema tells.
        if named is None or not _WORD.match(named.text):
            return None
        path = find(self._stack, named.text)
        if path is None:
            known = boards_known(self._stack)
            helps = _hints(named.text, known, "known boards")
            message = f"no board is named `{named.text}`"
            self.faults.append(
                UNKNOWN_BOARD.at(named.span, message, "unknown board", route="board", helps=helps)
            )
            return None
        board = self.layer(path, named.span)
        if board is None or self.faults:
            return None
        whole, faults = layered([board, *overrides])
        self.faults.extend(faults)
        return whole


def _is_missing(reading: Reading | Unreadable) -> bool:
    return isinstance(reading, Unreadable) and reading.missing


def _unknown_variant(stack: Path, name: str, place: Span | None) -> Diagnostic:
    helps = _hints(name, variants_beside(stack), "its variants")
    message = f"the stack has no variant `{name}`"
    label = f"no `variants/{name}.yaml` beside it" if _WORD.match(name) else "not the name of a variant"
    return UNKNOWN_VARIANT.at(place, message, label, helps=helps)


def _hints(word: str, known: tuple[str, ...], lead: str) -> tuple[str, ...]:
    listed = (f"{lead}: {', '.join(f'`{each}`' for each in known[:12])}",) if known else ()
    return did_you_mean(word, known) or listed
