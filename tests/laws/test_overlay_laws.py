"""Overlays form a monoid: composing is associative, the empty layer changes nothing; places too."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hvbuild.load.overlay import EMPTY, compose, is_named, item_name, layered, marked, settle
from hvbuild.load.tree import Entry, Kind, Mapping, Node, Removed, Scalar, Sequence, plain
from hvbuild.source import SourceFile, Span

KEYS = ("a", "b", "c")
_FILE = SourceFile("layer", "")
_NUMBERS = itertools.count()


def somewhere() -> Span:
    """A place that no other node has, so that the law of places can fail."""
    at = next(_NUMBERS)
    return Span(_FILE, at, at)


def scalar(value: int) -> Scalar:
    return Scalar(str(value), Kind.INTEGER, value, somewhere())


def mapping(content: dict[str, Node]) -> Mapping:
    return Mapping({key: Entry(key, somewhere(), node) for key, node in content.items()}, somewhere())


def sequence(items: list[Node]) -> Sequence:
    return Sequence(tuple(items), somewhere())


def item(name: str, content: dict[str, Node]) -> Mapping:
    return mapping({"name": Scalar(name, Kind.TEXT, name, somewhere()), **content})


def removal(name: str | None = None) -> Mapping:
    word = {"remove": Scalar("true", Kind.BOOLEAN, True, somewhere())}
    return item(name, dict(word)) if name is not None else mapping(dict(word))


def null() -> Scalar:
    return Scalar("null", Kind.NULL, None, somewhere())


def named_list(chosen: dict[str, dict[str, Node] | None]) -> Sequence:
    return sequence(
        [removal(name) if content is None else item(name, content) for name, content in chosen.items()]
    )


def nodes() -> st.SearchStrategy[Node]:
    def inside(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        content = st.dictionaries(st.sampled_from(KEYS), children, max_size=3)
        return st.one_of(
            content.map(mapping),
            st.lists(children, max_size=2).map(sequence),
            st.dictionaries(st.sampled_from(("x", "y", "z")), st.none() | content, max_size=3).map(
                named_list
            ),
        )

    leaf = st.one_of(st.integers(0, 3).map(scalar), st.builds(removal), st.builds(null))
    return st.recursive(leaf, inside, max_leaves=8)


def layers() -> st.SearchStrategy[Mapping]:
    return st.dictionaries(st.sampled_from(KEYS), nodes(), max_size=3).map(mapping)


def overlay(layer: Mapping) -> Node:
    return marked(layer, [])


def told(node: Node) -> object:
    """All that a node holds: content, order, marks and places."""
    places = [place.start for place in node.origin.places]
    match node:
        case Mapping():
            inner = [(entry.key, entry.key_span.start, told(entry.node)) for entry in node]
            return "mapping", node.fresh, places, inner
        case Sequence():
            return "list", node.fresh, places, [told(child) for child in node]
        case Removed():
            return "removed", node.name, places
        case Scalar():
            return node.value, places


@settings(max_examples=120, deadline=None)
@given(layers(), layers(), layers())
def test_composition_is_associative(one: Mapping, two: Mapping, three: Mapping) -> None:
    a, b, c = overlay(one), overlay(two), overlay(three)

    assert told(compose(compose(a, b), c)) == told(compose(a, compose(b, c)))


@settings(max_examples=60, deadline=None)
@given(layers())
def test_the_empty_layer_is_the_identity(layer: Mapping) -> None:
    a = overlay(layer)

    assert told(a) == told(compose(EMPTY, a))
    assert told(a) == told(compose(a, EMPTY))


@settings(max_examples=60, deadline=None)
@given(st.lists(layers(), max_size=4))
def test_layering_is_composing_and_settling(stack: list[Mapping]) -> None:
    whole, _ = layered(stack)
    composed: Node = EMPTY
    for layer in reversed(stack):
        composed = compose(overlay(layer), composed)

    assert told(settle(composed)) == told(whole)


@settings(max_examples=60, deadline=None)
@given(layers(), layers())
def test_a_settled_tree_holds_no_mark_and_settling_twice_is_settling_once(one: Mapping, two: Mapping) -> None:
    whole, _ = layered([one, two])

    assert "removed" not in str(told(whole))
    assert "True" not in str(told(whole))
    assert settle(whole) is whole


@settings(max_examples=60, deadline=None)
@example(one=mapping({"a": named_list({"y": {}})}), two=mapping({"a": named_list({"x": None})}))
@example(one=mapping({"a": named_list({"x": {}})}), two=mapping({"a": named_list({"x": None})}))
@given(layers(), layers())
def test_what_the_upper_layer_says_holds(one: Mapping, two: Mapping) -> None:
    whole, _ = layered([one, two])

    assert contains(plain(whole), overlay(two))


def contains(whole: object, said: Node) -> bool:
    """True where `whole` says all that the overlay `said` says; what it takes away is not in `whole`.

    A named list speaks of its own names alone; every other list and scalar stands in `whole` as it is.
    """
    if isinstance(said, Mapping):
        return isinstance(whole, dict) and all(
            entry.key not in whole
            if isinstance(entry.node, Removed)
            else entry.key in whole and contains(whole[entry.key], entry.node)
            for entry in said
        )
    if isinstance(said, Sequence) and is_named(said):
        return isinstance(whole, list) and all(named_alike(whole, each) for each in said)
    return whole == plain(settle(said))


def named_alike(whole: list[object], said: Node) -> bool:
    """True where the item of this name is as `said`, or is not there when `said` takes it away."""
    found = [each for each in whole if isinstance(each, dict) and each.get("name") == item_name(said)]
    if isinstance(said, Removed):
        return not found
    return len(found) == 1 and contains(found[0], said)


@pytest.mark.laws
@settings(max_examples=2000, deadline=None)
@given(layers(), layers(), layers())
def test_composition_is_associative_at_length(one: Mapping, two: Mapping, three: Mapping) -> None:
    a, b, c = overlay(one), overlay(two), overlay(three)

    assert told(compose(compose(a, b), c)) == told(compose(a, compose(b, c)))
