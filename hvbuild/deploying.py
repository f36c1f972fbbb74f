"""Artifacts into somebody else's tree: to the places the stack names, together or not at all, nothing lost.

What was put there last is kept in the tree, in `.hvbuild-deployed`, so that every checkout, stack and variant
that deploys into a tree knows it. Where the tree's owners changed a file since, both sides'
changes are merged; where both changed the same lines nothing is written and all three places are shown.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hvbuild.building import base_buildfile, build, rendered
from hvbuild.checking import Checked
from hvbuild.compare.filechanges import Language, file_changes
from hvbuild.compare.threeway import Clash, merge
from hvbuild.diagnostics import Diagnostic, Label, error_code
from hvbuild.formats.cheader import read_header, updated
from hvbuild.model.stack import Deployment
from hvbuild.nearest import nearest
from hvbuild.render.readback_host import buildfile_faults
from hvbuild.render.readback_vm import read_back_vm
from hvbuild.render.treeview import region_constants
from hvbuild.resolve.imagesteps import BUILDFILE
from hvbuild.source import SourceFile, Span
from hvbuild.store import locked, write_together

TREE = "HVBUILD_TREE"
# A header of `__REGION_START__` and `__REGION_SIZE__` constants, updated in place: its text stays the tree's.
MEMORY_MAP = "memory_host_map"
_RECORD = ".hvbuild-deployed"


UNKNOWN_ARTIFACT = error_code(
    "HV5601",
    "deploy-unknown-artifact",
    "`deploy` names an artifact that the stack does not make.",
    "hvbuild: artifacts are named relative to the build folder",
)
OUTSIDE = error_code(
    "HV5602",
    "deploy-outside",
    "A place under `deploy` is absolute, climbs out of the vendor tree, or is one of two for the same file.",
    "hvbuild: nothing is written outside the tree that was named",
)
NOT_OURS = error_code(
    "HV5603",
    "deploy-not-ours",
    "A file in the vendor tree that hvbuild did not put there says something else.",
    "hvbuild: what somebody else wrote is never overwritten",
)
CLASH = error_code(
    "HV5604",
    "deploy-clash",
    "The tree's owners and the stack changed the same lines since the last deploy.",
    "hvbuild: a three-way update keeps both sides or writes nothing",
)
NOT_SETTABLE = error_code(
    "HV5605",
    "constant-not-settable",
    "A memory-map header lacks a constant, has several, or computes it from others.",
    "Qualcomm host memory maps: `__REGION_START__` and `__REGION_SIZE__`",
)
DIFFERS = error_code(
    "HV5606",
    "deploy-differs",
    "A file in the vendor tree is not what a deploy would leave there.",
    "hvbuild: `deploy --check`",
)
CODES = (UNKNOWN_ARTIFACT, OUTSIDE, NOT_OURS, CLASH, NOT_SETTABLE, DIFFERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One file of the tree: what it holds, and what it is to hold; `kept` says that their changes stay."""

    deployment: Deployment
    path: Path
    before: bytes | None
    after: bytes
    kept: bool = False
    changes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """True when a deploy would write it."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What a deploy did, or would do."""

    tree: Path
    deliveries: tuple[Delivery, ...]
    written: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def tree_root(checked: Checked, environment: Mapping[str, str]) -> Path:
    """The vendor tree: `$HVBUILD_TREE`, else the project's root. OSError where there is no such folder."""
    tree = Path(environment[TREE]) if environment.get(TREE) else checked.place.root
    if not tree.is_dir():
        fault = errno.ENOTDIR if tree.exists() else errno.ENOENT
        raise OSError(fault, os.strerror(fault), str(tree))
    return tree


def compare(checked: Checked, environment: Mapping[str, str], folder: Path | None = None) -> Deployed:
    """What a deploy would change in the tree; nothing is written anywhere."""
    rendering = rendered(checked)
    artifacts = {item.name: item.data for item in rendering.artifacts}
    return _Deploy(checked, artifacts, tree_root(checked, environment), folder).compared()


