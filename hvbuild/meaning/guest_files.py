"""What a guest's own files tell of it: the drivers its image starts and its devicetree."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hvbuild.formats.dts_merge import merged, walk_paths
from hvbuild.formats.dts_nodes import DtDocument, DtNode
from hvbuild.meaning.devicetree import own_cells, reg_ranges
from hvbuild.model.evidence import GuestCommand, GuestFacts, GuestNeeds, GuestTree, TreeDevice, TreeRange
from hvbuild.model.image import CommandStep, Image
from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, origin_at

# Linux devicetree binding of the GIC: the first cell is the kind, and ids start at 32 (SPI) or 16 (PPI).
_FIRST_ID = {0: 32, 1: 16}
_GIC = (("arm,gic-v3", 3), ("arm,gic-400", 2), ("arm,cortex-a15-gic", 2), ("arm,cortex-a9-gic", 2))
_GIC_CELLS = 3
# Nodes with `reg` that are no devices of their own on the bus.
_NO_DEVICES = ("memory", "cpu", "reserved-memory")


def with_image(facts: GuestFacts, image: Image) -> GuestFacts:
    """`facts` with what a boot image of the guest tells: where it is linked, which drivers it starts."""
    needs = facts.needs or GuestNeeds()
    if needs.ifs_address is None and image.load_address is not None:
        needs = replace(needs, ifs_address=image.load_address, origin=image.area_origin)
    return replace(facts, needs=needs, commands=(*facts.commands, *guest_commands(image)))


def with_tree(facts: GuestFacts, document: DtDocument) -> GuestFacts:
    """`facts` with what the guest's own devicetree source tells, where it is a whole tree."""
    return replace(facts, tree=guest_tree(document) or facts.tree)


def guest_commands(image: Image) -> tuple[GuestCommand, ...]:
    """Every program that the guest's image starts, from its startup script and its shell scripts."""
    return tuple(
        GuestCommand(command=step.text, origin=step.origin)
        for step in (*image.steps, *image.shell_steps)
        if isinstance(step, CommandStep)
    )


def guest_tree(document: DtDocument) -> GuestTree | None:
    """What the guest's devicetree source says that its VM must agree with; None where it is no whole tree."""
    tree = merged(document)
    if tree is None:
        return None
    nodes = dict(walk_paths(tree.root))
    parents = {path: nodes[path.rpartition("/")[0] or "/"] for path in nodes if path != "/"}
    cpus = [node for path, node in nodes.items() if path.startswith("/cpus/cpu@")]
    gic, version = _gic(nodes.values())
    return GuestTree(
        memory=tuple(_windows(nodes, parents, "memory")),
        reserved=tuple(
            window
            for path, node in nodes.items()
            if path.startswith("/reserved-memory/")
            for window in _reg(node, parents[path])
        ),
        cpus=len(cpus) or None,
        gic=version,
        devices=tuple(_devices(nodes, parents)),
        cpus_origin=origin_at(cpus[-1].name_span) if cpus else NOWHERE,
        gic_origin=origin_at(gic.name_span) if gic else NOWHERE,
        origin=origin_at(tree.root.name_span),
    )


def _windows(nodes: dict[str, DtNode], parents: dict[str, DtNode], name: str) -> Iterator[TreeRange]:
    for path, node in nodes.items():
        if node.base_name == name and path.count("/") == 1 and path != "/":
            yield from _reg(node, parents[path])


def _reg(node: DtNode, parent: DtNode) -> Iterator[TreeRange]:
    reg = node.property("reg")
    for base, size, span in reg_ranges(reg, own_cells(parent)) if reg is not None else ():
        window = AddressRange.fitting(base, size)
        if window is not None and window.size:
            yield TreeRange(window=window, origin=origin_at(span))


def _gic(nodes: Iterable[DtNode]) -> tuple[DtNode | None, int | None]:
    """The interrupt controller's node and its version, where a node says that it is one."""
    for node in nodes:
        compatible = node.property("compatible")
        words = {text.value for text in compatible.strings} if compatible is not None else set()
        for word, version in _GIC:
            if word in words:
                return node, version
    return None, None


def _devices(nodes: dict[str, DtNode], parents: dict[str, DtNode]) -> Iterator[TreeDevice]:
    """Enabled nodes with registers on the root or on a bus that maps addresses one to one."""
    for path, node in nodes.items():
        if path == "/" or node.base_name in _NO_DEVICES or path.startswith(("/cpus/", "/reserved-memory/")):
            continue
        if node.property("interrupt-controller") is not None or not _is_enabled(node):
            continue
        if not _is_plain_bus(path, nodes):
            continue
        compatible = node.property("compatible")
        for first in list(_reg(node, parents[path]))[:1]:
            yield TreeDevice(
                name=node.name,
                compatible=tuple(text.value for text in compatible.strings) if compatible else (),
                window=first.window,
                interrupts=tuple(_interrupts(node)),
                origin=origin_at(node.name_span),
            )


def _is_enabled(node: DtNode) -> bool:
    status = node.property("status")
    return status is None or not status.strings or status.strings[0].value in ("okay", "ok")


def _is_plain_bus(path: str, nodes: dict[str, DtNode]) -> bool:
    """True when every ancestor passes addresses on unchanged: the root, or a bus with empty `ranges`."""
    above = path.rpartition("/")[0]
    while above:
        ranges = nodes[above].property("ranges")
        if ranges is None or ranges.cells:
            return False
        above = above.rpartition("/")[0]
    return True


def _interrupts(node: DtNode) -> Iterator[int]:
    found = node.property("interrupts")
    cells = found.cells if found is not None else ()
    for at in range(0, len(cells) - _GIC_CELLS + 1, _GIC_CELLS):
        kind, number = cells[at].value, cells[at + 1].value
        if kind in _FIRST_ID and number is not None and kind is not None:
            yield _FIRST_ID[kind] + number
