"""The map of a system, as text and as JSON: both are made of the same sections and rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hvbuild.machine.memory import MachineMemory
from hvbuild.model.system import NO_TIME, HostPartition, System
from hvbuild.model.vm import Fifo, RoundRobin, Sched, Sporadic, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.report.ownership import (
    Claim,
    Holding,
    Line,
    LineBounds,
    WindowSize,
    free_lines,
    guest_interrupts,
    guest_memory,
    guest_ports,
    guest_slots,
    host_demands,
    host_interrupts,
    host_memory,
)
from hvbuild.report.style import PLAIN, Role, Style
from hvbuild.report.tables import Row, table
from hvbuild.report.translation import reach_rows, table_rows
from hvbuild.source import Origin
from hvbuild.units import duration_text, size_text

MAP_FORMAT = "hvbuild-map/1"
_RIGHT = ("size", "line", "vector", "budget", "pCPU", "vCPU")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table: the members of each row are its columns in text and its keys in JSON.

    `of` is the guest it speaks of, empty for the host; `key` its name in JSON.
    """

    key: str
    title: str
    of: str = ""
    rows: tuple[dict[str, str], ...] = ()


def system_map(
    system: System, window_size: WindowSize, line_bounds: LineBounds, memory: MachineMemory | None = None
) -> tuple[Section, ...]:
    """The sections of the map: each guest's, then the host's; empty ones are left out.

    With the machine's `memory` also each guest's tables, and what passed devices reach by DMA.
    """
    sections: list[Section] = []
    for index, vm in enumerate(system.vms):
        sections += _guest_sections(system, vm, window_size, line_bounds)
        guests = [guest for guest in (memory.guests if memory else ()) if guest.index == index]
        tables = tuple(row for guest in guests for row in table_rows(guest))
        sections.append(Section(key="tables", title="second translation", of=vm.label, rows=tables))
    sections += _host_sections(system)
    reached = tuple(reach_rows(memory)) if memory is not None else ()
    sections.append(Section(key="dma", title="DMA of passed devices", rows=reached))
    return tuple(section for section in sections if section.rows)


def map_text(sections: Iterable[Section], style: Style = PLAIN) -> str:
    """The sections as titled tables, a blank line between."""
    return "\n".join(_section_text(section, style) for section in sections)


def map_data(sections: Iterable[Section]) -> dict[str, object]:
    """The document `hvbuild-map/1`: `guests`, by name, and `host`, each an object of the sections' rows."""
    guests: dict[str, dict[str, object]] = {}
    host: dict[str, object] = {}
    for section in sections:
        place = guests.setdefault(section.of, {}) if section.of else host
        place[section.key] = list(section.rows)
    return {"format": MAP_FORMAT, "guests": guests, "host": host}


def _section_text(section: Section, style: Style) -> str:
    titles = list(dict.fromkeys(key for row in section.rows for key in row))
    free = {Holding.FREE.value, Holding.FAULT.value}
    rows = [
        Row(
            tuple(row.get(title, "") for title in titles),
            Role.FREE if row.get("access") in free or row.get("owner") == "free" else None,
        )
        for row in section.rows
    ]
    heading = f"{section.title} of guest {section.of}" if section.of else section.title
    return f"{style.paint(Role.TITLE, heading)}\n\n{table(titles, rows, style, right=_RIGHT)}"


# --- sections -------------------------------------------------------------------------------------------


def _guest_sections(
    system: System, vm: VmConfig, window_size: WindowSize, line_bounds: LineBounds
) -> Iterator[Section]:
    name = vm.label
    memory = guest_memory(system, vm, window_size)
    yield Section(key="memory", title="guest-physical memory", of=name, rows=_claim_rows(memory))
    ports = guest_ports(system, vm, window_size)
    yield Section(key="ports", title="ports", of=name, rows=_claim_rows(ports))
    slots = guest_slots(system, vm, window_size)
    yield Section(key="pci", title="PCI slots", of=name, rows=_claim_rows(slots))
    lines = guest_interrupts(system, vm)
    rows = (*_line_rows(lines), *_free_rows(lines, line_bounds(vm)))
    yield Section(key="interrupts", title="interrupts", of=name, rows=rows)
    yield Section(key="vcpus", title="vCPUs", of=name, rows=_vcpu_rows(system, vm))


def _host_sections(system: System) -> Iterator[Section]:
    yield Section(key="memory", title="host-physical memory", rows=_claim_rows(host_memory(system)))
    demands = _claim_rows(host_demands(system))
    yield Section(key="demands", title="guest memory that qvm takes from free host memory", rows=demands)
    yield Section(key="interrupts", title="host interrupts", rows=_line_rows(host_interrupts(system)))
    yield Section(key="pcpus", title="pCPUs", rows=_pcpu_rows(system))
    yield Section(key="partitions", title="partitions", rows=_partition_rows(system))


def _place(origin: Origin) -> str:
    return str(origin) if origin else ""


def _claim_rows(claims: Iterable[Claim]) -> tuple[dict[str, str], ...]:
    return tuple(
        {
            "start": hex(claim.window.start) if claim.window else claim.start,
            "end": hex(claim.window.end) if claim.window else "",
            "size": _size(claim),
            "owner": claim.owner or "free",
            "access": claim.holding.value,
            "place": _place(claim.origin),
        }
        for claim in claims
    )


