"""HV50xx: the host image, what it starts, and the files that VMs need."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.diagnostics import Severity, other
from hvbuild.model.board import Device
from hvbuild.model.system import HostService
from hvbuild.model.vm import Load, Pass, Vdev
from hvbuild.ranges import AddressRange
from hvbuild.rules.containment import device_of
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import WILDCARDS, Scene, VmScene, host_paths, lies_in
from hvbuild.rules.wording import did_you_mean, nearest_path
from hvbuild.source import Origin
from hvbuild.units import hex_address

_IMAGE = "QNX Hypervisor 7.1 and 8.0, Configuring the host: what its buildfile has to hold"
_PERHAPS = "may drive it"
_MAYBE = "an error where the whole host is known; else a warning, for a partition or script may bring it"


def _sure(scene: Scene) -> Severity | None:
    return None if scene.system.complete else Severity.WARNING


def _basenames(scene: Scene) -> frozenset[str]:
    return frozenset(path.rsplit("/", 1)[-1] for path in scene.host.image_files or ())


@rule("HV5001", "vdev-library-missing", source=_IMAGE)
def vdev_library_missing(scene: Scene) -> Iterator[Finding]:
    """A VM uses a virtual device whose library is not in the host image; qvm cannot load it."""
    if scene.host.image_files is None:
        return
    names = _basenames(scene)
    reported: set[str] = set()
    for vm in scene.vms:
        for vdev in vm.vm.vdevs:
            row = scene.catalog.vdev(vdev.type)
            library = f"vdev-{vdev.type}.so"
            if (row and row.implicit) or library in reported:
                continue
            if not {library, f"vdev-{vdev.type}-safety.so"} & names:
                reported.add(library)
                yield found(
                    (vdev.origin, vm.place),
                    f"the host image has no `{library}`, which `{vdev.label}` of {vm.text} needs",
                    f"`{vdev.type}` is used here",
                    helps=(f"add `/lib/dll/{library}={library}` to the host buildfile",),
                )


@rule("HV5002", "qvm-missing", source=_IMAGE)
def qvm_missing(scene: Scene) -> Iterator[Finding]:
    """The host image has no `qvm`, so no guest can be started."""
    if scene.host.image_files is not None and scene.vms and not {"qvm", "qvm-safety"} & _basenames(scene):
        yield found(scene.host.origin, "the host image has no `qvm`", "no program to start guests with")


@rule(
    "HV5003", "image-not-in-host", source="QNX Hypervisor 7.1, vm/load: qvm reads a host file", policy=_MAYBE
)
def image_not_in_host(scene: VmScene) -> Iterator[Finding]:
    """A guest loads a file that neither the host image holds nor somebody else provides.

    Where only a part of the host is known, a warning, and only for a path that is nearly one of the image.
    """
    files = scene.host.image_files
    if files is None:
        return
    for load in scene.vm.loads:
        if _is_provided(load.path, scene):
            continue
        near = nearest_path(load.path, files)
        if near or scene.system.complete:
            yield found(
                load.origin,
                f"{scene.text} loads `{load.path}`, which is not in the host image",
                "no such file in the image",
                helps=near,
                severity=_sure(scene.scene),
            )


def _is_provided(path: str, scene: VmScene) -> bool:
    files = scene.host.image_files or frozenset()
    if not path.startswith("/"):
        return path.removeprefix("./") in {file.rsplit("/", 1)[-1] for file in files} or "$" in path
    return path in files or lies_in(path, scene.scene.made_paths)


@rule("HV5004", "host-device-without-provider", source=_IMAGE, policy=_MAYBE)
def host_device_without_provider(scene: VmScene) -> Iterator[Finding]:
    """A virtual device opens a path below /dev that nothing on the host makes."""
    if scene.host.services is None:
        return
    for vdev, path, place in _device_paths(scene):
        if not _providers(path, scene) and not _is_outside(path, scene):
            made = {p for service in scene.host.services for p in service.provides}
            known = {path for path in made if not WILDCARDS & set(path)}
            yield found(
                place,
                f"nothing on the host makes `{path}`, which `{vdev.label}` of {scene.text} opens",
                "no service provides it",
                helps=did_you_mean(path, known)[:1],
                severity=_sure(scene.scene),
            )


@rule(
    "HV5005",
    "provider-after-guest",
    source="QNX Hypervisor 7.1, Starting VMs: what a VM opens exists when qvm starts, unless `delayed`",
)
def provider_after_guest(scene: VmScene) -> Iterator[Finding]:
    """A path that a virtual device opens is made by a service that starts after the guest."""
    launch, services = scene.launch, scene.host.services
    if launch is None or launch.position is None or services is None:
        return
    order = scene.scene.start_order
    for vdev, path, place in _device_paths(scene):
        makers = _providers(path, scene)
        if not makers or vdev.option("delayed"):
            continue
        if min(order[id(service)] for service in makers) >= launch.position:
            yield found(
                place,
                f"service `{makers[0].name}` makes `{path}` only after {scene.text} has started",
                f"`{vdev.label}` opens it at once",
                others=(
                    *other(makers[0].origin, "starts after the guest"),
                    *other(launch.origin, f"{scene.text} starts here"),
                ),
                helps=("start the service first, or give the device `delayed`",),
            )


def _device_paths(scene: VmScene) -> Iterator[tuple[Vdev, str, Origin]]:
    for vdev in scene.vm.vdevs:
        option = vdev.option("hostdev")
        for path in host_paths(vdev) if option else ():
            if path.startswith("/dev/") and not path.startswith(("/dev/qvm/", "/dev/vdevpeers/")):
                yield vdev, path, option.origin or vdev.origin if option else vdev.origin


def _providers(path: str, scene: VmScene) -> list[HostService]:
    exact = scene.scene.services_for(path)
    if exact:
        return exact
    return [service for pattern, service in scene.scene.provided_patterns if fnmatchcase(path, pattern)]


def _is_outside(path: str, scene: VmScene) -> bool:
    if lies_in(path, scene.scene.outside_paths):
        return True
    return any(fnmatchcase(path, pattern) for pattern in scene.scene.outside_patterns)


@rule("HV5006", "host-driver-left", source=_IMAGE + ": drivers of passed devices are removed")
def host_driver_left(scene: Scene) -> Iterator[Finding]:
    """The host starts a driver for a device that a guest is handed: two drivers for one device.

    A driver that is only known by its name, and may serve another device, is a warning.
    """
    drivers = _drivers(scene)
    for vm in scene.vms if drivers else ():
        for each in vm.vm.passes:
            device = device_of(vm, each) or _registers(vm, each)
            for service, how in _driving(device, drivers):
                yield found(
                    (service.origin, each.origin),
                    f"the host drives `{device.name}`, which {vm.text} is handed",
                    f"service `{service.name}` {how}",
                    others=other(each.origin, f"handed to {vm.text}"),
                    helps=("take the driver out of the host image",),
                    severity=Severity.WARNING if how == _PERHAPS else None,
                )


def _registers(scene: VmScene, each: Pass) -> Device:
    """What is handed over where no board tells of its devices: known by the addresses alone."""
    starts = (scene.system.amount(w.start if w.host is None else w.host) for w in each.windows)
    windows = tuple(AddressRange.sized(start, 1) for start in starts if start is not None)
    name = hex_address(windows[0].start) if windows else ""
    return Device(name=name, windows=windows)


def _drivers(scene: Scene) -> dict[tuple[str, str], list[HostService]]:
    """Services by what they say they drive, by every word of their command, and by their program."""
    index: dict[tuple[str, str], list[HostService]] = {}
    for service in scene.host.services or ():
        words = service.command.lower().replace(",", " ").replace("=", " ").split()
        keys = [("drives it", name) for name in service.drives]
        keys += [("names its address", word) for word in words if word.startswith("0x")]
        if words and not service.drives:
            keys.append((_PERHAPS, words[0].rsplit("/", 1)[-1]))
        for key in keys:
            index.setdefault(key, []).append(service)
    return index


def _driving(
    device: Device, drivers: dict[tuple[str, str], list[HostService]]
) -> Iterator[tuple[HostService, str]]:
    """The services that drive `device` and how that is known, each service once, the surest word first."""
    keys = [("drives it", device.name)]
    keys += [("names its address", hex_address(window.start)) for window in device.windows]
    keys += [(_PERHAPS, program) for program in device.drivers]
    seen: set[int] = set()
    for how, what in keys:
        for service in drivers.get((how, what), ()):
            if id(service) not in seen:
                seen.add(id(service))
                yield service, how


@rule(
    "HV5007",
    "guest-not-started",
    severity=Severity.WARNING,
    source="inferred: a VM that nobody starts is probably forgotten",
)
def guest_not_started(scene: VmScene) -> Iterator[Finding]:
    """The host starts other guests, but not this one; silent where some start cannot be told whose it is."""
    launches = scene.host.launches
    if launches and not scene.host.starts_others and scene.launch is None and scene.vm.system:
        yield found(
            scene.place,
            f"the host does not start {scene.text}",
            f"no launch of `{scene.vm.system}`",
            helps=did_you_mean(scene.vm.system, launches),
        )


@rule("HV5008", "network-parts-missing", source=_IMAGE + "; Networking", policy=_MAYBE)
def network_parts_missing(scene: Scene) -> Iterator[Finding]:
    """A guest's network ends at a vdevpeer of the host, and the host image lacks what binds it."""
    target = scene.system.target
    if scene.host.image_files is None or target is None:
        return
    new = scene.catalog.feature(target, "host_network") == "io-sock"
    needed = {"mods-vdevpeer-net.so", "vpctl"} if new else {"devnp-vdevpeer-net.so"}
    missing = sorted(needed - _basenames(scene))
    for vm in scene.vms if missing else ():
        for vdev in vm.vm.vdevs:
            peer = vdev.option("peer")
            if peer and peer.values and peer.values[0].startswith("/dev/vdevpeers/"):
                yield found(
                    peer.origin or vdev.origin,
                    f"the host image lacks {' and '.join(f'`{name}`' for name in missing)}",
                    f"`{vdev.label}` of {vm.text} ends at the host",
                    severity=_sure(scene),
                )
                return


