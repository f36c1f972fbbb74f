"""Inclusion with parameters: `use: PATH` takes in the body of another file, `with:` gives its parameters.

A part is a file of the form `{format: 1, parameters: {NAME: {default: …, description: …}}, body: …}`. Its
path is relative to the file that names it. A mapping with `use` becomes the body, with its other keys laid
over it as an overlay; a list item whose body is a list is spliced into the list. In a body `${NAME}` is
replaced as text inside scalars and keys; a scalar that is `${NAME}` and nothing else becomes the parameter's
value with its type; `$${` is a plain `${`. A value that came through a parameter was written in `with` (or as
the default); the place of its `${NAME}` follows in its chain.
"""

import os
import re
from collections.abc import Mapping as ReadOnly
from dataclasses import replace
from functools import partial
from pathlib import Path

from hvbuild.diagnostics import Diagnostic, Label, error_code, other
from hvbuild.load.fileformat import format_fault
from hvbuild.load.files import UNREADABLE, Files, Unreadable
from hvbuild.load.overlay import compose, marked
from hvbuild.load.tree import Entry, Kind, Mapping, Node, Scalar, Sequence, heading_at, route
from hvbuild.load.tree import Path as Steps
from hvbuild.load.yamltree import DUPLICATE_KEY, MAX_NODES
from hvbuild.nearest import did_you_mean
from hvbuild.source import Span
from hvbuild.values import dataclass

MAX_INCLUDES = 16
# One text made of parameters, in characters; a command line of a guest is well below a thousandth of it.
MAX_TEXT = 1_000_000
_PARAMETER = re.compile(r"\$(\$)?\{([^{}]*)\}")
_SOURCE = "hvbuild's rules of inclusion"

_code = partial(error_code, source=_SOURCE)

USE_SHAPE = _code(
    "HV0040",
    "use-shape",
    "`use` names no relative path, `with` is no mapping, or a key beside them is laid over nothing.",
)
INCLUDE_CYCLE = _code("HV0041", "include-cycle", "A part includes itself, directly or through others.")
INCLUDE_DEPTH = _code("HV0042", "include-depth", f"Parts include parts more than {MAX_INCLUDES} deep.")
UNKNOWN_PARAMETER = _code(
    "HV0043", "unknown-parameter", "`${NAME}` in a body names no parameter of its part."
)
MISSING_PARAMETER = _code("HV0044", "missing-parameter", "A parameter without a default gets no value.")
UNUSED_PARAMETER = _code(
    "HV0045", "unused-parameter", "`with` gives a parameter that the part does not have."
)
PART_SHAPE = _code(
    "HV0046", "part-shape", "An included file is not of the form `format`, `parameters`, `body`."
)
TOO_LARGE = _code(
    "HV0048", "include-too-large", "What parts and parameters make of a few lines is out of all proportion."
)
NOT_TEXT = _code(
    "HV0047", "parameter-not-text", "A mapping, a list or nothing is put into the middle of a text."
)

