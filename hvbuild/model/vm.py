"""One meaning of a VM for every door: what qvm would build, however it was written down.

A qvmconf document is read into `VmConfig`, a plan is projected into it; rules, read-back, adopt, diff and
drift take nothing else. Two values are equal when they mean the same: origins, spellings that qvm does not
tell apart and the order of things whose order does not matter take no part in equality.
"""

from dataclasses import field
from enum import StrEnum

from hvbuild.source import NOWHERE, Origin
from hvbuild.units import Nanoseconds
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class AsinfoStart:
    """The start address of the host's asinfo entry `name`, known when qvm starts."""

    name: str

    def __str__(self) -> str:
        return f"$asinfo_start{{{self.name}}}"


@dataclass(frozen=True, slots=True)
class AsinfoLength:
    """The length of the host's asinfo entry `name`."""

    name: str

    def __str__(self) -> str:
        return f"$asinfo_length{{{self.name}}}"


@dataclass(frozen=True, slots=True)
class Opaque:
    """A number that cannot be known here (an `$env{}` substitution, a template marker); kept as text."""

    text: str

    def __str__(self) -> str:
        return self.text


Amount = int | AsinfoStart | AsinfoLength | Opaque
"""A number as qvm will see it: known now, or only on the target."""


class Space(StrEnum):
    """What a location is measured in."""

    MEM = "mem"
    IO = "io"
    PCI = "pci"


# --- memory -------------------------------------------------------------------------------------------


