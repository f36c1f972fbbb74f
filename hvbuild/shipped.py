"""Finder of the files that travel with hvbuild: in the wheel under `_data`, in a checkout beside it."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_CHECKOUT = {"templates": "templates", "schemas": "schemas", "boards": "stacks/boards"}


def shipped_folder(kind: str) -> Path:
    """The folder of shipped `templates`, `schemas` or `boards`."""
    installed = _PACKAGE / "_data" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / _IN_CHECKOUT[kind]


def shipped_file(kind: str, name: str) -> Path:
    """The shipped file `name` of a kind; it may be missing."""
    return shipped_folder(kind) / name
