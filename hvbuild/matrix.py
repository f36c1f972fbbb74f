"""The products of a project: its matrix of stacks, variants, boards and targets, less what is excluded.

A product is a stack and a variant word (`high-ram@sa8295p@qnx-8.0`), so that every command that takes a
variant takes a product. Which there are is kept in the cache: listing a thousand products reads no YAML.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from itertools import product as combinations
from pathlib import Path

from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.project import BASE, PROJECT_FILE, StackPlace, project_stacks
from hvbuild.source import Span
from hvbuild.store import RULES_OF, digest, rules_of, write_file
from hvbuild.values import dataclass
from hvbuild.verdicts import NamedDigest, tool_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hvbuild.projectfile import Choice, Exclusion, Named, ProjectFile, Row

_SOURCE = "hvbuild: a matrix says what is built; a word in it that means nothing is a slip"
UNKNOWN_STACK = Code(
    code="HV0070",
    name="matrix-unknown-stack",
    severity=Severity.ERROR,
    meaning="The matrix names a stack that the project does not have.",
    source=_SOURCE,
)
UNKNOWN_WORD = Code(
    code="HV0071",
    name="matrix-unknown-word",
    severity=Severity.ERROR,
    meaning="The matrix names a variant, a board or a release that there is not.",
    source=_SOURCE,
)
EXCLUDES_NOTHING = Code(
    code="HV0072",
    name="matrix-excludes-nothing",
    severity=Severity.WARNING,
    meaning="An exclusion of the matrix fits no product.",
    source=_SOURCE,
    policy="a warning: nothing wrong is built",
)
EXCLUDES_ALL = Code(
    code="HV0073",
    name="matrix-excludes-all",
    severity=Severity.ERROR,
    meaning="An exclusion of the matrix names no stack, variant, board or release, and so leaves no product.",
    source=_SOURCE,
)
CODES = (UNKNOWN_STACK, UNKNOWN_WORD, EXCLUDES_NOTHING, EXCLUDES_ALL)


@dataclass(frozen=True, slots=True)
class Product:
    """One product: its stack, and the variant word that every command takes."""

    place: StackPlace
    variant: str

    @property
    def name(self) -> str:
        """`STACK/VARIANT`, as tasks and build folders are named."""
        return f"{self.place.name}/{self.variant}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The products of a project in the order of the matrix, and what is wrong with that.

    `inputs` is what was read of the project file for all of them.
    """

    products: tuple[Product, ...]
    faults: tuple[Diagnostic, ...] = ()
    inputs: tuple[NamedDigest, ...] = ()


