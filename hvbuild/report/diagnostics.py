"""Diagnostics for people: the terminal form with code frames, and one line each for editors and logs."""

from collections.abc import Sequence

from hvbuild.diagnostics import NO_PLACE, Diagnostic, Severity
from hvbuild.report.columns import visible
from hvbuild.report.frames import frame_lines, gutter_width
from hvbuild.report.style import PLAIN, Role, Style

_SEVERITY_ROLE = {Severity.ERROR: Role.ERROR, Severity.WARNING: Role.WARNING}


def is_placed(diagnostic: Diagnostic) -> bool:
    """True when the primary label lies in a file."""
    return diagnostic.primary.span.file is not NO_PLACE.file


def notes_shown(diagnostic: Diagnostic) -> tuple[str, ...]:
    """Its notes; the words of labels that have no place to stand at come first."""
    homeless = (label.text for label in diagnostic.labels if label.span.file is NO_PLACE.file)
    return (*(text for text in homeless if text), *diagnostic.notes)


def helps_shown(diagnostic: Diagnostic) -> tuple[str, ...]:
    """Its helps, and where the rule is explained."""
    return (*diagnostic.helps, f"`hvbuild explain {diagnostic.code}` shows the rule and its source")


def count_of(diagnostics: Sequence[Diagnostic], severity: Severity) -> int:
    """How many of `diagnostics` have `severity`."""
    return sum(diagnostic.severity is severity for diagnostic in diagnostics)


def text_report(diagnostics: Sequence[Diagnostic], style: Style = PLAIN) -> str:
    """Every diagnostic with its frames, a blank line between, and the summary; empty when there are none."""
    if not diagnostics:
        return ""
    blocks = [diagnostic_text(diagnostic, style) for diagnostic in diagnostics]
    return "\n".join([*blocks, summary_line(diagnostics, style) + "\n"])


def diagnostic_text(diagnostic: Diagnostic, style: Style = PLAIN) -> str:
    """One diagnostic in the terminal form, its last line ended."""
    accent = _SEVERITY_ROLE[diagnostic.severity]
    title = style.paint(accent, f"{diagnostic.severity}[{diagnostic.code}]")
    lines = [f"{title}: {style.paint(Role.TITLE, visible(diagnostic.message))}"]
    lines += frame_lines(diagnostic.labels, style, accent)
    margin = " " * (gutter_width(diagnostic.labels) + 1)
    if len(lines) > 1:
        lines.append(style.paint(Role.GUTTER, f"{margin}|"))
    for role, word, texts in (
        (Role.NOTE, "note", notes_shown(diagnostic)),
        (Role.HELP, "help", helps_shown(diagnostic)),
    ):
        for text in texts:
            lines += _remark(margin, style.paint(role, word), len(word), text)
    return "\n".join(lines) + "\n"


def _remark(margin: str, word: str, word_width: int, text: str) -> list[str]:
    first, *more = text.splitlines() or [""]
    indent = margin + " " * (word_width + 4)
    return [f"{margin}= {word}: {visible(first)}", *(f"{indent}{visible(line)}".rstrip() for line in more)]


def summary_line(diagnostics: Sequence[Diagnostic], style: Style = PLAIN) -> str:
    """`error: 2 errors, 1 warning`; empty when there are none."""
    counts = {severity: count_of(diagnostics, severity) for severity in Severity}
    worst = next((severity for severity in Severity if counts[severity]), None)
    if worst is None:
        return ""
    said = [f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts.items() if count]
    return f"{style.paint(_SEVERITY_ROLE[worst], worst.value)}: {', '.join(said)}"


def line_report(diagnostics: Sequence[Diagnostic]) -> str:
    """`path:line:col: error[HV2003]: message`, one line each; `hvbuild` stands for a missing place."""
    return "".join(f"{_line(diagnostic)}\n" for diagnostic in diagnostics)


def _line(diagnostic: Diagnostic) -> str:
    place = str(diagnostic.primary.span) if is_placed(diagnostic) else "hvbuild"
    return f"{visible(place)}: {diagnostic.severity}[{diagnostic.code}]: {visible(diagnostic.message)}"
