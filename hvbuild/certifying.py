"""Certificates of built variants: judged, written beside the artifacts, and compared with the files later."""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hvbuild.building import Built
from hvbuild.certify.certificate import CertificateResult, certify
from hvbuild.certify.merge import merge
from hvbuild.certify.subject import EXAMPLES, Subject, judgement_date
from hvbuild.certify.verify import ENVELOPE, Verification, verify
from hvbuild.diagnostics import Diagnostic, StackInvalid
from hvbuild.freshness import STATE, with_outputs
from hvbuild.project import StackPlace, named_data
from hvbuild.rules.catalog import ALL_RULES
from hvbuild.store import locked, write_together
from hvbuild.version import __version__

CERTIFICATE, TIMINGS = "certificate.json", "timings.json"
COUNTEREXAMPLES = "counterexamples"
ACCEPTED, REFUSED = ("certified", "certified-with-waivers"), "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was asked of one certificate; None: the stack's own word, else the default."""

    examples: int | None = None
    seed: int = 0
    shard: tuple[int, int] | None = None
    key: Path | None = None


def subject_of(built: Built, terms: Terms) -> Subject:
    """What the certificate of `built` is about: the files as read back, the loads as declared."""
    stack = built.checked.plan.stack
    stored = stored_counterexamples(built.checked.place)
    inputs = [(item.name, item.digest) for item in built.inputs if item.digest is not None]
    return Subject(
        plan=built.checked.plan,
        system=built.rendering.system,
        artifacts=MappingProxyType(dict(built.artifacts)),
        inputs=tuple(inputs),
        seed=terms.seed,
        examples=terms.examples or stack.certificate.examples or EXAMPLES,
        rules_ran=len(ALL_RULES),
        date=judgement_date(os.environ),
        versions=MappingProxyType(
            {
                "hvbuild": __version__,
                "python": platform.python_version(),
                "hypothesis": version("hypothesis"),
                "target": stack.target,
            }
        ),
        counterexamples=stored,
        catalog=built.checked.catalog,
    )


def stored_counterexamples(place: StackPlace) -> tuple[tuple[str, str], ...]:
    """The counterexamples kept with a stack, name and text, by name; they are replayed first."""
    folder = place.folder / COUNTEREXAMPLES
    return tuple((path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json")))


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


def certify_build(built: Built, terms: Terms, progress: Callable[..., None] | None = None) -> Certified:
    """Judge `built` and write its certificate, timings and envelope together; a refusal is written too."""
    result = certify(subject_of(built, terms), progress=progress, shard=terms.shard)
    files = {certificate_name(terms.shard): result.data, TIMINGS: _timings(result)}
    files |= _envelope(result.data, terms.key)
    _write(built.folder, files)
    return Certified(
        folder=built.folder,
        verdict=result.verdict,
        properties=tuple(result.statement["predicate"]["properties"]),
        diagnostics=(*built.diagnostics, *result.diagnostics),
    )


def merge_shards(folder: Path, paths: Sequence[Path], key: Path | None = None) -> Certified:
    """Join the certificates of all shards in `folder`; nothing is written when they do not fit together."""
    merged = merge(paths)
    if merged.statement is None:
        raise StackInvalid("merging", merged.diagnostics)
    _write(folder, {CERTIFICATE: merged.data, **_envelope(merged.data, key)})
    return Certified(
        folder=folder,
        verdict=merged.verdict,
        properties=tuple(merged.statement["predicate"]["properties"]),
        diagnostics=merged.diagnostics,
    )


def _envelope(data: bytes, key: Path | None) -> dict[str, bytes]:
    """The signed envelope beside a certificate, where a key was given."""
    if key is None:
        return {}
    from hvbuild.certify.sign import signed_envelope  # noqa: PLC0415 - the extra `sign`, on request only

    return {ENVELOPE: signed_envelope(data, key)}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    with locked(folder):
        write_together(folder, {**files, STATE: with_outputs(folder, files)})


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
