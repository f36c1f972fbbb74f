"""What a build would change: a stack as it is now against an earlier build folder or a git revision."""

import io
import os
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from hvbuild.compare.difference import Change, Difference, VmDifference
from hvbuild.comparing import BUILD, CannotCompare, Side, build_side, compare, stack_side
from hvbuild.diagnostics import Diagnostic, StackInvalid
from hvbuild.model.system import System
from hvbuild.project import StackPlace, stack_place
from hvbuild.source import Origin, SourceFile, Span

_GIT = "git:"


def plan_against(place: StackPlace, variant: str, against: str) -> Difference:
    """What a build of `place` in `variant` would change in `against`: a build folder, or a git revision
    (`git:REV`, or REV where no folder has that name).

    StackInvalid with the faults of either stack; CannotCompare where `against` is neither. Nothing is written
    into the project.
    """
    now = stack_side(place, variant)
    folder = Path(against)
    if not against.startswith(_GIT) and folder.is_dir():
        return compare(build_side(folder), now)
    return _against_revision(place, variant, against.removeprefix(_GIT), now)


def _against_revision(place: StackPlace, variant: str, revision: str, now: Side) -> Difference:
    home = place.folder.resolve()
    top = Path(_git(home, revision, "rev-parse", "--show-toplevel").decode().strip()).resolve()
    wanted = f"{revision}^{{commit}}"
    commit = _git(home, revision, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    root = place.root.resolve() if place.root.resolve() != home else top
    inside = root.relative_to(top).as_posix()
    with tempfile.TemporaryDirectory(prefix="hvbuild-plan-") as temporary:
        data = _git(top, revision, "archive", "--format=tar", commit.decode().strip(), *_only(inside))
        _unpack(data, Path(temporary))
        file = Path(temporary) / (home / place.file.name).relative_to(top)
        if not file.is_file():
            return compare(Side(kind=BUILD, system=System(vms=())), now)
        prefix, name = f"{temporary}{os.sep}", f"{revision}:"
        try:
            earlier = stack_side(stack_place(file), variant)
        except StackInvalid as fault:
            told = tuple(_renamed_fault(each, prefix, name) for each in fault.diagnostics)
            raise StackInvalid(fault.stage, told) from None
        return _renamed(compare(earlier, now), prefix, name)


def _only(inside: str) -> tuple[str, ...]:
    return () if inside == "." else ("--", inside)


def _unpack(data: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(folder, filter="data")


def _git(folder: Path, asked: str, *words: str) -> bytes:
    """What git answers in `folder`; CannotCompare about what was `asked` for where it does not answer."""
    try:
        command = ["git", "-C", str(folder), *words]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - git, no shell
    except FileNotFoundError:
        raise CannotCompare("git is not found, and only git knows a revision") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else "no such revision"
        raise CannotCompare(f"`{asked}` is no build folder, and git says: {reason}")
    return done.stdout


# --- places -------------------------------------------------------------------------------------------------


def _renamed(found: Difference, prefix: str, name: str) -> Difference:
    """The difference with the places of the earlier side named by their revision."""
    return Difference(
        vms=tuple(_renamed_vm(vm, prefix, name) for vm in found.vms),
        host=tuple(_renamed_change(change, prefix, name) for change in found.host),
    )


def _renamed_vm(vm: VmDifference, prefix: str, name: str) -> VmDifference:
    changes = tuple(_renamed_change(change, prefix, name) for change in vm.changes)
    return replace(vm, changes=changes, before_origin=_elsewhere(vm.before_origin, prefix, name))


def _renamed_change(change: Change, prefix: str, name: str) -> Change:
    return replace(change, before_origin=_elsewhere(change.before_origin, prefix, name))


def _renamed_fault(fault: Diagnostic, prefix: str, name: str) -> Diagnostic:
    labels = (replace(label, span=_there(label.span, prefix, name)) for label in fault.labels)
    return replace(fault, labels=tuple(labels))


def _elsewhere(origin: Origin, prefix: str, name: str) -> Origin:
    return Origin(_there(origin.span, prefix, name)) if origin.span is not None else origin


def _there(span: Span, prefix: str, name: str) -> Span:
    if not span.file.path.startswith(prefix):
        return span
    return Span(_file_there(span.file, prefix, name), span.start, span.end)


@cache
def _file_there(file: SourceFile, prefix: str, name: str) -> SourceFile:
    """One file for all labels in it: files are compared by identity."""
    return SourceFile(name + file.path.removeprefix(prefix), file.text)
