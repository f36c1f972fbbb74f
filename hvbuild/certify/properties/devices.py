"""HC2xxx: devices, interrupts and DMA: one owner each, and nothing reaches further than it may."""

from collections.abc import Iterator
from functools import partial

from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Answer, Finding
from hvbuild.certify.properties.isolation import judged
from hvbuild.certify.property import Family, Method, Property
from hvbuild.machine.claims import ClaimKind
from hvbuild.model.board import Device
from hvbuild.model.vm import Pass, PassInterrupt, Space, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.source import Origin


def _passes(ground: Ground) -> Iterator[tuple[int, VmConfig, int, Pass]]:
    for index, vm in enumerate(ground.system.vms):
        for number, each in enumerate(vm.passes):
            yield index, vm, number, each


def pass_line(ground: Ground, index: int, number: int) -> Origin:
    """The line of the stack behind pass context `number` of VM `index`."""
    planned = ground.planned(index)
    rows = planned.vm.passes if planned is not None else ()
    here = ground.vm(index).passes[number].origin
    return (rows[number].origin if number < len(rows) else here) or here or ground.guest_line(index)


def _host_windows(ground: Ground, each: Pass) -> Iterator[AddressRange]:
    for row in each.windows:
        window = ground.system.window(row.start if row.host is None else row.host, row.length)
        if window is not None and row.space is Space.MEM:
            yield window


def _devices_of(ground: Ground, each: Pass) -> tuple[Device, ...]:
    """Board devices whose registers a pass hands over."""
    windows = tuple(_host_windows(ground, each))
    devices = (ground.system.host.devices or {}).values()
    return tuple(
        device
        for device in devices
        if any(window.overlaps(own) for window in windows for own in device.windows)
    )


def _vector(ground: Ground, row: PassInterrupt) -> int | None:
    return ground.system.amount(row.vector if row.vector is not None else row.line.line)


def _two_host_owners(ground: Ground) -> Iterator[Finding]:
    owners: dict[int, tuple[int, Origin]] = {}
    for index, vm, number, each in _passes(ground):
        for row in each.interrupts:
            vector = _vector(ground, row)
            if vector is None:
                continue
            if vector in owners and owners[vector][0] != index:
                first, line = owners[vector]
                yield Finding(
                    what=f"host interrupt {vector} is handed to guests `{ground.vm(first).label}` and "
                    f"`{vm.label}`",
                    place=pass_line(ground, index, number),
                    others=((line, f"`{ground.vm(first).label}` gets it here"),),
                    story=(
                        f"interrupt {vector} fires and is masked for the guest that qvm tells first",
                        "qvm accepts the second owner silently: one of the two never completes it",
                    ),
                    change="hand the interrupt to one guest only",
                )
            owners.setdefault(vector, (index, pass_line(ground, index, number)))


def interrupt_has_one_owner(ground: Ground) -> Answer:
    """A host interrupt goes to one guest at most."""
    cases = sum(len(each.interrupts) for _, _, _, each in _passes(ground))
    return judged(_two_host_owners(ground), cases, "host interrupts of all passes")


def hands_interrupts(ground: Ground) -> str:
    """Silent where no interrupt is handed over."""
    return "" if any(each.interrupts for _, _, _, each in _passes(ground)) else "no interrupt is handed over"


def _two_line_owners(ground: Ground) -> Iterator[Finding]:
    catalog = ground.subject.catalog
    for index, vm in enumerate(ground.system.vms):
        seen: dict[tuple[str, int], str] = {}
        rows = [
            (intr.pic, ground.system.amount(intr.line), vdev.label, vdev.type)
            for vdev in vm.vdevs
            for intr in vdev.interrupts
        ]
        rows += [
            (row.line.pic, ground.system.amount(row.line.line), each.name or each.device or "pass", "")
            for each in vm.passes
            for row in each.interrupts
        ]
        for pic, line, name, kind in rows:
            row_of = catalog.vdev(kind) if catalog is not None and kind else None
            if line is None or (row_of is not None and row_of.shares_line):
                continue
            if (pic, line) in seen and seen[pic, line] != name:
                yield Finding(
                    what=f"line {line} of `{pic}` in guest `{vm.label}` is raised by "
                    f"`{seen[pic, line]}` and `{name}`",
                    place=ground.guest_line(index),
                    story=(f"`{vm.label}` takes interrupt {line} and cannot know which of the two asked",),
                    change="give one of the two another line",
                )
            seen.setdefault((pic, line), name)


