"""What was decided: the resolved system, with a reason for each value that the user left open."""

from dataclasses import field

from hvbuild.model.guest import Guest
from hvbuild.model.host import HostFile, Service
from hvbuild.model.stack import Stack
from hvbuild.model.system import System
from hvbuild.model.vm import Sched, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import Nanoseconds
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One derived value: its route, its spelling, and why it is so."""

    route: str
    value: str
    reason: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRegion:
    """A memory region with its place in host memory; `window` None when somebody else places it."""

    name: str
    window: AddressRange | None
    owner: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


# How long a script waits before it starts a guest again: one that ends at once is not started that second.
RESTART_PAUSE = Nanoseconds(1_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The line that starts one guest's qvm.

    `script` is the image path of the shell script that starts it again as `restart` says; empty: once, by
    the startup script itself.
    """

    guest: str
    config_path: str
    sched: Sched | None = None
    cpus: tuple[int, ...] = ()
    cluster: str | None = None
    partition: str | None = None
    memory_limit: int | None = None
    restart: str = "never"
    script: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A vdevpeer interface of the host bound to a guest's virtio-net vdev."""

    interface: str
    vdev_path: str
    bind: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """What the host image must hold and do, in order."""

    virtual: str
    image_base: int | None
    startup: tuple[str, ...]
    kernel: tuple[str, ...]
    modules: tuple[str, ...]
    partitions: tuple[tuple[str, int, int], ...]
    services: tuple[Service, ...]
    peers: tuple[Peer, ...]
    launches: tuple[Launch, ...]
    entries: tuple[HostFile, ...]
    path: str
    library_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestPlan:
    """One guest resolved: the VM that its qvmconf must say, word for word in meaning."""

    guest: Guest
    vm: VmConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the renderers and the model need, and nothing left to decide."""

    stack: Stack
    system: System
    guests: tuple[GuestPlan, ...]
    regions: tuple[PlacedRegion, ...]
    host: HostPlan | None
    decisions: tuple[Decision, ...]
