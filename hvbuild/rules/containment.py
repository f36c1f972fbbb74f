"""HV32xx: what is handed over by `pass`, and how its DMA is kept in."""

from collections.abc import Iterator

from hvbuild.diagnostics import Severity, other
from hvbuild.model.board import Device
from hvbuild.model.vm import Pass, PassWindow, Space
from hvbuild.ranges import AddressRange, clashes
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Handed, Scene, VmScene, pass_text
from hvbuild.rules.wording import did_you_mean, listed
from hvbuild.source import Origin

_FLAGS = "QNX Hypervisor 8.0, vm/pass, flags"
_SMMUMAN = "QNX Hypervisor 7.1, DMA device containment (smmuman)"
_UNITY = "without an SMMU a device uses guest addresses as host addresses"


def dma_windows(scene: VmScene) -> Iterator[tuple[Pass, PassWindow]]:
    """Windows in memory space that are not RAM: device registers, as far as flags tell."""
    for each in scene.vm.passes:
        for location in each.windows:
            if location.space is Space.MEM and "m" not in location.flags:
                yield each, location


def device_of(scene: VmScene, context: Pass) -> Device | None:
    """The board device that a `pass` hands over, by its name or by its registers."""
    devices = scene.host.devices or {}
    if context.device:
        return devices.get(context.device)
    for location in context.windows:
        start = location.start if location.host is None else location.host
        at = scene.system.amount(start)
        for device in devices.values():
            if at is not None and any(window.holds(at) for window in device.windows):
                return device
    return None


def is_unity_mapped(scene: VmScene) -> bool:
    """True when every byte of guest memory lies at its own host-physical address."""
    if scene.vm.memory:
        return False
    return all(
        location.host is None or location.host == location.start
        for each in scene.vm.passes
        for location in each.windows
        if "m" in location.flags
    )


def _place(context: Pass, location: PassWindow | None = None) -> Origin:
    return (location.origin if location is not None else context.origin) or context.origin


@rule("HV3201", "memory-with-dma", source=_FLAGS + ": m must not be combined with d")
def memory_with_dma(scene: VmScene) -> Iterator[Finding]:
    """A window is passed as system memory (`m`) and as a DMA device (`d`) at once."""
    for each in scene.vm.passes:
        for location in each.windows:
            if {"m", "d"} <= location.flags:
                yield found(
                    _place(each, location),
                    f"{pass_text(each, location)} of {scene.text} has the flags `m` and `d`",
                    "memory or a DMA device, not both",
                )


@rule(
    "HV3202",
    "dma-without-read-write",
    severity=Severity.WARNING,
    source=_FLAGS + ": with d, at least r and w should be given",
    policy="the manual says should",
)
def dma_without_read_write(scene: VmScene) -> Iterator[Finding]:
    """A DMA device (`d`) is passed without reading and writing."""
    for each, location in dma_windows(scene):
        missing = sorted({"r", "w"} - location.flags)
        if "d" in location.flags and missing:
            yield found(
                _place(each, location),
                f"{pass_text(each, location)} of {scene.text} does DMA without the flags {listed(missing)}",
                f"flags `{location.flags_text or ''.join(sorted(location.flags))}`",
            )


@rule("HV3203", "dma-not-declared", source=_FLAGS + ": with smmuman, d or n must be given")
def dma_not_declared(scene: VmScene) -> Iterator[Finding]:
    """The host runs smmuman and a passed device does not say whether it does DMA (`d`) or not (`n`)."""
    if not scene.host.smmuman:
        return
    for each, location in dma_windows(scene):
        if not location.flags & {"d", "n"}:
            yield found(
                _place(each, location),
                f"{pass_text(each, location)} of {scene.text} says neither `d` nor `n`",
                "smmuman has to know whether the device does DMA",
                helps=("add `d` for a device that masters the bus, `n` for one that does not",),
            )


@rule("HV3204", "dma-without-smmuman", source=_SMMUMAN + ": qvm does not start such a VM")
def dma_without_smmuman(scene: VmScene) -> Iterator[Finding]:
    """A DMA device (`d`) goes to a guest that is not unity-mapped, and the host runs no smmuman.

    qvm refuses to start the VM: it is a client of smmuman for every device that it knows to do DMA.
    """
    if scene.host.smmuman is not False or is_unity_mapped(scene):
        return
    for each, location in dma_windows(scene):
        if "d" in location.flags:
            yield found(
                _place(each, location),
                f"{pass_text(each, location)} of {scene.text} does DMA, and the host runs no smmuman",
                "qvm does not start this VM",
                notes=(f"{scene.text} is not unity-mapped: its RAM lies at other host addresses",),
                helps=("start smmuman before the guest, or hand the guest its RAM unity-mapped",),
            )


