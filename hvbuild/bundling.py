"""`hvbuild bundle`: the certified build of a stack as one archive."""

from dataclasses import dataclass
from pathlib import Path

from hvbuild.checking import Checked
from hvbuild.diagnostics import Diagnostic
from hvbuild.image.bundle import bundle_members, write_bundle
from hvbuild.image.codes import NOTHING_TO_MAKE
from hvbuild.image.ready import certified_artifacts
from hvbuild.store import file_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """The archive and its digest, or why there is none (`refused`: for want of a certificate)."""

    path: Path
    digest: str = ""
    members: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    refused: bool = False


def bundle(checked: Checked, folder: Path, target: Path) -> Bundled:
    """Pack the certified build folder of `checked` into `target`; OSError where that cannot be written."""
    stack = checked.plan.stack
    if checked.plan.host is None:
        text = f"`{stack.name}` has no host image of its own to make"
        fault = NOTHING_TO_MAKE.at(stack.host.origin or stack.origin, text)
        return Bundled(path=target, diagnostics=(fault,))
    ready = certified_artifacts(checked, folder)
    if ready.refusals:
        return Bundled(path=target, diagnostics=ready.refusals, refused=True)
    members = bundle_members(checked, ready.artifacts, ready.certificate, folder)
    write_bundle(f"{stack.name}-{stack.variant}", members, target)
    return Bundled(
        path=target,
        digest=file_digest(target) or "",
        members=tuple(sorted(members)),
        diagnostics=checked.diagnostics,
    )
