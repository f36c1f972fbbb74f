"""Hypothesis' generator kept apart from whatever else is imported.

The usual one mixes constants of local source files into what it draws (since 6.131), so that the same seed
gives another stream once an unrelated module is imported. Without them the stream depends on the seed alone.
"""

from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.internal.constants_ast import Constants


class SealedProvider(HypothesisProvider):
    """The usual generator without constants of local modules."""

    _local_constants = Constants()
