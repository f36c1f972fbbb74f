"""What a user declares: one whole system, before anything is decided."""

from dataclasses import field

from hvbuild.catalog_rows import VdevRow
from hvbuild.model.board import Board
from hvbuild.model.guest import Auto, Demand, Guest
from hvbuild.model.host import Host
from hvbuild.source import NOWHERE, Origin
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A named range of host memory, in the order that the host tree keeps.

    `external` regions are made by somebody else (place and size may be unknown); `owner` is the guest that
    gets the region, empty for the host; `cleared` says that somebody zeroes it before it is handed over.
    """

    name: str
    base: int | Auto | None = None
    size: int | None = None
    align: int = 0x1000
    owner: str = ""
    shared: bool = False
    external: bool = False
    cleared: bool = False
    before: str = ""
    purpose: str = ""
    source: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    owner_origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnd:
    """One end of a link: a virtio-net vdev of a guest, or (`guest` == "host") a host interface."""

    guest: str
    vdev: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network link between two virtio-net vdevs, or between one and a vdevpeer interface of the host."""

    name: str
    ends: tuple[LinkEnd, ...]
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedMemory:
    """A shared-memory region that the `shmem` vdevs of `guests` may open; `creator` makes it at its start."""

    name: str
    size: int
    guests: tuple[tuple[str, Origin], ...]
    creator: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A refused property that somebody accepts, with reason, owner and the day it runs out (ISO date)."""

    property: str
    reason: str
    owner: str
    expires: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A named set of demands: thread (`guest/vcpu-number` or a service's name) to what it asks."""

    name: str
    demands: tuple[tuple[str, Demand], ...]
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTerms:
    """What the user asks of the certificate: profile, examples per family, waivers, requirement ids."""

    profile: str = ""
    examples: int | None = None
    waivers: tuple[Waiver, ...] = ()
    requirements: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where an artifact goes in the vendor's tree, relative to its root."""

    artifact: str
    path: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One declared system."""

    name: str
    variant: str
    target: str
    board: Board
    host: Host
    regions: tuple[Region, ...] = ()
    guests: tuple[Guest, ...] = ()
    links: tuple[Link, ...] = ()
    shared_memory: tuple[SharedMemory, ...] = ()
    workloads: tuple[Workload, ...] = ()
    certificate: CertificateTerms = field(default_factory=CertificateTerms)
    deploy: tuple[Deployment, ...] = ()
    vdev_types: tuple[VdevRow, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    target_origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def guest(self, name: str) -> Guest | None:
        """The guest called `name`, or None."""
        return next((guest for guest in self.guests if guest.name == name), None)

    def region(self, name: str) -> Region | None:
        """The memory region called `name`, or None."""
        return next((region for region in self.regions if region.name == name), None)