def line_has_one_source(ground: Ground) -> Answer:
    """A guest interrupt line has one source."""
    cases = sum(len(v.interrupts) for vm in ground.system.vms for v in vm.vdevs)
    cases += sum(len(each.interrupts) for _, _, _, each in _passes(ground))
    return judged(_two_line_owners(ground), cases, "interrupt lines of each guest")


def _interrupt_elsewhere(ground: Ground) -> Iterator[Finding]:
    holders: dict[str, int] = {}
    for index, _, _, each in _passes(ground):
        for device in _devices_of(ground, each):
            holders.setdefault(device.name, index)
    for index, vm, number, each in _passes(ground):
        for row in each.interrupts:
            vector = _vector(ground, row)
            for device in (ground.system.host.devices or {}).values():
                holder = holders.get(device.name)
                if vector in device.interrupts and holder not in (None, index):
                    yield Finding(
                        what=f"guest `{vm.label}` gets interrupt {vector} of device `{device.name}`, "
                        "whose registers "
                        f"guest `{ground.vm(holder or 0).label}` has",
                        place=pass_line(ground, index, number),
                        change="hand registers and interrupts of a device to one guest",
                    )


def interrupt_follows_device(ground: Ground) -> Answer:
    """A device's interrupts go where its registers go."""
    cases = sum(1 for _ in _passes(ground))
    return judged(_interrupt_elsewhere(ground), cases, "passes against the board's device list")


def knows_devices(ground: Ground) -> str:
    """Silent where nothing is handed over or the board's devices are not known."""
    if not any(True for _ in _passes(ground)):
        return "nothing is handed over"
    return "" if ground.system.host.devices else "the board's devices are not known"


def _controllers(ground: Ground) -> Iterator[Finding]:
    for index, vm, number, each in _passes(ground):
        for device in _devices_of(ground, each):
            if device.controller:
                yield Finding(
                    what=f"guest `{vm.label}` is handed `{device.name}`, which controls the whole machine",
                    place=pass_line(ground, index, number),
                    others=(
                        (device.origin, f"`{device.name}` occupies {', '.join(map(str, device.windows))}"),
                    ),
                    story=(
                        f"`{vm.label}` writes to {device.windows[0]} and no guest exit happens: stage "
                        "2 maps it",
                        "the host's own interrupts, translations or configuration follow that write",
                    ),
                    change="hand over something else: guests have virtual interrupt controllers of their own",
                )


def _over_virtual_gic(ground: Ground) -> Iterator[Finding]:
    """A passed window over the guest's own virtual interrupt controller."""
    for guest in ground.memory.guests:
        controllers = _controller_claims(ground, guest.index)
        for one, two in guest.conflicts:
            gic = one if one.name in controllers else two if two.name in controllers else None
            other = two if gic is one else one
            if gic is not None and other.kind is ClaimKind.PASS:
                yield Finding(
                    what=f"`{other.name}` is passed over the interrupt controller of guest `{guest.vm}` at "
                    f"{one.window.intersection(two.window)}",
                    place=ground.line_of(guest.index, other),
                    story=(
                        "a mapped page never traps: the guest's writes to its interrupt controller "
                        "go to the device",
                        "interrupts of the guest are never enabled or completed",
                    ),
                    change="move the passed window off the interrupt controller",
                )


