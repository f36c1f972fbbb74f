"""From power-on to running guests: a timeline in which every step names what it waits for.

The host starts its services in written order; a launch starts its qvm in the background, so guests overlap
with later services. Clearing guests' RAM is bound by the one memory system, so it is done one guest after
the other. Sources: QNX Hypervisor 7.1, "Starting and using VMs", "Memory"; exit codes as documented there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hvbuild.machine.bringup import guest_starts, host_starts
from hvbuild.machine.claims import ClaimKind, architecture_of
from hvbuild.machine.costs import CostTable
from hvbuild.machine.exits import Cause, Terms, exit_ns
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.machine.memory import MachineMemory, Refusal
from hvbuild.model.system import System
from hvbuild.model.vm import VmConfig
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import size_text

# QNX Hypervisor, "qvm exit codes": 64 fatal before the guest starts, out of memory among them.
EXIT_BEFORE_START = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class BootStep:
    """One step of a boot: what, of whom, from when to when (ns), and the numbers of the steps before it."""

    number: int
    name: str
    subject: str
    start_ns: int
    end_ns: int
    after: tuple[int, ...] = ()
    note: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QvmExit:
    """A qvm that ended before its guest ran: its exit code and a message of the form it prints."""

    vm: str
    code: int
    message: str
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A guest whose qvm runs, but which cannot come up, and why."""

    vm: str
    reason: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """A whole boot: steps by number, qvm processes that ended, guests that cannot come up.

    `left` is the host memory that is free then, in bytes; None where the board's is not known.
    """

    steps: tuple[BootStep, ...]
    exits: tuple[QvmExit, ...]
    stalls: tuple[Stall, ...]
    left: int | None = None

    def of(self, subject: str) -> tuple[BootStep, ...]:
        """The steps of one guest or service, in order."""
        return tuple(step for step in self.steps if step.subject == subject)

    def up_at(self, vm: str) -> int | None:
        """When the last vCPU of `vm` ran, in ns; None when it never did."""
        found = [step.end_ns for step in self.steps if step.subject == vm and step.name == "guest up"]
        return found[0] if found else None

    def takes_ns(self, vm: str) -> int:
        """What the steps of `vm` take one after the other, as when it is started again and nobody else is."""
        return sum(step.end_ns - step.start_ns for step in self.of(vm))


class _Timeline:
    """Mutable: the steps so far; each starts when the last of those it waits for has ended."""

    def __init__(self) -> None:
        self.steps: list[BootStep] = []

    def add(
        self,
        name: str,
        subject: str,
        length: int,
        after: Sequence[int],
        *,
        note: str = "",
        origin: Origin = NOWHERE,
    ) -> int:
        start = max((self.steps[number].end_ns for number in after), default=0)
        step = BootStep(
            number=len(self.steps),
            name=name,
            subject=subject,
            start_ns=start,
            end_ns=start + length,
            after=tuple(after),
            note=note,
            origin=origin,
        )
        self.steps.append(step)
        return step.number


def boot(memory: MachineMemory, costs: CostTable) -> Boot:
    """The boot of `memory.system`: each guest that has its memory comes up, each other is refused alone."""
    system = memory.system
    line = _Timeline()
    exits: list[QvmExit] = []
    stalls: list[Stall] = []
    last = line.add("host startup", "host", costs.ns("host-startup"), ())
    if system.host.bring_up is not None and system.host.cpus is not None:
        for one in host_starts(system.host.bring_up, system.host.cpus, costs):
            last = line.add(f"pCPU {one.cpu} on", "host", one.ns, (last,), note=one.note)
    cleared: int | None = None
    started: dict[str, int] = {}
    for kind, index in _order(memory):
        if kind == "service":
            service = (system.host.services or ())[index]
            last = line.add(
                "service", service.name, costs.ns("service-start"), (last,), origin=service.origin
            )
            started[service.name] = last
            continue
        vm = system.vms[index]
        refusal = next((row for row in memory.refusals if row.index == index), None)
        read = line.add("read configuration", vm.label, costs.ns("qvm-start"), (last,), origin=vm.origin)
        stalls += _unserved(system, vm, started)
        if refusal is not None:
            exits.append(_refused(vm, refusal, line.steps[read].end_ns))
            continue
        guest = next(row for row in memory.guests if row.index == index)
        lacking = _lacking(system, vm, guest)
        stalls += lacking
        after = (read,) if cleared is None else (read, cleared)
        cleared = _clear(line, guest, after, costs) if guest.zeroed else cleared
        if not lacking:
            own = cleared if guest.zeroed and cleared is not None else read
            _guest_start(line, system, vm, (own,), costs)
    left = memory.pool.size if memory.pool is not None else None
    return Boot(steps=tuple(line.steps), exits=tuple(exits), stalls=tuple(stalls), left=left)


