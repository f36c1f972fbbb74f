"""The examples that `hvbuild explain` shows are the smallest test cases of each code, no more and no less.

`--bless` writes schemas/examples.json from tests/cases/{fail,pass}/<CODE>-<what>/ and, for codes that no
files can show, tests/data/no_examples.json.
"""

import json
from pathlib import Path

import pytest

from hvbuild.codes import all_codes
from hvbuild.report.explain import EXAMPLES_FORMAT, Examples, read_examples

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "schemas/examples.json"
WITHOUT = ROOT / "tests/data/no_examples.json"
EXPECTED = "expected.txt"
KINDS = {"fail": "failing", "pass": "passing"}


def case_row(case: Path) -> dict[str, object]:
    paths = sorted(path for path in case.rglob("*") if path.is_file())
    row: dict[str, object] = {
        "case": case.relative_to(case.parents[2]).as_posix(),
        "files": {
            path.relative_to(case).as_posix(): path.read_text("utf-8")
            for path in paths
            if path.name != EXPECTED
        },
    }
    if (case / EXPECTED).is_file():
        row["said"] = (case / EXPECTED).read_text("utf-8")
    return row


def is_text(case: Path) -> bool:
    try:
        case_row(case)
    except UnicodeDecodeError:
        return False
    return True


def weight(case: Path) -> tuple[int, str]:
    files = [path for path in case.rglob("*") if path.is_file() and path.name != EXPECTED]
    return sum(path.stat().st_size for path in files), case.name


def examples_document(cases: Path, without: dict[str, str]) -> dict[str, object]:
    """The document made of the smallest case of each code and kind; a case that is no text is passed over.

    `without` says by code why there is no such case.
    """
    codes: dict[str, dict[str, object]] = {}
    for folder, kind in KINDS.items():
        by_code: dict[str, list[Path]] = {}
        for case in sorted((cases / folder).glob("H?[0-9][0-9][0-9][0-9]-*")):
            if is_text(case):
                by_code.setdefault(case.name.partition("-")[0], []).append(case)
        for code, found in by_code.items():
            codes.setdefault(code, {})[kind] = case_row(min(found, key=weight))
    for code, reason in without.items():
        codes.setdefault(code, {})["without"] = reason
    return {"format": EXAMPLES_FORMAT, "codes": dict(sorted(codes.items()))}


def test_the_examples_are_the_smallest_cases(bless: bool) -> None:
    document = examples_document(ROOT / "tests/cases", json.loads(WITHOUT.read_text("utf-8")))
    if bless:
        EXAMPLES.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")

    assert json.loads(EXAMPLES.read_text("utf-8")) == document, "run with --bless"
    assert set(read_examples(EXAMPLES.read_text("utf-8"))) == set(document["codes"])  # type: ignore[call-overload]


def test_every_code_has_a_pair_of_examples_or_says_why_not() -> None:
    examples = read_examples(EXAMPLES.read_text("utf-8"))
    shown = {row.code: examples.get(row.code, Examples()) for row in all_codes()}

    bare = {code for code, each in shown.items() if not (each.failing and each.passing)}
    assert bare == {code for code, each in shown.items() if each.without}


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    files = {
        "fail/HV2003-b-large/stack.yaml": "# larger\n",
        "fail/HV2003-a-small/stack.yaml": "# x\n",
        "fail/HV2003-a-small/expected.txt": "error[HV2003]: m, at great length\n",
        "fail/HV2003-a-small/variants/v.yaml": "#\n",
        "pass/HV2003-near/stack.yaml": "# y\n",
        "pass/notes/readme": "",
        "build/two/stack.yaml": "",
    }
    for name, text in files.items():
        path = tmp_path / "cases" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "cases/fail/HV0001-binary").mkdir()
    (tmp_path / "cases/fail/HV0001-binary/stack.yaml").write_bytes(b"\xff\xfe")
    return tmp_path / "cases"


def test_the_smallest_case_is_taken(cases: Path) -> None:
    assert examples_document(cases, {"HV5501": "no SDP"})["codes"] == {
        "HV2003": {
            "failing": {
                "case": "cases/fail/HV2003-a-small",
                "files": {"stack.yaml": "# x\n", "variants/v.yaml": "#\n"},
                "said": "error[HV2003]: m, at great length\n",
            },
            "passing": {"case": "cases/pass/HV2003-near", "files": {"stack.yaml": "# y\n"}},
        },
        "HV5501": {"without": "no SDP"},
    }


def test_what_is_written_can_be_read(cases: Path) -> None:
    read = read_examples(json.dumps(examples_document(cases, {"HV5501": "no SDP"})))
    examples = read["HV2003"]

    assert examples.failing is not None
    assert examples.passing is not None
    assert read["HV5501"] == Examples(without="no SDP")
    assert (examples.failing.said, examples.passing.said) == ("error[HV2003]: m, at great length\n", "")
