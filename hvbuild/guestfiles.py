"""The guests' own files that a stack names, read from disk: what they tell is added to what rules see."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.image_kind import HEAD_BYTES, image_kind
from hvbuild.load.files import UNREADABLE, Unreadable, read_from_disk
from hvbuild.model.evidence import GuestFacts, ImageFacts
from hvbuild.model.guest import Image, Needs
from hvbuild.model.plan import Plan
from hvbuild.model.system import System
from hvbuild.store import digest
from hvbuild.verdicts import NamedDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestReading:
    """The system with what the guests' files tell, the files that were read, and those that cannot be."""

    system: System
    inputs: tuple[NamedDigest, ...] = ()
    faults: tuple[Diagnostic, ...] = ()


def read_guest_files(plan: Plan, folder: Path) -> GuestReading:
    """What each guest's images, and the files of its needs, tell; paths are taken from `folder`."""
    facts = dict(plan.system.guests)
    inputs: list[NamedDigest] = []
    faults: list[Diagnostic] = []
    for guest in plan.guests:
        for word, name in _named(guest.guest.needs):
            path = folder / name
            found = read_from_disk(path)
            if isinstance(found, Unreadable):
                message = (
                    f"`{name}`, the {word} of guest `{guest.guest.name}`, cannot be read: {found.reason}"
                )
                faults.append(UNREADABLE.at(guest.guest.needs.origin, message, word))
                inputs.append(NamedDigest(path.as_posix(), None))
                continue
            inputs.append(NamedDigest(path.as_posix(), digest(found)))
            label = guest.vm.label
            facts[label], wrong = _told(facts.get(label) or GuestFacts(), word, path, found)
            faults += wrong
        for image in guest.guest.images:
            # A plain name is looked up by mkifs on its search path, which is not known here.
            if "/" in image.source:
                read = _image(image, folder)
                inputs.append(read.input)
                label = guest.vm.label
                known = facts.get(label) or GuestFacts()
                facts[label] = replace(known, images=(*_without(known.images, image), read.facts))
    system = replace(plan.system, guests=MappingProxyType(facts))
    return GuestReading(system=system, inputs=tuple(inputs), faults=tuple(faults))


class _ImageRead(NamedTuple):
    facts: ImageFacts
    input: NamedDigest


def _without(known: tuple[ImageFacts, ...], image: Image) -> tuple[ImageFacts, ...]:
    return tuple(each for each in known if each.path != image.load.path)


def _image(image: Image, folder: Path) -> _ImageRead:
    """What the file behind an image is; its source lies beside the stack."""
    path = folder / image.source
    found = read_from_disk(path)
    if isinstance(found, Unreadable):
        missing = ImageFacts(path=image.load.path, exists=False, size=image.size, origin=image.origin)
        return _ImageRead(missing, NamedDigest(path.as_posix(), None))
    kind = image_kind(found[:HEAD_BYTES])
    facts = ImageFacts(
        path=image.load.path,
        size=len(found),
        kind=kind.kind,
        linked=kind.linked,
        entry=kind.entry,
        origin=image.origin,
    )
    return _ImageRead(facts, NamedDigest(path.as_posix(), digest(found)))


def _named(needs: Needs) -> Iterator[tuple[str, str]]:
    if needs.buildfile:
        yield "buildfile", needs.buildfile
    if needs.devicetree:
        yield "devicetree", needs.devicetree


def _told(facts: GuestFacts, word: str, path: Path, data: bytes) -> tuple[GuestFacts, tuple[Diagnostic, ...]]:
    """`facts` with what the file tells, and why it cannot be read where it is not what `word` says."""
    # Readers of both languages are loaded only by stacks that name such a file.
    if word == "devicetree":
        from hvbuild.formats.dtb_text import text_of  # noqa: PLC0415
        from hvbuild.formats.dts import read_dts  # noqa: PLC0415
        from hvbuild.formats.dts_faults import syntax_faults  # noqa: PLC0415
        from hvbuild.meaning.guest_files import with_tree  # noqa: PLC0415

        document = read_dts(text_of(data), path.as_posix())
        return with_tree(facts, document), tuple(syntax_faults(document))
    from hvbuild.formats.buildfile import read_buildfile  # noqa: PLC0415
    from hvbuild.meaning.buildfile import image_meaning  # noqa: PLC0415
    from hvbuild.meaning.guest_files import with_image  # noqa: PLC0415

    text = data.decode("utf-8", "surrogateescape")
    image = image_meaning(read_buildfile(text, path.as_posix()))
    says = image.boot is not None or image.steps or image.load_address is not None
    message = f"`{path.name}` has neither a boot script nor a startup script nor an image address"
    faults = () if says else (UNREADABLE.at(image.origin, message, "no buildfile of a guest"),)
    return with_image(facts, image), faults
