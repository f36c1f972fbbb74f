"""The steps that make the images of a stack from its artifacts: which tool, which words, what comes out."""

from collections.abc import Iterator

from hvbuild.model.board import DiskStep
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
