"""A board that nobody has described yet: the least that a stack needs, each fact marked to be filled in."""

from collections.abc import Iterable, Iterator, Sequence

from hvbuild.adopt import spelled
from hvbuild.adopt.yamltext import Item, scalar, text_of
from hvbuild.catalog import Catalog
from hvbuild.catalog_rows import Row
from hvbuild.model.board import Architecture
from hvbuild.model.image import Image
from hvbuild.model.system import HostFacts
from hvbuild.model.vm import Space, VmConfig
from hvbuild.ranges import AddressRange

TO_BE_FILLED_IN = "adopted; to be filled in"
_MODES = ("el1-host", "el2-host", "x86")
# Every 64-bit core that QNX hosts run on addresses at least this much (2^40 bytes).
_EVERYTHING = 1 << 40


def architecture_of(vms: Iterable[VmConfig], catalog: Catalog, host: HostFacts | None) -> Architecture:
    """What the host's image says, else what most of the VMs belongs to; Arm where nothing tells."""
    if host is not None and host.architecture is not None:
        return Architecture(host.architecture)
    kinds = [kind for vm in vms for kind in _families(vm, catalog)]
    return Architecture.X86_64 if kinds.count("x86") > kinds.count("arm") else Architecture.AARCH64


def _families(vm: VmConfig, catalog: Catalog) -> Iterator[str]:
    """`arm` or `x86` for each device, variable, blob type and port that only one architecture has."""
    rows: list[Row | None] = [catalog.vdev(vdev.type) for vdev in vm.vdevs]
    rows += [catalog.variable(setting.variable) for setting in vm.settings]
    blobs = (*(load.blob for load in vm.loads), *(each.blob for each in vm.passes))
    words = (*blobs, *(flag.partition(" ")[0] for flag in vm.flags))
    rows += [row for word in words for row in catalog.blobs.get(word, ())[:1]]
    yield from (row.architecture for row in rows if row is not None)
    spaces = [vdev.location.space for vdev in vm.vdevs if vdev.location is not None]
    spaces += [place.space for each in vm.reserves for place in each.locations]
    spaces += [window.space for each in vm.passes for window in each.windows]
    yield from ("x86" for space in spaces if space is Space.IO)


def board_text(
    name: str, vms: Sequence[VmConfig], catalog: Catalog, host: HostFacts | None, image: Image | None
) -> str:
    """The file of a board stub: its pCPUs as far as something names them, its RAM where a tree says it, its
    startup where a boot image shows it."""
    architecture = architecture_of(vms, catalog, host)
    core = [
        Item("name", "core"),
        Item("kind", "unknown"),
        Item("count", str(_cpus(vms, host))),
        Item("frequency", "1GHz"),
        Item("source", scalar(TO_BE_FILLED_IN)),
    ]
    items = [
        Item("format", "1"),
        Item("name", scalar(name)),
        Item("title", scalar(f"{name}: a stub, every fact is to be filled in")),
        Item("architecture", architecture.value),
        Item("cores", [Item("", core)]),
        Item("memory", [Item("", bank) for bank in _banks(host)]),
        *spelled.listed("startup", _startup(image)),
    ]
    return "# yaml-language-server: $schema=../.hvbuild/board.schema.json\n" + text_of(items)


def _cpus(vms: Sequence[VmConfig], host: HostFacts | None) -> int:
    """One more than the highest pCPU that anything names; at least as many as a VM has vCPUs."""
    masks = [vcpu.runmask for vm in vms for vcpu in vm.vcpus if vcpu.runmask]
    if host is not None:
        masks += [cpus for cpus in (host.clusters or {}).values() if cpus]
        masks += [launch.cpus for launch in (host.launches or {}).values() if launch.cpus]
        masks += [service.cpus for service in host.services or () if service.cpus]
    most = max((len(vm.vcpus) for vm in vms), default=1)
    return min(max(1, most, *(max(mask) + 1 for mask in masks)), 256)


def _banks(host: HostFacts | None) -> list[list[Item]]:
    known = [bank.window for bank in (host.banks or () if host else ()) if bank.window is not None]
    if known:
        return [_bank(f"bank-{number}", window, "its devicetree") for number, window in enumerate(known, 1)]
    # A smaller guess would make faults of what is right; rules about room say nothing until it is replaced.
    return [_bank("unknown", AddressRange(0, _EVERYTHING), TO_BE_FILLED_IN)]


def _startup(image: Image | None) -> list[Item]:
    boot = image.boot if image is not None else None
    if image is None or boot is None or boot.startup is None:
        return []
    items = [Item("program", scalar(boot.startup.name)), Item("virtual", scalar(boot.type))]
    if image.load_address is not None:
        items.append(Item("image", spelled.address(image.load_address)))
    if boot.kernel is not None:
        items.append(Item("kernel", scalar(boot.kernel.name)))
    asked = boot.option("Q")
    mode = (asked.value or "").partition(",")[2] if asked is not None else ""
    return [*items, Item("hypervisor_mode", scalar(mode))] if mode in _MODES else items


def _bank(name: str, window: AddressRange, source: str) -> list[Item]:
    return [
        Item("name", name),
        Item("base", spelled.address(window.start)),
        Item("size", spelled.size(window.size)),
        Item("source", scalar(source)),
    ]
