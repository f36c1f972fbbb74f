"""Codes of kernel-trace text: what cannot be read in it, or does not fit together."""

from hvbuild.diagnostics import Code, Severity

_SOURCE = "QNX Hypervisor 7.1 and 8.0, Hypervisor trace events (class 10)"

NO_EVENTS = Code(
    code="HV8840",
    name="no-guest-events",
    severity=Severity.ERROR,
    meaning="the trace holds no guest entry or exit, so nothing can be measured from it",
    source=_SOURCE,
)
EVENT_NOT_READ = Code(
    code="HV8841",
    name="trace-event-not-read",
    severity=Severity.WARNING,
    meaning="a line that names a QVM event lacks one of the event's fields or spells it otherwise",
    source=_SOURCE,
)
TIME_BACKWARDS = Code(
    code="HV8842",
    name="trace-time-backwards",
    severity=Severity.ERROR,
    meaning="an event of a CPU is earlier than the one before it, so no duration can be taken",
    source=_SOURCE,
    policy="a trace that was cut together, or sorted by something else than time, gives wrong costs",
)
CODES = (NO_EVENTS, EVENT_NOT_READ, TIME_BACKWARDS)