def deploy(checked: Checked, environment: Mapping[str, str], folder: Path | None = None) -> Deployed:
    """Build, then put the artifacts into the tree, all together; nothing is written where one cannot be."""
    built = build(checked, folder)
    artifacts = {item.name: item.data for item in built.draft.rendering.artifacts}
    tree = tree_root(checked, environment)
    with locked(built.folder), locked(tree):
        found = _Deploy(checked, artifacts, tree, built.folder).compared()
        if found.diagnostics:
            return found
        files = {_name(item, tree): item.after for item in found.deliveries if item.differs}
        record = {
            _record(item.deployment): artifacts[item.deployment.artifact]
            for item in found.deliveries
            if item.deployment.artifact in artifacts
        }
        written = write_together(tree, {**files, **record})
    return replace(found, written=tuple(name for name in written if name in files))


class _Deploy:
    """Mutable: decides what each file of the tree is to hold, and collects why it may not."""

    def __init__(
        self, checked: Checked, artifacts: Mapping[str, bytes], tree: Path, folder: Path | None
    ) -> None:
        self._checked = checked
        self._stack = checked.plan.stack
        self._artifacts = artifacts
        self._tree = tree
        self._folder = folder if folder is not None else checked.place.build_folder(checked.variant)
        self._faults: list[Diagnostic] = []

    def compared(self) -> Deployed:
        deliveries = []
        seen: dict[Path, Deployment] = {}
        for item in self._stack.deploy:
            first = seen.setdefault((self._tree / item.path).resolve(), item)
            if first is not item:
                text = f"`{item.artifact}` and `{first.artifact}` both go to `{item.path}`"
                self._faults.append(OUTSIDE.at(item.origin, text))
            delivery = self._delivery(item)
            if delivery is not None:
                deliveries.append(delivery)
        return Deployed(tree=self._tree, deliveries=tuple(deliveries), diagnostics=tuple(self._faults))

    def _delivery(self, item: Deployment) -> Delivery | None:
        path = self._place(item)
        if path is None:
            return None
        before = path.read_bytes() if path.is_file() else None
        if item.artifact == MEMORY_MAP:
            after, kept = self._memory_map(item, path, before), False
        elif item.artifact in self._artifacts:
            after, kept = self._merged(item, path, before, self._artifacts[item.artifact])
        else:
            self._unknown(item)
            return None
        if after is None:
            return None
        changes = self._changes(item, path, before, after)
        return Delivery(deployment=item, path=path, before=before, after=after, kept=kept, changes=changes)

    def _place(self, item: Deployment) -> Path | None:
        """The file in the tree, links followed; None and a fault when it is not inside."""
        parts = PurePosixPath(item.path).parts
        path = self._tree / item.path
        inside = path.resolve().is_relative_to(self._tree.resolve())
        if item.path.startswith("/") or ".." in parts or "\\" in item.path or not inside:
            self._faults.append(
                OUTSIDE.at(item.origin, f"`{item.path}` is not inside the vendor tree", "not below its root")
            )
            return None
        return path.resolve() if path.is_symlink() else path

    def _unknown(self, item: Deployment) -> None:
        known = sorted({*self._artifacts, MEMORY_MAP})
        close = nearest(item.artifact, known)
        helps = [f"did you mean `{close}`?"] if close else [f"there are: {', '.join(known)}"]
        self._faults.append(
            UNKNOWN_ARTIFACT.at(item.origin, f"the stack makes no artifact `{item.artifact}`", helps=helps)
        )

    def _changes(self, item: Deployment, path: Path, before: bytes | None, after: bytes) -> tuple[str, ...]:
        if before is None or before == after:
            return ()
        board = self._stack.board.architecture.family
        name = f"{path.name}.h" if item.artifact == MEMORY_MAP and path.suffix != ".h" else item.artifact
        name = path.name if item.artifact == MEMORY_MAP and path.suffix == ".h" else name
        language = Language(catalog=self._checked.catalog, target=self._stack.target, architecture=board)
        return file_changes(name, _text(before), _text(after), language)

    # --- files of ours ----------------------------------------------------------------------------------

    def _merged(
        self, item: Deployment, path: Path, before: bytes | None, ours: bytes
    ) -> tuple[bytes | None, bool]:
        """What the file is to hold, and whether changes of the tree's owners stay in it."""
        if before is None or before == ours:
            return ours, False
        last = next(self._ancestors(item), None)
        if last is None:
            return self._first_time(item, path, before, ours), False
        if before == last:
            return ours, False
        if b"\0" in before + ours:
            if ours == last:
                return before, True
            self._faults.append(self._not_ours(item, path, "was changed in the tree and here"))
            return None, False
        return self._three_way(item, path, before, ours)

    def _three_way(
        self, item: Deployment, path: Path, before: bytes, ours: bytes
    ) -> tuple[bytes | None, bool]:
        """Their changes and ours together: since the last deploy, else since the base that both began with.

        The latter is so where the tree's owners put a new release of their own file over what was deployed.
        """
        refused: list[Diagnostic] | None = None
        for ancestor in self._ancestors(item):
            merged = merge(_text(ancestor), _text(ours), _text(before))
            faults = [self._clash(item, path, clash, ancestor) for clash in merged.clashes]
            faults = faults or self._misread(item, path, ours, merged.text)
            if not faults:
                return merged.text.encode("utf-8", "surrogateescape"), True
            refused = refused or faults
        self._faults += refused or []
        return None, False

    def _ancestors(self, item: Deployment) -> Iterator[bytes]:
        """What hvbuild put there the last time, and the board's own base file."""
        with suppress(OSError):
            yield (self._tree / _record(item)).read_bytes()
        base = base_buildfile(self._checked) if item.artifact == BUILDFILE else None
        if base is not None:
            yield base.text.encode("utf-8", "surrogateescape")

    def _first_time(self, item: Deployment, path: Path, before: bytes, ours: bytes) -> bytes | None:
        if not self._changes(item, path, before, ours):
            return ours
        self._faults.append(
            self._not_ours(item, path, "says something else, and nothing tells that hvbuild put it there")
        )
        return None

    def _not_ours(self, item: Deployment, path: Path, why: str) -> Diagnostic:
        return NOT_OURS.at(
            Span(SourceFile(path.as_posix(), ""), 0, 0),
            f"`{path.as_posix()}` {why}",
            others=_label(item, "is to be replaced by this"),
            helps=(
                "take the file away first, or name it `host.image.base` to build on it",
                f"what hvbuild puts into a tree it knows by `{_RECORD}`, which has to stay with the tree",
            ),
        )

    def _clash(self, item: Deployment, path: Path, clash: Clash, ancestor: bytes) -> Diagnostic:
        """All three places of a clash: the tree's lines, ours, and those that both came from."""
        theirs = _lines(path.as_posix(), path.read_bytes(), clash.theirs_line, clash.theirs)
        ours = _lines(
            (self._folder / item.artifact).as_posix(),
            self._artifacts[item.artifact],
            clash.ours_line,
            clash.ours,
        )
        record = (self._tree / _record(item)).as_posix()
        base = _lines(record, ancestor, clash.base_line, clash.base)
        return CLASH.at(
            theirs,
            f"`{item.path}` was changed in the tree and by the stack at the same lines",
            "changed in the tree",
            others=(Label(ours, "changed by the stack"), Label(base, "both came from this")),
            helps=("make the lines in the tree as the stack has them, or take them back",),
        )

    def _misread(self, item: Deployment, path: Path, ours: bytes, text: str) -> list[Diagnostic]:
        """Why the merged file no longer says what the plan says, at its place in the tree."""
        plan, catalog = self._checked.plan, self._checked.catalog
        file = SourceFile(path.as_posix(), text)
        guest = next((g for g in plan.guests if item.artifact == f"guests/{g.guest.name}.qvmconf"), None)
        if item.artifact == BUILDFILE and plan.host is not None:
            return [*buildfile_faults(plan, plan.host, file, catalog.releases(self._stack.target))]
        if guest is not None:
            family = self._stack.board.architecture.family
            return [*read_back_vm(guest.vm, file, catalog, self._stack.target, family).faults]
        merged = text.encode("utf-8", "surrogateescape")
        lost = [line for line in self._changes(item, path, ours, merged) if not line.startswith("+ ")]
        return [
            CLASH.at(
                Span(file, 0, 0),
                f"with the tree's changes `{item.path}` no longer says what the stack says: {line}",
                "of this file",
                others=_label(item, "goes there"),
            )
            for line in lost
        ]

    # --- constants in a header of theirs -----------------------------------------------------------------

    def _memory_map(self, item: Deployment, path: Path, before: bytes | None) -> bytes | None:
        """Their header with our numbers in it; None and faults where a constant cannot be set."""
        if before is None:
            text = f"there is no header `{item.path}` whose constants could be set"
            self._faults.append(NOT_SETTABLE.at(item.origin, text))
            return None
        header = read_header(_text(before), path.as_posix())
        update = updated(header, dict(self._constants()))
        for names, why in (
            (update.missing, "is not defined"),
            (update.ambiguous, "is defined more than once, with different values"),
            (update.derived, "is computed from other names and comes out otherwise"),
        ):
            for name in names:
                place = next((c.span for c in header.constants if c.name == name), Span(header.file, 0, 0))
                self._faults.append(
                    NOT_SETTABLE.at(place, f"`{name}` {why}", others=_label(item, "the header is named here"))
                )
        return update.text.encode("utf-8", "surrogateescape") if update.is_complete else None

    def _constants(self) -> Iterator[tuple[str, int]]:
        external = {region.name for region in self._stack.regions if region.external}
        for region in self._checked.plan.regions:
            if region.window is not None and region.name not in external:
                start, size = region_constants(region.name)
                yield start, region.window.start
                yield size, region.window.size


