"""Why a guest leaves its CPU to the host, what each exit consists of, and what that costs.

Sources: QNX Hypervisor 7.x and 8.0, "Scheduling", "Guest-initiated exits", "Interrupts"; Arm ARM and GIC
architecture for what traps. A vdev's code runs in the vCPU's own thread, so an exit is booked there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from hvbuild.machine.costs import CostTable
from hvbuild.model.operations import OPERATIONS, Operation, vdev_kind

GIC_400_LIST_REGISTERS = 4
GIC_V3_LIST_REGISTERS = 16


class Cause(StrEnum):
    """Why a guest exits."""

    VDEV = "vdev"
    PORT = "port"
    FAULT = "fault"
    HALT = "halt"
    HYPERCALL = "hypercall"
    SGI = "sgi"
    SYSREG = "sysreg"
    CPUID = "cpuid"
    INTERRUPT = "interrupt"
    HOST_INTERRUPT = "host interrupt"
    UNMASK = "unmask"
    TIMER = "timer"
    MAINTENANCE = "maintenance"
    PREEMPTION = "preemption"


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRow:
    """What an exit of one cause consists of besides `exit-entry`: rows of the cost table."""

    cause: Cause
    parts: tuple[str, ...]
    user: bool = False
    source: str


_ROWS = (
    CauseRow(
        cause=Cause.VDEV,
        parts=("vdev-user", "vdev-work"),
        user=True,
        source="stage-2 translation fault, emulated in the qvm process by the vCPU thread",
    ),
    CauseRow(
        cause=Cause.PORT,
        parts=("vdev-user", "vdev-work"),
        user=True,
        source="x86 I/O instruction exit, emulated in the qvm process",
    ),
    CauseRow(
        cause=Cause.FAULT,
        parts=("vdev-user",),
        user=True,
        source="`unsupported reference`: qvm decides in its process",
    ),
    CauseRow(cause=Cause.HALT, parts=("halt",), source="WFI under HCR_EL2.TWI, HLT on x86; exit-on-halt on"),
    CauseRow(cause=Cause.HYPERCALL, parts=("hypercall",), source="HVC, or SMC under HCR_EL2.TSC"),
    CauseRow(
        cause=Cause.SGI, parts=("sysreg", "ipi"), source="ICC_SGI1R_EL1 write traps under IMO/FMO (GICv3)"
    ),
    CauseRow(cause=Cause.SYSREG, parts=("sysreg",), source="trapped system register (OSLSR_EL1, APIC base)"),
    CauseRow(cause=Cause.CPUID, parts=("sysreg",), source="CPUID always exits (Intel SDM)"),
    CauseRow(
        cause=Cause.INTERRUPT,
        parts=("mask", "inject"),
        source="host takes the interrupt, masks its source, makes it pending for the guest",
    ),
    CauseRow(
        cause=Cause.HOST_INTERRUPT,
        parts=(),
        source="host tick, device or inter-processor interrupt while the guest runs: out, and in again",
    ),
    CauseRow(cause=Cause.UNMASK, parts=("mask",), source="the guest's end of interrupt lets the host unmask"),
    CauseRow(
        cause=Cause.TIMER, parts=("timer", "inject"), source="virtual timer PPI: expiry, re-arm, inject"
    ),
    CauseRow(cause=Cause.MAINTENANCE, parts=("inject",), source="GIC: list registers ran out, refill"),
    CauseRow(cause=Cause.PREEMPTION, parts=("context-switch",), source="a host thread of higher priority"),
)
CAUSES: Mapping[Cause, CauseRow] = MappingProxyType({row.cause: row for row in _ROWS})
# GICv2: an SGI is a write to GICD_SGIR, a trapped memory access that must be decoded.
SGI_GICV2 = ("gicd", "ipi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a VM's exits are taken: costs, interrupt controller, and what its configuration says of halting."""

    costs: CostTable
    gic: int = 3
    exit_on_halt: bool = True

    @property
    def list_registers(self) -> int:
        """How many interrupts can be pending in hardware at once."""
        return GIC_400_LIST_REGISTERS if self.gic == 2 else GIC_V3_LIST_REGISTERS


def operation(vdev: str, name: str) -> Operation:
    """What one `name` on a vdev of type `vdev` does; KeyError where the table does not know it.

    Every vdev traps on each of its registers, so `register` is known of all.
    """
    kind = vdev_kind(vdev)
    if name == "register":
        return Operation(vdev=kind, name=name, registers=1, interrupts=0, source="each register traps")
    return OPERATIONS[kind, name]


def exit_ns(terms: Terms, cause: Cause) -> int:
    """Host time of one exit of `cause`, the entrance back included."""
    measured = f"exit-{cause.value.replace(' ', '-')}"
    if terms.costs.knows(measured):
        return terms.costs.ns(measured)
    parts = SGI_GICV2 if cause is Cause.SGI and terms.gic == 2 else CAUSES[cause].parts
    return terms.costs.ns("exit-entry") + sum(terms.costs.ns(part) for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Exits by cause, and what they moved."""

    counts: Mapping[Cause, int] = field(default_factory=lambda: MappingProxyType({}))

    def plus(self, cause: Cause, count: int = 1) -> "Tally":
        """The tally with `count` exits more."""
        return Tally(counts=MappingProxyType({**self.counts, cause: self.counts.get(cause, 0) + count}))

    @property
    def exits(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    def host_ns(self, terms: Terms) -> int:
        """What they cost together."""
        return sum(count * exit_ns(terms, cause) for cause, count in self.counts.items())

    def levels(self, terms: Terms) -> int:
        """Privilege levels changed, there and back, the way into the qvm process included."""
        passage = terms.costs.passage
        user = sum(count for cause, count in self.counts.items() if CAUSES[cause].user)
        return self.exits * passage.levels + user * passage.user_levels

    def registers(self, terms: Terms) -> int:
        """Guest registers saved and restored."""
        return self.exits * terms.costs.passage.registers


def refills(pending: int, list_registers: int) -> int:
    """Maintenance exits until `pending` interrupts have gone through `list_registers`."""
    return max(0, -(-pending // list_registers) - 1) if pending else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One station of a pass-through interrupt: who works there, and the exit it is part of, if any."""

    name: str
    by: str
    cause: Cause | None = None


def interrupt_path(*, unmask_early: bool = False) -> tuple[Step, ...]:
    """The way of one pass-through interrupt, as documented.

    `unmask_early` is the attribute `u`: the source is unmasked at once, which saves the exit at the
    guest's end of interrupt (QNX Hypervisor 7.1 `pass`).
    """
    steps = [
        Step(name="exit", by="hardware", cause=Cause.INTERRUPT),
        Step(name="mask", by="host"),
        Step(name="inject", by="host"),
        Step(name="handle", by="guest"),
        Step(name="completion", by="guest"),
    ]
    if unmask_early:
        steps[2:2] = [Step(name="unmask", by="host")]
    else:
        steps.append(Step(name="unmask", by="host", cause=Cause.UNMASK))
    return tuple(steps)
