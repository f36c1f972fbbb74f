"""A failing run made plain: every packed number pushed towards zero, within a bound of plays, not of time."""

from collections.abc import Callable, Iterator

from hvbuild.certify.draws import Field, Run, packed, split

# Plays that shrinking one counterexample may cost.
CALLS = 120


def shrunk(run: Run, fields: tuple[Field, ...], fails: Callable[[Run], bool], calls: int = CALLS) -> Run:
    """The plainest run found that still fails, the same for the same input.

    First whole numbers to zero, then what is packed in them; again until nothing gets plainer.
    """
    best = run
    shapes = {field.name: field for field in fields}
    changed = True
    while changed and calls > 0:
        changed = False
        for plainer in _plainer(best, shapes):
            if calls <= 0:
                break
            calls -= 1
            if fails(plainer):
                best, changed = plainer, True
                break
    return best


def _plainer(run: Run, shapes: dict[str, Field]) -> Iterator[Run]:
    """Runs that are plainer than `run`, the greatest steps first."""
    for at, (_, value) in enumerate(run):
        if value:
            yield _with(run, at, 0)
    for at, (name, value) in enumerate(run):
        parts = shapes[name].parts if name in shapes else ()
        if not parts:
            yield from (_with(run, at, lower) for lower in _lower(value))
            continue
        numbers = split(value, parts)
        for place, number in enumerate(numbers):
            for lower in _lower(number):
                changed = (*numbers[:place], lower, *numbers[place + 1 :])
                yield _with(run, at, packed(changed, parts))


def _lower(number: int) -> Iterator[int]:
    if number:
        yield 0
    if number > 1:
        yield number // 2
        yield number - 1


def _with(run: Run, at: int, value: int) -> Run:
    return (*run[:at], (run[at][0], value), *run[at + 1 :])
