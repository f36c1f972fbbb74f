"""What a command answers, before it is said in any format, and its exit code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hvbuild.diagnostics import Code, Diagnostic, Severity
from hvbuild.report.exits import Exit
from hvbuild.source import SourceFile, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer of one command.

    `text` is the answer for people; `remark` a closing line (`clean`) that `-q` and the line form leave out.
    `data` is what JSON holds beside the diagnostics; where it has a `format` of its own it is the document,
    and `whole` then says that diagnostics are added only when there are any. `exit` is the verdict without
    regard to diagnostics; errors, and warnings where denied, make a yes a no.
    """

    diagnostics: tuple[Diagnostic, ...] = ()
    text: str = ""
    remark: str = ""
    data: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    whole: bool = False
    exit: Exit = Exit.YES

    def exit_code(self, *, deny_warnings: bool) -> Exit:
        """The verdict with the diagnostics taken into account."""
        severities = {diagnostic.severity for diagnostic in self.diagnostics}
        refused = Severity.ERROR in severities or (deny_warnings and Severity.WARNING in severities)
        return Exit.NO if self.exit is Exit.YES and refused else self.exit


class CannotAnswer(Exception):  # noqa: N818 - named for what it says
    """Raised where there is no answer and no file is at fault: wrong use found late, a tool that is missing.

    Its text is one line; the exit code is 2.
    """


CANNOT_OPEN = Code(
    code="HV0023",
    name="cannot-open",
    severity=Severity.ERROR,
    meaning="A file that was asked for, or that a stack names, cannot be opened, read or written.",
    source="what the operating system answers",
)
CODES = (CANNOT_OPEN,)


def cannot_open(fault: OSError) -> Outcome:
    """The outcome of a file that the operating system refuses: no answer, and a diagnostic with its path."""
    path = fault.filename if fault.filename is not None else ""
    name = path.decode(errors="backslashreplace") if isinstance(path, bytes) else str(path)
    place = Span(SourceFile(name, ""), 0, 0) if name else None
    reason = (fault.strerror or str(fault) or type(fault).__name__).lower()
    message = f"cannot open `{name}`: {reason}" if name else reason
    return Outcome(diagnostics=(CANNOT_OPEN.at(place, message),), exit=Exit.NO_ANSWER)
