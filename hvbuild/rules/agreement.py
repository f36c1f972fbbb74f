"""HV52xx: facts that are said in several places and must agree: network peers and guest command lines."""

import re
from collections.abc import Iterator, Mapping

from hvbuild.diagnostics import Severity, other
from hvbuild.model.linux_names import CONSOLE_TYPES, disks, plain_type
from hvbuild.model.system import HostService
from hvbuild.model.vm import Option, Space, Vdev
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Scene, VmScene
from hvbuild.rules.wording import did_you_mean
from hvbuild.units import hex_address, read_number
from hvbuild.values import dataclass

_PEERS = "QNX Hypervisor 7.1, Networking: each end names the other as /dev/qvm/SYSTEM/NAME"
_QVM = "/dev/qvm/"
_VDEVPEERS = "/dev/vdevpeers/"
_BINDING = re.compile(r"\b(peer|bind)=([^,\s\"]+)")
_EARLYCON = re.compile(r"(?:\A|\s)earlycon=(pl011|uart8250|ns16550a?),(?:mmio(?:32)?,|io,)?(0x[0-9a-fA-F]+)")
_CONSOLE = re.compile(r"(?:\A|\s)console=([a-zA-Z]+?)(\d+)(?=[,\s]|\Z)")
_ROOT = re.compile(r"(?:\A|\s)root=/dev/vd([a-z])")
_BOOT_DEVICES = re.compile(r"(?:\A|\s)androidboot\.boot_devices?=(\S+)")


def device_path(vm: VmScene, vdev: Vdev) -> str:
    """The path of a named device on the host; a name that is a path itself is taken for that path.

    Working guests of QNX 8 under QEMU give such names; what qvm makes of them is not documented.
    """
    return vdev.name if vdev.name.startswith("/") else f"{_QVM}{vm.vm.system}/{vdev.name}"


@dataclass(frozen=True, slots=True)
class End:
    """A network device of a guest with the path that its `peer` names."""

    vm: VmScene
    vdev: Vdev
    option: Option
    peer: str

    @property
    def path(self) -> str:
        """Where the device appears on the host."""
        return device_path(self.vm, self.vdev)


def ends(scene: Scene) -> Iterator[End]:
    """Every virtio-net device that names its peer."""
    for vm in scene.vms:
        for vdev in vm.vm.vdevs:
            option = vdev.option("peer")
            if option is not None and option.values:
                yield End(vm, vdev, option, option.values[0])


def bindings(scene: Scene) -> Iterator[tuple[HostService, str, str]]:
    """What host commands bind: the service, the path of a guest's device and the vdevpeer it is bound to."""
    for service in scene.host.services or ():
        words: dict[str, str] = {}
        for key, value in _BINDING.findall(service.command):
            words[key] = value
            if len(words) == 2:
                yield service, words["peer"], words["bind"]
                words = {}


def _paths(scene: Scene) -> dict[str, Vdev]:
    return {device_path(vm, vdev): vdev for vm in scene.vms for vdev in vm.vm.vdevs if vdev.name}


def _system_in(path: str) -> str:
    return path.removeprefix(_QVM).split("/", 1)[0]


def _is_nowhere(peer: str, scene: Scene, paths: Mapping[str, Vdev], systems: set[str]) -> bool:
    """True for the path of a guest's device that is known not to exist."""
    known = _system_in(peer) in systems or scene.system.complete
    return peer.startswith(_QVM) and peer not in paths and known


@rule("HV5201", "peer-unknown", source=_PEERS)
def peer_unknown(scene: Scene) -> Iterator[Finding]:
    """A network device names a device of another guest that does not exist: its link stays down.

    A guest that is not known here may still exist, unless the whole system is known.
    """
    paths, systems = _paths(scene), {vm.vm.system for vm in scene.vms}
    for end in ends(scene):
        if _is_nowhere(end.peer, scene, paths, systems):
            named = _system_in(end.peer)
            why = "has no such device" if named in systems else "is no guest of this system"
            yield found(
                end.option.origin or end.vdev.origin,
                f"`{end.vdev.label}` of {end.vm.text} names the peer `{end.peer}`, which does not exist",
                f"`{named}` {why}",
                helps=did_you_mean(end.peer, paths)[:1],
            )


