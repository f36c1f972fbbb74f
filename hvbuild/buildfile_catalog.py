"""What mkifs and the host programs know, by release: attributes, script commands, options, provided paths.

The rows live in `schemas/buildfile.json`, each with its source; nothing here is a fact of its own.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from hvbuild.shipped import shipped_rows
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute of a buildfile line or one modifier of a script line.

    `scope` says how far a setting reaches: the files after it, the whole image, its own line or its own
    bracket group. `value` names the form a value has (`mode`, `id`, `area`, …), `words` a closed list.
    """

    name: str
    valued: bool
    scope: str = "file"
    tools: tuple[str, ...] = ()
    value: str = ""
    words: tuple[str, ...] = ()
    since: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that mkifs itself understands in a startup script, with its least and most arguments."""

    name: str
    least: int
    most: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildfileCatalog:
    """All rows of `schemas/buildfile.json`."""

    attributes: tuple[Attribute, ...]
    modifiers: tuple[Attribute, ...]
    commands: Mapping[str, Command]
    common_options: str
    limits: Mapping[str, int]
    startups: tuple[tuple[str, str], ...]
    providers: tuple[tuple[str, tuple[str, ...]], ...]
    builtin_paths: tuple[str, ...]
    environment: frozenset[str]

    def startup_options(self, program: str) -> str:
        """The getopt letters of startup `program`: those of every startup, then its board's own.

        A letter is followed by `:` when it takes a value and by `::` when a number may follow it.
        """
        board = next((options for name, options in self.startups if fnmatchcase(program, name)), "")
        return self.common_options + board

    def provided_by(self, program: str) -> tuple[str, ...] | None:
        """Patterns of the paths that `program` makes, or None when the program is not known."""
        rows = [paths for name, paths in self.providers if fnmatchcase(program, name)]
        return tuple(path for paths in rows for path in paths) if rows else None

    def has_provider(self, path: str) -> bool:
        """True when some known program makes `path`."""
        return any(fnmatchcase(path, pattern) for _, paths in self.providers for pattern in paths)


def find_attribute(rows: tuple[Attribute, ...], name: str, valued: bool) -> Attribute | None:
    """The row that mkifs takes for `name`, or None.

    A boolean is found by a prefix of its name, first row first; a valued one by its whole name
    (mkifs source, `decode_attr`). A sign on a valued name is looked up by the caller with `valued` false.
    """
    if valued:
        return next((row for row in rows if row.valued and row.name == name), None)
    found = next((row for row in rows if not row.valued and row.name == name), None)
    return found or next((row for row in rows if not row.valued and name and row.name.startswith(name)), None)


@cache
def buildfile_catalog() -> BuildfileCatalog:
    """The shipped catalogue."""
    raw: dict[str, Any] = shipped_rows("buildfile")
    return BuildfileCatalog(
        attributes=tuple(_attribute(row) for row in raw["attributes"]),
        modifiers=tuple(_attribute(row) for row in raw["modifiers"]),
        commands={
            row["name"]: Command(name=row["name"], least=row["least"], most=row["most"])
            for row in raw["commands"]
        },
        common_options=raw["common_options"]["options"],
        limits={name: row["value"] for name, row in raw["limits"].items()},
        startups=tuple((row["program"], row["options"]) for row in raw["startups"]),
        providers=tuple((row["program"], tuple(row["paths"])) for row in raw["providers"]),
        builtin_paths=tuple(raw["builtin_paths"]["paths"]),
        environment=frozenset(raw["environment"]["names"]),
    )


def _attribute(row: Mapping[str, Any]) -> Attribute:
    return Attribute(
        name=row["name"],
        valued=row["kind"] == "valued",
        scope=row.get("scope", "line"),
        tools=tuple(row.get("tools", ())),
        value=row.get("value", ""),
        words=tuple(row.get("words", ())),
        since=row.get("since", ""),
        source=row["source"],
    )
