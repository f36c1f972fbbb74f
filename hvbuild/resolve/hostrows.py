"""What every host image holds: rows of schemas/host-image.json that apply to one release and architecture."""

from functools import cache
from typing import Any

from hvbuild.shipped import shipped_rows
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    """One entry: a file, a library or a link, and the condition it depends on."""

    kind: str
    path: str
    source: str
    optional: bool
    when: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStep:
    """One step of the start-up script that every host has."""

    step: str
    name: str
    command: str
    path: str
    wait_for: str
    why: str


@cache
def _data() -> Any:
    return shipped_rows("host-image")


def host_rows(release: str, architecture: str) -> tuple[HostRow, ...]:
    """The rows for a release such as `7.1`, in order."""
    rows = []
    for row in _data()["rows"]:
        if row.get("architecture", architecture) != architecture:
            continue
        if release < row.get("since", "0") or release[:3] > row.get("until", "9"):
            continue
        rows.append(
            HostRow(
                kind=row["kind"],
                path=row["path"],
                source=row.get("source", row.get("target", "")),
                optional=row.get("optional", False),
                when=row.get("when", ""),
                why=row["why"],
            )
        )
    return tuple(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmmumanRow:
    """How smmuman is started: `{file}` in its command is its configuration file, called `file`."""

    command: str
    file: str
    wait_for: str


def smmuman_row() -> SmmumanRow:
    """The row that says so."""
    row = _data()["smmuman"]
    return SmmumanRow(command=row["command"], file=row["file"], wait_for=row["wait_for"])


def host_steps() -> tuple[HostStep, ...]:
    """The first steps of every start-up script, in order."""
    return tuple(
        HostStep(
            step=row["step"],
            name=row.get("name", ""),
            command=row.get("command", row.get("target", "")),
            path=row.get("path", ""),
            wait_for=row.get("wait_for", ""),
            why=row["why"],
        )
        for row in _data()["script"]
    )
