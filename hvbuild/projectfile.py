"""The project file `hvbuild.yaml`: what holds for all stacks of a project, and which products there are."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hvbuild.diagnostics import Diagnostic
from hvbuild.load.fileformat import format_fault
from hvbuild.load.files import UNREADABLE, Files, Unreadable
from hvbuild.load.schema import shape_faults
from hvbuild.load.tree import Mapping, Scalar
from hvbuild.project import PROJECT_FILE
from hvbuild.rules.allowance import Level
from hvbuild.source import SourceFile, Span
from hvbuild.store import RULES_OF, digest, rules_of
from hvbuild.values import dataclass
from hvbuild.verdicts import UNREAD, NamedDigest

if TYPE_CHECKING:
    from hvbuild.rules.own import OwnRules

_FOR_STACKS = "vdev_types"


@dataclass(frozen=True, slots=True)
class Named:
    """A word of the file, with its place."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Choice:
    """A board or a release of a row, and the variant that goes with it, or None."""

    name: Named
    variant: Named | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the matrix; what is empty is the stack's own word, for variants all it has."""

    stacks: tuple[Named, ...]
    variants: tuple[Named, ...] = ()
    boards: tuple[Choice, ...] = ()
    targets: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """What is not built: every product that has all the words given; an empty word fits any."""

    stack: str = ""
    variant: str = ""
    board: str = ""
    target: str = ""
    reason: str = ""
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """What the file says; all empty where there is none. With faults nothing else in it counts.

    `under_stacks` is the layer that lies under every stack. `properties` and `rules` name guarantees and
    rules of the project's own, as MODULE:NAME. `inputs` is the part of the file that can change a product,
    present or not; with faults the whole of it.
    """

    rows: tuple[Row, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    levels: tuple[Level, ...] = ()
    properties: tuple[Named, ...] = ()
    rules: tuple[Named, ...] = ()
    under_stacks: tuple[Mapping, ...] = ()
    faults: tuple[Diagnostic, ...] = ()
    inputs: tuple[NamedDigest, ...] = ()


def read_project(root: Path, files: Files) -> ProjectFile:
    """The project file in the folder `root`, with its faults as values."""
    path = root / PROJECT_FILE
    name = path.as_posix() + RULES_OF
    reading = files.reading(path)
    if isinstance(reading, Unreadable):
        if reading.missing:
            return ProjectFile(inputs=(NamedDigest(name, None),))
        unread = (NamedDigest(path.as_posix(), UNREAD),)
        return ProjectFile(faults=(_unreadable(path, reading),), inputs=unread)
    faults = reading.faults or _faults(reading.root)
    if faults or reading.root is None:
        # Any line of it may be at fault, so any line can put it right.
        whole = next(item.digest for item in files.inputs if item.path == path.as_posix())
        return ProjectFile(faults=faults, inputs=(NamedDigest(path.as_posix(), whole),))
    rules = rules_of(reading.file.text.encode())
    return _read(reading.root, (NamedDigest(name, digest(rules) if rules is not None else None),))


def _faults(tree: Mapping | None) -> tuple[Diagnostic, ...]:
    if tree is None:
        return ()
    fault = format_fault(tree)
    return (fault,) if fault is not None else tuple(shape_faults(tree, "project"))


def _read(tree: Mapping, inputs: tuple[NamedDigest, ...]) -> ProjectFile:
    entry = tree.entries.get(_FOR_STACKS)
    return ProjectFile(
        rows=tuple(_row(item) for item in tree.mappings("matrix")),
        exclusions=tuple(_exclusion(item) for item in tree.mappings("exclude")),
        levels=tuple(_level(item) for item in tree.mappings("policy")),
        properties=tuple(_names(tree, "properties")),
        rules=tuple(_names(tree, "rules")),
        under_stacks=(Mapping({_FOR_STACKS: entry}, tree.span),) if entry is not None else (),
        inputs=inputs,
    )


def _unreadable(path: Path, reading: Unreadable) -> Diagnostic:
    place = Span(SourceFile(path.as_posix(), ""), 0, 0)
    return UNREADABLE.at(place, f"the project file cannot be read: {reading.reason}")


def rules_of_project(project: ProjectFile, root: Path) -> "OwnRules":
    """The rules that the project file in `root` names, with what is wrong with them."""
    # What products there are is asked without any rule, and so without the model that rules look at.
    from hvbuild.codes import codes_by_name  # noqa: PLC0415
    from hvbuild.rules.own import NO_RULES, own_rules  # noqa: PLC0415

    if not project.rules:
        return NO_RULES
    return own_rules(((name.text, name.span) for name in project.rules), root, codes_by_name())


def _row(item: Mapping) -> Row:
    return Row(
        stacks=tuple(_names(item, "stacks")),
        variants=tuple(_names(item, "variants")),
        boards=tuple(_choices(item, "boards")),
        targets=tuple(_choices(item, "targets")),
    )


def _names(item: Mapping, key: str) -> Iterator[Named]:
    return (Named(leaf.text, leaf.span) for leaf in item.scalars(key))


def _choices(item: Mapping, key: str) -> Iterator[Choice]:
    found = item.sequence(key)
    for node in found.items if found is not None else ():
        if isinstance(node, Scalar):
            yield Choice(Named(node.text, node.span))
        elif isinstance(node, Mapping):
            name, variant = node.scalar("name"), node.scalar("variant")
            assert name is not None, "the schema demands it"
            assert variant is not None, "the schema demands it"
            yield Choice(Named(name.text, name.span), Named(variant.text, variant.span))


def _exclusion(item: Mapping) -> Exclusion:
    words = {key: item.text(key) or "" for key in ("stack", "variant", "board", "target", "reason")}
    return Exclusion(span=item.span, **words)


def _level(item: Mapping) -> Level:
    return Level(
        code=item.text("code") or "",
        level=item.text("level") or "",
        reason=item.text("reason") or "",
        origin=item.origin,
    )
