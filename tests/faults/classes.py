"""All classes of mistakes: those that are planted, and why the rest cannot occur in a stack."""

import device_faults
import memory_faults
import text_faults
from fault import Fault

FAULTS: tuple[Fault, ...] = (*text_faults.FAULTS, *memory_faults.FAULTS, *device_faults.FAULTS)

NOT_IN_A_STACK: dict[int, str] = {
    12: "guests have no numeric ids: the system name is the only one (11)",
    18: "regions are named, never counted",
    29: "qvm has no choice of page sizes",
    38: "a stack's host tree is rendered and read back; the reader of trees has the rules for hand-kept ones",
    53: "qvm has no exclusive mode of an interrupt controller",
    60: "no lockstep clusters and no nested guests on a QNX host",
    66: "behaviour of the tool: nothing is written when a check fails, point 6 of every row here",
    67: "behaviour of the tool: the exit code is point 1 of every row here",
    68: "behaviour of the tool: rules are imported, not found; a missing schema is a fault of hvbuild",
    69: "behaviour of the tool: drift compares a declared system with captured target text",
    70: "behaviour of the tool: every file has a format number, `migrate` brings older ones up",
    71: "behaviour of the tool: the shipped stacks are clean, every twin here is checked",
}
