"""What the qvmconf language knows: options, devices, variables and releases, as typed rows read from data.

The rows live in `schemas/qvmconf.json` and `schemas/targets.json`; this module only gives them types and
answers by release, a release falling back to its parent. A project adds rows of third-party devices with
`Catalog.with_vdevs`, which leaves the shipped catalogue as it was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from hvbuild.catalog_rows import (
    FlagRow,
    ImplicitController,
    Json,
    OptionRow,
    Row,
    TargetRow,
    VariableRow,
    VdevRow,
    common_words,
    flag_row,
    option_row,
    row_for,
    target_row,
    variable_row,
    vdev_row,
)
from hvbuild.shipped import shipped_rows
from hvbuild.values import dataclass

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All rows. Look-ups take a target name (`qnx-7.1`) or None for no particular release."""

    options: Mapping[str, tuple[OptionRow, ...]]
    sub_options: Mapping[str, Mapping[str, tuple[OptionRow, ...]]]
    blobs: Mapping[str, tuple[Row, ...]]
    flags: Mapping[str, FlagRow]
    interrupt_attributes: Mapping[str, tuple[Row, ...]]
    log_filters: tuple[str, ...]
    log_filter_synonyms: Mapping[str, str]
    log_destinations: Mapping[str, tuple[Row, ...]]
    unsupported_kinds: Mapping[str, str]
    unsupported_actions: tuple[str, ...]
    variables: Mapping[str, tuple[VariableRow, ...]]
    vdevs: Mapping[str, VdevRow]
    implicit_controllers: tuple[ImplicitController, ...]
    targets: Mapping[str, TargetRow]
    vdev_options: Mapping[str, Mapping[str, tuple[OptionRow, ...]]]

    def releases(self, target: str | None) -> tuple[str, ...]:
        """The releases whose rows hold for `target`, nearest first; empty for None or an unknown target."""
        chain: list[str] = []
        name = target
        while name is not None and (row := self.targets.get(name)) is not None:
            chain.append(row.release)
            name = row.parent
        return tuple(chain)

    def holds(self, row: Row, target: str | None) -> bool:
        """True when `row` holds for `target`; always for None."""
        return not row.releases or target is None or bool({*self.releases(target)} & {*row.releases})

    def evidence(self, row: Row, target: str | None) -> str:
        """How sure `row` is for `target`."""
        for release in self.releases(target):
            if release in row.evidence_by_release:
                return row.evidence_by_release[release]
        return row.evidence

    def vdev(self, kind: str) -> VdevRow | None:
        """The row of a bare vdev type; a certified variant (`pl011-safety`) has the row of its plain form."""
        return self.vdevs.get(kind) or self.vdevs.get(kind.removesuffix("-safety"))

    def loc_bytes(self, kind: str) -> int | None:
        """How many bytes the `loc` of a vdev type claims, where that is known."""
        row = self.vdev(kind)
        sizes = [w.size for w in row.windows if "loc" in (w.option, w.same)] if row is not None else []
        return sizes[0] if sizes else None

    def vdev_option(self, kind: str, name: str, target: str | None = None) -> OptionRow | None:
        """The row of an option inside `vdev kind`, a device's own row before the common one."""
        row = self.vdev(kind)
        own = self.vdev_options.get(row.name, {}).get(name) if row else None
        rows = own or self.sub_options["vdev"].get(name) or ()
        chain = self.releases(target)
        return row_for(rows, chain) or next(iter(rows), None)

    def sub_option(
        self, context: str, name: str, kind: str = "", target: str | None = None
    ) -> OptionRow | None:
        """The row of sub-option `name` in a `cpu`, `pass`, `reserve` or `vdev` context (of type `kind`)."""
        if context == "vdev":
            return self.vdev_option(kind, name, target)
        rows = self.sub_options.get(context, {}).get(name, ())
        return row_for(rows, self.releases(target)) or next(iter(rows), None)

    def option(self, name: str, target: str | None = None) -> OptionRow | None:
        """The row of a global option."""
        rows = self.options.get(name, ())
        return row_for(rows, self.releases(target)) or next(iter(rows), None)

    def variable(self, name: str, target: str | None = None) -> VariableRow | None:
        """The row of a `set` variable."""
        rows = self.variables.get(name, ())
        return row_for(rows, self.releases(target)) or next(iter(rows), None)

    def limit(self, target: str, name: str) -> int | None:
        """The limit `name` of `target` or its nearest parent that states it, or None."""
        row = self.targets.get(target)
        while row is not None and name not in row.limits:
            row = self.targets.get(row.parent) if row.parent else None
        return row.limits[name] if row is not None else None

    def feature(self, target: str, name: str) -> Any:
        """What `target` or its nearest parent says of feature `name`, or None."""
        row = self.targets.get(target)
        while row is not None and name not in row.features:
            row = self.targets.get(row.parent) if row.parent else None
        return row.features[name] if row is not None else None

    def target_chain(self, target: str) -> tuple[str, ...]:
        """The target's name and those of its parents, nearest first: where templates are looked for."""
        chain: list[str] = []
        name: str | None = target
        while name is not None and name in self.targets:
            chain.append(name)
            name = self.targets[name].parent
        return tuple(chain)

    def with_vdevs(self, rows: Iterable[VdevRow]) -> "Catalog":
        """A catalogue that also knows `rows`; a row replaces a shipped one of its name."""
        vdevs = {**self.vdevs, **{row.name: row for row in rows}}
        return replace(self, vdevs=MappingProxyType(vdevs), vdev_options=_option_index(vdevs))


