"""What is known of a code: its row, and the smallest case that fails and the nearest that passes."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from hvbuild.diagnostics import Code, Severity
from hvbuild.report.outcome import CannotAnswer, Outcome
from hvbuild.report.style import PLAIN, Role, Style

_CODE = re.compile(r"h[vc]\d{4}")
_NEAR = 3

EXAMPLES_FORMAT = "hvbuild-examples/1"
_EVIDENCE = {
    Severity.ERROR: "an error: the rule is documented",
    Severity.WARNING: "a warning: the rule is inferred, not documented",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A case from the tests: its name, its files by path, and what hvbuild says of them."""

    case: str
    files: Mapping[str, str]
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """The examples of one code; None where there is none, and then `without` says why."""

    failing: Example | None = None
    passing: Example | None = None
    without: str = ""


NO_EXAMPLES = Examples()


class UnknownCode(CannotAnswer):
    """Raised for a code or name that neither a row nor a guarantee has; says which are near."""

    def __init__(self, topic: str, near: Sequence[str]) -> None:
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        super().__init__(f"no code {topic!r}{hint}")
        self.near = tuple(near)


def read_examples(text: str) -> dict[str, Examples]:
    """The examples by code, from the text of schemas/examples.json."""
    document = json.loads(text)
    if document["format"] != EXAMPLES_FORMAT:
        raise ValueError(f"examples of an unknown format: {document['format']}")
    return {
        code: Examples(
            without=row.get("without", ""),
            **{kind: Example(**row[kind]) for kind in ("failing", "passing") if kind in row},
        )
        for code, row in document["codes"].items()
    }


def find_code(topic: str, codes: Sequence[Code]) -> Code | None:
    """The row whose code or name is `topic` in any case, or None."""
    known = {key.lower(): row for row in codes for key in (row.code, row.name)}
    return known.get(topic.lower())


def unknown_code(topic: str, codes: Sequence[Code], guarantees: Iterable[str] = ()) -> UnknownCode:
    """The fault of asking for what is neither a code nor one of `guarantees` (codes and names)."""
    known = {key.lower(): key for row in codes for key in (row.code, row.name)}
    known |= {key.lower(): key for key in guarantees}
    near = get_close_matches(topic.lower(), known, n=_NEAR) or _near_number(topic.lower(), known)
    return UnknownCode(topic, [known[key] for key in near])


def _near_number(topic: str, known: Iterable[str]) -> list[str]:
    """Of what looks like a code, the codes of its kind with the nearest numbers."""
    if not _CODE.fullmatch(topic):
        return []
    alike = [key for key in known if _CODE.fullmatch(key) and key[:2] == topic[:2]]
    return sorted(sorted(alike, key=lambda key: abs(int(key[2:]) - int(topic[2:])))[:_NEAR])


def explained(topic: str, codes: Sequence[Code], examples: Mapping[str, Examples]) -> Outcome | None:
    """The answer of `hvbuild explain`: text and JSON that say the same. None where `topic` is no code."""
    row = find_code(topic, codes)
    if row is None:
        return None
    shown = examples.get(row.code, NO_EXAMPLES)
    return Outcome(text=code_text(row, shown), data=code_data(row, shown), whole=True)


def severity_reason(row: Code) -> str:
    """Why the severity is what it is: the evidence, or the row's own policy."""
    return row.policy or _EVIDENCE[row.severity]


def code_text(row: Code, examples: Examples = NO_EXAMPLES, style: Style = PLAIN) -> str:
    """The row and its examples for people."""
    role = Role.ERROR if row.severity is Severity.ERROR else Role.WARNING
    lines = [
        f"{style.paint(role, f'{row.severity}[{row.code}]')}: {style.paint(Role.TITLE, row.name)}",
        "",
        *_paragraphs(row.meaning),
        "",
        f"severity: {severity_reason(row)}",
        f"source: {row.source}",
    ]
    for title, example in (("fails", examples.failing), ("passes", examples.passing)):
        if example is not None:
            lines += ["", style.paint(Role.TITLE, f"{title}: {example.case}"), *_example_lines(example)]
    if examples.without:
        lines += ["", f"no pair of examples: {examples.without}"]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def _example_lines(example: Example) -> list[str]:
    lines: list[str] = []
    for path, text in example.files.items():
        lines += ["", f"  {path}", *_quoted(text)]
    if example.said:
        lines += ["", "  hvbuild says", *_quoted(example.said)]
    return lines


def _quoted(text: str) -> list[str]:
    return [f"  | {line}".rstrip() for line in text.splitlines()]


def code_data(row: Code, examples: Examples = NO_EXAMPLES) -> dict[str, object]:
    """The row and its examples for programs: the document `hvbuild-code/1`."""
    pairs = (("failing", examples.failing), ("passing", examples.passing))
    return {
        "format": "hvbuild-code/1",
        "code": row.code,
        "name": row.name,
        "severity": row.severity.value,
        "severity_reason": severity_reason(row),
        "meaning": "\n".join(_paragraphs(row.meaning)),
        "source": row.source,
        "examples": {
            kind: {"case": example.case, "files": dict(example.files), "said": example.said}
            for kind, example in pairs
            if example is not None
        },
        **({"without_examples": examples.without} if examples.without else {}),
    }
