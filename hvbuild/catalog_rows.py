"""The rows of the qvmconf catalogue: their types, and how each is read from its JSON object."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any, TypeVar

from hvbuild.values import dataclass

Json = Mapping[str, Any]
NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What every row says: its name, where it holds, and how sure that is.

    `releases` empty means every release. `absence_documented`: the pages of the other releases were read and
    lack it, so its use there is an error; else it was only not seen there, which is worth a warning.
    """

    name: str
    releases: tuple[str, ...] = ()
    architecture: str = ""
    evidence: str = "D"
    evidence_by_release: Mapping[str, str] = field(default_factory=_nothing, compare=False)
    absence_documented: bool = False
    source: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRow(Row):
    """An option or sub-option. `forms` names the form of each argument token, so its length is their count.

    `repeat`: `last` (the last one wins), `adds` (they accumulate), `by-kind` (last for each first argument).
    `opens` is the context that it opens; `prefix` says that a blob type may stand before it.
    """

    forms: tuple[str, ...] = ()
    repeat: str = "last"
    opens: str = ""
    prefix: bool = False
    values: tuple[str, ...] = ()
    bounds: tuple[int, int] | None = None
    default: str = ""
    unit: str = ""
    needs: tuple[str, ...] = ()
    deprecated: str = ""
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRow(Row):
    """A letter of `pass loc`: what it implies, excludes and wants beside it."""

    implies: frozenset[str] = frozenset()
    excludes: frozenset[str] = frozenset()
    wants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableRow(Row):
    """A variable of `set`: its form, scope (`global`, `guest`, `cpu`, `vdev`), default and legal numbers."""

    form: str = "string"
    scope: str = "global"
    default: str = ""
    unit: str = ""
    bounds: tuple[int, int] | None = None
    extra: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """A guest-physical range (or ports) that a vdev answers: `size` from the address given by `option`.

    `version` restricts it to one `version` of the device, `per_vcpu` multiplies it. `default` is the address
    taken when the option is not given; None: there is none.
    """

    option: str
    size: int
    same: str = ""
    version: int | None = None
    per_vcpu: bool = False
    default: int | None = None
    evidence: str = "I"
    default_evidence: str = "I"


@dataclass(frozen=True, slots=True, kw_only=True)
class VdevRow(Row):
    """A virtual device.

    `location` and `interrupt` are `required`, `virtio` (both: memory-mapped, neither: PCI), `default`,
    `auto`, `optional` or `none`. `exits` counts guest exits for each operation of a driver on it. `open`:
    its option list is not known. `shutdown` says what the device does when its VM ends: `quiet`, `quiesce`
    (it stops its DMA) or `unknown`. `lines` are the interrupt lines that a controller accepts.
    """

    options: tuple[OptionRow, ...] = ()
    windows: tuple[WindowRow, ...] = ()
    implicit: bool = False
    controller: bool = False
    lines: tuple[int, int] | None = None
    location: str = "optional"
    interrupt: str = "optional"
    space: str = "mem"
    required: tuple[str, ...] = ()
    required_evidence: str = "D"
    shares_line: bool = False
    addon: str = ""
    most: int | None = None
    open: bool = False
    third_party: bool = False
    limits: Mapping[str, int] = field(default_factory=_nothing, compare=False)
    exits: Mapping[str, int] = field(default_factory=_nothing, compare=False)
    exits_evidence: str = "I"
    shutdown: str = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImplicitController:
    """An interrupt controller that a VM has without declaring it."""

    name: str
    architecture: str
    type: str
    evidence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A release that hvbuild writes for: what it limits and offers, its own words over its parent's."""

    name: str
    release: str
    parent: str | None
    product: str
    profile: str
    limits: Mapping[str, int] = field(default_factory=_nothing, compare=False)
    features: Mapping[str, Any] = field(default_factory=_nothing, compare=False)
    sources: Mapping[str, str] = field(default_factory=_nothing, compare=False)


R = TypeVar("R", bound=Row)


def row_for(rows: Iterable[R], chain: tuple[str, ...]) -> R | None:
    """The row that holds in the first release of `chain` that has one; any row for an empty chain."""
    candidates = tuple(rows)
    for release in chain:
        for row in candidates:
            if release in row.releases:
                return row
    return next((row for row in candidates if not row.releases or not chain), None)


def common_words(row: Json) -> dict[str, Any]:
    """What an object of data says that every row says."""
    evidence = row.get("evidence", "D")
    by_release = evidence if isinstance(evidence, dict) else {}
    return {
        "name": row["name"],
        "releases": tuple(row.get("releases", ())),
        "architecture": row.get("architecture", ""),
        "evidence": min(by_release.values()) if by_release else evidence,
        "evidence_by_release": MappingProxyType(by_release),
        "absence_documented": row.get("absence") == "D",
        "source": row.get("source", ""),
        "meaning": row.get("meaning", ""),
    }


def _bounds(row: Json) -> tuple[int, int] | None:
    return (row["range"][0], row["range"][1]) if "range" in row else None


def option_row(row: Json) -> OptionRow:
    """The option that an object of data spells."""
    return OptionRow(
        **common_words(row),
        forms=tuple(row.get("forms", ())),
        repeat=row.get("repeat", "last"),
        opens=row.get("opens", ""),
        prefix=row.get("prefix", False),
        values=tuple(row.get("values", ())),
        bounds=_bounds(row),
        default=row.get("default", ""),
        unit=row.get("unit", ""),
        needs=tuple(row.get("needs", ())),
        deprecated=row.get("deprecated", ""),
        count=row.get("count"),
    )


def flag_row(row: Json) -> FlagRow:
    """The `pass loc` letter that an object of data spells."""
    sets: dict[str, Any] = {key: frozenset(row.get(key, "")) for key in ("implies", "excludes", "wants")}
    return FlagRow(**common_words(row), **sets)


def variable_row(row: Json) -> VariableRow:
    """The `set` variable that an object of data spells."""
    words = {key: row[key] for key in ("form", "scope", "default", "unit") if key in row}
    return VariableRow(**common_words(row), **words, bounds=_bounds(row), extra=tuple(row.get("extra", ())))


def _window(row: Json) -> WindowRow:
    words = {
        key: row[key]
        for key in ("option", "same", "version", "per_vcpu", "evidence", "default_evidence")
        if key in row
    }
    default = int(row["default"], 16) if "default" in row else None
    return WindowRow(**words, size=row["bytes"], default=default)


def vdev_row(row: Json) -> VdevRow:
    """The virtual device that an object of data spells."""
    plain = ("implicit", "controller", "location", "interrupt", "space", "required_evidence", "shares_line")
    words = {
        key: row[key] for key in (*plain, "addon", "most", "open", "exits_evidence", "shutdown") if key in row
    }
    return VdevRow(
        **common_words(row),
        **words,
        options=tuple(option_row(option) for option in row.get("options", ())),
        windows=tuple(_window(window) for window in row.get("windows", ())),
        lines=(row["lines"][0], row["lines"][1]) if "lines" in row else None,
        required=tuple(row.get("required", ())),
        limits=MappingProxyType(row.get("limits", {})),
        exits=MappingProxyType(row.get("exits", {})),
    )


def target_row(row: Json) -> TargetRow:
    """The release that an object of data spells."""
    maps: dict[str, Any] = {key: MappingProxyType(row[key]) for key in ("limits", "features", "sources")}
    words = {key: row[key] for key in ("name", "release", "parent", "product", "profile")}
    return TargetRow(**words, **maps)
