"""Codes of adopt: what of hand-kept files is carried without being understood, and what cannot be."""

from hvbuild.diagnostics import Code, Severity

_SOURCE = "hvbuild: a stack says the same as the files it was adopted from, or is not written"

CARRIED = Code(
    code="HV8900",
    name="carried-verbatim",
    severity=Severity.WARNING,
    meaning="Something in a hand-kept file is not understood; the stack carries it under `verbatim`.",
    source=_SOURCE,
)
NOT_CARRIED = Code(
    code="HV8901",
    name="not-carried",
    severity=Severity.ERROR,
    meaning="A stack has no way to say something that a hand-kept file says; nothing is written.",
    source=_SOURCE,
)
LEFT_IN_BASE = Code(
    code="HV8902",
    name="left-in-base-file",
    severity=Severity.WARNING,
    meaning="A part of a host's own files is not said by the stack; it stays there, or in the base file.",
    source=_SOURCE,
)
NOT_STARTED = Code(
    code="HV8903",
    name="not-started",
    severity=Severity.WARNING,
    meaning="No host file that was given starts a VM that was given; the host of the stack will.",
    source=_SOURCE,
)
CODES = (CARRIED, NOT_CARRIED, LEFT_IN_BASE, NOT_STARTED)
