"""The steps that make the images of a stack from its artifacts: which tool, which words, what comes out."""

from collections.abc import Iterator

from hvbuild.model.board import DiskStep
from hvbuild.model.evidence import SizeLimit
from hvbuild.model.stack import Stack
from hvbuild.values import dataclass

BUILDFILE = "host/mifs.build"
IMAGE_FOLDER = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStep:
    """One tool run in the build folder; `output` is the file it makes there."""

    tool: str
    arguments: tuple[str, ...]
    output: str


def host_image(stack: Stack) -> str:
    """The host image's name in the build folder."""
    return f"{IMAGE_FOLDER}/{stack.name}-{stack.variant}.ifs"


def disk_artifact(step: DiskStep) -> str:
    """The name in the build folder of what a disk step reads."""
    return f"host/{step.template.removesuffix('.j2')}"


def size_limits(stack: Stack) -> Iterator[tuple[str, SizeLimit]]:
    """Each image that is limited in size, by its name in the build folder, with what limits it."""
    for limit in image_limits(stack):
        yield host_image(stack), limit
    for step in stack.board.disk:
        if step.max_size is not None:
            limit = SizeLimit(size=step.max_size, what="its partition", origin=step.origin)
            yield f"{IMAGE_FOLDER}/{step.output}", limit


def image_limits(stack: Stack) -> tuple[SizeLimit, ...]:
    """What limits the size of the host image: the stack's own word, and the flash partition of the board."""
    image, loader = stack.host.image, stack.board.loader
    limits = []
    if image.max_size is not None:
        limits.append(SizeLimit(size=image.max_size, what="`host.image.max_size`", origin=image.origin))
    if loader is not None and loader.flash is not None:
        what = f"the flash of `{stack.board.name}`"
        limits.append(SizeLimit(size=loader.flash, what=what, origin=loader.origin))
    return tuple(limits)


def image_steps(stack: Stack) -> Iterator[ImageStep]:
    """The steps in order: mkifs, then those that the board declares.

    `-nn` zeroes every time stamp, so that the same files give the same image (mkifs reference). The disk
    tools take `BUILDFILE OUTPUT`; diskimage takes `-o OUTPUT -c CONFIGURATION` (QNX SDP utilities).
    """
    image = host_image(stack)
    yield ImageStep(tool="mkifs", arguments=("-nn", BUILDFILE, image), output=image)
    for step in stack.board.disk:
        source, output = disk_artifact(step), f"{IMAGE_FOLDER}/{step.output}"
        match step.kind:
            case "fat":
                yield ImageStep(tool="mkfatfsimg", arguments=(source, output), output=output)
            case "qnx6":
                yield ImageStep(tool="mkqnx6fsimg", arguments=(source, output), output=output)
            case _:
                yield ImageStep(tool="diskimage", arguments=("-o", output, "-c", source), output=output)
