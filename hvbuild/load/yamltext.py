"""What must hold of a YAML file for its text to be parsed: encoding, characters, directives, syntax."""

import re
from typing import Protocol

from hvbuild.diagnostics import Code, Diagnostic, Label, Severity, other
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

ENCODING = Code(
    code="HV0001",
    name="not-utf-8",
    severity=Severity.ERROR,
    meaning="A file is not UTF-8 text.",
    source="YAML 1.2.2, 5.2 Character Encodings; UTF-16 and UTF-32 are not accepted here",
)
BYTE_ORDER_MARK = Code(
    code="HV0002",
    name="byte-order-mark",
    severity=Severity.ERROR,
    meaning="A file begins with a byte order mark, which other tools take for part of the first word.",
    source="RFC 8259, 8.1 and the Unicode Standard, 23.8: neither required nor recommended for UTF-8",
)
CONTROL = Code(
    code="HV0003",
    name="control-character",
    severity=Severity.ERROR,
    meaning="A text or a quoted value holds a control character, a lone carriage return or a line separator.",
    source="YAML 1.2.2, 5.1 Character Set; what is rendered is made of lines",
)
SYNTAX = Code(
    code="HV0004",
    name="yaml-syntax",
    severity=Severity.ERROR,
    meaning="The text is not YAML.",
    source="YAML 1.2.2",
)
TAB = Code(
    code="HV0005",
    name="tab",
    severity=Severity.ERROR,
    meaning="A tab stands where YAML wants spaces.",
    source="YAML 1.2.2, 6.1 Indentation Spaces",
)
DIRECTIVE = Code(
    code="HV0006",
    name="directive",
    severity=Severity.ERROR,
    meaning="A YAML directive: `%YAML 1.1` would change what numbers mean, `%TAG` serves tags only.",
    source="YAML 1.2.2, 6.8 Directives",
)

CODES = (ENCODING, BYTE_ORDER_MARK, CONTROL, SYNTAX, TAB, DIRECTIVE)

# Tab, line feed and a carriage return before a line feed are the only control characters of a text.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]|\r(?!\n)"
)
_CONTROL_IN_VALUE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_BEFORE_CONTENT = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*")
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


