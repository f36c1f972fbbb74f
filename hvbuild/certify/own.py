"""Guarantees of a project's own, by the names of the modules that hold them."""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.property import Property
from hvbuild.ownmodules import Unusable, own_value
from hvbuild.source import Span


class NoSuchProperty(Exception):  # noqa: N818 - says what is the case
    """A name that leads to no guarantee, or to one that there is already; says why, and where that is."""

    def __init__(self, name: str, why: str, place: Span | None = None) -> None:
        super().__init__(f"`{name}` {why}")
        self.name = name
        self.place = place


def own_properties(names: Iterable[str], folder: Path | None = None) -> tuple[Property, ...]:
    """Guarantees named as `module:ATTRIBUTE`, each a Property or a tuple of them.

    Modules are looked for in `folder`, too. NoSuchProperty where a name leads to none, or where a code is
    given twice.
    """
    found: dict[str, Property] = {}
    taken = {row.code for row in ALL_PROPERTIES}
    for name in names:
        for row in _named(name, folder):
            if row.code in taken:
                raise NoSuchProperty(name, f"gives `{row.code}`, which there is already")
            taken.add(row.code)
            found[row.code] = row
    return tuple(found.values())


def _named(name: str, folder: Path | None) -> tuple[Property, ...]:
    try:
        value = own_value(name, folder, "PROPERTIES")
    except Unusable as fault:
        raise NoSuchProperty(name, str(fault).removeprefix(f"`{name}` "), fault.place) from fault
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
