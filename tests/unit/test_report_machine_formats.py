"""JSON, SARIF, JUnit and the line form: exact documents, and that all of them say what the text says."""

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest
from command_line import say
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.diagnostics import Code, Diagnostic, Label, Severity
from hvbuild.report.diagnostics import line_report, text_report
from hvbuild.report.machine_formats import diagnostics_json, json_text, junit_text, sarif_document
from hvbuild.source import SourceFile, Span
from hvbuild.version import __version__

CASES = Path(__file__).parents[1] / "cases"
SARIF_SCHEMA = Path(__file__).parents[1] / "data/sarif-subset.schema.json"

HARD = Code(code="HV2003", name="vdev-inside-ram", severity=Severity.ERROR, meaning="m", source="s")
SOFT = Code(code="HV4007", name="one-cpu", severity=Severity.WARNING, meaning="m", source="s")
FILE = SourceFile("stacks/x/stack.yaml", "guests:\n  la: {loc: 0x88000000,\n    ram: 値段}\n")
VARIANT = SourceFile("/abs/a b:ü.yaml", "x: 1\n")


def span(text: str) -> Span:
    start = FILE.text.index(text)
    return Span(FILE, start, start + len(text))


CLASH = HARD.at(
    span("0x88000000"),
    "device `a` overlaps <RAM> & more",
    "device here",
    others=[Label(span("値段"), "RAM starts here"), Label(Span(VARIANT, 3, 4))],
    route="guests.la.vdevs[0].loc",
    notes=["one space"],
    helps=["move it"],
)
HOMELESS = SOFT.at(None, "one pCPU", "said of the host")


def test_json_is_the_document_of_the_contract() -> None:
    assert diagnostics_json([CLASH, HOMELESS]) == {
        "format": "hvbuild-diagnostics/1",
        "diagnostics": [
            {
                "code": "HV2003",
                "name": "vdev-inside-ram",
                "severity": "error",
                "message": "device `a` overlaps <RAM> & more",
                "route": "guests.la.vdevs[0].loc",
                "labels": [
                    {
                        "primary": True,
                        "path": "stacks/x/stack.yaml",
                        "line": 2,
                        "column": 13,
                        "end_line": 2,
                        "end_column": 23,
                        "text": "device here",
                    },
                    {
                        "primary": False,
                        "path": "stacks/x/stack.yaml",
                        "line": 3,
                        "column": 10,
                        "end_line": 3,
                        "end_column": 12,
                        "text": "RAM starts here",
                    },
                    {
                        "primary": False,
                        "path": "/abs/a b:ü.yaml",
                        "line": 1,
                        "column": 4,
                        "end_line": 1,
                        "end_column": 5,
                        "text": "",
                    },
                ],
                "notes": ["one space"],
                "helps": ["move it", "`hvbuild explain HV2003` shows the rule and its source"],
            },
            {
                "code": "HV4007",
                "name": "one-cpu",
                "severity": "warning",
                "message": "one pCPU",
                "route": "",
                "labels": [
                    {
                        "primary": True,
                        "path": "",
                        "line": 1,
                        "column": 1,
                        "end_line": 1,
                        "end_column": 1,
                        "text": "said of the host",
                    }
                ],
                "notes": ["said of the host"],
                "helps": ["`hvbuild explain HV4007` shows the rule and its source"],
            },
        ],
        "summary": {"errors": 1, "warnings": 1},
    }


def test_json_of_nothing_is_still_a_document() -> None:
    assert json_text(diagnostics_json([])) == (
        '{\n  "format": "hvbuild-diagnostics/1",\n  "diagnostics": [],\n'
        '  "summary": {\n    "errors": 0,\n    "warnings": 0\n  }\n}\n'
    )


def test_columns_count_characters_not_bytes_or_cells() -> None:
    label = diagnostics_json([HARD.at(span("}"), "m")])["diagnostics"][0]["labels"][0]

    assert (label["line"], label["column"]) == (3, 12)


def test_json_and_text_say_the_same() -> None:
    text = text_report([CLASH, HOMELESS])
    for said in diagnostics_json([CLASH, HOMELESS])["diagnostics"]:
        assert f"{said['severity']}[{said['code']}]: {said['message']}\n" in text
        for words in (*said["notes"], *said["helps"], *(label["text"] for label in said["labels"])):
            assert words in text
        for label in said["labels"]:
            assert label["path"] in text


def test_the_line_form_is_exact() -> None:
    assert line_report([CLASH, HOMELESS]) == (
        "stacks/x/stack.yaml:2:13: error[HV2003]: device `a` overlaps <RAM> & more\n"
        "hvbuild: warning[HV4007]: one pCPU\n"
    )
    assert line_report([]) == ""
    assert line_report([HARD.at(None, "two\nlines")]).count("\n") == 1


# --- SARIF ----------------------------------------------------------------------------------------------


