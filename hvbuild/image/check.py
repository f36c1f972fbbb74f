"""A finished image against its buildfile: what dumpifs of the SDP lists in it must be what was asked for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.image.codes import IMAGE_OTHERWISE
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.model.image import Entry, EntryType
from hvbuild.source import SourceFile, Span

# `   Offset     Size  Name`: hex numbers or dashes, then the path, ` -> target` for links (dumpifs source).
_ROW = re.compile(
    r"[ \t]*(?:[0-9a-f]+|-+)[ \t]+(?:(?P<size>[0-9a-f]+)|-+)[ \t]+(?P<path>\S.*?)(?: -> (?P<link>.*))?\r?$"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A path that dumpifs lists: its size where told, its target for a link."""

    size: int | None
    link: str = ""


def read_listing(text: str) -> Mapping[str, Listed]:
    """What `dumpifs IMAGE` printed, by absolute path."""
    found: dict[str, Listed] = {}
    for line in text.splitlines():
        match = _ROW.match(line)
        if match is None:
            continue
        size = int(match["size"], 16) if match["size"] else None
        path = match["path"].strip()
        found[path if path.startswith("/") else f"/{path}"] = Listed(size, (match["link"] or "").strip())
    return found


def image_faults(buildfile: SourceFile, listing: str, sizes: Mapping[str, int]) -> Iterator[Diagnostic]:
    """What the listed image lacks or holds otherwise than `buildfile` says.

    `sizes` are those of host files that go in unchanged, by image path; ELF files are rewritten by mkifs.
    """
    listed = read_listing(listing)
    if not listed:
        yield IMAGE_OTHERWISE.at(Span(buildfile, 0, 0), "dumpifs lists nothing in the image")
        return
    image = image_meaning(read_buildfile(buildfile.text, buildfile.path))
    for entry in image.entries:
        yield from _entry(entry, listed, sizes)


def _entry(entry: Entry, listed: Mapping[str, Listed], sizes: Mapping[str, int]) -> Iterator[Diagnostic]:
    found = listed.get(entry.path)
    if found is None:
        if not entry.optional:
            yield IMAGE_OTHERWISE.at(
                entry.origin, f"the image does not hold `{entry.path}`", "asked for here"
            )
        return
    if entry.type is EntryType.LINK and found.link and found.link != entry.link:
        text = f"`{entry.path}` links to `{found.link}` in the image, not to `{entry.link}`"
        yield IMAGE_OTHERWISE.at(entry.origin, text, "asked for here")
    wanted = sizes.get(entry.path)
    if entry.content is not None:
        wanted = len(entry.content.encode("utf-8", "surrogateescape"))
    if wanted is not None and found.size is not None and found.size != wanted:
        text = f"`{entry.path}` has {found.size} bytes in the image, its source {wanted}"
        yield IMAGE_OTHERWISE.at(entry.origin, text, "asked for here")
