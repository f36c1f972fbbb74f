"""The guests' own files that a stack names, read from disk: what they tell is added to what rules see."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from hvbuild.diagnostics import Diagnostic
from hvbuild.load.files import UNREADABLE, Unreadable, read_from_disk
from hvbuild.model.evidence import GuestFacts, GuestNeeds
from hvbuild.model.guest import Needs
from hvbuild.model.plan import Plan
from hvbuild.model.system import System
from hvbuild.source import SourceFile
from hvbuild.verdicts import NamedDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestReading:
    """The system with what the guests' files tell, the files that were read, and those that cannot be."""

    system: System
    inputs: tuple[NamedDigest, ...] = ()
    faults: tuple[Diagnostic, ...] = ()


def read_guest_files(plan: Plan, folder: Path) -> GuestReading:
    """What the `buildfile` and `devicetree` of each guest's needs tell; paths are taken from `folder`."""
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
            inputs.append(NamedDigest(path.as_posix(), hashlib.sha256(found).hexdigest()))
            file = SourceFile(path.as_posix(), found.decode("utf-8", "surrogateescape"))
            label = guest.vm.label
            facts[label] = _told(facts.get(label) or GuestFacts(), word, file)
    system = replace(plan.system, guests=MappingProxyType(facts))
    return GuestReading(system=system, inputs=tuple(inputs), faults=tuple(faults))


def _named(needs: Needs) -> Iterator[tuple[str, str]]:
    if needs.buildfile:
        yield "buildfile", needs.buildfile
    if needs.devicetree:
        yield "devicetree", needs.devicetree


def _told(facts: GuestFacts, word: str, file: SourceFile) -> GuestFacts:
    # Readers of both languages are loaded only by stacks that name such a file.
    if word == "devicetree":
        from hvbuild.formats.dts import read_dts  # noqa: PLC0415
        from hvbuild.meaning.guest_files import guest_tree  # noqa: PLC0415

        return replace(facts, tree=guest_tree(read_dts(file.text, file.path)))
    from hvbuild.formats.buildfile import read_buildfile  # noqa: PLC0415
    from hvbuild.meaning.buildfile import image_meaning  # noqa: PLC0415
    from hvbuild.meaning.guest_files import guest_commands  # noqa: PLC0415

    image = image_meaning(read_buildfile(file.text, file.path))
    needs = facts.needs or GuestNeeds()
    if needs.ifs_address is None and image.load_address is not None:
        needs = replace(needs, ifs_address=image.load_address, origin=image.area_origin)
    return replace(facts, needs=needs, commands=(*facts.commands, *guest_commands(image)))
