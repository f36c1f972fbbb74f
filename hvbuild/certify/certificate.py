"""`certify`: every guarantee judged, and the certificate that says how."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hvbuild.certify.canonical import Json, certificate_bytes, sealed
from hvbuild.certify.chunk import REPLAYS, Chunk, chunk_json, of_shard, plan_chunks
from hvbuild.certify.codes import REFUSED as REFUSED_CODE
from hvbuild.certify.codes import REPLAY_UNREADABLE, WAIVER_EXPIRED, WAIVER_UNUSED
from hvbuild.certify.codes import WAIVED as WAIVED_CODE
from hvbuild.certify.form import ACCEPTED, PARTIAL
from hvbuild.certify.ground import Ground, ground_of
from hvbuild.certify.outcome import Answer, Finding, NotApplicable, Refused
from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.property import Property
from hvbuild.certify.replay import read_counterexample, stored_families, trace_of
from hvbuild.certify.statement import assembled, base_of
from hvbuild.certify.subject import Subject
from hvbuild.diagnostics import Diagnostic, other
from hvbuild.source import SourceFile, Span

Progress = Callable[[str, int, int], None]
"""Called with a family, its runs judged so far and all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A run that breaks a guarantee, as stored beside the stack: file name and text.

    `trace` is the same run for a trace viewer (Chrome JSON); empty where no scheduler run is behind it.
    """

    property: str
    name: str
    text: str
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateResult:
    """The certificate as plain data and as bytes; `timings` are seconds by family and never part of it."""

    statement: Json
    data: bytes
    verdict: str
    diagnostics: tuple[Diagnostic, ...]
    timings: Mapping[str, float]
    counterexamples: tuple[Counterexample, ...] = ()

    @property
    def accepted(self) -> bool:
        """True when an image may be made with it."""
        return self.verdict in ACCEPTED


def certify(
    subject: Subject,
    *,
    progress: Progress | None = None,
    shard: tuple[int, int] | None = None,
    fast: bool = False,
    properties: tuple[Property, ...] = ALL_PROPERTIES,
) -> CertificateResult:
    """The certificate of `subject`, or shard I of N of it (`shard` = (I, N), from 1).

    `properties` are the guarantees to judge, a project's own among them. `fast` runs the compiled engine,
    with the same bytes. ValueError for a profile that does not exist.
    """
    from hvbuild.certify.sampling import play_chunk  # noqa: PLC0415 - Hypothesis only where runs are drawn

    ground = ground_of(subject)
    answers, timings = static_answers(ground, properties)
    chunks = []
    for family, index, examples in of_shard(planned_chunks(ground, properties), shard):
        started = time.perf_counter()
        chunks.append(play_chunk(ground, family, index, examples, properties, progress=progress, fast=fast))
        timings[family] = timings.get(family, 0.0) + time.perf_counter() - started
    return finished(ground, answers, chunks, properties, timings, shard=shard)


def static_answers(
    ground: Ground, properties: Iterable[Property]
) -> tuple[dict[str, Answer], dict[str, float]]:
    """Answers of all guarantees that need no drawn runs, by code, and seconds by family."""
    answers: dict[str, Answer] = {}
    timings: dict[str, float] = {}
    for row in properties:
        silence = row.silence(ground)
        if silence:
            answers[row.code] = NotApplicable(reason=silence)
        elif row.prove is not None:
            started = time.perf_counter()
            answers[row.code] = row.prove(ground)
            timings[str(row.family)] = timings.get(str(row.family), 0.0) + time.perf_counter() - started
    return answers, timings


def planned_chunks(ground: Ground, properties: Iterable[Property]) -> tuple[tuple[str, int, int], ...]:
    """The chunks that this subject needs: families with a guarantee that speaks about it."""
    families: dict[str, None] = {}
    for row in properties:
        if row.watch is not None and not row.silence(ground):
            families[str(row.family)] = None
    stored = set(stored_families(ground.subject.counterexamples))
    replays = tuple((family, REPLAYS, 0) for family in families if family in stored)
    return (*replays, *plan_chunks(families, ground.subject.examples))


def finished(
    ground: Ground,
    answers: Mapping[str, Answer],
    chunks: Iterable[Chunk],
    properties: tuple[Property, ...],
    timings: Mapping[str, float],
    *,
    shard: tuple[int, int] | None = None,
) -> CertificateResult:
    """The certificate from everything judged; a shard's own statement holds its chunks and no verdict."""
    held = tuple(chunks)
    base = base_of(ground, answers, properties)
    whole = assembled(base, held) if shard is None else _partial(base, held, shard)
    statement = sealed(whole)
    return CertificateResult(
        statement=statement,
        data=certificate_bytes(statement),
        verdict=statement["predicate"]["verdict"],
        diagnostics=tuple(diagnostics_of(ground, answers, statement)),
        timings=MappingProxyType(dict(timings)),
        counterexamples=counterexamples_of(statement),
    )