def _controller_claims(ground: Ground, index: int) -> set[str]:
    vdevs = ground.vm(index).vdevs
    names = {vdev.label for vdev in vdevs if vdev.type in ("gic", "ioapic", "8259")} | {"gic", "lapic"}
    guest = next((row for row in ground.memory.guests if row.index == index), None)
    claims = guest.claims if guest is not None else ()
    return {c.name for c in claims if c.name.split(" ")[0] in names}


def controllers_stay(ground: Ground) -> Answer:
    """Nobody is handed a controller of the machine, nor a window over a virtual one."""
    found = (*_controllers(ground), *_over_virtual_gic(ground))
    cases = sum(1 for _ in _passes(ground))
    return judged(iter(found), cases, "passed windows against controllers")


def _uncontained(ground: Ground) -> Iterator[Finding]:
    host = ground.system.host
    for index, vm, number, each in _passes(ground):
        masters = [device for device in _devices_of(ground, each) if device.dma]
        declared = any("d" in row.flags for row in each.windows)
        waiver = each.waiver or _planned_waiver(ground, index, number)
        if not (masters or declared) or waiver or (host.smmu and host.smmuman):
            continue
        name = masters[0].name if masters else each.device or each.name or "the passed device"
        lack = "the board has no SMMU" if not host.smmu else "the host runs no smmuman"
        yield Finding(
            what=f"nothing contains the DMA of `{name}` in guest `{vm.label}`: {lack}",
            place=pass_line(ground, index, number),
            others=((masters[0].origin, "masters the bus"),) if masters else (),
            story=(
                f"`{vm.label}` programs `{name}` with any host-physical address it likes",
                "the transfer reaches memory of the host or of another guest: stage 2 binds "
                "processors, not devices",
            ),
            change="start smmuman, keep the device in the host, or accept it with a waiver at the pass",
        )


def _planned_waiver(ground: Ground, index: int, number: int) -> str:
    planned = ground.planned(index)
    rows = planned.vm.passes if planned is not None else ()
    return rows[number].waiver if number < len(rows) else ""


def dma_is_contained(ground: Ground) -> Answer:
    """Devices that master the bus reach their guest's memory only."""
    cases = sum(1 for _ in _passes(ground))
    return judged(_uncontained(ground), cases, "passed devices against SMMU and smmuman")


def _two_guests_one_device(ground: Ground) -> Iterator[Finding]:
    owners: dict[str, tuple[int, str, Origin]] = {}
    for index, vm, number, each in _passes(ground):
        for device in _devices_of(ground, each):
            for key in filter(None, (f"device {device.name}", device.group and f"group {device.group}")):
                if key in owners and owners[key][0] != index:
                    first, name, line = owners[key]
                    yield Finding(
                        what=f"guests `{ground.vm(first).label}` and `{vm.label}` are both handed {key}",
                        place=pass_line(ground, index, number),
                        others=((line, f"`{name}` goes to `{ground.vm(first).label}`"),),
                        change="hand it to one guest",
                    )
                owners.setdefault(key, (index, device.name, pass_line(ground, index, number)))


def device_has_one_owner(ground: Ground) -> Answer:
    """A device, and every group that shares a bus or stream id, has one guest."""
    cases = sum(1 for _ in _passes(ground))
    return judged(_two_guests_one_device(ground), cases, "passed devices and their groups")


def _driven_twice(ground: Ground) -> Iterator[Finding]:
    for index, vm, number, each in _passes(ground):
        for device in _devices_of(ground, each):
            for service in ground.system.host.services or ():
                if device.name in service.drives:
                    yield Finding(
                        what=f"host service `{service.name}` drives `{device.name}`, which guest "
                        f"`{vm.label}` has",
                        place=pass_line(ground, index, number),
                        others=((service.origin, "started here"),),
                        change=f"do not start `{service.name}`, or keep the device in the host",
                    )


def host_lets_go(ground: Ground) -> Answer:
    """The host drives no device that a guest has."""
    cases = len(ground.system.host.services or ())
    return judged(_driven_twice(ground), cases, "host services against passed devices")