CODES = (
    USE_SHAPE,
    INCLUDE_CYCLE,
    INCLUDE_DEPTH,
    UNKNOWN_PARAMETER,
    MISSING_PARAMETER,
    UNUSED_PARAMETER,
    PART_SHAPE,
    NOT_TEXT,
    TOO_LARGE,
)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a node stands: its file, the parameters of its part (None outside any), who included whom."""

    path: Path
    parameters: ReadOnly[str, Node] | None
    chain: tuple[tuple[Path, Span], ...] = ()


def expand(root: Mapping, path: Path, files: Files) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    """The tree of the file `path` with all that it includes, marked as an overlay where it removes things."""
    expander = _Expander(files)
    node = expander.node(root, _Scope(path, None), ())
    # A fault of a part that is included twice is told once.
    return (node if isinstance(node, Mapping) else root), tuple(dict.fromkeys(expander.faults))


class _Expander:
    """Mutable: collects the faults of one expansion."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._grown = 0
        self.faults: list[Diagnostic] = []

    def node(self, node: Node, scope: _Scope, at: Steps) -> Node:
        """`node` with its inclusions and parameters resolved; itself where it has none."""
        if isinstance(node, Scalar):
            return (
                node if scope.parameters is None or "${" not in node.text else self._filled(node, scope, at)
            )
        if isinstance(node, Mapping):
            if "use" in node.entries:
                return self._included(node, scope, at)
            if "with" in node.entries:
                helps = ("parameters belong beside the `use` that they are for, in the same file",)
                place = node.key_span("with")
                message = "`with` stands without `use`"
                self.faults.append(
                    USE_SHAPE.at(place, message, "given to nothing", route=route(at), helps=helps)
                )
            return self._mapping(node, scope, at)
        return self._sequence(node, scope, at) if isinstance(node, Sequence) else node

    def _mapping(self, node: Mapping, scope: _Scope, at: Steps) -> Mapping:
        entries: dict[str, Entry] = {}
        same = True
        for entry in node:
            child = entry.node
            if scope.parameters is None and isinstance(child, Scalar):
                entries[entry.key] = entry
                continue
            key = self._text(entry.key, entry.key_span, scope, at) if "${" in entry.key else entry.key
            new = self.node(child, scope, (*at, key))
            if key in entries:
                before = other(entries[key].key_span, "first given here")
                message = f"key `{key}` is given twice"
                self.faults.append(DUPLICATE_KEY.at(entry.key_span, message, "given again", others=before))
                continue
            unchanged = new is child and key == entry.key
            entries[key] = entry if unchanged else Entry(key, entry.key_span, new)
            same = same and unchanged
        return node if same else replace(node, entries=entries)

    def _sequence(self, node: Sequence, scope: _Scope, at: Steps) -> Sequence:
        items: list[Node] = []
        same = True
        for index, item in enumerate(node.items):
            new = self.node(item, scope, (*at, index))
            spliced = isinstance(new, Sequence) and isinstance(item, Mapping)
            items.extend(new.items if spliced and isinstance(new, Sequence) else (new,))
            same = same and new is item
        return node if same else replace(node, items=tuple(items))

    def _included(self, node: Mapping, scope: _Scope, at: Steps) -> Node:
        beside = Mapping(
            {entry.key: entry for entry in node if entry.key not in ("use", "with")}, node.span, node.replaced
        )
        over = self._mapping(beside, scope, at)
        body = self._body(node, scope, at) if self._grown <= MAX_NODES else None
        if body is None or not self._fits(body, node.entries["use"].node.span, at):
            return over
        if not over.entries:
            return replace(body, replaced=(*body.replaced, node.span))
        if not isinstance(body, Mapping):
            entry = next(iter(over))
            kind = "a list" if isinstance(body, Sequence) else "a single value"
            message = f"`{entry.key}` stands beside `use`, whose body is {kind}"
            others = other(body.span, f"the body is {kind}")
            self.faults.append(
                USE_SHAPE.at(entry.key_span, message, "laid over nothing", others=others, route=route(at))
            )
            return body
        return compose(marked(body, self.faults, at), marked(over, self.faults, at))

    def _fits(self, node: Node, place: Span, at: Steps) -> bool:
        """Count what inclusion has made so far; False, reported once, when it is out of proportion."""
        if self._grown > MAX_NODES:
            return False
        self._grown += _size(node, MAX_NODES + 1)
        if self._grown > MAX_NODES:
            message = f"parts and parameters make more than {MAX_NODES} nodes"
            self.faults.append(TOO_LARGE.at(place, message, "the limit is reached here", route=route(at)))
        return self._grown <= MAX_NODES

    def _body(self, node: Mapping, scope: _Scope, at: Steps) -> Node | None:
        found = self._part(node, scope, at)
        if found is None:
            return None
        part, inner = found
        declared = part.get("parameters")
        parameters = self._parameters(node, scope, declared if isinstance(declared, Mapping) else None, at)
        body = part.get("body")
        return None if body is None else self.node(body, replace(inner, parameters=parameters), at)

    def _part(self, node: Mapping, scope: _Scope, at: Steps) -> tuple[Mapping, _Scope] | None:
        """The top level of the file that `use` names, and the scope of its body."""
        use = self.node(node.entries["use"].node, scope, at)
        where = route(at)
        if not isinstance(use, Scalar) or not use.text or os.path.isabs(use.text):
            place = use.span if isinstance(use, Scalar) else node.key_span("use")
            message = "`use` names a file by its path relative to this one"
            self.faults.append(USE_SHAPE.at(place, message, "not a relative path", route=where))
            return None
        target = Path(os.path.normpath(scope.path.parent / use.text))
        fault = _chain_fault(target, scope, use.span)
        if fault is not None:
            self.faults.append(fault)
            return None
        reading = self._files.reading(target)
        if isinstance(reading, Unreadable):
            message = f"cannot read `{target.as_posix()}`: {reading.reason}"
            self.faults.append(UNREADABLE.at(use.span, message, "included here", route=where))
            return None
        shape = reading.faults or (_part_faults(reading.root) if reading.root is not None else ())
        self.faults.extend(shape)
        if reading.root is None or shape:
            return None
        return reading.root, _Scope(target, None, (*scope.chain, (scope.path, use.span)))

    def _parameters(
        self, node: Mapping, scope: _Scope, declared: Mapping | None, at: Steps
    ) -> dict[str, Node]:
        """Name → value of each parameter of a part; faults for those missing and those not declared."""
        where = route(at)
        given = node.get("with")
        if given is not None and not isinstance(given, Mapping):
            message = "`with` is a mapping of parameters to their values"
            self.faults.append(USE_SHAPE.at(node.key_span("with"), message, "not a mapping", route=where))
        values = self._mapping(given, scope, at) if isinstance(given, Mapping) else None
        known = {entry.key: entry for entry in declared} if declared is not None else {}
        found: dict[str, Node] = {}
        for entry in values or ():
            if entry.key in known:
                fits = isinstance(entry.node, Scalar) or self._fits(entry.node, entry.key_span, at)
                found[entry.key] = entry.node if fits else Scalar("", Kind.TEXT, "", entry.key_span)
            else:
                self.faults.append(_unused(entry, known, declared, node, where))
        for name, entry in known.items():
            default = entry.node.get("default") if isinstance(entry.node, Mapping) else None
            if name not in found and default is not None:
                found[name] = default
            elif name not in found:
                others = other(entry.key_span, "declared without a default here")
                helps = (f"give it: `with: {{{name}: …}}`",)
                message = f"parameter `{name}` has no value"
                place = node.entries["use"].node.span
                label = f"needs `{name}`"
                self.faults.append(
                    MISSING_PARAMETER.at(place, message, label, others=others, helps=helps, route=where)
                )
                # Its uses are not told again.
                found[name] = Scalar(f"${{{name}}}", Kind.TEXT, f"${{{name}}}", place)
        return found

    def _filled(self, node: Scalar, scope: _Scope, at: Steps) -> Node:
        whole = _PARAMETER.fullmatch(node.text)
        parameters = scope.parameters or {}
        if whole is not None and not whole[1] and whole[2] in parameters:
            value = parameters[whole[2]]
            return replace(value, replaced=(*value.replaced, node.span, *node.replaced))
        text = self._text(node.text, node.span, scope, at)
        if text == node.text:
            return node
        used = [
            parameters[each[2]]
            for each in _PARAMETER.finditer(node.text)
            if not each[1] and each[2] in parameters
        ]
        places = (*(value.span for value in used), node.span, *node.replaced)
        return Scalar(text, Kind.TEXT, text, places[0], tuple(dict.fromkeys(places[1:])))

    def _text(self, text: str, span: Span, scope: _Scope, at: Steps) -> str:
        """`text` with each `${NAME}` replaced; what cannot be replaced is reported and stays."""
        parameters = scope.parameters

        def value_of(found: re.Match[str]) -> str:
            if parameters is None:
                return found[0]
            if found[1]:
                return found[0][1:]
            value = parameters.get(found[2])
            if value is None:
                self.faults.append(_unknown(found[2], parameters, span, at))
                return found[0]
            if not isinstance(value, Scalar) or value.kind is Kind.NULL:
                others = other(value.span, "its value")
                message = f"parameter `{found[2]}` is not text and stands inside a text"
                self.faults.append(
                    NOT_TEXT.at(span, message, "inside a text", others=others, route=route(at))
                )
                return found[0]
            return value.text

        if self._grown <= MAX_NODES and _length(text, parameters or {}) > MAX_TEXT:
            message = f"parameters make a text of more than {MAX_TEXT} characters"
            self.faults.append(TOO_LARGE.at(span, message, "the limit is reached here", route=route(at)))
            return text
        return _PARAMETER.sub(value_of, text)