@rule(
    "HV3205",
    "dma-uncontained",
    severity=Severity.WARNING,
    source=_SMMUMAN + "; " + _UNITY,
    policy="boards without an SMMU exist: whoever accepts it writes a waiver at the pass",
)
def dma_uncontained(scene: VmScene) -> Iterator[Finding]:
    """A device that masters the bus goes to a guest and nothing keeps its DMA inside the guest's memory.

    Without an SMMU the device reaches all host memory; where the guest is not unity-mapped its transfers
    go to wrong addresses as well.
    """
    if scene.host.smmu is not False:
        return
    for each in scene.vm.passes:
        device = device_of(scene, each)
        declared = any("d" in location.flags for location in each.windows)
        if each.waiver or not (declared or (device is not None and device.dma)):
            continue
        text = f"device `{device.name}`" if device else "the passed device"
        unity = is_unity_mapped(scene)
        wrong = "reaches all host memory" if unity else "hits other addresses than the guest means"
        yield found(
            _place(each),
            f"nothing contains the DMA of {text} in {scene.text}",
            "no SMMU on this board",
            others=other(device.origin if device else None, "masters the bus"),
            notes=(f"{_UNITY}: the device {wrong}",),
            helps=("write a waiver with the reason at the pass, or move the device to the host",),
        )


@rule("HV3206", "dma-denied", source=_FLAGS + ": n says that the device does no DMA")
def dma_denied(scene: VmScene) -> Iterator[Finding]:
    """A device that the board knows to master the bus is passed with `n`: smmuman will not contain it."""
    for each, location in dma_windows(scene):
        device = device_of(scene, each)
        if "n" in location.flags and device is not None and device.dma and not each.waiver:
            yield found(
                _place(each, location),
                f"device `{device.name}` does DMA and is passed to {scene.text} as one that does not",
                f"flags `{location.flags_text or ''.join(sorted(location.flags))}`",
                others=other(device.origin, "the board says that it masters the bus"),
                helps=("pass it with `d`, or write a waiver with the reason at the pass",),
                severity=None if scene.host.smmuman else Severity.WARNING,
            )


@rule("HV3207", "pass-of-controller", source="QNX Hypervisor 7.1, Configuring VMs: host settings win")
def pass_of_controller(scene: Scene) -> Iterator[Finding]:
    """A guest is handed registers of the interrupt controller, the SMMU or the PCI host."""
    for handed, device in _on_devices(scene):
        if device.controller:
            yield found(
                (handed.location.origin, handed.context.origin),
                f"guest `{handed.vm.label}` is handed `{device.name}`, which the host has to keep",
                f"is {handed.window} of the host",
                others=other(device.origin, f"`{device.name}` occupies {listed(map(str, device.windows))}"),
            )


@rule("HV3208", "device-unknown", source="the board's device list")
def device_unknown(scene: VmScene) -> Iterator[Finding]:
    """A guest is handed a device that the board does not have."""
    devices = scene.host.devices
    for each in scene.vm.passes:
        if devices and each.device and each.device not in devices:
            yield found(
                _place(each),
                f"{scene.text} is handed device `{each.device}`, which the board does not have",
                "no such device",
                helps=did_you_mean(each.device, devices),
            )


@rule(
    "HV3209",
    "device-incomplete",
    severity=Severity.WARNING,
    source="inferred: a driver uses every window and interrupt of its device",
)
def device_incomplete(scene: VmScene) -> Iterator[Finding]:
    """A device is handed over without some of its registers or interrupts; its driver will miss them."""
    for each in scene.vm.passes:
        device = device_of(scene, each)
        if device is None:
            continue
        windows = [handed.window for handed in scene.scene.handed_by.get(id(each), ())]
        bare = [w for w in device.windows if not any(w.overlaps(given) for given in windows)]
        given_lines = len(each.interrupts)
        missing = [f"{window}" for window in bare]
        if given_lines < len(device.interrupts):
            missing.append(f"{len(device.interrupts) - given_lines} of {len(device.interrupts)} interrupts")
        if missing and (windows or given_lines):
            yield found(
                _place(each),
                f"device `{device.name}` is handed to {scene.text} only in part",
                f"not handed over: {', '.join(missing)}",
                others=other(device.origin, "the device as the board has it"),
                notes=("an access to what is missing reads as ones and writes nothing",),
            )


