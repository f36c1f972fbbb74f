"""The key `format:` that every file of a stack carries: which version of the language it is written in."""

from collections.abc import Iterable

from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.load.tree import Mapping, Scalar, heading_at

FORMAT = 1

FORMAT_MISSING = Code(
    code="HV0050",
    name="format-missing",
    severity=Severity.ERROR,
    meaning="A file does not say which version of its language it is written in.",
    source="hvbuild's contract: every file carries `format: 1`",
)
FORMAT_UNKNOWN = Code(
    code="HV0051",
    name="format-unknown",
    severity=Severity.ERROR,
    meaning="A file is written in a version of its language that this hvbuild does not read.",
    source="hvbuild's contract: every file carries `format: 1`",
)

CODES = (FORMAT_MISSING, FORMAT_UNKNOWN)


def format_fault(root: Mapping, told: Iterable[Diagnostic] = ()) -> Diagnostic | None:
    """What is wrong with the `format:` of a file's top level, or None.

    None too where one of the faults `told` already is about the value that stands there.
    """
    node = root.get("format")
    if node is not None and any(fault.primary.span == node.span for fault in told):
        return None
    if node is None:
        place = heading_at(root, ())
        helps = (f"write `format: {FORMAT}` at the top",)
        return FORMAT_MISSING.at(place, "the file does not say its `format`", "no `format`", helps=helps)
    value = node.value if isinstance(node, Scalar) else None
    if value == FORMAT and type(value) is int:
        return None
    place = node.span if isinstance(node, Scalar) else root.key_span("format")
    shown = f"`{node.text}` " if isinstance(node, Scalar) and node.text else ""
    if type(value) is not int:
        help_ = f"write `format: {FORMAT}`"
    elif value < FORMAT:
        help_ = "`hvbuild migrate FILE` rewrites older files"
    else:
        help_ = f"this hvbuild reads format {FORMAT}; a newer one is needed"
    message = f"format {shown}is not known"
    return FORMAT_UNKNOWN.at(place, message, "not known", route="format", helps=(help_,))
