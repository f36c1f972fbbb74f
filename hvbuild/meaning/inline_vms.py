"""VM configurations that a buildfile holds inline, as texts whose places are those of the buildfile."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.buildfile import BuildDocument, read_buildfile
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.model.image import Image
from hvbuild.source import SourceFile


def inline_vms(buildfile: SourceFile, given: Collection[str]) -> tuple[SourceFile, ...]:
    """The configurations in `buildfile` that its image starts, but for files called as one of `given`.

    Offsets are those of the buildfile: all before a configuration is blank. One with an escape is left out,
    for its text in the image is another than the one here.
    """
    if "qvm" not in buildfile.text:
        return ()
    document = read_buildfile(buildfile.text, buildfile.path)
    return tuple(_inline(buildfile, document, image_meaning(document), given))


def in_buildfile(fault: Diagnostic, buildfiles: Mapping[SourceFile, SourceFile]) -> Diagnostic:
    """`fault` with its places in inline configurations turned into those of their buildfile."""
    labels = tuple(
        replace(label, span=replace(label.span, file=buildfiles.get(label.span.file, label.span.file)))
        for label in fault.labels
    )
    return replace(fault, labels=labels)


def _inline(
    buildfile: SourceFile, document: BuildDocument, image: Image, given: Collection[str]
) -> Iterator[SourceFile]:
    bodies = {line.words[0].span.start: line.body for line in document.lines if line.body and line.words}
    for path in dict.fromkeys(path for launch in image.launches for path in launch.configs):
        entry = image.entry(path)
        span = entry.origin.span if entry is not None else None
        body = bodies.get(span.start) if span is not None else None
        if body is None or PurePosixPath(path).name in given or body.text != body.span.text:
            continue
        before = "".join("\n" if char == "\n" else " " for char in buildfile.text[: body.span.start])
        yield SourceFile(buildfile.path, before + body.text)