def _size(claim: Claim) -> str:
    size = claim.window.size if claim.window else claim.size
    return "" if size is None else size_text(size)


def _line_rows(lines: Iterable[Line]) -> tuple[dict[str, str], ...]:
    """Guest lines have a controller; host lines only a vector."""
    return tuple(
        {
            **({"controller": line.pic, "line": line.line} if line.pic else {}),
            "vector": line.vector,
            "owner": line.owner,
            "place": _place(line.origin),
        }
        for line in lines
    )


def _free_rows(lines: Iterable[Line], bounds: Mapping[str, range]) -> Iterator[dict[str, str]]:
    for pic, ranges in free_lines(lines, bounds).items():
        for free in ranges:
            yield {"controller": pic, "line": _numbers(free), "vector": "", "owner": "free", "place": ""}


def _numbers(numbers: AddressRange) -> str:
    """The first and the last of them, or the only one: `a..b` would read like a range of addresses."""
    return f"{numbers.start}" if numbers.size == 1 else f"{numbers.start}-{numbers.end - 1}"


# --- vCPUs and partitions -------------------------------------------------------------------------------


def _vcpu_rows(system: System, vm: VmConfig) -> tuple[dict[str, str], ...]:
    launch = (system.host.launches or {}).get(vm.system)
    rows = []
    for number, vcpu in enumerate(vm.vcpus):
        sched = vcpu.sched or (launch.priority if launch else None)
        cpus = vcpu.runmask if vcpu.runmask is not None else launch.cpus if launch else None
        cluster = vcpu.cluster or (launch.cluster if launch else None)
        partition = vcpu.partition or (launch.partition if launch else None)
        rows.append(
            {
                "vCPU": str(number),
                "priority": _sched_text(sched),
                "pCPUs": f"cluster {cluster}" if cluster else _cpus_text(cpus),
                "partition": partition or "",
                "place": _place(vcpu.origin),
            }
        )
    return tuple(rows)


def _sched_text(sched: Sched | None) -> str:
    match sched:
        case None:
            return "qvm's own"
        case RoundRobin(priority):
            return f"{priority} round-robin"
        case Fifo(priority):
            return f"{priority} fifo"
        case Sporadic():
            budget = f"{duration_text(sched.initial_budget)} of {duration_text(sched.replenishment_period)}"
            return f"{sched.priority}/{sched.low_priority} sporadic, {budget}"


def _cpus_text(cpus: frozenset[int] | None) -> str:
    return "any" if cpus is None else ",".join(map(str, sorted(cpus)))


def _allowed(system: System, vm: VmConfig, number: int) -> frozenset[int] | None:
    """The pCPUs that vCPU `number` may use; None where nothing confines it."""
    vcpu, launch = vm.vcpus[number], (system.host.launches or {}).get(vm.system)
    cluster = vcpu.cluster or (launch.cluster if launch else None)
    if cluster is not None and vcpu.runmask is None:
        return (system.host.clusters or {}).get(cluster)
    return vcpu.runmask if vcpu.runmask is not None else launch.cpus if launch else None


def _pcpu_rows(system: System) -> tuple[dict[str, str], ...]:
    """Which vCPUs may use each pCPU; those that nothing confines are counted, not named."""
    if system.host.cpus is None:
        return ()
    allowed = [
        (f"{vm.label}/{number}", _allowed(system, vm, number))
        for vm in system.vms
        for number in range(len(vm.vcpus))
    ]
    roaming = sum(cpus is None for _, cpus in allowed)
    rows = []
    for cpu in range(system.host.cpus):
        named = [name for name, cpus in allowed if cpus is not None and cpu in cpus]
        named += [f"{roaming} that may run anywhere"] if roaming else []
        kind = system.host.core_kinds.get(cpu, "")
        rows.append({"pCPU": str(cpu), "kind": kind, "owner": ", ".join(named) or "free"})
    return tuple(rows)


def _partition_rows(system: System) -> tuple[dict[str, str], ...]:
    """Declared partitions, and what of the whole they leave to the System partition."""
    partitions: Sequence[HostPartition] = tuple((system.host.partitions or {}).values())
    rows = [
        {
            "partition": partition.name,
            "parent": partition.parent,
            "budget": f"{partition.budget}%",
            "critical": duration_text(partition.critical) if partition.critical != NO_TIME else "",
            "owner": ", ".join(_members(system, partition.name)) or "free",
            "place": _place(partition.origin),
        }
        for partition in partitions
    ]
    taken = sum(partition.budget for partition in partitions if partition.parent == "System")
    if partitions and not any(partition.name == "System" for partition in partitions):
        left = {"partition": "System", "parent": "", "budget": f"{100 - taken}%", "critical": ""}
        rows.insert(0, {**left, "owner": "host", "place": ""})
    return tuple(rows)


def _members(system: System, partition: str) -> Iterator[str]:
    for vm in system.vms:
        for number, row in enumerate(_vcpu_rows(system, vm)):
            if row["partition"] == partition:
                yield f"{vm.label}/{number}"
