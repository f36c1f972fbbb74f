"""The word that somebody may have meant, for the helps of diagnostics."""

from collections.abc import Iterable

# How much alike two words are, 0 to 1, for one to be taken for the other.
ALIKE = 0.6


def nearest(word: str, known: Iterable[str], alike: float = ALIKE) -> str | None:
    """The one of `known` that is spelled most like `word`, or None where none is close."""
    import difflib  # noqa: PLC0415 - a clean run needs no spelling help and does not pay for loading it

    found = difflib.get_close_matches(word, list(known), 1, alike)
    return found[0] if found else None


def did_you_mean(
    word: str, known: Iterable[str], shown: str = "{}", *, alike: float = ALIKE
) -> tuple[str, ...]:
    """The help that names the nearest word, `shown` being how it is written; empty where none is close."""
    found = nearest(word, known, alike)
    return (f"did you mean `{shown.format(found)}`?",) if found is not None else ()
