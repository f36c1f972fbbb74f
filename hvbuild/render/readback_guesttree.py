"""A guest's device tree: rendered, read back, compared with the plan, and flattened to a blob."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic, other
from hvbuild.formats.dtb import Blob, NotATree, read_plain_dts, write_dtb
from hvbuild.formats.dtbo import overlay_blob
from hvbuild.formats.dts import read_dts
from hvbuild.formats.dts_merge import merged
from hvbuild.formats.dts_nodes import DtDocument, DtNode
from hvbuild.meaning.devicetree import own_cells, reg_ranges
from hvbuild.model.plan import GuestPlan, Plan
from hvbuild.ranges import AddressRange
from hvbuild.render.codes import NOT_READABLE, SAYS_OTHERWISE, UNKNOWN_SIZE
from hvbuild.render.guesttreeview import guest_tree_view, node_name
from hvbuild.resolve.guesttree import DeviceNode, GuestTreePlan, plan_tree, tree_names
from hvbuild.source import Span

TEMPLATE = "guest.dts.j2"
_RESERVED = "reserved-memory"
_FIRST = {0: 32, 1: 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestTreeFiles:
    """Name and bytes of the source and the blob, and what is wrong with them."""

    files: tuple[tuple[str, bytes], ...] = ()
    faults: tuple[Diagnostic, ...] = ()


def guest_tree_files(
    plan: Plan, guest: GuestPlan, catalog: Catalog, render: Callable[[str, object], str | None]
) -> GuestTreeFiles:
    """The tree of `guest` and its blob; `render` makes text of a template and a view."""
    tree = plan_tree(plan, guest, catalog)
    source, blob_name = tree_names(plan.stack, guest.guest, catalog)
    text = render(TEMPLATE, guest_tree_view(plan, guest, tree))
    if text is None:
        return GuestTreeFiles()
    document = read_dts(text, source)
    faults = [*_unknown_sizes(tree), *_document_faults(document, tree)]
    blob = overlay_blob(document) if tree.overlay else read_plain_dts(text, source)
    if isinstance(blob, NotATree):
        whole = Span(document.file, 0, 0)
        faults.append(NOT_READABLE.at(whole, f"the rendered tree does not compile: {blob.message}"))
        return GuestTreeFiles(faults=tuple(faults))
    faults += _blob_faults(blob, tree, Span(document.file, 0, 0))
    return GuestTreeFiles(files=((source, text.encode()), (blob_name, write_dtb(blob))), faults=tuple(faults))


def _unknown_sizes(tree: GuestTreePlan) -> Iterator[Diagnostic]:
    for node in tree.reserved:
        if node.window is None:
            yield UNKNOWN_SIZE.at(
                node.origin,
                f"how much memory `{node.name}` takes is not known, so the guest's tree cannot reserve it",
                helps=("say its `size`, or give it a `ram` block of its own at its address",),
            )


def _document_faults(document: DtDocument, tree: GuestTreePlan) -> Iterator[Diagnostic]:
    for span in document.errors:
        yield NOT_READABLE.at(span, "the rendered tree cannot be read here", "here")
    whole = Span(document.file, 0, 0)
    if (document.plugin is not None) != tree.overlay:
        kind = "an overlay" if tree.overlay else "a whole tree"
        yield SAYS_OTHERWISE.at(whole, f"this release takes {kind}")
    nodes = list(_placed(document))
    said = {name: windows for name, windows, node in nodes if node is None}
    for item in tree.reserved:
        if item.window is not None:
            name = node_name(item.name, item.window)
            if said.pop(name, None) != (item.window,):
                text = f"the rendered tree does not reserve {item.window} for `{item.name}`"
                yield SAYS_OTHERWISE.at(whole, text, others=other(item.origin, "declared here"))
    for name in said:
        yield SAYS_OTHERWISE.at(whole, f"the rendered tree reserves `{name}`, which the plan does not")
    found = {name: (windows, node) for name, windows, node in nodes if node is not None}
    for device in tree.devices:
        yield from _device_faults(device, tree, found, whole)


def _device_faults(
    device: DeviceNode,
    tree: GuestTreePlan,
    found: dict[str, tuple[tuple[AddressRange, ...], DtNode]],
    whole: Span,
) -> Iterator[Diagnostic]:
    name = node_name(device.name, device.windows[0]) if device.windows else device.name
    windows, node = found.get(name, ((), None))
    lines = tuple(_interrupts(node)) if node is not None else ()
    compatible = node.property("compatible") if node is not None else None
    kinds = tuple(text.value for text in compatible.strings) if compatible is not None else ()
    wanted = (device.windows, device.interrupts if tree.controller else (), device.compatible)
    if (windows, lines, kinds) != wanted:
        text = f"the rendered tree says something else of `{device.name}` than the plan"
        yield SAYS_OTHERWISE.at(whole, text, others=other(device.origin, "handed over here"))


def _placed(document: DtDocument) -> Iterator[tuple[str, tuple[AddressRange, ...], DtNode | None]]:
    """Reserved memory by node name and windows, then each other node with a kind of its own."""
    tree = merged(document)
    for top in (tree.root, *tree.unresolved) if tree is not None else ():
        for parent in top.walk():
            for node in parent.children:
                reg = node.property("reg")
                ranges = reg_ranges(reg, own_cells(parent)) if reg is not None else ()
                found = tuple(w for base, size, _ in ranges if (w := AddressRange.fitting(base, size)))
                if parent.name == _RESERVED:
                    yield node.name, found, None
                elif node.property("compatible") is not None:
                    yield node.name, found, node


def _interrupts(node: DtNode) -> Iterator[int]:
    found = node.property("interrupts")
    cells = [cell.value for cell in found.cells] if found is not None else []
    for at in range(0, len(cells) - 2, 3):
        kind, number = cells[at], cells[at + 1]
        if kind in _FIRST and number is not None:
            yield _FIRST[kind] + number


def _blob_faults(blob: Blob, tree: GuestTreePlan, whole: Span) -> Iterator[Diagnostic]:
    """The flattened tree must reserve the same: it is what qvm reads."""
    root = blob.root
    if tree.overlay:
        fragment = root.child("fragment@0")
        root = (fragment.child("__overlay__") if fragment is not None else None) or root
    reserved = root.child(_RESERVED)
    said = {node.name for node in reserved.children} if reserved is not None else set()
    wanted = {node_name(node.name, node.window) for node in tree.reserved if node.window is not None}
    if said != wanted:
        yield SAYS_OTHERWISE.at(whole, "the flattened tree reserves other memory than the plan")
