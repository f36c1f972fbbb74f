"""The span-keeping tree of one or several YAML layers, each leaf and entry with every place that set it.

Three kinds of node and a marker; all frozen, compared by content alone (places take no part).
"""

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as ReadOnly
from dataclasses import field
from enum import StrEnum

from hvbuild.source import Origin, Span
from hvbuild.values import dataclass

Value = str | int | bool | None
Path = tuple[str | int, ...]


class Kind(StrEnum):
    """What a scalar is, by the YAML 1.2 core rules, decided from its text."""

    TEXT = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf: its text as written (escapes undone), what it is, and its value."""

    text: str
    kind: Kind
    value: Value
    span: Span = field(compare=False, repr=False)
    replaced: tuple[Span, ...] = field(default=(), compare=False, repr=False)

    @property
    def origin(self) -> Origin:
        """Every place that set it, the one in force first."""
        return Origin(self.span, self.replaced)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with the place of the key and the node under it."""

    key: str
    key_span: Span = field(compare=False, repr=False)
    node: "Node"

    @property
    def origin(self) -> Origin:
        """The place of the key, and the places of the values that the present one replaced."""
        return Origin(self.key_span, self.node.replaced)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and nodes in written order. `fresh` is an overlay's word: replace what is below, do not merge."""

    entries: ReadOnly[str, Entry]
    span: Span = field(compare=False, repr=False)
    replaced: tuple[Span, ...] = field(default=(), compare=False, repr=False)
    fresh: bool = False

    @property
    def origin(self) -> Origin:
        """Every place that set it, the one in force first."""
        return Origin(self.span, self.replaced)

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, key: str) -> "Node | None":
        """The node under `key`, or None."""
        entry = self.entries.get(key)
        return entry.node if entry is not None else None

    def scalar(self, key: str) -> Scalar | None:
        """The scalar under `key`; None where there is none or it is null."""
        node = self.get(key)
        return node if isinstance(node, Scalar) and node.kind is not Kind.NULL else None

    def mapping(self, key: str) -> "Mapping | None":
        """The mapping under `key`, or None."""
        node = self.get(key)
        return node if isinstance(node, Mapping) else None

    def sequence(self, key: str) -> "Sequence | None":
        """The sequence under `key`, or None."""
        node = self.get(key)
        return node if isinstance(node, Sequence) else None

    def text(self, key: str) -> str | None:
        """The text of the scalar under `key` as written, numbers included, or None."""
        leaf = self.scalar(key)
        return leaf.text if leaf is not None else None

    def integer(self, key: str) -> int | None:
        """The integer under `key`, or None."""
        leaf = self.scalar(key)
        return leaf.value if leaf is not None and type(leaf.value) is int else None

    def boolean(self, key: str) -> bool | None:
        """The boolean under `key`, or None."""
        leaf = self.scalar(key)
        return leaf.value if leaf is not None and isinstance(leaf.value, bool) else None

    def mappings(self, key: str) -> tuple["Mapping", ...]:
        """The mappings in the sequence under `key`; empty where there are none."""
        found = self.sequence(key)
        return found.mappings() if found is not None else ()

    def scalars(self, key: str) -> tuple[Scalar, ...]:
        """The scalars in the sequence under `key`, or the one scalar there; empty where there are none."""
        node = self.get(key)
        if isinstance(node, Sequence):
            return node.scalars()
        leaf = self.scalar(key)
        return (leaf,) if leaf is not None else ()

    def key_span(self, key: str) -> Span:
        """The place of `key`; the place of the whole mapping where it has no such key."""
        entry = self.entries.get(key)
        return entry.key_span if entry is not None else self.span

    def origin_of(self, key: str) -> Origin:
        """The origin of the node under `key`; that of the whole mapping where it has no such key."""
        entry = self.entries.get(key)
        return entry.node.origin if entry is not None else self.origin


@dataclass(frozen=True, slots=True)
class Sequence:
    """Nodes in written order. `fresh` as in Mapping."""

    items: tuple["Node", ...]
    span: Span = field(compare=False, repr=False)
    replaced: tuple[Span, ...] = field(default=(), compare=False, repr=False)
    fresh: bool = False

    @property
    def origin(self) -> Origin:
        """Every place that set it, the one in force first."""
        return Origin(self.span, self.replaced)

    def __iter__(self) -> Iterator["Node"]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def mappings(self) -> tuple[Mapping, ...]:
        """Those items that are mappings."""
        return tuple(item for item in self.items if isinstance(item, Mapping))

    def scalars(self) -> tuple[Scalar, ...]:
        """Those items that are scalars other than null."""
        return tuple(item for item in self.items if isinstance(item, Scalar) and item.kind is not Kind.NULL)


@dataclass(frozen=True, slots=True)
class Removed:
    """An overlay's marker: what is below goes. It lives in overlays only; a settled tree holds none.

    `name` is the removed item of a list merged by name. `satisfied` says that what it removes was seen.
    """

    span: Span = field(compare=False, repr=False)
    replaced: tuple[Span, ...] = field(default=(), compare=False, repr=False)
    name: str | None = None
    satisfied: bool = field(default=False, compare=False)

    @property
    def origin(self) -> Origin:
        """The place of the removal, and of what it removed."""
        return Origin(self.span, self.replaced)


Node = Scalar | Mapping | Sequence | Removed


def route(path: Iterable[str | int]) -> str:
    """`guests.la.vdevs[0].loc`: how diagnostics name a place in the tree."""
    text = ""
    for step in path:
        text = child_route(text, step)
    return text


def child_route(parent: str, step: str | int) -> str:
    """The route of the key or the index `step` under `parent`."""
    if isinstance(step, int):
        return f"{parent}[{step}]"
    return f"{parent}.{step}" if parent else step


def node_at(root: Node, path: Iterable[str | int]) -> Node | None:
    """The node at `path`, or None where the tree has none."""
    node: Node | None = root
    for step in path:
        if isinstance(node, Mapping):
            node = node.get(str(step))
        elif isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def heading_at(root: Node, path: Path) -> Span:
    """Where to point for the thing at `path` as a whole: its key or first entry, else what holds it."""
    heading = _first_line(root)
    node: Node | None = root
    for step in path:
        if isinstance(node, Mapping) and str(step) in node.entries:
            heading = node.entries[str(step)].key_span
            node = node.get(str(step))
        elif isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
            node = node.items[step]
            heading = _first_line(node)
        else:
            break
    return heading


def _first_line(node: Node) -> Span:
    """A mapping without a key of its own is named by its first entry."""
    if not isinstance(node, Mapping) or not node.entries:
        return node.span
    first = next(iter(node))
    same_file = first.node.span.file is first.key_span.file
    return (
        first.key_span.to(first.node.span) if isinstance(first.node, Scalar) and same_file else first.key_span
    )


def plain(node: Node) -> object:
    """The node as plain dicts, lists and scalars, for a validator; `node_at` leads back."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return None


def leaves(node: Node, path: Path = ()) -> Iterator[tuple[Path, Scalar]]:
    """Every scalar with its path, in written order."""
    if isinstance(node, Scalar):
        yield path, node
    elif isinstance(node, Mapping):
        for entry in node:
            yield from leaves(entry.node, (*path, entry.key))
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from leaves(item, (*path, index))
