"""Diagnostics for programs: our own JSON, SARIF 2.1.0 and JUnit XML; the same words as the text form."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from hvbuild.diagnostics import NO_PLACE, Diagnostic, Label, Severity
from hvbuild.report.diagnostics import (
    count_of,
    diagnostic_text,
    helps_shown,
    is_placed,
    line_report,
    notes_shown,
)
from hvbuild.version import __version__

DIAGNOSTICS_FORMAT = "hvbuild-diagnostics/1"
# Source: OASIS SARIF 2.1.0, section 3.13.3 and the schema it names.
_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"

Json = dict[str, Any]


def diagnostics_json(diagnostics: Sequence[Diagnostic]) -> Json:
    """The document of the contract: format, diagnostics, summary."""
    return {
        "format": DIAGNOSTICS_FORMAT,
        "diagnostics": [_json_diagnostic(diagnostic) for diagnostic in diagnostics],
        "summary": {
            "errors": count_of(diagnostics, Severity.ERROR),
            "warnings": count_of(diagnostics, Severity.WARNING),
        },
    }


def json_text(document: Mapping[str, object]) -> str:
    """`document` as indented ASCII JSON with its members in their order, ended by a newline."""
    return json.dumps(document, indent=2) + "\n"


def _json_diagnostic(diagnostic: Diagnostic) -> Json:
    return {
        "code": diagnostic.code,
        "name": diagnostic.name,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "route": diagnostic.route,
        "labels": [_json_label(label) for label in diagnostic.labels],
        "notes": list(notes_shown(diagnostic)),
        "helps": list(helps_shown(diagnostic)),
    }


def _json_label(label: Label) -> Json:
    end_line, end_column = label.span.end_position
    return {
        "primary": label.primary,
        "path": _path(label),
        "line": label.span.line,
        "column": label.span.column,
        "end_line": end_line,
        "end_column": end_column,
        "text": label.text,
    }


def _path(label: Label) -> str:
    return "" if label.span.file is NO_PLACE.file else label.span.file.path


# --- SARIF ----------------------------------------------------------------------------------------------


def sarif_document(diagnostics: Sequence[Diagnostic]) -> Json:
    """A SARIF 2.1.0 log of one run; a diagnostic without a place is a result without locations."""
    codes = sorted({(diagnostic.code, diagnostic.name) for diagnostic in diagnostics})
    index = {code: position for position, (code, _) in enumerate(codes)}
    driver = {
        "name": "hvbuild",
        "version": __version__,
        "rules": [_sarif_rule(code, name) for code, name in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(diagnostic, index[diagnostic.code]) for diagnostic in diagnostics],
    }
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _sarif_rule(code: str, name: str) -> Json:
    return {
        "id": code,
        "name": name,
        "shortDescription": {"text": name.replace("-", " ")},
        "help": {"text": f"`hvbuild explain {code}` shows the rule and its source"},
    }


def _sarif_result(diagnostic: Diagnostic, rule_index: int) -> Json:
    remarks = [f"note: {text}" for text in notes_shown(diagnostic)]
    remarks += [f"help: {text}" for text in helps_shown(diagnostic)]
    result: Json = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule_index,
        "level": diagnostic.severity.value,
        "message": {"text": "\n".join([diagnostic.message, *remarks])},
    }
    logical = [{"fullyQualifiedName": diagnostic.route}] if diagnostic.route else []
    if is_placed(diagnostic):
        result["locations"] = [_sarif_location(diagnostic.primary, logical)]
    elif logical:
        result["locations"] = [{"logicalLocations": logical}]
    others = [label for label in diagnostic.labels if not label.primary and _path(label)]
    if others:
        result["relatedLocations"] = [
            {"id": number, **_sarif_location(label, [])} for number, label in enumerate(others, start=1)
        ]
    return result


def _sarif_location(label: Label, logical: list[Json]) -> Json:
    end_line, end_column = label.span.end_position
    location: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(label.span.file.path)},
            "region": {
                "startLine": label.span.line,
                "startColumn": label.span.column,
                "endLine": end_line,
                "endColumn": end_column,
            },
        }
    }
    if logical:
        location["logicalLocations"] = logical
    if label.text:
        location["message"] = {"text": label.text}
    return location


def _uri(path: str) -> str:
    """A relative or `file:` URI for `path` (RFC 3986); bytes that are no UTF-8 stay as they were."""
    encoded = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    return f"file://{encoded}" if path.startswith("/") else encoded


# --- JUnit ----------------------------------------------------------------------------------------------


def junit_text(diagnostics: Sequence[Diagnostic], *, deny_warnings: bool = False) -> str:
    """One suite with a case per diagnostic, or one passing case when there are none.

    An error fails its case, a warning only when denied; else its words are the case's output.
    """
    cases = [_junit_case(diagnostic, deny_warnings) for diagnostic in diagnostics]
    failures = sum("<failure" in case for case in cases)
    cases = cases or ['    <testcase classname="hvbuild" name="clean"/>']
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {counts}>",
            f'  <testsuite name="hvbuild" {counts}>',
            *cases,
            "  </testsuite>",
            "</testsuites>",
            "",
        ]
    )


def _junit_case(diagnostic: Diagnostic, deny_warnings: bool) -> str:
    place = line_report([diagnostic]).rstrip("\n")
    where = _path(diagnostic.primary) or "hvbuild"
    text = _xml(diagnostic_text(diagnostic))
    if diagnostic.severity is Severity.ERROR or deny_warnings:
        kind = _xml(f"{diagnostic.code} {diagnostic.name}")
        inner = f'<failure type="{kind}" message="{_xml(diagnostic.message)}">{text}</failure>'
    else:
        inner = f"<system-out>{text}</system-out>"
    return f'    <testcase classname="{_xml(where)}" name="{_xml(place)}">{inner}</testcase>'


def _xml(text: str) -> str:
    """`text` escaped; characters that XML 1.0 cannot hold (its production 2) become U+FFFD."""
    return "".join(char if _is_xml(char) else "\ufffd" for char in escape(text))


def _is_xml(char: str) -> bool:
    return char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff"