@rule(
    "HV5009",
    "too-many-startup-arguments",
    source="QNX 8.0 startup library: arrays of 20, the last one kept free",
)
def too_many_startup_arguments(scene: Scene) -> Iterator[Finding]:
    """The startup program is given more arguments than it keeps."""
    arguments = scene.host.startup_arguments
    most = buildfile_catalog().limits.get("startup_arguments", 19)
    if arguments is not None and len(arguments) > most:
        yield found(
            scene.host.origin,
            f"startup has {len(arguments)} arguments, it keeps {most}",
            f"`{arguments[most]}` and what follows is lost",
        )


@rule(
    "HV5010", "partition-module-missing", source="QNX 7.1, mkifs: sched_aps needs [module=aps] at the kernel"
)
def partition_module_missing(scene: Scene) -> Iterator[Finding]:
    """The host creates partitions, and its kernel has no partition scheduler."""
    modules, partitions = scene.host.modules, scene.host.partitions
    declared = [row for row in (partitions or {}).values() if row.name != "System"]
    if modules is not None and declared and not {"aps", "aps-safety"} & set(modules):
        yield found(
            (declared[0].origin, scene.host.origin),
            "the host creates partitions without the module `aps`",
            f"`{declared[0].name}` cannot be created",
        )


@rule("HV5011", "hypervisor-not-enabled", source=_IMAGE + ": module=qvm up to 7.1, startup -Q from 8.0")
def hypervisor_not_enabled(scene: Scene) -> Iterator[Finding]:
    """The host image does not enable the hypervisor in the way of its release, or in that of another."""
    target, host = scene.system.target, scene.host
    if target is None or target not in scene.catalog.targets or not scene.vms:
        return
    module = scene.catalog.feature(target, "host_module")
    if host.modules is not None:
        has = {"qvm", "qvm-safety"} & set(host.modules)
        if module and not has:
            yield found(host.origin, f"`{target}` needs `module={module}` at the kernel", "not there")
        elif has and not module:
            yield found(
                host.origin, f"`{target}` has no module `{min(has)}`", "startup `-Q enable` takes its place"
            )
    if host.startup_arguments is not None:
        asks = [word for word in host.startup_arguments if word.startswith("-Q")]
        if module and asks:
            yield found(
                host.origin, f"`-Q` enables the hypervisor from 8.0 on, not on `{target}`", "startup option"
            )
        elif not module and not asks:
            yield found(
                host.origin, f"startup of `{target}` does not enable the hypervisor", "no `-Q enable`"
            )


