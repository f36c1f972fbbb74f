"""doit tasks for every product of a project: check, render, certify, build, image.

A project's own dodo.py takes them over in two lines:

    from hvbuild.tasks import DOIT_CONFIG, tasks_for
    def task_hvbuild(): yield from tasks_for(".")

Tasks are named `STEP:STACK/VARIANT`. A task of that project depends on `task_dep: ["certify:sdv/base"]`, or
on `file_dep: ["build/sdv/base/certificate.json"]`, which `certify:` makes as `render:` makes `manifest.json`;
on any other artifact by its file together with `task_dep: ["render:sdv/base"]`. Where that project has tasks
of these names itself, `tasks_for(".", prefix="hv-")` makes ours `hv-build` and so on.

Making the task list reads no model: whether something is to be done is asked of the build folders alone.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from doit.exceptions import TaskError

from hvbuild.freshness import CERTIFIED, Digests, is_fresh, is_image_fresh
from hvbuild.matrix import Product, products_of
from hvbuild.project import PROJECT_FILE
from hvbuild.store import FolderBusy, cache_folder, locked
from hvbuild.verdicts import VerdictCache

Task = dict[str, Any]
IsDone = Callable[[Digests], bool]

DOIT_CONFIG = {
    "default_tasks": ["build"],
    "backend": "sqlite3",
    "dep_file": ".doit.sqlite",
    "par_type": "thread",
    "action_string_formatting": "new",
    "verbosity": 2,
}
_RENDERED = ("manifest.json",)
_ABOUT = {
    "check": "read, validate and resolve {}",
    "render": "write the artifacts of {}, each read back first",
    "certify": "play {} and write its certificate",
    "build": "check, render and certify {}",
    "image": "make the image of {} with the SDP",
}


def tasks_for(root: str | Path = ".", build: str | Path | None = None, prefix: str = "") -> Iterator[Task]:
    """One task for each step and product of the project at `root`, as doit reads them.

    The products are those of the project file's matrix, or every variant of every stack without one. `build`
    moves the build folders away from `root`/build. Every name of a step begins with `prefix`.
    """
    for task in _tasks(Path(root), build):
        yield _prefixed(task, prefix) if prefix else task


def _prefixed(task: Task, prefix: str) -> Task:
    needed = [f"{prefix}{name}" for name in task.get("task_dep", ())]
    return {**task, "basename": f"{prefix}{task['basename']}", "task_dep": needed}


def _tasks(base: Path, build: str | Path | None) -> Iterator[Task]:
    digests = Digests({})
    for step, about in _ABOUT.items():
        yield {"basename": step, "name": None, "doc": about.format("every product")}
    products = products_of(base, cache_folder(os.environ), digests.known)
    if products is None:
        yield from _faulty_project(base)
    for product in products or ():
        folder = product.place.build_folder(product.variant)
        if build is not None:
            folder = Path(build) / product.name
        yield from _product_tasks(product, folder, digests)


def _faulty_project(root: Path) -> Iterator[Task]:
    """In place of all products, one task that says what is wrong with the project file."""
    words = ("check", "--matrix", str(root))
    about = f"say what is wrong with {PROJECT_FILE}"
    yield {"basename": "check", "name": PROJECT_FILE, "actions": [(run_command, [words])], "doc": about}
    needed = [f"check:{PROJECT_FILE}"]
    yield {"basename": "build", "name": PROJECT_FILE, "actions": [], "task_dep": needed, "doc": about}


def _product_tasks(product: Product, folder: Path, digests: Digests) -> Iterator[Task]:
    words = ("--variant", product.variant, "-o", str(folder))

    def has(outputs: tuple[str, ...]) -> IsDone:
        return lambda known: is_fresh(folder, outputs, known)

    yield _task("check", product, ("--variant", product.variant), digests, done=_is_checked(product))
    yield _task("render", product, words, digests, done=has(_RENDERED), after="check") | {
        "targets": [str(folder / "manifest.json")]
    }
    yield _task("certify", product, words, digests, done=has(CERTIFIED), after="render") | {
        "targets": [str(folder / "certificate.json")]
    }
    yield {
        "basename": "build",
        "name": product.name,
        "actions": [],
        "task_dep": [f"certify:{product.name}"],
        "doc": _ABOUT["build"].format(product.name),
    }
    yield _task("image", product, words, digests, done=_is_imaged(folder), after="certify") | {
        "targets": [str(folder / "image/image.json")]
    }


def _task(
    step: str, product: Product, words: tuple[str, ...], digests: Digests, *, done: IsDone, after: str = ""
) -> Task:
    name = product.name
    return {
        "basename": step,
        "name": name,
        "actions": [(run_once, [(step, str(product.place.file), *words), done])],
        "uptodate": [lambda: done(digests)],
        "task_dep": [f"{after}:{name}"] if after else [],
        "doc": _ABOUT[step].format(name),
        "title": _title,
    }


def _title(task: Any) -> str:
    return str(task.name)


def _is_imaged(folder: Path) -> IsDone:
    """True when the images are there and the SDP, the host files and the certificate are those they had."""
    return lambda known: is_image_fresh(folder, os.environ, known)


def _is_checked(product: Product) -> IsDone:
    """True when the cached verdict on the product's present inputs holds no error."""

    def current(known: Digests) -> bool:
        question = ("check", str(product.place.file), product.variant)
        verdict = VerdictCache(cache_folder(os.environ)).find(question, known.of)
        return verdict is not None and all(each.severity != "error" for each in verdict.diagnostics)

    return current


def run_once(words: tuple[str, ...], done: IsDone) -> bool | TaskError:
    """Run `hvbuild WORDS`, or wait for another doit that does so now and take what it made."""
    key = "\0".join((str(Path.cwd()), *words))
    place = cache_folder(os.environ) / "running" / hashlib.sha256(key.encode()).hexdigest()
    try:
        with locked(place, patience=0.0):
            return run_command(words)
    except FolderBusy:
        print(f"{' '.join(words)}: another build is at it, waiting", file=sys.stderr)
    except OSError:
        # A cache that cannot be written keeps nobody from building; build folders have locks of their own.
        return run_command(words)
    with locked(place, patience=_LONGEST):
        return True if done(Digests({})) else run_command(words)


# Certificates of large systems take minutes; a day tells a stuck build from a long one.
_LONGEST = 86_400.0


def run_command(words: tuple[str, ...]) -> bool | TaskError:
    """Run `hvbuild WORDS` in a process of its own, so that tasks run side by side; True when it says yes.

    Where it could not answer (exit 2, or 70 for its own fault) the answer is doit's error, with which doit
    ends in 2 as well; a task that merely fails ends doit in 1.
    """
    finished = subprocess.run([sys.executable, "-m", "hvbuild", *words, "-q"], check=False)  # noqa: S603
    if finished.returncode in _NO_ANSWER:
        return TaskError(f"hvbuild {' '.join(words)}: exit {finished.returncode}")
    return finished.returncode == 0


_NO_ANSWER = (2, 70)
