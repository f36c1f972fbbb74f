"""Routes of places: `guests.la.vdevs[0].loc` for a span of the merged tree.

Rules see values with origins, not trees; the route of a diagnostic is found here from its primary place.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hvbuild.diagnostics import Diagnostic
from hvbuild.load.tree import Mapping, Node, Sequence, child_route
from hvbuild.source import Span


def with_routes(diagnostics: Iterable[Diagnostic], trees: Iterable[Node]) -> tuple[Diagnostic, ...]:
    """The diagnostics, each that has no route with that of the smallest thing around its primary place."""
    held = tuple(diagnostics)
    if all(diagnostic.route for diagnostic in held):
        return held
    places: dict[str, list[tuple[int, int, str]]] = {}
    for tree in trees:
        for route, span in _places("", tree):
            places.setdefault(span.file.path, []).append((span.start, span.end, route))
    return tuple(each if each.route else replace(each, route=_route(each, places)) for each in held)


def _route(diagnostic: Diagnostic, places: dict[str, list[tuple[int, int, str]]]) -> str:
    span = diagnostic.primary.span
    around = (
        (end - start, -len(route), route)
        for start, end, route in places.get(span.file.path, ())
        if start <= span.start and span.end <= end
    )
    return min(around, default=(0, 0, ""))[2]


def _places(route: str, node: Node) -> Iterator[tuple[str, Span]]:
    if route:
        yield route, node.span
    if isinstance(node, Mapping):
        for entry in node:
            inner = child_route(route, entry.key)
            yield inner, entry.key_span
            yield from _places(inner, entry.node)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from _places(child_route(route, index), item)
