"""Certificates of built variants: judged, written beside the artifacts, and compared with the files later."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hvbuild.building import Built, Draft, templates_of
from hvbuild.certify.canonical import Json
from hvbuild.certify.certificate import (
    CertificateResult,
    Counterexample,
    certify,
    counterexamples_of,
    diagnostics_of,
    static_answers,
)
from hvbuild.certify.codes import NO_SUCH_PROPERTY, SHARDS_DIFFER
from hvbuild.certify.form import ACCEPTED, CERTIFICATE, ENVELOPE, REFUSED, REPORT, TIMINGS
from hvbuild.certify.ground import ground_of
from hvbuild.certify.merge import differing, merge
from hvbuild.certify.own import NoSuchProperty, own_properties, source_files
from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.property import Property
from hvbuild.certify.statement import base_of
from hvbuild.certify.subject import EXAMPLES, Subject, judgement_date
from hvbuild.certify.verify import Verification, verify
from hvbuild.checking import Checked
from hvbuild.diagnostics import Diagnostic, Diagnostics, StackInvalid, other
from hvbuild.freshness import STATE, with_certificate
from hvbuild.ownmodules import own_files
from hvbuild.project import StackPlace, named_data, stable_name
from hvbuild.source import SourceFile, Span
from hvbuild.store import NAMES_IN, digest, file_digest, locked, write_file, write_together
from hvbuild.verdicts import NamedDigest

COUNTEREXAMPLES = "counterexamples"
CAMPAIGN = ".hvbuild-campaign"
# Below, starting processes takes longer than playing: the default 200 examples take seconds.
CAMPAIGN_FROM = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was asked of one certificate; None: the stack's own word, else the default.

    `cluster` is the address of a Dask scheduler whose workers play the runs; empty: this machine plays them.
    """

    examples: int | None = None
    seed: int = 0
    shard: tuple[int, int] | None = None
    key: Path | None = None
    cluster: str = ""


def subject_of(
    checked: Checked, made: Draft, terms: Terms, properties: tuple[Property, ...] = ALL_PROPERTIES
) -> Subject:
    """What a certificate of `made` is about: the files as read back, the loads as declared."""
    stack = checked.plan.stack
    stored = stored_counterexamples(checked.place)
    inputs = {item.name: item.digest for item in made.inputs if item.digest is not None}
    further = [*(item for item, _ in stored), *_files_of(checked, properties)]
    inputs |= {
        stable_name(Path(item.name), checked.place.root): item.digest for item in further if item.digest
    }
    return Subject(
        plan=checked.plan,
        system=made.rendering.system,
        artifacts=MappingProxyType(dict(made.artifacts)),
        inputs=tuple(sorted(inputs.items())),
        seed=terms.seed,
        examples=terms.examples or stack.certificate.examples or EXAMPLES,
        rules_ran=checked.rules_ran,
        date=day_of_judgement(checked),
        counterexamples=tuple(
            (Path(item.name).name, data.decode("utf-8", "replace")) for item, data in stored
        ),
        catalog=checked.catalog,
    )


def properties_of(checked: Checked) -> tuple[Property, ...]:
    """hvbuild's guarantees and those that the project file names; StackInvalid where one cannot be had."""
    found: tuple[Property, ...] = ()
    faults = Diagnostics()
    try:
        found = own_properties((name.text for name in checked.properties), checked.place.root)
    except NoSuchProperty as fault:
        place = [name.span for name in checked.properties if name.text == fault.name][-1]
        faults.add(NO_SUCH_PROPERTY.at(place, str(fault), "named here", others=other(fault.place, "here")))
    faults.barrier("certifying")
    return (*ALL_PROPERTIES, *found)


def _files_of(checked: Checked, properties: tuple[Property, ...]) -> tuple[NamedDigest, ...]:
    """The modules of the project's own guarantees."""
    names = tuple(name.text for name in checked.properties)
    held = {path.resolve(): path for path in source_files(properties, names)}
    if names:
        held |= {path.resolve(): path for path in own_files(names, checked.place.root)[0]}
    return tuple(NamedDigest(path.as_posix(), file_digest(path)) for path in held.values())


