"""Facts that several guests and the host must agree on, derived from the one place that says them."""

from collections.abc import Iterator

from hvbuild.load.reference_codes import HOST_END
from hvbuild.model.guest import Guest, Vdev
from hvbuild.model.plan import Peer
from hvbuild.model.stack import Link, LinkEnd, Stack
from hvbuild.model.vm import Option
from hvbuild.resolve.ledger import Ledger
from hvbuild.units import qvm_size

# Where qvm shows the vdevs of a VM, and where the host's vdevpeer interfaces are bound
# (QNX Hypervisor 7.0, guest-to-host networking; 8.0 `vpctl`).
QVM_ROOT = "/dev/qvm"
PEER_ROOT = "/dev/vdevpeers"


def vdev_path(guest: Guest, vdev: Vdev) -> str:
    """The path under which qvm shows `vdev` on the host."""
    return f"{QVM_ROOT}/{guest.system}/{vdev.shown_name}"


def _end_vdev(stack: Stack, end: LinkEnd) -> tuple[Guest, Vdev] | None:
    guest = stack.guest(end.guest)
    if guest is None:
        return None
    vdev = next((item for item in guest.vdevs if item.name == end.vdev), None)
    return (guest, vdev) if vdev is not None else None


def _end_path(stack: Stack, end: LinkEnd) -> str:
    if end.guest == HOST_END:
        return f"{PEER_ROOT}/{end.vdev}"
    found = _end_vdev(stack, end)
    return vdev_path(*found) if found else ""


def derived_options(stack: Stack, guest: Guest, vdev: Vdev, ledger: Ledger) -> tuple[Option, ...]:
    """The options of `vdev` that links and shared memory of the stack say, in a fixed order."""
    options = [*_peer(stack, guest, vdev), *_shared(stack, guest, vdev)]
    for option in options:
        route = f"guests.{guest.name}.vdevs.{vdev.name}.{option.key}"
        reason = "the other end of its link" if option.key == "peer" else "declared under `shared_memory`"
        ledger.decide(route, ",".join(option.values), reason, option.origin)
    return tuple(options)


def _peer(stack: Stack, guest: Guest, vdev: Vdev) -> Iterator[Option]:
    for link in stack.links:
        here = [end for end in link.ends if (end.guest, end.vdev) == (guest.name, vdev.name)]
        there = [end for end in link.ends if (end.guest, end.vdev) != (guest.name, vdev.name)]
        if here and there:
            yield Option(key="peer", values=(_end_path(stack, there[0]),), origin=here[0].origin)


def _shared(stack: Stack, guest: Guest, vdev: Vdev) -> Iterator[Option]:
    first = next((item for item in guest.vdevs if item.type == "shmem"), None)
    if first is not vdev:
        return
    for shared in stack.shared_memory:
        if shared.creator == guest.name:
            text = f"{shared.name},{qvm_size(shared.size)}"
            yield Option(key="create", values=(text,), origin=shared.origin)
    for shared in stack.shared_memory:
        for name, origin in shared.guests:
            if name == guest.name:
                yield Option(key="allow", values=(shared.name,), origin=origin)


def host_peers(stack: Stack) -> tuple[Peer, ...]:
    """The host interfaces that links end at, each with the vdev it serves."""
    return tuple(peer for link in stack.links for peer in _host_ends(stack, link))


def _host_ends(stack: Stack, link: Link) -> Iterator[Peer]:
    for end in link.ends:
        if end.guest != HOST_END:
            continue
        for other in link.ends:
            found = _end_vdev(stack, other)
            if found is not None:
                yield Peer(
                    interface=end.vdev,
                    vdev_path=vdev_path(*found),
                    bind=f"{PEER_ROOT}/{end.vdev}",
                    origin=end.origin,
                )
