"""What a fault against a schema is called: keyword of the schema → code, place, message and help."""

import re
from collections.abc import Callable
from collections.abc import Mapping as ReadOnly
from functools import partial
from typing import Any

from hvbuild.diagnostics import Diagnostic, error_code, other
from hvbuild.load.tree import Mapping, Node, Path, Scalar, Sequence, heading_at, node_at, route
from hvbuild.nearest import did_you_mean, nearest
from hvbuild.source import Span
from hvbuild.values import dataclass

_SCHEMA = "schemas/*.schema.json, as printed by `hvbuild schema`"

_code = partial(error_code, source=_SCHEMA)

UNKNOWN_KEY = _code("HV1001", "unknown-key", "A key that is not known in its place.")
MISSING_KEY = _code("HV1002", "missing-key", "A key that a mapping needs is not there.")
WRONG_TYPE = _code("HV1003", "wrong-type", "A value is of another type than its place wants.")
NOT_A_CHOICE = _code("HV1004", "not-a-choice", "A value is not one of those that its place allows.")
SPELLING = _code("HV1005", "spelling", "A text or a key is not spelled as its place wants.")
OUT_OF_RANGE = _code("HV1006", "out-of-range", "A number is below the least or above the greatest allowed.")
WRONG_COUNT = _code("HV1007", "wrong-count", "A list, mapping or text is too short or too long.")
REPEATED_ITEM = _code("HV1008", "repeated-item", "A list that holds each value once holds one twice.")
SHAPE = _code("HV1009", "shape", "A value does not have the shape that its place wants.")

CODES = (
    UNKNOWN_KEY,
    MISSING_KEY,
    WRONG_TYPE,
    NOT_A_CHOICE,
    SPELLING,
    OUT_OF_RANGE,
    WRONG_COUNT,
    REPEATED_ITEM,
    SHAPE,
)

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "`true` or `false`",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFault:
    """One fault as the validator tells it; `of_key` is the key where it is about a key's own text."""

    path: Path
    keyword: str
    wanted: Any
    found: object
    schema: ReadOnly[str, Any]
    of_key: str | None = None


