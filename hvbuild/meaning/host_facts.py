"""What a boot image tells of the host: partitions, services in order, launches, reservations, files."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.meaning.command_line import cpus_of, peer_bindings
from hvbuild.model.image import Boot, CommandStep, Image, QvmLaunch, WaitStep
from hvbuild.model.system import HostFacts, HostPartition, HostRegion, HostService, Launch
from hvbuild.ranges import AddressRange
from hvbuild.units import Nanoseconds

# `system NAME`, by convention the first statement of a qvmconf.
_SYSTEM = re.compile(r'^[ \t]*system[ \t]+"?([^\s"#]+)', re.MULTILINE)
_DISK = re.compile(r"(?:^|[ ,])(?:name|prefix)=([^ ,]+)")
_MILLISECOND = 1_000_000


def host_facts(image: Image, systems: Mapping[str, str] | None = None) -> HostFacts:
    """What `image` makes known of the host, the rest None.

    `systems` gives the `system` name of VM configurations by target path or by file name; a configuration
    that stands inline in the image is read here. A launch whose VM cannot be told is left out.
    """
    boot = image.boot
    whole = image.complete and boot is not None
    named = dict(systems or {})
    return HostFacts(
        architecture=boot.architecture if boot else None,
        regions=_regions(boot) if boot else None,
        reserved=_reserved(boot) if boot else (),
        clusters=_clusters(boot) if boot and boot.understood else None,
        partitions=_partitions(image) if whole else None,
        services=_services(image) if whole else None,
        launches=_launches(image, named),
        starts_others=any(launched_system(image, each, named) is None for each in image.launches),
        image_files=frozenset(entry.path for entry in image.entries) if whole else None,
        smmuman=_runs_smmuman(image) or (False if whole else None),
        startup_arguments=boot.startup.arguments if boot and boot.startup else None,
        modules=boot.kernel.modules if boot and boot.kernel else None,
        origin=image.origin,
    )


def _regions(boot: Boot) -> Mapping[str, HostRegion]:
    regions = {
        region.name: HostRegion(
            name=region.name,
            window=AddressRange.fitting(region.base, region.size),
            size=region.size,
            origin=region.origin,
        )
        for region in boot.regions
    }
    for carve in boot.carves:
        regions.setdefault(carve.name, HostRegion(name=carve.name, size=carve.size, origin=carve.origin))
    return MappingProxyType(regions)


def _reserved(boot: Boot) -> tuple[HostRegion, ...]:
    return tuple(
        HostRegion(
            name="", window=AddressRange.fitting(item.base, item.size), size=item.size, origin=item.origin
        )
        for item in boot.reservations
    )


def _clusters(boot: Boot) -> Mapping[str, frozenset[int]]:
    # Adding a name again replaces its mask (8.0 startup library, cpu_cluster_add.c).
    return MappingProxyType({cluster.name: cpus_of(cluster.mask) for cluster in boot.clusters})


def _partitions(image: Image) -> Mapping[str, HostPartition]:
    return MappingProxyType(
        {
            step.name: HostPartition(
                name=step.name,
                budget=step.budget or 0,
                critical=Nanoseconds((step.critical_ms or 0) * _MILLISECOND),
                origin=step.origin,
            )
            for step in image.partitions
        }
    )


def _services(image: Image) -> tuple[HostService, ...]:
    services: list[HostService] = []
    for step in (*image.steps, *image.shell_steps):
        if isinstance(step, CommandStep) and not _is_qvm(step):
            services.append(_service(step))
        elif isinstance(step, WaitStep) and services:
            last = services[-1]
            if step.path not in last.provides:
                services[-1] = HostService(
                    name=last.name,
                    command=last.command,
                    provides=(*last.provides, step.path),
                    priority=last.priority,
                    cpus=last.cpus,
                    origin=last.origin,
                )
    return tuple(services)


def _is_qvm(step: CommandStep) -> bool:
    return step.program in ("qvm", "qvm-safety")


def _service(step: CommandStep) -> HostService:
    priority = step.placement.priority
    return HostService(
        name=step.program,
        command=step.text,
        provides=(*provided_paths(step), *provided_patterns(step)),
        priority=priority.priority if priority else None,
        cpus=step.placement.cpus,
        origin=step.origin,
    )


def provided_paths(step: CommandStep) -> tuple[str, ...]:
    """Paths that `step` is known to make: fixed ones of its program, disks it names, peers it binds."""
    patterns = buildfile_catalog().provided_by(step.program) or ()
    fixed = [pattern for pattern in patterns if "*" not in pattern]
    disks = [f"/dev/{name}0" for name in _DISK.findall(step.text)] if step.program.startswith("devb-") else []
    binds = [binding.bind for binding in peer_bindings(step) if binding.bind]
    return tuple(dict.fromkeys((*fixed, *disks, *binds)))


def provided_patterns(step: CommandStep) -> tuple[str, ...]:
    """Patterns of further paths that `step` may make: those of its program, and below disks it names."""
    patterns = buildfile_catalog().provided_by(step.program) or ()
    wild = [pattern for pattern in patterns if "*" in pattern]
    names = _DISK.findall(step.text) if step.program.startswith("devb-") else []
    return tuple(dict.fromkeys((*wild, *(f"/dev/{name}*" for name in names))))


def may_provide(step: CommandStep, path: str) -> bool | None:
    """Whether `step` makes `path`: True, False, or None when its program is not known."""
    if path in provided_paths(step):
        return True
    stem = path.rsplit("/", 1)[-1].rstrip("0123456789")
    if stem and any(re.search(rf"(?:^|[=/,]){re.escape(stem)}", word) for word in step.words[1:]):
        return True
    patterns = buildfile_catalog().provided_by(step.program)
    if patterns is None:
        return None
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _launches(image: Image, systems: Mapping[str, str]) -> Mapping[str, Launch] | None:
    if not image.complete and not image.launches:
        return None
    result: dict[str, Launch] = {}
    for launch in image.launches:
        name = launched_system(image, launch, systems)
        if name is not None and name not in result:
            result[name] = Launch(
                system=name,
                priority=launch.placement.priority,
                cpus=launch.placement.cpus,
                cluster=launch.placement.cluster,
                partition=launch.placement.partition,
                position=_services_before(image, launch),
                origin=launch.origin,
            )
    return MappingProxyType(result)


def launched_system(image: Image, launch: QvmLaunch, systems: Mapping[str, str]) -> str | None:
    """The `system` name of the VM that `launch` starts, where one of its files tells it, else None."""
    if "system" in launch.words:
        rest = launch.words[launch.words.index("system") + 1 :]
        return rest[0] if rest else None
    for path in launch.configs:
        known = systems.get(path) or systems.get(path.rsplit("/", 1)[-1])
        if known:
            return known
        entry = image.entry(path)
        match = _SYSTEM.search(entry.content) if entry and entry.content else None
        if match:
            return match[1]
    return None


def _services_before(image: Image, launch: QvmLaunch) -> int:
    steps = (*image.steps, *image.shell_steps)[: launch.position]
    return sum(isinstance(step, CommandStep) and not _is_qvm(step) for step in steps)


def _runs_smmuman(image: Image) -> bool:
    return any(step.program.startswith("smmuman") for step in image.commands)
