"""Every shipped schema keeps to what editors know; its examples pass, and fail with one key spoilt."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hvbuild.load.schema import schema, validator_for, without_references
from hvbuild.shipped import shipped_schemas

Steps = tuple[str | int, ...]
# Values of these keys are free by design: what stands there is judged elsewhere.
FREE = {"stack": {"board_overrides"}}
NOT_IN_EDITORS = {
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
    "prefixItems",
    "oneOf",
    "dependentSchemas",
}
NAMES = tuple(shipped_schemas())


def parts(value: object, steps: Steps = ()) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Every object of a schema with its path."""
    if isinstance(value, dict):
        yield steps, value
        for key, inner in value.items():
            if key not in ("examples", "enum", "const", "default"):
                yield from parts(inner, (*steps, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from parts(inner, (*steps, index))


def places(value: object, steps: Steps = ()) -> Iterator[Steps]:
    """The path of every key and item below `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in inner:
        yield (*steps, step)
        yield from places(child, (*steps, step))


def parent_of(value: Any, steps: Steps) -> Any:
    for step in steps[:-1]:
        value = value[step]
    return value


def examples(name: str) -> list[Any]:
    return list(schema(name).get("examples", []))


def is_free(name: str, steps: Steps) -> bool:
    return any(step in FREE.get(name, ()) for step in steps[:-1])


def test_schemas_are_shipped() -> None:
    assert {"board", "stack"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_keeps_to_what_editors_know(name: str) -> None:
    used = {
        key
        for steps, part in parts(schema(name))
        if not steps or steps[-1] not in ("properties", "$defs", "patternProperties")
        for key in part
    }

    assert set() == used & NOT_IN_EDITORS


@pytest.mark.parametrize("name", NAMES)
def test_every_pattern_is_anchored_and_compiles(name: str) -> None:
    patterns = [part["pattern"] for _, part in parts(schema(name)) if isinstance(part.get("pattern"), str)]

    for pattern in patterns:
        re.compile(pattern)
    assert [each for each in patterns if not (each.startswith("^") and each.endswith("(?![\\s\\S])"))] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_described(name: str) -> None:
    undescribed = [
        (*steps, key)
        for steps, part in parts(schema(name))
        if isinstance(part.get("properties"), dict)
        and (not steps or steps[-1] not in ("properties", "$defs"))
        for key, value in part["properties"].items()
        if isinstance(value, dict) and not {"description", "$ref"} & value.keys()
    ]

    assert undescribed == []


@pytest.mark.parametrize("name", NAMES)
def test_examples_exist_and_pass(name: str) -> None:
    validator = validator_for(schema(name))

    assert examples(name)
    assert [error.message for example in examples(name) for error in validator.iter_errors(example)] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_example_with_one_spoilt_value_fails(name: str) -> None:
    validator = validator_for(without_references(schema(name)))
    passed = []
    for example in examples(name):
        for steps in places(example):
            spoilt = copy.deepcopy(example)
            parent = parent_of(spoilt, steps)
            parent[steps[-1]] = (
                "spoilt\x01" if isinstance(parent[steps[-1]], (dict, list)) else [[{"spoilt": 1}]]
            )
            if validator.is_valid(spoilt) and not is_free(name, steps):
                passed.append(steps)

    assert passed == []


@pytest.mark.parametrize("name", NAMES)
def test_an_example_with_one_key_more_fails(name: str) -> None:
    validator = validator_for(schema(name))
    passed = []
    for example in examples(name):
        for steps in ((), *places(example)):
            spoilt = copy.deepcopy(example)
            part = parent_of(spoilt, (*steps, ""))
            if not isinstance(part, dict):
                continue
            part["Not A Key\x01"] = [[{"spoilt": 1}]]
            if validator.is_valid(spoilt) and not is_free(name, (*steps, "")):
                passed.append(steps)

    assert passed == []


@pytest.mark.parametrize("name", NAMES)
def test_an_example_without_one_required_key_fails(name: str) -> None:
    validator = validator_for(without_references(schema(name)))
    required = {
        key for _, part in parts(schema(name)) for key in part.get("required", ()) if isinstance(key, str)
    }
    failed = set()
    for example in examples(name):
        for steps in places(example):
            if isinstance(steps[-1], str):
                spoilt = copy.deepcopy(example)
                del parent_of(spoilt, steps)[steps[-1]]
                if not validator.is_valid(spoilt):
                    failed.add(steps[-1])

    assert failed <= required
    shown = {step for example in examples(name) for steps in places(example) for step in steps[-1:]}
    assert set() == {key for key in top_required(name) if key in shown} - failed


def top_required(name: str) -> set[str]:
    return set(schema(name).get("required", ()))


def test_schemas_are_plain_json() -> None:
    for name in NAMES:
        assert json.loads(json.dumps(schema(name))) == schema(name)
