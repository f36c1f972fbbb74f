"""Things of a board as people name them: what tells the hardware under two products apart."""

from collections.abc import Iterator
from itertools import groupby

from hvbuild.compare.things import Fact, Thing
from hvbuild.model.board import Bank, Board, BoardStartup, Core, Device
from hvbuild.source import Origin
from hvbuild.units import hex_address


def board_things(board: Board) -> tuple[Thing, ...]:
    """Cores by kind, memory, devices, what starts the host, and the facts that are one of a kind.

    Sources and costs take no part: they say how a fact is known, and what is assumed.
    """
    return (
        *_cores(board),
        *(_bank(bank) for bank in board.memory),
        *(_device(device) for device in board.devices),
        *(_startup(board.startup) if board.startup is not None else ()),
        *_single(board),
    )


def _thing(group: str, name: str, origin: Origin, *facts: tuple[str, str]) -> Thing:
    told = tuple((key, Fact(text, origin)) for key, text in facts if text)
    subject = f"{group} `{name}`" if name else group
    return Thing(group=group, subject=subject, keys=(name or group,), facts=told, origin=origin)


def _cores(board: Board) -> Iterator[Thing]:
    def alike(core: Core) -> tuple[str, int, int]:
        return core.kind, core.frequency, core.capacity

    for number, ((kind, frequency, capacity), held) in enumerate(groupby(board.cores, key=alike)):
        cores = list(held)
        numbers = f"{cores[0].number} to {cores[-1].number}" if cores[1:] else str(cores[0].number)
        facts = (("", kind), ("pCPUs", numbers), ("at", _hertz(frequency)), ("capacity", str(capacity)))
        yield _thing("cluster", str(number), cores[0].origin, *facts)


def _hertz(frequency: int) -> str:
    return f"{frequency / 1_000_000:g} MHz" if frequency else ""


def _bank(bank: Bank) -> Thing:
    kept = "by firmware" if bank.firmware else "from the host" if bank.reserve else ""
    return _thing("memory", bank.name, bank.origin, ("", str(bank.window)), ("kept", kept))


def _device(device: Device) -> Thing:
    return _thing(
        "device",
        device.name,
        device.origin,
        ("registers", " ".join(map(str, device.windows))),
        ("interrupts", " ".join(map(str, device.interrupts))),
        ("stream ids", " ".join(map(hex, device.stream_ids))),
        ("PCI", device.pci),
        ("drivers", " ".join(device.drivers)),
    )


def _startup(startup: BoardStartup) -> Iterator[Thing]:
    yield _thing(
        "startup program",
        "",
        startup.origin,
        ("", startup.program),
        ("image", hex_address(startup.image) if startup.image is not None else ""),
        ("kernel", startup.kernel),
        ("hypervisor mode", startup.hypervisor_mode),
    )


def _single(board: Board) -> Iterator[Thing]:
    smmu = "" if board.smmu is None else "present" if board.smmu else "none"
    for name, text in (
        ("GIC", f"version {board.gic}" if board.gic is not None else ""),
        ("SMMU", smmu),
        ("counter", _hertz(board.counter_hz or 0)),
        ("physical addresses", f"{board.address_bits} bits" if board.address_bits is not None else ""),
        ("regions", f"by {board.regions_by.value}" if board.regions_by is not None else ""),
    ):
        if text:
            yield _thing(name, "", board.origin, ("", text))