def day_of_judgement(checked: Checked) -> str:
    """The day on which the waivers of a stack are judged (ISO): of SOURCE_DATE_EPOCH, else today's in UTC.

    Empty for a stack without waivers: nothing in its certificate depends on a day.
    """
    if not checked.plan.stack.certificate.waivers:
        return ""
    return judgement_date(os.environ) or datetime.now(UTC).date().isoformat()


def stored_counterexamples(place: StackPlace) -> tuple[tuple[NamedDigest, bytes], ...]:
    """The counterexamples kept with a stack and their bytes, by path; they are replayed first."""
    read = ((path, path.read_bytes()) for path in sorted((place.folder / COUNTEREXAMPLES).glob("*.json")))
    return tuple((NamedDigest(path.as_posix(), digest(data)), data) for path, data in read)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certificate as it was written: its verdict, its rows, and where it lies."""

    folder: Path
    verdict: str
    properties: tuple[Mapping[str, Any], ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def accepted(self) -> bool:
        """True when an image may be made with it."""
        return self.verdict in ACCEPTED

    @property
    def refused(self) -> bool:
        """True for a verdict that forbids an image; a shard has no verdict yet."""
        return self.verdict == REFUSED


def certify_build(built: Built, terms: Terms, say: Callable[[str], None] | None = None) -> Certified:
    """Judge `built` and write certificate, timings, report and envelope together; a refusal is written too.

    From CAMPAIGN_FROM examples on, all CPUs play and `say` is told how far it is; what was played stays when
    the work is broken off.
    """
    properties = properties_of(built.checked)
    subject = subject_of(built.checked, built.draft, terms, properties)
    result = _judged(subject, properties, built.folder, terms, say)
    if say is not None:
        spent = ", ".join(f"{family} {seconds:.1f} s" for family, seconds in sorted(result.timings.items()))
        say(f"{subject.examples} runs for each sampled family: {spent}")
    files = {certificate_name(terms.shard): result.data, TIMINGS: _timings(result)}
    files |= _envelope(result.data, terms.key)
    if terms.shard is None:
        files |= _report(built, subject, result.statement)
    diagnostics = (*built.diagnostics, *result.diagnostics)
    return _kept(built, properties, result.statement, files, diagnostics, say=say)


def _judged(
    subject: Subject,
    properties: tuple[Property, ...],
    folder: Path,
    terms: Terms,
    say: Callable[[str], None] | None,
) -> CertificateResult:
    shard = terms.shard
    if subject.examples < CAMPAIGN_FROM and not terms.cluster:
        return certify(subject, shard=shard, properties=properties)
    from hvbuild.campaign import (  # noqa: PLC0415 - processes
        CampaignProgress,
        campaign,
        campaign_at,
        progress_line,
    )

    def report(progress: CampaignProgress) -> None:
        if say is not None:
            say(progress_line(progress))

    kept = folder / CAMPAIGN
    if terms.cluster:
        return campaign_at(
            terms.cluster, subject, folder=kept, report=report, shard=shard, properties=properties
        )
    return campaign(subject, folder=kept, report=report, shard=shard, properties=properties)


def merge_shards(
    built: Built, paths: Sequence[Path], key: Path | None = None, say: Callable[[str], None] | None = None
) -> Certified:
    """Join the certificates of all shards of `built`.

    Nothing is written when they do not fit together, or are of another system than `built`.
    """
    merged = merge(paths)
    if merged.statement is None:
        raise StackInvalid("merging", merged.diagnostics)
    parameters = merged.statement["predicate"]["parameters"]
    properties = properties_of(built.checked)
    terms = Terms(examples=parameters["examples"], seed=int(parameters["seed"]))
    # Waivers are judged by the day on which the shards were played.
    subject = replace(subject_of(built.checked, built.draft, terms, properties), date=parameters["date"])
    ground = ground_of(subject)
    answers, _ = static_answers(ground, properties)
    other = differing(merged.base or {}, base_of(ground, answers, properties))
    if other:
        place = Span(SourceFile(str(paths[0]), ""), 0, 0)
        message = f"the shards are of another `{other[0]}` than the stack gives now"
        notes = tuple(f"`{name}` differs" for name in other[1:])
        raise StackInvalid("merging", (SHARDS_DIFFER.at(place, message, notes=notes),))
    files = {CERTIFICATE: merged.data, **_envelope(merged.data, key)}
    files |= _report(built, subject, merged.statement)
    told = (*built.diagnostics, *diagnostics_of(ground, answers, merged.statement))
    return _kept(built, properties, merged.statement, files, told, say=say)


def _kept(
    built: Built,
    properties: tuple[Property, ...],
    statement: Json,
    files: dict[str, bytes],
    diagnostics: tuple[Diagnostic, ...],
    *,
    say: Callable[[str], None] | None,
) -> Certified:
    """What was judged; its files are written, and the failing runs of a refused stack stored beside it."""
    certified = Certified(
        folder=built.folder,
        verdict=statement["predicate"]["verdict"],
        properties=tuple(statement["predicate"].get("properties", ())),
        diagnostics=diagnostics,
    )
    _write(built, properties, files, accepted=certified.accepted)
    if certified.refused:
        try:
            keep_counterexamples(built.checked.place, counterexamples_of(statement))
        except OSError as fault:
            # A stack that cannot be written is refused all the same; the certificate holds the runs as well.
            if say is not None:
                say(f"the failing runs cannot be kept with the stack: {fault}")
    return certified


def keep_counterexamples(place: StackPlace, found: Sequence[Counterexample]) -> None:
    """Store the runs that broke a guarantee with the stack, where they are replayed from then on.

    Beside each lies the same run for a trace viewer. Runs that are there already stay.
    """
    folder = place.folder / COUNTEREXAMPLES
    for each in found:
        name = f"{each.property}-{digest(each.text.encode())[:8]}"
        files = {f"{name}.json": each.text.encode()}
        if each.trace:
            files[f"traces/{name}.json"] = each.trace.encode()
        for path, data in files.items():
            write_file(folder / path, data)


def _report(built: Built, subject: Subject, statement: Mapping[str, Any]) -> dict[str, bytes]:
    from hvbuild.pages.certificate import report_html  # noqa: PLC0415 - drawings, with certificates only

    return {REPORT: report_html(subject, statement, templates_of(built.checked)).text.encode()}


def _envelope(data: bytes, key: Path | None) -> dict[str, bytes]:
    """The signed envelope beside a certificate, where a key was given."""
    if key is None:
        return {}
    from hvbuild.certify.sign import signed_envelope  # noqa: PLC0415 - the extra `sign`, on request only

    return {ENVELOPE: signed_envelope(data, key)}


def _write(
    built: Built, properties: tuple[Property, ...], files: dict[str, bytes], *, accepted: bool
) -> None:
    """Write `files` and record them; a certificate that accepts nothing counts as not made yet.

    The names among the stored counterexamples are recorded too: one more makes the certificate stale.
    """
    place = built.checked.place.folder / COUNTEREXAMPLES
    listing = Path(place.as_posix() + NAMES_IN)
    inputs = [item for item, _ in stored_counterexamples(built.checked.place)] + [
        *_files_of(built.checked, properties)
    ]
    inputs.append(NamedDigest(listing.as_posix(), file_digest(listing)))
    without = () if accepted else (CERTIFICATE,)
    with locked(built.folder):
        state = with_certificate(built.folder, files, inputs, without)
        write_together(built.folder, {**files, STATE: state})


def certificate_name(shard: tuple[int, int] | None) -> str:
    """The file of a certificate, or of shard I of N of it."""
    return CERTIFICATE if shard is None else f"certificate.{shard[0]}-of-{shard[1]}.json"


def _timings(result: CertificateResult) -> bytes:
    seconds = {family: round(spent, 3) for family, spent in sorted(result.timings.items())}
    return (json.dumps({"format": "hvbuild-timings/1", "seconds": seconds}, indent=1) + "\n").encode()


def verify_folder(path: Path, public_key: Path | None = None, *, every_input: bool = False) -> Verification:
    """Does the certificate still speak of these very files? OSError where there is none."""
    folder = path if path.is_dir() else path.parent
    return verify(path, public_key, input_finder(folder), every_input=every_input)


def input_finder(folder: Path) -> Callable[[str], bytes | None]:
    """A finder of inputs by their stable names, looking in the folder and each folder above it."""
    above = (folder.resolve(), *folder.resolve().parents)

    def find(name: str) -> bytes | None:
        for base in above:
            try:
                return named_data(name, base)
            except OSError:
                continue
        return None

    return find
