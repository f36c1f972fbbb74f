"""The host image: boot section, files, script steps and launches that the declared system needs."""

from collections.abc import Iterator
from dataclasses import replace

from hvbuild.catalog import Catalog
from hvbuild.model.board import Architecture, BoardStartup, RegionsBy
from hvbuild.model.guest import Guest
from hvbuild.model.host import HostFile, Service
from hvbuild.model.plan import GuestPlan, HostPlan, Launch, Peer, PlacedRegion
from hvbuild.model.stack import Stack
from hvbuild.resolve.agreements import host_peers
from hvbuild.resolve.guesttree import tree_names
from hvbuild.resolve.hostfiles import restart_entries, restart_path, smmuman_entries, smmuman_service
from hvbuild.resolve.hostrows import HostRow, host_rows
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import hex_address

LIBRARY_FOLDER = "/lib"
VDEV_FOLDER = "/lib/dll"
PROGRAM_MODE = "0755"
_SAFETY = "-safety"


def plan_host(
    stack: Stack,
    guests: tuple[GuestPlan, ...],
    regions: tuple[PlacedRegion, ...],
    catalog: Catalog,
) -> HostPlan | None:
    """What the host's buildfile must say; None for a foreign host or a board without a startup."""
    startup = stack.board.startup
    if stack.host.foreign or startup is None:
        return None
    safety = stack.host.safety or any(plan.vm.safety == "required" for plan in guests)
    peers = host_peers(stack)
    image = stack.host.image
    launches = tuple(_launch(stack, plan) for plan in guests)
    smmuman = smmuman_service(stack)
    return HostPlan(
        virtual=startup.virtual,
        image_base=startup.image,
        startup=(image.startup or startup.program, *_startup_arguments(stack, startup, regions, catalog)),
        kernel=(image.kernel or _kernel(stack, startup, catalog), *image.kernel_arguments),
        modules=(*_modules(stack, catalog, safety), *image.modules),
        partitions=tuple((p.name, p.budget, p.critical // 1_000_000) for p in stack.host.partitions),
        services=(
            *((smmuman,) if smmuman is not None else ()),
            *stack.host.services,
            *_network(stack, peers, catalog),
        ),
        peers=peers,
        launches=launches,
        entries=(*_entries(stack, guests, peers, catalog, safety), *restart_entries(launches)),
        path=image.path,
        library_path=image.library_path,
    )


def config_path(stack: Stack, guest: Guest) -> str:
    """Where a guest's qvmconf lies in the host image."""
    return guest.launch.config or f"{stack.host.files_path}/{guest.name}/{guest.name}.qvmconf"


def _startup_arguments(
    stack: Stack, startup: BoardStartup, regions: tuple[PlacedRegion, ...], catalog: Catalog
) -> Iterator[str]:
    yield from startup.arguments
    if not catalog.feature(stack.target, "host_module"):
        mode = startup.hypervisor_mode
        yield "-Q"
        yield "enable" if stack.board.architecture is Architecture.X86_64 or not mode else f"enable,{mode}"
    kept = [bank.window for bank in stack.board.memory if bank.reserve]
    for window in (*kept, *(window for window, _, _ in stack.host.reserve)):
        yield "-r"
        yield f"{hex_address(window.start)},{hex_address(window.size)},1"
    yield from _region_arguments(stack, regions)
    for cluster in stack.host.clusters:
        yield "-c"
        yield f"{cluster.name}:{sum(1 << cpu for cpu in cluster.cpus):#x}"
    yield from stack.host.image.startup_arguments


def _region_arguments(stack: Stack, regions: tuple[PlacedRegion, ...]) -> Iterator[str]:
    """Regions that the startup makes: `-L addr,size,name` on R-Car, else `-r addr,size,1` (not cleared)."""
    external = {region.name for region in stack.regions if region.external}
    for region in regions:
        if region.window is None or region.name in external:
            continue
        place = f"{hex_address(region.window.start)},{hex_address(region.window.size)}"
        if stack.board.regions_by is RegionsBy.STARTUP_NAMED:
            yield "-L"
            yield f"{place},{region.name}"
        elif stack.board.regions_by is RegionsBy.STARTUP_RESERVE:
            yield "-r"
            yield f"{place},1"


def _kernel(stack: Stack, startup: BoardStartup, catalog: Catalog) -> str:
    """The board's kernel; a safety host up to 7.1 takes the certified one (QNX Hypervisor for Safety 2.2)."""
    if stack.host.safety and catalog.feature(stack.target, "host_module"):
        return startup.kernel.removesuffix(_SAFETY) + _SAFETY
    return startup.kernel


def _modules(stack: Stack, catalog: Catalog, safety: bool) -> Iterator[str]:
    suffix = _SAFETY if safety else ""
    module = catalog.feature(stack.target, "host_module")
    if module:
        yield f"{module}{suffix}"
    if stack.host.partitions:
        yield f"aps{suffix}"


def _network(stack: Stack, peers: tuple[Peer, ...], catalog: Catalog) -> Iterator[Service]:
    """The host's network stack where links end at the host and no service starts one."""
    if not peers or any(
        service.command.split()[0].startswith("io-") and "vdevpeer" in service.command
        for service in stack.host.services
    ):
        return
    stack_name = catalog.feature(stack.target, "host_network")
    if stack_name == "io-sock":
        command = "io-sock -m vdevpeer-net"
    else:
        devices = " ".join(f"-d vdevpeer-net peer={p.vdev_path},bind={p.bind}" for p in peers)
        command = f"io-pkt-v6-hc {devices}"
    yield Service(name=stack_name, command=command, wait_for=("/dev/socket",), origin=peers[0].origin)


def _launch(stack: Stack, plan: GuestPlan) -> Launch:
    launch = plan.guest.launch
    return Launch(
        guest=plan.guest.name,
        config_path=config_path(stack, plan.guest),
        sched=launch.sched,
        cpus=tuple(sorted(launch.cpus or ())),
        cluster=launch.cluster,
        partition=launch.partition,
        memory_limit=launch.memory_limit,
        restart=launch.restart,
        script=restart_path(stack, plan.guest.name, launch.restart),
        origin=launch.origin or plan.guest.origin,
    )


def _entries(
    stack: Stack,
    guests: tuple[GuestPlan, ...],
    peers: tuple[Peer, ...],
    catalog: Catalog,
    safety: bool,
) -> Iterator[HostFile]:
    release = catalog.targets[stack.target].release
    supervised = [plan.guest.launch.origin for plan in guests if plan.guest.launch.restart != "never"]
    causes = {"": [NOWHERE], "peers": [peer.origin for peer in peers], "supervised": supervised}
    causes["smmuman"] = [stack.host.smmuman.origin] if stack.host.smmuman is not None else []
    mine = {file.path for file in stack.host.files}
    for row in host_rows(release, stack.board.architecture.value):
        entry = _row_entry(row)
        if causes[row.when] and entry.path not in mine:
            yield replace(entry, cause=causes[row.when][0])
    yield from _libraries(guests, catalog, safety)
    if stack.host.smmuman is not None:
        driver = f"smmu-{stack.host.smmuman.driver}.so"
        yield HostFile(
            path=f"{VDEV_FOLDER}/{driver}",
            source=driver,
            mode=PROGRAM_MODE,
            reason="the board's SMMU driver",
            cause=stack.host.smmuman.origin,
        )
    yield from smmuman_entries(stack)
    for plan in guests:
        yield HostFile(
            path=config_path(stack, plan.guest),
            source=f"guests/{plan.guest.name}.qvmconf",
            mode="0644",
            raw=True,
            reason=f"configuration of guest `{plan.guest.name}`",
            origin=plan.guest.origin,
        )
        for image in plan.guest.images:
            source = tree_names(stack, plan.guest, catalog)[1] if image.generated else image.source
            if source:
                yield HostFile(
                    path=image.load.path,
                    source=source,
                    mode="0644",
                    raw=True,
                    reason=f"loaded into guest `{plan.guest.name}`",
                    origin=image.origin,
                )
    for file in stack.host.files:
        yield replace(file, reason="declared under `host.files`")


def _row_entry(row: HostRow) -> HostFile:
    if row.kind == "link":
        return HostFile(path=row.path, link=row.source, reason=row.why)
    path = f"{LIBRARY_FOLDER}/{row.path}" if row.kind == "library" else row.path
    return HostFile(path=path, source=row.source, mode=PROGRAM_MODE, optional=row.optional, reason=row.why)


def _libraries(guests: tuple[GuestPlan, ...], catalog: Catalog, safety: bool) -> Iterator[HostFile]:
    """One shared object for each vdev type in use; devices built into qvm have none."""
    users: dict[str, tuple[str, Origin]] = {}
    for plan in guests:
        for vdev in plan.vm.vdevs:
            row = catalog.vdev(vdev.type)
            if row is None or not row.implicit:
                users.setdefault(vdev.type, (plan.guest.name, vdev.origin))
    suffix = _SAFETY if safety else ""
    for kind, (guest, cause) in sorted(users.items()):
        library = f"vdev-{kind.removesuffix(_SAFETY)}{suffix}.so"
        yield HostFile(
            path=f"{VDEV_FOLDER}/{library}",
            source=library,
            mode=PROGRAM_MODE,
            reason=f"virtual device {kind}, first used by guest `{guest}`",
            cause=cause,
        )
