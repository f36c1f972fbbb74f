"""A family of products: what a check says of each, sharing every parse, and what makes them differ."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from hvbuild.checking import Checked, Checker, CheckFailed
from hvbuild.compare.board import board_things
from hvbuild.compare.difference import Change, changes_of, compare_systems
from hvbuild.matrix import Product
from hvbuild.project import stable_name
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One thing in which products differ from the first of their stack, and the line that makes it so.

    `because` is the line that says it, else the one file that only they are made from; empty where it follows
    from several.
    """

    stack: str
    first: str
    subject: str
    text: str
    because: str
    products: tuple[str, ...]


def departures(products: Iterable[Product], checker: Checker) -> tuple[Departure, ...]:
    """In what the products of each stack differ from its first, by meaning, in the order they come up.

    Products with faults are left out: what they are is not known.
    """
    found: list[Departure] = []
    for _, group in groupby(products, key=lambda each: each.place.name):
        checked = [one for each in group if (one := _checked(each, checker)) is not None]
        if len(checked) > 1:
            found += _of_stack(checked[0], checked[1:])
    return tuple(found)


def _checked(product: Product, checker: Checker) -> Checked | None:
    try:
        return checker.check(product.place, product.variant)
    except CheckFailed:
        return None


def _of_stack(first: Checked, others: Iterable[Checked]) -> Iterator[Departure]:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for other in others:
        why = _because(first, other)
        difference = compare_systems(first.plan.system, other.plan.system, other.catalog)
        changes = [(vm.name, change) for vm in difference.vms for change in vm.changes]
        changes += [("host", change) for change in difference.host]
        changes += [("board", change) for change in _board_changes(first, other)]
        named = [(subject, change.text, why(change)) for subject, change in changes]
        own = _own_file(first, other)
        named += [(vm.name, vm.kind.value, own) for vm in difference.vms if not vm.changes]
        for row in dict.fromkeys(named):
            rows.setdefault(row, []).append(other.variant)
    for (subject, text, because), variants in rows.items():
        yield Departure(
            stack=first.place.name,
            first=first.variant,
            subject=subject,
            text=text,
            because=because,
            products=tuple(variants),
        )


def _board_changes(first: Checked, other: Checked) -> Iterator[Change]:
    """In what the hardware differs; what the other board does not have is because of that board, too."""
    before, after = first.plan.stack.board, other.plan.stack.board
    for change in changes_of(board_things(before), board_things(after)):
        yield replace(change, after_origin=change.after_origin or after.origin)


def _because(first: Checked, other: Checked) -> Callable[[Change], str]:
    """A function that names the line behind a change: one in a file that only `other` is made from."""
    common = {item.name for item in first.inputs if item.digest is not None}
    root, own = other.place.root, _own_file(first, other)

    def line(change: Change) -> str:
        for span in (*change.after_origin.places, *change.before_origin.places):
            if span.file.path not in common:
                return f"{stable_name(Path(span.file.path), root)}:{span.line}"
        return own

    return line


def _own_file(first: Checked, other: Checked) -> str:
    """The one file that only `other` is made from; empty where there are none or several."""
    mine = {item.name for item in other.inputs if item.digest is not None}
    mine -= {item.name for item in first.inputs}
    return stable_name(Path(mine.pop()), other.place.root) if len(mine) == 1 else ""
