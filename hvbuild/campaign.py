"""Many drawn runs on many processes or machines: chunks handed out, kept as they are done, joined in order.

The certificate does not depend on who did which chunk, how many did, or how often the work was broken off:
a chunk is the same wherever it is played, and what is done is kept in a folder until all is.
"""

import copyreg
import io
import json
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hvbuild.certify.canonical import certificate_bytes, sha256
from hvbuild.certify.certificate import (
    CertificateResult,
    finished,
    planned_chunks,
    static_answers,
)
from hvbuild.certify.chunk import Chunk, chunk_json, of_shard, read_chunk, worst_of
from hvbuild.certify.ground import Ground, ground_of
from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.property import Property
from hvbuild.certify.statement import base_of
from hvbuild.certify.subject import Subject
from hvbuild.store import write_file

Job = tuple[str, int, int]
"""Family, index and examples of one chunk."""
Timed = tuple[Chunk, float]
"""A chunk and the seconds that one process played it."""

# One task of a cluster should take 0.1 s of work or more: handing one out costs 1.7 to 3.3 ms (Dask).
CHUNKS_PER_TASK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignProgress:
    """How far a campaign is. `seconds_left` is None until there is something to judge by.

    `tightest` are the labels with the worst values so far, in nanoseconds.
    """

    examples: int
    of_examples: int
    properties: int
    refused: tuple[str, ...]
    seconds_left: float | None
    tightest: tuple[tuple[str, int], ...]


Report = Callable[[CampaignProgress], None]


def campaign(
    subject: Subject,
    *,
    folder: Path,
    workers: int | None = None,
    report: Report | None = None,
    shard: tuple[int, int] | None = None,
    fast: bool = False,
    properties: tuple[Property, ...] = ALL_PROPERTIES,
) -> CertificateResult:
    """The certificate of `subject` from `workers` processes (default: one for each CPU).

    Finished chunks are kept under `folder` and not played again; they are removed once all is done.
    """
    room = _Room(subject, folder, shard, properties)
    left = room.left()
    count = min(len(left), workers or os.cpu_count() or 1)
    if count <= 1:
        results = _alone(room, left, fast=fast)
    else:
        results = _processes(room.subject, left, count, properties, fast=fast)
    return _collected(room, results, report, max(count, 1))


def campaign_on_cluster(
    subject: Subject,
    *,
    client: Any,
    folder: Path,
    report: Report | None = None,
    shard: tuple[int, int] | None = None,
    properties: tuple[Property, ...] = ALL_PROPERTIES,
) -> CertificateResult:
    """The certificate of `subject` from the workers of a Dask `client` (the extra `cluster`).

    Chunks go out in groups of CHUNKS_PER_TASK, so that handing them out does not cost more than they do.
    """
    room = _Room(subject, folder, shard, properties)
    workers = max(1, sum(client.nthreads().values()))
    return _collected(room, _on_cluster(client, room, properties), report, workers)


def campaign_at(
    address: str,
    subject: Subject,
    *,
    folder: Path,
    report: Report | None = None,
    shard: tuple[int, int] | None = None,
    properties: tuple[Property, ...] = ALL_PROPERTIES,
    patience: float = 10.0,
) -> CertificateResult:
    """As `campaign_on_cluster`, with the Dask scheduler at `address`, such as `tcp://host:8786`.

    NoCluster where none answers within `patience` seconds, or where the extra `cluster` is missing.
    """
    try:
        from dask.distributed import Client  # noqa: PLC0415 - the extra `cluster`
    except ImportError as fault:
        raise NoCluster("Dask is not installed: pip install 'hvbuild[cluster]'") from fault
    try:
        client = Client(address, timeout=patience)
    except (OSError, ValueError) as fault:
        raise NoCluster(f"no Dask scheduler answers at `{address}`") from fault
    with client:
        return campaign_on_cluster(
            subject, client=client, folder=folder, report=report, shard=shard, properties=properties
        )


class NoCluster(Exception):  # noqa: N818 - says what is the case
    """There is no cluster to play on; says why."""


