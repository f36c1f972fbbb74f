"""Which pCPUs a thread may use, and whether others can keep it from all of them."""

from collections.abc import Iterable, Mapping, Sequence

from hvbuild.model.system import HostFacts
from hvbuild.model.vm import Vcpu
from hvbuild.rules.scene import VmScene
from hvbuild.source import Origin

Clusters = Mapping[str, frozenset[int]]


def vcpu_text(index: int) -> str:
    """How a message calls a vCPU: by its place in the file, from 0."""
    return f"vCPU {index}"


def vcpu_place(vcpu: Vcpu) -> Origin:
    """Where the vCPU is placed, else where it is declared."""
    return vcpu.placement_origin or vcpu.origin


def is_on_8(scene: VmScene) -> bool:
    """True when the target is a release of 8.0, where clusters place threads."""
    return "8.0" in scene.scene.catalog.releases(scene.system.target)


def clusters_of(host: HostFacts) -> Clusters | None:
    """The host's clusters with those that always exist, or None where they are not known.

    Source: QNX 8.0, pthread_cluster_set: `_all` and `_cpu-N` are there always.
    """
    if host.cpus is None or host.clusters is None:
        return None
    fixed = {f"_cpu-{cpu}": frozenset({cpu}) for cpu in range(host.cpus)}
    return {"_all": frozenset(range(host.cpus)), **fixed, **host.clusters}


def every_cpu(host: HostFacts) -> frozenset[int]:
    """All pCPUs of the board; empty where their number is not known."""
    return frozenset(range(host.cpus or 0))


def cluster_cpus(name: str, host: HostFacts) -> frozenset[int]:
    """The pCPUs of cluster `name`; `_cpu-N` is known even where nothing else is. Empty: not known."""
    known = (clusters_of(host) or {}).get(name)
    if known is not None:
        return known
    number = name.removeprefix("_cpu-")
    return frozenset({int(number)}) if number != name and number.isdecimal() else frozenset()


def mask_of(vcpu: Vcpu, scene: VmScene) -> frozenset[int]:
    """The pCPUs that a vCPU may use: its own runmask or cluster, else any. Empty: not known.

    A vCPU thread without a mask of its own floats (QNX Hypervisor 7.1, vm/cpu).
    """
    if vcpu.runmask is not None:
        return vcpu.runmask
    if vcpu.cluster is not None:
        return cluster_cpus(vcpu.cluster, scene.host)
    return every_cpu(scene.host)


def launch_mask(scene: VmScene) -> frozenset[int]:
    """The pCPUs of qvm's threads that are no vCPUs: those it was launched on. Empty: not known."""
    launch = scene.launch
    if launch is None:
        return frozenset()
    if launch.cpus is not None:
        return launch.cpus
    return cluster_cpus(launch.cluster, scene.host) if launch.cluster else every_cpu(scene.host)


def can_occupy(masks: Sequence[frozenset[int]], cpus: Iterable[int]) -> bool:
    """True when threads with these masks can hold every one of `cpus` at the same time.

    One thread holds one pCPU: a matching of pCPUs to threads, grown by augmenting paths.
    """
    held: dict[int, int] = {}

    def seat(cpu: int, tried: set[int]) -> bool:
        for thread, mask in enumerate(masks):
            if cpu in mask and thread not in tried:
                tried.add(thread)
                if thread not in held or seat(held[thread], tried):
                    held[thread] = cpu
                    return True
        return False

    wanted = sorted(set(cpus))
    return 0 < len(wanted) <= len(masks) and all(seat(cpu, set()) for cpu in wanted)
