"""Calibration: a trace with known costs gives those costs back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hvbuild.formats.kerneltrace import read_kerneltrace
from hvbuild.machine.costs import cost_table
from hvbuild.machine.exits import Cause, Terms, exit_ns
from hvbuild.source import SourceFile
from hvbuild.target.calibrate import calibrate, cause_of, costs_yaml, exits_of, fitted_costs

GHZ = 1_000_000_000
REASONS = {
    Cause.HALT: 0x07E00000,
    Cause.VDEV: 0x93800007,
    Cause.HYPERCALL: 0x5A000000,
    Cause.SYSREG: 0x62300000,
    Cause.INTERRUPT: 0,
}
ROWS = st.lists(
    st.tuples(
        st.sampled_from(sorted(REASONS)),
        st.integers(1, 10_000),
        st.integers(0, 5_000),
        st.integers(0, 5_000),
        st.integers(0, 5_000),
    ),
    min_size=2,
    max_size=30,
)


def written(rows: list[tuple[Cause, int, int, int, int]], offset: int, *, cpu: int = 1) -> str:
    """A trace of one vCPU: each row is cause, guest time, way out, handling, way in."""
    now, lines = 1 << 33, ["TRACE_CYCLES_PER_SEC:: 1000000000"]
    for number, (cause, guest, out, handling, way_in) in enumerate(rows):
        lines.append(f"t:{now:#x} CPU:{cpu:02d} QVM :GUEST_ENTER guest_ip:0x80080000")
        entry = now + (rows[number - 1][4] if number else way_in)
        left = entry + guest
        values = [(value + offset) & ((1 << 64) - 1) for value in (entry, left)]
        lines.append(
            f"t:{left + out // 2:#x} CPU:{cpu:02d} QVM :CYCLES at_entry:{values[0]:#x} at_exit:{values[1]:#x}"
        )
        lines.append(
            f"t:{left + out:#x} CPU:{cpu:02d} QVM :GUEST_EXIT status:0x0 hw_reason:{REASONS[cause]:#x}"
            f" clockcycles_offset:{offset:#x} guest_ip:0x80080000 payload:0x0"
        )
        lines.append(f"t:{left + out:#x} CPU:{cpu:02d} THREAD :THREADY pid:1 tid:2")
        now = left + out + handling
    return "\n".join(lines) + "\n"


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from((0, 12345, (1 << 64) - 99)))
def test_a_trace_with_known_costs_gives_them_back(
    rows: list[tuple[Cause, int, int, int, int]], offset: int
) -> None:
    trace = read_kerneltrace(SourceFile("t", written(rows, offset)))
    result = calibrate(trace, trace.rate or 0)
    expected: dict[str, list[int]] = {}
    for cause, _, out, handling, way_in in rows[:-1]:
        expected.setdefault(cause, []).append(out + way_in + (0 if cause is Cause.HALT else handling))

    assert trace.faults == ()
    assert result.guest_ns == sum(row[1] for row in rows)
    assert {f.cause: sorted(f.samples) for f in result.fits if f.cause != "entry"} == {
        cause: sorted(values) for cause, values in expected.items()
    }
    for fit in result.fits:
        assert fit.low <= fit.typical <= fit.p90 <= fit.high


def test_a_fitted_row_replaces_the_default_of_its_cause() -> None:
    rows = [(Cause.HYPERCALL, 100, 700, 300, 500)] * 3
    costs = fitted_costs(calibrate(read_kerneltrace(SourceFile("t", written(rows, 0))), GHZ), "t.txt")
    terms = Terms(costs=cost_table("el1-host", GHZ, costs))

    assert exit_ns(terms, Cause.HYPERCALL) == 1500
    assert terms.costs.ns("exit-entry") == 1200
    assert costs_yaml(costs).splitlines()[:7] == [
        "costs:",
        "  - name: exit-entry",
        "    low: 1200",
        "    typical: 1200",
        "    high: 1200",
        "    unit: ns",
        '    source: "measured, 2 exits in t.txt; 90 % below 1200 ns; tracing included"',
    ]


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (0x07E00000, Cause.HALT),
        (0x93C08046, Cause.VDEV),
        (0x9380004F, Cause.FAULT),
        (0x82000006, Cause.FAULT),
        (0x5A000000, Cause.HYPERCALL),
        (0x5E000000, Cause.HYPERCALL),
        (0x62000000 | 3 << 20 | 5 << 17 | 12 << 10 | 11 << 1 | 4 << 5, Cause.SGI),
        (0x62300000, Cause.SYSREG),
        (0, Cause.INTERRUPT),
    ],
)
def test_the_hardware_reason_names_the_cause(reason: int, cause: Cause) -> None:
    assert cause_of(reason) is cause


def test_x86_reasons_and_aborted_entries() -> None:
    text = (
        "t:0x10 CPU:00 QVM :GUEST_ENTER guest_ip:0x1\n"
        "t:0x20 CPU:00 QVM :GUEST_EXIT status:0x1 hw_reason:0xc guest_ip:0x1 payload:0x0\n"
        "t:0x30 CPU:00 QVM :GUEST_ENTER guest_ip:0x1\n"
        "t:0x40 CPU:00 QVM :GUEST_EXIT status:0x0 hw_reason:0xc guest_ip:0x1 payload:0x0\n"
    )

    assert exits_of(read_kerneltrace(SourceFile("t", text)), "x86_64") == ((), 1, 1)
    assert [cause_of(r, "x86_64") for r in (12, 30, 48, 10)] == [
        Cause.HALT,
        Cause.PORT,
        Cause.VDEV,
        Cause.CPUID,
    ]


def test_what_cannot_be_read_is_said() -> None:
    text = (
        "t:0x30 CPU:00 QVM :GUEST_ENTER guest_ip:0x1\n"
        "t:0x20 CPU:00 QVM :CYCLES at_entry:0x1 at_exit:0x2\n"
        "t:0x40 CPU:00 QVM :CYCLES at_entry:0x1\n"
    )

    assert [(f.code, f.primary.span.line) for f in read_kerneltrace(SourceFile("t", text)).faults] == [
        ("HV8842", 2),
        ("HV8841", 3),
    ]
    assert [f.code for f in read_kerneltrace(SourceFile("t", "x\n")).faults] == ["HV8840"]


def test_the_documented_sample_is_a_wfi_with_the_times_its_page_gives() -> None:
    text = (
        "t:0x2ebe7b16b CPU:00 QVM :GUEST_ENTER guest_ip:0xffff000008081df4\n"
        "t:0x2ebe7c20c CPU:00 QVM :CYCLES at_entry:0x2ebe7b694 at_exit:0x2ebe7bd23\n"
        "t:0x2ebe7c6f7 CPU:00 QVM :GUEST_EXIT status:0x0 hw_reason:0x07e00000 clockcycles_offset:0x0\n"
    )
    ((row,), aborted, unmatched) = exits_of(read_kerneltrace(SourceFile("t", text)))

    assert (row.cause, row.guest, row.way_out, aborted, unmatched) == (Cause.HALT, 1679, 2516, 0, 0)
