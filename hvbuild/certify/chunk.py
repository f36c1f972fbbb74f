"""What one chunk of drawn runs of a family gave, in the form in which shards and workers hand it on."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hvbuild.certify.canonical import Json

# Runs are drawn in chunks of this many, each with a seed of its own, so that the result does not depend on
# how many workers or machines share the work.
CHUNK = 100
# The number of the chunk that draws nothing: it plays stored counterexamples, before all others.
REPLAYS = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """`examples` runs of `family`, number `index`; `stream` is a digest of everything that was drawn.

    `judged` counts the runs that each guarantee looked at; `failures` maps guarantees to the counterexample
    in its final form; `worst` maps labels to the worst value observed.
    """

    family: str
    index: int
    examples: int
    stream: str
    exhausted: bool = False
    judged: tuple[tuple[str, int], ...] = ()
    failures: tuple[tuple[str, Json], ...] = field(default=(), hash=False)
    worst: tuple[tuple[str, int], ...] = ()

    @property
    def key(self) -> tuple[str, int]:
        """Its place among all chunks."""
        return self.family, self.index


def plan_chunks(families: Iterable[str], examples: int) -> tuple[tuple[str, int, int], ...]:
    """All chunks of a certificate as (family, index, examples), in index order within each family."""
    return tuple(
        (family, index, min(CHUNK, examples - index * CHUNK))
        for family in families
        for index in range(-(-examples // CHUNK))
    )


def chunk_seed(seed: int, family: str, index: int) -> int:
    """The seed of one chunk, derived so that neighbours have nothing in common."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{family}/{index}".encode()).digest()[:8], "big")


def of_shard(
    chunks: Sequence[tuple[str, int, int]], shard: tuple[int, int] | None
) -> tuple[tuple[str, int, int], ...]:
    """The chunks that shard I of N does (I from 1): every Nth."""
    if shard is None:
        return tuple(chunks)
    index, count = shard
    return tuple(chunks[index - 1 :: count])


def chunk_json(chunk: Chunk) -> Json:
    """`chunk` as plain data."""
    return {
        "family": chunk.family,
        "index": chunk.index,
        "examples": chunk.examples,
        "stream": chunk.stream,
        "exhausted": chunk.exhausted,
        "judged": dict(chunk.judged),
        "failures": dict(chunk.failures),
        "worst": {label: str(value) for label, value in chunk.worst},
    }


def read_chunk(data: Any) -> Chunk:
    """The chunk that `data` holds; KeyError, TypeError or ValueError where it holds none."""
    return Chunk(
        family=str(data["family"]),
        index=int(data["index"]),
        examples=int(data["examples"]),
        stream=str(data["stream"]),
        exhausted=bool(data["exhausted"]),
        judged=tuple(sorted((str(code), int(count)) for code, count in data["judged"].items())),
        failures=tuple(sorted((str(code), dict(row)) for code, row in data["failures"].items())),
        worst=tuple(sorted((str(label), int(value)) for label, value in data["worst"].items())),
    )


def worst_of(chunks: Iterable[Chunk]) -> dict[str, int]:
    """The worst value of each label over `chunks`."""
    found: dict[str, int] = {}
    for chunk in chunks:
        for label, value in chunk.worst:
            found[label] = max(value, found.get(label, value))
    return dict(sorted(found.items()))
