"""Shape of a tree against our JSON Schemas, one diagnostic per fault, at the place it means.

The only importer of jsonschema. Schemas are the shipped `schemas/*.schema.json` in the subset that editors
know; `$ref` between them is resolved among the shipped files alone. A schema may word its own fault under the
key `errorMessage`; otherwise its `description` is used, never its regular expression.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from hvbuild.diagnostics import Diagnostic
from hvbuild.load.accept import Judge, acceptor
from hvbuild.load.schema_wording import CODES as WORDING_CODES
from hvbuild.load.schema_wording import SchemaFault, worded
from hvbuild.load.tree import Mapping, plain
from hvbuild.shipped import shipped_schemas

CODES = WORDING_CODES

# What a value is comes before what it looks like: of several faults of one value the first here is told.
_RANK = (
    "type",
    "const",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
)
_ANNOTATIONS = frozenset({"title", "description", "examples", "default", "errorMessage"})
_ABOUT_KEYS = frozenset({"additionalProperties", "required", "dependentRequired", "propertyNames"})


@cache
def schema(name: str) -> dict[str, Any]:
    """The shipped schema `name`; KeyError where there is none."""
    loaded: dict[str, Any] = json.loads(shipped_schemas()[name].read_text(encoding="utf-8"))
    return loaded


def shape_faults(tree: Mapping, name: str) -> tuple[Diagnostic, ...]:
    """The faults of `tree` against the shipped schema `name`, ordered by place."""
    accepts = _acceptor(name)
    if accepts is not None and accepts(plain(tree)):
        return ()
    return faults_against(tree, _validator(name))


def faults_against(tree: Mapping, validator: Any) -> tuple[Diagnostic, ...]:
    """The faults of `tree` that `validator` finds, each value's most telling one, ordered by place.

    What stands in a part that several places take in is one fault, told at the first of them.
    """
    found = [worded(tree, fault) for fault in _telling(validator.iter_errors(plain(tree)))]
    first: dict[object, Diagnostic] = {}
    for fault in (fault for faults in found for fault in faults):
        first.setdefault(fault.sort_key, fault)
    return tuple(sorted(first.values(), key=lambda fault: fault.sort_key))


def validator_for(document: dict[str, Any]) -> Any:
    """A validator of the schema `document`; the schema itself is not checked (tests do that once)."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 70 ms, paid only when a tree is validated
    from referencing import Registry, Resource  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    def retrieve(uri: str) -> Any:
        return Resource.from_contents(schema(uri.removesuffix(".schema.json")), DRAFT202012)

    registry: Any = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    return Draft202012Validator(document, registry=registry)


@cache
def _acceptor(name: str) -> Judge | None:
    # Of the others the project file alone speaks, of its devices.
    others = {"stack.schema.json": schema("stack")} if name == "project" else {}
    return acceptor(schema(name), others)


@cache
def _validator(name: str) -> Any:
    return validator_for(without_references(schema(name)))


def without_references(document: dict[str, Any]) -> dict[str, Any]:
    """An equal schema whose `$ref`s to its own `$defs` are written out, recursive ones excepted.

    Following a reference costs the library more than judging a value: for 152 KB of YAML validation takes
    0.10 s instead of 0.43 s on one core.
    """
    definitions = document.get("$defs", {})

    def written_out(value: object, opened: tuple[str, ...]) -> object:
        if isinstance(value, list):
            return [written_out(item, opened) for item in value]
        if not isinstance(value, dict):
            return value
        copy = {key: written_out(inner, opened) for key, inner in value.items() if key != "$defs"}
        name = _own_definition(value)
        if name is None or name in opened or name not in definitions:
            return copy
        target = written_out(definitions[name], (*opened, name))
        beside = {key: inner for key, inner in copy.items() if key != "$ref"}
        if isinstance(target, dict) and not (target.keys() & beside.keys()) - _ANNOTATIONS:
            return {**target, **beside}
        others = beside.get("allOf")
        return {**beside, "allOf": [target, *(others if isinstance(others, list) else ())]}

    copy = written_out(document, ())
    assert isinstance(copy, dict)
    return {**copy, "$defs": definitions}


def _own_definition(value: dict[str, Any]) -> str | None:
    reference = value.get("$ref")
    prefix = "#/$defs/"
    return (
        reference.removeprefix(prefix)
        if isinstance(reference, str) and reference.startswith(prefix)
        else None
    )


def _telling(errors: Iterable[Any]) -> list[SchemaFault]:
    kept: dict[tuple[object, ...], SchemaFault] = {}
    for error in errors:
        for fault in _leaf_faults(error):
            about = fault.keyword if fault.keyword in _ABOUT_KEYS else ""
            place = (*fault.path, about, fault.of_key)
            held = kept.get(place)
            if held is None or _rank(fault) < _rank(held):
                kept[place] = fault
    return list(kept.values())


def _rank(fault: SchemaFault) -> int:
    return _RANK.index(fault.keyword) if fault.keyword in _RANK else len(_RANK)


def _leaf_faults(error: Any) -> list[SchemaFault]:
    """The error itself; of a failed choice the faults of the one branch that takes this type of value."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        branches: dict[object, list[Any]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        fitting = [
            inner for inner in branches.values() if not any(_is_type_fault(each, error) for each in inner)
        ]
        if len(fitting) == 1:
            return [fault for inner in fitting[0] for fault in _leaf_faults(inner)]
    names = "propertyNames" in error.absolute_schema_path and isinstance(error.instance, str)
    return [
        SchemaFault(
            path=tuple(error.absolute_path),
            keyword=str(error.validator),
            wanted=error.validator_value,
            found=error.instance,
            schema=error.schema if isinstance(error.schema, dict) else {},
            of_key=error.instance if names else None,
        )
    ]


def _is_type_fault(inner: Any, outer: Any) -> bool:
    return inner.validator == "type" and list(inner.absolute_path) == list(outer.absolute_path)