@rule("HV5202", "peers-not-reciprocal", source=_PEERS)
def peers_not_reciprocal(scene: Scene) -> Iterator[Finding]:
    """Two network devices do not name each other: the link stays down without a message."""
    by_path = {end.path: end for end in ends(scene) if end.vdev.name}
    paths, systems = _paths(scene), {vm.vm.system for vm in scene.vms}
    for end in ends(scene):
        far = by_path.get(end.peer)
        if far is None or far.vdev is end.vdev or _is_nowhere(far.peer, scene, paths, systems):
            continue
        if far.peer != end.path:
            yield found(
                end.option.origin or end.vdev.origin,
                f"`{end.vdev.label}` of {end.vm.text} and its peer `{far.vdev.label}` do not name each other",
                f"this is `{end.path}`" if end.vdev.name else "this device has no `name`",
                others=other(far.option.origin or far.vdev.origin, f"the far end names `{far.peer}`"),
            )


@rule("HV5203", "peer-is-itself", source=_PEERS)
def peer_is_itself(scene: Scene) -> Iterator[Finding]:
    """A network device names itself, or its own guest, as its peer."""
    for end in ends(scene):
        if end.vdev.name and end.peer == end.path:
            yield found(
                end.option.origin or end.vdev.origin,
                f"`{end.vdev.label}` of {end.vm.text} names itself as its peer",
                "its own path",
                others=other(end.vdev.name_origin, "the device's own name"),
                severity=Severity.WARNING if end.vdev.name.startswith("/") else None,
            )


@rule("HV5204", "host-peer-unknown", source=_PEERS)
def host_peer_unknown(scene: Scene) -> Iterator[Finding]:
    """The host binds a vdevpeer to a device of a guest that does not exist: the link is dead.

    The usual cause is a guest's system name that differs between its configuration and the host's script.
    """
    paths = _paths(scene)
    # A guest that ends at this vdevpeer under another name is told of the very same fault.
    told = {end.peer for end in ends(scene) if end.vdev.name}
    for service, peer, bind in bindings(scene):
        if peer.startswith(_QVM) and peer not in paths and scene.vms and bind not in told:
            yield found(
                service.origin,
                f"the host binds `{bind}` to `{peer}`, which no guest has",
                "the link stays down",
                helps=did_you_mean(peer, paths),
                severity=None if scene.system.complete else Severity.WARNING,
            )


@rule("HV5205", "host-peer-not-bound", source=_PEERS)
def host_peer_not_bound(scene: Scene) -> Iterator[Finding]:
    """A network device ends at a vdevpeer of the host that nobody binds to it."""
    bound = list(bindings(scene))
    if not bound:
        return
    binds = {bind: (service, peer) for service, peer, bind in bound}
    for end in ends(scene):
        if not end.peer.startswith(_VDEVPEERS):
            continue
        service, peer = binds.get(end.peer, (None, ""))
        if peer == end.path or (service and not end.vdev.name):
            continue
        text = f"the host binds it to `{peer}`" if service else "no command of the host binds it"
        yield found(
            end.option.origin or end.vdev.origin,
            f"`{end.vdev.label}` of {end.vm.text} ends at `{end.peer}`, and {text}",
            f"this is `{end.path}`" if end.vdev.name else "this device has no `name`",
            others=other(service.origin if service else None, f"binds `{end.peer}`"),
            severity=None if scene.system.complete else Severity.WARNING,
        )


@rule("HV5206", "vdevpeer-used-twice", source=_PEERS + "; a vdevpeer has one device")
def vdevpeer_used_twice(scene: Scene) -> Iterator[Finding]:
    """Two network devices end at one vdevpeer of the host: only one of them gets a link."""
    seen: dict[str, End] = {}
    for end in ends(scene):
        if end.peer.startswith(_VDEVPEERS):
            earlier = seen.setdefault(end.peer, end)
            if earlier is not end:
                yield found(
                    end.option.origin or end.vdev.origin,
                    f"`{end.vdev.label}` of {end.vm.text} and `{earlier.vdev.label}` of {earlier.vm.text} "
                    f"both end at `{end.peer}`",
                    "used again",
                    others=other(earlier.option.origin or earlier.vdev.origin, "first used here"),
                )


