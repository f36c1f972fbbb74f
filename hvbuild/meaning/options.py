"""Values of options and variables, checked against the form, words and bounds that their row gives."""

import re
from collections.abc import Mapping
from dataclasses import field, replace

from hvbuild.catalog import Catalog
from hvbuild.catalog_rows import OptionRow, Row, VariableRow
from hvbuild.diagnostics import Diagnostic, Severity
from hvbuild.formats.qvmconf_codes import (
    BAD_FORM,
    BAD_VALUE,
    DEPRECATED,
    OUT_OF_BOUNDS,
    WRONG_RELEASE,
)
from hvbuild.formats.qvmconf_tokens import has_unknown_part, shown
from hvbuild.meaning.words import Faults, Piece, address_in, length_in, number_in
from hvbuild.source import Span
from hvbuild.units import read_number
from hvbuild.values import dataclass

BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("on", "1", "yes", "true"), True),
    **dict.fromkeys(("off", "0", "no", "false"), False),
}
_MAC = re.compile(r"[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5}\Z")
_PRIORITY = re.compile(r"[0-9]{1,3}[rfo]?\Z")
_OCTAL = re.compile(r"0?[0-7]{1,4}\Z")
_SHAPES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "mac": (_MAC, "a MAC address xx:xx:xx:xx:xx:xx"),
    "priority": (_PRIORITY, "a priority"),
    "octal": (_OCTAL, "an octal mode such as 0600"),
    "delay": (re.compile(r"(?:[0-9]+|forever)\Z"), "seconds, or `forever`"),
    "region": (re.compile(r"[^,]+,[^,]+\Z"), "NAME,SIZE"),
    "msi": (re.compile(r"[^,]+,[^,]+,[^,]+\Z"), "ADDRESS,FIRST,COUNT"),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a file is read against, and where its faults go."""

    catalog: Catalog
    target: str | None = None
    faults: Faults = field(default_factory=list)

    def add(self, fault: Diagnostic) -> None:
        """Hold one fault."""
        self.faults.append(fault)


def severity_of(row: Row, terms: Terms) -> Severity:
    """Documented for the target: error; seen or inferred: warning."""
    documented = terms.catalog.evidence(row, terms.target) == "D"
    return Severity.ERROR if documented else Severity.WARNING


def judge_release(row: Row, place: Span, what: str, terms: Terms) -> None:
    """Report the use of `row` for a release that does not have it."""
    if terms.catalog.holds(row, terms.target):
        return
    known = ", ".join(row.releases)
    if row.absence_documented:
        message = f"{what} does not exist in {terms.target}, only in {known}; qvm refuses this"
        severity = Severity.ERROR
    else:
        message = f"{what} was seen for {known} only, not for {terms.target}"
        severity = Severity.WARNING
    helps = tuple(text for text in (_INSTEAD.get(row.name, ""),) if text)
    terms.add(WRONG_RELEASE.at(place, message, helps=helps, severity=severity))


_INSTEAD = {
    "runmask": "8.0 places a vCPU with `cluster NAME`; the host startup defines the clusters",
    "partition": "start qvm in the partition instead",
    "cluster": "7.x places a vCPU with `runmask 0,1`",
    "tapdev": "use `peer`",
}


def judge_option(row: OptionRow, pieces: tuple[Piece, ...], place: Span, terms: Terms) -> None:
    """Report what an option's arguments may not say, by the forms of its row."""
    if row.deprecated:
        terms.add(DEPRECATED.at(place, f"`{row.name}` is replaced by `{row.deprecated}`"))
    for form, piece in zip(row.forms, pieces, strict=False):
        if has_unknown_part(piece.text):
            continue
        if row.values and form in ("enum", "watchdog"):
            judge_word(piece, row.values, f"`{row.name}`", severity_of(row, terms), terms.faults)
        elif row.values and form == "number":
            _judge_number(row, piece, terms)
        elif form == "boolean":
            judge_word(
                piece,
                (*BOOLEANS, "enable", "disable"),
                f"`{row.name}`",
                severity_of(row, terms),
                terms.faults,
            )
        else:
            _judge_shape(row.name, form, piece, severity_of(row, terms), terms.faults)
            _judge_bounds(row, form, piece, terms.faults)


def judge_variable(row: VariableRow, piece: Piece, terms: Terms) -> None:
    """Report what a variable's value may not be."""
    if has_unknown_part(piece.text):
        return
    if row.form in ("boolean", "tristate"):
        words = (*BOOLEANS, "auto") if row.form == "tristate" else tuple(BOOLEANS)
        judge_word(piece, words, f"variable `{row.name}`", severity_of(row, terms), terms.faults)
    else:
        _judge_shape(row.name, row.form, piece, severity_of(row, terms), terms.faults)
        _judge_bounds(row, row.form, piece, terms.faults)


def judge_word(piece: Piece, words: tuple[str, ...], what: str, severity: Severity, faults: Faults) -> None:
    """Report a word that is none of `words`."""
    if piece.text in words:
        return
    refused = "; qvm refuses this" if severity is Severity.ERROR else ""
    faults.append(
        BAD_VALUE.at(
            piece.span,
            f"`{shown(piece.text)}` is no value of {what}{refused}",
            helps=(f"it is one of {', '.join(f'`{word}`' for word in words)}",),
            severity=severity,
        )
    )


def _judge_shape(name: str, form: str, piece: Piece, severity: Severity, faults: Faults) -> None:
    if form in ("number", "address"):
        # Sizes such as `set slog-buffer 4K` have the form of addresses; only the notation is checked here.
        found: Faults = []
        (number_in if form == "number" else address_in)(piece, found)
        inferred = severity is Severity.WARNING
        faults.extend(replace(fault, severity=severity) if inferred else fault for fault in found)
    elif form in _SHAPES:
        pattern, text = _SHAPES[form]
        if not pattern.match(piece.text):
            message = f"`{shown(piece.text)}` of `{name}` is not {text}"
            faults.append(BAD_FORM.at(piece.span, message, severity=severity))
        elif form == "region":
            length_in(piece.split(",")[1], faults)


def _judge_number(row: OptionRow, piece: Piece, terms: Terms) -> None:
    """Report a number that is none of the few that the row names; what is no number is told as such.

    Such rows rest on a page or on a target's own refusal (`Unsupported GIC version: 2`), so it is an error.
    """
    value = number_in(piece, terms.faults)
    if isinstance(value, int) and value not in map(read_number, row.values):
        on_release = f" on `{terms.target}`" if row.releases and terms.target else ""
        message = f"`{shown(piece.text)}` is no value of `{row.name}`{on_release}"
        terms.add(BAD_VALUE.at(piece.span, message, helps=(f"it is {' or '.join(row.values)}",)))


def _judge_bounds(row: OptionRow | VariableRow, form: str, piece: Piece, faults: Faults) -> None:
    if row.bounds is None or form != "number":
        return
    value = number_in(piece, [])
    low, high = row.bounds
    extra = row.extra if isinstance(row, VariableRow) else ()
    if isinstance(value, int) and not low <= value <= high and value not in extra:
        also = "".join(f", or {number}" for number in extra)
        message = f"`{row.name}` takes {low} to {high}{also}, not {piece.text}; qvm refuses this"
        faults.append(OUT_OF_BOUNDS.at(piece.span, message))
