"""Every code there is, gathered from the rooms that own them; read by `explain`, remarks and policies."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from hvbuild.diagnostics import Code

# The rooms with a `CODES` tuple, in the order of the code list. Named here, not scanned for.
ROOMS: tuple[str, ...] = (
    "hvbuild.load.yamltext",
    "hvbuild.load.yamltree",
    "hvbuild.load.scalars",
    "hvbuild.load.files",
    "hvbuild.load.spellings",
    "hvbuild.report.outcome",
    "hvbuild.load.overlay",
    "hvbuild.load.include",
    "hvbuild.load.fileformat",
    "hvbuild.load.layers",
    "hvbuild.matrix",
    "hvbuild.load.remarks",
    "hvbuild.rules.allowance",
    "hvbuild.load.schema",
    "hvbuild.load.schema_wording",
    "hvbuild.load.fields",
    "hvbuild.load.bind_board",
    "hvbuild.load.reference_codes",
    "hvbuild.resolve.memory",
    "hvbuild.resolve.commandline",
    "hvbuild.rules.catalog",
    "hvbuild.render.codes",
    "hvbuild.certify.codes",
    "hvbuild.image.codes",
    "hvbuild.deploying",
    "hvbuild.foreignhost",
    "hvbuild.scenariofile",
    "hvbuild.simulating",
    "hvbuild.adopt.codes",
    "hvbuild.target.drift",
    "hvbuild.formats.qvmconf_codes",
    "hvbuild.formats.buildfile_codes",
    "hvbuild.formats.dts_faults",
    "hvbuild.meaning.buildfile_lint",
    "hvbuild.meaning.devicetree_lint",
    "hvbuild.meaning.across_files",
    "hvbuild.formats.target_codes",
    "hvbuild.formats.kerneltrace_codes",
    "hvbuild.capturing",
)


@cache
def all_codes() -> tuple[Code, ...]:
    """Every code row, ordered by code; a row that several rooms list stands once."""
    rows: dict[str, Code] = {}
    for room in ROOMS:
        for row in import_module(room).CODES:
            rows.setdefault(row.code, row)
    return tuple(rows[code] for code in sorted(rows))


def codes_by_name() -> Mapping[str, Code]:
    """Every code row under its code and under its name."""
    return MappingProxyType({key: row for row in all_codes() for key in (row.code, row.name)})