def expanded(root: Path, project: "ProjectFile") -> Matrix:
    """The products that the project file at `root` asks for; every variant of every stack without rows."""
    if project.faults:
        return Matrix((), project.faults, project.inputs)
    places = {place.name: place for place in project_stacks(root)}
    if not project.rows:
        cells = [_Cell(stack=name, variant=word) for name, at in places.items() for word in at.variants]
        faults: list[Diagnostic] = []
    else:
        faults = [fault for row in project.rows for fault in _row_faults(row, places)]
        cells = [cell for row in project.rows for cell in _cells(row, places)]
    # What a row misspells was told there; checking such a product would tell it again.
    wrong = {fault.primary.span for fault in faults}
    known = [cell for cell in dict.fromkeys(cells) if not wrong & {*cell.spans}]
    kept = [cell for cell in known if not any(_fits(cell, each) for each in project.exclusions)]
    faults += [
        EXCLUDES_ALL.at(each.span, "the exclusion fits every product", "of which stack?", route="exclude")
        for each in project.exclusions
        if not any((each.stack, each.variant, each.board, each.target))
    ]
    faults += [
        EXCLUDES_NOTHING.at(each.span, "the exclusion fits no product", "fits none", route="exclude")
        for each in project.exclusions
        if not any(_fits(cell, each) for cell in cells)
    ]
    products = tuple(Product(places[cell.stack], cell.word) for cell in kept)
    return Matrix(products, tuple(faults), project.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    stack: str
    variant: str
    board: str = ""
    target: str = ""
    with_board: str = ""
    with_target: str = ""
    spans: tuple[Span, ...] = field(default=(), compare=False)

    @property
    def word(self) -> str:
        names = [n for n in (self.variant, self.with_board, self.with_target) if n and n != BASE]
        return "@".join(("+".join(names) or BASE, *(w for w in (self.board, self.target) if w)))


def _cells(row: "Row", places: dict[str, StackPlace]) -> Iterator[_Cell]:
    own: tuple[Choice | None, ...] = (None,)
    for stack in row.stacks:
        place = places.get(stack.text)
        if place is None:
            continue
        variants: Sequence[Named | str] = row.variants or place.variants
        for variant, board, target in combinations(variants, row.boards or own, row.targets or own):
            words = [variant] if not isinstance(variant, str) else []
            words += [word for each in (board, target) if each for word in (each.name, each.variant) if word]
            yield _Cell(
                stack=stack.text,
                variant=variant if isinstance(variant, str) else variant.text,
                spans=tuple(word.span for word in words),
                board=board.name.text if board else "",
                target=target.name.text if target else "",
                with_board=board.variant.text if board and board.variant else "",
                with_target=target.variant.text if target and target.variant else "",
            )


def _fits(cell: _Cell, exclusion: "Exclusion") -> bool:
    pairs = (
        (exclusion.stack, cell.stack),
        (exclusion.variant, cell.variant),
        (exclusion.board, cell.board),
        (exclusion.target, cell.target),
    )
    return all(wanted in ("", found) for wanted, found in pairs)


def _row_faults(row: "Row", places: dict[str, StackPlace]) -> Iterator[Diagnostic]:
    from hvbuild.catalog import shipped_catalog  # noqa: PLC0415 - listing products needs none of these
    from hvbuild.load.layers import board_file, boards_known  # noqa: PLC0415

    for stack in row.stacks:
        place = places.get(stack.text)
        if place is None:
            yield _unknown(UNKNOWN_STACK, "the project has no stack", stack, places)
            continue
        paired = (choice.variant for choice in (*row.boards, *row.targets) if choice.variant is not None)
        for word in (*row.variants, *paired):
            missing = [name for name in word.text.split("+") if name not in place.variants]
            if missing:
                yield _unknown(
                    UNKNOWN_WORD, f"stack `{stack.text}` has no variant", word, place.variants, missing[0]
                )
        for board in row.boards:
            if board_file(place.file, board.name.text) is None:
                yield _unknown(UNKNOWN_WORD, "there is no board", board.name, boards_known(place.file))
    targets = shipped_catalog().targets
    for target in row.targets:
        if target.name.text not in targets:
            yield _unknown(UNKNOWN_WORD, "there is no release", target.name, targets)


def _unknown(
    code: Code, lead: str, word: "Named", known: Iterable[str], name: str | None = None
) -> Diagnostic:
    from hvbuild.nearest import did_you_mean  # noqa: PLC0415

    wanted = name or word.text
    names = tuple(known)
    helps = did_you_mean(wanted, names) or (f"there are {', '.join(f'`{each}`' for each in names[:12])}",)
    return code.at(word.span, f"{lead} `{wanted}`", "not known", route="matrix", helps=helps)


def products_of(
    root: Path, cache: Path, known: dict[str, str | None] | None = None
) -> tuple[Product, ...] | None:
    """The products of the project at `root`, from the cache where nothing has changed; None with faults.

    The digest of what the project file says for all of them goes into `known`, so that it is read once.
    """
    file = root / PROJECT_FILE
    places = {place.name: place for place in project_stacks(root)}
    try:
        data = file.read_bytes() if file.exists() else None
    except OSError:
        return None
    if known is not None:
        rules = rules_of(data) if data is not None else None
        known[file.as_posix() + RULES_OF] = digest(rules) if rules is not None else None
    if data is None:
        return tuple(Product(place, variant) for place in places.values() for variant in place.variants)
    held = cache / "products" / f"{_question(data, places.values())}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        return tuple(Product(places[stack], word) for stack, word in json.loads(held.read_bytes()))
    from hvbuild.load.files import Files  # noqa: PLC0415 - on a miss only
    from hvbuild.projectfile import read_project  # noqa: PLC0415

    matrix = expanded(root, read_project(root, Files()))
    if any(fault.severity is Severity.ERROR for fault in matrix.faults):
        return None
    rows = [[product.place.name, product.variant] for product in matrix.products]
    with suppress(OSError):
        write_file(held, json.dumps(rows).encode())
    return matrix.products


def _question(project_file: bytes, places: Iterable[StackPlace]) -> str:
    """What decides the products: this hvbuild, the project file, and which variants there are."""
    listing = [[place.name, *place.variants] for place in places]
    seal = hashlib.sha256(tool_digest().encode() + json.dumps(listing).encode())
    seal.update(project_file)
    return seal.hexdigest()