@rule("HV5012", "image-file-missing", source="QNX Hypervisor 7.1, vm/load: qvm reads the file when it starts")
def image_file_missing(scene: VmScene) -> Iterator[Finding]:
    """A file that goes into the host image for a guest does not exist, or is empty."""
    for image in scene.facts.images:
        if not image.exists or image.size == 0:
            why = "is empty" if image.exists else "does not exist"
            yield found(image.origin, f"`{image.path}`, which {scene.text} loads, {why}", why)


@rule("HV5013", "image-of-wrong-kind", source="QNX Hypervisor 7.1, vm/load: what the types mean")
def image_of_wrong_kind(scene: VmScene) -> Iterator[Finding]:
    """A file is loaded as one thing and is another: a kernel as device tree, a device tree as first image."""
    kinds = {image.path: image.kind for image in scene.facts.images if image.kind}
    for index, load in enumerate(scene.vm.loads):
        kind = kinds.get(load.path)
        if kind is not None and not _fits(load, kind, is_first=index == 0):
            yield found(
                load.origin,
                f"{scene.text} loads `{load.path}` as {load.blob or 'guest image'}, it is {kind}",
                f"content: {kind}",
            )


def _fits(load: Load, kind: str, is_first: bool) -> bool:
    match load.blob:
        case "fdt":
            return kind == "dtb"
        case "initrd":
            return kind not in ("dtb", "elf", "linux")
        case "":
            # A device tree is recognised by content, but it is not what a guest starts with.
            return not is_first or kind not in ("dtb", "cpio")
        case _:
            return True


RULES = (
    vdev_library_missing,
    qvm_missing,
    image_not_in_host,
    host_device_without_provider,
    provider_after_guest,
    host_driver_left,
    guest_not_started,
    network_parts_missing,
    too_many_startup_arguments,
    partition_module_missing,
    hypervisor_not_enabled,
    image_file_missing,
    image_of_wrong_kind,
)
