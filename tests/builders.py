"""Small makers of VMs and systems for tests of rules: sane defaults, places that can be told apart."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from hvbuild.model.board import Device
from hvbuild.model.system import (
    HostFacts,
    HostPartition,
    HostRegion,
    HostService,
    Launch,
    System,
)
from hvbuild.model.vm import (
    Fifo,
    Interrupt,
    Location,
    Memory,
    MemoryKind,
    Option,
    Pass,
    PassInterrupt,
    PassWindow,
    RoundRobin,
    Sched,
    Space,
    Vcpu,
    Vdev,
    VmConfig,
)
from hvbuild.ranges import AddressRange
from hvbuild.source import Origin, SourceFile, Span, origin_at

GIB = 1 << 30
MIB = 1 << 20
_FILE = SourceFile("built.test", "\n" * 100_000)
_NEXT = count()


def a_place() -> Origin:
    """A place of its own in a file of empty lines."""
    at = next(_NEXT) % 99_999
    return origin_at(Span(_FILE, at, at + 1))


def ram(base: Any = 0x8000_0000, size: Any = GIB, name: str = "") -> Memory:
    return Memory(kind=MemoryKind.RAM, base=base, size=size, name=name, origin=a_place())


def rom(base: int, size: int) -> Memory:
    return Memory(kind=MemoryKind.ROM, base=base, size=size, origin=a_place())


def sched(text: str | None) -> Sched | None:
    """`45r`, `45f` or `45`."""
    if text is None:
        return None
    number = int(text.rstrip("rfo"))
    return Fifo(number) if text.endswith("f") else RoundRobin(number)


def vcpu(priority: Any = None, mask: Iterable[int] | None = None, **more: Any) -> Vcpu:
    """A vCPU; `priority` as text (`10f`) or as a `Sched`."""
    spelled = tuple(mask) if mask is not None else ()
    return Vcpu(
        sched=sched(priority) if priority is None or isinstance(priority, str) else priority,
        runmask=frozenset(spelled) if mask is not None else None,
        runmask_spelling=spelled,
        origin=a_place(),
        sched_origin=a_place(),
        placement_origin=a_place(),
        **more,
    )


def intr(line: Any, pic: str = "gic") -> Interrupt:
    return Interrupt(pic=pic, line=line, origin=a_place())


def vdev(
    kind: str,
    loc: Any = None,
    line: Any = None,
    *,
    name: str = "",
    space: Space = Space.MEM,
    length: int | None = None,
    **options: Any,
) -> Vdev:
    """A device; options by keyword (`_` for `-`), a list for one that adds up, True for one without value."""
    made: list[Option] = []
    for key, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            values = () if each is True else (str(each),)
            made.append(Option(key=key.replace("_", "-"), values=values, origin=a_place()))
    if isinstance(loc, str):
        place = Location(space=Space.PCI, text=loc, origin=a_place())
    else:
        place = Location(space=space, start=loc or 0, length=length, origin=a_place())
    interrupts = line if isinstance(line, tuple) else (line,) if isinstance(line, Interrupt) else ()
    if isinstance(line, int):
        interrupts = (intr(line),)
    return Vdev(
        type=kind,
        name=name,
        location=place if loc is not None else None,
        interrupts=interrupts,
        options=tuple(made),
        origin=a_place(),
        name_origin=a_place(),
    )


def window(
    start: Any, length: Any = 0x1000, flags: str = "rwn", host: Any = None, *, space: Space = Space.MEM
) -> PassWindow:
    letters = frozenset("rwxcstnm") if "m" in flags else frozenset(flags)
    return PassWindow(
        space=space,
        start=start,
        length=length,
        flags=letters | frozenset(flags),
        host=host,
        flags_text=flags,
        origin=a_place(),
    )


def passed(*windows: PassWindow, lines: Iterable[tuple[int, int | None]] = (), **more: Any) -> Pass:
    """A `pass` context; `lines` are pairs of guest line and host vector."""
    interrupts = tuple(
        PassInterrupt(line=intr(line), vector=vector, origin=a_place()) for line, vector in lines
    )
    return Pass(**{"windows": windows, "interrupts": interrupts, "origin": a_place(), **more})


def a_vm(title: str = "la", **fields: Any) -> VmConfig:
    """A VM with 1 GiB of RAM at 2 GiB and one floating vCPU."""
    defaults: dict[str, Any] = {
        "title": title,
        "system": title,
        "memory": (ram(),),
        "vcpus": (vcpu(),),
        "origin": a_place(),
        "system_origin": a_place(),
        "cmdline_origin": a_place(),
    }
    return VmConfig(**{**defaults, **fields})


def region(name: str, start: int | None = None, size: int | None = None, **more: Any) -> HostRegion:
    placed = AddressRange.sized(start, size) if start is not None and size is not None else None
    return HostRegion(name=name, window=placed, size=size, origin=a_place(), **more)


def regions(*rows: HostRegion) -> Mapping[str, HostRegion]:
    return {row.name: row for row in rows}


def device(name: str, start: int, size: int = 0x1000, **more: Any) -> Device:
    windows = more.pop("windows", (AddressRange.sized(start, size),))
    return Device(name=name, windows=windows, origin=a_place(), **more)


def devices(*rows: Device) -> Mapping[str, Device]:
    return {row.name: row for row in rows}


def partition(name: str, budget: int, **more: Any) -> HostPartition:
    return HostPartition(name=name, budget=budget, origin=a_place(), **more)


def service(name: str, **more: Any) -> HostService:
    return HostService(name=name, origin=a_place(), **more)


def launch(system: str = "la", priority: str | None = None, **more: Any) -> Launch:
    return Launch(system=system, priority=sched(priority), origin=a_place(), **more)


def a_host(**facts: Any) -> HostFacts:
    """A host of eight pCPUs of which nothing else is known."""
    return HostFacts(**{"cpus": 8, "origin": a_place(), **facts})


def a_system(*vms: VmConfig, target: str | None = "qnx-7.1", **more: Any) -> System:
    """VMs on that host; keywords that are facts of the host go there."""
    own = {key: more.pop(key) for key in ("complete", "guests") if key in more}
    host = more.pop("host", None) or a_host(**more)
    return System(vms=vms or (a_vm(),), target=target, host=host, **own)
