"""Somebody else's host: its buildfiles, devicetrees and headers as they lie there, read beside our guests.

What they tell stands where a host of ours has what the stack declares, so that the same rules hold our guests
against it. Nothing of it is written.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic, error_code, other
from hvbuild.linting import kind_of
from hvbuild.load.files import UNREADABLE, Unreadable, read_from_disk
from hvbuild.meaning.host_files import HostReading, read_host_files
from hvbuild.model.plan import Plan
from hvbuild.model.stack import Region
from hvbuild.model.system import HostFacts, HostRegion, System
from hvbuild.source import Origin, SourceFile
from hvbuild.store import digest
from hvbuild.units import size_text
from hvbuild.verdicts import NamedDigest

REGION_DIFFERS = error_code(
    "HV5701",
    "foreign-region-differs",
    "A region of host memory lies elsewhere, or is of another size, in the foreign host than the stack says.",
    "QNX Hypervisor 7.1, qvm configuration syntax: $asinfo_start is what the host made, not what was meant",
)
REGION_MISSING = error_code(
    "HV5702",
    "foreign-region-missing",
    "The foreign host makes regions of host memory, and one that the stack counts on is not among them.",
    "QNX Hypervisor 7.1, qvm configuration syntax: $asinfo_start of a name that there is not stops qvm",
)
CODES = (REGION_DIFFERS, REGION_MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignReading:
    """The system with what the host's files tell; the files, and what is wrong with them and with us."""

    system: System
    inputs: tuple[NamedDigest, ...] = ()
    faults: tuple[Diagnostic, ...] = ()


def read_foreign_host(plan: Plan, catalog: Catalog, folder: Path) -> ForeignReading:
    """What the files of `host.reads` tell of a foreign host; the plan's own system where it names none.

    Paths are taken from the file that names them, else from `folder`.
    """
    sources: list[tuple[str, SourceFile]] = []
    inputs: list[NamedDigest] = []
    faults: list[Diagnostic] = []
    for name, place in plan.stack.host.reads:
        path = Path(os.path.normpath(_beside(place, folder) / name))
        found = read_from_disk(path)
        if isinstance(found, Unreadable):
            faults.append(UNREADABLE.at(place, f"`{name}` of the host cannot be read: {found.reason}"))
            inputs.append(NamedDigest(path.as_posix(), None))
            continue
        inputs.append(NamedDigest(path.as_posix(), digest(found)))
        text = found.decode("utf-8", "surrogateescape")
        sources.append((kind_of(path, None), SourceFile(path.as_posix(), text)))
    if faults or not sources:
        return ForeignReading(system=plan.system, inputs=tuple(inputs), faults=tuple(faults))
    reading = read_host_files(sources, catalog, target=plan.stack.target, systems=_systems(plan))
    return ForeignReading(
        system=replace(plan.system, host=_joined(plan.system.host, reading.host or HostFacts())),
        inputs=tuple(inputs),
        faults=(*reading.faults, *_region_faults(plan, reading)),
    )


def _beside(place: Origin, folder: Path) -> Path:
    return Path(place.span.file.path).parent if place.span is not None else folder


def _systems(plan: Plan) -> dict[str, str]:
    """The `system` name of each guest by the names that its configuration goes by in the host."""
    names: dict[str, str] = {}
    for guest in plan.guests:
        artifact = f"guests/{guest.guest.name}.qvmconf"
        places = [item.path for item in plan.stack.deploy if item.artifact == artifact]
        known = (artifact, guest.guest.launch.config, *places)
        names |= {Path(place).name: guest.vm.system for place in known if place}
    return names


def _joined(ours: HostFacts, theirs: HostFacts) -> HostFacts:
    """What the board and the stack say of the host, with what its own files tell of it."""
    return replace(
        ours,
        regions=_regions(ours, theirs.regions or {}),
        reserved=(*ours.reserved, *theirs.reserved),
        clusters=theirs.clusters,
        partitions=theirs.partitions,
        services=theirs.services,
        launches=theirs.launches,
        image_files=theirs.image_files,
        smmuman=theirs.smmuman,
        region_order=theirs.region_order or ours.region_order,
        size_cells=theirs.size_cells if theirs.size_cells is not None else ours.size_cells,
        startup_arguments=theirs.startup_arguments,
        modules=theirs.modules,
    )


def _regions(host: HostFacts, theirs: Mapping[str, HostRegion]) -> Mapping[str, HostRegion]:
    """Each region where the host's files put it, with what the stack alone knows: owner, purpose, sharing.

    Their regions outside the RAM that the board's file knows of are theirs alone: on-chip memory, say.
    """
    ours = host.regions or {}
    banks = [bank.window for bank in host.banks or () if bank.window is not None]
    near = {
        name: region
        for name, region in theirs.items()
        if region.window is None or not banks or any(bank.overlaps(region.window) for bank in banks)
    }
    both = {
        name: replace(region, window=theirs[name].window, size=theirs[name].size or region.size)
        if name in theirs and theirs[name].window is not None
        else region
        for name, region in ours.items()
    }
    return MappingProxyType({**near, **both})


def _region_faults(plan: Plan, reading: HostReading) -> Iterator[Diagnostic]:
    """Regions that the stack counts on otherwise than the host has them."""
    theirs = reading.host.regions if reading.host is not None else None
    if not theirs:
        return
    for region in plan.stack.regions:
        held = theirs.get(region.name)
        if held is not None:
            yield from _departure(region, held)
        else:
            known = ", ".join(f"`{name}`" for name in sorted(theirs)[:12])
            yield REGION_MISSING.at(
                region.origin,
                f"the host makes no region `{region.name}`",
                "counted on here",
                notes=(f"its files make {known}",),
            )


def _departure(region: Region, held: HostRegion) -> Iterator[Diagnostic]:
    size = held.window.size if held.window is not None else held.size
    what = []
    if isinstance(region.base, int) and held.window is not None and region.base != held.window.start:
        what.append(f"lies at {held.window.start:#x}, not {region.base:#x}")
    if region.size is not None and size is not None and region.size != size:
        what.append(f"has {size_text(size)}, not {size_text(region.size)}")
    if what:
        yield REGION_DIFFERS.at(
            region.origin,
            f"region `{region.name}` of the host {' and '.join(what)}",
            "counted on here",
            others=other(held.origin, "made here"),
        )
