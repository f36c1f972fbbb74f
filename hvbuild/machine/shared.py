"""Shared-memory regions of `vdev shmem`: who creates each, and which VMs may open it.

Source: QNX Hypervisor 7.1 `vdev shmem`: `create name,size` makes the region when qvm starts; `allow` and
`deny` take shell patterns in written order; the last kind used adds the opposite `*` behind it.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from hvbuild.model.system import System
from hvbuild.model.vm import Vdev, VmConfig
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import PAGE, read_qvm_length


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRegion:
    """A region by `name`: whole pages, the VM that makes it first, and all VMs that may open it."""

    name: str
    size: int
    creator: int
    members: tuple[int, ...]
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


def shared_regions(system: System) -> tuple[SharedRegion, ...]:
    """Every region that some `shmem` vdev creates, in the order of VMs, one per name."""
    found: dict[str, SharedRegion] = {}
    for creator, vm in enumerate(system.vms):
        for vdev in _shmems(vm):
            for option in vdev.options:
                created = _created(option.values) if option.key == "create" else None
                if created is None or created[0] in found:
                    continue
                name, size = created
                members = tuple(
                    index for index, other in enumerate(system.vms) if index == creator or _opens(other, name)
                )
                found[name] = SharedRegion(
                    name=name, size=size, creator=creator, members=members, origin=option.origin
                )
    return tuple(found.values())


def may_open(vdev: Vdev, name: str) -> bool:
    """True when the patterns of this `shmem` vdev let its guest open the region `name`."""
    rows = [(row.key, row.values[0]) for row in vdev.options if row.key in ("allow", "deny") and row.values]
    for key, pattern in rows:
        if fnmatchcase(name, pattern):
            return key == "allow"
    return not rows or rows[-1][0] == "deny"


def _shmems(vm: VmConfig) -> tuple[Vdev, ...]:
    return tuple(vdev for vdev in vm.vdevs if vdev.type == "shmem")


def _opens(vm: VmConfig, name: str) -> bool:
    return any(may_open(vdev, name) for vdev in _shmems(vm))


def _created(values: tuple[str, ...]) -> tuple[str, int] | None:
    name, comma, text = (values[0] if values else "").partition(",")
    size = read_qvm_length(text) if comma else None
    return (name, -(-size // PAGE) * PAGE) if name and size else None
