"""What rules look at: a system, with what several rules need of it worked out once."""

from collections.abc import Iterator
from dataclasses import field
from enum import StrEnum
from functools import cached_property

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.catalog import Catalog, shipped_catalog
from hvbuild.model.board import Device
from hvbuild.model.evidence import GuestFacts
from hvbuild.model.system import HostFacts, HostRegion, HostService, Launch, System
from hvbuild.model.vm import (
    AsinfoLength,
    AsinfoStart,
    Location,
    Memory,
    MemoryKind,
    Pass,
    PassWindow,
    Space,
    Vdev,
    VmConfig,
)
from hvbuild.ranges import AddressRange, clashes
from hvbuild.rules.lines import Line, lines_of
from hvbuild.rules.windows import VdevWindow, vdev_windows
from hvbuild.source import Origin
from hvbuild.values import dataclass

WILDCARDS = frozenset("*?[")


def lies_in(path: str, places: frozenset[str]) -> bool:
    """True when `path` or a folder above it is one of `places`."""
    at = path
    while at:
        if at in places:
            return True
        at = at.rpartition("/")[0]
    return False


class Role(StrEnum):
    """What answers at a guest-physical address."""

    RAM = "RAM"
    ROM = "ROM"
    HANDED = "pass"
    VDEV = "vdev"


@dataclass(frozen=True, slots=True)
class Claim:
    """A guest-physical window and who answers there; `lent` marks host memory used as guest RAM."""

    window: AddressRange
    role: Role
    text: str
    origin: Origin
    thing: Memory | PassWindow | Vdev
    lent: bool = False

    @property
    def is_memory(self) -> bool:
        """True where the guest finds memory: RAM, ROM, or host memory lent as RAM."""
        return self.lent or self.role in (Role.RAM, Role.ROM)


@dataclass(frozen=True, slots=True)
class Handed:
    """A range of host-physical addresses that one VM is handed by `pass`."""

    vm: VmConfig
    window: AddressRange
    location: PassWindow
    context: Pass
    region: str = ""

    @property
    def text(self) -> str:
        """How people call it: the region, the board device, or the range."""
        if self.region:
            return f"region `{self.region}`"
        return f"device `{self.context.device}`" if self.context.device else f"`{self.window}`"


