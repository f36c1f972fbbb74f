"""The parts of a devicetree source as they are written: nodes, properties, values, each with its place."""

from collections.abc import Iterator
from dataclasses import field

from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its number where it is known here, the label when it is a phandle reference."""

    text: str
    span: Span
    value: int | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Cells:
    """`<…>` with cells of `bits` bits."""

    cells: tuple[Cell, ...]
    span: Span
    bits: int = 32


@dataclass(frozen=True, slots=True)
class Text:
    """A string, escapes resolved."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Bytes:
    """`[…]`: plain bytes."""

    value: bytes
    span: Span


@dataclass(frozen=True, slots=True)
class PathReference:
    """`&label` outside cells: the path of that node, as a string."""

    label: str
    span: Span


@dataclass(frozen=True, slots=True)
class Unread:
    """A value that only a preprocessor or another file can tell."""

    text: str
    span: Span


Value = Cells | Text | Bytes | PathReference | Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class DtProperty:
    """A property; `guard` is the condition of the `#if` around it, empty outside any."""

    name: str
    values: tuple[Value, ...]
    span: Span
    name_span: Span
    guard: str = ""

    @property
    def strings(self) -> tuple[Text, ...]:
        """Its strings, in order."""
        return tuple(value for value in self.values if isinstance(value, Text))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All its cells, one after the other."""
        return tuple(cell for value in self.values if isinstance(value, Cells) for cell in value.cells)

    @property
    def is_read(self) -> bool:
        """True when every part of its value is known."""
        return all(
            not isinstance(value, Unread)
            and (not isinstance(value, Cells) or all(c.value is not None or c.label for c in value.cells))
            for value in self.values
        )


@dataclass(frozen=True, slots=True)
class MacroCall:
    """A macro used as a statement, `NAME(argument, …)`, which a preprocessor turns into nodes."""

    name: str
    arguments: tuple[tuple[str, Span], ...]
    span: Span
    guard: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """`/delete-node/ name;` or `/delete-property/ name;`."""

    name: str
    span: Span
    node: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DtNode:
    """A node as written: `name` with its unit address (`/` for a root), `label` when it extends `&label`.

    `items` are its properties, children, macro calls and deletions in written order.
    """

    name: str
    span: Span
    name_span: Span
    labels: tuple[str, ...] = ()
    label: str = ""
    items: tuple["DtProperty | DtNode | MacroCall | Deletion", ...] = ()
    guard: str = ""

    @property
    def base_name(self) -> str:
        """The name before `@`."""
        return self.name.partition("@")[0]

    @property
    def unit_address(self) -> str | None:
        """What stands after `@`, or None."""
        return self.name.partition("@")[2] if "@" in self.name else None

    @property
    def properties(self) -> tuple[DtProperty, ...]:
        """Its properties in written order."""
        return tuple(item for item in self.items if isinstance(item, DtProperty))

    @property
    def children(self) -> tuple["DtNode", ...]:
        """Its child nodes in written order."""
        return tuple(item for item in self.items if isinstance(item, DtNode))

    @property
    def macros(self) -> tuple[MacroCall, ...]:
        """Macro calls that stand where nodes or properties do."""
        return tuple(item for item in self.items if isinstance(item, MacroCall))

    def property(self, name: str) -> DtProperty | None:
        """The property `name`, the last one written, or None."""
        found = [item for item in self.properties if item.name == name]
        return found[-1] if found else None

    def child(self, name: str) -> "DtNode | None":
        """The child called `name` (with or without its unit address), or None."""
        return next((node for node in self.children if name in (node.name, node.base_name)), None)

    def number(self, name: str) -> int | None:
        """The number that property `name` holds in its only cell, or None."""
        found = self.property(name)
        cells = found.cells if found else ()
        return cells[0].value if len(cells) == 1 else None

    def walk(self) -> Iterator["DtNode"]:
        """This node and all below it, parents first, in written order."""
        yield self
        for node in self.children:
            yield from node.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """A `/memreserve/` line."""

    address: int | None
    length: int | None
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class DtDocument:
    """A devicetree source as read: top-level nodes in written order, and what stands around them."""

    file: SourceFile
    nodes: tuple[DtNode, ...] = ()
    reserves: tuple[Reserve, ...] = ()
    includes: tuple[tuple[str, Span], ...] = ()
    version: Span | None = None
    plugin: Span | None = None
    errors: tuple[Span, ...] = ()
    preprocessed: bool = field(default=False)

    @property
    def is_plain(self) -> bool:
        """True when no preprocessor is needed: no includes, macros or conditions."""
        return not self.preprocessed
