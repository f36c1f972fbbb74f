"""What a user declares of the host domain."""

from dataclasses import field

from hvbuild.model.guest import Demand
from hvbuild.model.vm import Sched
from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import Nanoseconds
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """An adaptive partition: budget in percent of all CPU time, taken from its parent's; critical in ns."""

    name: str
    budget: int
    critical: Nanoseconds
    parent: str = "System"
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A named set of pCPUs that the host startup defines (QNX 8.0)."""

    name: str
    cpus: frozenset[int]
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A program that the host starts, in order, before the guests.

    `wait_for` are paths waited for after it was started; `provides` all paths it makes; `drives` the board
    devices it uses; `backs` the vdevs it serves, as `guest.vdev`.
    """

    name: str
    command: str
    foreground: bool = False
    provides: tuple[str, ...] = ()
    wait_for: tuple[str, ...] = ()
    wait: Nanoseconds | None = None
    drives: tuple[str, ...] = ()
    backs: tuple[str, ...] = ()
    sched: Sched | None = None
    cpus: frozenset[int] | None = None
    cluster: str | None = None
    partition: str | None = None
    demand: Demand | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFile:
    """A file of the host image: target path, what fills it, and, in a plan, the `reason` why it is there.

    `origin` is where the stack declares the file, `cause` what else it declares that the file is there for.
    """

    path: str
    source: str = ""
    content: str | None = None
    link: str = ""
    mode: str = ""
    user: int | None = None
    group: int | None = None
    raw: bool = False
    optional: bool = False
    reason: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    cause: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorScript:
    """The vendor's own image script and what it makes, all relative to the vendor tree."""

    run: str
    arguments: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostImage:
    """How the host image is made, where that differs from what the board says.

    `base` is the board's own buildfile that our parts are put into, relative to the file that names it.
    """

    startup: str = ""
    startup_arguments: tuple[str, ...] = ()
    kernel: str = ""
    kernel_arguments: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    path: str = "/proc/boot:/bin:/usr/bin:/sbin:/usr/sbin"
    library_path: str = "/proc/boot:/lib:/usr/lib:/lib/dll"
    max_size: int | None = None
    base: str = ""
    vendor: VendorScript | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    base_origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smmuman:
    """The host's SMMU manager: its driver type, and further lines of its configuration file."""

    driver: str
    options: tuple[str, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The host as declared; `foreign` hosts belong to somebody else: read and checked, never written.

    `reads` are files of a foreign host, each with the place that names it.
    `safety` asks for the variant of certified parts: kernel modules, device libraries, `safety required`.
    """

    foreign: bool = False
    reads: tuple[tuple[str, Origin], ...] = ()
    safety: bool = False
    files_path: str = "/guests"
    clusters: tuple[Cluster, ...] = ()
    partitions: tuple[Partition, ...] = ()
    services: tuple[Service, ...] = ()
    files: tuple[HostFile, ...] = ()
    external: tuple[str, ...] = ()
    image: HostImage = field(default_factory=HostImage)
    smmuman: Smmuman | None = None
    reserve: tuple[tuple[AddressRange, str, Origin], ...] = ()
    memory: int | None = None
    vm_overhead: int | None = None
    housekeeping: frozenset[int] = frozenset()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