@rule("HV3210", "device-passed-twice", source="QNX Hypervisor 7.1, Devices: a device has one owner at a time")
def device_passed_twice(scene: Scene) -> Iterator[Finding]:
    """One PCI device of the host is handed over twice."""
    seen: dict[str, tuple[str, Origin]] = {}
    for vm in scene.vms:
        for each in vm.vm.passes:
            for handed in each.pci:
                slot = handed.host.removeprefix("pci:")
                earlier = seen.get(slot)
                if earlier is None:
                    seen[slot] = (vm.vm.label, handed.origin or each.origin)
                    continue
                yield found(
                    handed.origin or each.origin,
                    f"PCI device `{slot}` is handed to guest `{earlier[0]}` and to guest `{vm.vm.label}`",
                    "handed over again",
                    others=other(earlier[1], f"guest `{earlier[0]}` has it"),
                )


@rule(
    "HV3211",
    "device-group-split",
    source="QNX Hypervisor 7.1, DMA device containment: hardware may be unable to tell devices apart",
    policy="an error: one owner could reach the other's memory through the shared stream",
)
def device_group_split(scene: Scene) -> Iterator[Finding]:
    """Devices that share a bus group or a stream id go to different owners."""
    owners: dict[str, tuple[str, Device, Origin]] = {}
    for vm in scene.vms:
        for each in vm.vm.passes:
            device = device_of(vm, each)
            for key in _groups(device):
                earlier = owners.setdefault(key, (vm.vm.label, device, _place(each))) if device else None
                if device and earlier and earlier[0] != vm.vm.label and earlier[1] is not device:
                    yield found(
                        _place(each),
                        f"devices `{earlier[1].name}` and `{device.name}` share {key} and have two owners",
                        f"`{device.name}` goes to guest `{vm.vm.label}`",
                        others=other(earlier[2], f"`{earlier[1].name}` goes to guest `{earlier[0]}`"),
                    )


@rule("HV3212", "pci-bus-not-zero", source="QNX Hypervisor 7.1, vm/pass: the guest has PCI bus 0 only")
def pci_bus_not_zero(scene: VmScene) -> Iterator[Finding]:
    """A PCI device is to appear on another guest bus than 0."""
    for each in scene.vm.passes:
        for handed in each.pci:
            bus, colon, _ = handed.guest.removeprefix("pci:").partition(":")
            if colon and bus.strip("0"):
                yield found(
                    handed.origin or each.origin,
                    f"{scene.text} has a PCI device on bus {bus}",
                    "guests have bus 0 only",
                )


@rule("HV3213", "pass-without-length", source="QNX Hypervisor 8.0, vm/pass: loc region,length,flags")
def pass_without_length(scene: VmScene) -> Iterator[Finding]:
    """A pass-through window has no length on a release whose form requires one."""
    target, catalog = scene.system.target, scene.scene.catalog
    if target is None or not catalog.feature(target, "pass_length_required"):
        return
    for each in scene.vm.passes:
        for location in each.windows:
            if location.length is None:
                yield found(
                    _place(each, location),
                    f"{pass_text(each, location)} of {scene.text} has no length",
                    f"`{target}` requires one",
                )


@rule(
    "HV3214",
    "write-only-pass",
    severity=Severity.WARNING,
    source="Armv8-A and Intel EPT: inferred, a guest that writes registers reads them too",
)
def write_only_pass(scene: VmScene) -> Iterator[Finding]:
    """A window is passed for writing or executing but not for reading."""
    for each in scene.vm.passes:
        for location in each.windows:
            if location.flags & {"w", "x"} and "r" not in location.flags:
                yield found(
                    _place(each, location),
                    f"{pass_text(each, location)} of {scene.text} cannot be read",
                    f"flags `{location.flags_text or ''.join(sorted(location.flags))}`",
                )


def _groups(device: Device | None) -> tuple[str, ...]:
    if device is None:
        return ()
    streams = tuple(f"stream id {number:#x}" for number in device.stream_ids)
    return (*((f"group `{device.group}`",) if device.group else ()), *streams)


def _on_devices(scene: Scene) -> Iterator[tuple[Handed, Device]]:
    everything: list[tuple[AddressRange, Handed | Device]] = [
        (handed.window, handed) for handed in scene.handed
    ]
    for each in (scene.host.devices or {}).values():
        everything += [(window, each) for window in each.windows]
    seen: set[tuple[int, str]] = set()
    for first, second in clashes(everything):
        for handed, device in ((first, second), (second, first)):
            if not isinstance(handed, Handed) or not isinstance(device, Device):
                continue
            if (id(handed), device.name) not in seen:
                seen.add((id(handed), device.name))
                yield handed, device


RULES = (
    memory_with_dma,
    dma_without_read_write,
    dma_not_declared,
    dma_without_smmuman,
    dma_uncontained,
    dma_denied,
    pass_of_controller,
    device_unknown,
    device_incomplete,
    device_passed_twice,
    device_group_split,
    pci_bus_not_zero,
    pass_without_length,
    write_only_pass,
)
