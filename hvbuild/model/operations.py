"""What drivers do with virtual devices: for each operation, what traps and what answers, with its source.

An emulated device traps on each of its registers; virtio on a notify, and on the two registers that its
interrupt handler touches.
"""

from collections.abc import Mapping
from types import MappingProxyType

from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one operation of a guest's driver does: trapped register accesses, and interrupts that answer.

    `ports`: the registers of this device are x86 I/O ports. `brings` is the operation that it makes another
    guest do on its own vdev, where the two are joined by a link or by shared memory.
    """

    vdev: str
    name: str
    registers: int
    interrupts: int
    source: str
    ports: bool = False
    brings: str = ""


_VIRTIO = "VIRTIO 1.1, MMIO transport: QueueNotify; then InterruptStatus and InterruptACK for each interrupt"
_OPERATIONS = (
    Operation(
        vdev="pl011",
        name="byte",
        registers=1,
        interrupts=0,
        source="catalogue, vdev pl011: one for each byte; its flags are read once for a FIFO",
    ),
    Operation(
        vdev="pl011", name="byte-in", registers=3, interrupts=1, source="PL011: masked status, data, clear"
    ),
    Operation(
        vdev="ser8250",
        name="byte",
        registers=1,
        interrupts=0,
        source="catalogue, vdev ser8250: one for each byte; its status is read once for a FIFO",
    ),
    Operation(
        vdev="ser8250", name="byte-in", registers=3, interrupts=1, source="16550: IIR, data, line status"
    ),
    Operation(vdev="virtio-blk", name="request", registers=3, interrupts=1, source=_VIRTIO),
    Operation(vdev="virtio-net", name="send", registers=1, interrupts=0, source=_VIRTIO, brings="receive"),
    Operation(vdev="virtio-net", name="receive", registers=2, interrupts=1, source=_VIRTIO),
    Operation(vdev="virtio-console", name="write", registers=1, interrupts=0, source=_VIRTIO),
    Operation(vdev="virtio-console", name="read", registers=2, interrupts=1, source=_VIRTIO),
    Operation(vdev="virtio-entropy", name="request", registers=3, interrupts=1, source=_VIRTIO),
    Operation(
        vdev="shmem",
        name="notify",
        registers=1,
        interrupts=0,
        source="guest_shm control page: notify",
        brings="notified",
    ),
    Operation(
        vdev="shmem", name="notified", registers=1, interrupts=1, source="guest_shm control page: status"
    ),
    Operation(vdev="wdt-sp805", name="kick", registers=3, interrupts=0, source="SP805: unlock, load, lock"),
    Operation(
        vdev="wdt-ib700",
        name="kick",
        registers=1,
        interrupts=0,
        source="IB700: one port write",
        ports=True,
    ),
    Operation(
        vdev="timer8254",
        name="program",
        registers=3,
        interrupts=0,
        source="8254: control, two counts",
        ports=True,
    ),
    Operation(
        vdev="mc146818",
        name="read",
        registers=2,
        interrupts=0,
        source="MC146818: index, data",
        ports=True,
    ),
    Operation(
        vdev="gic", name="configure", registers=1, interrupts=0, source="GICD access: a trapped register"
    ),
    Operation(
        vdev="gic", name="acknowledge", registers=0, interrupts=0, source="virtual CPU interface: no exit"
    ),
)
OPERATIONS: Mapping[tuple[str, str], Operation] = MappingProxyType(
    {(row.vdev, row.name): row for row in _OPERATIONS}
)


_BROUGHT = frozenset((row.vdev, row.brings) for row in _OPERATIONS if row.brings)


def is_arrival(vdev: str, name: str) -> bool:
    """True when the operation takes what another guest's operation on a joined vdev brings."""
    return (vdev_kind(vdev), name) in _BROUGHT


def vdev_kind(vdev: str) -> str:
    """The type of a vdev without the suffix of its certified variant, whose driver does the same."""
    return vdev.removesuffix("-safety")


def operations_of(vdev: str) -> tuple[str, ...]:
    """The names of the operations that are known of a vdev of type `vdev`."""
    return tuple(name for kind, name in OPERATIONS if kind == vdev_kind(vdev))
