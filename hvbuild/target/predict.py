"""What the target's own tools would print for a declared system, as far as the declaration knows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hvbuild.formats.target import NO_OWNER, AsinfoEntry, InfoView, Processor, ThreadRow
from hvbuild.model.system import HostRegion, System
from hvbuild.model.vm import Fifo, MemoryKind, RoundRobin, Sched, Sporadic, VmConfig
from hvbuild.ranges import AddressRange, gaps, merged

# One entry of the 8.0 system page (seen: elsize 0x18).
ENTRY_BYTES = 0x18
KIB = 1 << 10
# The letters are those of the QNX 7.1 system page documentation; startup leaves them out in 8.0.
FOUR_GIB = AddressRange(0, 1 << 32)
_CPU = {"aarch64": "AARCH64", "x86_64": "X86_64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedPool:
    """One row of `showmem -s` in KiB; None is left open, `why` says what is and what is not known."""

    name: str
    total: int | None
    used: int | None
    free: int | None
    why: str


def host_ram(system: System) -> tuple[AddressRange, ...]:
    """The declared banks of host RAM, joined."""
    banks = system.host.banks or ()
    return merged(row.window for row in banks if row.window is not None)


def regions(system: System) -> tuple[HostRegion, ...]:
    """The declared regions of host memory, by address, those without a place last."""
    rows = (system.host.regions or {}).values()
    return tuple(sorted(rows, key=lambda r: (r.window is None, r.window.start if r.window else 0, r.name)))


def sysram(system: System) -> tuple[AddressRange, ...]:
    """The most that procnto can allocate from: the banks less everything declared as set aside."""
    taken = [row.window for row in (*regions(system), *system.host.reserved) if row.window is not None]
    return tuple(gap for bank in host_ram(system) for gap in gaps(bank, taken))


def guest_bytes(vm: VmConfig) -> int | None:
    """The bytes of RAM and ROM that qvm allocates for `vm`; None where a size is known only on the target."""
    sizes = [row.size for row in vm.memory if row.kind in (MemoryKind.RAM, MemoryKind.ROM)]
    return (
        sum(size for size in sizes if isinstance(size, int))
        if all(isinstance(s, int) for s in sizes)
        else None
    )


def predicted_asinfo(system: System) -> tuple[AsinfoEntry, ...]:
    """The host's memory map as startup would publish it: banks, regions, and what is left as `sysram`.

    The image, startup's own entries and sizes below a page are not known and left out.
    """
    bits = system.host.address_bits or 40
    rows: list[AsinfoEntry] = []

    def add(window: AddressRange, path: str, owner: int) -> int:
        offset = len(rows) * ENTRY_BYTES
        rows.append(AsinfoEntry(window=window, path=path, offset=offset, owner=owner))
        return offset

    memory = add(AddressRange(0, 1 << bits), "memory", NO_OWNER)
    below = add(FOUR_GIB, "memory/below4G", memory)
    parents = []
    for bank in host_ram(system):
        low, high = (
            bank.intersection(FOUR_GIB),
            AddressRange(max(bank.start, FOUR_GIB.end), max(bank.end, FOUR_GIB.end)),
        )
        if low.size:
            parents.append((low, "memory/below4G/ram", add(low, "memory/below4G/ram", below)))
        if high.size:
            parents.append((high, "memory/ram", add(high, "memory/ram", memory)))
    for region in regions(system):
        if region.window is not None:
            path, owner = _container(region.window, parents, memory)
            add(region.window, f"{path}/{region.name}", owner)
    for window in sysram(system):
        for part, path, owner in parents:
            common = window.intersection(part)
            if common.size:
                add(common, f"{path}/sysram", owner)
    return tuple(rows)


def _container(
    window: AddressRange, parents: Sequence[tuple[AddressRange, str, int]], memory: int
) -> tuple[str, int]:
    for part, path, owner in parents:
        if part.contains(window):
            return path, owner
    return "memory", memory


def predicted_showmem(system: System) -> tuple[PredictedPool, ...]:
    """The pools of `showmem -s`: every total that is declared; used and free only where they follow."""
    return (_sysram_pool(system), *(_region_pool(row) for row in regions(system)))


def _sysram_pool(system: System) -> PredictedPool:
    most = sum(window.size for window in sysram(system)) // KIB
    sizes = [guest_bytes(vm) for vm in system.vms]
    known = sum(size for size in sizes if size is not None) // KIB
    why = f"at most {most} KiB, of which guests' RAM takes {known} KiB; the host's own use is not known"
    return PredictedPool(name="sysram", total=None, used=None, free=None, why=why)


def _region_pool(row: HostRegion) -> PredictedPool:
    size = row.window.size if row.window is not None else row.size
    total = size // KIB if size is not None else None
    user = (
        f"mapped by guest {row.owner}, so little of it is allocated" if row.owner else "used by host programs"
    )
    return PredictedPool(name=row.name, total=total, used=None, free=None, why=user)


def pools_text(rows: Sequence[PredictedPool]) -> str:
    """`rows` in the form of `showmem -s`, with `?` where a value is open."""
    head = ["Mem Total(KB) Used(KB) Free(KB)", "-" * 67]
    cells = [(r.name, *("?" if v is None else str(v) for v in (r.total, r.used, r.free))) for r in rows]
    return "\n".join([*head, *(" ".join(row) for row in cells)]) + "\n"


def predicted_info(system: System, processors: Sequence[Processor] = ()) -> InfoView | None:
    """`pidin info` with all guests up; None where the banks or the architecture are not known."""
    host = system.host
    if host.banks is None or host.architecture is None:
        return None
    total = sum(window.size for window in host_ram(system))
    taken = sum(guest_bytes(vm) or 0 for vm in system.vms) + (host.needs or 0)
    free = max(0, sum(window.size for window in sysram(system)) - taken)
    return InfoView(
        cpu=_CPU.get(host.architecture, host.architecture.upper()),
        release=(system.target or "").removeprefix("qnx-"),
        free=free,
        total=total,
        processors=tuple(processors),
    )


def predicted_threads(system: System) -> tuple[ThreadRow, ...]:
    """The threads of each qvm: thread 1 sets up, then one per vCPU; process numbers and states are open."""
    rows: list[ThreadRow] = []
    launches = system.host.launches or {}
    for number, vm in enumerate(system.vms, start=1):
        launch = launches.get(vm.system)
        main = sched_words(launch.priority if launch is not None else None) or (10, "r")
        threads = [main, *((sched_words(cpu.sched) or main) for cpu in vm.vcpus)]
        rows += _rows(number, threads)
    return tuple(rows)


def _rows(pid: int, threads: Sequence[tuple[int, str]]) -> Iterator[ThreadRow]:
    for tid, (priority, policy) in enumerate(threads, start=1):
        yield ThreadRow(pid=pid, tid=tid, name="qvm", priority=priority, policy=policy, state="?")


def sched_words(sched: Sched | None) -> tuple[int, str] | None:
    """Priority and policy letter as `pidin` shows them; None when nothing was said."""
    match sched:
        case RoundRobin():
            return sched.priority, "r"
        case Fifo():
            return sched.priority, "f"
        case Sporadic():
            return sched.priority, "s"
        case None:
            return None
