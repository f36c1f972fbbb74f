"""Codes of captured target text: what cannot be read in it."""

from hvbuild.diagnostics import Code, Severity

_PIDIN = "pidin source (syspage, info); captures of QNX 7 and 8 targets"

NOT_A_CAPTURE = Code(
    code="HV8800",
    name="not-a-capture",
    severity=Severity.ERROR,
    meaning="the text holds no row of the output it was said to be",
    source=_PIDIN,
)
ROW_NOT_READ = Code(
    code="HV8801",
    name="capture-row-not-read",
    severity=Severity.WARNING,
    meaning="a line among the rows of a capture has another form than the rows have",
    source=_PIDIN,
    policy="formats differ by release: what is not understood is said and left out",
)
ROW_BACKWARDS = Code(
    code="HV8802",
    name="capture-range-backwards",
    severity=Severity.ERROR,
    meaning="an entry of a captured memory map ends before it starts",
    source="QNX 8.0, System page: asinfo (end is the last byte)",
)

CODES = (NOT_A_CAPTURE, ROW_NOT_READ, ROW_BACKWARDS)