@dataclass(frozen=True, eq=False)
class VmScene:
    """One VM in its system."""

    scene: "Scene"
    vm: VmConfig

    @property
    def system(self) -> System:
        """The system that the VM is part of."""
        return self.scene.system

    @property
    def host(self) -> HostFacts:
        """What is known of the host."""
        return self.scene.system.host

    @property
    def text(self) -> str:
        """How a message calls the guest."""
        return f"guest `{self.vm.label}`"

    @property
    def place(self) -> Origin:
        """Where the VM as a whole is written down."""
        return self.vm.system_origin or self.vm.origin

    @property
    def launch(self) -> Launch | None:
        """How the host starts it, where that is known."""
        return (self.host.launches or {}).get(self.vm.system)

    @property
    def facts(self) -> GuestFacts:
        """What is known of the guest beyond its VM."""
        return self.system.guests.get(self.vm.label) or GuestFacts()

    @cached_property
    def memory(self) -> tuple[Claim, ...]:
        """RAM and ROM blocks whose place and size are known."""
        return tuple(self._memory_claims())

    @cached_property
    def passes(self) -> tuple[Claim, ...]:
        """Memory windows handed over, where place and length are known."""
        return tuple(self._pass_claims())

    @cached_property
    def vdevs(self) -> tuple[Claim, ...]:
        """Memory windows of virtual devices, each device's own and those its options open."""
        return tuple(self._vdev_claims(Space.MEM))

    @cached_property
    def ports(self) -> tuple[Claim, ...]:
        """x86 port windows of virtual devices."""
        return tuple(self._vdev_claims(Space.IO))

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Guest interrupt lines in use, devices first, then what is handed over."""
        return tuple(lines_of(self.vm, self.scene.catalog))

    @cached_property
    def overlaps(self) -> tuple[tuple[Claim, Claim], ...]:
        """Pairs of claims on the same guest-physical addresses."""
        everything = (*self.memory, *self.passes, *self.vdevs)
        return tuple(clashes((claim.window, claim) for claim in everything))

    def clashing(self, *roles: Role) -> Iterator[tuple[Claim, Claim]]:
        """Overlapping pairs between the two roles, the claim of the first role first."""
        one, two = roles
        for first, second in self.overlaps:
            if (first.role, second.role) == (one, two):
                yield first, second
            elif (second.role, first.role) == (one, two):
                yield second, first

    @cached_property
    def has_open_memory(self) -> bool:
        """True when some memory of the guest has a place or size that is not known here."""
        known = len(self.memory) == len(self.vm.memory)
        return not known or any(
            "m" in window.flags and self.system.window(window.start, window.length) is None
            for each in self.vm.passes
            for window in each.windows
        )

    def _memory_claims(self) -> Iterator[Claim]:
        for block in self.vm.memory:
            window = self.system.window(block.base, block.size)
            if window is not None:
                role = Role.RAM if block.kind is MemoryKind.RAM else Role.ROM
                name = f"{role} `{block.name}`" if block.name else str(role)
                yield Claim(window, role, name, block.origin, block)

    def _pass_claims(self) -> Iterator[Claim]:
        for each in self.vm.passes:
            for location in each.windows:
                window = self.system.window(location.start, location.length)
                if window is not None and location.space is Space.MEM:
                    name = pass_text(each, location)
                    origin = location.origin or each.origin
                    yield Claim(window, Role.HANDED, name, origin, location, "m" in location.flags)

    def _vdev_claims(self, space: Space) -> Iterator[Claim]:
        for vdev in self.vm.vdevs:
            for piece in self.scene.windows_of(vdev, self.vm):
                if piece.space is space:
                    origin = piece.origin or vdev.origin
                    yield Claim(piece.window, Role.VDEV, f"virtual device `{vdev.label}`", origin, vdev)


@dataclass(frozen=True, eq=False)
class Scene:
    """A whole system."""

    system: System
    catalog: Catalog = field(default_factory=shipped_catalog)

    @property
    def host(self) -> HostFacts:
        """What is known of the host."""
        return self.system.host

    @cached_property
    def vms(self) -> tuple[VmScene, ...]:
        """Its VMs, in order."""
        return tuple(VmScene(self, vm) for vm in self.system.vms)

    @cached_property
    def handed(self) -> tuple[Handed, ...]:
        """Every host-physical memory range that a VM is handed, in order of VMs."""
        return tuple(self._handed())

    @cached_property
    def handed_by(self) -> dict[int, list[Handed]]:
        """The ranges of `handed` by the identity of the `pass` context that hands them over."""
        groups: dict[int, list[Handed]] = {}
        for handed in self.handed:
            groups.setdefault(id(handed.context), []).append(handed)
        return groups

    @cached_property
    def banks(self) -> tuple[AddressRange, ...] | None:
        """The board's RAM, or None when it is not known."""
        banks = self.host.banks
        return None if banks is None else tuple(bank.window for bank in banks if bank.window)

    @cached_property
    def regions(self) -> tuple[HostRegion, ...]:
        """Named and reserved host memory together."""
        return (*(self.host.regions or {}).values(), *self.host.reserved)

    @cached_property
    def _services(self) -> dict[str, list[HostService]]:
        """Services by what they back (`guest.vdev`) and by the paths they make."""
        index: dict[str, list[HostService]] = {}
        for service in self.host.services or ():
            for name in (*service.backs, *service.provides):
                index.setdefault(name, []).append(service)
        return index

    @cached_property
    def raisers(self) -> dict[int, Device]:
        """The board device that raises each host interrupt."""
        devices = (self.host.devices or {}).values()
        return {number: device for device in devices for number in device.interrupts}

    @cached_property
    def start_order(self) -> dict[int, int]:
        """How many services start before each, by identity."""
        return {id(service): index for index, service in enumerate(self.host.services or ())}

    @cached_property
    def provided_patterns(self) -> tuple[tuple[str, HostService], ...]:
        """Path patterns with a wildcard that services make, with the service."""
        return tuple(
            (path, service)
            for service in self.host.services or ()
            for path in service.provides
            if set(path) & WILDCARDS
        )

    @cached_property
    def outside_patterns(self) -> tuple[str, ...]:
        """Paths with a wildcard that somebody else provides, and those that mkifs or procnto always make."""
        outside = tuple(path for path in self.host.outside if set(path) & WILDCARDS)
        return (*outside, *buildfile_catalog().builtin_paths)

    @cached_property
    def outside_paths(self) -> frozenset[str]:
        """Paths that somebody else provides, without a slash at the end."""
        return frozenset(path.rstrip("/") for path in self.host.outside)

    @cached_property
    def made_paths(self) -> frozenset[str]:
        """Paths that somebody else or a service of the host makes, without a slash at the end."""
        made = (path.rstrip("/") for service in self.host.services or () for path in service.provides)
        return self.outside_paths | frozenset(made)

    def services_for(self, path: str) -> list[HostService]:
        """The services that say that they make `path`."""
        return self._services.get(path, [])

    def serving(self, vdev: Vdev, vm: VmConfig) -> Iterator[HostService]:
        """The services that stand behind a virtual device on the host, as far as they say so."""
        yield from self._services.get(f"{vm.label}.{vdev.key or vdev.name}", ())
        for path in host_paths(vdev):
            yield from self._services.get(path, ())

    def windows_of(self, vdev: Vdev, vm: VmConfig) -> tuple[VdevWindow, ...]:
        """The windows of `vdev`, as written or as the catalogue has them by default."""
        return vdev_windows(vdev, vm, self.system, self.catalog)

    def _handed(self) -> Iterator[Handed]:
        for vm in self.system.vms:
            for each in vm.passes:
                for location in each.windows:
                    start = location.start if location.host is None else location.host
                    window = self.system.window(start, location.length)
                    if window is not None and location.space is Space.MEM:
                        yield Handed(vm, window, location, each, region_of(location))


def host_paths(vdev: Vdev) -> tuple[str, ...]:
    """Paths of the host that a virtual device opens; pipes, qvm's own streams and variables left out."""
    words = [
        value.lstrip("<>").strip('"')
        for option in vdev.options
        if option.key in ("hostdev", "peer", "host_path")
        for value in option.values
    ]
    return tuple(word for word in words if word.startswith("/") and "$" not in word)


def region_of(location: PassWindow) -> str:
    """The asinfo entry that a `pass` takes its host memory from, or nothing."""
    start = location.start if location.host is None else location.host
    if isinstance(start, AsinfoStart):
        return start.name
    return location.length.name if isinstance(location.length, AsinfoLength) else ""


def pass_text(context: Pass, location: PassWindow | Location) -> str:
    """How a message calls a window that is handed over."""
    name = context.device or context.name
    if not name and isinstance(location, PassWindow):
        name = region_of(location)
    return f"pass-through `{name}`" if name else "the pass-through window"
