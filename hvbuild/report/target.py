"""Answers about a running target: what drifted, what its tools would print, what a trace says of costs."""

from hvbuild.capturing import Calibrated
from hvbuild.checking import Checked
from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.target import InfoView, print_asinfo, print_info, print_threads
from hvbuild.model.board import Board
from hvbuild.report.exits import Exit
from hvbuild.report.outcome import Outcome
from hvbuild.target.calibrate import costs_yaml
from hvbuild.target.predict import (
    pools_text,
    predicted_asinfo,
    predicted_info,
    predicted_showmem,
    predicted_threads,
)


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


PREDICTION = "hvbuild-prediction/1"


def prediction_outcome(checked: Checked) -> Outcome:
    """What `pidin syspage=asinfo`, `showmem -s`, `pidin info` and `pidin` would show once all guests are up.

    Only what is declared is shown; `?` stands for what only the target knows.
    """
    system, board = checked.plan.system, checked.plan.stack.board
    asinfo, pools, info = predicted_asinfo(system), predicted_showmem(system), predicted_info(system)
    threads = predicted_threads(system)
    sections = (
        ("pidin syspage=asinfo", print_asinfo(asinfo)),
        ("showmem -s", pools_text(pools) + "".join(f"# {row.name}: {row.why}\n" for row in pools)),
        ("pidin info", _info_text(info, board) if info is not None else "# not known\n"),
        ("pidin", print_threads(threads)),
    )
    return Outcome(
        diagnostics=checked.diagnostics,
        text="\n".join(f"# {command}\n{text}" for command, text in sections),
        data={
            "format": PREDICTION,
            "asinfo": [
                {"start": f"{row.window.start:#x}", "end": f"{row.window.end:#x}", "name": row.path}
                for row in asinfo
            ],
            "showmem": [
                {"name": r.name, "total_kib": r.total, "used_kib": r.used, "free_kib": r.free, "why": r.why}
                for r in pools
            ],
            "info": _info_data(info),
            "threads": [
                {"name": row.name, "process": row.pid, "tid": row.tid, "sched": f"{row.priority}{row.policy}"}
                for row in threads
            ],
        },
        whole=True,
    )


def _info_text(info: InfoView, board: Board) -> str:
    """`pidin info`; a processor's identity and the name that QNX gives it are read on the target."""
    cores = (f"Processor{core.number}: ? {core.kind} {core.frequency // 10**6}MHz\n" for core in board.cores)
    return print_info(info) + "".join(cores)


def _info_data(info: InfoView | None) -> dict[str, object] | None:
    if info is None:
        return None
    return {"cpu": info.cpu, "release": info.release, "free_bytes": info.free, "total_bytes": info.total}