def _name(item: Delivery, tree: Path) -> str:
    """The file's name in the tree; behind a link of theirs, which stays, that of the file it points to."""
    if (tree / item.deployment.path).is_symlink():
        return item.path.relative_to(tree.resolve()).as_posix()
    return item.deployment.path


def _record(item: Deployment) -> str:
    """Where the tree keeps what was put at the place of `item` the last time."""
    return f"{_RECORD}/{PurePosixPath(item.path)}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _label(item: Deployment, text: str) -> tuple[Label, ...]:
    return (Label(item.origin.span, text),) if item.origin.span is not None else ()


def _lines(path: str, data: bytes, line: int, text: str) -> Span:
    """The stretch of a file that begins at `line` and reads `text`."""
    file = SourceFile(path, _text(data))
    start = sum(len(each) for each in file.text.splitlines(keepends=True)[: line - 1])
    return Span(file, start, start + len(text.rstrip("\r\n")))


def difference_diagnostics(found: Deployed) -> Iterator[Diagnostic]:
    """One diagnostic for each file that a deploy would write otherwise than it is."""
    for item in found.deliveries:
        if item.before is None:
            text, notes = f"`{item.deployment.path}` is not in the tree", item.changes
        elif item.differs and item.changes:
            text, notes = f"`{item.deployment.path}` differs: {item.changes[0]}", item.changes[1:]
        else:
            continue
        yield DIFFERS.at(
            Span(SourceFile(item.path.as_posix(), ""), 0, 0),
            text,
            others=_label(item.deployment, "goes there"),
            notes=notes,
        )
