"""What hardware is: the facts of one board, each with where it is known from."""

from dataclasses import field
from enum import StrEnum

from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, Origin
from hvbuild.values import dataclass


class Architecture(StrEnum):
    """The instruction set of host and guests."""

    AARCH64 = "aarch64"
    X86_64 = "x86_64"

    @property
    def family(self) -> str:
        """`arm` or `x86`, as the catalogue of the qvmconf language groups them."""
        return "arm" if self is Architecture.AARCH64 else "x86"


class RegionsBy(StrEnum):
    """What makes the named host-memory regions of this board."""

    DEVICETREE = "devicetree"
    """The host devicetree: reserved-memory nodes and an ordered name list (Qualcomm hosts)."""
    STARTUP_NAMED = "startup-L"
    """The startup option `-L addr,size,name` (Renesas R-Car Gen3 startup)."""
    STARTUP_RESERVE = "startup-r"
    """The startup option `-r addr,size`: kept out of system RAM, not named in asinfo."""


class BringUp(StrEnum):
    """How the board's cores other than the first are started."""

    PSCI = "psci"
    SPIN_TABLE = "spin-table"
    ACPI_PARKING = "acpi-parking"
    INIT_SIPI = "init-sipi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One pCPU: its kind, highest frequency in Hz and capacity (1024: the fastest kind of the board)."""

    number: int
    kind: str
    frequency: int
    capacity: int = 1024
    source: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """A range of RAM, or a range of it that firmware keeps (`firmware` true).

    `reserve`: the host startup must be told to leave it alone.
    """

    name: str
    window: AddressRange
    firmware: bool = False
    reserve: bool = False
    source: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of the board. `controller` marks what a guest must never be handed (GIC, SMMU, ECAM).

    `dma` None means not known. `group` joins devices that share one bus or stream id and go to one owner.
    `compatible` is what device trees call it.
    """

    name: str
    windows: tuple[AddressRange, ...] = ()
    interrupts: tuple[int, ...] = ()
    dma: bool | None = None
    stream_ids: tuple[int, ...] = ()
    group: str = ""
    pci: str = ""
    drivers: tuple[str, ...] = ()
    compatible: tuple[str, ...] = ()
    controller: bool = False
    source: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedLine:
    """One interrupt (`line`: the host's number) and the pCPU that takes it."""

    line: int
    cpu: int
    source: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptRouting:
    """Which pCPU takes which interrupt: `lines` first, `cpu` for every other one.

    Where a board says nothing it is CPU 0, as in the measurement of the published kernel; QNX documents none.
    """

    cpu: int = 0
    lines: tuple[RoutedLine, ...] = ()
    source: str = "assumed: CPU 0, which takes the clock's, too (convention of the measurement)"
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def taker(self, line: int | None) -> int:
        """The pCPU that takes interrupt `line`; that of any other for None."""
        return next((row.cpu for row in self.lines if row.line == line), self.cpu)

    def source_of(self, line: int | None) -> str:
        """Where it is known from that this pCPU takes it."""
        return next((row.source for row in self.lines if row.line == line), self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A measured or assumed cost: nanoseconds or core cycles as lowest, typical and highest value."""

    name: str
    low: int
    typical: int
    high: int
    unit: str
    source: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTree:
    """The shape of the board's host devicetree: cells, and the node that lists regions by name.

    `macro` is what makes a region in it of start, size and name; empty for plain nodes.
    """

    style: str
    address_cells: int = 2
    size_cells: int = 2
    consumer: str = ""
    macro: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskStep:
    """A step after the host image: tool `kind` (fat, qnx6, disk) makes `output` from a rendered template.

    `max_size` is how many bytes the partition or medium takes that `output` is written to; None: not known.
    """

    kind: str
    template: str
    output: str
    max_size: int | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardStartup:
    """What starts the host here: program, fixed arguments, image address, kernel, hypervisor mode."""

    program: str
    arguments: tuple[str, ...] = ()
    virtual: str = ""
    image: int | None = None
    kernel: str = "procnto-smp-instr"
    hypervisor_mode: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootLoader:
    """What the boot loader does with the host image: where it puts it, how large the flash for it is."""

    address: int | None = None
    flash: int | None = None
    source: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The facts of one board. `smmu`, `bring_up` None: not known."""

    name: str
    title: str
    architecture: Architecture
    cores: tuple[Core, ...]
    memory: tuple[Bank, ...]
    devices: tuple[Device, ...] = ()
    smmu: bool | None = None
    gic: int | None = None
    counter_hz: int | None = None
    address_bits: int | None = None
    regions_by: RegionsBy | None = None
    tree: HostTree | None = None
    startup: BoardStartup | None = None
    loader: BootLoader | None = None
    disk: tuple[DiskStep, ...] = ()
    cost_class: str = "el2-host"
    costs: tuple[Cost, ...] = ()
    routing: InterruptRouting = InterruptRouting()
    bring_up: BringUp | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def device(self, name: str) -> Device | None:
        """The device called `name`, or None."""
        return next((device for device in self.devices if device.name == name), None)
