"""The quick acceptance and jsonschema give the same verdict, on shipped stacks and however spoiled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hvbuild.load.accept import acceptor
from hvbuild.load.layers import load_layers
from hvbuild.load.schema import schema, validator_for, without_references
from hvbuild.load.tree import plain
from hvbuild.project import project_stacks
from hvbuild.shipped import shipped_schemas

ROOT = Path(__file__).resolve().parents[2]
WORDS = st.sampled_from(
    [
        "",
        "a",
        "auto",
        "0x1000",
        "512MiB",
        "10ms",
        "45r",
        "remove",
        "name",
        "gic:37",
        "a b",
        "a\nb",
        "ram",
        "ü",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 1 << 64) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def documents() -> Iterator[tuple[str, Any]]:
    for place in project_stacks(ROOT):
        layers = load_layers(place.file)
        assert layers.stack is not None
        assert layers.board is not None
        yield "stack", plain(layers.stack)
        yield "board", plain(layers.board)
    for example in schema("project")["examples"]:
        yield "project", example


SHIPPED = list(documents())
OTHERS = {"stack.schema.json": schema("stack")}
JUDGES = {name: acceptor(schema(name), OTHERS) for name in shipped_schemas()}
LIBRARY = {name: validator_for(without_references(schema(name))) for name in shipped_schemas()}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with a key of it, in order."""
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from places(value[key])
    elif isinstance(value, list):
        for index in range(len(value)):
            yield value, index
            yield from places(value[index])


def copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["stack", "board", "project"])
def test_the_schemas_of_a_check_can_be_judged(name: str) -> None:
    assert JUDGES[name] is not None


@pytest.mark.parametrize(("name", "document"), SHIPPED)
def test_shipped_stacks_and_boards_are_accepted(name: str, document: Any) -> None:
    judge = JUDGES[name]

    assert judge is not None
    assert judge(document)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.data())
def test_a_spoiled_tree_has_the_librarys_verdict(data: st.DataObject) -> None:
    name, shipped = data.draw(st.sampled_from(SHIPPED))
    document = copied(shipped)
    for _ in range(data.draw(st.integers(1, 3))):
        every = list(places(document))
        container, key = every[data.draw(st.integers(0, len(every) - 1))]
        match data.draw(st.sampled_from(["replace", "delete", "add"])):
            case "replace":
                container[key] = data.draw(VALUES)
            case "delete":
                del container[key]
            case _ if isinstance(container, dict):
                container[data.draw(WORDS)] = data.draw(VALUES)
            case _:
                container.append(data.draw(VALUES))
    judge = JUDGES[name]

    assert judge is not None
    assert judge(document) == LIBRARY[name].is_valid(document)
