"""Phrases that messages of several rules share."""

from collections.abc import Iterable, Sequence


def did_you_mean(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help that names the nearest of `known`, or, when none is near, what there is to choose from."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a fault pays for it

    names = sorted(set(known))
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return (f"did you mean `{near[0]}`?",)
    return (f"known: {listed(names)}",) if 0 < len(names) <= 12 else ()


def nearest(path: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help that names a path which differs from `path` by little more than a letter, else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a fault pays for it

    return tuple(f"did you mean `{near}`?" for near in get_close_matches(path, sorted(known), 1, 0.9))


def listed(names: Iterable[str]) -> str:
    """`a`, `b` and `c`, each in backticks."""
    return joined([f"`{name}`" for name in names])


def joined(words: Sequence[str]) -> str:
    """The words as a list for people: a, b and c."""
    *most, last = words or [""]
    return f"{', '.join(most)} and {last}" if most else last


def cpus_text(cpus: Iterable[int]) -> str:
    """A set of pCPUs: `4..7` would look like an address range, so `4, 5, 6 and 7`."""
    return joined([str(cpu) for cpu in sorted(cpus)])
