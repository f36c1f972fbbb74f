"""What is known of a guest beyond its VM: its images, its own device tree, its drivers and its needs."""

from dataclasses import field

from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, Origin
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """A file that qvm loads, as found on the build machine.

    `kind` is what its content shows (`elf`, `ifs`, `linux`, `dtb`, `cpio`, empty: not recognised);
    `linked` is the range its program is linked for, `entry` where it starts. None: not known.
    """

    path: str
    exists: bool = True
    size: int | None = None
    kind: str = ""
    linked: AddressRange | None = None
    entry: int | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimit:
    """How many bytes an image may have, and what says so."""

    size: int
    what: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def excess(self, size: int) -> str:
        """What to say of an image of `size` bytes; empty when it fits."""
        return f"{size} bytes, {self.what} takes {self.size}" if size > self.size else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootImage:
    """The host's boot image: the address it is built for, where the boot loader puts it, its size's limits.

    `plain` says that nothing compresses it: it is at least as large as the files that go in unchanged.
    """

    address: int | None = None
    loaded_at: int | None = None
    limits: tuple[SizeLimit, ...] = ()
    plain: bool = False
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestCommand:
    """A command line that the guest's own image or script runs: a driver told where its device is."""

    command: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDevice:
    """A device node of the guest's own tree; `interrupts` are architectural ids (SPI cell plus 32)."""

    name: str
    compatible: tuple[str, ...] = ()
    window: AddressRange | None = None
    interrupts: tuple[int, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRange:
    """A range that a `reg` of the guest's own tree gives."""

    window: AddressRange
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestTree:
    """What the guest's own device tree says. None, or an empty tuple of memory: it leaves that to qvm."""

    memory: tuple[TreeRange, ...] = ()
    reserved: tuple[TreeRange, ...] = ()
    cpus: int | None = None
    gic: int | None = None
    devices: tuple[TreeDevice, ...] = ()
    cpus_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    gic_origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestNeeds:
    """What the guest's software requires: bytes of RAM, device types it has drivers for and must find.

    `aware` False: the guest does not know that it runs in a VM, so paravirtual devices are no use to it.
    """

    memory: int | None = None
    vdevs: tuple[str, ...] = ()
    aware: bool = True
    ifs_address: int | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFacts:
    """All that is known of one guest. None, or an empty tuple, means not known: rules then stay silent."""

    images: tuple[ImageFacts, ...] = ()
    commands: tuple[GuestCommand, ...] = ()
    tree: GuestTree | None = None
    needs: GuestNeeds | None = None
