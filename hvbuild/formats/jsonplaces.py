"""Where the values of a JSON text stand: routes to spans, and keys that are written twice.

Reading is the standard library's; this walks a text that it has read, only where a fault needs a place.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hvbuild.source import SourceFile, Span

_TOKEN = re.compile(r'[ \t\r\n\ufeff]*("(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+)', re.DOTALL)
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")

Route = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A value: its route, its own span, and where its key stands (None in a list); `again`: a second one."""

    route: Route
    span: Span
    key: Span | None
    again: bool


@dataclass(slots=True)
class _Open:
    """An object or a list being read."""

    route: Route
    start: int
    key: Span | None
    again: bool
    listed: bool
    count: int = 0
    name: str | None = None
    at: Span | None = None
    seen: set[str] = field(default_factory=set)


def places(file: SourceFile) -> Iterator[Place]:
    """Every value of a well-formed JSON text, the outermost last."""
    stack: list[_Open] = []
    route: Route = ()
    key: Span | None = None
    again = False
    for match in _TOKEN.finditer(file.text):
        word, span = match[1], Span(file, match.start(1), match.end(1))
        top = stack[-1] if stack else None
        if word in {",", ":"}:
            continue
        if word in {"]", "}"}:
            done = stack.pop()
            yield Place(
                route=done.route, span=Span(file, done.start, span.end), key=done.key, again=done.again
            )
            continue
        if top is not None and not top.listed and top.name is None:
            top.name, top.at = json.loads(word), span
            continue
        if top is not None:
            route, key, again = _next_route(top)
        if word in {"[", "{"}:
            stack.append(_Open(route, span.start, key, again, word == "["))
        else:
            yield Place(route=route, span=span, key=key, again=again)


def _next_route(top: _Open) -> tuple[Route, Span | None, bool]:
    """Route and key of the value that comes next in `top`, and whether its key was there before."""
    if top.listed:
        top.count += 1
        return (*top.route, top.count - 1), None, False
    name = top.name or ""
    again = name in top.seen
    top.seen.add(name)
    top.name = None
    return (*top.route, name), top.at, again


def steps(route: str) -> Route:
    """`threads[2].prio` as keys and numbers."""
    return tuple(int(s[1:-1]) if s.startswith("[") else s for s in _STEP.findall(route))


def span_of(file: SourceFile, route: str, columns: Sequence[str] = ()) -> Span:
    """Where `route` is written in `file`, or the nearest thing around it that is.

    `columns` name the places of rows that are lists; a key that is wrong itself is not told apart.
    """
    wanted = steps(route)
    if wanted and wanted[-1] in columns:
        wanted = (*wanted[:-1], columns.index(str(wanted[-1])))
    found = {place.route: place for place in places(file)}
    for length in range(len(wanted), -1, -1):
        place = found.get(wanted[:length])
        if place is not None:
            break
    else:
        return Span(file, 0, 0)
    if length == len(wanted) or place.key is None:
        return place.span if length == len(wanted) else Span(file, place.span.start, place.span.start + 1)
    return place.key


def repeated(file: SourceFile) -> Iterator[tuple[str, Span]]:
    """Keys that their object has already, with where they stand again."""
    for place in places(file):
        if place.again and place.key is not None:
            yield str(place.route[-1]), place.key
