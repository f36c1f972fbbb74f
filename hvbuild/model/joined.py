"""Vdevs of different guests that are joined: by a network link, or by shared memory that both may open."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from hvbuild.model.guest import Guest
from hvbuild.model.operations import vdev_kind
from hvbuild.model.stack import Stack

_SHARING = "shmem"


def joined_vdevs(stack: Stack, guest: Guest) -> Mapping[str, tuple[str, ...]]:
    """For each vdev of `guest` that is joined to any the vdevs of other guests, as `guest.vdev`."""
    found: dict[str, tuple[str, ...]] = {}
    for row in guest.vdevs:
        ends = (*_linked(stack, guest.name, row.name), *_sharers(stack, guest.name, row.type))
        if ends:
            found[row.name] = tuple(dict.fromkeys(ends))
    return MappingProxyType(found)


def _linked(stack: Stack, guest: str, vdev: str) -> Iterator[str]:
    names = {row.name for row in stack.guests}
    for link in stack.links:
        ends = [(end.guest, end.vdev) for end in link.ends]
        if (guest, vdev) in ends:
            yield from (f"{a}.{b}" for a, b in ends if (a, b) != (guest, vdev) and a in names)


def _sharers(stack: Stack, guest: str, kind: str) -> Iterator[str]:
    """A notification reaches whoever is attached to the region (guest_shm); which region is not declared."""
    if vdev_kind(kind) != _SHARING:
        return
    for region in stack.shared_memory:
        names = [name for name, _ in region.guests]
        others = [row for row in stack.guests if guest in names and row.name in names and row.name != guest]
        yield from (
            f"{other.name}.{vdev.name}"
            for other in others
            for vdev in other.vdevs
            if vdev_kind(vdev.type) == _SHARING
        )
