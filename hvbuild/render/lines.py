"""Which input lines made which output line: read-back laid beside the plan, thing by thing."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

from hvbuild.source import Origin, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOrigin:
    """One line of an artifact with the places of the input that made it, the one in force first."""

    line: int
    places: tuple[Span, ...]


def line_origins(written: object, planned: object) -> tuple[LineOrigin, ...]:
    """Pair what was read back with what was planned and say, line by line, where it comes from.

    Both are values of the same types and equal; `written` has its origins in the artifact, `planned` in the
    input. A line takes the places of everything that starts on it.
    """
    found: dict[int, dict[Span, None]] = {}
    for here, there in _pairs(written, planned):
        if here.span is None:
            continue
        places = found.setdefault(here.span.line, {})
        for place in there.places:
            places[place] = None
    return tuple(LineOrigin(line=line, places=tuple(found[line])) for line in sorted(found) if found[line])


def _pairs(written: object, planned: object) -> Iterator[tuple[Origin, Origin]]:
    if isinstance(written, tuple) and isinstance(planned, tuple):
        for left, right in zip(written, planned, strict=False):
            yield from _pairs(left, right)
    elif is_dataclass(written) and type(written) is type(planned):
        for field in fields(written):
            left, right = getattr(written, field.name), getattr(planned, field.name)
            if isinstance(left, Origin) and isinstance(right, Origin):
                yield left, right
            else:
                yield from _pairs(left, right)