def _peers(ground: Ground) -> Iterator[Finding]:
    known = {
        f"/dev/qvm/{vm.system}/{vdev.name}" for vm in ground.system.vms for vdev in vm.vdevs if vdev.name
    }
    for index, vm in enumerate(ground.system.vms):
        for number, vdev in enumerate(vm.vdevs):
            option = vdev.option("peer")
            path = option.values[0] if option is not None and option.values else ""
            if path.startswith("/dev/qvm/") and path not in known:
                yield Finding(
                    what=f"`{vdev.label}` of guest `{vm.label}` has the peer `{path}`, which no guest makes",
                    place=_vdev_line(ground, index, number),
                    change="name the other end of the link as its guest does",
                )


def _vdev_line(ground: Ground, index: int, number: int) -> Origin:
    planned = ground.planned(index)
    rows = planned.vm.vdevs if planned is not None else ()
    here = ground.vm(index).vdevs[number].origin
    return (rows[number].origin if number < len(rows) else here) or here


def peers_meet(ground: Ground) -> Answer:
    """Both ends of a link between guests name each other."""
    cases = sum(len(vm.vdevs) for vm in ground.system.vms)
    return judged(_peers(ground), cases, "peer paths against named devices")


def has_peers(ground: Ground) -> str:
    """Silent without links between guests."""
    rows = (v.option("peer") for vm in ground.system.vms for v in vm.vdevs)
    linked = any(o is not None and o.values and o.values[0].startswith("/dev/qvm/") for o in rows)
    return "" if linked else "no link between guests"


_row = partial(Property, family=Family.DEVICES, method=Method.PROVE)

PROPERTIES: tuple[Property, ...] = (
    _row(
        code="HC2001",
        name="interrupt-has-one-owner",
        title="Each host interrupt goes to one guest",
        statement="No interrupt of the host is handed to two guests.",
        prove=interrupt_has_one_owner,
        applies=hands_interrupts,
    ),
    _row(
        code="HC2002",
        name="line-has-one-source",
        title="Each guest interrupt line has one source",
        statement="Within a guest no two devices raise one interrupt line, except those made to share it.",
        prove=line_has_one_source,
    ),
    _row(
        code="HC2003",
        name="interrupt-follows-device",
        title="A device's interrupts go where its registers go",
        statement="A guest that gets an interrupt of a passed device also has that device.",
        prove=interrupt_follows_device,
        applies=knows_devices,
    ),
    _row(
        code="HC2004",
        name="controllers-stay-with-the-host",
        title="No guest is handed a controller of the whole machine",
        statement="No passed window covers an interrupt controller, SMMU or PCI host of the machine, "
        "nor the guest's own "
        "virtual interrupt controller.",
        prove=controllers_stay,
        applies=knows_devices,
    ),
    _row(
        code="HC2005",
        name="dma-is-contained",
        title="Devices handed to a guest reach that guest's memory only",
        statement="Every passed device that masters the bus is held by SMMU and smmuman, or accepted "
        "with a written reason "
        "at the pass.",
        prove=dma_is_contained,
        applies=knows_devices,
    ),
    _row(
        code="HC2006",
        name="device-has-one-owner",
        title="Each device goes to one guest, with all that shares its bus",
        statement="No device, and no group of devices behind one bus or stream id, is split between guests.",
        prove=device_has_one_owner,
        applies=knows_devices,
    ),
    _row(
        code="HC2007",
        name="host-lets-go",
        title="The host drives no device that a guest has",
        statement="No service that the host starts drives a passed device.",
        prove=host_lets_go,
        applies=knows_devices,
    ),
    _row(
        code="HC2008",
        name="peers-meet",
        title="Both ends of every link between guests exist",
        statement="Each peer path names a device that another guest of this system makes.",
        prove=peers_meet,
        applies=has_peers,
    ),
)
