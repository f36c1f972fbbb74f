"""Finder of the files that travel with hvbuild: in the wheel under `_data`, in a checkout beside it."""

from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent
_SCHEMA = ".schema.json"
_IN_CHECKOUT = {"templates": "templates", "schemas": "schemas", "boards": "stacks/boards"}


def shipped_folder(kind: str) -> Path:
    """The folder of shipped `templates`, `schemas` or `boards`."""
    installed = _PACKAGE / "_data" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / _IN_CHECKOUT[kind]


def shipped_file(kind: str, name: str) -> Path:
    """The shipped file `name` of a kind; it may be missing."""
    return shipped_folder(kind) / name


def shipped_rows(name: str) -> Any:
    """The data of `schemas/NAME.json`, read anew."""
    import json  # noqa: PLC0415 - most who ask where a file lies read no data

    return json.loads(shipped_file("schemas", f"{name}.json").read_text(encoding="utf-8"))


def shipped_schemas() -> dict[str, Path]:
    """The files of the shipped JSON Schemas by name (`board`, `stack`, …), sorted."""
    found = sorted(shipped_folder("schemas").glob(f"*{_SCHEMA}"))
    return {path.name.removesuffix(_SCHEMA): path for path in found}
