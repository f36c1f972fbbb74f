"""Drawn runs of one chunk: Hypothesis draws and climbs towards the tightest runs, and all guarantees of the
family judge each of them. The one module that runs Hypothesis.

The stream of examples depends on the seed alone: every setting is explicit, no database, no clock, and the
generator is kept from mixing constants of source files that happen to be imported into what it draws.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hvbuild.certify.canonical import Json, certificate_bytes
from hvbuild.certify.chunk import REPLAYS, Chunk, chunk_seed
from hvbuild.certify.draws import Field, Run
from hvbuild.certify.families import DrawnFamily, family_row
from hvbuild.certify.ground import Ground
from hvbuild.certify.measures import measured, tightness
from hvbuild.certify.outcome import Finding
from hvbuild.certify.property import Property
from hvbuild.certify.replay import counterexample_json, stored_runs
from hvbuild.certify.shrink import shrunk

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class _Tally:
    """Mutable: what the runs of one chunk have shown so far."""

    stream: Any = field(default_factory=hashlib.sha256)
    examples: int = 0
    judged: dict[str, int] = field(default_factory=dict)
    failing: dict[str, Run] = field(default_factory=dict)
    worst: dict[str, int] = field(default_factory=dict)


def play_chunk(
    ground: Ground,
    family: str,
    index: int,
    examples: int,
    properties: tuple[Property, ...],
    *,
    progress: Progress | None = None,
    fast: bool = False,
) -> Chunk:
    """Chunk number `index` of `family`: `examples` drawn runs, every failing guarantee with its plainest run.

    Chunk `REPLAYS` draws nothing: it plays the stored counterexamples of the family.
    """
    row = family_row(family)
    watching = tuple(
        p for p in properties if p.watch is not None and p.family == family and not p.silence(ground)
    )
    fields = row.fields(ground)
    tally = _Tally()

    def judge(run: Run) -> float:
        seen = row.play(ground, run, fast)
        _note(tally, ground, run, seen, watching)
        if progress is not None:
            progress(family, tally.examples, examples)
        return tightness(ground, seen)

    exhausted = False
    if index == REPLAYS:
        for run in stored_runs(ground, family, fields):
            judge(run)
    else:
        exhausted = _drive(fields, judge, examples, chunk_seed(ground.subject.seed, family, index))
    return Chunk(
        family=family,
        index=index,
        examples=tally.examples,
        stream=tally.stream.hexdigest(),
        exhausted=exhausted and not tally.failing,
        judged=tuple(sorted(tally.judged.items())),
        failures=tuple(
            (p.code, _failure(ground, row, p, tally.failing[p.code], fast=fast))
            for p in sorted(watching, key=lambda p: p.code)
            if p.code in tally.failing
        ),
        worst=tuple(sorted(tally.worst.items())),
    )


def _note(tally: _Tally, ground: Ground, run: Run, seen: Any, watching: tuple[Property, ...]) -> None:
    tally.examples += 1
    tally.stream.update(certificate_bytes({name: str(value) for name, value in run}))
    for row in watching:
        part = row.view(seen)
        if part is None:
            continue
        tally.judged[row.code] = tally.judged.get(row.code, 0) + 1
        if row.code not in tally.failing and row.watch is not None and row.watch(ground, part) is not None:
            tally.failing[row.code] = run
    for label, value in measured(ground, seen):
        tally.worst[label] = max(value, tally.worst.get(label, value))


def _failure(ground: Ground, family: DrawnFamily, row: Property, run: Run, *, fast: bool) -> Json:
    """The counterexample of `row` in its plainest form."""

    def finding(candidate: Run) -> Finding | None:
        part = row.view(family.play(ground, candidate, fast))
        return row.watch(ground, part) if row.watch is not None and part is not None else None

    plainest = shrunk(run, family.fields(ground), lambda candidate: finding(candidate) is not None)
    found = finding(plainest)
    if found is None:
        raise AssertionError(f"{row.code}: the run that failed does not fail again")
    seen = row.view(family.play(ground, plainest, fast))
    return counterexample_json(ground, found, plainest, seen, fast=fast)


@cache
def _engine() -> Any:
    """Hypothesis with its generator kept apart from source files and its storage out of the way."""
    if "HYPOTHESIS_STORAGE_DIRECTORY" not in os.environ:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.path.join(tempfile.gettempdir(), "hvbuild-hypothesis")
    import hypothesis  # noqa: PLC0415 - after its storage is set

    return hypothesis


def _drive(fields: tuple[Field, ...], judge: Callable[[Run], float], examples: int, seed: int) -> bool:
    """Draw `examples` runs and judge each; True when the space ran out before."""
    if not fields:
        judge(())
        return True
    hypothesis = _engine()
    from hypothesis.statistics import collector  # noqa: PLC0415

    from hvbuild.certify.sealed import sealed_generator  # noqa: PLC0415
    from hvbuild.certify.strategies import runs  # noqa: PLC0415

    def body(run: Run) -> None:
        hypothesis.target(judge(run), label="tightness")

    settings = hypothesis.settings(
        max_examples=examples,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.target),
        derandomize=False,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        stateful_step_count=50,
        verbosity=hypothesis.Verbosity.quiet,
        backend="hypothesis",
    )
    test = hypothesis.seed(seed)(settings(hypothesis.given(runs(fields))(body)))
    notes: list[Any] = []
    with sealed_generator(), collector.with_value(notes.append):  # type: ignore[arg-type]
        test()
    return bool(notes) and notes[0].get("stopped-because") == "nothing left to do"