def text_of(data: bytes, path: str) -> tuple[SourceFile, Diagnostic | None]:
    """The text of a file, and the fault where it is not plain UTF-8; then as much text as could be read."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            file = SourceFile(path, data.decode("utf-8", "replace"))
            message = f"the file is {name} text"
            return file, ENCODING.at(
                Span(file, 0, 1), message, "byte order mark", helps=("save it as UTF-8",)
            )
    try:
        file = SourceFile(path, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        file = SourceFile(path, data.decode("utf-8", "replace"))
        at = len(data[: error.start].decode("utf-8"))
        message = f"byte {error.start} of the file (0x{data[error.start]:02x}) is not UTF-8"
        return file, ENCODING.at(Span(file, at, at + 1), message, "not UTF-8", helps=("save it as UTF-8",))
    if file.text.startswith("\ufeff"):
        message = "the file begins with a byte order mark"
        place = Span(file, 0, 1)
        return file, BYTE_ORDER_MARK.at(
            place, message, "byte order mark", helps=("save it as UTF-8 without one",)
        )
    return file, None


def fault_before_parsing(file: SourceFile) -> Diagnostic | None:
    """The first control character or directive of a text, or None."""
    found = _CONTROL.search(file.text)
    if found is not None:
        message = f"control character {_name(found[0])} in the text"
        return CONTROL.at(Span(file, found.start(), found.end()), message, _name(found[0]))
    before = _BEFORE_CONTENT.match(file.text)
    start = before.end() if before else 0
    if not file.text.startswith("%", start):
        return None
    line = file.text[start:].split("\n", 1)[0].split("#", 1)[0].rstrip()
    message = f"directive `{line}` is not allowed"
    helps = ("leave it out: files are read as YAML 1.2",)
    return DIRECTIVE.at(Span(file, start, start + len(line)), message, "directive", helps=helps)


def _name(character: str) -> str:
    named = {"\0": "NUL", "\r": "carriage return", "\x1b": "escape", "\ufeff": "byte order mark"}
    return named.get(character, f"U+{ord(character):04X}")


def fault_in_value(span: Span, value: str) -> Diagnostic | None:
    """The fault of a quoted value that holds a control character other than line feed and tab."""
    found = _CONTROL_IN_VALUE.search(value)
    if found is None:
        return None
    name = _name(found[0])
    return CONTROL.at(span, f"the value holds control character {name}", f"{name} is written as an escape")


class SyntaxFault(Protocol):
    """What the parser says of a text that is not YAML."""

    problem: str
    at: int
    context: str
    context_at: int | None


@dataclass(frozen=True, slots=True)
class _Wording:
    """How a problem of the parser is told: where its text matches, our message, label and help."""

    problem: str
    message: str
    label: str = ""
    help: str = ""


_WORDINGS = (
    _Wording(
        "mapping values are not allowed here",
        "a second `:` on one line, or a key where none can stand",
        "not expected here",
        "quote a value that holds `: `; check that the line is indented like its neighbours",
    ),
    _Wording(
        "could not find expected ':'",
        "a line is neither `key: value` nor a list item",
        "`:` is missing before here",
        "add the `:`, or quote the text that runs over several lines",
    ),
    _Wording(
        "expected <block end>, but found",
        "the indentation does not fit what is above",
        "does not fit",
        "keys of one mapping and items of one list start in one column",
    ),
    _Wording(
        "sequence entries are not allowed here",
        "a list item stands where a value is expected",
        "list item",
        "start the list on a line of its own, below its key",
    ),
    _Wording("expected ',' or ']'", "`,` or `]` is missing in a list in brackets", "`,` or `]` expected"),
    _Wording("expected ',' or '}'", "`,` or `}` is missing in a mapping in braces", "`,` or `}` expected"),
    _Wording("found unexpected end of stream", "a quoted text is not closed", "the file ends here"),
    _Wording(
        "found unexpected document separator", "a quoted text is not closed", "a document mark stands here"
    ),
    _Wording("expected the node content, but found", "a value is missing", "value expected"),
    _Wording(
        "found unknown escape character", "an escape is unknown in double quotes", "escape", "write `\\\\`"
    ),
)
_START = re.compile(r"found character '(.)' that cannot start any token")


def syntax_diagnostic(file: SourceFile, fault: SyntaxFault) -> Diagnostic:
    """What the parser said, as a diagnostic at the place it means."""
    end = len(file.text)
    at = min(fault.at, end)
    place = Span(file, at, min(at + 1, end) if file.text[at : at + 1] not in ("\n", "\r") else at)
    if file.text[at : at + 1] == "\t" or (
        fault.problem.startswith("found character") and "\\t" in fault.problem
    ):
        return TAB.at(place, "a tab stands where YAML wants spaces", "tab", helps=("indent with spaces",))
    began: tuple[Label, ...] = ()
    if fault.context_at is not None and fault.context_at != fault.at:
        opened = min(fault.context_at, end)
        began = other(Span(file, opened, min(opened + 1, end)), "what it belongs to begins here")
    start = _START.match(fault.problem)
    if start is not None:
        message = f"a value cannot start with `{start[1]}`"
        return SYNTAX.at(place, message, "quote the value", others=began, helps=("put it in quotes",))
    for row in _WORDINGS:
        if fault.problem.startswith(row.problem):
            helps = (row.help,) if row.help else ()
            return SYNTAX.at(
                place, row.message, row.label, others=began, helps=(*helps, *_parameter_help(file, at))
            )
    said = fault.problem or fault.context or "not YAML"
    return SYNTAX.at(place, f"the text is not YAML: {said}", others=began, helps=_parameter_help(file, at))


def _parameter_help(file: SourceFile, at: int) -> tuple[str, ...]:
    line = file.line(file.position(at)[0])
    return ("in brackets and braces `${NAME}` needs quotes",) if "${" in line else ()
