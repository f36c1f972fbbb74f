"""Names inside a stack that point at other things of it: each must point at something, once."""

import shlex
from collections.abc import Iterator, Sequence

from hvbuild.diagnostics import Diagnostic, other
from hvbuild.load.demand_references import demand_faults
from hvbuild.load.reference_codes import (
    HOST_END,
    LINK_ENDS,
    NAME_TWICE,
    NOT_A_COMMAND,
    NOTHING_SAID,
    SAID_TWICE,
    WRONG_KIND,
    unknown,
)
from hvbuild.model.guest import Guest, Image
from hvbuild.model.stack import LinkEnd, Stack
from hvbuild.source import Origin


def reference_faults(stack: Stack) -> Iterator[Diagnostic]:
    """Every name that points nowhere, twice, or at the wrong kind of thing."""
    yield from _repeated_names(stack)
    yield from _regions(stack)
    for guest in stack.guests:
        yield from _memory(stack, guest)
        yield from _handed_over(stack, guest)
        yield from _left_open(stack, guest)
        yield from _placement(stack, guest)
        yield from _images(guest)
    yield from _links(stack)
    yield from _shared(stack)
    yield from _host_reads(stack)
    yield from _services(stack)
    yield from demand_faults(stack)


def _repeated_names(stack: Stack) -> Iterator[Diagnostic]:
    lists: list[tuple[str, Sequence[tuple[str, Origin]]]] = [
        ("memory region", [(region.name, region.origin) for region in stack.regions]),
        ("link", [(link.name, link.origin) for link in stack.links]),
        ("shared memory", [(shared.name, shared.origin) for shared in stack.shared_memory]),
        ("service", [(service.name, service.origin) for service in stack.host.services]),
        ("partition", [(partition.name, partition.origin) for partition in stack.host.partitions]),
        ("cluster", [(cluster.name, cluster.origin) for cluster in stack.host.clusters]),
        ("host file", [(file.path, file.origin) for file in stack.host.files]),
        ("workload", [(workload.name, workload.origin) for workload in stack.workloads]),
        ("board device", [(device.name, device.origin) for device in stack.board.devices]),
        ("memory bank", [(bank.name, bank.origin) for bank in stack.board.memory]),
    ]
    for guest in stack.guests:
        lists += [
            (f"memory block of guest `{guest.name}`", [(ram.name, ram.origin) for ram in guest.ram]),
            (f"vdev of guest `{guest.name}`", [(vdev.name, vdev.origin) for vdev in guest.vdevs]),
            (f"pass-through of guest `{guest.name}`", [(item.name, item.origin) for item in guest.passes]),
            (f"image of guest `{guest.name}`", [(image.load.name, image.origin) for image in guest.images]),
        ]
    for kind, named in lists:
        seen: dict[str, Origin] = {}
        for name, place in named:
            if name in seen:
                yield NAME_TWICE.at(
                    place,
                    f"{kind} `{name}` is declared twice",
                    "again here",
                    others=other(seen[name], "first here"),
                )
            seen.setdefault(name, place)


def _regions(stack: Stack) -> Iterator[Diagnostic]:
    guests = [guest.name for guest in stack.guests]
    for region in stack.regions:
        if region.owner and region.owner not in guests:
            where = f"`owner` of memory region `{region.name}`"
            yield unknown("guest", region.owner, guests, region.owner_origin, where)
        if not region.external and (region.size is None or region.base is None):
            missing = "size" if region.size is None else "base"
            yield NOTHING_SAID.at(
                region.origin,
                f"memory region `{region.name}` has no `{missing}`",
                helps=[
                    f"give `{missing}`"
                    + (", or `base: auto`" if missing == "base" else "")
                    + ", or say `external: true` when somebody else makes the region"
                ],
            )


def _memory(stack: Stack, guest: Guest) -> Iterator[Diagnostic]:
    regions = [region.name for region in stack.regions]
    for ram in guest.ram:
        where = f"memory block `{ram.name}` of guest `{guest.name}`"
        if ram.region and ram.region not in regions:
            yield unknown("memory region", ram.region, regions, ram.region_origin, where)
        if ram.region and (ram.base is not None or ram.size is not None):
            yield SAID_TWICE.at(ram.origin, f"{where} gives a region and a base or size of its own")
        if not ram.region and ram.size is None:
            yield NOTHING_SAID.at(ram.origin, f"{where} has neither `size` nor `region`")