def _size(node: Node, most: int) -> int:
    """How many nodes `node` has; counting stops at `most`."""
    count, waiting = 0, [node]
    while waiting and count < most:
        count += 1
        each = waiting.pop()
        if isinstance(each, Mapping):
            waiting.extend(entry.node for entry in each)
        elif isinstance(each, Sequence):
            waiting.extend(each.items)
    return count


def _length(text: str, parameters: ReadOnly[str, Node]) -> int:
    values = (parameters.get(found[2]) for found in _PARAMETER.finditer(text))
    return len(text) + sum(len(value.text) for value in values if isinstance(value, Scalar))


def _chain_fault(target: Path, scope: _Scope, place: Span) -> Diagnostic | None:
    opened = [path for path, _ in scope.chain] + [scope.path]
    if target in opened:
        uses = [use for _, use in scope.chain[opened.index(target) :]]
        others = tuple(Label(use, "which is included here") for use in reversed(uses))
        message = f"`{target.as_posix()}` includes itself"
        return INCLUDE_CYCLE.at(place, message, "included again", others=others)
    if len(opened) > MAX_INCLUDES:
        return INCLUDE_DEPTH.at(place, f"parts include parts more than {MAX_INCLUDES} deep", "one too many")
    return None


def _part_faults(root: Mapping) -> tuple[Diagnostic, ...]:
    wrong = format_fault(root)
    faults = [wrong] if wrong is not None else []
    known = ("format", "description", "parameters", "body")
    for entry in root:
        if entry.key not in known:
            helps = did_you_mean(entry.key, known)
            message = f"unknown key `{entry.key}` in an included file"
            faults.append(PART_SHAPE.at(entry.key_span, message, "unknown", route=entry.key, helps=helps))
    if "body" not in root:
        helps = ("a part has `format`, `parameters` and `body`",)
        faults.append(
            PART_SHAPE.at(heading_at(root, ()), "an included file has no `body`", "no `body`", helps=helps)
        )
    declared = root.get("parameters")
    if declared is not None and not isinstance(declared, Mapping):
        message = "`parameters` is a mapping of names to `{default: …, description: …}`"
        faults.append(
            PART_SHAPE.at(root.key_span("parameters"), message, "not a mapping", route="parameters")
        )
    for entry in declared if isinstance(declared, Mapping) else ():
        faults.extend(_parameter_faults(entry))
    return tuple(faults)


