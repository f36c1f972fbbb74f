"""What a user declares of one guest.

What qvm can be told as it stands is held in the types of `model.vm` already; what hvbuild still has to
decide (`AUTO`), or derives from a fact said elsewhere, has types of its own here.
"""

from dataclasses import field
from enum import Enum

from hvbuild.model.vm import (
    Amount,
    Interrupt,
    Load,
    Location,
    Logger,
    MemoryKind,
    Option,
    Pass,
    Reserve,
    Sched,
    Setting,
    Unsupported,
    Vcpu,
    Verbatim,
)
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import Nanoseconds
from hvbuild.values import dataclass


class Auto(Enum):
    """A value that hvbuild decides and records a reason for."""

    AUTO = "auto"


AUTO = Auto.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class Ram:
    """Guest RAM or ROM: a window that qvm allocates, or a named host region handed over in place.

    With `region` the guest sees the region at its own host address (unity) and `flags` are the letters of
    the `pass` line; base and size then belong to the region. `base` None: right after the block before.
    """

    name: str
    kind: MemoryKind = MemoryKind.RAM
    base: Amount | Auto | None = None
    size: Amount | None = None
    region: str = ""
    flags: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    region_origin: Origin = field(default=NOWHERE, compare=False, repr=False)


# Options of vdevs that links and shared memory of a stack say: `auto` leaves them to these.
DERIVED_OPTIONS = frozenset({"peer", "create", "allow"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Vdev:
    """A declared virtual device. `anonymous`: qvm gets no `name`; `location` None: qvm's default.

    `derived` are the options that were left to a link or to shared memory. `demand` is the load of a thread
    of its own that serves it, None where the vCPUs or a service of the host do that.
    """

    name: str
    type: str
    anonymous: bool = False
    qvm_name: str = ""
    spelling: str = ""
    location: Location | Auto | None = None
    interrupts: tuple[Interrupt, ...] | Auto = ()
    options: tuple[Option, ...] = ()
    derived: frozenset[str] = frozenset()
    settings: tuple[Setting, ...] = ()
    loggers: tuple[Logger, ...] = ()
    demand: "Demand | None" = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    type_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    location_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    interrupt_origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def shown_name(self) -> str:
        """The `name` that qvm is given; empty for an anonymous device."""
        return "" if self.anonymous else self.qvm_name or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class PassDevice:
    """A pass-through declaration: a device of the board, a named region, or windows said in full (`exact`).

    `lines` are the guest interrupt lines, one for each interrupt of the device; empty: the host's numbers.
    """

    name: str
    device: str = ""
    region: str = ""
    at: int | None = None
    flags: str = ""
    lines: tuple[int, ...] = ()
    attribute: str = ""
    exact: Pass | None = None
    waiver: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    target_origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A file loaded into the guest: `source` on the build machine goes into the host image at `load.path`.

    `external` images are provided on the target by somebody else; a `generated` one is the guest's device
    tree, which hvbuild writes. `size` is in bytes, None when unknown.
    """

    load: Load
    source: str = ""
    external: bool = False
    generated: bool = False
    size: int | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VdevUse:
    """`count` operations `name` of a driver on the guest's vdev `vdev`, in one activation."""

    vdev: str
    name: str
    count: int

    @property
    def spelled(self) -> str:
        """As it is written: `disk.request`."""
        return f"{self.vdev}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a thread asks of its CPU: `work` of running time each `period`, to be done within `bound`.

    `pattern` is periodic, sporadic, bursty, busy (always ready; then `period` and `work` are None), idle, or
    `served`: `work` then is for each request, and others say when these are made. A service serves the vdevs
    that it backs, a vdev's own thread its vdev, a vCPU what other guests bring it.
    `spinlock` is how much of the work holds the one spin lock that the vCPUs of the guest share; `assumed`
    holds the reason when the load was assumed, not specified. `interrupt` is the host interrupt that starts
    an activation, `interrupt_cpu` the pCPU that takes it where that is not what the board says. `accesses`
    are register accesses of no device in particular, `exits` what else leaves the guest, each cause with how
    often in one activation, `uses` the operations on vdevs of the guest; each of
    these takes `back_end` of host work in the vCPU's own thread, where the device's back end works there.
    `awaits` names those of them that the vCPU waits for: it goes on when each has been answered, or when what
    it takes has come.
    """

    pattern: str
    period: Nanoseconds | None = None
    work: Nanoseconds | None = None
    bound: Nanoseconds | None = None
    burst: int = 1
    accesses: int = 0
    exits: tuple[tuple[str, int], ...] = ()
    uses: tuple[VdevUse, ...] = ()
    back_end: Nanoseconds | None = None
    awaits: tuple[str, ...] = ()
    spinlock: Nanoseconds | None = None
    interrupt: int | None = None
    interrupt_cpu: int | None = None
    assumed: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def back_end_ns(self) -> int:
        """What back ends work in the vCPU's own thread in one activation."""
        return int(self.back_end or 0) * sum(use.count for use in self.uses)

    @property
    def serves(self) -> bool:
        """True when others say when there is work."""
        return self.pattern == "served"

    @property
    def by_timer(self) -> bool:
        """True when a timer starts each activation: a periodic load that names no interrupt."""
        return self.pattern == "periodic" and self.interrupt is None and self.interrupt_cpu is None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestLaunch:
    """How the host starts this guest's qvm. None: nothing said, `on` is not used for it.

    `config` is where its qvmconf lies in the host image; empty: below the host's folder for guests.
    """

    sched: Sched | None = None
    cpus: frozenset[int] | None = None
    cluster: str | None = None
    partition: str | None = None
    restart: str = "never"
    memory_limit: int | None = None
    config: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the guest's own software requires of its VM."""

    memory: int | None = None
    vdevs: tuple[str, ...] = ()
    ifs_address: int | None = None
    knows_virtual: bool = True
    buildfile: str = ""
    devicetree: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """One guest: its VM as declared, its images, its load and its place in the safety case."""

    name: str
    system: str
    ram: tuple[Ram, ...] = ()
    vcpus: tuple[Vcpu, ...] = ()
    demands: tuple[Demand | None, ...] = ()
    vdevs: tuple[Vdev, ...] = ()
    passes: tuple[PassDevice, ...] = ()
    reserves: tuple[Reserve, ...] = ()
    images: tuple[Image, ...] = ()
    cmdline: str | None = None
    settings: tuple[Setting, ...] = ()
    loggers: tuple[Logger, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    dump: str | None = None
    safety: str | None = None
    flags: frozenset[str] = frozenset()
    verbatim: tuple[Verbatim, ...] = ()
    launch: GuestLaunch = field(default_factory=GuestLaunch)
    needs: Needs = field(default_factory=Needs)
    exclusive: bool = False
    asil: str = ""
    requirements: tuple[str, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    system_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    cmdline_origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def generated_image(self) -> Image | None:
        """The first image that hvbuild itself writes, or None."""
        return next((image for image in self.images if image.generated), None)
