"""What commands about stacks share: the asked variants, and the caches of this user."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hvbuild.checking import Checked
    from hvbuild.project import StackPlace
    from hvbuild.verdicts import Verdict


def opened(stack: Path) -> StackPlace:
    """The stack that a user names; OSError when its file cannot be opened."""
    from hvbuild.project import stack_place

    place = stack_place(stack)
    with place.file.open("rb"):
        return place


def checked(place: StackPlace, variant: str) -> Checked:
    """The checked stack; StackInvalid with its faults."""
    from hvbuild.checking import Checker
    from hvbuild.store import cache_folder

    return Checker(cache_folder(os.environ)).check(place, variant)


def verdicts(place: StackPlace, variants: tuple[str, ...]) -> list[tuple[str, Verdict]]:
    """What a check of each variant says; the model is loaded only for what the cache does not know."""
    from hvbuild.store import cache_folder
    from hvbuild.verdicts import VerdictCache

    folder = cache_folder(os.environ)
    cache = VerdictCache(folder)
    checker = None
    answers: list[tuple[str, Verdict]] = []
    for variant in variants:
        question = ("check", str(place.file), variant)
        known = cache.find(question)
        if known is None:
            from hvbuild.checking import Checker

            checker = checker or Checker(folder)
            known = checker.verdict(place, variant)
            cache.keep(question, known)
        answers.append((variant, known))
    return answers
