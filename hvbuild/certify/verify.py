"""`verify`: does a certificate still speak of these very files? Needs nothing but the build folder."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hvbuild.certify import form
from hvbuild.certify.canonical import Json, NotCanonical, OtherForm, digest_of, read_canonical, sha256
from hvbuild.certify.codes import (
    ARTIFACT_CHANGED,
    ARTIFACT_MISSING,
    ARTIFACT_UNKNOWN,
    DIGEST_DIFFERS,
    INPUT_CHANGED,
    INPUT_MISSING,
    NOT_A_CERTIFICATE,
    NOT_CANONICAL,
    NOT_SIGNED,
    PARTIAL,
)
from hvbuild.certify.form import CERTIFICATE, ENVELOPE, REPORT, TIMINGS
from hvbuild.diagnostics import Code, Diagnostic
from hvbuild.source import SourceFile, Span

FindInput = Callable[[str], bytes | None]
"""The bytes of the input of this name, or None where it cannot be found."""

# What a build folder holds besides artifacts: certificates and their envelope, timings and report (contract,
# section 6), images, hand-edited outputs kept aside, and what starts with a dot.
_BESIDE = frozenset({CERTIFICATE, ENVELOPE, TIMINGS, REPORT})
_SHARD = re.compile(r"certificate\.\d+-of-\d+\.json\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found, a note for people, and the certificate itself (None where it cannot be read).

    `inputs_compared` counts the inputs that were found; `verdict` is that of the certificate.
    """

    diagnostics: tuple[Diagnostic, ...]
    note: str
    verdict: str = ""
    statement: Json | None = None
    inputs_compared: int = 0

    @property
    def holds(self) -> bool:
        """True when nothing differs."""
        return not self.diagnostics


def verify(
    path: Path,
    public_key: Path | None = None,
    find_input: FindInput | None = None,
    *,
    every_input: bool = False,
) -> Verification:
    """The verification of a build folder or of its certificate file; OSError where it cannot be opened.

    Artifacts are always compared, inputs wherever `find_input` (default: beside the folder or above it)
    finds them; `every_input` makes one that is not found a fault, as an image demands.
    With `public_key` the signed envelope must be there and hold this very certificate.
    """
    place = path / CERTIFICATE if path.is_dir() else path
    data = place.read_bytes()
    try:
        statement = read_canonical(data)
    except NotCanonical as fault:
        code = NOT_CANONICAL if isinstance(fault, OtherForm) else NOT_A_CERTIFICATE
        return _refused(code, place, f"`{place.name}`: {fault}")
    wrong = _shape(statement)
    if wrong:
        return _refused(NOT_A_CERTIFICATE, place, f"`{place.name}` is no certificate: {wrong}")
    found = list(_own_faults(place, statement))
    found += _artifacts(place.parent, statement["subject"])
    inputs, count = _inputs(statement, find_input or inputs_near(place.parent), place, every=every_input)
    found += inputs
    if public_key is not None:
        found += _signature(place, data, public_key)
    return Verification(
        diagnostics=tuple(found),
        note=_note(statement, count, signed=public_key is not None),
        verdict=statement["predicate"]["verdict"],
        statement=statement,
        inputs_compared=count,
    )


def inputs_near(folder: Path) -> FindInput:
    """A finder that looks for an input by its name in `folder` and in each folder above it."""
    above = (folder.resolve(), *folder.resolve().parents)

    def find(name: str) -> bytes | None:
        if not is_local(name):
            return None
        for base in above:
            try:
                return (base / name).read_bytes()
            except OSError:
                continue
        return None

    return find


