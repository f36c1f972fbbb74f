"""doit tasks for every stack and variant of a project: check, render, certify, build, image.

A project's own dodo.py takes them over in two lines:

    from hvbuild.tasks import DOIT_CONFIG, tasks_for
    def task_hvbuild(): yield from tasks_for(".")

Making the task list reads no model: whether something is to be done is asked of the build folders alone.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hvbuild.freshness import Digests, is_fresh
from hvbuild.project import StackPlace, project_stacks
from hvbuild.store import cache_folder
from hvbuild.verdicts import VerdictCache

Task = dict[str, Any]

DOIT_CONFIG = {
    "default_tasks": ["build"],
    "backend": "sqlite3",
    "dep_file": ".doit.sqlite",
    "par_type": "thread",
    "action_string_formatting": "new",
    "verbosity": 2,
}
_RENDERED = ("manifest.json",)
_CERTIFIED = ("manifest.json", "certificate.json")
_ABOUT = {
    "check": "read, validate and resolve {}",
    "render": "write the artifacts of {}, each read back first",
    "certify": "play {} and write its certificate",
    "build": "check, render and certify {}",
    "image": "make the image of {} with the SDP",
}


def tasks_for(root: str | Path = ".", build: str | Path | None = None) -> Iterator[Task]:
    """One task for each step, stack and variant of the project at `root`, as doit reads them.

    Names are `STEP:STACK/VARIANT`, for other tasks to depend on; `build` moves the build folders away from
    `root`/build.
    """
    base = Path(root)
    digests = Digests({})
    for step, about in _ABOUT.items():
        yield {"basename": step, "name": None, "doc": about.format("every stack and variant")}
    for place in project_stacks(base):
        for variant in place.variants:
            folder = place.build_folder(variant)
            if build is not None:
                folder = Path(build) / place.name / variant
            yield from _variant_tasks(place, variant, folder, digests)


def _variant_tasks(place: StackPlace, variant: str, folder: Path, digests: Digests) -> Iterator[Task]:
    name = f"{place.name}/{variant}"

    def fresh(outputs: tuple[str, ...]) -> Callable[[], bool]:
        return lambda: is_fresh(folder, outputs, digests)

    words = ("--variant", variant, "-o", str(folder))
    yield _task("check", name, place, ("--variant", variant), [_is_checked(place, variant)])
    yield _task("render", name, place, words, [fresh(_RENDERED)], after="check")
    yield _task("certify", name, place, words, [fresh(_CERTIFIED)], after="render")
    yield {
        "basename": "build",
        "name": name,
        "actions": [],
        "task_dep": [f"certify:{name}"],
        "doc": _ABOUT["build"].format(name),
    }
    yield _task("image", name, place, words, [False], after="certify")


def _task(
    step: str, name: str, place: StackPlace, words: tuple[str, ...], current: list[Any], *, after: str = ""
) -> Task:
    return {
        "basename": step,
        "name": name,
        "actions": [(run_command, [(step, str(place.file), *words)])],
        "uptodate": current,
        "task_dep": [f"{after}:{name}"] if after else [],
        "doc": _ABOUT[step].format(name),
        "title": _title,
    }


def _title(task: Any) -> str:
    return str(task.name)


def _is_checked(place: StackPlace, variant: str) -> Callable[[], bool]:
    """True when the cached verdict on the variant's present inputs holds no error."""

    def current() -> bool:
        verdict = VerdictCache(cache_folder(os.environ)).find(("check", str(place.file), variant))
        return verdict is not None and all(each.severity != "error" for each in verdict.diagnostics)

    return current


def run_command(words: tuple[str, ...]) -> bool:
    """Run `hvbuild WORDS` in a process of its own, so that tasks run side by side; True when it says yes."""
    finished = subprocess.run([sys.executable, "-m", "hvbuild", *words, "-q"], check=False)  # noqa: S603
    return finished.returncode == 0
