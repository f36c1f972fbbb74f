"""VMs that run together, and what is known of the host around them."""

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from hvbuild.model.board import BringUp, Device, InterruptRouting
from hvbuild.model.evidence import BootImage, GuestFacts
from hvbuild.model.vm import Amount, AsinfoLength, AsinfoStart, Sched, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import Nanoseconds
from hvbuild.values import dataclass

NO_TIME = Nanoseconds(0)
# The clock tick of a QNX host unless set otherwise (QNX 8.0, "Tick, tock": 1 ms).
TICK = Nanoseconds(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRegion:
    """A named range of host-physical memory (an asinfo entry); `window` None when its place is not known.

    `owner` is the guest that gets it (empty: the host), `external` that somebody else makes it, `cleared`
    that somebody zeroes it before it is handed over (None: not known), `before` who used it until then.
    """

    name: str
    window: AddressRange | None = None
    size: int | None = None
    shared: bool = False
    purpose: str = ""
    owner: str = ""
    external: bool = False
    cleared: bool | None = None
    before: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPartition:
    """An adaptive partition of the host: budget in percent, critical budget in nanoseconds."""

    name: str
    budget: int
    critical: Nanoseconds = NO_TIME
    parent: str = "System"
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostService:
    """A program the host starts, in order; `provides` are paths it makes, `drives` board devices it uses.

    `backs` names the vdevs it serves, as `guest.vdev`; `cpus` None: it may run on any pCPU.
    """

    name: str
    command: str = ""
    provides: tuple[str, ...] = ()
    drives: tuple[str, ...] = ()
    priority: int | None = None
    backs: tuple[str, ...] = ()
    cpus: frozenset[int] | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How the host starts one VM: the qvm thread's priority, CPUs, cluster and partition; None: not given.

    `position` counts the services that are started before it.
    """

    system: str
    priority: Sched | None = None
    cpus: frozenset[int] | None = None
    cluster: str | None = None
    partition: str | None = None
    position: int | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What is known of the host. None, or a missing entry, means not known: rules then stay silent.

    `region_order` is the order of the host tree's region list; `size_cells` how many cells a size has there.
    `needs` and `vm_overhead` are bytes that the host keeps for itself and spends on each VM besides its RAM.
    `exclusive` says which guest alone may use a pCPU, `housekeeping` which pCPUs the host's own work needs.
    `outside` are paths that somebody else provides. `starts_others`: some launches start VMs that cannot be
    told.
    """

    architecture: str | None = None
    cpus: int | None = None
    core_kinds: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    banks: tuple[HostRegion, ...] | None = None
    regions: Mapping[str, HostRegion] | None = None
    reserved: tuple[HostRegion, ...] = ()
    devices: Mapping[str, Device] | None = None
    clusters: Mapping[str, frozenset[int]] | None = None
    cluster_origins: Mapping[str, Origin] = field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )
    partitions: Mapping[str, HostPartition] | None = None
    services: tuple[HostService, ...] | None = None
    launches: Mapping[str, Launch] | None = None
    starts_others: bool = False
    image_files: frozenset[str] | None = None
    boot_image: BootImage | None = None
    smmu: bool | None = None
    smmuman: bool | None = None
    gic: int | None = None
    routing: InterruptRouting = InterruptRouting()
    bring_up: BringUp | None = None
    address_bits: int | None = None
    tick: Nanoseconds = TICK
    region_order: tuple[str, ...] | None = None
    size_cells: int | None = None
    needs: int | None = None
    vm_overhead: int | None = None
    exclusive: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    housekeeping: frozenset[int] = frozenset()
    startup_arguments: tuple[str, ...] | None = None
    modules: tuple[str, ...] | None = None
    outside: tuple[str, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """VMs that run together on one host, what is known of that host, and the release (`qnx-7.1`).

    `complete` says that no other VM runs there; `guests` holds what is known of a guest, by its VM's label.
    """

    vms: tuple[VmConfig, ...]
    target: str | None = None
    host: HostFacts = field(default_factory=HostFacts)
    complete: bool = False
    guests: Mapping[str, GuestFacts] = field(default_factory=lambda: MappingProxyType({}))

    def amount(self, value: Amount | None) -> int | None:
        """The number behind `value` where the host's regions make it known, else None."""
        match value:
            case int():
                return value
            case AsinfoStart(name):
                region = (self.host.regions or {}).get(name)
                return region.window.start if region and region.window else None
            case AsinfoLength(name):
                region = (self.host.regions or {}).get(name)
                return (region.window.size if region.window else region.size) if region else None
            case _:
                return None

    def window(self, start: Amount | None, length: Amount | None) -> AddressRange | None:
        """The range from `start` of `length` bytes where both are known and it fits 64 bits, else None."""
        at, size = self.amount(start), self.amount(length)
        return None if size is not None and size < 0 else AddressRange.fitting(at, size)
