"""What the stack and its board say of the host, in the words that rules and the model take."""

from types import MappingProxyType

from hvbuild.model.evidence import BootImage, GuestFacts, GuestNeeds, ImageFacts
from hvbuild.model.plan import GuestPlan, HostPlan, PlacedRegion
from hvbuild.model.stack import Stack
from hvbuild.model.system import (
    HostFacts,
    HostPartition,
    HostRegion,
    HostService,
    Launch,
    System,
)
from hvbuild.model.vm import Sched, Sporadic
from hvbuild.resolve.imagesteps import image_limits


def system_of(
    stack: Stack,
    guests: tuple[GuestPlan, ...],
    regions: tuple[PlacedRegion, ...],
    host: HostPlan | None,
) -> System:
    """The whole system as rules and the model see it."""
    return System(
        vms=tuple(guest.vm for guest in guests),
        target=stack.target,
        host=_host(stack, guests, regions, host),
        complete=not stack.host.foreign,
        guests=MappingProxyType({guest.vm.label: _guest_facts(guest) for guest in guests}),
    )


def _guest_facts(plan: GuestPlan) -> GuestFacts:
    needs = plan.guest.needs
    return GuestFacts(
        images=tuple(
            ImageFacts(path=image.load.path, size=image.size, origin=image.origin)
            for image in plan.guest.images
        ),
        needs=GuestNeeds(
            memory=needs.memory,
            vdevs=needs.vdevs,
            aware=needs.knows_virtual,
            ifs_address=needs.ifs_address,
            origin=needs.origin,
        ),
    )


def _host(
    stack: Stack,
    guests: tuple[GuestPlan, ...],
    regions: tuple[PlacedRegion, ...],
    host: HostPlan | None,
) -> HostFacts:
    board = stack.board
    mine = not stack.host.foreign
    # A base file of others may hold more than the plan knows.
    ours = host if not stack.host.image.base else None
    return HostFacts(
        architecture=board.architecture.value,
        cpus=len(board.cores),
        core_kinds=MappingProxyType({core.number: core.kind for core in board.cores}),
        banks=tuple(
            HostRegion(name=bank.name, window=bank.window, origin=bank.origin) for bank in board.memory
        ),
        regions=MappingProxyType({region.name: region for region in _regions(stack, regions)}),
        reserved=_reserved(stack),
        devices=MappingProxyType({device.name: device for device in stack.board.devices}),
        clusters=MappingProxyType(_clusters(stack)) if mine else None,
        cluster_origins=MappingProxyType({each.name: each.origin for each in stack.host.clusters}),
        partitions=MappingProxyType(_partitions(stack)) if mine else None,
        services=_services(stack) if mine else None,
        launches=MappingProxyType(_launches(stack, guests)) if mine else None,
        image_files=frozenset(entry.path for entry in ours.entries) if ours is not None else None,
        boot_image=_boot_image(stack, host) if host is not None else None,
        smmu=board.smmu,
        smmuman=stack.host.smmuman is not None if mine else None,
        gic=board.gic,
        routing=board.routing,
        bring_up=board.bring_up,
        address_bits=board.address_bits,
        region_order=tuple(region.name for region in regions),
        size_cells=board.tree.size_cells if board.tree is not None else None,
        needs=stack.host.memory,
        vm_overhead=stack.host.vm_overhead,
        exclusive=MappingProxyType(_exclusive(stack)),
        housekeeping=stack.host.housekeeping,
        startup_arguments=ours.startup[1:] if ours is not None else None,
        modules=ours.modules if ours is not None else None,
        outside=(
            *stack.host.external,
            *(image.load.path for plan in guests for image in plan.guest.images if image.external),
        ),
        origin=stack.host.origin,
    )


def _boot_image(stack: Stack, host: HostPlan) -> BootImage:
    loader = stack.board.loader
    return BootImage(
        address=host.image_base,
        loaded_at=loader.address if loader is not None else None,
        limits=image_limits(stack),
        plain=not stack.host.image.base
        and "+compress" not in host.virtual
        and "compress=" not in host.virtual,
        origin=loader.origin if loader is not None else stack.host.image.origin,
    )


def _regions(stack: Stack, placed: tuple[PlacedRegion, ...]) -> tuple[HostRegion, ...]:
    windows = {region.name: region.window for region in placed}
    return tuple(
        HostRegion(
            name=region.name,
            window=windows[region.name],
            size=region.size,
            shared=region.shared,
            purpose=region.purpose,
            owner=region.owner,
            external=region.external,
            cleared=region.cleared,
            before=region.before,
            origin=region.origin,
        )
        for region in stack.regions
    )


def _reserved(stack: Stack) -> tuple[HostRegion, ...]:
    firmware = tuple(
        HostRegion(name=bank.name, window=bank.window, purpose="kept by firmware", origin=bank.origin)
        for bank in stack.board.memory
        if bank.firmware
    )
    startup = tuple(
        HostRegion(name=name, window=window, purpose="kept by the host startup", origin=origin)
        for window, name, origin in stack.host.reserve
    )
    return firmware + startup


def _clusters(stack: Stack) -> dict[str, frozenset[int]]:
    cpus = range(len(stack.board.cores))
    always = {"_all": frozenset(cpus), **{f"_cpu-{cpu}": frozenset({cpu}) for cpu in cpus}}
    return always | {cluster.name: cluster.cpus for cluster in stack.host.clusters}


def _exclusive(stack: Stack) -> dict[int, str]:
    """The guest that alone may use a pCPU: the pCPUs that an exclusive guest's vCPUs are placed on."""
    clusters = _clusters(stack)
    return {
        cpu: guest.name
        for guest in stack.guests
        if guest.exclusive
        for vcpu in guest.vcpus
        for cpu in sorted(vcpu.runmask or clusters.get(vcpu.cluster or "", frozenset()))
    }


def _partitions(stack: Stack) -> dict[str, HostPartition]:
    return {
        partition.name: HostPartition(
            name=partition.name,
            budget=partition.budget,
            critical=partition.critical,
            parent=partition.parent,
            origin=partition.origin,
        )
        for partition in stack.host.partitions
    }


def _services(stack: Stack) -> tuple[HostService, ...]:
    return tuple(
        HostService(
            name=service.name,
            command=service.command,
            provides=(*service.provides, *service.wait_for),
            drives=service.drives,
            priority=_priority(service.sched),
            backs=service.backs,
            cpus=_clusters(stack).get(service.cluster) if service.cluster else service.cpus,
            origin=service.origin,
        )
        for service in stack.host.services
    )


def _priority(sched: Sched | None) -> int | None:
    return sched.priority if sched is not None and not isinstance(sched, Sporadic) else None


def _launches(stack: Stack, guests: tuple[GuestPlan, ...]) -> dict[str, Launch]:
    return {
        plan.vm.system: Launch(
            system=plan.vm.system,
            priority=plan.guest.launch.sched,
            cpus=plan.guest.launch.cpus,
            cluster=plan.guest.launch.cluster,
            partition=plan.guest.launch.partition,
            position=len(stack.host.services),
            origin=plan.guest.launch.origin or plan.guest.origin,
        )
        for plan in guests
    }