def sarif_faults(document: object) -> list[str]:
    schema = json.loads(SARIF_SCHEMA.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    return [fault.message for fault in validator.iter_errors(document)]


def test_sarif_is_exact() -> None:
    document = sarif_document([CLASH, HOMELESS])
    [run] = document["runs"]
    driver = run["tool"]["driver"]

    assert document["version"] == "2.1.0"
    assert (driver["name"], driver["version"]) == ("hvbuild", __version__)
    assert [rule["id"] for rule in driver["rules"]] == ["HV2003", "HV4007"]
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["results"] == [
        {
            "ruleId": "HV2003",
            "ruleIndex": 0,
            "level": "error",
            "message": {
                "text": "device `a` overlaps <RAM> & more\nnote: one space\nhelp: move it\n"
                "help: `hvbuild explain HV2003` shows the rule and its source"
            },
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "stacks/x/stack.yaml"},
                        "region": {"startLine": 2, "startColumn": 13, "endLine": 2, "endColumn": 23},
                    },
                    "logicalLocations": [{"fullyQualifiedName": "guests.la.vdevs[0].loc"}],
                    "message": {"text": "device here"},
                }
            ],
            "relatedLocations": [
                {
                    "id": 1,
                    "physicalLocation": {
                        "artifactLocation": {"uri": "stacks/x/stack.yaml"},
                        "region": {"startLine": 3, "startColumn": 10, "endLine": 3, "endColumn": 12},
                    },
                    "message": {"text": "RAM starts here"},
                },
                {
                    "id": 2,
                    "physicalLocation": {
                        "artifactLocation": {"uri": "file:///abs/a%20b%3A%C3%BC.yaml"},
                        "region": {"startLine": 1, "startColumn": 4, "endLine": 1, "endColumn": 5},
                    },
                },
            ],
        },
        {
            "ruleId": "HV4007",
            "ruleIndex": 1,
            "level": "warning",
            "message": {
                "text": "one pCPU\nnote: said of the host\n"
                "help: `hvbuild explain HV4007` shows the rule and its source"
            },
        },
    ]


@pytest.mark.parametrize("faults", [[], [CLASH], [HOMELESS], [HOMELESS, CLASH, CLASH]])
def test_sarif_is_valid(faults: list[Diagnostic]) -> None:
    assert sarif_faults(sarif_document(faults)) == []


@pytest.fixture(scope="module")
def published() -> jsonschema.Draft4Validator:
    """The schema that the standard's own editors publish; .ci/run fetches it, no test does."""
    path = Path(os.environ.get("HVBUILD_SARIF_SCHEMA", ""))
    if not path.is_file():
        pytest.skip("no published SARIF schema here")
    return jsonschema.Draft4Validator(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("faults", [[], [CLASH], [HOMELESS], [HOMELESS, CLASH, CLASH]])
def test_sarif_is_valid_by_the_published_schema(
    faults: list[Diagnostic], published: jsonschema.Draft4Validator
) -> None:
    assert [fault.message for fault in published.iter_errors(sarif_document(faults))] == []


def test_what_stacks_with_faults_get_is_valid_by_the_published_schema(
    published: jsonschema.Draft4Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0
    for case in sorted((CASES / "fail").glob("HV[1-5]*")):
        if (case / "stack.yaml").is_file() and not (case / "commands.txt").is_file():
            monkeypatch.chdir(case)
            document = json.loads(say("check", "stack.yaml", "--format", "sarif").out)
            tried += 1

            assert document["runs"][0]["results"], case.name
            assert [fault.message for fault in published.iter_errors(document)] == [], case.name
    assert tried > 50


def test_the_published_schema_can_refuse(published: jsonschema.Draft4Validator) -> None:
    document = sarif_document([CLASH])
    document["runs"][0]["results"][0]["level"] = "fatal"

    assert list(published.iter_errors(document)) != []


def test_the_sarif_schema_refuses_what_the_standard_does() -> None:
    document = sarif_document([CLASH])
    document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    document["runs"][0]["results"][0]["lvl"] = "error"

    assert len(sarif_faults(document)) == 2


# --- JUnit ----------------------------------------------------------------------------------------------


def test_junit_has_a_case_per_diagnostic() -> None:
    suite = ET.fromstring(junit_text([CLASH, HOMELESS]))[0]
    first, second = suite

    assert suite.attrib == {"name": "hvbuild", "tests": "2", "failures": "1", "errors": "0"}
    assert first.attrib["classname"] == "stacks/x/stack.yaml"
    assert first.attrib["name"] == line_report([CLASH]).strip()
    assert first[0].tag == "failure"
    assert first[0].attrib == {"type": "HV2003 vdev-inside-ram", "message": CLASH.message}
    assert (first[0].text or "") + "\nerror: 1 error\n" == text_report([CLASH])
    assert [child.tag for child in second] == ["system-out"]


def test_junit_fails_a_denied_warning() -> None:
    suite = ET.fromstring(junit_text([HOMELESS], deny_warnings=True))[0]

    assert (suite.attrib["failures"], suite[0][0].tag) == ("1", "failure")


def test_junit_of_nothing_is_one_passing_case() -> None:
    suite = ET.fromstring(junit_text([]))[0]

    assert suite.attrib == {"name": "hvbuild", "tests": "1", "failures": "0", "errors": "0"}
    assert [list(case) for case in suite] == [[]]


# --- laws -----------------------------------------------------------------------------------------------

AWKWARD = st.text(st.sampled_from("a<>&\"']\x00\x1b\ufffe\ud800\n\t値\U0001f600"), max_size=12)


@given(AWKWARD, AWKWARD, AWKWARD)
def test_any_words_give_well_formed_documents(path: str, message: str, label: str) -> None:
    file = SourceFile(f"p{path}".replace("\ud800", "\udc80"), f"{label}x")
    fault = HARD.at(Span(file, 0, len(file.text)), f"m{message}", label, notes=[label])

    assert json.loads(json_text(diagnostics_json([fault])))["diagnostics"][0]["message"] == fault.message
    assert ET.fromstring(junit_text([fault]).encode("utf-8")) is not None
    assert sarif_faults(json.loads(json_text(sarif_document([fault])))) == []
    assert line_report([fault]).count("\n") == 1
