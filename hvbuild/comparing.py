"""Two things compared by meaning, whatever they are: stacks, build folders, hand-kept files of one kind."""

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from hvbuild.building import rendered
from hvbuild.catalog import shipped_catalog
from hvbuild.checking import Checker
from hvbuild.compare.difference import Change, ChangeKind, Difference, changes_of, compare_systems, reordered
from hvbuild.compare.image import image_steps, image_things
from hvbuild.compare.things import Thing
from hvbuild.compare.tree import header_things, tree_things
from hvbuild.diagnostics import Diagnostics
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.cheader import read_header
from hvbuild.formats.dts import read_dts
from hvbuild.formats.qvmconf import read_qvmconf
from hvbuild.formats.qvmconf_codes import UNKNOWN_OPTION
from hvbuild.linting import QVMCONF, kind_of, read_source
from hvbuild.manifest import MANIFEST, read_manifest
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.meaning.devicetree import tree_facts, tree_memory
from hvbuild.meaning.host_files import BUILDFILE, DEVICETREE, HEADER, joined_facts
from hvbuild.meaning.qvmconf import read_vm
from hvbuild.model.image import Image
from hvbuild.model.system import HostFacts, System
from hvbuild.model.vm import VmConfig
from hvbuild.project import STACK_FILE, StackPlace, stack_place
from hvbuild.source import SourceFile
from hvbuild.store import digest
from hvbuild.values import dataclass

STACK, BUILD = "stack", "build folder"
_KINDS = {QVMCONF: "qvmconf", BUILDFILE: "buildfile", DEVICETREE: "devicetree", HEADER: "header"}
_YAML = (".yaml", ".yml")
_OTHER = "other"
# Artifacts that repeat what one beside them says, by ending.
_REPEATS = {"dtb": ("dts", "dtsi"), "dts": ("dtsi",)}

T = TypeVar("T")


class CannotCompare(Exception):  # noqa: N818 - named for what it says
    """The two are not of one kind, or one of them is nothing that can be compared; its text is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side: its VMs and, by file, what its images, trees and other files hold."""

    kind: str
    system: System
    images: Mapping[str, Image] = field(default_factory=dict)
    trees: Mapping[str, tuple[Thing, ...]] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


def compare(before: Side, after: Side) -> Difference:
    """What differs, by meaning. CannotCompare where the two are not of one kind."""
    if {before.kind, after.kind} - {STACK, BUILD} and before.kind != after.kind:
        raise CannotCompare(f"a {before.kind} cannot be compared with a {after.kind}")
    found = compare_systems(before.system, after.system, shipped_catalog())
    return Difference(vms=found.vms, host=(*found.host, *_host_changes(before, after)))


def side_at(path: Path, variant: str) -> Side:
    """What stands at `path`; a stack in its `variant`. OSError where it cannot be opened, StackInvalid with
    the faults of text that has no meaning, CannotCompare for a folder of another kind."""
    if path.is_dir():
        if (path / MANIFEST).exists():
            return build_side(path)
        if (path / STACK_FILE).exists():
            return stack_side(stack_place(path), variant)
        raise CannotCompare(f"`{path}` is neither a stack nor a build folder")
    if path.name.endswith(_YAML):
        with path.open("rb"):
            return stack_side(stack_place(path), variant)
    file = read_source(path)
    kind = kind_of(path, None)
    return _read(_KINDS[kind], {file.path: (kind, file)}, None)


def stack_side(place: StackPlace, variant: str) -> Side:
    """What a stack would build now, without writing it; its VMs have their places in the stack itself."""
    checked = Checker(None).check(place, variant)
    artifacts = {item.name: item.data for item in rendered(checked).artifacts}
    side = _artifacts_side(STACK, artifacts, checked.plan.stack.target)
    vms = tuple(guest.vm for guest in checked.plan.guests)
    return replace(side, system=replace(side.system, vms=vms))


def build_side(folder: Path) -> Side:
    """What the artifacts of a build folder say as they lie there."""
    manifest = read_manifest(folder)
    if manifest is None or not isinstance(manifest.get("artifacts"), dict):
        raise CannotCompare(f"`{folder / MANIFEST}` is no manifest of a build")
    artifacts = {name: (folder / name).read_bytes() for name in manifest["artifacts"]}
    target = manifest.get("target")
    return _artifacts_side(BUILD, artifacts, target if isinstance(target, str) else None)


def artifact_changes(name: str, before: bytes, after: bytes) -> Difference | None:
    """What differs between two versions of one artifact; None where it is of no kind that has a meaning."""
    if _artifact_kind(name) == _OTHER:
        return None
    sides = [_artifacts_side(BUILD, {name: data}, None) for data in (before, after)]
    return compare(sides[0], sides[1])


