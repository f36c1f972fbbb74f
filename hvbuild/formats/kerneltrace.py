"""Kernel-trace text (`traceprinter`): the QVM events of class 10, with their places.

Line shape: `t:0x… CPU:nn QVM :GUEST_EXIT status:0x… hw_reason:0x… clockcycles_offset:0x… guest_ip:0x…`.
Source: QNX Hypervisor 7.1 and 8.0, "Hypervisor trace events"; other events are passed over.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from types import MappingProxyType

from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.kerneltrace_codes import EVENT_NOT_READ, NO_EVENTS, TIME_BACKWARDS
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

_LINE = re.compile(
    r"\s*t:\s*(?P<time>0x[0-9a-fA-F]+|\d+)\s+CPU:\s*(?P<cpu>\d+)\s+(?P<class>QVM)\s*:\s*(?P<rest>.*)"
)
_NAME = re.compile(r"(?P<name>[A-Z_]+)(?P<fields>.*)")
_FIELD = re.compile(r"(\w+):\s*(0x[0-9a-fA-F]+|\d+)")
_RATE = re.compile(
    r"(?:CYCLES_PER_SEC|cycles_per_sec|clock_freq)\S*?\s*(?:::|:|=)\s*(0x[0-9a-fA-F]+|\d+)", re.IGNORECASE
)


class EventKind(StrEnum):
    """The QVM events whose names are documented or seen."""

    ENTER = "GUEST_ENTER"
    EXIT = "GUEST_EXIT"
    CYCLES = "CYCLES"
    CREATE = "CREATE_VCPU_THREAD"
    ASSERT = "ASSERT_INTR"


# Fields without which an event says nothing.
_NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"GUEST_EXIT": ("status", "hw_reason"), "CYCLES": ("at_entry", "at_exit")}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEvent:
    """One QVM event: time in clock cycles of the host, CPU, name, and its fields as numbers."""

    time: int
    cpu: int
    name: str
    fields: Mapping[str, int] = field(hash=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelTrace:
    """The QVM events of a trace in file order, and the clock rate in Hz where the trace says it."""

    events: tuple[TraceEvent, ...]
    rate: int | None = None
    faults: tuple[Diagnostic, ...] = ()


def read_kerneltrace(file: SourceFile) -> KernelTrace:
    """The QVM events that `file` holds."""
    events: list[TraceEvent] = []
    faults: list[Diagnostic] = []
    latest: dict[int, int] = {}
    at = 0
    for line in file.text.splitlines(keepends=True):
        text = line.rstrip()
        span = Span(file, at + len(text) - len(text.lstrip()), at + len(text))
        at += len(line)
        row = _LINE.match(text)
        if row is None:
            continue
        event = _event(row, span)
        if event is None:
            faults.append(EVENT_NOT_READ.at(span, "a QVM event without its fields; it is left out"))
            continue
        if event.time < latest.get(event.cpu, 0):
            message = f"time {event.time:#x} is before {latest[event.cpu]:#x} on CPU {event.cpu}"
            faults.append(TIME_BACKWARDS.at(span, message))
        latest[event.cpu] = event.time
        events.append(event)
    if not any(event.name in (EventKind.ENTER, EventKind.EXIT) for event in events):
        faults.append(NO_EVENTS.at(Span(file, 0, len(file.line(1))), "no guest entry or exit in this trace"))
    rate = _RATE.search(file.text)
    return KernelTrace(events=tuple(events), rate=_number(rate[1]) if rate else None, faults=tuple(faults))


def _event(row: re.Match[str], span: Span) -> TraceEvent | None:
    named = _NAME.match(row["rest"])
    if named is None:
        return None
    fields = {key: _number(value) for key, value in _FIELD.findall(named["fields"])}
    if any(key not in fields for key in _NEEDED.get(named["name"], ())):
        return None
    return TraceEvent(
        time=_number(row["time"]),
        cpu=int(row["cpu"]),
        name=named["name"],
        fields=MappingProxyType(fields),
        span=span,
    )


def _number(text: str) -> int:
    return int(text, 16) if text.startswith("0x") else int(text)
