"""Hand-kept files of one host read together: buildfiles, devicetrees, headers of constants."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.cheader import read_header
from hvbuild.formats.dts import read_dts
from hvbuild.meaning.buildfile_lint import LintedImage, lint_buildfile
from hvbuild.meaning.devicetree import tree_facts
from hvbuild.meaning.devicetree_lint import LintedTree, lint_devicetree
from hvbuild.meaning.host_facts import host_facts
from hvbuild.meaning.vendor_tree import tree_memories
from hvbuild.model.system import HostFacts
from hvbuild.source import SourceFile
from hvbuild.values import dataclass

T = TypeVar("T")

BUILDFILE, DEVICETREE, HEADER = "buildfile", "dts", "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading:
    """What host files say together: images, trees, what they make known of the host, their faults."""

    images: tuple[LintedImage, ...] = ()
    trees: tuple[LintedTree, ...] = ()
    host: HostFacts | None = None
    faults: tuple[Diagnostic, ...] = ()


def read_host_files(
    files: Iterable[tuple[str, SourceFile]],
    catalog: Catalog,
    *,
    target: str | None = None,
    systems: Mapping[str, str] | None = None,
) -> HostReading:
    """The host that `files` describe, each with its kind; other kinds are left alone.

    Constants of the headers give macros in the trees their numbers. `systems` gives the `system` name of VM
    configurations by path or file name. `host` is None where no file tells of it.
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
    banks = joined_facts(tree_facts(memory) for memory in memories).banks
    trees = tuple(
        lint_devicetree(document, constants, HostFacts(banks=banks), memory=memory)
        for document, memory in zip(documents, memories, strict=True)
    )
    facts = [host_facts(linted.image, systems) for linted in images]
    facts += [tree_facts(linted.memory) for linted in trees]
    faults = [fault for linted in images for fault in linted.faults]
    faults += [fault for linted in trees for fault in linted.faults]
    return HostReading(
        images=images,
        trees=trees,
        host=joined_facts(facts) if facts else None,
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