# --- reading ------------------------------------------------------------------------------------------------


def _artifacts_side(kind: str, artifacts: Mapping[str, bytes], target: str | None) -> Side:
    """The side that artifacts say; what another of them says as well is left out."""
    files = {
        name: (_artifact_kind(name), SourceFile(name, data.decode("utf-8", "surrogateescape")))
        for name, data in artifacts.items()
        if not _is_said_elsewhere(name, artifacts)
    }
    return _read(kind, files, target)


def _artifact_kind(name: str) -> str:
    if name.endswith(f".{QVMCONF}"):
        return QVMCONF
    kind = kind_of(Path(name), None)
    return _OTHER if kind == QVMCONF else kind


def _is_said_elsewhere(name: str, artifacts: Mapping[str, bytes]) -> bool:
    """True for a blob beside its source, and for a tree that only checks the fragment beside it."""
    stem, _, ending = name.rpartition(".")
    return any(f"{stem}.{other}" in artifacts for other in _REPEATS.get(ending, ()))


def _read(kind: str, files: Mapping[str, tuple[str, SourceFile]], target: str | None) -> Side:
    vms = tuple(_vm(file, target) for what, file in files.values() if what == QVMCONF)
    trees = {
        name: read_dts(file.text, file.path) for name, (what, file) in files.items() if what == DEVICETREE
    }
    headers = {name: read_header(f.text, f.path) for name, (what, f) in files.items() if what == HEADER}
    host = joined_facts(_regions_alone(tree_facts(tree_memory(tree))) for tree in trees.values())
    return Side(
        kind=kind,
        system=System(vms=vms, target=target, host=host),
        images={
            name: image_meaning(read_buildfile(file.text, file.path))
            for name, (what, file) in files.items()
            if what == BUILDFILE
        },
        trees={
            **{name: tree_things(tree) for name, tree in trees.items()},
            **{name: header_things(header) for name, header in headers.items()},
        },
        others={
            name: digest(file.text.encode("utf-8", "surrogateescape"))
            for name, (what, file) in files.items()
            if what == _OTHER
        },
    )


def _regions_alone(facts: HostFacts) -> HostFacts:
    """Regions in people's words; all else of a tree is compared node by node."""
    return HostFacts(regions=facts.regions or MappingProxyType({}))


def _vm(file: SourceFile, target: str | None) -> VmConfig:
    catalog = shipped_catalog()
    title = Path(file.path).stem if target is not None else ""
    reading = read_vm([read_qvmconf(file, catalog)], catalog, target=target, title=title)
    faults = Diagnostics()
    # What names no option is carried as words, so it can be compared; other faults leave nothing to compare.
    faults.extend(fault for fault in reading.faults if fault.code != UNKNOWN_OPTION.code)
    faults.barrier("reading what is compared")
    return reading.vm


# --- the host -----------------------------------------------------------------------------------------------


def _host_changes(before: Side, after: Side) -> Iterator[Change]:
    for name, old, new in _paired_files(before.images, after.images):
        if old is None or new is None:
            yield _file_change(name, old is None)
        else:
            yield from _image_changes(old, new)
    for name, old_tree, new_tree in _paired_files(before.trees, after.trees):
        if old_tree is None or new_tree is None:
            yield _file_change(name, old_tree is None)
        else:
            yield from changes_of(old_tree, new_tree)
    for name, old_digest, new_digest in _paired_files(before.others, after.others):
        if old_digest is None or new_digest is None:
            yield _file_change(name, old_digest is None)
        elif old_digest != new_digest:
            yield Change(
                kind=ChangeKind.CHANGED,
                group="file",
                subject=f"file `{name}`",
                before=old_digest[:12],
                after=new_digest[:12],
            )


def _image_changes(before: Image, after: Image) -> Iterator[Change]:
    changes = (
        *changes_of(image_things(before), image_things(after)),
        *reordered("start-up steps", image_steps(before), image_steps(after)),
    )
    yield from changes
    if not changes and before.boot != after.boot:
        yield Change(kind=ChangeKind.CHANGED, group="boot", subject="boot", attribute="order")


def _paired_files(
    before: Mapping[str, T], after: Mapping[str, T]
) -> Iterator[tuple[str, T | None, T | None]]:
    """Files of one name; a lone file on each side is one file."""
    if len(before) == len(after) == 1:
        (name, old), new = next(iter(before.items())), next(iter(after.values()))
        yield name, old, new
        return
    for name in sorted({*before, *after}):
        yield name, before.get(name), after.get(name)


def _file_change(name: str, added: bool) -> Change:
    kind = ChangeKind.ADDED if added else ChangeKind.REMOVED
    return Change(kind=kind, group="file", subject=f"file `{name}`")
