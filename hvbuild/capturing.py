"""Files captured on a target: against a checked stack (drift), or to a board's costs (calibration)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hvbuild.checking import Checked
from hvbuild.diagnostics import Code, Diagnostic, Diagnostics, Severity
from hvbuild.formats.kerneltrace import read_kerneltrace
from hvbuild.formats.target import (
    InfoView,
    ThreadView,
    read_asinfo,
    read_info,
    read_showmem,
    read_threads,
)
from hvbuild.load.bind_board import bind_board
from hvbuild.load.layers import board_file
from hvbuild.load.schema import shape_faults
from hvbuild.load.yamltext import text_of
from hvbuild.load.yamltree import read_yaml
from hvbuild.model.board import Board, Cost
from hvbuild.project import STACK_FILE
from hvbuild.source import SourceFile, Span
from hvbuild.target.calibrate import Calibration, calibrate, fitted_costs
from hvbuild.target.drift import drift

NO_CLOCK = Code(
    code="HV8843",
    name="no-clock-rate",
    severity=Severity.ERROR,
    meaning="Neither the trace nor the board says how fast the counter runs, so cycles are no times.",
    source="QNX tracing: events carry ClockCycles()",
)
NO_EXIT_MEASURED = Code(
    code="HV8844",
    name="no-exit-measured",
    severity=Severity.ERROR,
    meaning="A trace has guest events, but no exit with a CYCLES event before it and an entry after it.",
    source="QNX Hypervisor 7.1 and 8.0, Hypervisor trace events (class 10)",
)
CODES = (NO_CLOCK, NO_EXIT_MEASURED)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\Z")
_SHOWN_BY = "showmem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What a trace gave: the fitted rows and what they rest on, or why there are none."""

    rows: tuple[Cost, ...] = ()
    result: Calibration | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def drift_of(
    checked: Checked, asinfo: Path | None = None, showmem: Path | None = None, pidin: Path | None = None
) -> tuple[Diagnostic, ...]:
    """Every difference between a checked stack and captured files, and what of these cannot be read.

    `pidin` may hold `pidin info`, a listing of threads, or both. OSError for a file that cannot be opened.
    """
    faults = Diagnostics()
    map_view = read_asinfo(_text(asinfo, faults)) if asinfo is not None else None
    pools = read_showmem(_text(showmem, faults)) if showmem is not None else None
    info, threads = _pidin(_text(pidin, faults)) if pidin is not None else (None, None)
    for view in (map_view, pools, threads):
        faults.extend(view.faults if view is not None else ())
    if faults.has_errors:
        return faults.ordered
    stack = checked.plan.stack
    # a region whose size was read off such a table stands in it; else only the host's own must
    listed = {r.name for r in stack.regions if not r.owner or _SHOWN_BY in r.source}
    found = drift(
        checked.plan.system, asinfo=map_view, showmem=pools, info=info, threads=threads, listed=listed
    )
    faults.extend(row.diagnostic for row in found)
    return faults.ordered


def _text(path: Path, faults: Diagnostics) -> SourceFile:
    file, fault = text_of(path.read_bytes(), path.as_posix())
    if fault is not None:
        faults.add(fault)
    return file


def _pidin(file: SourceFile) -> tuple[InfoView | None, ThreadView | None]:
    info = read_info(file)
    threads = read_threads(file)
    return info, threads if threads.threads or info is None else None


def board_named(name: str, root: Path) -> Board | tuple[Diagnostic, ...] | None:
    """The board `name` as a stack in `root` would find it, its faults, or None where there is none."""
    path = board_file(root / STACK_FILE, name) if _NAME.match(name) else None
    if path is None:
        return None
    reading = read_yaml(path.read_bytes(), path.as_posix())
    faults = Diagnostics()
    faults.extend(reading.faults)
    if reading.root is None or faults.has_errors:
        return faults.ordered
    faults.extend(shape_faults(reading.root, "board"))
    if faults.has_errors:
        return faults.ordered
    board = bind_board(reading.root, faults)
    return faults.ordered if faults.has_errors else board


def calibration_of(path: Path, board: Board) -> Calibrated:
    """The costs that the trace text in `path` shows for `board`; OSError where it cannot be opened."""
    faults = Diagnostics()
    file = _text(path, faults)
    trace = read_kerneltrace(file)
    faults.extend(trace.faults)
    rate = trace.rate or board.counter_hz
    whole = Span(file, 0, len(file.line(1)))
    if not faults.has_errors and not rate:
        message = "neither the trace nor the board says the rate of the counter"
        faults.add(NO_CLOCK.at(whole, message, helps=[f"give `counter` in the board file `{board.name}`"]))
    if faults.has_errors or not rate:
        return Calibrated(diagnostics=faults.ordered)
    result = calibrate(trace, rate, board.architecture)
    if not result.fits:
        faults.add(NO_EXIT_MEASURED.at(whole, f"none of {result.exits} exits can be measured"))
    return Calibrated(
        rows=fitted_costs(result, path.name), result=result, diagnostics=_ordered(faults.ordered)
    )


def _ordered(found: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(found, key=lambda row: row.sort_key))
