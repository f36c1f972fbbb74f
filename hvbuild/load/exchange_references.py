"""What loads ask of each other: whoever waits is answered, whoever serves can be asked, and it all ends."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from hvbuild.diagnostics import Diagnostic, other
from hvbuild.load.reference_codes import (
    ENDLESS_EXCHANGE,
    NOTHING_SAID,
    SAID_TWICE,
    TOO_MANY_REQUESTS,
    WRONG_KIND,
)
from hvbuild.model.guest import Demand, VdevUse
from hvbuild.model.joined import joined_vdevs
from hvbuild.model.operations import OPERATIONS, Operation, is_arrival, vdev_kind
from hvbuild.model.stack import Stack, Workload
from hvbuild.values import dataclass

# Requests of one activation that are played, each a few steps.
MOST_REQUESTS = 1000


class _Of(Enum):
    """Whose load it is."""

    VCPU = "vCPU"
    VDEV = "vdev"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """The load of one thread, as a message calls it; `guest` for a vCPU, `backs` the vdevs it works for."""

    of: _Of
    where: str
    demand: Demand
    guest: str = ""
    backs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """All loads at once: those declared, or with those of one workload in their place."""

    loads: tuple[_Load, ...]
    types: Mapping[str, str]
    joined: Mapping[str, tuple[str, ...]]

    def served(self, vdev: str) -> list[_Load]:
        """The loads that serve `vdev` (`guest.vdev`)."""
        return [row for row in self.loads if row.demand.serves and vdev in row.backs]

    def row(self, guest: str, use: VdevUse) -> Operation | None:
        """What is known of an operation; None where vdev or operation does not exist, told elsewhere."""
        kind = self.types.get(f"{guest}.{use.vdev}", "")
        return OPERATIONS.get((vdev_kind(kind), use.name))

    def arrivals(self, load: _Load) -> list[str]:
        """What the load takes of what other guests bring, as `guest.vdev.operation`."""
        return [
            f"{load.guest}.{use.spelled}"
            for use in load.demand.uses
            if f"{load.guest}.{use.vdev}" in self.joined
            and is_arrival(self.types[f"{load.guest}.{use.vdev}"], use.name)
            and (load.demand.serves or use.spelled in load.demand.awaits)
        ]

    def sent(self, load: _Load) -> Iterator[str]:
        """What the load brings to other guests, as they call it."""
        for use in load.demand.uses:
            row = self.row(load.guest, use)
            if row is not None and row.brings:
                for peer in self.joined.get(f"{load.guest}.{use.vdev}", ()):
                    yield f"{peer}.{row.brings}"


def exchange_faults(stack: Stack) -> Iterator[Diagnostic]:
    """Every request that nobody answers, every load that serves nobody, everything that never ends.

    A fault that is there under several workloads is given each time, the same.
    """
    for workload in (None, *stack.workloads):
        yield from _faults(_scene(stack, workload))


def _scene(stack: Stack, workload: Workload | None) -> _Scene:
    named = dict(workload.demands) if workload is not None else {}
    loads = []
    for row in _declared(stack):
        name = next((name for name in row.names if name in named), "")
        demand = named[name] if name else row.demand
        if demand is not None:
            where = f"workload `{workload.name}` for `{name}`" if workload is not None and name else row.where
            loads.append(_Load(of=row.of, where=where, demand=demand, guest=row.guest, backs=row.backs))
    return _Scene(
        loads=tuple(loads),
        types={f"{guest.name}.{vdev.name}": vdev.type for guest in stack.guests for vdev in guest.vdevs},
        joined={
            f"{guest.name}.{vdev}": peers
            for guest in stack.guests
            for vdev, peers in joined_vdevs(stack, guest).items()
        },
    )


class _Declared(NamedTuple):
    of: _Of
    names: tuple[str, ...]  # under which a workload may name it, the narrowest first
    where: str
    demand: Demand | None
    guest: str = ""
    backs: tuple[str, ...] = ()


def _declared(stack: Stack) -> Iterator[_Declared]:
    for guest in stack.guests:
        where = f"the load of guest `{guest.name}`"
        for number in range(max(1, len(guest.vcpus))):
            own = guest.demands[number] if number < len(guest.demands) else None
            yield _Declared(_Of.VCPU, (f"{guest.name}/{number}", guest.name), where, own, guest.name)
        for vdev in guest.vdevs:
            name = f"{guest.name}.{vdev.name}"
            yield _Declared(_Of.VDEV, (name,), f"the load of vdev `{name}`", vdev.demand, backs=(name,))
    for service in stack.host.services:
        where = f"the load of service `{service.name}`"
        yield _Declared(_Of.SERVICE, (service.name,), where, service.demand, backs=service.backs)


def _faults(scene: _Scene) -> Iterator[Diagnostic]:
    for load in scene.loads:
        if load.demand.serves:
            yield from _serving(scene, load)
        elif load.of is _Of.VDEV and load.demand.pattern != "idle":
            yield WRONG_KIND.at(load.demand.origin, f"{load.where} is not `served`, and a vdev only serves")
        if len(scene.arrivals(load)) > 1:
            text = f"{load.where} takes several operations of other guests"
            yield WRONG_KIND.at(load.demand.origin, text, helps=["give each a vCPU of its own"])
        yield from _awaiting(scene, load)
        yield from _counted(scene, load)
    yield from _twice(scene)
    yield from _rings(scene)


def _serving(scene: _Scene, load: _Load) -> Iterator[Diagnostic]:
    """A load that serves says what one request takes, and can be asked."""
    lacks = ""
    if load.demand.work is None:
        lacks = "`work` for one operation"
    elif load.of is _Of.VCPU:
        brought = scene.arrivals(load)
        lacks = "" if brought else "operation that another guest brings, such as `net.receive` on a link"
    elif not load.backs:
        lacks = "vdevs: the service `backs` none"
    if lacks:
        yield NOTHING_SAID.at(load.demand.origin, f"{load.where} is `served` and has no {lacks}")


def _awaiting(scene: _Scene, load: _Load) -> Iterator[Diagnostic]:
    """What is awaited is done, and answered."""
    uses = {use.spelled: use for use in load.demand.uses}
    for name in dict.fromkeys(load.demand.awaits):
        use = uses.get(name)
        if use is None:
            text = f"{load.where} awaits `{name}`, which is not among its `operations`"
            yield NOTHING_SAID.at(load.demand.origin, text)
            continue
        row = scene.row(load.guest, use)
        if row is not None:
            yield from _answered(scene, load, use, row)


def _answered(scene: _Scene, load: _Load, use: VdevUse, row: Operation) -> Iterator[Diagnostic]:
    vdev = f"{load.guest}.{use.vdev}"
    if is_arrival(row.vdev, row.name) and vdev in scene.joined:
        if not any(f"{vdev}.{use.name}" in scene.sent(row) for row in scene.loads):
            text = f"{load.where} awaits `{use.spelled}`, and no load of another guest brings it"
            yield NOTHING_SAID.at(load.demand.origin, text)
    elif not row.interrupts:
        text = f"{load.where} awaits `{use.spelled}`, which no interrupt answers"
        yield WRONG_KIND.at(load.demand.origin, text)
    elif not scene.served(vdev):
        yield NOTHING_SAID.at(
            load.demand.origin,
            f"{load.where} awaits `{use.spelled}`, and nobody answers it",
            helps=[f"give vdev `{use.vdev}`, or the service that `backs` it, a load with `pattern: served`"],
        )


def _counted(scene: _Scene, load: _Load) -> Iterator[Diagnostic]:
    asking = [use for use in load.demand.uses if scene.served(f"{load.guest}.{use.vdev}")]
    brings = [use for use in load.demand.uses if use not in asking and scene.row(load.guest, use) is not None]
    brings = [use for use in brings if f"{load.guest}.{use.vdev}" in scene.joined]
    count = sum(use.count for use in (*asking, *brings)) * max(1, load.demand.burst)
    if count > MOST_REQUESTS:
        text = f"{load.where} makes {count} requests of other threads in one activation"
        yield TOO_MANY_REQUESTS.at(load.demand.origin, text, helps=[f"{MOST_REQUESTS} are played at most"])


def _twice(scene: _Scene) -> Iterator[Diagnostic]:
    """A vdev is served by one, and what is brought to it is taken by one vCPU."""
    servers: dict[str, _Load] = {}
    takers: dict[str, _Load] = {}
    for load in scene.loads:
        one_of_many = load.demand.serves and load.of is _Of.SERVICE
        for vdev in load.backs if one_of_many else ():
            first = servers.setdefault(vdev, load)
            if first is not load:
                text = f"{load.where} serves `{vdev}`, which another service serves already"
                yield SAID_TWICE.at(load.demand.origin, text, others=other(first.demand.origin, "this one"))
        for arrival in scene.arrivals(load):
            first = takers.setdefault(arrival, load)
            if first is not load:
                text = f"{load.where} takes `{arrival}` on two vCPUs, and it is brought to one"
                yield SAID_TWICE.at(
                    load.demand.origin, text, helps=["give the vCPU that takes it a load apart"]
                )


def _rings(scene: _Scene) -> Iterator[Diagnostic]:
    """A vCPU that works on request must not, through others, make that request of itself; a ring once."""
    serving = [row for row in scene.loads if row.of is _Of.VCPU and row.demand.serves]
    taken = {arrival: row for row in serving for arrival in scene.arrivals(row)}
    reached = {id(row): _reached(scene, row, taken) for row in serving}
    told: set[int] = set()
    for load in serving:
        ring = [row for row in reached[id(load)] if load in reached[id(row)]]
        if load not in ring or id(load) in told:
            continue
        told |= {id(row) for row in ring}
        text = f"{load.where} makes a request that, through others, comes back to it for ever"
        rest = [row for row in serving if row in ring and row is not load]
        others = tuple(label for row in rest for label in other(row.demand.origin, "through this one"))
        yield ENDLESS_EXCHANGE.at(load.demand.origin, text, others=others)


def _reached(scene: _Scene, load: _Load, taken: Mapping[str, _Load]) -> list[_Load]:
    """The loads that a request of `load` leads to, one after the other."""
    found: list[_Load] = []
    ahead = [load]
    while ahead:
        for name in scene.sent(ahead.pop()):
            row = taken.get(name)
            if row is not None and row not in found:
                found.append(row)
                ahead.append(row)
    return found
