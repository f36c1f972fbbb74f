"""The project's own tasks: `doit list`, `doit build`, `doit check`, `doit certify`, `doit image`."""

from collections.abc import Iterator

from hvbuild.tasks import DOIT_CONFIG, Task, tasks_for

__all__ = ["DOIT_CONFIG", "task_hvbuild"]


def task_hvbuild() -> Iterator[Task]:
    """Every step of every stack and variant."""
    yield from tasks_for(".")
