"""Costs of one board fitted to its own kernel trace: exits by cause, and the time guests really ran.

A guest's time is `at_exit - at_entry` of its CYCLES event, never the distance of entry and exit events; the
host's clock is the guest's value less `clockcycles_offset`, in 64 bits (QNX Hypervisor, "Hypervisor trace
events"). On Arm `hw_reason` is read as ESR_EL2: the documented sample decodes to a WFI (inferred from it).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from hvbuild.formats.kerneltrace import EventKind, KernelTrace, TraceEvent
from hvbuild.machine.exits import Cause
from hvbuild.model.board import Cost

_WRAP = (1 << 64) - 1
# ESR_EL2.EC (Arm ARM). 0x24 and 0x18 need a look at the syndrome.
_EC: Mapping[int, Cause] = MappingProxyType(
    {
        0x00: Cause.INTERRUPT,
        0x01: Cause.HALT,
        0x03: Cause.SYSREG,
        0x05: Cause.SYSREG,
        0x07: Cause.SYSREG,
        0x12: Cause.HYPERCALL,
        0x13: Cause.HYPERCALL,
        0x16: Cause.HYPERCALL,
        0x17: Cause.HYPERCALL,
        0x18: Cause.SYSREG,
        0x19: Cause.SYSREG,
        0x20: Cause.FAULT,
        0x24: Cause.VDEV,
        0x2F: Cause.INTERRUPT,
    }
)
# Intel SDM, basic exit reasons.
_VMX: Mapping[int, Cause] = MappingProxyType(
    {
        1: Cause.INTERRUPT,
        10: Cause.CPUID,
        12: Cause.HALT,
        18: Cause.HYPERCALL,
        28: Cause.SYSREG,
        30: Cause.PORT,
        31: Cause.SYSREG,
        32: Cause.SYSREG,
        48: Cause.VDEV,
        52: Cause.TIMER,
    }
)
# ICC_SGI1R_EL1 as the syndrome of a trapped MSR spells it: op0 3, op1 0, CRn 12, CRm 11, op2 5.
_SGI_SYNDROME = 3 << 20 | 5 << 17 | 12 << 10 | 11 << 1
_REGISTER_MASK = 3 << 20 | 7 << 17 | 7 << 14 | 15 << 10 | 15 << 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """One exit of a guest, in clock cycles: guest time before it, way out, host's handling, way back in.

    `handling` and `way_in` are None where the trace ends first or the guest did not run again on that CPU.
    """

    cause: Cause
    guest: int
    way_out: int
    handling: int | None = None
    way_in: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The exits of one cause: how many, and the quantiles of their cost in nanoseconds."""

    cause: str
    count: int
    low: int
    typical: int
    high: int
    p90: int
    samples: tuple[int, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a trace shows: fits by cause, exits with and without CYCLES, time in and out of guests in ns."""

    fits: tuple[Fit, ...]
    exits: int
    unmatched: int
    guest_ns: int
    host_ns: int


def cause_of(hw_reason: int, architecture: str = "aarch64") -> Cause:
    """Why the guest exited, from the reason its hardware gave."""
    if architecture == "x86_64":
        return _VMX.get(hw_reason & 0xFFFF, Cause.FAULT)
    kind, syndrome = hw_reason >> 26 & 0x3F, hw_reason & 0x1FFFFFF
    if kind == 0x18 and syndrome & _REGISTER_MASK == _SGI_SYNDROME:
        return Cause.SGI
    if kind == 0x24 and 0x0C <= syndrome & 0x3F <= 0x0F:
        return Cause.FAULT
    return _EC.get(kind, Cause.SYSREG)


def exits_of(trace: KernelTrace, architecture: str = "aarch64") -> tuple[tuple[Exit, ...], int, int]:
    """The exits that can be measured, how many entries were aborted, and how many exits have no CYCLES."""
    by_cpu: dict[int, list[TraceEvent]] = {}
    for event in trace.events:
        by_cpu.setdefault(event.cpu, []).append(event)
    found: list[Exit] = []
    aborted = unmatched = 0
    for cpu in sorted(by_cpu):
        for row in _of_cpu(by_cpu[cpu], architecture):
            if row is None:
                unmatched += 1
            elif isinstance(row, Exit):
                found.append(row)
            else:
                aborted += 1
    return tuple(found), aborted, unmatched


def _of_cpu(events: Sequence[TraceEvent], architecture: str) -> Iterator[Exit | int | None]:
    """Exits of one CPU; 0 for an aborted entry, None for an exit before which the guest did not run."""
    enter: TraceEvent | None = None
    cycles: TraceEvent | None = None
    waiting: tuple[Exit, int] | None = None
    for event in events:
        if event.name == EventKind.ENTER:
            enter, cycles = event, None
        elif event.name == EventKind.CYCLES:
            cycles = event
        elif event.name == EventKind.EXIT:
            if event.fields["status"] and architecture == "x86_64":
                yield 0
            elif enter is None or cycles is None:
                yield None
            else:
                offset = event.fields.get("clockcycles_offset", 0)
                if waiting is not None:
                    yield _returned(waiting, enter, _host(cycles, "at_entry", offset))
                waiting = (_exit(event, cycles, offset, architecture), event.time)
            enter = cycles = None
    if waiting is not None:
        yield waiting[0]


def _host(cycles: TraceEvent, key: str, offset: int) -> int:
    return (cycles.fields[key] - offset) & _WRAP


def _exit(event: TraceEvent, cycles: TraceEvent, offset: int, architecture: str) -> Exit:
    return Exit(
        cause=cause_of(event.fields["hw_reason"], architecture),
        guest=(cycles.fields["at_exit"] - cycles.fields["at_entry"]) & _WRAP,
        way_out=max(0, event.time - _host(cycles, "at_exit", offset)),
    )


def _returned(waiting: tuple[Exit, int], enter: TraceEvent, ran_at: int) -> Exit:
    before, at = waiting
    return Exit(
        cause=before.cause,
        guest=before.guest,
        way_out=before.way_out,
        handling=max(0, enter.time - at),
        way_in=max(0, ran_at - enter.time),
    )


def calibrate(trace: KernelTrace, rate: int, architecture: str = "aarch64") -> Calibration:
    """The fit of `trace` whose clock runs at `rate` Hz.

    An exit costs its way out, the host's handling and the way in. A halted vCPU blocks in between, so
    its handling is not a cost and left out.
    """
    exits, _, unmatched = exits_of(trace, architecture)
    samples: dict[str, list[int]] = {}
    for row in exits:
        if row.handling is None or row.way_in is None:
            continue
        passage = row.way_out + row.way_in
        samples.setdefault("entry", []).append(passage)
        handling = 0 if row.cause is Cause.HALT else row.handling
        samples.setdefault(str(row.cause), []).append(passage + handling)
    return Calibration(
        fits=tuple(_fit(cause, values, rate) for cause, values in sorted(samples.items())),
        exits=len(exits),
        unmatched=unmatched,
        guest_ns=_ns(sum(row.guest for row in exits), rate),
        host_ns=_ns(sum(row.way_out + (row.way_in or 0) for row in exits), rate),
    )


def _ns(cycles: int, rate: int) -> int:
    return (2 * cycles * 1_000_000_000 + rate) // (2 * rate)


def _fit(cause: str, cycles: Iterable[int], rate: int) -> Fit:
    values = sorted(_ns(value, rate) for value in cycles)
    return Fit(
        cause=cause,
        count=len(values),
        low=values[0],
        typical=values[(len(values) - 1) // 2],
        high=values[-1],
        p90=values[-(-9 * len(values) // 10) - 1],
        samples=tuple(values),
    )


def fitted_costs(result: Calibration, source: str) -> tuple[Cost, ...]:
    """The rows that a board's `costs` gains: lowest, median and highest, with where they were measured."""
    return tuple(
        Cost(
            name=f"exit-{fit.cause}",
            low=fit.low,
            typical=fit.typical,
            high=fit.high,
            unit="ns",
            source=f"measured, {fit.count} exits in {source}; 90 % below {fit.p90} ns; tracing included",
        )
        for fit in result.fits
    )


def costs_yaml(rows: Sequence[Cost]) -> str:
    """`rows` as the `costs:` section of a board file."""
    lines = ["costs:"]
    for row in rows:
        lines.append(f"  - name: {row.name}")
        lines += [f"    {key}: {value}" for key, value in (("low", row.low), ("typical", row.typical))]
        text = row.source.replace("\\", "\\\\").replace('"', '\\"')
        lines += [f"    high: {row.high}", f"    unit: {row.unit}", f'    source: "{text}"']
    return "\n".join(lines) + "\n" if rows else "costs: []\n"
