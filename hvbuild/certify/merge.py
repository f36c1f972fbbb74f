"""Joining shards: the certificate that one run over everything would have given."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvbuild.certify.canonical import (
    Json,
    NotCanonical,
    certificate_bytes,
    digest_of,
    read_canonical,
    sealed,
)
from hvbuild.certify.chunk import Chunk, read_chunk
from hvbuild.certify.codes import DIGEST_DIFFERS, NOT_A_CERTIFICATE, SHARD_MISSING, SHARDS_DIFFER
from hvbuild.certify.form import PARTIAL
from hvbuild.certify.statement import assembled
from hvbuild.diagnostics import Code, Diagnostic
from hvbuild.source import SourceFile, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The joined certificate, or None with the faults that keep shards from being joined.

    `base` is what all of them say of their subject without drawn runs.
    """

    statement: Json | None
    data: bytes
    verdict: str
    diagnostics: tuple[Diagnostic, ...]
    base: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shard:
    path: Path
    index: int
    of: int
    base: Json
    chunks: tuple[Chunk, ...]


def merge(paths: Sequence[Path]) -> Merged:
    """The certificate that shards in `paths` make together, whatever their order; OSError as files give it.

    Refused unless each shard is there once and all speak of the same subject.
    """
    shards, faults = [], []
    for path in paths:
        read = _read(path)
        if isinstance(read, Diagnostic):
            faults.append(read)
        else:
            shards.append(read)
    if not faults:
        faults += _differences(shards)
    if faults or not shards:
        return Merged(statement=None, data=b"", verdict="", diagnostics=tuple(faults))
    chunks = [chunk for shard in shards for chunk in shard.chunks]
    statement = sealed(assembled(shards[0].base, chunks))
    return Merged(
        statement=statement,
        data=certificate_bytes(statement),
        verdict=statement["predicate"]["verdict"],
        diagnostics=(),
        base=shards[0].base,
    )


def differing(base: Json, wanted: Json) -> tuple[str, ...]:
    """What shards of `base` are of otherwise than `wanted`: artifacts and inputs by name, else sections.

    Versions do not count: whether a certificate of other ones is good enough is asked when it is used.
    """
    files = [_files(each) for each in (base, wanted)]
    names = tuple(sorted(name for name in {*files[0], *files[1]} if files[0].get(name) != files[1].get(name)))
    sections = [{**each["predicate"], "versions": None, "digest": None} for each in (base, wanted)]
    keys = {*sections[0], *sections[1]}
    return names or tuple(sorted(key for key in keys if sections[0].get(key) != sections[1].get(key)))


def _files(base: Json) -> dict[str, str]:
    artifacts = {row["name"]: row["digest"]["sha256"] for row in base["subject"]}
    return artifacts | {row["name"]: row["sha256"] for row in base["predicate"]["inputs"]}


def shard_name(shard: tuple[int, int]) -> str:
    """The file name of shard I of N."""
    return f"certificate.{shard[0]}-of-{shard[1]}.json"


def _read(path: Path) -> _Shard | Diagnostic:
    try:
        statement: Any = read_canonical(path.read_bytes())
        if digest_of(statement) != statement["predicate"]["digest"]:
            return _fault(DIGEST_DIFFERS, path, f"`{path.name}` was changed after it was written")
        predicate = dict(statement["predicate"])
        verdict, shard, chunks = (predicate.pop(key) for key in ("verdict", "shard", "chunks"))
        if verdict != PARTIAL:
            raise ValueError(verdict)
        return _Shard(
            path=path,
            index=int(shard["index"]),
            of=int(shard["of"]),
            base={**statement, "predicate": {**predicate, "digest": ""}},
            chunks=tuple(read_chunk(row) for row in chunks),
        )
    except (NotCanonical, KeyError, TypeError, ValueError, AttributeError) as fault:
        return _fault(NOT_A_CERTIFICATE, path, f"`{path.name}` is no shard of a certificate: {fault}")


def _differences(shards: Sequence[_Shard]) -> Iterator[Diagnostic]:
    first = shards[0] if shards else None
    if first is None:
        return
    bytes_of_first = certificate_bytes(first.base)
    for shard in shards[1:]:
        if shard.of != first.of or certificate_bytes(shard.base) != bytes_of_first:
            yield _fault(
                SHARDS_DIFFER,
                shard.path,
                f"`{shard.path.name}` and `{first.path.name}` are not of one subject",
            )
    have = sorted(shard.index for shard in shards)
    wanted = list(range(1, first.of + 1))
    for index in sorted({*wanted} - {*have}):
        yield _fault(SHARD_MISSING, first.path, f"shard {index} of {first.of} is missing")
    for index in sorted({i for i in have if have.count(i) > 1}):
        yield _fault(SHARD_MISSING, first.path, f"shard {index} of {first.of} is given twice")
    yield from _repeated(shards)


def _repeated(shards: Iterable[_Shard]) -> Iterator[Diagnostic]:
    seen: dict[tuple[str, int], Path] = {}
    for shard in shards:
        for chunk in shard.chunks:
            if chunk.key in seen and seen[chunk.key] != shard.path:
                text = f"runs {chunk.family} {chunk.index} are in two shards"
                yield _fault(SHARD_MISSING, shard.path, text)
            seen.setdefault(chunk.key, shard.path)


def _fault(code: Code, path: Path, message: str) -> Diagnostic:
    return code.at(Span(SourceFile(str(path), ""), 0, 0), message)