@rule(
    "HV5211",
    "console-without-device",
    severity=Severity.WARNING,
    source="Linux kernel parameters: console=; which device has which name is inferred",
)
def console_without_device(scene: VmScene) -> Iterator[Finding]:
    """The guest's command line names a console whose device the VM does not have."""
    types = [plain_type(vdev) for vdev in scene.vm.vdevs]
    open_types = {vdev.type for vdev in scene.vm.vdevs if scene.scene.catalog.vdev(vdev.type) is None}
    for name, number in _CONSOLE.findall(scene.vm.cmdline or ""):
        kind = CONSOLE_TYPES.get(name)
        count = types.count(kind) if kind else 0
        if kind and int(number) >= count and not open_types and not scene.vm.passes:
            has = f"{count} `{kind}`" if count else f"no `{kind}`"
            yield found(
                scene.vm.cmdline_origin,
                f"the command line of {scene.text} names console `{name}{number}`, the VM has {has}",
                f"`console={name}{number}`",
            )


@rule(
    "HV5212",
    "earlycon-elsewhere",
    severity=Severity.WARNING,
    source="Linux kernel parameters: earlycon=; that no other device answers there is inferred",
)
def earlycon_elsewhere(scene: VmScene) -> Iterator[Finding]:
    """The command line puts the early console where no virtual UART is: the guest writes into nothing."""
    for kind, text in _EARLYCON.findall(scene.vm.cmdline or ""):
        at = read_number(text.lower())
        claims = (*scene.vdevs, *scene.passes, *scene.ports)
        if at is None or any(claim.window.holds(at) for claim in claims):
            continue
        uarts = [vdev for vdev in scene.vm.vdevs if vdev.type in ("pl011", "ser8250")]
        near = next((vdev for vdev in uarts if vdev.location), None)
        start = scene.system.amount(near.location.start) if near and near.location else None
        yield found(
            scene.vm.cmdline_origin,
            f"the command line of {scene.text} puts its early console at {hex_address(at)}, where nothing is",
            f"`earlycon={kind},{text}`",
            others=other(near.location.origin or near.origin, f"`{near.label}` is at {hex_address(start)}")
            if near and near.location and start is not None
            else (),
        )


@rule(
    "HV5213",
    "root-without-device",
    severity=Severity.WARNING,
    source="QNX Hypervisor 7.1, Linux guests: /dev/vda is the first virtio-blk device",
    policy="disks may come from another file of the same VM",
)
def root_without_device(scene: VmScene) -> Iterator[Finding]:
    """The command line's root disk is beyond the virtio-blk devices of the VM."""
    held = disks(scene.vm.vdevs)
    for letter in _ROOT.findall(scene.vm.cmdline or ""):
        if ord(letter) - ord("a") >= len(held):
            yield found(
                scene.vm.cmdline_origin,
                f"the command line of {scene.text} has its root on `/dev/vd{letter}`, "
                f"the VM has {len(held)} virtio-blk devices",
                f"`root=/dev/vd{letter}`",
                others=other(held[-1].origin if held else None, f"the last one is `vd{chr(96 + len(held))}`"),
            )


@rule(
    "HV5214",
    "boot-device-elsewhere",
    severity=Severity.WARNING,
    source="Android: androidboot.boot_devices names a platform device by address; inferred for virtio-blk",
)
def boot_device_elsewhere(scene: VmScene) -> Iterator[Finding]:
    """Android is told to boot from an address where the VM has no virtio-blk device."""
    placed: dict[int, Vdev] = {}
    for vdev in scene.vm.vdevs:
        at = vdev.location
        start = scene.system.amount(at.start) if at is not None and at.space is Space.MEM else None
        if start is not None and vdev.type.startswith("virtio-blk"):
            placed[start] = vdev
    for spelled in _BOOT_DEVICES.findall(scene.vm.cmdline or ""):
        for word in spelled.strip('"').split(","):
            unit = word.rsplit("/", 1)[-1].partition(".")
            at_text = unit[0] if unit[1] else ""
            start = int(at_text, 16) if re.fullmatch(r"[0-9a-fA-F]{4,16}", at_text) else None
            if start is not None and start not in placed and not scene.passes:
                yield found(
                    scene.vm.cmdline_origin,
                    f"{scene.text} is to boot from {hex_address(start)}, where no virtio-blk device is",
                    f"`{word}`",
                    others=tuple(
                        label
                        for place, disk in placed.items()
                        for label in other(disk.origin, f"`{disk.label}` is at {hex_address(place)}")
                    ),
                )


RULES = (
    peer_unknown,
    peers_not_reciprocal,
    peer_is_itself,
    host_peer_unknown,
    host_peer_not_bound,
    vdevpeer_used_twice,
    console_without_device,
    earlycon_elsewhere,
    root_without_device,
    boot_device_elsewhere,
)