def _order(memory: MachineMemory) -> Iterator[tuple[str, int]]:
    """Services and VMs in the order in which the host starts them; VMs last where it does not say."""
    system = memory.system
    services = system.host.services or ()
    launches = system.host.launches or {}
    places: dict[int, list[int]] = {}
    for index in memory.order:
        launch = launches.get(system.vms[index].system)
        place = launch.position if launch is not None and launch.position is not None else len(services)
        places.setdefault(min(place, len(services)), []).append(index)
    for number in range(len(services) + 1):
        yield from (("vm", index) for index in places.get(number, ()))
        if number < len(services):
            yield "service", number


def _clear(line: _Timeline, guest: GuestMemory, after: Sequence[int], costs: CostTable) -> int:
    left = f"; {size_text(guest.left)} of the host's are left" if guest.left is not None else ""
    note = f"{size_text(guest.zeroed)} cleared, memory handed over in place is not{left}"
    return line.add(
        "allocate and clear", guest.vm, costs.moving_ns("zeroing", guest.zeroed), after, note=note
    )


def _guest_start(
    line: _Timeline, system: System, vm: VmConfig, after: Sequence[int], costs: CostTable
) -> None:
    """Image load, first vCPU, then each other vCPU, started by the first."""
    facts = system.guests.get(vm.label)
    images = facts.images if facts is not None else ()
    sizes = [image.size or 0 for image in images]
    unknown = [image.path for image in images if image.size is None]
    unknown = unknown if images else [load.path for load in vm.loads]
    note = f"size of {', '.join(unknown)} not known" if unknown else size_text(sum(sizes))
    loaded = line.add("load images", vm.label, costs.moving_ns("load", sum(sizes)), after, note=note)
    at = line.add("first vCPU", vm.label, exit_ns(Terms(costs=costs), Cause.HALT), (loaded,))
    x86 = architecture_of(system, vm) == "x86_64"
    for one in guest_starts(max(1, len(vm.vcpus)), Terms(costs=costs), x86=x86):
        at = line.add("vCPU on", vm.label, one.ns, (at,), note=one.note)
    line.add("guest up", vm.label, 0, (at,))


def _refused(vm: VmConfig, refusal: Refusal, at_ns: int) -> QvmExit:
    """qvm's words: `[file:line] text`, the line that of the context (QNX 8.0 target logs)."""
    span = vm.memory[0].origin.span if vm.memory else vm.origin.span
    place = f"{span.file.path}:{span.line}" if span is not None else f"{vm.label}.qvmconf"
    text = f"Unable to allocate guest memory ({refusal.needed:#x} bytes needed, {refusal.free:#x} free)"
    return QvmExit(vm=vm.label, code=EXIT_BEFORE_START, message=f"[{place}] {text}", at_ns=at_ns)


def _lacking(system: System, vm: VmConfig, guest: GuestMemory) -> list[Stall]:
    """Why a guest cannot start in the memory its VM has, however much the board has."""
    facts = system.guests.get(vm.label)
    if facts is None or not _all_known(vm, guest):
        return []
    own = sum(w.size for w in guest.windows(ClaimKind.RAM, ClaimKind.ROM))
    own += sum(s.window.size for s in guest.segments if s.claim.kind is ClaimKind.PASS and s.claim.memory)
    needed = facts.needs.memory if facts.needs is not None else None
    rows: list[Stall] = []
    if needed is not None and needed > own:
        reason = f"needs {size_text(needed)} of RAM, has {size_text(own)}"
        rows.append(Stall(vm=vm.label, reason=reason, origin=vm.origin))
    images = sum(image.size or 0 for image in facts.images)
    if images > own:
        reason = f"images of {size_text(images)} do not fit into {size_text(own)} of RAM"
        rows.append(Stall(vm=vm.label, reason=reason, origin=vm.origin))
    return rows


def _all_known(vm: VmConfig, guest: GuestMemory) -> bool:
    """True when no block or window of the VM has a place that only the target knows."""
    blocks = sum(claim.kind in (ClaimKind.RAM, ClaimKind.ROM) for claim in guest.claims)
    passes = sum(claim.kind is ClaimKind.PASS and claim.vdev is None for claim in guest.claims)
    return blocks == len(vm.memory) and passes >= sum(len(row.windows) for row in vm.passes)


def _unserved(system: System, vm: VmConfig, started: dict[str, int]) -> Iterator[Stall]:
    """Services that back a device of `vm` but start after its qvm opens them."""
    for service in system.host.services or ():
        backed = [name for name in service.backs if name.split(".")[0] == vm.label]
        if backed and service.name not in started:
            reason = f"`{service.name}`, which serves {', '.join(backed)}, starts after its qvm"
            yield Stall(vm=vm.label, reason=reason, origin=service.origin)
