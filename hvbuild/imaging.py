"""`hvbuild image`: who may have an image, and what it is made with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hvbuild.building import build
from hvbuild.certify.form import CERTIFICATE
from hvbuild.checking import Checked
from hvbuild.diagnostics import Diagnostic
from hvbuild.freshness import IMAGE_STATE, image_state
from hvbuild.image.codes import NOTHING_TO_MAKE
from hvbuild.image.making import Made, make_images
from hvbuild.image.ready import Ready, certified_artifacts
from hvbuild.image.vendor import run_vendor
from hvbuild.resolve.imagesteps import IMAGE_FOLDER
from hvbuild.store import file_digest, write_file


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
        ready = Ready(artifacts=build(checked, folder).draft.files)
    else:
        ready = certified_artifacts(checked, folder)
        if ready.refusals:
            return Imaged(made=Made(faults=ready.refusals), refused=True)
    make = run_vendor if stack.host.image.vendor is not None else make_images
    made = make(checked, ready.artifacts, folder, environment, certificate=ready.certificate_digest)
    if made.inputs and ready.certificate:
        _remember(made, ready, folder, environment)
    return Imaged(made=made, warnings=checked.diagnostics)


def _remember(made: Made, ready: Ready, folder: Path, environment: Mapping[str, str]) -> None:
    """Write down what the images were made from, so that a build knows when to make them again."""
    paths = sorted((folder / IMAGE_FOLDER).iterdir())
    outputs = {path.relative_to(folder).as_posix(): file_digest(path) or "" for path in paths}
    outputs[CERTIFICATE] = ready.certificate_digest
    write_file(folder / IMAGE_STATE, image_state(made.inputs, outputs, environment, ready.until))
