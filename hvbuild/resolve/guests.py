"""A declared guest to the VM that its qvmconf must say."""

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostics
from hvbuild.model.guest import Guest, Vdev
from hvbuild.model.plan import GuestPlan
from hvbuild.model.stack import Stack
from hvbuild.model.vm import Logger, VmConfig
from hvbuild.model.vm import Vdev as VmVdev
from hvbuild.resolve.agreements import derived_options
from hvbuild.resolve.commandline import command_line
from hvbuild.resolve.devices import GuestSpace, handed_over
from hvbuild.resolve.ledger import Ledger
from hvbuild.resolve.memory import guest_memory


def plan_guest(
    stack: Stack, guest: Guest, catalog: Catalog, ledger: Ledger, faults: Diagnostics
) -> GuestPlan:
    """`guest` with every open value decided and every shared fact filled in."""
    space = GuestSpace(guest, stack.board.architecture, catalog, ledger)
    memory, ram_passes = guest_memory(guest, space.map.ram, catalog, ledger)
    passes = (*ram_passes, *handed_over(guest, stack.board, catalog, ledger))
    space.take_memory(memory, passes)
    vdevs = tuple(_vdev(stack, guest, vdev, space, ledger) for vdev in guest.vdevs)
    loggers = tuple(
        Logger(filters=logger.filters, destination=logger.destination, vdev=index, origin=logger.origin)
        for index, vdev in enumerate(guest.vdevs)
        for logger in vdev.loggers
    )
    vm = VmConfig(
        system=guest.system,
        memory=memory,
        vcpus=guest.vcpus,
        vdevs=vdevs,
        passes=passes,
        reserves=guest.reserves,
        loads=tuple(image.load for image in guest.images),
        cmdline=command_line(guest, vdevs, ledger, faults),
        settings=guest.settings,
        loggers=(*guest.loggers, *loggers),
        unsupported=guest.unsupported,
        dump=guest.dump,
        safety=_safety(stack, guest, catalog),
        flags=guest.flags,
        verbatim=guest.verbatim,
        title=guest.name,
        origin=guest.origin,
        system_origin=guest.system_origin,
        cmdline_origin=guest.cmdline_origin,
    )
    return GuestPlan(guest=guest, vm=vm)


def _safety(stack: Stack, guest: Guest, catalog: Catalog) -> str | None:
    """The guest's own word; else `required` in a safety host, where the release knows the option."""
    if guest.safety is not None or not stack.host.safety:
        return guest.safety
    row = catalog.option("safety", stack.target)
    return "required" if row is not None and catalog.holds(row, stack.target) else None


def _vdev(stack: Stack, guest: Guest, vdev: Vdev, space: GuestSpace, ledger: Ledger) -> VmVdev:
    location = space.location(vdev)
    return VmVdev(
        type=vdev.type,
        name=vdev.shown_name,
        location=location,
        interrupts=space.interrupts(vdev, location),
        options=(*derived_options(stack, guest, vdev, ledger), *vdev.options),
        settings=vdev.settings,
        key=vdev.name,
        spelling=vdev.spelling or vdev.type,
        origin=vdev.origin,
        name_origin=vdev.origin,
    )
