"""Phrases that messages of several rules share."""

from collections.abc import Iterable, Sequence

from hvbuild.nearest import did_you_mean as nearest_help


def did_you_mean(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help that names the nearest of `known`, or, when none is near, what there is to choose from."""
    names = sorted(set(known))
    return nearest_help(name, names) or ((f"known: {listed(names)}",) if 0 < len(names) <= 12 else ())


def nearest_path(path: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help that names a path which differs from `path` by little more than a letter, else nothing."""
    return nearest_help(path, sorted(known), alike=0.9)


def listed(names: Iterable[str]) -> str:
    """`a`, `b` and `c`, each in backticks."""
    return joined([f"`{name}`" for name in names])


def either(names: Iterable[str]) -> str:
    """`a`, `b` or `c`, each in backticks."""
    return joined([f"`{name}`" for name in names], "or")


def joined(words: Sequence[str], word: str = "and") -> str:
    """The words as a list for people, `word` before the last: a, b and c."""
    *most, last = words or [""]
    return f"{', '.join(most)} {word} {last}" if most else last


def cpus_text(cpus: Iterable[int]) -> str:
    """A set of pCPUs: `4..7` would look like an address range, so `4, 5, 6 and 7`."""
    return joined([str(cpu) for cpu in sorted(cpus)])
