"""The products of a matrix as a table: what tells them apart, what a check says, and why they differ."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from hvbuild.diagnostics import Severity
from hvbuild.matrix import Product
from hvbuild.report.style import PLAIN, Role, Style
from hvbuild.report.tables import Row, table
from hvbuild.verdicts import Verdict

if TYPE_CHECKING:
    # The family compares plans; a table of verdicts that are known needs none.
    from hvbuild.family import Departure

MATRIX_FORMAT = "hvbuild-matrix/1"
_MOST_NAMES = 4

Answers = Sequence[tuple[Product, Verdict]]


def family_text(answers: Answers, departures: Sequence["Departure"], style: Style = PLAIN) -> str:
    """The facts in which the products differ, one product a line; then what departs in each stack."""
    columns = tuple(dict.fromkeys(name for _, verdict in answers for name, _ in verdict.facts))
    facts = [dict(verdict.facts) for _, verdict in answers]
    differing = [name for name in columns if len({held.get(name) for held in facts if held}) > 1]
    shared = [name for name in columns if name not in differing]
    rows = [
        Row(
            (product.name, *(held.get(name, "") for name in differing), _said(verdict)),
            Role.ERROR if counts(verdict)[0] else None,
        )
        for (product, verdict), held in zip(answers, facts, strict=True)
    ]
    text = table(("product", *differing, "verdict"), rows, style)
    first = next((held for held in facts if held), {})
    if shared and len(answers) > 1:
        text += f"all: {', '.join(f'{name} {first[name]}' for name in shared if name in first)}\n"
    text += _totals(answers)
    for stack, group in groupby(departures, key=lambda each: (each.stack, each.first)):
        text += f"\n{stack[0]}: against {stack[1]}\n" + _departures(list(group), style)
    return text


def _totals(answers: Answers) -> str:
    clean = sum(not verdict.diagnostics for _, verdict in answers)
    stacks = len({product.place.name for product, _ in answers})
    return f"{_many(len(answers), 'product')} of {_many(stacks, 'stack')}, {clean} clean\n"


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _departures(found: Sequence["Departure"], style: Style) -> str:
    rows = [Row((_names(each.products), each.because, each.subject, each.text)) for each in found]
    return table(("in", "because of", "where", "what"), rows, style)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def counts(verdict: Verdict) -> tuple[int, int]:
    """Errors and warnings of a verdict."""
    errors = sum(each.severity is Severity.ERROR for each in verdict.diagnostics)
    return errors, len(verdict.diagnostics) - errors


def _said(verdict: Verdict) -> str:
    words = [
        _many(count, kind) for count, kind in zip(counts(verdict), ("error", "warning"), strict=True) if count
    ]
    return ", ".join(words) or "clean"


def family_json(answers: Answers, departures: Sequence["Departure"]) -> Mapping[str, object]:
    """The same for programs."""
    products = [
        {
            "product": product.name,
            "stack": product.place.name,
            "variant": product.variant,
            "facts": dict(verdict.facts),
            "errors": counts(verdict)[0],
            "warnings": counts(verdict)[1],
        }
        for product, verdict in answers
    ]
    departing = [
        {
            "stack": each.stack,
            "against": each.first,
            "subject": each.subject,
            "change": each.text,
            "because": each.because,
            "variants": list(each.products),
        }
        for each in departures
    ]
    return {"format": MATRIX_FORMAT, "products": products, "differences": departing}