def _parameter_faults(entry: Entry) -> list[Diagnostic]:
    where = f"parameters.{entry.key}"
    if isinstance(entry.node, Scalar) and entry.node.kind is Kind.NULL:
        return []
    if not isinstance(entry.node, Mapping):
        helps = (f"write `{entry.key}: {{default: …}}`",)
        message = f"parameter `{entry.key}` is not a mapping"
        return [PART_SHAPE.at(entry.key_span, message, "not a mapping", route=where, helps=helps)]
    return [
        PART_SHAPE.at(
            inner.key_span, f"unknown key `{inner.key}` of parameter `{entry.key}`", "unknown", route=where
        )
        for inner in entry.node
        if inner.key not in ("default", "description")
    ]


def _unused(
    entry: Entry, known: ReadOnly[str, Entry], declared: Mapping | None, node: Mapping, where: str
) -> Diagnostic:
    helps = did_you_mean(entry.key, known)
    if not helps and known:
        helps = (f"it has: {', '.join(f'`{name}`' for name in known)}",)
    place = heading_at(declared, ()) if declared is not None else None
    others = other(place, "its parameters are declared here")
    path = node.text("use") or "the part"
    message = f"`{path}` has no parameter `{entry.key}`"
    return UNUSED_PARAMETER.at(
        entry.key_span, message, "unknown parameter", others=others, helps=helps, route=where
    )


def _unknown(name: str, parameters: ReadOnly[str, Node], span: Span, at: Steps) -> Diagnostic:
    declare = f"declare it under `parameters`, or write `$${{{name}}}` for the text itself"
    helps = did_you_mean(name, parameters, "${{{}}}") or (declare,)
    message = f"`${{{name}}}` names no parameter of this file"
    return UNKNOWN_PARAMETER.at(span, message, "unknown parameter", route=route(at), helps=helps)
