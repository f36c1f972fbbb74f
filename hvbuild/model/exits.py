"""Why the work of a guest may leave it, in the words of loads, costs and reports; with the architecture.

A halt, an interrupt of the host and a preemption are no part of the work: when they come follows from a run.
"""

from collections.abc import Mapping
from types import MappingProxyType

DECLARED_EXITS: Mapping[str, str] = MappingProxyType(
    {
        "port": "x86_64",
        "fault": "",
        "hypercall": "",
        "sgi": "aarch64",
        "sysreg": "",
        "cpuid": "x86_64",
        "interrupt": "",
        "unmask": "",
        "timer": "",
        "maintenance": "aarch64",
    }
)
"""Each cause, with the only architecture that has it; empty: both."""
