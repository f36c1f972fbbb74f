"""The names under which a Linux guest knows its virtual devices, by their order in the configuration.

The first virtio-blk device is /dev/vda (QNX Hypervisor 7.1, Linux guests); that further disks and the
consoles are numbered in the same order is inferred.
"""

from collections.abc import Sequence

from hvbuild.model.vm import Vdev

CONSOLE_TYPES = {
    "ttyAMA": "pl011",
    "ttyS": "ser8250",
    "hvc": "virtio-console",
}
_DISK_TYPE = "virtio-blk"


def plain_type(vdev: Vdev) -> str:
    """Its type without the word that marks the safety build of the same device."""
    return vdev.type.removesuffix("-safety")


def disks(vdevs: Sequence[Vdev]) -> list[Vdev]:
    """The virtio-blk devices, the first of which is /dev/vda."""
    return [vdev for vdev in vdevs if plain_type(vdev) == _DISK_TYPE]


def disk_node(vdev: Vdev, vdevs: Sequence[Vdev]) -> str | None:
    """`/dev/vdb` for the second of the `vdevs` that are disks; None for what is no disk or the 27th."""
    number = _number(vdev, vdevs) if plain_type(vdev) == _DISK_TYPE else 26
    return f"/dev/vd{chr(ord('a') + number)}" if number < 26 else None


def console_name(vdev: Vdev, vdevs: Sequence[Vdev]) -> str | None:
    """`ttyAMA0` for the first pl011 of `vdevs`, as `console=` takes it; None for what is no console."""
    for prefix, kind in CONSOLE_TYPES.items():
        if plain_type(vdev) == kind:
            return f"{prefix}{_number(vdev, vdevs)}"
    return None


def _number(vdev: Vdev, vdevs: Sequence[Vdev]) -> int:
    alike = [other for other in vdevs if plain_type(other) == plain_type(vdev)]
    return next(number for number, other in enumerate(alike) if other is vdev)
