"""Hand-kept files read together, of the host and its guests: buildfiles, devicetrees, headers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from types import MappingProxyType
from typing import TypeVar

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.cheader import read_header
from hvbuild.formats.dts import read_dts
from hvbuild.meaning.across_files import startup_and_tree
from hvbuild.meaning.buildfile_lint import LintedImage, lint_buildfile
from hvbuild.meaning.devicetree import tree_facts
from hvbuild.meaning.devicetree_lint import LintedTree, lint_devicetree
from hvbuild.meaning.guest_parts import guest_facts, guest_images, guest_trees
from hvbuild.meaning.host_facts import host_facts
from hvbuild.meaning.vendor_tree import tree_memories
from hvbuild.model.evidence import GuestFacts
from hvbuild.model.system import HostFacts
from hvbuild.model.vm import VmConfig
from hvbuild.source import SourceFile
from hvbuild.values import dataclass

T = TypeVar("T")

BUILDFILE, DEVICETREE, HEADER = "buildfile", "dts", "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading:
    """What the files say together: images, trees, what they make known of host and guests, their faults.

    `guests` are by the label of the VM.
    """

    images: tuple[LintedImage, ...] = ()
    trees: tuple[LintedTree, ...] = ()
    host: HostFacts | None = None
    guests: Mapping[str, GuestFacts] = field(default_factory=lambda: MappingProxyType({}))
    faults: tuple[Diagnostic, ...] = ()


def read_host_files(
    files: Iterable[tuple[str, SourceFile]],
    catalog: Catalog,
    *,
    target: str | None = None,
    systems: Mapping[str, str] | None = None,
    vms: Sequence[VmConfig] = (),
) -> HostReading:
    """The host that `files` describe, each with its kind; other kinds are left alone.

    Constants of the headers give macros in the trees their numbers. `systems` gives the `system` name of VM
    configurations by path or file name. What belongs to one of the `vms`, or to some guest, is no part of the
    host. `host` is None where no file tells of it.
    """
    held = tuple(files)
    constants: dict[str, int] = {}
    for kind, file in held:
        if kind == HEADER:
            constants.update(read_header(file.text, file.path).values)
    images = tuple(
        lint_buildfile(read_buildfile(file.text, file.path), catalog, target)
        for kind, file in held
        if kind == BUILDFILE
    )
    documents = [read_dts(file.text, file.path, constants) for kind, file in held if kind == DEVICETREE]
    memories = tree_memories(documents, (file for kind, file in held if kind == HEADER), constants)
    told = tuple(zip(documents, memories, strict=True))
    of_guests, their_trees = guest_images(images, vms), guest_trees(documents, vms)
    theirs = {linted.document.file for linted, _ in of_guests} | {each.file for each, _ in their_trees}
    banks = joined_facts(tree_facts(memory) for each, memory in told if each.file not in theirs).banks
    known = HostFacts(banks=banks)
    trees = tuple(
        lint_devicetree(each, constants, HostFacts() if each.file in theirs else known, memory=memory)
        for each, memory in told
    )
    facts = [host_facts(each.image, systems) for each in images if each.document.file not in theirs]
    facts += [tree_facts(each.memory) for each in trees if each.document.file not in theirs]
    faults = [fault for linted in images for fault in linted.faults]
    faults += [fault for linted in trees for fault in linted.faults]
    faults += startup_and_tree(
        (each.image.boot for each in images if each.image.boot and each.document.file not in theirs),
        (region for each in trees if each.document.file not in theirs for region in each.memory.regions),
    )
    return HostReading(
        images=images,
        trees=trees,
        host=joined_facts(facts) if facts else None,
        guests=MappingProxyType(guest_facts(of_guests, their_trees)),
        faults=tuple(sorted(faults, key=lambda fault: fault.sort_key)),
    )


def joined_facts(facts: Iterable[HostFacts]) -> HostFacts:
    """What several sources make known of one host; of two values for one thing the later one counts."""
    result = HostFacts()
    for one in facts:
        result = replace(
            result,
            architecture=one.architecture or result.architecture,
            banks=_joined(result.banks, one.banks),
            regions=_merged(result.regions, one.regions),
            reserved=(*result.reserved, *one.reserved),
            clusters=_merged(result.clusters, one.clusters),
            partitions=_merged(result.partitions, one.partitions),
            services=_joined(result.services, one.services),
            launches=_merged(result.launches, one.launches),
            starts_others=result.starts_others or one.starts_others,
            image_files=_united(result.image_files, one.image_files),
            smmuman=result.smmuman or one.smmuman if one.smmuman is not None else result.smmuman,
            region_order=one.region_order or result.region_order,
            size_cells=one.size_cells if one.size_cells is not None else result.size_cells,
            startup_arguments=_last(one.startup_arguments, result.startup_arguments),
            modules=_last(one.modules, result.modules),
            origin=one.origin or result.origin,
        )
    return result


def _last(new: T | None, old: T | None) -> T | None:
    return old if new is None else new


def _joined(old: tuple[T, ...] | None, new: tuple[T, ...] | None) -> tuple[T, ...] | None:
    return (*(old or ()), *(new or ())) if old is not None or new is not None else None


def _united(old: frozenset[T] | None, new: frozenset[T] | None) -> frozenset[T] | None:
    return (old or frozenset()) | (new or frozenset()) if old is not None or new is not None else None


def _merged(old: Mapping[str, T] | None, new: Mapping[str, T] | None) -> Mapping[str, T] | None:
    return MappingProxyType({**(old or {}), **(new or {})}) if old is not None or new is not None else None
