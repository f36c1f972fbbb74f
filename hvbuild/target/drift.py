"""Where a running target differs from the declared system, by name and with its meaning.

Only what is declared can differ: how much of a pool is in use, the host's own entries and anything the
stack leaves open are not compared.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial

from hvbuild.diagnostics import NO_PLACE, Code, Diagnostic, error_code, other
from hvbuild.formats.target import AsinfoEntry, AsinfoView, InfoView, Pool, ShowmemView, ThreadRow, ThreadView
from hvbuild.model.system import HostRegion, System
from hvbuild.model.vm import VmConfig
from hvbuild.ranges import AddressRange, gaps, merged
from hvbuild.source import NOWHERE, Origin, Span
from hvbuild.target.predict import KIB, guest_bytes, host_ram, regions, sched_words, sysram
from hvbuild.units import size_text

_SOURCE = "QNX 8.0, System page: asinfo; showmem and pidin output of targets"
# Pools of every QNX host besides those that somebody declares.
OWN_POOLS = frozenset({"sysram", "ram", "memory"})

_code = partial(error_code, source=_SOURCE)

MISSING = _code("HV8820", "drift-missing", "something declared is not on the target")
MOVED = _code("HV8821", "drift-moved", "a region lies elsewhere on the target than declared")
RESIZED = _code("HV8822", "drift-resized", "a region or pool has another size on the target than declared")
UNDECLARED = _code("HV8823", "drift-undeclared", "the target has something that the stack does not declare")
UNEVEN = _code("HV8824", "drift-row-does-not-add-up", "used and free of a pool do not make up its total")
TAKEN = _code("HV8825", "drift-region-in-use", "the target allocates from memory declared as set aside")
HOST = _code(
    "HV8826", "drift-host", "the target's processors, memory or release differ from the declared host"
)
THREADS = _code("HV8827", "drift-vcpu-threads", "no qvm on the target has the declared vCPU threads")
CODES = (MISSING, MOVED, RESIZED, UNDECLARED, UNEVEN, TAKEN, HOST, THREADS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference: what it is about, what was declared, what was captured, and what that means."""

    code: Code
    subject: str
    declared: str
    captured: str
    meaning: str
    span: Span | None = field(default=None, compare=False, repr=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def diagnostic(self) -> Diagnostic:
        """The difference as a diagnostic: first where it was captured, else where it was declared."""
        place = self.span or self.origin.span or NO_PLACE
        others = other(self.origin, "declared here") if self.span is not None else ()
        message = f"`{self.subject}`: declared {self.declared}, on the target {self.captured}"
        return self.code.at(place, message, others=others, notes=(self.meaning,))


def drift(
    system: System,
    *,
    asinfo: AsinfoView | None = None,
    showmem: ShowmemView | None = None,
    info: InfoView | None = None,
    threads: ThreadView | None = None,
    listed: Collection[str] | None = None,
) -> tuple[Difference, ...]:
    """Every difference between `system` and what was captured of it; empty when they agree."""
    found: list[Difference] = []
    if asinfo is not None:
        found += asinfo_drift(system, asinfo)
    if showmem is not None:
        found += showmem_drift(system, showmem, listed)
    if info is not None:
        found += info_drift(system, info)
    if threads is not None:
        found += thread_drift(system, threads)
    return tuple(found)


# --- the memory map ----------------------------------------------------------------------------------------


def asinfo_drift(system: System, view: AsinfoView) -> Iterator[Difference]:
    """Regions missing, moved, resized or in use by the allocator, and RAM that is not as declared."""
    free = merged(entry.window for entry in view.named("sysram"))
    for region in regions(system):
        entries = view.named(region.name)
        if not entries:
            yield _missing(
                region, view.place, "it is not in the memory map, so `$asinfo_start{}` of it fails"
            )
        elif region.window is not None:
            yield from _placed(region, entries)
            yield from _in_use(region, region.window, free, view)
    yield from _banks(system, view)


def _missing(region: HostRegion, place: Span | None, meaning: str) -> Difference:
    declared = str(region.window) if region.window is not None else size_text(region.size or 0)
    return Difference(
        code=MISSING,
        subject=region.name,
        declared=declared,
        captured="nothing of that name",
        meaning=meaning,
        span=place,
        origin=region.origin,
    )


def _placed(region: HostRegion, entries: tuple[AsinfoEntry, ...]) -> Iterator[Difference]:
    """One logical range may stand in several entries (CONTINUED), so their union is compared."""
    assert region.window is not None
    found = merged(entry.window for entry in entries)
    if found == (region.window,):
        return
    moved = found[0].start != region.window.start
    meaning = (
        "guests that name the region follow it, guests and drivers that hold its address do not"
        if moved
        else "what is mapped by name has another size in the guest than its configuration was checked for"
    )
    wrong = min(entries, key=lambda e: e.window.start) if moved else max(entries, key=lambda e: e.window.end)
    yield Difference(
        code=MOVED if moved else RESIZED,
        subject=region.name,
        declared=str(region.window),
        captured=", ".join(str(window) for window in found),
        meaning=meaning,
        span=wrong.span,
        origin=region.origin,
    )


def _in_use(
    region: HostRegion, window: AddressRange, free: tuple[AddressRange, ...], view: AsinfoView
) -> Iterator[Difference]:
    for part in free:
        common = part.intersection(window)
        if common.size:
            row = next(entry for entry in view.named("sysram") if entry.window.overlaps(common))
            yield Difference(
                code=TAKEN,
                subject=region.name,
                declared=f"{window} set aside",
                captured=f"{common} in sysram",
                meaning="the host allocates from it: what a guest does there destroys the host's memory",
                span=row.span,
                origin=region.origin,
            )


def _banks(system: System, view: AsinfoView) -> Iterator[Difference]:
    ram = merged(entry.window for entry in view.named("ram"))
    if system.host.banks is None or not ram:
        return
    for bank in system.host.banks:
        lacking = gaps(bank.window, ram) if bank.window is not None else ()
        if lacking:
            yield Difference(
                code=HOST,
                subject=bank.name,
                declared=str(bank.window),
                captured=f"no RAM at {', '.join(str(window) for window in lacking)}",
                meaning="the board has less memory there than was planned with",
                span=view.named("ram")[0].span,
                origin=bank.origin,
            )
    reserved = [row.window for row in system.host.reserved if row.window is not None]
    known = [*host_ram(system), *reserved]
    for entry in view.named("ram"):
        for extra in gaps(entry.window, known):
            yield Difference(
                code=UNDECLARED,
                subject="ram",
                declared="nothing",
                captured=str(extra),
                meaning="memory that nobody planned with; the host takes it as sysram",
                span=entry.span,
            )


# --- pools -------------------------------------------------------------------------------------------------


def showmem_drift(
    system: System, view: ShowmemView, listed: Collection[str] | None = None
) -> Iterator[Difference]:
    """Pools missing, resized or undeclared, and rows that do not add up.

    `listed` are the regions that the table is known to show; None: those that the host itself uses. A
    region handed to a guest may or may not stand in it.
    """
    pools = {pool.name: pool for pool in view.pools}
    declared = {region.name: region for region in regions(system)}
    for region in declared.values():
        expected = region.name in listed if listed is not None else not region.owner
        if region.name not in pools and expected:
            yield _missing(region, view.place, "the pool was not made: its users fail or fall back to sysram")
    for pool in view.pools:
        known = declared.get(pool.name)
        if known is not None:
            yield from _pool(pool, known)
        elif pool.name not in OWN_POOLS and system.host.regions is not None:
            yield Difference(
                code=UNDECLARED,
                subject=pool.name,
                declared="nothing",
                captured=f"a pool of {pool.total} KiB",
                meaning="memory is set aside that the plan counts as free",
                span=pool.span,
            )
    if "sysram" in pools:
        yield from _sysram(system, pools["sysram"])


def _pool(pool: Pool, region: HostRegion) -> Iterator[Difference]:
    size = region.window.size if region.window is not None else region.size
    if size is not None and size != pool.total * KIB:
        yield Difference(
            code=RESIZED,
            subject=pool.name,
            declared=f"{size // KIB} KiB",
            captured=f"{pool.total} KiB",
            meaning="host tree and stack say different sizes for this pool",
            span=pool.span,
            origin=region.origin,
        )
    elif pool.used + pool.free != pool.total:
        yield _uneven(pool)


def _uneven(pool: Pool) -> Difference:
    return Difference(
        code=UNEVEN,
        subject=pool.name,
        declared="used + free = total",
        captured=f"{pool.used} + {pool.free} is not {pool.total}",
        meaning="the row was changed or cut: nothing of it can be trusted",
        span=pool.span,
    )


def _sysram(system: System, pool: Pool) -> Iterator[Difference]:
    if pool.used + pool.free != pool.total:
        yield _uneven(pool)
        return
    most = sum(window.size for window in sysram(system)) // KIB
    if system.host.banks is not None and system.host.regions is not None and pool.total > most:
        yield Difference(
            code=RESIZED,
            subject="sysram",
            declared=f"at most {most} KiB",
            captured=f"{pool.total} KiB",
            meaning="something declared as set aside is not, or the board has more memory than declared",
            span=pool.span,
        )
    needed = sum(guest_bytes(vm) or 0 for vm in system.vms) // KIB
    if pool.used < needed:
        yield Difference(
            code=MISSING,
            subject="sysram",
            declared=f"{needed} KiB for the RAM of all guests",
            captured=f"{pool.used} KiB in use",
            meaning="not every guest runs, or some have less RAM than declared",
            span=pool.span,
        )


# --- processors and threads --------------------------------------------------------------------------------


def info_drift(system: System, view: InfoView) -> Iterator[Difference]:
    """A host of another architecture, another number of processors, another release or less memory."""
    host = system.host
    cpu = view.cpu.upper().replace("-", "_")
    if host.architecture is not None and cpu != host.architecture.upper():
        yield _host(view, "architecture", host.architecture, view.cpu, "another board answers")
    if host.cpus is not None and view.processors and len(view.processors) != host.cpus:
        meaning = "runmasks name processors that are not there, or leave some unused"
        yield _host(view, "processors", str(host.cpus), str(len(view.processors)), meaning)
    release = (system.target or "").removeprefix("qnx-")
    if release and not _same_release(release, view.release):
        yield _host(view, "release", release, view.release, "configurations were written for another release")
    total = sum(window.size for window in host_ram(system))
    if host.banks is not None and view.total + view.total_unit <= total - _firmware(system):
        meaning = "guests may not get the RAM that was planned"
        yield _host(view, "memory", size_text(total), size_text(view.total), meaning)


def _firmware(system: System) -> int:
    return sum(row.window.size for row in system.host.reserved if row.window is not None)


def _same_release(declared: str, captured: str) -> bool:
    mine, theirs = declared.split("."), captured.split(".")
    return mine[:2] == theirs[:2] and (len(mine) < 3 or mine == theirs[: len(mine)])


def _host(view: InfoView, subject: str, declared: str, captured: str, meaning: str) -> Difference:
    return Difference(
        code=HOST, subject=subject, declared=declared, captured=captured, meaning=meaning, span=view.place
    )


def thread_drift(system: System, view: ThreadView) -> Iterator[Difference]:
    """VMs without a qvm that has their vCPU threads, and qvm processes that nobody declared."""
    processes: dict[int, list[ThreadRow]] = {}
    for row in view.threads:
        if row.name.rsplit("/", 1)[-1].split()[0] == "qvm":
            processes.setdefault(row.pid, []).append(row)
    left = dict(processes)
    # the most demanding VM chooses first, so that a lenient one does not take its process
    for vm in sorted(system.vms, key=lambda each: -len(_wanted(each))):
        match = next((pid for pid, rows in left.items() if _has(rows, vm)), None)
        if match is None:
            yield _without_process(vm, view, bool(processes))
        else:
            del left[match]
    if system.complete and len(processes) > len(system.vms):
        for pid, rows in list(left.items())[: len(processes) - len(system.vms)]:
            yield Difference(
                code=UNDECLARED,
                subject=f"qvm {pid}",
                declared="nothing",
                captured=f"a qvm with {len(rows)} threads",
                meaning="another VM takes processor time and memory",
                span=rows[0].span,
            )


def _wanted(vm: VmConfig) -> tuple[tuple[int, str] | None, ...]:
    return tuple(sched_words(cpu.sched) for cpu in vm.vcpus) or (None,)


def _has(rows: list[ThreadRow], vm: VmConfig) -> bool:
    """True when thread 1 apart there is a thread for each vCPU, of its priority and policy where said."""
    spare = [(row.priority, "r" if row.policy == "o" else row.policy) for row in rows if row.tid != 1]
    wanted = _wanted(vm)
    for each in wanted:
        if each is not None and each in spare:
            spare.remove(each)
        elif each is not None:
            return False
    return len(spare) >= sum(each is None for each in wanted)


def _without_process(vm: VmConfig, view: ThreadView, some: bool) -> Difference:
    words = ", ".join("any" if each is None else f"{each[0]}{each[1]}" for each in _wanted(vm))
    return Difference(
        code=THREADS,
        subject=vm.label,
        declared=f"vCPU threads {words}",
        captured="no qvm with these threads" if some else "no qvm at all",
        meaning="the guest does not run, or runs with other priorities than certified",
        span=view.place,
        origin=vm.origin,
    )
