"""Answers about a running target: what drifted, and what a trace says of costs."""

from hvbuild.calibrate import costs_yaml
from hvbuild.capturing import Calibrated
from hvbuild.diagnostics import Diagnostic
from hvbuild.report.exits import Exit
from hvbuild.report.outcome import Outcome


def drift_outcome(found: tuple[Diagnostic, ...]) -> Outcome:
    """The differences; a yes without any."""
    return Outcome(diagnostics=found, remark="" if found else "no difference\n")


def calibration_outcome(answer: Calibrated) -> Outcome:
    """The `costs:` section of a board file, and what it rests on."""
    if not answer.rows:
        return Outcome(diagnostics=answer.diagnostics, exit=Exit.NO)
    result = answer.result
    rows = [
        {
            "name": row.name,
            "low": row.low,
            "typical": row.typical,
            "high": row.high,
            "unit": row.unit,
            "source": row.source,
        }
        for row in answer.rows
    ]
    measured = (
        {"exits": result.exits, "unmatched": result.unmatched, "guest_ns": result.guest_ns}
        if result is not None
        else {}
    )
    return Outcome(
        diagnostics=answer.diagnostics,
        text=costs_yaml(answer.rows),
        data={"format": "hvbuild-costs/1", "costs": rows, "measured": measured},
        whole=True,
    )