def is_local(name: str) -> bool:
    """True for a relative name that climbs nowhere."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and not name.startswith("/")
        and ".." not in parts
        and "\0" not in name
        and "\\" not in name
    )


def _whole_file(place: Path) -> Span:
    return Span(SourceFile(str(place), ""), 0, 0)


def _at(code: Code, place: Path, message: str, label: str = "", note: str = "") -> Diagnostic:
    return code.at(_whole_file(place), message, label, notes=(note,) if note else ())


def _refused(code: Code, place: Path, message: str) -> Verification:
    return Verification(diagnostics=(_at(code, place, message),), note="the certificate cannot be read")


# --- the certificate itself ---------------------------------------------------------------------------------


def _shape(statement: Any) -> str:
    """What keeps `statement` from being a certificate; empty when nothing does."""
    if not isinstance(statement, dict) or statement.get("_type") != form.STATEMENT:
        return "not an in-toto Statement v1"
    predicate = statement.get("predicate")
    if statement.get("predicateType") != form.PREDICATE or not isinstance(predicate, dict):
        return "its predicate is not one of hvbuild"
    if not str(predicate.get("format")).startswith("hvbuild-certificate/"):
        return "its predicate is not one of hvbuild"
    if not isinstance(predicate.get("digest"), str):
        return "it carries no digest"
    return (
        _rows_shape(statement.get("subject"), "subject", lambda row: row["digest"]["sha256"])
        or _rows_shape(predicate.get("inputs"), "inputs", lambda row: row["sha256"])
        or _judgement_shape(predicate)
    )


def _judgement_shape(predicate: Mapping[str, Any]) -> str:
    if predicate.get("verdict") not in (*form.ACCEPTED, form.REFUSED, form.PARTIAL):
        return "it carries no verdict"
    rows = predicate.get("properties")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return "it lists no properties"
    if predicate["verdict"] == "partial":
        return ""
    if not rows or any(row.get("status") not in (*form.STATUSES, "") for row in rows):
        return "a property has no status"
    refused = [row for row in rows if row["status"] in ("refused", "") and "waiver" not in row]
    if refused and predicate["verdict"] != form.REFUSED:
        return f"the verdict contradicts {refused[0].get('id')}"
    vacuous = [row for row in rows if row["status"] == "sampled" and not row.get("examples")]
    if vacuous:
        return f"{vacuous[0].get('id')} was sampled without an example"
    ran = predicate.get("rules", {}).get("ran") if isinstance(predicate.get("rules"), dict) else None
    if (not isinstance(ran, int) or ran < 1) and predicate["verdict"] != form.REFUSED:
        return "no rule was run"
    return ""


def _rows_shape(rows: Any, name: str, digest: Callable[[Any], Any]) -> str:
    if not isinstance(rows, list):
        return f"`{name}` is not a list"
    seen = set()
    for row in rows:
        try:
            label, value = row["name"], digest(row)
        except (KeyError, TypeError):
            return f"`{name}` holds an entry without name and sha256"
        if not isinstance(label, str) or not isinstance(value, str) or not _HEX.match(value):
            return f"`{name}` holds an entry without name and sha256"
        if name == "subject" and not is_local(label):
            return f"`{name}` names `{label}`, which is not inside the build folder"
        if label in seen:
            return f"`{name}` names `{label}` twice"
        seen.add(label)
    return ""


def _own_faults(place: Path, statement: Json) -> Iterator[Diagnostic]:
    carried, computed = statement["predicate"]["digest"], digest_of(statement)
    if carried != computed:
        yield _at(
            DIGEST_DIFFERS,
            place,
            f"`{place.name}` was changed after it was written",
            f"carries {carried[:12]}, its content gives {computed[:12]}",
        )
    if statement["predicate"]["verdict"] == "partial":
        shard = statement["predicate"].get("shard")
        row = shard if isinstance(shard, dict) else {}
        yield _at(
            PARTIAL,
            place,
            f"`{place.name}` is shard {row.get('index')} of {row.get('of')}, not a certificate",
        )


# --- the files it speaks of ---------------------------------------------------------------------------------


def _artifacts(folder: Path, subject: Iterable[Json]) -> Iterator[Diagnostic]:
    known = set()
    for row in subject:
        name = row["name"]
        known.add(name)
        path = folder / name
        try:
            digest = sha256(path.read_bytes())
        except OSError:
            yield _at(ARTIFACT_MISSING, path, f"`{name}` was certified and is not there")
            continue
        if digest != row["digest"]["sha256"]:
            yield _at(
                ARTIFACT_CHANGED,
                path,
                f"`{name}` is not the file that was certified",
                f"sha256 {digest[:12]}, certified {row['digest']['sha256'][:12]}",
            )
    for name in sorted(set(_files(folder)) - known):
        yield _at(ARTIFACT_UNKNOWN, folder / name, f"`{name}` is in the build folder and was not certified")


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        parts = PurePosixPath(name).parts
        beside = parts[0] == "image" or name in _BESIDE or _SHARD.match(name)
        kept = any(part.startswith(".") for part in parts) or name.endswith(".edited")
        if not (beside or kept) and (path.is_symlink() or path.is_file()):
            yield name


def _inputs(statement: Json, find: FindInput, place: Path, *, every: bool) -> tuple[list[Diagnostic], int]:
    found, count = [], 0
    for row in statement["predicate"]["inputs"]:
        data = find(row["name"])
        if data is None:
            if every:
                message = f"input `{row['name']}` was certified and cannot be found"
                found.append(_at(INPUT_MISSING, place, message))
            continue
        count += 1
        digest = sha256(data)
        if digest != row["sha256"]:
            found.append(
                _at(
                    INPUT_CHANGED,
                    Path(row["name"]),
                    f"input `{row['name']}` has changed since it was certified",
                    f"sha256 {digest[:12]}, certified {row['sha256'][:12]}",
                )
            )
    return found, count


def _signature(place: Path, data: bytes, public_key: Path) -> Iterator[Diagnostic]:
    envelope = place.with_name(ENVELOPE)
    if not envelope.is_file():
        yield _at(NOT_SIGNED, envelope, f"a key is given and there is no `{ENVELOPE}`")
        return
    from hvbuild.certify.sign import faults_of_envelope  # noqa: PLC0415 - the extra `sign`, only with a key

    yield from faults_of_envelope(envelope, data, public_key)


def _note(statement: Json, count: int, *, signed: bool) -> str:
    predicate = statement["predicate"]
    total = len(predicate["inputs"])
    rows = predicate["properties"]
    artifacts = len(statement["subject"])
    parts = [
        f"{predicate['verdict']}: {len(rows)} guarantees, {artifacts} artifacts compared",
        f"{count} of {total} inputs compared" if count else "inputs not compared",
    ]
    if 0 < count < total:
        parts.append(f"{total - count} inputs not compared")
    if signed:
        parts.append("signature checked")
    return ", ".join(parts)
