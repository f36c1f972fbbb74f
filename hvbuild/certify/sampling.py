"""Drawn runs of one chunk; the one module that runs Hypothesis."""

from hvbuild.certify.chunk import Chunk
from hvbuild.certify.ground import Ground
from hvbuild.certify.property import Property


def play_chunk(
    ground: Ground,
    family: str,
    index: int,
    examples: int,
    properties: tuple[Property, ...],
    *,
    progress: object = None,
    fast: bool = False,
) -> Chunk:
    """Chunk number `index` of `family`; no family is drawn yet."""
    raise LookupError(family)
