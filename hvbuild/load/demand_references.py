"""What the loads of a stack name: threads, interrupts of the board, operations on vdevs."""

from collections.abc import Iterator

from hvbuild.diagnostics import Diagnostic
from hvbuild.load.exchange_references import exchange_faults
from hvbuild.load.reference_codes import NOTHING_SAID, WRONG_KIND, unknown
from hvbuild.model.exits import DECLARED_EXITS
from hvbuild.model.guest import Demand, Guest
from hvbuild.model.operations import operations_of
from hvbuild.model.stack import Stack


def demand_faults(stack: Stack) -> Iterator[Diagnostic]:
    """Every name in a load, or in the board's routing of interrupts, that points nowhere."""
    yield from _workloads(stack)
    yield from _interrupts(stack)
    yield from _operations(stack)
    yield from exchange_faults(stack)


def _workloads(stack: Stack) -> Iterator[Diagnostic]:
    known = [
        *(name for guest in stack.guests for name in (guest.name, *_vcpu_names(guest), *_vdev_names(guest))),
        *(service.name for service in stack.host.services),
    ]
    for workload in stack.workloads:
        for name, demand in workload.demands:
            if name not in known:
                yield unknown("thread", name, known, demand.origin, f"workload `{workload.name}`")


def _interrupts(stack: Stack) -> Iterator[Diagnostic]:
    """Loads and the board's routing name pCPUs and, as far as loads go, interrupts that the board has."""
    cpus = [str(cpu) for cpu in range(len(stack.board.cores))]
    routing = stack.board.routing
    known = [str(line) for device in stack.board.devices for line in device.interrupts]
    known += [str(row.line) for row in routing.lines]
    for place, cpu in ((routing.origin, routing.cpu), *((row.origin, row.cpu) for row in routing.lines)):
        if str(cpu) not in cpus:
            yield unknown("pCPU", str(cpu), cpus, place, f"`interrupts` of board `{stack.board.name}`")
    for _, where, demand in _demands(stack):
        if demand.interrupt is not None and str(demand.interrupt) not in known:
            yield unknown("board interrupt", str(demand.interrupt), known, demand.origin, where)
        if demand.interrupt_cpu is not None and str(demand.interrupt_cpu) not in cpus:
            yield unknown("pCPU", str(demand.interrupt_cpu), cpus, demand.origin, where)


def _operations(stack: Stack) -> Iterator[Diagnostic]:
    """Loads name vdevs of their guest, and operations that drivers of these are known to do."""
    for name, where, demand in _demands(stack):
        if demand.back_end and not demand.uses:
            text = f"{where} has a `back_end` and no `operations` for it to work on"
            yield NOTHING_SAID.at(demand.origin, text)
        yield from _exits(stack, demand, where)
        guest = stack.guest(name.split("/")[0])
        if guest is None and (demand.exits or demand.accesses):
            yield WRONG_KIND.at(demand.origin, f"{where} has exits, and only a guest is left")
        if guest is None and demand.uses:
            yield WRONG_KIND.at(demand.origin, f"{where} has operations, and only a guest has vdevs")
        elif guest is not None:
            yield from _used_vdevs(guest, demand, where)


def _exits(stack: Stack, demand: Demand, where: str) -> Iterator[Diagnostic]:
    """Exits that the board's architecture has."""
    for cause, _ in demand.exits:
        only = DECLARED_EXITS[cause]
        if only not in ("", stack.board.architecture):
            text = f"{where} has exits of cause `{cause}`, which only {only} has"
            yield WRONG_KIND.at(demand.origin, text)


def _used_vdevs(guest: Guest, demand: Demand, where: str) -> Iterator[Diagnostic]:
    types = {vdev.name: vdev.type for vdev in guest.vdevs}
    for use in demand.uses:
        if use.vdev not in types:
            yield unknown(f"vdev of guest `{guest.name}`", use.vdev, types, demand.origin, where)
        elif use.name not in operations_of(types[use.vdev]):
            kind = f"operation of `{use.vdev}` (a {types[use.vdev]})"
            yield unknown(kind, use.name, operations_of(types[use.vdev]), demand.origin, where)


def _demands(stack: Stack) -> Iterator[tuple[str, str, Demand]]:
    """Every load that was written down, once: whose it is, how a message calls it, and the load."""
    seen: set[int] = set()
    for guest in stack.guests:
        for demand in guest.demands:
            # one `load` stands for all vCPUs of its guest
            if demand is not None and id(demand) not in seen:
                seen.add(id(demand))
                yield guest.name, f"the load of guest `{guest.name}`", demand
        for vdev in guest.vdevs:
            if vdev.demand is not None:
                yield "", f"the load of vdev `{guest.name}.{vdev.name}`", vdev.demand
    for service in stack.host.services:
        if service.demand is not None:
            yield "", f"the load of service `{service.name}`", service.demand
    for workload in stack.workloads:
        for name, demand in workload.demands:
            yield name, f"workload `{workload.name}` for `{name}`", demand


def _vcpu_names(guest: Guest) -> list[str]:
    return [f"{guest.name}/{number}" for number in range(max(1, len(guest.vcpus)))]


def _vdev_names(guest: Guest) -> list[str]:
    """The threads of vdevs that have one."""
    return [f"{guest.name}.{vdev.name}" for vdev in guest.vdevs if vdev.demand is not None]
