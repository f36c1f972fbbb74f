"""May an image be made of this build folder? The certificate, its inputs, and what the stack says now."""

from dataclasses import dataclass
from pathlib import Path

from hvbuild.building import draft
from hvbuild.certify.canonical import Json
from hvbuild.certify.form import ACCEPTED, CERTIFICATE
from hvbuild.certify.statement import in_force
from hvbuild.certify.verify import Verification, verify
from hvbuild.certifying import day_of_judgement
from hvbuild.checking import Checked
from hvbuild.diagnostics import Diagnostic, Label
from hvbuild.image.codes import NOT_CERTIFIED, NOT_CURRENT
from hvbuild.project import named_data
from hvbuild.source import SourceFile, Span
from hvbuild.store import digest
from hvbuild.version import judging_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The artifacts that may be used, by name, with their certificate's digest; or why they may not.

    `until` is the last day (ISO) on which the certificate's waivers count; empty without one.
    """

    artifacts: dict[str, bytes]
    certificate: bytes = b""
    refusals: tuple[Diagnostic, ...] = ()
    until: str = ""

    @property
    def certificate_digest(self) -> str:
        """The sha256 of the certificate file; empty without one."""
        return digest(self.certificate) if self.certificate else ""


def certified_artifacts(checked: Checked, folder: Path) -> Ready:
    """The artifacts of a build folder, when its certificate accepts them and the stack still says the same.

    Every file is read once: what was compared is what is used.
    """
    artifacts = draft(checked).files
    place = folder / CERTIFICATE
    try:
        certificate = place.read_bytes()
    except OSError:
        return Ready(artifacts=artifacts, refusals=(_refusal(checked, place, "there is no certificate"),))
    found = _verified(folder, checked.place.root)
    refusals = list(found.diagnostics)
    if found.verdict not in ACCEPTED and not refusals:
        refusals.append(_refusal(checked, place, f"the certificate's verdict is `{found.verdict}`"))
    refusals += _other_versions(checked, found.statement, place)
    refusals += _lapsed(checked, found.statement, place)
    if not refusals:
        refusals += _differences(checked, artifacts, found.statement, place)
    until = min((expires for _, expires in _waived(found.statement)), default="")
    return Ready(artifacts=artifacts, certificate=certificate, refusals=tuple(refusals), until=until)


def changed_since(folder: Path, root: Path) -> tuple[Diagnostic, ...]:
    """What differs from what the folder's certificate was made of; none without a certificate."""
    return _verified(folder, root).diagnostics if (folder / CERTIFICATE).is_file() else ()


def _verified(folder: Path, root: Path) -> Verification:
    return verify(folder, find_input=lambda name: _input(name, root), every_input=True)


def _other_versions(checked: Checked, statement: Json | None, place: Path) -> list[Diagnostic]:
    """What judged then and is another now: nobody knows whether it would judge the same."""
    held = statement["predicate"]["versions"] if statement is not None else {}
    return [
        _refusal(checked, place, f"it was made with {name} {held.get(name, '(none)')}, this is {now}")
        for name, now in judging_versions()
        if statement is not None and held.get(name) != now
    ]


def _lapsed(checked: Checked, statement: Json | None, place: Path) -> list[Diagnostic]:
    """Waivers that counted when the certificate was made and do not any more."""
    day = day_of_judgement(checked)
    return [
        _refusal(checked, place, f"the waiver for `{name}` ran out on {expires}")
        for name, expires in _waived(statement)
        if not in_force(expires, day)
    ]


def _waived(statement: Json | None) -> list[tuple[str, str]]:
    """Each waived property with the last day of its waiver."""
    rows = statement["predicate"]["properties"] if statement is not None else []
    return [(row["id"], row["waiver"]["expires"]) for row in rows if "waiver" in row]


def _input(name: str, root: Path) -> bytes | None:
    try:
        return named_data(name, root)
    except OSError:
        return None


def _refusal(checked: Checked, place: Path, why: str) -> Diagnostic:
    return NOT_CERTIFIED.at(
        Span(SourceFile(place.as_posix(), ""), 0, 0),
        f"no image of `{checked.plan.stack.name}` without a certificate that accepts it: {why}",
        helps=("`hvbuild certify` first, or `--engineering` for an image that is marked as uncertified",),
    )


def _differences(
    checked: Checked, artifacts: dict[str, bytes], statement: object, place: Path
) -> list[Diagnostic]:
    """Artifacts that the stack, as it stands, would write otherwise than they were certified."""
    rows = statement["subject"] if isinstance(statement, dict) else []
    certified = {row["name"]: row["digest"]["sha256"] for row in rows}
    now = {name: digest(data) for name, data in artifacts.items()}
    names = sorted(name for name in {*certified, *now} if certified.get(name) != now.get(name))
    if not names:
        return []
    origin = checked.plan.stack.origin.span
    where = Span(SourceFile(place.as_posix(), ""), 0, 0)
    return [
        NOT_CURRENT.at(
            where,
            f"the certificate speaks of another `{names[0]}` than the stack says now",
            others=(Label(origin, "the stack"),) if origin is not None else (),
            notes=tuple(f"`{name}` differs" for name in names[1:]),
            helps=("`hvbuild certify` again",),
        )
    ]
