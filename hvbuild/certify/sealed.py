"""Hypothesis' generator kept apart from whatever else is imported or was drawn before.

The usual one mixes constants of local source files into what it draws (since 6.131), so that the same seed
gives another stream once an unrelated module is imported; and it keeps them in one cache for the process.
Replacing the provider alone is not enough: the target phase makes providers of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis.internal.cache import LRUCache
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

# As many kinds of choice as Hypothesis itself keeps constants for.
_CACHED = 1024


def _none() -> Constants:
    return Constants()


@contextmanager
def sealed_generator() -> Iterator[None]:
    """While open, what is drawn depends on the seed alone; afterwards everything is as it was."""
    usual, cache = providers._get_local_constants, providers.CONSTANTS_CACHE
    providers._get_local_constants = _none
    providers.CONSTANTS_CACHE = LRUCache(_CACHED)
    try:
        yield
    finally:
        providers._get_local_constants, providers.CONSTANTS_CACHE = usual, cache
