"""Who answers which addresses of one VM: its claims on guest-physical memory and on x86 ports.

A claim that stage 2 maps covers whole pages, since a table cannot map less; a vdev's claim covers the bytes
the device has. Places that only the target knows ($env, PCI slots, automatic placement) are not guessed:
they stay out and are said.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from hvbuild.model.system import System
from hvbuild.model.vm import Amount, Location, Memory, MemoryKind, PassWindow, Space, Vdev, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import PAGE, hex_address, read_qvm_address

READ_WRITE = frozenset("rw")
READ_EXECUTE = frozenset("rx")
ALL_RIGHTS = frozenset("rwx")


class ClaimKind(StrEnum):
    """What stands behind a claim."""

    RAM = "ram"
    ROM = "rom"
    PASS = "pass"  # noqa: S105
    SHARED = "shared memory"
    VDEV = "vdev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One register window that a vdev type has: which option places it, its bytes, its place by default.

    `mapped`: hardware answers it (the GICv2 CPU interface is the physical GICV), so it costs no exit.
    """

    option: str
    size: int
    default: int | None = None
    space: Space = Space.MEM
    version: int | None = None
    per_vcpu: bool = False
    mapped: bool = False


Shapes = Mapping[str, tuple[Shape, ...]]
"""The windows of each vdev type, from the catalogue."""


class WindowRow(Protocol):
    """What the catalogue says of one window of a vdev."""

    @property
    def option(self) -> str:
        """The option that places it."""

    @property
    def size(self) -> int:
        """Its bytes."""

    @property
    def default(self) -> int | None:
        """Its place when the option is not given."""

    @property
    def version(self) -> int | None:
        """The device version that has it."""

    @property
    def per_vcpu(self) -> bool:
        """True when there is one for each vCPU."""


class VdevRow(Protocol):
    """What the catalogue says of one vdev type."""

    @property
    def windows(self) -> tuple[WindowRow, ...]:
        """Its windows."""

    @property
    def space(self) -> str:
        """Where it is placed by default."""


