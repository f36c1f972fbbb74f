"""One tree out of a devicetree source: repeated nodes joined, `&label` extensions applied, deletions done."""

from collections.abc import Iterator
from dataclasses import field, replace

from hvbuild.formats.dts_nodes import (
    Cell,
    Cells,
    Deletion,
    DtDocument,
    DtNode,
    DtProperty,
    MacroCall,
    Text,
)
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Merged:
    """The tree of a document and the extensions whose label is not in it (an overlay's, or an include's)."""

    root: DtNode
    unresolved: tuple[DtNode, ...] = ()

    def path_of(self, label: str) -> str | None:
        """The path of the node with `label`, or None."""
        return next((path for path, node in walk_paths(self.root) if label in node.labels), None)

    def at(self, path: str) -> DtNode | None:
        """The node at `path`, or None."""
        return next((node for at, node in walk_paths(self.root) if at == path), None)


def walk_paths(node: DtNode, path: str = "") -> Iterator[tuple[str, DtNode]]:
    """Every node with its path, parents first, in written order."""
    yield path or "/", node
    for child in node.children:
        yield from walk_paths(child, f"{path}/{child.name}")


@dataclass(slots=True)
class _Draft:
    """Mutable: a node while the blocks that speak of it are joined."""

    first: DtNode
    labels: list[str] = field(default_factory=list)
    items: "dict[str, DtProperty | MacroCall | _Draft]" = field(default_factory=dict)

    def take(self, block: DtNode) -> None:
        for label in block.labels:
            if label not in self.labels:
                self.labels.append(label)
        for item in block.items:
            if isinstance(item, DtNode):
                key = f"/{item.name} {item.guard}".rstrip()
                found = self.items.get(key)
                if not isinstance(found, _Draft):
                    found = self.items[key] = _Draft(item)
                found.take(item)
            elif isinstance(item, Deletion):
                self._delete(item)
            elif isinstance(item, MacroCall):
                self.items[f"({item.span.start}"] = item
            else:
                # What stands under different conditions is never joined.
                self.items[f"{item.name} {item.guard}".rstrip()] = item

    def _delete(self, item: Deletion) -> None:
        if not item.node:
            self.items.pop(item.name, None)
        elif item.name.startswith("&"):
            self._delete_label(item.name[1:])
        else:
            self.items.pop(f"/{item.name}", None)

    def _delete_label(self, label: str) -> bool:
        for key, child in self.items.items():
            if isinstance(child, _Draft) and (label in child.labels or child._delete_label(label)):
                if label in child.labels:
                    del self.items[key]
                return True
        return False

    def find(self, label: str) -> "_Draft | None":
        if label in self.labels:
            return self
        children = (child for child in self.items.values() if isinstance(child, _Draft))
        return next((found for child in children if (found := child.find(label))), None)

    def at(self, path: str) -> "_Draft | None":
        draft: _Draft | None = self
        for name in path.strip("/").split("/"):
            child = draft.items.get(f"/{name}") if draft and name else draft
            draft = child if isinstance(child, _Draft) else None
        return draft

    def node(self) -> DtNode:
        return DtNode(
            name=self.first.name,
            span=self.first.span,
            name_span=self.first.name_span,
            labels=tuple(self.labels),
            items=tuple(item.node() if isinstance(item, _Draft) else item for item in self.items.values()),
            guard=self.first.guard,
        )


def merged(document: DtDocument) -> Merged | None:
    """The tree of `document` as dtc joins it, or None when there is no node at all.

    In a `/plugin/` an extension of a label that is not here, or of a path, becomes `fragment@N`.
    """
    if not document.nodes:
        return None
    first = next((node for node in document.nodes if node.name == "/"), document.nodes[0])
    root = _Draft(replace(first, name="/", labels=(), label=""))
    unresolved: list[DtNode] = []
    fragments: list[DtNode] = []
    for block in document.nodes:
        if block.name == "/":
            root.take(block)
            continue
        path = block.label[1:-1] if block.label.startswith("{") else None
        # In a plugin a path is that of the tree it will be laid over (dtc-parser.y, DT_PATHREF).
        in_other_tree = path is not None and document.plugin is not None
        target = root.find(block.label) if path is None else None if in_other_tree else root.at(path)
        if target is None and document.plugin is not None:
            root.take(_fragment(block, path, len(fragments)))
            fragments.append(block)
        elif target is None:
            unresolved.append(block)
        else:
            target.take(block)
    return Merged(root.node(), tuple(unresolved))


def _fragment(block: DtNode, path: str | None, number: int) -> DtNode:
    """The root part that dtc makes of `&label {…}` in a plugin (livetree.c, `add_orphan_node`)."""
    at = block.name_span
    value = Cells((Cell(block.name, at, label=block.label),), at) if path is None else Text(path, at)
    target = DtProperty(
        name="target" if path is None else "target-path", values=(value,), span=at, name_span=at
    )
    overlay = replace(block, name="__overlay__", label="")
    fragment = DtNode(name=f"fragment@{number}", span=block.span, name_span=at, items=(target, overlay))
    return DtNode(name="/", span=block.span, name_span=at, items=(fragment,))
