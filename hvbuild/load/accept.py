"""Quick acceptance of well-shaped trees: whether a JSON Schema has anything to say of a value, and no more.

Importing jsonschema costs a cold check more than all its validation. A value that is accepted here has no
fault for the library to tell; one that is not goes to the library, which judges and words. Only the keywords
that our schemas use are known; a schema with any other is left to the library as a whole. A law holds both to
the same verdict.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]
Judge = Callable[[Any], bool]
Named = Callable[[str], Judge]

_SILENT = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "examples", "default", "errorMessage"}
)
_TYPES: dict[str, Judge] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}
_OF_OBJECTS = frozenset({"properties", "required", "additionalProperties", "propertyNames"})


class Unknown(Exception):  # noqa: N818 - says what the keyword is
    """A schema uses a keyword that is not judged here."""


def acceptor(document: Json, others: Mapping[str, Json] | None = None) -> Judge | None:
    """A function that is true for exactly the values without a fault; None for a schema it cannot judge.

    `others` are the schemas that references may lead to, by file name.
    """
    compiled: dict[tuple[str, str], Judge] = {}
    documents = {**(others or {}), "": document}

    def within(file: str) -> Named:
        def named(reference: str) -> Judge:
            elsewhere, _, pointer = reference.partition("#")
            key = (elsewhere or file, pointer)
            if key not in compiled:
                target, inside = _at(documents.get(key[0]), pointer), within(key[0])
                # A recursive schema finds this entry while it is still being made.
                compiled[key] = lambda value: compiled[key](value)  # noqa: PLW0108 - replaced below
                compiled[key] = _all(_judges(target, inside))
            return compiled[key]

        return named

    try:
        return _all(_judges(document, within("")))
    except Unknown:
        return None


def _at(document: Json | None, pointer: str) -> Json:
    """What a plain JSON pointer like `/$defs/name` leads to."""
    value: Any = document
    for step in pointer.split("/")[1:]:
        if not isinstance(value, dict) or step not in value:
            raise Unknown(pointer)
        value = value[step]
    if not isinstance(value, dict):
        raise Unknown(pointer)
    return value


def _all(judges: list[Judge]) -> Judge:
    if len(judges) == 1:
        return judges[0]
    held = tuple(judges)
    return lambda value: all(judge(value) for judge in held)


def _any(judges: list[Judge]) -> Judge:
    held = tuple(judges)
    return lambda value: any(judge(value) for judge in held)


def _judges(schema: Json, named: Named) -> list[Judge]:
    judges: list[Judge] = []
    if _OF_OBJECTS & schema.keys():
        judges.append(_object(schema, named))
    for keyword, said in schema.items():
        if keyword in _SILENT or keyword in _OF_OBJECTS:
            continue
        if keyword == "$ref":
            judges.append(named(said))
        elif keyword == "anyOf":
            judges.append(_any([_all(_judges(one, named)) for one in said]))
        elif keyword == "items":
            judges.append(_items(_all(_judges(said, named))))
        else:
            judges.append(_scalar(keyword, said))
    return judges


def _scalar(keyword: str, said: Any) -> Judge:
    match keyword:
        case "type":
            kinds = tuple(_TYPES[kind] for kind in ([said] if isinstance(said, str) else said))
            return kinds[0] if len(kinds) == 1 else lambda value: any(kind(value) for kind in kinds)
        case "const":
            return lambda value: type(value) is type(said) and value == said
        case "enum":
            return lambda value: any(type(value) is type(one) and value == one for one in said)
        case "pattern":
            search = re.compile(said).search
            return lambda value: not isinstance(value, str) or search(value) is not None
        case "minLength":
            return lambda value: not isinstance(value, str) or len(value) >= said
        case "maxLength":
            return lambda value: not isinstance(value, str) or len(value) <= said
        case "minimum":
            return lambda value: type(value) is not int or value >= said
        case "maximum":
            return lambda value: type(value) is not int or value <= said
        case "minItems":
            return lambda value: not isinstance(value, list) or len(value) >= said
        case "maxItems":
            return lambda value: not isinstance(value, list) or len(value) <= said
        case _:
            raise Unknown(keyword)


def _items(judge: Judge) -> Judge:
    return lambda value: not isinstance(value, list) or all(judge(item) for item in value)


def _object(schema: Json, named: Named) -> Judge:
    properties = {key: _all(_judges(inner, named)) for key, inner in schema.get("properties", {}).items()}
    required = frozenset(schema.get("required", ()))
    names = _all(_judges(schema["propertyNames"], named)) if "propertyNames" in schema else None
    said = schema.get("additionalProperties", True)
    others = None if isinstance(said, bool) else _all(_judges(said, named))
    closed = said is False

    def judge(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        if not required <= value.keys():
            return False
        for key, inner in value.items():
            known = properties.get(key, others)
            if known is None:
                if closed:
                    return False
            elif not known(inner):
                return False
            if names is not None and not names(key):
                return False
        return True

    return judge
