"""Older spellings of keys: what was renamed, since when, and what to write now.

A row with `still_read` is a deprecation: the older key works and is reported as a warning with the new one.
The others are read by `hvbuild migrate` alone.
"""

from collections.abc import Iterator
from dataclasses import replace

from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.load.tree import Entry, Mapping, Node, Scalar, Sequence
from hvbuild.source import Span
from hvbuild.values import dataclass

DEPRECATED = Code(
    code="HV0056",
    name="deprecated-spelling",
    severity=Severity.WARNING,
    meaning="A key is written in an older spelling, which later versions will not read.",
    source="hvbuild: what was renamed is read for one format longer",
    policy="a warning: the file means what it says",
)
CODES = (DEPRECATED,)

ANY = "*"
_ITEM = "[]"
Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """One renamed key: where it stands, how it was written up to format `until`, how it is written after.

    `suffix` is put behind the value: what the older key said in its name.
    """

    kind: str
    under: Steps
    old: str
    new: str
    until: int = 0
    suffix: str = ""
    still_read: bool = False


_VCPU = ("guests", ANY, "cpus", _ITEM)
_VDEV = ("guests", ANY, "vdevs", _ITEM)
# Format 0 is that of the trial versions before 1.0.
RENAMINGS: tuple[Renaming, ...] = (
    Renaming(kind="stack", under=(), old="regions", new="memory"),
    Renaming(kind="stack", under=("host",), old="aps", new="partitions", still_read=True),
    Renaming(kind="stack", under=("memory", _ITEM), old="start", new="base"),
    Renaming(kind="stack", under=_VCPU, old="affinity", new="runmask", still_read=True),
    Renaming(kind="stack", under=_VCPU, old="priority", new="sched"),
    Renaming(kind="stack", under=_VDEV, old="irq", new="intr"),
    Renaming(kind="board", under=(), old="cpus", new="cores"),
    Renaming(kind="board", under=("cores", _ITEM), old="frequency_mhz", new="frequency", suffix="MHz"),
    Renaming(kind="board", under=("memory", _ITEM), old="start", new="base"),
)


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of a text, and what to write there instead."""

    span: Span
    text: str


def kind_of(tree: Mapping) -> str:
    """`board`, or `stack` for stacks, variants and shared parts, by the keys of the top level."""
    return "board" if "architecture" in tree or "cpus" in tree or "cores" in tree else "stack"


def older(tree: Mapping, version: int) -> Iterator[tuple[Renaming, Entry]]:
    """The keys of `tree` that were renamed after format `version`, in written order."""
    kind = kind_of(tree)
    rows = [row for row in RENAMINGS if row.kind == kind and (row.until >= version or row.still_read)]
    # A shared part holds what stands under `guests.NAME` elsewhere.
    start: Steps = ("guests", ANY) if "body" in tree else ()
    whole = tree.mapping("body") if start else tree
    yield from _older(whole, start, rows) if whole is not None else ()


def _older(node: Node, steps: Steps, rows: list[Renaming]) -> Iterator[tuple[Renaming, Entry]]:
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _older(item, (*steps, _ITEM), rows)
    if not isinstance(node, Mapping):
        return
    for entry in node:
        row = _row(rows, steps, entry.key)
        if row is not None and row.new not in node:
            yield row, entry
        name = row.new if row is not None else entry.key
        yield from _older(entry.node, (*steps, name), rows)


def _row(rows: list[Renaming], steps: Steps, key: str) -> Renaming | None:
    return next((row for row in rows if row.old == key and _is_under(row.under, steps)), None)


def _is_under(pattern: Steps, steps: Steps) -> bool:
    return len(pattern) == len(steps) and all(
        wanted in (ANY, found) for wanted, found in zip(pattern, steps, strict=True)
    )


def edits(tree: Mapping, version: int) -> tuple[Edit, ...]:
    """What to change in the text of `tree`, of format `version`, to say the same in the present one."""
    found = []
    for row, entry in older(tree, version):
        found.append(Edit(entry.key_span, row.new))
        if row.suffix and isinstance(entry.node, Scalar):
            found.append(Edit(entry.node.span, entry.node.text + row.suffix))
    # What an alias repeats is written once.
    return tuple(dict.fromkeys(found))


_STILL_READ = tuple(row.old for row in RENAMINGS if row.still_read)


def modern(tree: Mapping, text: str) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    """`tree` with the older keys that are still read under their present names, and a warning for each.

    `text` is the file's: most hold no such word and need no walk.
    """
    found = {}
    # What an older format says is for `migrate` to read.
    if any(word in text for word in _STILL_READ) and tree.integer("format") == 1:
        found = {entry.key_span: row for row, entry in older(tree, 1)}
    if not found:
        return tree, ()
    warnings = tuple(
        DEPRECATED.at(
            span,
            f"`{row.old}` is now written `{row.new}`",
            "older spelling",
            route=".".join((*row.under, row.old)).replace(f".{_ITEM}", _ITEM),
            helps=("`hvbuild migrate FILE` rewrites it",),
        )
        for span, row in found.items()
    )
    whole = _renamed(tree, {span: row.new for span, row in found.items()})
    assert isinstance(whole, Mapping)
    return whole, warnings


def _renamed(node: Node, names: dict[Span, str]) -> Node:
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_renamed(item, names) for item in node.items))
    if not isinstance(node, Mapping):
        return node
    entries = {}
    for entry in node:
        key = names.get(entry.key_span, entry.key)
        entries[key] = Entry(key, entry.key_span, _renamed(entry.node, names))
    return replace(node, entries=entries)