def _handed_over(stack: Stack, guest: Guest) -> Iterator[Diagnostic]:
    devices = [device.name for device in stack.board.devices]
    regions = [region.name for region in stack.regions]
    for item in guest.passes:
        where = f"pass-through `{item.name}` of guest `{guest.name}`"
        if item.device and item.device not in devices:
            yield unknown("board device", item.device, devices, item.target_origin, where)
        if item.region and item.region not in regions:
            yield unknown("memory region", item.region, regions, item.target_origin, where)
        if item.device and item.region:
            yield SAID_TWICE.at(item.origin, f"{where} names a device and a region")
        exact = item.exact
        if exact is not None and not (exact.windows or exact.pci or exact.interrupts):
            yield NOTHING_SAID.at(
                item.origin,
                f"{where} hands nothing over",
                helps=[
                    "name a `device` of the board or a `region`, or list `windows`, `interrupts` or `pci`"
                ],
            )
        device = stack.board.device(item.device) if item.device else None
        if device is not None and item.lines and len(item.lines) != len(device.interrupts):
            yield SAID_TWICE.at(
                item.origin,
                f"{where} gives {len(item.lines)} guest lines for {len(device.interrupts)} interrupts",
                others=other(device.origin, "the device is described here"),
            )


def _left_open(stack: Stack, guest: Guest) -> Iterator[Diagnostic]:
    """Options of vdevs that were left to a link or to shared memory, and nothing there says them."""
    linked = {(end.guest, end.vdev) for link in stack.links for end in link.ends}
    shares = {name for shared in stack.shared_memory for name, _ in shared.guests}
    creates = {shared.creator for shared in stack.shared_memory}
    for vdev in guest.vdevs:
        said = {
            "peer": (guest.name, vdev.name) in linked,
            "create": vdev.type == "shmem" and guest.name in creates,
            "allow": vdev.type == "shmem" and guest.name in shares,
        }
        for key in sorted(vdev.derived):
            if not said[key]:
                where = "no link ends here" if key == "peer" else "no shared memory says so"
                text = f"`{key}` of vdev `{vdev.name}` of guest `{guest.name}` is `auto`, but {where}"
                yield NOTHING_SAID.at(vdev.origin, text)


def _placement(stack: Stack, guest: Guest) -> Iterator[Diagnostic]:
    partitions = ["System", *(partition.name for partition in stack.host.partitions)]
    cpus = range(len(stack.board.cores))
    clusters = ["_all", *(f"_cpu-{cpu}" for cpu in cpus), *(c.name for c in stack.host.clusters)]
    if stack.host.foreign:
        return
    placed: list[tuple[str | None, str | None, Origin, str]] = [
        (vcpu.partition, vcpu.cluster, vcpu.placement_origin, f"vCPU {number} of guest `{guest.name}`")
        for number, vcpu in enumerate(guest.vcpus)
    ]
    launch = guest.launch
    placed.append((launch.partition, launch.cluster, launch.origin, f"`launch` of guest `{guest.name}`"))
    for partition, cluster, place, where in placed:
        if partition is not None and partition not in partitions:
            yield unknown("partition", partition, partitions, place, where)
        if cluster is not None and cluster not in clusters:
            yield unknown("cluster", cluster, clusters, place, where)


def _images(guest: Guest) -> Iterator[Diagnostic]:
    for image in guest.images:
        where = f"image `{image.load.name}` of guest `{guest.name}`"
        said = [f"`{word}`" for word, given in _origins_of(image) if given]
        if len(said) > 1:
            yield SAID_TWICE.at(image.origin, f"{where} comes from {' and '.join(said)}: one of them")
        if image.generated and (image.load.blob != "fdt" or guest.generated_image is not image):
            text = f"{where} is `generated`: that is for one image of `type: fdt`"
            yield SAID_TWICE.at(image.origin, text)
        if not said:
            yield NOTHING_SAID.at(
                image.origin,
                f"{where} has no origin",
                helps=["give `source`, the file that goes into the host image, or say `external: true`"],
            )


