"""The checked trees of a stack and its board to one declared `Stack`."""

from hvbuild.diagnostics import Diagnostics
from hvbuild.load.bind_board import bind_board, fits_64_bits
from hvbuild.load.bind_demand import bind_demand
from hvbuild.load.bind_guest import bind_guest, guest_nodes
from hvbuild.load.bind_host import bind_host
from hvbuild.load.bind_vdev_types import bind_vdev_types
from hvbuild.load.fields import Fields
from hvbuild.load.tree import Mapping, Scalar, Sequence
from hvbuild.model.guest import AUTO
from hvbuild.model.stack import (
    CertificateTerms,
    Deployment,
    Link,
    LinkEnd,
    Region,
    SharedMemory,
    Stack,
    Waiver,
    Workload,
)
from hvbuild.units import PAGE


def bind_stack(tree: Mapping, board: Mapping, name: str, variant: str, faults: Diagnostics) -> Stack:
    """The stack that checked trees describe; what cannot be read is reported and left out.

    `name` is the folder's name, used when the file gives none.
    """
    fields = Fields(tree, faults)
    return Stack(
        name=fields.text("name", name),
        variant=variant,
        target=fields.text("target"),
        board=bind_board(board, faults),
        host=bind_host(fields.inner("host")),
        regions=tuple(_region(item) for item in fields.each("memory")),
        guests=tuple(
            bind_guest(guest, Fields(node, faults)) for guest, node in guest_nodes(tree.mapping("guests"))
        ),
        links=tuple(_link(item) for item in fields.each("links")),
        shared_memory=tuple(_shared(item) for item in fields.each("shared_memory")),
        workloads=tuple(_workload(item) for item in fields.each("workloads")),
        certificate=_terms(fields.inner("certificate")),
        deploy=tuple(
            Deployment(artifact=key, path=node.text, origin=node.origin)
            for key, node in fields.pairs("deploy")
            if isinstance(node, Scalar)
        ),
        vdev_types=bind_vdev_types(fields),
        origin=tree.origin,
        target_origin=tree.origin_of("target"),
    )


def _region(item: Fields) -> Region:
    base = AUTO if item.text("base") == "auto" else item.size("base")
    size = item.size("size")
    if isinstance(base, int) and size is not None:
        fits_64_bits(item, base, size)
    return Region(
        name=item.text("name"),
        base=base,
        size=size,
        align=item.size("align") or PAGE,
        owner=item.text("owner"),
        shared=item.flag("shared"),
        external=item.flag("external"),
        cleared=item.flag("cleared"),
        before=item.text("before"),
        purpose=item.text("purpose"),
        source=item.text("source"),
        origin=item.node.origin,
        owner_origin=item.node.origin_of("owner"),
    )


def _link(item: Fields) -> Link:
    ends = []
    for leaf in item.node.scalars("between"):
        guest, _, vdev = leaf.text.partition(".")
        ends.append(LinkEnd(guest=guest, vdev=vdev, origin=leaf.origin))
    return Link(name=item.text("name"), ends=tuple(ends), origin=item.node.origin)


def _shared(item: Fields) -> SharedMemory:
    return SharedMemory(
        name=item.text("name"),
        size=item.size("size") or 0,
        guests=tuple((leaf.text, leaf.origin) for leaf in item.node.scalars("guests")),
        creator=item.text("creator"),
        origin=item.node.origin,
    )


def _workload(item: Fields) -> Workload:
    return Workload(
        name=item.text("name"),
        demands=tuple(
            (key, bind_demand(Fields(node, item.faults)))
            for key, node in item.pairs("demands")
            if isinstance(node, Mapping)
        ),
        origin=item.node.origin,
    )


def _terms(item: Fields | None) -> CertificateTerms:
    if item is None:
        return CertificateTerms()
    return CertificateTerms(
        profile=item.text("profile"),
        examples=item.node.integer("examples"),
        waivers=tuple(
            Waiver(
                property=waiver.text("name"),
                reason=waiver.text("reason"),
                owner=waiver.text("owner"),
                expires=waiver.text("expires"),
                origin=waiver.node.origin,
            )
            for waiver in item.each("waivers")
        ),
        requirements=tuple(
            (key, tuple(leaf.text for leaf in node.scalars()))
            for key, node in item.pairs("requirements")
            if isinstance(node, Sequence)
        ),
    )
