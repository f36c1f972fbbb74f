"""Subjects for tests of certificates: a small sound system that guarantees speak about, and changes of it."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from builders import GIB, MIB, a_place, passed, ram, rom, vcpu, vdev, window

from hvbuild.catalog import shipped_catalog
from hvbuild.certify.subject import Subject
from hvbuild.model.board import Architecture, Bank, Board, Core, Device
from hvbuild.model.evidence import GuestFacts, GuestNeeds
from hvbuild.model.guest import Demand, Guest, Image
from hvbuild.model.host import Host, Service
from hvbuild.model.plan import GuestPlan, HostPlan, Launch, Plan
from hvbuild.model.stack import CertificateTerms, Region, SharedMemory, Stack
from hvbuild.model.system import HostFacts, HostRegion, System
from hvbuild.model.vm import Load, RoundRobin, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.units import Nanoseconds

MS = 1_000_000
SPI = 0xFE20_4000
GIC = 0xFF84_1000


def demand(
    work: float = 2, period: float = 10, bound: float | None = None, pattern: str = "periodic", **more: Any
) -> Demand:
    """`work` of each `period` in milliseconds, by default to be done within the period."""
    return Demand(
        pattern=pattern,
        period=Nanoseconds(int(period * MS)),
        work=Nanoseconds(int(work * MS)),
        bound=Nanoseconds(int((period if bound is None else bound) * MS)),
        origin=a_place(),
        **more,
    )


BUSY = Demand(pattern="busy", bound=Nanoseconds(10 * MS))


def region(name: str, start: int, size: int, owner: str = "", **more: Any) -> Region:
    return Region(name=name, base=start, size=size, owner=owner, origin=a_place(), **more)


def a_board(cpus: int = 4) -> Board:
    return Board(
        name="test",
        title="test",
        architecture=Architecture.AARCH64,
        cores=tuple(Core(number=n, kind="a", frequency=2_000_000_000) for n in range(cpus)),
        memory=(Bank(name="ram", window=AddressRange.sized(0x8000_0000, 3 * GIB // 2)),),
        cost_class="el2-host",
        smmu=True,
        gic=3,
    )


def the_host(regions: tuple[Region, ...] = (), cpus: int = 4, **more: Any) -> HostFacts:
    """A host with 1.5 GiB of RAM from 2 GiB up, an SPI block, a GIC, an SMMU and smmuman."""
    known = {
        row.name: HostRegion(
            name=row.name,
            window=AddressRange.sized(row.base or 0, row.size or 0) if isinstance(row.base, int) else None,
            size=row.size,
            owner=row.owner,
            shared=row.shared,
            cleared=row.cleared,
            origin=row.origin,
        )
        for row in regions
    }
    facts: dict[str, Any] = {
        "architecture": "aarch64",
        "cpus": cpus,
        "banks": (HostRegion(name="ram", window=AddressRange.sized(0x8000_0000, 3 * GIB // 2)),),
        "regions": MappingProxyType(known),
        "reserved": (
            HostRegion(name="fw", window=AddressRange.sized(0x8000_0000, 2 * MIB), origin=a_place()),
        ),
        "devices": MappingProxyType(
            {
                "spi0": Device(
                    name="spi0",
                    windows=(AddressRange.sized(SPI, 0x1000),),
                    interrupts=(150,),
                    dma=True,
                    group="spi",
                    origin=a_place(),
                ),
                "gic": Device(
                    name="gic", windows=(AddressRange.sized(GIC, 0x1000),), controller=True, origin=a_place()
                ),
            }
        ),
        "smmu": True,
        "smmuman": True,
        "gic": 3,
        "address_bits": 40,
        "services": (),
    }
    return HostFacts(**{**facts, **more})


POOL = region("pool", 0xA000_0000, 64 * MIB, owner="qnx")


def qnx_vm(**fields: Any) -> VmConfig:
    """A guest with RAM, ROM, a region, a passed SPI block, a UART, a watchdog and shared memory."""
    defaults: dict[str, Any] = {
        "system": "qnx",
        "title": "qnx",
        "memory": (ram(0x8000_0000, 64 * MIB, "main"), rom(0x4000_0000, 0x1000)),
        "vcpus": (vcpu("20r", [0]),),
        "vdevs": (
            vdev("pl011", 0x1C09_0000, 37, name="uart"),
            vdev("wdt-sp805", 0x1C0F_0000, name="dog"),
            vdev("shmem", 0x1C05_0000, 40, name="shm", create="frames,0x100000", allow="frames"),
            vdev("virtio-net", 0x1C0A_0000, 41, name="net", peer="/dev/qvm/linux/net"),
        ),
        "passes": (
            passed(window(SPI, 0x1000, "rwd"), lines=[(44, 150)], device="spi0", name="spi"),
            passed(window(0xA000_0000, 64 * MIB, "rwcxm"), name="pool"),
        ),
        "loads": (Load(path="/g/ifs", address=0x8000_0000, origin=a_place()),),
        "origin": a_place(),
    }
    return VmConfig(**{**defaults, **fields})


def linux_vm(**fields: Any) -> VmConfig:
    """A guest with two vCPUs of its own, RAM and devices."""
    defaults: dict[str, Any] = {
        "system": "linux",
        "title": "linux",
        "memory": (ram(0x8000_0000, 128 * MIB, "main"),),
        "vcpus": (vcpu("10r", [1, 2]), vcpu("10r", [1, 2])),
        "vdevs": (
            vdev("pl011", 0x1C09_0000, 37, name="uart"),
            vdev("shmem", 0x1C05_0000, 40, name="shm", allow="frames"),
            vdev("virtio-net", 0x1C0A_0000, 41, name="net", peer="/dev/qvm/qnx/net"),
        ),
        "origin": a_place(),
    }
    return VmConfig(**{**defaults, **fields})


def a_guest(vm: VmConfig, demands: tuple[Demand | None, ...] | None = None, **more: Any) -> Guest:
    return Guest(
        name=vm.title,
        system=vm.system,
        vcpus=vm.vcpus,
        demands=demands if demands is not None else tuple(demand() for _ in vm.vcpus),
        images=tuple(Image(load=load, size=MIB, origin=a_place()) for load in vm.loads),
        origin=a_place(),
        **more,
    )


SERVICE = Service(
    name="io-sock",
    command="io-sock",
    wait_for=("/dev/socket",),
    sched=RoundRobin(50),
    backs=("linux.net",),
    demand=demand(0.1, 5, 5),
    origin=a_place(),
)


def a_subject(
    *,
    declared: tuple[VmConfig, ...] | None = None,
    read_back: tuple[VmConfig, ...] | None = None,
    demands: Mapping[str, tuple[Demand | None, ...]] | None = None,
    regions: tuple[Region, ...] = (POOL,),
    host: HostFacts | None = None,
    services: tuple[Service, ...] = (SERVICE,),
    board: Board | None = None,
    limits: Mapping[str, int] | None = None,
    needs: Mapping[str, int] | None = None,
    shared: tuple[SharedMemory, ...] | None = None,
    terms: CertificateTerms | None = None,
    target: str = "qnx-7.1",
    guests: Mapping[str, dict[str, Any]] | None = None,
    **fields: Any,
) -> Subject:
    """A sound subject of two guests on four pCPUs, with whatever is changed."""
    vms = declared if declared is not None else (qnx_vm(), linux_vm())
    own = dict(demands or {})
    plans = tuple(
        GuestPlan(guest=a_guest(vm, own.get(vm.title), **(guests or {}).get(vm.title, {})), vm=vm)
        for vm in vms
    )
    facts = host if host is not None else the_host(regions)
    held = needs if needs is not None else {"qnx": 32 * MIB}
    system = System(
        vms=vms,
        target=target,
        host=facts,
        complete=True,
        guests=MappingProxyType({n: GuestFacts(needs=GuestNeeds(memory=size)) for n, size in held.items()}),
    )
    frames = SharedMemory(
        name="frames",
        size=MIB,
        guests=(("qnx", a_place()), ("linux", a_place())),
        creator="qnx",
        origin=a_place(),
    )
    stack = Stack(
        name="test",
        variant="base",
        target=target,
        board=board if board is not None else a_board(),
        host=Host(services=services),
        regions=regions,
        guests=tuple(row.guest for row in plans),
        shared_memory=shared if shared is not None else (frames,),
        certificate=terms if terms is not None else CertificateTerms(),
        origin=a_place(),
    )
    launched = limits if limits is not None else {"qnx": 512 * MIB}
    host_plan = HostPlan(
        virtual="",
        image_base=None,
        startup=(),
        kernel=(),
        modules=(),
        partitions=(),
        services=services,
        peers=(),
        launches=tuple(
            Launch(guest=name, config_path="", memory_limit=size, origin=a_place())
            for name, size in launched.items()
        ),
        entries=(),
        path="",
        library_path="",
    )
    plan = Plan(stack=stack, system=system, guests=plans, regions=(), host=host_plan, decisions=())
    defaults: dict[str, Any] = {
        "artifacts": {"guests/qnx.qvmconf": "0" * 64},
        "inputs": (("stacks/test/stack.yaml", "1" * 64),),
        "examples": 12,
        "rules_ran": 1,
        "catalog": shipped_catalog(),
    }
    back = replace(system, vms=read_back) if read_back is not None else system
    return Subject(plan=plan, system=back, **{**defaults, **fields})
