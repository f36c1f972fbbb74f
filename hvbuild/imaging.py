"""`hvbuild image`: who may have an image, and what it is made with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hvbuild.building import build
from hvbuild.checking import Checked
from hvbuild.diagnostics import Diagnostic
from hvbuild.image.codes import NOTHING_TO_MAKE
from hvbuild.image.making import Made, make_images
from hvbuild.image.ready import certified_artifacts
from hvbuild.image.vendor import run_vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Imaged:
    """The answer: what was made, or why it was refused (`refused`: for want of a certificate)."""

    made: Made
    warnings: tuple[Diagnostic, ...] = ()
    refused: bool = False


def image(
    checked: Checked, folder: Path, environment: Mapping[str, str], *, engineering: bool = False
) -> Imaged:
    """Make the images of a checked stack from its certified build folder; never certifies by itself.

    An engineering image is made of what the stack says now, whatever certificate there is.
    """
    stack = checked.plan.stack
    if checked.plan.host is None and stack.host.image.vendor is None:
        text = f"`{stack.name}` has no host image of its own to make"
        return Imaged(made=Made(faults=(NOTHING_TO_MAKE.at(stack.host.origin or stack.origin, text),)))
    if engineering:
        artifacts, certificate = build(checked, folder).draft.files, ""
    else:
        ready = certified_artifacts(checked, folder)
        if ready.refusals:
            return Imaged(made=Made(faults=ready.refusals), refused=True)
        artifacts, certificate = ready.artifacts, ready.certificate_digest
    make = run_vendor if stack.host.image.vendor is not None else make_images
    made = make(checked, artifacts, folder, environment, certificate=certificate)
    return Imaged(made=made, warnings=checked.diagnostics)
