"""What a boot image holds and does, as mkifs would build it: one meaning for every door.

A buildfile is read into `Image`; read-back, lint, adopt and diff compare such values. Two are equal when they
mean the same: origins, quoting and comments take no part. What was not expanded (`${NAME}`) stays as text.
"""

from dataclasses import field
from enum import StrEnum

from hvbuild.model.vm import Fifo, RoundRobin
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import Nanoseconds
from hvbuild.values import dataclass

# How long `waitfor` waits unless told (QNX SDP, startup script commands).
FIVE_SECONDS = Nanoseconds(5_000_000_000)


class EntryType(StrEnum):
    """What an entry of the image is."""

    FILE = "file"
    DIRECTORY = "dir"
    LINK = "link"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: where it goes, what fills it, whose it is.

    `path` is absolute in the image. `source` is the host name as written, empty for inline content, links and
    directories. `user`, `group` and `mode` are texts as written, empty when taken from the host file.
    `settings` are the remaining attributes in force that change the file itself, sorted.
    """

    path: str
    type: EntryType = EntryType.FILE
    source: str = ""
    content: str | None = None
    link: str = ""
    user: str = ""
    group: str = ""
    mode: str = ""
    optional: bool = True
    ignores_duplicate: bool = False
    settings: tuple[tuple[str, str], ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    source_origin: Origin = field(default=NOWHERE, compare=False, repr=False)


# --- the boot script ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """`-r addr,size[,flag]`: kept out of startup's allocations and of system RAM; flag 1: not cleared."""

    base: int
    size: int
    keep: bool = False
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carve:
    """`-R size[,align[,name[,low]]]`: taken from the top (or bottom) of RAM, published as typed memory."""

    size: int
    align: int | None = None
    name: str = "reserved"
    low: bool = False
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRegion:
    """`-L addr,size[,name]` of the R-Car startup: named typed memory at a fixed address."""

    base: int
    size: int
    name: str = "rcar_reserved"
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuCluster:
    """`-c name:mask[,name:mask]`: a named set of pCPUs (8.0)."""

    name: str
    mask: int
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupOption:
    """One option of the startup program: its letter, and its value where it takes one."""

    letter: str
    value: str | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of the boot script: file name, arguments, own environment, linked kernel modules."""

    name: str
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """The boot script: boot type (`aarch64le,raw`), programs in order (startup first, kernel last).

    `options` are the startup's; what is understood of them also stands in the fields after it. `understood`
    is False when an option or its value could not be read: rules about missing options then stay silent.
    """

    type: str
    physical: bool = False
    programs: tuple[Program, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    options: tuple[StartupOption, ...] = field(default=(), compare=False)
    operands: tuple[str, ...] = field(default=(), compare=False)
    reservations: tuple[Reservation, ...] = field(default=(), compare=False)
    carves: tuple[Carve, ...] = field(default=(), compare=False)
    regions: tuple[NamedRegion, ...] = field(default=(), compare=False)
    clusters: tuple[CpuCluster, ...] = field(default=(), compare=False)
    understood: bool = field(default=True, compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def startup(self) -> Program | None:
        """The first program."""
        return self.programs[0] if self.programs else None

    @property
    def kernel(self) -> Program | None:
        """The last program after the startup, which should be procnto."""
        return self.programs[-1] if len(self.programs) > 1 else None

    @property
    def architecture(self) -> str | None:
        """`aarch64` or `x86_64` where the boot type names the processor, else None."""
        for prefix, name in (("aarch64", "aarch64"), ("x86_64", "x86_64")):
            if self.type.startswith(prefix):
                return name
        return None

    def option(self, letter: str) -> StartupOption | None:
        """The last startup option `letter`, or None."""
        found = [option for option in self.options if option.letter == letter]
        return found[-1] if found else None

    @property
    def enables_hypervisor(self) -> bool:
        """True when `-Q enable…` is given (8.0) or a hypervisor module is linked (7.x)."""
        option = self.option("Q")
        by_option = option is not None and (option.value or "").split(",")[0] == "enable"
        return by_option or any(
            name.startswith("qvm") for program in self.programs for name in program.modules
        )


# --- what the image does when it starts -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Priority, pCPUs, cluster and partition that a command is started with; None: inherited."""

    priority: RoundRobin | Fifo | None = None
    cpus: frozenset[int] | None = None
    cluster: str | None = None
    partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """An rlimit from `on -L number:current[:maximum]`; 6 is RLIMIT_AS."""

    resource: int
    current: int
    maximum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStep:
    """A program that is started: its words without `on …`, in order.

    `background` is `&`. `script` is the image path of the shell script it stands in, empty for the startup
    script itself; there `conditional` says that it stands inside `if`, `while` or the like.
    """

    words: tuple[str, ...]
    background: bool = False
    placement: Placement = field(default_factory=Placement)
    limits: tuple[Limit, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    session: bool = False
    argv0: str = ""
    launcher: tuple[str, ...] = field(default=(), compare=False)
    script: str = ""
    conditional: bool = False
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def program(self) -> str:
        """The file name of the program without its folder."""
        return self.words[0].rsplit("/", 1)[-1] if self.words else ""

    @property
    def text(self) -> str:
        """The words with one blank between them."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStep:
    """`waitfor path [seconds]`; the time is 5 s when not given."""

    path: str
    timeout: Nanoseconds = FIVE_SECONDS
    script: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionStep:
    """`sched_aps name budget [critical]`: an adaptive partition; budget in percent, critical in ms."""

    name: str
    budget: int | None
    critical_ms: int | None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltInStep:
    """Another command of mkifs itself: `display_msg`, `procmgr_symlink`, `reopen`."""

    name: str
    arguments: tuple[str, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


Step = CommandStep | WaitStep | PartitionStep | BuiltInStep


@dataclass(frozen=True, slots=True, kw_only=True)
class QvmLaunch:
    """One `qvm`: its `@` files, other words, and how it is placed; `position` counts all steps."""

    configs: tuple[str, ...]
    words: tuple[str, ...] = ()
    placement: Placement = field(default_factory=Placement)
    limits: tuple[Limit, ...] = ()
    background: bool = False
    position: int = field(default=0, compare=False)
    script: str = field(default="", compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerBinding:
    """A vdevpeer interface of the host bound to a vdev: `vpctl` (8.0) or a driver option (7.x)."""

    interface: str
    peer: str
    bind: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A whole boot image as its buildfile says it.

    `steps` are those of the startup script; `shell_steps` those found in shell scripts of the image, read
    line by line without following their control flow. `complete` is False when text is missing here (an
    include, a script kept in a host file): what is absent then is only not known.
    """

    entries: tuple[Entry, ...] = ()
    boot: Boot | None = None
    steps: tuple[Step, ...] = ()
    shell_steps: tuple[CommandStep | WaitStep, ...] = ()
    load_address: int | None = None
    image_area: str = field(default="", compare=False)
    environment: tuple[tuple[str, str], ...] = ()
    launches: tuple[QvmLaunch, ...] = field(default=(), compare=False)
    peers: tuple[PeerBinding, ...] = field(default=(), compare=False)
    complete: bool = field(default=True, compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    area_origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def entry(self, path: str) -> Entry | None:
        """The entry at `path`, the last one when there are several, or None."""
        found = [entry for entry in self.entries if entry.path == path]
        return found[-1] if found else None

    @property
    def commands(self) -> tuple[CommandStep, ...]:
        """Everything that is started, in order: the startup script, then shell scripts."""
        return tuple(step for step in (*self.steps, *self.shell_steps) if isinstance(step, CommandStep))

    @property
    def partitions(self) -> tuple[PartitionStep, ...]:
        """The adaptive partitions that the startup script makes."""
        return tuple(step for step in self.steps if isinstance(step, PartitionStep))
