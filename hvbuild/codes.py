"""Every code that hvbuild can report, in whatever room it is made; read only when one is asked for."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from hvbuild.diagnostics import Code

# Each of these modules has its rows in a tuple `CODES`.
ROOMS = (
    "hvbuild.load.yamltree",
    "hvbuild.load.overlay",
    "hvbuild.report.outcome",
    "hvbuild.load.files",
    "hvbuild.rules.allowance",
    "hvbuild.load.schema_wording",
    "hvbuild.load.fileformat",
    "hvbuild.load.fields",
    "hvbuild.load.bind_board",
    "hvbuild.load.references",
    "hvbuild.resolve.memory",
    "hvbuild.rules.catalog",
    "hvbuild.render.codes",
    "hvbuild.formats.qvmconf_codes",
    "hvbuild.formats.buildfile_codes",
    "hvbuild.drift",
)


@cache
def all_codes() -> tuple[Code, ...]:
    """Every row, in order of codes."""
    return tuple(sorted(_rows(), key=lambda row: row.code))


@cache
def codes_by_name() -> Mapping[str, Code]:
    """Every row under its code and under its name; a name that two codes have is left out."""
    names = [row.name for row in all_codes()]
    by_name = {row.name: row for row in all_codes() if names.count(row.name) == 1}
    return MappingProxyType({**by_name, **{row.code: row for row in all_codes()}})


def find_code(text: str) -> Code | None:
    """The row of a code, in either case, or of a name; None when there is none."""
    rows = codes_by_name()
    return rows.get(text.strip().upper()) or rows.get(text.strip().lower())


def _rows() -> Iterator[Code]:
    for room in ROOMS:
        yield from import_module(room).CODES