class _Room:
    """Mutable: one campaign's chunks, done and to do, kept in a folder of its own."""

    def __init__(
        self, subject: Subject, folder: Path, shard: tuple[int, int] | None, rows: tuple[Property, ...]
    ) -> None:
        self.subject = subject
        self.ground: Ground = ground_of(subject)
        self.rows = rows
        self.shard = shard
        self.answers, self.timings = static_answers(self.ground, rows)
        self.jobs = of_shard(planned_chunks(self.ground, rows), shard)
        key = sha256(certificate_bytes(base_of(self.ground, self.answers, rows)))
        self.folder = folder / key[:16]
        self.done = {chunk.key: chunk for chunk in self._kept()}
        self.played, self.spent = 0, 0.0

    def left(self) -> tuple[Job, ...]:
        """The chunks that nobody has done yet."""
        return tuple(job for job in self.jobs if job[:2] not in self.done)

    def keep(self, chunk: Chunk, seconds: float) -> None:
        """Hold `chunk` for good; a campaign that is broken off now goes on behind it."""
        self.done[chunk.key] = chunk
        self.played += chunk.examples
        self.spent += seconds
        self.timings[chunk.family] = self.timings.get(chunk.family, 0.0) + seconds
        place = self.folder / f"{chunk.family}.{chunk.index}.json"
        write_file(place, json.dumps(chunk_json(chunk)).encode())

    def leave(self) -> None:
        """Remove what was kept: the certificate holds it now."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                path.unlink()
            self.folder.rmdir()

    def _kept(self) -> Iterator[Chunk]:
        wanted = {job[:2]: job[2] for job in self.jobs}
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ():
            try:
                chunk = read_chunk(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
            if chunk.key in wanted:
                yield chunk


def _collected(
    room: _Room, results: Iterable[Timed], report: Report | None, workers: int
) -> CertificateResult:
    for chunk, seconds in results:
        room.keep(chunk, seconds)
        if report is not None:
            report(_progress(room, workers))
    chunks = [room.done[job[:2]] for job in room.jobs]
    result = finished(room.ground, room.answers, chunks, room.rows, room.timings, shard=room.shard)
    room.leave()
    return result


def _progress(room: _Room, workers: int) -> CampaignProgress:
    total = sum(job[2] for job in room.jobs)
    done = sum(chunk.examples for chunk in room.done.values())
    refused = sorted({code for chunk in room.done.values() for code, _ in chunk.failures})
    worst = sorted(worst_of(room.done.values()).items(), key=lambda row: (-row[1], row[0]))
    return CampaignProgress(
        examples=done,
        of_examples=total,
        properties=len(room.rows),
        refused=tuple(refused),
        seconds_left=(total - done) * room.spent / room.played / workers if room.played else None,
        tightest=tuple(worst[:3]),
    )


def progress_line(progress: CampaignProgress) -> str:
    """One line for a terminal: examples, guarantees, time left, tightest values."""
    share = 100 * progress.examples // max(1, progress.of_examples)
    left = f", {progress.seconds_left:.0f} s left" if progress.seconds_left is not None else ""
    refused = f", refused: {' '.join(progress.refused)}" if progress.refused else ""
    worst = "; ".join(f"{label} {value / 1_000_000:.2f} ms" for label, value in progress.tightest)
    return (
        f"{share:3d} % {progress.examples} of {progress.of_examples} runs, {progress.properties} guarantees"
        f"{left}{refused}{'; longest: ' + worst if worst else ''}"
    )


# --- where chunks are played ----------------------------------------------------------------------------


def _alone(room: _Room, jobs: Sequence[Job], *, fast: bool) -> Iterator[Timed]:
    return (_timed(room.ground, job, room.rows, fast=fast) for job in jobs)


def _timed(ground: Ground, job: Job, rows: tuple[Property, ...], *, fast: bool) -> Timed:
    from hvbuild.certify.sampling import play_chunk  # noqa: PLC0415 - Hypothesis only where runs are drawn

    started = time.perf_counter()
    chunk = play_chunk(ground, *job, rows, fast=fast)
    return chunk, time.perf_counter() - started


def _processes(
    subject: Subject, jobs: Sequence[Job], workers: int, rows: tuple[Property, ...], *, fast: bool
) -> Iterator[Timed]:
    """Chunks as they are done, by processes that each read the subject once."""
    packed = pack(subject, rows)
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin_below, initargs=(packed, fast)
    )
    with pool:
        waiting: set[Future[Timed]] = {pool.submit(_play, job) for job in jobs}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            for future in waiting:
                future.cancel()


_HERE: dict[str, Any] = {}


def _begin_below(packed: bytes, fast: bool) -> None:
    """As `_begin`, in a process that ends as soon as the one that started it is gone, however it went."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _begin(packed, fast)


def _end_with_parent() -> None:
    """Wait for the parent to end: the pool alone would leave its processes waiting for a killed one."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _begin(packed: bytes, fast: bool) -> None:
    """Read subject and guarantees in a process of its own; they are the same for all chunks played there."""
    subject, _HERE["rows"] = pickle.loads(packed)  # noqa: S301 - packed by whoever started this process
    _HERE["ground"] = ground_of(subject)
    _HERE["fast"] = fast


def _play(job: Job) -> Timed:
    return _timed(_HERE["ground"], job, _HERE["rows"], fast=_HERE["fast"])


def _on_cluster(client: Any, room: _Room, rows: tuple[Property, ...]) -> Iterator[Timed]:
    from dask.distributed import as_completed  # noqa: PLC0415 - the extra `cluster`

    left = room.left()
    groups = [left[at : at + CHUNKS_PER_TASK] for at in range(0, len(left), CHUNKS_PER_TASK)]
    packed = client.scatter(pack(room.subject, rows), broadcast=True)
    futures = [client.submit(play_group, packed, group, pure=False) for group in groups]
    for future in as_completed(futures):
        yield from ((read_chunk(row), seconds) for row, seconds in future.result())


def play_group(packed: bytes, group: Sequence[Job]) -> list[tuple[dict[str, Any], float]]:
    """The chunks of `group` as plain data, each with its seconds; what a cluster's worker runs."""
    if _HERE.get("packed") != packed:
        _begin(packed, fast=False)
        _HERE["packed"] = packed
    return [(chunk_json(chunk), seconds) for chunk, seconds in map(_play, group)]


def pack(subject: Subject, rows: tuple[Property, ...] = ()) -> bytes:
    """`subject` and `rows` as bytes for another process of this version.

    A guarantee of one's own must be made of functions that a module holds, so that others can import them.
    """
    held = io.BytesIO()
    pickler = pickle.Pickler(held, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = {**copyreg.dispatch_table, MappingProxyType: _proxy}
    pickler.dump((subject, rows))
    return held.getvalue()


def _proxy(view: MappingProxyType[Any, Any]) -> tuple[Callable[..., Any], tuple[dict[Any, Any]]]:
    return _view, (dict(view),)


def _view(rows: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(rows)
