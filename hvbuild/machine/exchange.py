"""Who asks whom: operations of guests that make other threads work, and how often at most.

An operation on a vdev wakes the thread of the vdev where that has a load, else the service that backs it;
what is sent on a vdev joined to another guest's is brought to the vCPU whose load takes it. Waking is by
tokens, so that priorities and CPUs decide how long an answer takes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from hvbuild.machine.threads import Errand, HostThread, Stream, threads_of
from hvbuild.model.guest import VdevUse
from hvbuild.model.operations import OPERATIONS, is_arrival, vdev_kind
from hvbuild.model.plan import Plan
from hvbuild.model.stack import Workload
from hvbuild.model.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """How something between threads is played, and on what ground."""

    name: str
    value: str
    source: str


CONVENTIONS = (
    Convention(
        name="who serves",
        value="the thread of the vdev where it has a load, which then asks the service that backs it; else "
        "that service; else the vCPU itself (`back_end`)",
        source="QNX Hypervisor 7.1, `Tracing`: vdev code runs in the vCPU thread or in threads of the vdev; "
        "which type has one is inferred from its options, so a load says it",
    ),
    Convention(
        name="order",
        value="one request after the other, as they are made; a queue is never full",
        source="assumed: the depth of queues is the guest driver's",
    ),
    Convention(
        name="priority",
        value="who serves runs at its own priority, whoever asks",
        source="assumed: as told by pulses, which carry a priority of their own; who receives a message "
        "takes that of its sender (QNX System Architecture)",
    ),
    Convention(
        name="waiting",
        value="a vCPU that awaits an answer halts until its interrupt, and keeps its pCPU where halts are no "
        "exits; it holds no spin lock meanwhile",
        source="VIRTIO 1.1: a device answers by an interrupt; QNX `exit-on-halt`",
    ),
    Convention(
        name="packets and notifications",
        value="a send on a link, or a notification, is one request to the vCPU whose load takes it; nobody "
        "takes what no load names",
        source="QNX Hypervisor 7.1, guest-to-guest networking and shared memory",
    ),
    Convention(
        name="a guest that is gone",
        value="what is sent to it is lost until it is up again",
        source="assumed: its queues are gone with its qvm",
    ),
)


def host_threads(system: System, plan: Plan) -> tuple[HostThread, ...]:
    """The threads of `system` under their declared loads, with what each asks of others."""
    return exchanged(threads_of(system, plan))


def under(threads: Iterable[HostThread], workload: Workload) -> tuple[HostThread, ...]:
    """`threads` with the demands that `workload` sets in place of their own.

    A demand under the name of a guest is one for each of its vCPUs that it does not name apart.
    """
    demands = dict(workload.demands)
    return exchanged(
        replace(row, demand=demands.get(row.name, demands.get(row.guest or row.name, row.demand)))
        for row in threads
    )


def exchanged(threads: Iterable[HostThread]) -> tuple[HostThread, ...]:
    """`threads` with their errands, and with the requests that reach each that serves."""
    rows = tuple(threads)
    sent = {row.name: replace(row, errands=tuple(_errands(row, rows)), asked=()) for row in rows}
    asked: dict[str, list[Stream]] = {}
    for row in sent.values():
        for errand, count in _released(row):
            for stream in _followed(errand, count, (row.name,), sent):
                asked.setdefault(stream.through[-1], []).append(
                    replace(stream, period=_period(row), through=stream.through[:-1])
                )
    return tuple(
        replace(row, asked=tuple(asked.get(row.name, ())) if row.serves else ()) for row in sent.values()
    )


def _period(thread: HostThread) -> int:
    demand = thread.demand
    return int(demand.period or 0) * max(1, demand.burst) if demand is not None else 0


def _released(thread: HostThread) -> Iterator[tuple[Errand, int]]:
    """The errands of a load with a period, with how many it runs in one.

    A vCPU that never rests asks at no known rate and is not counted, nor played.
    """
    demand = thread.demand
    if demand is not None and _period(thread):
        yield from ((row, row.use.count * max(1, demand.burst)) for row in thread.errands)


def _followed(
    errand: Errand, count: int, through: tuple[str, ...], threads: Mapping[str, HostThread]
) -> Iterator[Stream]:
    """The requests that `count` runs of `errand` lead to; the last of `through` is who gets them."""
    for name in (*((errand.server,) if errand.server else ()), *errand.takers):
        thread = threads[name]
        if not thread.serves or name in through:
            continue
        yield Stream(count=count, period=0, through=(*through, name))
        for further in thread.errands:
            yield from _followed(further, count * further.use.count, (*through, name), threads)


# --- what each operation sets off ---------------------------------------------------------------------------


def _errands(thread: HostThread, threads: tuple[HostThread, ...]) -> Iterator[Errand]:
    demand = thread.demand
    if demand is None:
        return
    if not thread.is_vcpu:
        if thread.home and thread.serves:
            yield from _passed_on(thread, threads)
        return
    for use in demand.uses:
        if thread.vdevs.get(use.vdev) is None:
            continue
        errand = _errand(thread, use, threads, awaited=use.spelled in demand.awaits)
        if errand.server or errand.takers or errand.awaited:
            yield errand


def _errand(thread: HostThread, use: VdevUse, threads: tuple[HostThread, ...], *, awaited: bool) -> Errand:
    joined = thread.joined.get(use.vdev, ())
    kind = vdev_kind(thread.vdevs[use.vdev])
    if is_arrival(kind, use.name) and joined:
        return Errand(use=use, awaited=awaited and not thread.serves)
    server = server_of_vdev(f"{thread.guest}.{use.vdev}", threads)
    own = server is not None and bool(server.home)
    brought = OPERATIONS[kind, use.name].brings
    takers = tuple(_takers(brought, joined, threads)) if brought and not own else ()
    return Errand(use=use, server=server.name if server is not None else "", takers=takers, awaited=awaited)


def _passed_on(thread: HostThread, threads: tuple[HostThread, ...]) -> Iterator[Errand]:
    """What the thread of a vdev does after its own work: it asks the service behind it, and wakes peers."""
    (backed,) = thread.backs
    vdev = backed.partition(".")[2]
    services = tuple(row for row in threads if not row.home)
    server = server_of_vdev(backed, services)
    use = VdevUse(vdev=vdev, name="", count=1)
    if server is not None:
        yield Errand(use=use, server=server.name, awaited=True)
    joined = thread.joined.get(vdev, ())
    takers = tuple(
        dict.fromkeys(
            name
            for row in OPERATIONS.values()
            if row.brings and row.vdev == vdev_kind(thread.vdevs[vdev])
            for name in _takers(row.brings, joined, threads)
        )
    )
    if takers:
        yield Errand(use=use, takers=takers)


def server_of_vdev(vdev: str, threads: Iterable[HostThread]) -> HostThread | None:
    """Who does the work behind `vdev` (`guest.vdev`): its own thread, else the first service that backs it.

    None where none of them has a load that serves.
    """
    found = [row for row in threads if vdev in row.backs and row.serves]
    return min(found, key=lambda row: not row.home, default=None)


def _takers(operation: str, joined: Iterable[str], threads: Iterable[HostThread]) -> Iterator[str]:
    """For each of the vdevs `joined` the vCPU whose load takes what comes there."""
    rows = tuple(threads)
    for vdev in joined:
        wanted = [row.name for row in rows if row.guest and _takes(row, vdev, operation)]
        yield from wanted[:1]


def _takes(thread: HostThread, vdev: str, operation: str) -> bool:
    demand = thread.demand
    if demand is None:
        return False
    spelled = f"{vdev.partition('.')[2]}.{operation}"
    named = vdev == f"{thread.guest}.{spelled.partition('.')[0]}" and any(
        use.spelled == spelled for use in demand.uses
    )
    return named and (demand.serves or spelled in demand.awaits)
