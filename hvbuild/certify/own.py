"""Guarantees of a project's own, by the names of the modules that hold them."""

import importlib
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.property import Property


class NoSuchProperty(Exception):  # noqa: N818 - says what is the case
    """A name that leads to no guarantee, or to one that there is already; says why."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"`{name}` {why}")
        self.name = name


def own_properties(names: Iterable[str], folder: Path | None = None) -> tuple[Property, ...]:
    """Guarantees named as `module:ATTRIBUTE`, each a Property or a tuple of them.

    Modules are looked for in `folder`, too. NoSuchProperty where a name leads to none, or where a code is
    given twice.
    """
    found: dict[str, Property] = {}
    taken = {row.code for row in ALL_PROPERTIES}
    for name in names:
        if folder is not None and str(folder.resolve()) not in sys.path:
            # Last, so that nothing of the project stands before a library; and left there: processes that
            # play runs import the same modules, and take the path over from this one.
            sys.path.append(str(folder.resolve()))
        for row in _named(name):
            if row.code in taken:
                raise NoSuchProperty(name, f"gives `{row.code}`, which there is already")
            taken.add(row.code)
            found[row.code] = row
    return tuple(found.values())


def _named(name: str) -> tuple[Property, ...]:
    module, _, attribute = name.partition(":")
    try:
        value = getattr(importlib.import_module(module), attribute or "PROPERTIES")
    except Exception as fault:
        # The module is somebody else's: whatever it raises is a fault of that module, told with its place.
        raise NoSuchProperty(name, f"cannot be had: {type(fault).__name__}: {fault}") from fault
    rows = (
        (value,) if isinstance(value, Property) else tuple(value) if isinstance(value, tuple | list) else ()
    )
    if not rows or not all(isinstance(row, Property) for row in rows):
        raise NoSuchProperty(name, "is no Property and no tuple of them")
    return rows


def source_files(rows: Iterable[Property], names: Iterable[str] = ()) -> tuple[Path, ...]:
    """The files of the modules that `names` lead to and that hold the functions of `rows`, sorted.

    A change in one may change a verdict; what they import is not followed.
    """
    modules = {name.partition(":")[0] for name in names} | {
        _written(call).__module__
        for row in rows
        for call in (row.prove, row.watch, row.applies, row.view)
        if call
    }
    files = (getattr(sys.modules.get(name), "__file__", None) for name in modules)
    own = (Path(file) for file in files if file is not None)
    package = Path(__file__).resolve().parents[1]
    return tuple(sorted(path for path in own if not path.resolve().is_relative_to(package)))


def _written(call: Callable[..., object]) -> Callable[..., object]:
    """The function behind a partial: the partial itself belongs to the module `functools`."""
    while isinstance(call, partial):
        call = call.func
    return call
