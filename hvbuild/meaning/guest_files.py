"""What a guest's own files tell of it: the drivers its image starts and its devicetree."""

from collections.abc import Iterable, Iterator

from hvbuild.formats.dts_merge import merged, walk_paths
from hvbuild.formats.dts_nodes import DtDocument, DtNode
from hvbuild.meaning.devicetree import own_cells, reg_ranges
from hvbuild.model.evidence import GuestCommand, GuestTree, TreeDevice
from hvbuild.model.image import CommandStep, Image
from hvbuild.ranges import AddressRange
from hvbuild.source import origin_at

# Linux devicetree binding of the GIC: the first cell is the kind, and ids start at 32 (SPI) or 16 (PPI).
_FIRST_ID = {0: 32, 1: 16}
_GIC = (("arm,gic-v3", 3), ("arm,gic-400", 2), ("arm,cortex-a15-gic", 2), ("arm,cortex-a9-gic", 2))
_GIC_CELLS = 3
# Nodes with `reg` that are no devices of their own on the bus.
_NO_DEVICES = ("memory", "cpu", "reserved-memory")


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
    cpus = [path for path in nodes if path.startswith("/cpus/cpu@")]
    return GuestTree(
        memory=tuple(_windows(nodes, parents, "memory")),
        reserved=tuple(
            window
            for path, node in nodes.items()
            if path.startswith("/reserved-memory/")
            for window in _reg(node, parents[path])
        ),
        cpus=len(cpus) or None,
        gic=_gic_version(nodes.values()),
        devices=tuple(_devices(nodes, parents)),
        origin=origin_at(tree.root.name_span),
    )


def _windows(nodes: dict[str, DtNode], parents: dict[str, DtNode], name: str) -> Iterator[AddressRange]:
    for path, node in nodes.items():
        if node.base_name == name and path.count("/") == 1 and path != "/":
            yield from _reg(node, parents[path])


def _reg(node: DtNode, parent: DtNode) -> Iterator[AddressRange]:
    reg = node.property("reg")
    for base, size, _ in reg_ranges(reg, own_cells(parent)) if reg is not None else ():
        window = AddressRange.fitting(base, size)
        if window is not None and window.size:
            yield window


def _gic_version(nodes: Iterable[DtNode]) -> int | None:
    for node in nodes:
        compatible = node.property("compatible")
        words = {text.value for text in compatible.strings} if compatible is not None else set()
        for word, version in _GIC:
            if word in words:
                return version
    return None


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
        for window in list(_reg(node, parents[path]))[:1]:
            yield TreeDevice(
                name=node.name,
                compatible=tuple(text.value for text in compatible.strings) if compatible else (),
                window=window,
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
