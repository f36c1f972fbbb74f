"""How CPUs other than the first start: the board's own by its protocol, a guest's by what qvm offers.

The protocols differ in what a start costs: PSCI is a call (of a guest: one exit), a spin-table a store that
is polled for, parking a mailbox and an interrupt. Sources: those of `psci`, `spintable` and `parking`; Intel
MultiProcessor Specification 1.4, appendix B.4 (INIT, then SIPI twice).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from hvbuild.machine import parking, psci, spintable
from hvbuild.machine.costs import CostTable
from hvbuild.machine.exits import Cause, Terms, exit_ns
from hvbuild.model.board import BringUp

_ENTRY = 0x8_0000  # where a started CPU jumps; its value changes nothing here
_ICR_WRITES = 3  # of the local APIC: INIT, SIPI, SIPI


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuStart:
    """One CPU that was started: nanoseconds from the request to its first instruction, and how."""

    cpu: int
    ns: int
    note: str


def host_starts(protocol: BringUp, cpus: int, costs: CostTable) -> Iterator[CpuStart]:
    """The board's CPUs from 1 on, one after the other; no exit, since nothing virtualises the host."""
    match protocol:
        case BringUp.PSCI:
            yield from _by_firmware(cpus, costs)
        case BringUp.SPIN_TABLE:
            yield from _by_store(cpus, costs)
        case BringUp.ACPI_PARKING:
            yield from _by_mailbox(cpus, costs)
        case BringUp.INIT_SIPI:
            for cpu in range(1, cpus):
                yield CpuStart(cpu=cpu, ns=costs.ns("init-sipi"), note="INIT, SIPI, SIPI")
        case _:
            assert_never(protocol)


def _by_firmware(cpus: int, costs: CostTable) -> Iterator[CpuStart]:
    power = psci.first_boot(cpus)
    on = psci.function_id(psci.Function.CPU_ON, wide=True)
    for cpu in range(1, cpus):
        power, answer = psci.call(power, 0, on, (power.mpidrs[cpu], _ENTRY))
        assert answer.start is not None
        ns = costs.ns("firmware-call") + costs.ns("core-on")
        yield CpuStart(cpu=answer.start.vcpu, ns=ns, note="PSCI CPU_ON")


def _by_store(cpus: int, costs: CostTable) -> Iterator[CpuStart]:
    table = spintable.pi4_table(cpus)
    for cpu in table.spinning:
        address = table.release[cpu - 1]
        table, entry = spintable.poll(spintable.store(table, address, _ENTRY), cpu)
        assert entry == _ENTRY
        yield CpuStart(cpu=cpu, ns=costs.ns("release-store"), note="spin-table: store, sev")


def _by_mailbox(cpus: int, costs: CostTable) -> Iterator[CpuStart]:
    for cpu in range(1, cpus):
        box, entry = parking.interrupt(parking.request(parking.Mailbox(number=cpu), _ENTRY))
        assert entry == _ENTRY
        assert parking.is_started(box)
        ns = costs.ns("release-store") + costs.ns("ipi")
        yield CpuStart(cpu=cpu, ns=ns, note="parking protocol: mailbox, SGI")


def guest_starts(vcpus: int, terms: Terms, *, x86: bool) -> Iterator[CpuStart]:
    """A guest's vCPUs from 1 on, started by its first: a request exits, its thread is switched to."""
    costs = terms.costs
    if x86:
        ns = _ICR_WRITES * exit_ns(terms, Cause.SGI) + costs.ns("context-switch")
        for vcpu in range(1, vcpus):
            yield CpuStart(cpu=vcpu, ns=ns, note="INIT, SIPI, SIPI")
        return
    power = psci.first_boot(vcpus)
    on = psci.function_id(psci.Function.CPU_ON, wide=True)
    for vcpu in range(1, vcpus):
        power, answer = psci.call(power, 0, on, (power.mpidrs[vcpu], _ENTRY))
        ns = answer.exits * exit_ns(terms, Cause.HYPERCALL) + costs.ns("context-switch")
        yield CpuStart(cpu=vcpu, ns=ns, note=f"CPU_ON {power.mpidrs[vcpu]:#x}")
