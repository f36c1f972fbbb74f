"""What commands about stacks share: the asked variants, and the caches of this user."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hvbuild.checking import Checked
    from hvbuild.matrix import Matrix
    from hvbuild.project import StackPlace
    from hvbuild.report.outcome import Outcome
    from hvbuild.verdicts import NamedDigest, Verdict


def opened(stack: Path) -> StackPlace:
    """The stack that a user names; OSError when its file cannot be opened."""
    from hvbuild.project import stack_place

    place = stack_place(stack)
    with place.file.open("rb"):
        return place


def checked(place: StackPlace, variant: str) -> Checked:
    """The checked stack; StackInvalid with its faults."""
    from hvbuild.checking import Checker, verdict_of
    from hvbuild.store import cache_folder
    from hvbuild.verdicts import VerdictCache

    folder = cache_folder(os.environ)
    found = Checker(folder).check(place, variant)
    VerdictCache(folder).keep(("check", str(place.file), variant), verdict_of(found))
    return found


def still_certified(place: StackPlace, variant: str, folder: Path) -> Checked | Outcome:
    """The checked stack of a build folder; or the refusal, where what was certified does not even check now.

    StackInvalid where nothing was certified.
    """
    from hvbuild.diagnostics import StackInvalid
    from hvbuild.image.ready import changed_since
    from hvbuild.report.exits import Exit
    from hvbuild.report.outcome import Outcome

    try:
        return checked(place, variant)
    except StackInvalid as fault:
        changed = changed_since(folder, place.root)
        if not changed:
            raise
        return Outcome(diagnostics=(*changed, *fault.diagnostics), exit=Exit.REFUSED)


def verdicts(
    asked: Sequence[tuple[StackPlace, str]], inputs: Iterable[NamedDigest] = ()
) -> list[tuple[tuple[StackPlace, str], Verdict]]:
    """What a check of each stack and variant says, in that order.

    Files are read and parsed once for all of them, those of `inputs` not again; the model is loaded only for
    what the cache does not know.
    """
    from hvbuild.freshness import Digests
    from hvbuild.store import cache_folder
    from hvbuild.verdicts import VerdictCache

    folder = cache_folder(os.environ)
    cache = VerdictCache(folder)
    digests = Digests({item.name: item.digest for item in inputs})
    # Who read the project file for all of them tells its faults as well.
    doubted = (
        {} if digests.known else {root: not _is_sound(root, folder) for root in {p.root for p, _ in asked}}
    )
    checker = None
    answers: list[tuple[tuple[StackPlace, str], Verdict]] = []
    for place, variant in asked:
        question = ("check", str(place.file), variant)
        known = None if doubted.get(place.root) else cache.find(question, digests.of)
        if known is None:
            from hvbuild.checking import Checker

            checker = checker or Checker(folder)
            known = checker.verdict(place, variant)
            cache.keep(question, known)
        answers.append(((place, variant), known))
    return answers


def _is_sound(root: Path, cache: Path) -> bool:
    """True where the project file at `root` has no fault; known by its bytes, so that it is parsed once.

    A verdict on a stack does not depend on lines that decide nothing in it, and those may be at fault.
    """
    from contextlib import suppress

    from hvbuild.project import PROJECT_FILE
    from hvbuild.store import digest, write_file
    from hvbuild.verdicts import tool_digest

    file = root / PROJECT_FILE
    try:
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    held = cache / "projects" / digest(f"{tool_digest()}\0".encode() + data)
    if held.exists():
        return True
    from hvbuild.load.files import Files
    from hvbuild.projectfile import read_project

    if read_project(root, Files()).faults:
        return False
    with suppress(OSError):
        write_file(held, b"")
    return True


def asked_products(path: Path) -> Matrix:
    """The products of the project whose folder `path` is, or of the one stack that `path` is."""
    from hvbuild.load.files import Files
    from hvbuild.matrix import Matrix, expanded
    from hvbuild.project import STACK_FILE
    from hvbuild.projectfile import read_project

    if path.is_file() or (path / STACK_FILE).is_file():
        place = opened(path)
        whole = expanded(place.root, read_project(place.root, Files()))
        here = place.folder.resolve()
        return Matrix(
            tuple(each for each in whole.products if each.place.folder.resolve() == here),
            whole.faults,
            whole.inputs,
        )
    list(path.iterdir())
    return expanded(path, read_project(path, Files()))


def nothing_to_write(place: StackPlace, variant: str, folder: Path) -> Outcome | None:
    """The answer of a render whose folder is right already, found without the model; None where it is not."""
    from hvbuild.freshness import Digests, is_fresh, recorded_state
    from hvbuild.report.outcome import Outcome
    from hvbuild.store import cache_folder
    from hvbuild.verdicts import VerdictCache

    digests = Digests({})
    cache = cache_folder(os.environ)
    if not _is_sound(place.root, cache):
        return None
    known = VerdictCache(cache).find(("check", str(place.file), variant), digests.of)
    if known is None or not is_fresh(folder, ("manifest.json",), digests):
        return None
    return Outcome(
        diagnostics=known.diagnostics,
        text=f"{folder}: nothing to write\n",
        data={"folder": str(folder), "artifacts": recorded_state(folder)[1], "written": [], "edited": []},
    )