def worded(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    """The diagnostics of `fault`: one for each key or value that it concerns."""
    return _WORDINGS.get(fault.keyword, _shape)(tree, fault)


def _place(tree: Mapping, fault: SchemaFault) -> Span:
    if fault.of_key is not None:
        return heading_at(tree, (*fault.path, fault.of_key))
    node = node_at(tree, fault.path)
    return node.span if isinstance(node, Scalar) else heading_at(tree, fault.path)


def _name(fault: SchemaFault) -> str:
    """The nearest key above the value, in backticks; an item of a list says so."""
    keys = [step for step in fault.path if isinstance(step, str)]
    named = f"`{keys[-1]}`" if keys else "the file"
    return f"an item of {named}" if fault.path and isinstance(fault.path[-1], int) else named


def _shown(tree: Mapping, fault: SchemaFault) -> str:
    node = node_at(tree, fault.path)
    text = (
        fault.of_key
        if fault.of_key is not None
        else node.text
        if isinstance(node, Scalar)
        else str(fault.found)
    )
    line = text.split("\n", 1)[0]
    return f"`{line}`" if line == text and len(text) <= 60 else f"`{line[:57]}…`"


def _meant(schema: ReadOnly[str, Any]) -> str:
    told = schema.get("errorMessage") or schema.get("description") or schema.get("title") or ""
    return str(told)


def _listed(words: list[str], lead: str) -> tuple[str, ...]:
    return (f"{lead}: {', '.join(f'`{word}`' for word in words)}",) if 0 < len(words) <= 12 else ()


def _unknown_keys(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    node = node_at(tree, fault.path)
    if not isinstance(node, Mapping):
        return []
    free = [key for key in _known(fault) if key not in node]
    found = []
    for key in _strangers(node, fault):
        helps = did_you_mean(key, free) or did_you_mean(key, _known(fault)) or _listed(free, "known here")
        place = route((*fault.path, key))
        message = f"unknown key `{key}`"
        found.append(UNKNOWN_KEY.at(node.key_span(key), message, "unknown", route=place, helps=helps))
    return found


def _known(fault: SchemaFault) -> list[str]:
    return sorted(fault.schema.get("properties", {}))


def _strangers(node: Mapping, fault: SchemaFault) -> list[str]:
    """The keys of `node` that its schema does not know, where it knows all that may be."""
    if fault.schema.get("additionalProperties") is not False:
        return []
    patterns = [re.compile(pattern) for pattern in fault.schema.get("patternProperties", {})]
    known = fault.schema.get("properties", {})
    return [
        entry.key
        for entry in node
        if entry.key not in known and not any(pattern.search(entry.key) for pattern in patterns)
    ]


def _missing_key(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    node = node_at(tree, fault.path)
    if not isinstance(node, Mapping):
        return []
    missing = [key for key in fault.wanted if key not in node]
    # A misspelt key is one fault: the unknown key says already what it was meant to be.
    misspelt = {match for key in _strangers(node, fault) if (match := nearest(key, missing)) is not None}
    place = heading_at(tree, fault.path)
    owner = _name(fault)
    found = []
    for key in missing:
        if key in misspelt:
            continue
        meaning = _meant(fault.schema.get("properties", {}).get(key, {}))
        helps = (f"`{key}`: {meaning}",) if meaning else ()
        label, where = f"needs `{key}`", route(fault.path)
        found.append(MISSING_KEY.at(place, f"{owner} has no `{key}`", label, route=where, helps=helps))
    return found


def _wrong_type(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    wanted = [fault.wanted] if isinstance(fault.wanted, str) else list(fault.wanted)
    names = " or ".join(_TYPES.get(each, each) for each in wanted)
    node = node_at(tree, fault.path)
    got = _got(node)
    message = f"{_name(fault)} is {got}, not {names}"
    helps: tuple[str, ...] = ()
    if "array" in wanted and isinstance(node, Scalar) and node.text:
        helps = (f"write a list in brackets: `[{node.text}]`",)
    elif isinstance(node, Scalar) and node.text != "" and got == "text" and node.span.text != node.text:
        helps = ("write it without quotes",) if node.text.isdigit() or node.text in ("true", "false") else ()
    elif "string" in wanted and isinstance(node, Scalar) and node.text:
        helps = (f'write it in quotes if it is text: "{node.text}"',)
    return [WRONG_TYPE.at(_place(tree, fault), message, got, route=route(fault.path), helps=helps)]


def _got(node: Node | None) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if not isinstance(node, Scalar) or node.value is None:
        return "empty"
    if isinstance(node.value, bool):
        return f"`{node.text}`"
    return "an integer" if isinstance(node.value, int) else "text"


def _not_a_choice(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    wanted = fault.wanted if fault.keyword == "enum" else [fault.wanted]
    words = [str(word) if not isinstance(word, bool) else str(word).lower() for word in wanted]
    node = node_at(tree, fault.path)
    text = node.text if isinstance(node, Scalar) else ""
    helps = (
        *did_you_mean(fault.of_key or text, words),
        *_listed(words, "one of" if len(words) > 1 else "write"),
    )
    message = f"{_shown(tree, fault)} is not a choice for {_name(fault)}"
    place = route(fault.path)
    return [
        NOT_A_CHOICE.at(_place(tree, fault), message, "not a choice", route=place, helps=helps[:1] or helps)
    ]


def _spelling(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    meant = _meant(fault.schema)
    what = (
        f"key {_shown(tree, fault)}"
        if fault.of_key is not None
        else f"{_shown(tree, fault)} of {_name(fault)}"
    )
    message = f"{what} cannot be read" + (f": wanted is {meant}" if meant else "")
    examples = [str(example) for example in fault.schema.get("examples", [])[:3]]
    helps = _listed(examples, "for example")
    label = "spelling"
    where = route(fault.path if fault.of_key is None else (*fault.path, fault.of_key))
    return [SPELLING.at(_place(tree, fault), message, label, route=where, helps=helps)]


def _out_of_range(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "above",
        "exclusiveMaximum": "below",
        "multipleOf": "a multiple of",
    }
    bound = f"{words[fault.keyword]} {fault.wanted}"
    message = f"{_name(fault)} is {_shown(tree, fault).strip('`')}, {bound} is allowed"
    return [OUT_OF_RANGE.at(_place(tree, fault), message, bound, route=route(fault.path))]


def _wrong_count(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    least = fault.keyword.startswith("min")
    unit = {"Items": "item", "Length": "character", "Properties": "key"}[fault.keyword[3:]]
    count = len(fault.found) if isinstance(fault.found, (str, list, dict)) else 0
    bound = f"{'at least' if least else 'at most'} {fault.wanted}"
    of_key = f"key {_shown(tree, fault)}" if fault.of_key is not None else _name(fault)
    verb = "is" if fault.wanted == 1 else "are"
    message = f"{of_key} has {count} {unit}{'' if count == 1 else 's'}, {bound} {verb} allowed"
    where = route(fault.path if fault.of_key is None else (*fault.path, fault.of_key))
    return [WRONG_COUNT.at(_place(tree, fault), message, bound, route=where)]


def _repeated_items(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    node = node_at(tree, fault.path)
    items = node.items if isinstance(node, Sequence) else ()
    values = fault.found if isinstance(fault.found, list) else []
    found = []
    for index, value in enumerate(values):
        first = next(at for at, each in enumerate(values) if each == value and type(each) is type(value))
        if first < index:
            before = other(items[first].span, "first given here")
            shown = f"`{items[index].span.text}`" if isinstance(items[index], Scalar) else "one item"
            message = f"{_name(fault)} holds {shown} twice"
            where = route((*fault.path, index))
            found.append(
                REPEATED_ITEM.at(items[index].span, message, "given again", others=before, route=where)
            )
    return found


def _shape(tree: Mapping, fault: SchemaFault) -> list[Diagnostic]:
    meant = _meant(fault.schema)
    message = f"{_name(fault)} has another shape than its place wants" + (f": {meant}" if meant else "")
    return [SHAPE.at(_place(tree, fault), message, route=route(fault.path))]


_WORDINGS: dict[str, Callable[[Mapping, SchemaFault], list[Diagnostic]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_key,
    "type": _wrong_type,
    "enum": _not_a_choice,
    "const": _not_a_choice,
    "pattern": _spelling,
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _out_of_range
    ),
    **dict.fromkeys(
        ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"), _wrong_count
    ),
    "uniqueItems": _repeated_items,
}
