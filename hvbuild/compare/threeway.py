"""Three-way merge of texts by lines: what two sides made of one base, kept together or told as a clash."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Clash:
    """Both sides changed the same lines otherwise: first line (from 1) and text on each side."""

    base_line: int
    ours_line: int
    theirs_line: int
    base: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Merge:
    """The merged text; where `clashes` holds any it keeps their side there."""

    text: str
    clashes: tuple[Clash, ...]


def merge(base: str, ours: str, theirs: str) -> Merge:
    """What `ours` and `theirs` made of `base`, line by line; every change of either side is kept."""
    old, left, right = (text.splitlines(keepends=True) for text in (base, ours, theirs))
    kept: list[str] = []
    clashes: list[Clash] = []
    at_old = at_left = at_right = 0
    for start, end, to_left, to_right in _common(old, left, right):
        was, mine, other = old[at_old:start], left[at_left:to_left], right[at_right:to_right]
        if mine in (was, other):
            kept += other
        elif other == was:
            kept += mine
        else:
            kept += other
            places = (at_old + 1, at_left + 1, at_right + 1)
            clashes.append(Clash(*places, "".join(was), "".join(mine), "".join(other)))
        kept += old[start:end]
        size = end - start
        at_old, at_left, at_right = end, to_left + size, to_right + size
    return Merge("".join(kept), tuple(clashes))


def _common(
    old: Sequence[str], left: Sequence[str], right: Sequence[str]
) -> Iterator[tuple[int, int, int, int]]:
    """Stretches of `old` that both sides kept: start and end there, start in `left`, start in `right`."""
    mine = SequenceMatcher(None, old, left, autojunk=False).get_matching_blocks()
    other = SequenceMatcher(None, old, right, autojunk=False).get_matching_blocks()
    one = two = 0
    while one < len(mine) and two < len(other):
        a, b = mine[one], other[two]
        start, end = max(a.a, b.a), min(a.a + a.size, b.a + b.size)
        if start < end:
            yield start, end, a.b + start - a.a, b.b + start - b.a
        if a.a + a.size < b.a + b.size:
            one += 1
        else:
            two += 1
    yield len(old), len(old), len(left), len(right)
