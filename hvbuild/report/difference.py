"""A difference for people and programs: text, Markdown for merge requests, JSON; all say the same."""

from collections.abc import Iterator
from typing import Any

from hvbuild.compare.difference import Change, ChangeKind, Difference, VmDifference
from hvbuild.source import Origin

DIFFERENCE_FORMAT = "hvbuild-difference/1"
_SIGNS = {ChangeKind.ADDED: "+ ", ChangeKind.REMOVED: "- "}

Json = dict[str, Any]


def difference_text(difference: Difference) -> str:
    """One line for each change under the guest or the host it belongs to; `same` when there is none."""
    if difference.same:
        return "same\n"
    lines: list[str] = []
    for vm in difference.vms:
        lines.append(_heading(vm))
        lines.extend(f"  {change.text}{_places(change)}" for change in vm.changes)
    if difference.host:
        lines.append("host")
        lines.extend(f"  {change.text}{_places(change)}" for change in difference.host)
    return "\n".join((*lines, "", _summary(difference), ""))


def difference_markdown(difference: Difference) -> str:
    """A table for each guest and one for the host, to be put into a merge request."""
    if difference.same:
        return "No difference.\n"
    blocks: list[str] = []
    for vm in difference.vms:
        blocks.append(f"### {_heading(vm).capitalize()}\n")
        if vm.changes:
            blocks.append(_table(vm.changes))
    if difference.host:
        blocks.extend(("### Host\n", _table(difference.host)))
    return "\n".join((*blocks, _summary(difference), ""))


def difference_json(difference: Difference) -> Json:
    """The document for programs: every change with both texts, both places and its line of text."""
    return {
        "format": DIFFERENCE_FORMAT,
        "same": difference.same,
        "guests": [
            {
                "guest": vm.name,
                "kind": vm.kind.value,
                "before_place": _place(vm.before_origin),
                "after_place": _place(vm.after_origin),
                "changes": [_json_change(change) for change in vm.changes],
            }
            for vm in difference.vms
        ],
        "host": [_json_change(change) for change in difference.host],
        "summary": _counts(difference),
    }


def _heading(vm: VmDifference) -> str:
    sign = _SIGNS.get(vm.kind, "")
    return f"{sign}guest `{vm.name}`"


def _places(change: Change) -> str:
    """Where it is written: the old place and the new one, each as far as it is known."""
    found = [_line(origin) for origin in (change.before_origin, change.after_origin) if origin]
    return f"    [{' → '.join(found)}]" if found else ""


def _line(origin: Origin) -> str:
    return str(origin).rpartition(":")[0]


def _table(changes: tuple[Change, ...]) -> str:
    rows = ["| | what | before | after | where |", "|---|---|---|---|---|"]
    for change in changes:
        what = f"{change.subject} {change.attribute}".strip()
        cells = (_MARKS[change.kind], what, change.before, change.after, _places(change).strip(" []"))
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join((*rows, ""))


_MARKS = {
    ChangeKind.ADDED: "added",
    ChangeKind.REMOVED: "removed",
    ChangeKind.CHANGED: "changed",
    ChangeKind.REORDERED: "reordered",
}


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ")


def _json_change(change: Change) -> Json:
    return {
        "kind": change.kind.value,
        "group": change.group,
        "subject": change.subject,
        "attribute": change.attribute,
        "before": change.before,
        "after": change.after,
        "text": change.text,
        "before_place": _place(change.before_origin),
        "after_place": _place(change.after_origin),
    }


def _place(origin: Origin) -> Json | None:
    if origin.span is None:
        return None
    return {"path": origin.span.file.path, "line": origin.span.line, "column": origin.span.column}


def _all_changes(difference: Difference) -> Iterator[ChangeKind]:
    for vm in difference.vms:
        if vm.kind is not ChangeKind.CHANGED:
            yield vm.kind
        yield from (change.kind for change in vm.changes)
    yield from (change.kind for change in difference.host)


def _counts(difference: Difference) -> dict[str, int]:
    kinds = list(_all_changes(difference))
    return {kind.value: kinds.count(kind) for kind in ChangeKind}


def _summary(difference: Difference) -> str:
    counts = _counts(difference)
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
