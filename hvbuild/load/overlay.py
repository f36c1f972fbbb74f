"""Merging of layers: board ◂ stack ◂ variants ◂ command line, every value knowing what it replaced.

The rules. Mappings merge key by key. Lists whose items are all mappings with a `name` merge by name: the
order is that of the lower layer, new items follow. Other lists and scalars replace what is below.
`remove: true` (alone in a mapping, or beside `name` in a list item) and `null` take away what is below.

The algebra. `compose` is associative, `EMPTY` is its identity; so a run of overlays may be composed before it
is laid on a stack. For that, removals stay in a composed overlay as `Removed`, and a mapping or list that
takes the place of something of another kind, or of something removed, is `fresh`: it replaces what lies below
it. `settle` drops both once there is nothing below. The places of a composed node are those of the upper one,
then those of the lower one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hvbuild.diagnostics import Code, Diagnostic, Severity, other
from hvbuild.load.tree import Entry, Kind, Mapping, Node, Path, Removed, Scalar, Sequence, child_route, route
from hvbuild.nearest import did_you_mean
from hvbuild.source import SourceFile, Span

NOTHING_TO_REMOVE = Code(
    code="HV0030",
    name="nothing-to-remove",
    severity=Severity.ERROR,
    meaning="A layer removes a key or a named item that no layer below it has.",
    source="hvbuild's overlay rules: a removal that removes nothing is a slip of the pen",
)
REMOVE_NOT_ALONE = Code(
    code="HV0031",
    name="remove-not-alone",
    severity=Severity.ERROR,
    meaning="`remove` stands beside other keys, is not `true`, or removes a list item without naming it.",
    source="hvbuild's overlay rules",
)
DUPLICATE_NAME = Code(
    code="HV0032",
    name="duplicate-name",
    severity=Severity.ERROR,
    meaning="Two items of one list have one name; lists merge by name.",
    source="hvbuild's overlay rules",
)

CODES = (NOTHING_TO_REMOVE, REMOVE_NOT_ALONE, DUPLICATE_NAME)

_NO_TEXT = Span(SourceFile("<none>", ""), 0, 0)
EMPTY = Mapping({}, _NO_TEXT)


def layered(layers: Iterable[Mapping]) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    """The settled tree of `layers`, lowest first, and the faults of their removals and names."""
    faults: list[Diagnostic] = []
    whole: Node = EMPTY
    for layer in layers:
        upper = marked(layer, faults)
        if not isinstance(upper, Mapping):
            continue
        faults.extend(missing_removals(whole, upper))
        whole = compose(whole, upper)
    settled = settle(whole)
    assert isinstance(settled, Mapping)
    return settled, tuple(faults)


def item_name(node: Node) -> str | None:
    """The name by which a list item merges, or None."""
    if isinstance(node, Removed):
        return node.name
    return node.text("name") if isinstance(node, Mapping) else None


def is_named(node: Node | None) -> bool:
    """True for a list that merges by name: it has items and each is a mapping with a name."""
    return (
        isinstance(node, Sequence)
        and bool(node.items)
        and all(item_name(item) is not None for item in node.items)
    )


def marked(node: Node, faults: list[Diagnostic], path: Path = ()) -> Node:
    """`node` with its written removals as `Removed`; what is marked already stays as it is."""
    if isinstance(node, Mapping):
        return _marked_mapping(node, faults, path)
    if isinstance(node, Sequence):
        return _marked_sequence(node, faults, path)
    if isinstance(node, Scalar) and node.kind is Kind.NULL:
        return Removed(node.span, node.replaced)
    return node


def _marked_mapping(node: Mapping, faults: list[Diagnostic], path: Path) -> Node:
    if "remove" in node.entries:
        return _removal(node, None, faults, path)
    changed: dict[str, Entry] = {}
    for key, entry in node.entries.items():
        child = entry.node
        if isinstance(child, Scalar) and child.kind is not Kind.NULL:
            continue
        new = marked(child, faults, (*path, key))
        if new is not child:
            changed[key] = Entry(key, entry.key_span, new)
    return replace(node, entries={**node.entries, **changed}) if changed else node


def _marked_sequence(node: Sequence, faults: list[Diagnostic], path: Path) -> Sequence:
    items: list[Node] = []
    first: dict[str, Node] = {}
    for index, item in enumerate(node.items):
        new = _marked_item(item, faults, (*path, index))
        name = item_name(new)
        if name is not None and name in first:
            before = other(_name_span(first[name]), "first given here")
            message = f"two items of `{route(path) or 'the list'}` are named `{name}`"
            faults.append(
                DUPLICATE_NAME.at(_name_span(new), message, "the same name", others=before, route=route(path))
            )
            continue
        if name is not None:
            first[name] = new
        items.append(new)
    same = len(items) == len(node.items) and all(
        new is old for new, old in zip(items, node.items, strict=True)
    )
    return node if same else replace(node, items=tuple(items))


def _marked_item(item: Node, faults: list[Diagnostic], path: Path) -> Node:
    if not isinstance(item, Mapping):
        # In a list that merges as a whole, `null` is a value of its own, for the schema to judge.
        return item if isinstance(item, Scalar) else marked(item, faults, path)
    if "remove" in item.entries:
        return _removal(item, item.text("name"), faults, path)
    return marked(item, faults, path)


def _name_span(node: Node) -> Span:
    name = node.get("name") if isinstance(node, Mapping) else None
    return name.span if name is not None else node.span


def _removal(node: Mapping, name: str | None, faults: list[Diagnostic], path: Path) -> Removed:
    fault = _removal_fault(node, name, path)
    if fault is not None:
        faults.append(fault)
    return Removed(node.span, node.replaced, name, satisfied=fault is not None)


def _removal_fault(node: Mapping, name: str | None, path: Path) -> Diagnostic | None:
    word = node.entries["remove"]
    in_list = bool(path) and isinstance(path[-1], int)
    allowed = {"remove", "name"} if in_list else {"remove"}
    beside = [entry for entry in node if entry.key not in allowed]
    where = route(path)
    if node.boolean("remove") is not True:
        return REMOVE_NOT_ALONE.at(
            word.node.span, "`remove` is `true` or left out", "not `true`", route=where
        )
    if not path:
        return REMOVE_NOT_ALONE.at(word.key_span, "a whole layer cannot be removed", "removes everything")
    if beside:
        message = f"`{beside[0].key}` stands beside `remove: true`"
        others = other(word.key_span, "removed as a whole here")
        helps = ("remove the thing and leave out the rest, or set single keys to `null`",)
        place = beside[0].key_span
        return REMOVE_NOT_ALONE.at(place, message, "not removed", others=others, helps=helps, route=where)
    if in_list and name is None:
        helps = ("write `- {name: …, remove: true}`",)
        message = "`remove: true` does not say which item"
        return REMOVE_NOT_ALONE.at(word.key_span, message, "removes what", helps=helps, route=where)
    return None


def compose(lower: Node, upper: Node) -> Node:
    """`upper` laid over `lower`; both are marked, so is the result."""
    places = (*upper.replaced, lower.span, *lower.replaced)
    if lower is EMPTY or upper is EMPTY:
        return upper if lower is EMPTY else lower
    if isinstance(upper, Removed):
        seen = upper.satisfied or not isinstance(lower, Removed)
        return Removed(upper.span, places, upper.name, satisfied=seen)
    if isinstance(upper, Scalar):
        return replace(upper, replaced=places)
    if isinstance(upper, Mapping) and isinstance(lower, Mapping) and not upper.fresh:
        return Mapping(_merged_entries(lower, upper), upper.span, places, lower.fresh)
    if isinstance(upper, Sequence) and isinstance(lower, Sequence) and _merges(lower, upper):
        return Sequence(_merged_items(lower, upper), upper.span, places, lower.fresh)
    return replace(upper, replaced=places, fresh=True)


def _merged_entries(lower: Mapping, upper: Mapping) -> dict[str, Entry]:
    entries = dict(lower.entries)
    for key, over in upper.entries.items():
        under = entries.get(key)
        if under is None:
            entries[key] = over
            continue
        node = compose(under.node, over.node)
        key_span = under.key_span if _merges(under.node, over.node) else over.key_span
        entries[key] = Entry(key, key_span, node)
    return entries


def _merged_items(lower: Sequence, upper: Sequence) -> tuple[Node, ...]:
    items = {item_name(item): item for item in lower.items}
    for over in upper.items:
        name = item_name(over)
        items[name] = compose(items[name], over) if name in items else over
    return tuple(items.values())


def _merges(lower: Node, upper: Node) -> bool:
    """True where `compose` keeps the content of both."""
    if isinstance(upper, Mapping):
        return isinstance(lower, Mapping) and not upper.fresh
    return isinstance(upper, Sequence) and not upper.fresh and is_named(upper) and is_named(lower)


def settle(node: Node) -> Node:
    """`node` as it stands when nothing lies below: removals gone, nothing `fresh`."""
    if isinstance(node, Mapping):
        kept = {
            key: entry if (child := settle(entry.node)) is entry.node else Entry(key, entry.key_span, child)
            for key, entry in node.entries.items()
            if not isinstance(entry.node, Removed)
        }
        same = not node.fresh and len(kept) == len(node.entries)
        if same and all(kept[key] is entry for key, entry in node.entries.items()):
            return node
        return Mapping(kept, node.span, node.replaced)
    if isinstance(node, Sequence):
        items = tuple(settle(item) for item in node.items if not isinstance(item, Removed))
        same = not node.fresh and len(items) == len(node.items)
        if same and all(new is old for new, old in zip(items, node.items, strict=True)):
            return node
        return Sequence(items, node.span, node.replaced)
    return node


def missing_removals(lower: Node, upper: Node) -> tuple[Diagnostic, ...]:
    """A fault for each removal in `upper` that finds nothing in `lower`."""
    return tuple(_missing(lower, upper, ""))


def _missing(lower: Node | None, upper: Node, where: str) -> Iterator[Diagnostic]:
    if isinstance(upper, Mapping):
        below = lower.entries if isinstance(lower, Mapping) and not upper.fresh else {}
        present = [key for key, entry in below.items() if not isinstance(entry.node, Removed)]
        for key, entry in upper.entries.items():
            if isinstance(entry.node, Scalar):
                continue
            inner = child_route(where, key)
            if not isinstance(entry.node, Removed):
                yield from _missing(below[key].node if key in below else None, entry.node, inner)
            elif not entry.node.satisfied and key not in present:
                yield _nothing(entry.node, key, present, inner, entry.key_span)
    elif isinstance(upper, Sequence):
        merges = isinstance(lower, Sequence) and is_named(lower) and not upper.fresh
        items = (
            {item_name(item): item for item in lower.items} if merges and isinstance(lower, Sequence) else {}
        )
        names = [name for name, item in items.items() if name and not isinstance(item, Removed)]
        for index, item in enumerate(upper.items):
            name = item_name(item)
            inner = child_route(where, index)
            if not isinstance(item, Removed):
                yield from _missing(items.get(name), item, inner)
            elif not item.satisfied and name is not None and name not in names:
                yield _nothing(item, name, names, inner, None)


def _nothing(node: Removed, name: str, present: list[str], where: str, key: Span | None) -> Diagnostic:
    helps = did_you_mean(name, present)
    written_null = node.span == key or node.span.text in ("null", "Null", "NULL", "~")
    if written_null and not helps:
        helps = ("a key without a value removes the key; write a value, or leave the key out",)
    message = f"nothing to remove: no layer below has `{name}`"
    return NOTHING_TO_REMOVE.at(key or node.span, message, "removes nothing", helps=helps, route=where)