class MemoryKind(StrEnum):
    """Guest memory that qvm allocates."""

    RAM = "ram"
    ROM = "rom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A `ram` or `rom` block. `base` is always filled in: an address-less block starts right after the
    highest block before it (QNX 7.1 `vm/ram`), and `placed` then says that the address was derived."""

    kind: MemoryKind
    base: Amount
    size: Amount
    name: str = field(default="", compare=False)
    placed: bool = field(default=False, compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


# --- vCPUs --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """`45r` or plain `45`: also what `o` means (QNX 7.1: `o` equals round-robin)."""

    priority: int


@dataclass(frozen=True, slots=True)
class Fifo:
    """`45f`."""

    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sporadic:
    """A sporadic vCPU thread. On a qvmconf line period and budget are taken as nanoseconds (assumed)."""

    priority: int
    low_priority: int
    max_replenishments: int
    replenishment_period: Nanoseconds
    initial_budget: Nanoseconds


Sched = RoundRobin | Fifo | Sporadic


@dataclass(frozen=True, slots=True, kw_only=True)
class Vcpu:
    """One `cpu` context. None means not given: qvm's own priority, any pCPU, the launching partition.

    `verbatim` are options whose argument only the target knows (`sched $env{PRIORITY}`), as words.
    """

    sched: Sched | None = None
    runmask: frozenset[int] | None = None
    cluster: str | None = None
    partition: str | None = None
    verbatim: tuple[tuple[str, ...], ...] = ()
    runmask_spelling: tuple[int, ...] = field(default=(), compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    sched_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    placement_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    partition_origin: Origin = field(default=NOWHERE, compare=False, repr=False)


# --- locations and interrupts ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a vdev or a reservation sits: memory, an x86 port, or a PCI slot (`text` then holds the slot)."""

    space: Space
    start: Amount = 0
    length: Amount | None = None
    text: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt:
    """A guest interrupt: line `line` of the interrupt controller named `pic`.

    `line` is None for the x86 form `intr apic`. On a GIC the line is the architectural interrupt id.
    """

    pic: str
    line: Amount | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassInterrupt:
    """A host interrupt handed to the guest. `vector` None: the controller's hostvector plus the line."""

    line: Interrupt
    attribute: str = ""
    vector: Amount | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassWindow:
    """A memory or port range handed to the guest. `host` None means the same address as in the guest.

    `flags` is the set in force after reading the letters left to right (`m` implies rwxcstn).
    """

    space: Space
    start: Amount
    length: Amount | None
    flags: frozenset[str] = frozenset()
    host: Amount | None = None
    flags_text: str = field(default="", compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassPci:
    """A host PCI device handed to the guest; texts as qvm reads them, `guest` empty when qvm chooses."""

    host: str
    guest: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One `pass` context: what it hands over, in written order.

    `waiver` is the reason why DMA that nothing contains is accepted here.
    """

    windows: tuple[PassWindow, ...] = ()
    pci: tuple[PassPci, ...] = ()
    interrupts: tuple[PassInterrupt, ...] = ()
    blob: str = ""
    name: str = field(default="", compare=False)
    device: str = field(default="", compare=False)
    waiver: str = field(default="", compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """One `reserve` context: places kept from qvm's automatic choices."""

    locations: tuple[Location, ...] = ()
    interrupts: tuple[Interrupt, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


# --- virtual devices --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A vdev option beyond `loc`, `intr` and `name`, with its argument tokens unquoted.

    An option that accumulates stands once per occurrence, in order; any other once, the last one written.
    `carried`: a stack says it under `verbatim`, so nobody claims to know it.
    """

    key: str
    values: tuple[str, ...] = ()
    carried: bool = field(default=False, compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vdev:
    """One virtual device: `type` is the bare catalogue name, `name` what qvm shows (empty: not given)."""

    type: str
    name: str = ""
    location: Location | None = None
    interrupts: tuple[Interrupt, ...] = ()
    options: tuple[Option, ...] = ()
    settings: tuple["Setting", ...] = ()
    key: str = field(default="", compare=False)
    spelling: str = field(default="", compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    name_origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def option(self, key: str) -> Option | None:
        """The option `key`, the last one when it accumulates, or None."""
        found = [option for option in self.options if option.key == key]
        return found[-1] if found else None

    @property
    def label(self) -> str:
        """How people call it: its qvm name, else its name in the stack, else its type."""
        return self.name or self.key or self.type


# --- images and the rest ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A file that qvm copies into the guest. `blob` is empty for an image that qvm recognises by content.

    `guest load` equals `load` (both mean: this is the guest image), so the reader leaves `blob` empty for it.
    """

    path: str
    blob: str = ""
    address: Amount | None = None
    name: str = field(default="", compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A `set VAR VALUE`; a vdev's own stand in the vdev, a vCPU's in `VmConfig.settings` with its index."""

    variable: str
    value: str
    vcpu: int | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logger:
    """Severities sent to one destination, for the VM or, by `vdev`, for one device of it (its key)."""

    filters: frozenset[str]
    destination: str
    vdev: int | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """What qvm does on an unsupported instruction, reference or register access."""

    kind: str
    action: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbatim:
    """Text that was understood only as words: an undocumented option with its arguments, carried through."""

    words: tuple[str, ...]
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


# How qvm reads a boolean that is false (QNX Hypervisor 7.1, vm/variables).
FALSE_WORDS = frozenset({"off", "0", "no", "false"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VmConfig:
    """One VM as qvm would build it. Sequences whose order qvm or the guest can see keep it."""

    system: str = ""
    memory: tuple[Memory, ...] = ()
    vcpus: tuple[Vcpu, ...] = ()
    vdevs: tuple[Vdev, ...] = ()
    passes: tuple[Pass, ...] = ()
    reserves: tuple[Reserve, ...] = ()
    loads: tuple[Load, ...] = ()
    cmdline: str | None = None
    settings: tuple[Setting, ...] = ()
    loggers: tuple[Logger, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    dump: str | None = None
    safety: str | None = None
    flags: frozenset[str] = frozenset()
    verbatim: tuple[Verbatim, ...] = ()
    title: str = field(default="", compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    system_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    cmdline_origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def halts_in_place(self) -> bool:
        """True when a halt of the guest is no exit (`exit-on-halt` off): an idle vCPU keeps its pCPU."""
        found = [row.value for row in self.settings if row.variable == "exit-on-halt" and row.vcpu is None]
        return bool(found) and found[-1].lower() in FALSE_WORDS

    @property
    def label(self) -> str:
        """How people call it: the guest's name in the stack, else its system name, else its file."""
        place = self.origin.span
        return self.title or self.system or (place.file.path if place is not None else "nowhere")
