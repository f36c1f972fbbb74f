"""Small systems for tests of the execution model, and Hypothesis strategies that draw them."""

from collections.abc import Sequence
from types import MappingProxyType

from hypothesis import strategies as st

from hvbuild.machine.claims import Shape, Shapes
from hvbuild.model.system import HostFacts, HostRegion, System
from hvbuild.model.vm import (
    AsinfoLength,
    AsinfoStart,
    Location,
    Memory,
    MemoryKind,
    Option,
    Pass,
    PassWindow,
    Space,
    Unsupported,
    Vcpu,
    Vdev,
    VmConfig,
)
from hvbuild.ranges import AddressRange

MIB = 1 << 20
GIB = 1 << 30
SHAPES: Shapes = {
    "gic": (
        Shape(option="gicd", size=0x1000, default=0x2C001000, version=2),
        Shape(option="gicc", size=0x2000, default=0x2C002000, version=2, mapped=True),
        Shape(option="gicd", size=0x10000, default=0x2F000000, version=3),
        Shape(option="gicr", size=0x20000, default=0x2F100000, version=3, per_vcpu=True),
    ),
    "pl011": (Shape(option="loc", size=0x1000),),
    "virtio-blk": (Shape(option="loc", size=0x200),),
    "shmem": (Shape(option="loc", size=0x1000),),
    "timer8254": (Shape(option="loc", size=4, default=0x40, space=Space.IO),),
}


def ram(base: int, size: int, kind: MemoryKind = MemoryKind.RAM) -> Memory:
    return Memory(kind=kind, base=base, size=size)


def vdev(kind: str, start: int, *options: tuple[str, str], space: Space = Space.MEM) -> Vdev:
    return Vdev(
        type=kind,
        name=f"{kind}@{start:x}",
        location=Location(space=space, start=start),
        options=tuple(Option(key=key, values=(value,)) for key, value in options),
    )


def passed(
    start: int, size: int, flags: str = "rwn", host: int | None = None, space: Space = Space.MEM
) -> Pass:
    window = PassWindow(space=space, start=start, length=size, flags=frozenset(flags), host=host)
    return Pass(windows=(window,), name=f"pass@{start:x}")


def region_pass(name: str, flags: str = "rwcxm") -> Pass:
    window = PassWindow(
        space=Space.MEM, start=AsinfoStart(name), length=AsinfoLength(name), flags=frozenset(flags)
    )
    return Pass(windows=(window,), name=name)


def region(name: str, start: int, size: int, *, shared: bool = False) -> HostRegion:
    return HostRegion(name=name, window=AddressRange.sized(start, size), size=size, shared=shared)


def vm(
    name: str,
    *blocks: Memory,
    vdevs: Sequence[Vdev] = (),
    passes: Sequence[Pass] = (),
    action: str = "",
    cpus: int = 1,
) -> VmConfig:
    unsupported = (Unsupported(kind="reference", action=action),) if action else ()
    return VmConfig(
        system=name,
        title=name,
        memory=blocks,
        vcpus=tuple(Vcpu() for _ in range(cpus)),
        vdevs=tuple(vdevs),
        passes=tuple(passes),
        unsupported=unsupported,
    )


def host(
    *banks: tuple[int, int],
    regions: Sequence[HostRegion] = (),
    reserved: Sequence[HostRegion] = (),
    architecture: str = "aarch64",
    smmu: bool | None = None,
    smmuman: bool | None = None,
) -> HostFacts:
    return HostFacts(
        architecture=architecture,
        banks=tuple(region(f"bank{i}", start, size) for i, (start, size) in enumerate(banks)),
        regions=MappingProxyType({row.name: row for row in regions}),
        reserved=tuple(reserved),
        smmu=smmu,
        smmuman=smmuman,
        gic=3,
    )


def system(*vms: VmConfig, facts: HostFacts | None = None) -> System:
    return System(vms=vms, target="qnx-7.1", host=facts if facts is not None else host((0x80000000, GIB)))


# --- strategies -----------------------------------------------------------------------------------------

_SIZES = st.sampled_from((0x1000, 0x2000, 0x5000, 2 * MIB, 2 * MIB + 0x1000, 7 * MIB))
_STEPS = st.sampled_from((0, 0, 0x1000, 0x3000, 2 * MIB - 0x1000, 2 * MIB, GIB))
_FLAGS = st.sampled_from(("rwn", "rwd", "rn", "rwcxm", "x"))


@st.composite
def vms(draw: st.DrawFn, name: str) -> VmConfig:
    """A VM whose claims are drawn from low to high, side by side or apart, never on each other."""
    at = draw(st.sampled_from((0, 0x1000, 2 * MIB - 0x1000, GIB - 2 * MIB, 4 * GIB - 0x1000)))
    blocks, vdevs, passes = [], [], []
    for _ in range(draw(st.integers(1, 6))):
        at += draw(_STEPS)
        kind, size = draw(st.sampled_from(("ram", "ram", "rom", "pass", "vdev", "unity"))), draw(_SIZES)
        if kind in ("ram", "rom"):
            blocks.append(ram(at, size, MemoryKind(kind)))
        elif kind == "vdev":
            size = 0x1000
            vdevs.append(vdev(draw(st.sampled_from(("pl011", "virtio-blk"))), at))
        else:
            place = None if kind == "unity" else 0x7_0000_0000 + at
            passes.append(passed(at, size, draw(_FLAGS), place))
        at += size
    action = draw(st.sampled_from(("", "abort", "fail", "ignore")))
    return vm(name, *blocks, vdevs=vdevs, passes=passes, action=action)


@st.composite
def systems(draw: st.DrawFn) -> System:
    """One to three VMs over host memory in one or two banks, some of it reserved."""
    banks = draw(
        st.sampled_from((((0x8000_0000, 64 * MIB),), ((0x8000_0000, 9 * MIB), (0x9000_0000, 80 * MIB))))
    )
    reserved = [region("fw", banks[0][0] + 0x3000, 0x2000)] if draw(st.booleans()) else []
    machines = [draw(vms(f"vm{i}")) for i in range(draw(st.integers(1, 3)))]
    return system(*machines, facts=host(*banks, reserved=reserved))