def _origins_of(image: Image) -> Iterator[tuple[str, bool]]:
    yield "source", bool(image.source)
    yield "external", image.external
    yield "generated", image.generated


def _links(stack: Stack) -> Iterator[Diagnostic]:
    used: dict[tuple[str, str], Origin] = {}
    for link in stack.links:
        ends = [(end.guest, end.vdev) for end in link.ends]
        if len(set(ends)) < len(ends) or all(guest == HOST_END for guest, _ in ends):
            yield LINK_ENDS.at(link.ends[-1].origin, f"link `{link.name}` does not join two different ends")
        for end in link.ends:
            yield from _link_end(stack, link.name, end)
            key = (end.guest, end.vdev)
            if key in used and used[key] != end.origin and ends.count(key) == 1:
                yield LINK_ENDS.at(
                    end.origin,
                    f"`{end.guest}.{end.vdev}` takes part in two links",
                    "again here",
                    others=other(used[key], "first here"),
                )
            used.setdefault(key, end.origin)


def _link_end(stack: Stack, link: str, end: LinkEnd) -> Iterator[Diagnostic]:
    where = f"link `{link}`"
    if end.guest == HOST_END:
        return
    guest = stack.guest(end.guest)
    if guest is None:
        yield unknown("guest", end.guest, [item.name for item in stack.guests], end.origin, where)
        return
    vdev = next((item for item in guest.vdevs if item.name == end.vdev), None)
    if vdev is None:
        known = [item.name for item in guest.vdevs]
        yield unknown(f"vdev of guest `{guest.name}`", end.vdev, known, end.origin, where)
    elif vdev.type != "virtio-net":
        yield WRONG_KIND.at(
            end.origin,
            f"{where} ends at `{vdev.name}`, which is a {vdev.type}",
            "not a virtio-net vdev",
            others=other(vdev.type_origin, "declared here"),
        )


def _shared(stack: Stack) -> Iterator[Diagnostic]:
    names = [guest.name for guest in stack.guests]
    for shared in stack.shared_memory:
        where = f"shared memory `{shared.name}`"
        seen: dict[str, Origin] = {}
        for name, place in shared.guests:
            guest = stack.guest(name)
            if guest is None:
                yield unknown("guest", name, names, place, where)
            elif not any(vdev.type == "shmem" for vdev in guest.vdevs):
                yield WRONG_KIND.at(
                    place,
                    f"{where} names guest `{name}`, which has no shmem vdev",
                    others=other(guest.origin, "this guest"),
                )
            if name in seen:
                yield NAME_TWICE.at(
                    place, f"{where} lists guest `{name}` twice", others=other(seen[name], "first here")
                )
            seen.setdefault(name, place)
        if shared.creator and shared.creator not in seen:
            yield unknown(
                "guest of this region", shared.creator, seen, shared.origin, f"`creator` of {where}"
            )


def _host_reads(stack: Stack) -> Iterator[Diagnostic]:
    if not stack.host.foreign:
        for name, place in stack.host.reads:
            yield SAID_TWICE.at(
                place,
                f"`{name}` is to be read of a host that is ours to write",
                helps=("say `foreign: true`, or `image: {base: …}` to build on a buildfile",),
            )


def _services(stack: Stack) -> Iterator[Diagnostic]:
    devices = [device.name for device in stack.board.devices]
    partitions = ["System", *(partition.name for partition in stack.host.partitions)]
    vdevs = [f"{guest.name}.{vdev.name}" for guest in stack.guests for vdev in guest.vdevs]
    for service in stack.host.services:
        where = f"service `{service.name}`"
        if not _program(service.command):
            yield NOT_A_COMMAND.at(service.origin, f"the command of {where} cannot be split into words")
        for kind, names, known in (
            ("board device", service.drives, devices),
            ("vdev", service.backs, vdevs),
            ("partition", (service.partition,) if service.partition else (), partitions),
        ):
            for name in names:
                if name not in known:
                    yield unknown(kind, name, known, service.origin, where)


def _program(command: str) -> str:
    """The first word of a command line; empty where it has none or cannot be split."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    return words[0] if words else ""