def shapes_of(vdevs: Mapping[str, VdevRow]) -> Shapes:
    """The windows of each vdev type of a catalogue."""
    return {
        name: tuple(
            Shape(
                option=window.option,
                size=window.size,
                default=window.default,
                space=Space.IO if row.space == "io" else Space.MEM,
                version=window.version,
                per_vcpu=window.per_vcpu,
                # Arm GIC-400: the guest's CPU interface is the physical GICV page, mapped by stage 2
                mapped=name == "gic" and window.option == "gicc",
            )
            for window in row.windows
        )
        for name, row in vdevs.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One range of one VM and what answers there. `host` is the host start of a pass-through range.

    `window` is what the hardware maps or the vdev answers; `declared` what was written. `dma` is None when
    the pass says neither `d` nor `n`.
    """

    kind: ClaimKind
    name: str
    window: AddressRange
    declared: AddressRange
    space: Space = Space.MEM
    permissions: frozenset[str] = READ_WRITE
    host: int | None = None
    memory: bool = False
    dma: bool | None = None
    vdev: int | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def is_mapped(self) -> bool:
        """True when stage 2 maps it, so that an access causes no exit."""
        return self.kind is not ClaimKind.VDEV


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something of a VM that the model leaves out or rounds, and why."""

    vm: str
    subject: str
    text: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


def architecture_of(system: System, vm: VmConfig) -> str:
    """`aarch64` or `x86_64`: the host's, else what the VM's own words show."""
    if system.host.architecture is not None:
        return system.host.architecture
    ports = any(v.location is not None and v.location.space is Space.IO for v in vm.vdevs)
    ports = ports or any(w.space is Space.IO for p in vm.passes for w in p.windows)
    lapic = any(intr.line is None for vdev in vm.vdevs for intr in vdev.interrupts)
    return "x86_64" if ports or lapic else "aarch64"


def claims_of(system: System, vm: VmConfig, shapes: Shapes) -> tuple[tuple[Claim, ...], tuple[Remark, ...]]:
    """All claims of `vm` in the order of memory, passes, vdevs, and the remarks on what stayed out."""
    found = [
        *(_memory(system, vm, block) for block in vm.memory),
        *(_pass(system, vm, window, p.name or p.device) for p in vm.passes for window in p.windows),
        *_passed_pci(vm),
        *(row for index in range(len(vm.vdevs)) for row in _vdev(system, vm, index, shapes)),
        *_implicit(system, vm, shapes),
    ]
    remarks = [row for row in found if isinstance(row, Remark)]
    claims = [row for row in found if isinstance(row, Claim)]
    for claim in claims:
        if claim.is_mapped and claim.space is Space.MEM and claim.window != claim.declared:
            text = f"mapped as whole pages {claim.window}, written as {claim.declared}"
            remarks.append(Remark(vm=vm.label, subject=claim.name, text=text, origin=claim.origin))
    return tuple(claims), tuple(remarks)


def _memory(system: System, vm: VmConfig, block: Memory) -> Claim | Remark:
    window = system.window(block.base, block.size)
    name = block.name or f"{block.kind} {_spelled(block.base)}"
    if window is None or not window.size:
        return Remark(vm=vm.label, subject=name, text="place or size not known here", origin=block.origin)
    rom = block.kind is MemoryKind.ROM
    return Claim(
        kind=ClaimKind.ROM if rom else ClaimKind.RAM,
        name=name,
        window=_pages(window),
        declared=window,
        permissions=READ_EXECUTE if rom else ALL_RIGHTS,
        memory=True,
        origin=block.origin,
    )


def _pass(system: System, vm: VmConfig, row: PassWindow, name: str) -> Claim | Remark:
    window = system.window(row.start, row.length)
    name = name or f"pass {_spelled(row.start)}"
    if window is None or not window.size:
        return Remark(vm=vm.label, subject=name, text="place or size not known here", origin=row.origin)
    host = system.amount(row.host) if row.host is not None else window.start
    memory = row.space is Space.MEM
    covered = _pages(window) if memory else window
    rights = row.flags & ALL_RIGHTS
    return Claim(
        kind=ClaimKind.PASS,
        name=name,
        window=covered,
        declared=window,
        space=row.space,
        # without any letter the reference prints only examples with rights; read and write are assumed
        permissions=rights if row.flags else READ_WRITE,
        host=host - (window.start - covered.start) if memory and host is not None else None,
        memory="m" in row.flags,
        dma=True if "d" in row.flags else False if row.flags & {"n", "m"} else None,
        origin=row.origin,
    )


def _passed_pci(vm: VmConfig) -> Iterator[Remark]:
    for row in vm.passes:
        for pci in row.pci:
            text = "a PCI device's windows are set by the guest at run time"
            yield Remark(vm=vm.label, subject=f"pci:{pci.host}", text=text, origin=pci.origin)


def _vdev(system: System, vm: VmConfig, index: int, shapes: Shapes) -> Iterator[Claim | Remark]:
    vdev = vm.vdevs[index]
    version = gic_version(system, vdev) if vdev.type == "gic" else None
    rows = [
        shape
        for shape in shapes.get(vdev.type.removesuffix("-safety"), ())
        if shape.version is None or shape.version == version
    ]
    if not rows:
        rows = [Shape(option="loc", size=PAGE)]
    for shape in rows:
        yield from _shape(system, vm, index, shape)


def _shape(system: System, vm: VmConfig, index: int, shape: Shape) -> Iterator[Claim | Remark]:
    vdev = vm.vdevs[index]
    place = _placed(system, vdev, shape)
    if place is None:
        if shape.option == "loc" and vdev.type != "gic":
            text = "no fixed place: qvm or the guest chooses it at run time"
            yield Remark(vm=vm.label, subject=vdev.label, text=text, origin=vdev.origin)
        return
    space, start, size = place
    if start + size > 1 << 64:
        yield Remark(vm=vm.label, subject=vdev.label, text="beyond 64 bits", origin=vdev.origin)
        return
    window = AddressRange.sized(start, size * (max(1, len(vm.vcpus)) if shape.per_vcpu else 1))
    suffix = "" if shape.option == "loc" else f" {shape.option}"
    yield Claim(
        kind=ClaimKind.PASS if shape.mapped else ClaimKind.VDEV,
        name=vdev.label + suffix,
        window=window,
        declared=window,
        space=space,
        vdev=index,
        origin=vdev.location.origin if vdev.location is not None else vdev.origin,
    )


def _placed(system: System, vdev: Vdev, shape: Shape) -> tuple[Space, int, int] | None:
    """Space, start and size of one window of `vdev`, or None where it has no fixed place."""
    location: Location | None = vdev.location
    option = vdev.option(shape.option)
    if option is not None and shape.option != "loc":
        start = read_qvm_address(option.values[0].split(",")[0]) if option.values else None
        return (shape.space, start, shape.size) if start is not None else None
    if location is not None and shape.option in ("loc", "gicd"):
        at, length = system.amount(location.start), system.amount(location.length)
        if location.space is Space.PCI or at is None:
            return None
        return location.space, at, length or shape.size
    return (shape.space, shape.default, shape.size) if shape.default is not None else None


def gic_version(system: System, vdev: Vdev) -> int:
    """2 or 3: what the `gic` vdev presents by its options, else by the host's controller (`vdev gic`)."""
    version = vdev.option("version")
    if version is not None and version.values and version.values[0].isdigit():
        return int(version.values[0])
    if vdev.option("gicr") is not None or vdev.option("its") is not None:
        return 3
    return 2 if vdev.option("gicc") is not None or system.host.gic == 2 else 3


def _implicit(system: System, vm: VmConfig, shapes: Shapes) -> Iterator[Claim | Remark]:
    """What every VM has without being asked: the GIC on Arm, the local APIC and PCI ports on x86."""
    if architecture_of(system, vm) == "aarch64":
        if not any(vdev.type == "gic" for vdev in vm.vdevs):
            with_gic = VmConfig(vcpus=vm.vcpus, vdevs=(Vdev(type="gic"),), title=vm.label)
            yield from (_unnumbered(row) for row in _vdev(system, with_gic, 0, shapes))
        return
    # Intel SDM: the local APIC's page; PCI 3.0: configuration address and data ports.
    lapic, ports = AddressRange.sized(0xFEE00000, PAGE), AddressRange.sized(0xCF8, 8)
    yield Claim(kind=ClaimKind.VDEV, name="lapic", window=lapic, declared=lapic)
    if not any(w.space is Space.IO and _covers(system, w, ports) for p in vm.passes for w in p.windows):
        yield Claim(kind=ClaimKind.VDEV, name="pci", window=ports, declared=ports, space=Space.IO)


def _covers(system: System, row: PassWindow, ports: AddressRange) -> bool:
    window = system.window(row.start, row.length)
    return window is not None and window.overlaps(ports)


def _unnumbered(row: Claim | Remark) -> Claim | Remark:
    if isinstance(row, Remark):
        return row
    return Claim(kind=row.kind, name=row.name, window=row.window, declared=row.declared, space=row.space)


def _spelled(amount: Amount) -> str:
    return hex_address(amount) if isinstance(amount, int) else str(amount)


def _pages(window: AddressRange) -> AddressRange:
    start, end = window.start // PAGE * PAGE, -(-window.end // PAGE) * PAGE
    return AddressRange(start, min(end, 1 << 64))