def _partial(base: Json, chunks: tuple[Chunk, ...], shard: tuple[int, int]) -> Json:
    index, count = shard
    predicate = {
        **base["predicate"],
        "verdict": PARTIAL,
        "shard": {"index": index, "of": count},
        "chunks": [chunk_json(chunk) for chunk in sorted(chunks, key=lambda chunk: chunk.key)],
    }
    return {**base, "predicate": predicate}


def counterexamples_of(statement: Json) -> tuple[Counterexample, ...]:
    """Every counterexample that a drawn run gave, as a file for the stack's `counterexamples` folder."""
    import json  # noqa: PLC0415 - only where there is one

    found = []
    for row in statement["predicate"].get("properties", ()):
        example = row["counterexample"]
        if example is None or "run" not in example:
            continue
        document = {
            "format": "hvbuild-counterexample/1",
            "property": row["id"],
            "name": row["name"],
            "family": row["family"],
            # Whether it was just played or read back from a shard, the file has one spelling.
            **json.loads(json.dumps(example, sort_keys=True)),
        }
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        trace = trace_of(example)
        found.append(Counterexample(property=row["id"], name=f"{row['id']}.json", text=text, trace=trace))
    return tuple(found)


# --- diagnostics --------------------------------------------------------------------------------------------


def diagnostics_of(ground: Ground, answers: Mapping[str, Answer], statement: Json) -> Iterable[Diagnostic]:
    """What `statement` refuses or waives, each at the line to change; then what is wrong with its terms."""
    terms = ground.plan.stack.certificate
    rows = statement["predicate"].get("properties", ())
    refused = {name: row for row in rows if row["status"] == "refused" for name in (row["id"], row["name"])}
    for row in rows:
        if row["status"] == "refused":
            yield from _refusal(ground, row, answers.get(row["id"]))
    for name, text in ground.subject.counterexamples:
        if read_counterexample(text) is None:
            place = Span(SourceFile(name, text), 0, 0)
            yield REPLAY_UNREADABLE.at(place, f"`{name}` holds no counterexample, so nothing is replayed")
    if statement["predicate"]["verdict"] == PARTIAL:
        return
    for waiver in terms.waivers:
        if waiver.property not in refused:
            yield WAIVER_UNUSED.at(
                waiver.origin,
                f"the waiver for `{waiver.property}` is not needed",
                "nothing that it names is refused",
                helps=("remove it",),
            )
        elif "waiver" not in refused[waiver.property]:
            yield WAIVER_EXPIRED.at(
                waiver.origin,
                f"the waiver for `{waiver.property}` does not count"
                + (f" on {ground.subject.date}" if ground.subject.date else " without a day of judgement"),
                f"expires on {waiver.expires}",
                helps=("judge the matter again, or set SOURCE_DATE_EPOCH to the day of the build",),
            )


def _refusal(ground: Ground, row: Json, answer: Answer | None) -> Iterable[Diagnostic]:
    code = WAIVED_CODE if "waiver" in row else REFUSED_CODE
    findings: tuple[Finding, ...] = answer.findings if isinstance(answer, Refused) else ()
    if not findings:
        findings = (_finding_of(ground, row["findings"][0]),)
    for finding in findings:
        yield code.at(
            finding.place,
            f"{row['id']} `{row['name']}` does not hold: {finding.what}",
            "the line to change",
            others=(label for origin, text in finding.others for label in other(origin, text)),
            notes=(f"the guarantee: {row['title']}", *finding.story),
            helps=(finding.change,) if finding.change else (),
        )


def _finding_of(ground: Ground, data: Json) -> Finding:
    """A finding of a drawn run, with its place looked up among the threads of the system."""
    place = data.get("place") or {}
    return Finding(
        what=data["what"],
        place=ground.place_named(place.get("path", ""), place.get("line", 0)),
        story=tuple(data.get("story", ())),
        change=data.get("change", ""),
    )