@cache
def shipped_catalog() -> Catalog:
    """The catalogue that travels with hvbuild; read once for each process."""
    return catalog_from(shipped_rows("qvmconf"), shipped_rows("targets"))


def catalog_from(language: Json, targets: Json) -> Catalog:
    """The catalogue that two documents of data spell; KeyError or ValueError where one is not well formed."""
    vdevs = {row["name"]: vdev_row(row) for row in language["vdevs"]}
    return Catalog(
        options=_grouped(option_row(row) for row in language["options"]),
        sub_options=MappingProxyType(
            {
                name: _grouped(option_row(row) for row in rows)
                for name, rows in language["sub_options"].items()
            }
        ),
        blobs=_grouped(Row(**common_words(row)) for row in language["blobs"]),
        flags=MappingProxyType({row["name"]: flag_row(row) for row in language["pass_flags"]}),
        interrupt_attributes=_grouped(Row(**common_words(row)) for row in language["interrupt_attributes"]),
        log_filters=tuple(language["log_filters"]),
        log_filter_synonyms=MappingProxyType(language["log_filter_synonyms"]),
        log_destinations=_grouped(Row(**common_words(row)) for row in language["log_destinations"]),
        unsupported_kinds=MappingProxyType(language["unsupported"]["kinds"]),
        unsupported_actions=tuple(language["unsupported"]["actions"]),
        variables=_grouped(variable_row(row) for row in language["variables"]),
        vdevs=MappingProxyType(vdevs),
        implicit_controllers=tuple(ImplicitController(**row) for row in language["implicit_controllers"]),
        targets=MappingProxyType({row["name"]: target_row(row) for row in targets["targets"]}),
        vdev_options=_option_index(vdevs),
    )


def _grouped(rows: Iterable[R]) -> Mapping[str, tuple[R, ...]]:
    groups: dict[str, tuple[R, ...]] = {}
    for row in rows:
        groups[row.name] = (*groups.get(row.name, ()), row)
    return MappingProxyType(groups)


def _option_index(vdevs: Mapping[str, VdevRow]) -> Mapping[str, Mapping[str, tuple[OptionRow, ...]]]:
    return MappingProxyType({name: _grouped(row.options) for name, row in vdevs.items()})
