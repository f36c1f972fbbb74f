"""The host devicetree files: rendered, read back, compared with the plan, and flattened to a blob."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hvbuild.diagnostics import Diagnostic, other
from hvbuild.formats.dtb import Blob, BlobNode, NotATree, read_plain_dts, write_dtb
from hvbuild.formats.dts import read_dts
from hvbuild.formats.dts_nodes import DtDocument, DtNode, DtProperty
from hvbuild.model.board import HostTree
from hvbuild.model.plan import Plan
from hvbuild.ranges import AddressRange
from hvbuild.render.codes import NOT_READABLE, SAYS_OTHERWISE
from hvbuild.render.lines import LineOrigin
from hvbuild.render.treeview import tree_view
from hvbuild.source import Origin, Span

FRAGMENT, CHECK, BLOB = "host/host.dtsi", "host/host.dts", "host/host.dtb"
_CELL_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFiles:
    """Name, bytes and line origins of each file, and what is wrong with them."""

    files: tuple[tuple[str, bytes, tuple[LineOrigin, ...]], ...]
    faults: tuple[Diagnostic, ...]


def tree_artifacts(plan: Plan, render: Callable[[str, object], str | None]) -> TreeFiles:
    """The fragment, the check tree and its blob; `render` makes text of a template and a view."""
    tree = plan.stack.board.tree
    if tree is None:
        return TreeFiles(files=(), faults=())
    view = tree_view(plan, tree)
    fragment, check = render("host.dtsi.j2", view), render("host.dts.j2", view)
    if fragment is None or check is None:
        return TreeFiles(files=(), faults=())
    wanted = _Wanted.of(plan, tree)
    faults: list[Diagnostic] = []
    files: list[tuple[str, bytes, tuple[LineOrigin, ...]]] = []
    for name, text in ((FRAGMENT, fragment), (CHECK, check)):
        document = read_dts(text, name)
        faults.extend(_document_faults(document, wanted))
        files.append((name, text.encode(), tuple(_lines(document, wanted))))
    blob = read_plain_dts(check, CHECK)
    if isinstance(blob, NotATree):
        whole = Span(read_dts(check, CHECK).file, 0, 0)
        faults.append(NOT_READABLE.at(whole, f"the rendered tree does not compile: {blob.message}"))
    else:
        faults.extend(_blob_faults(blob, wanted, Span(read_dts(check, CHECK).file, 0, 0)))
        files.append((BLOB, write_dtb(blob), ()))
    return TreeFiles(files=tuple(files), faults=tuple(faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What the trees must say: each region's place, the ordered names, and the cells they are said in."""

    windows: Mapping[str, AddressRange]
    origins: Mapping[str, Origin]
    order: tuple[str, ...]
    tree: HostTree

    @classmethod
    def of(cls, plan: Plan, tree: HostTree) -> "_Wanted":
        external = {region.name for region in plan.stack.regions if region.external}
        mine = [region for region in plan.regions if region.name not in external]
        return cls(
            windows={region.name: region.window for region in mine if region.window is not None},
            origins={region.name: region.origin for region in plan.regions},
            order=tuple(region.name for region in plan.regions if region.owner),
            tree=tree,
        )


def _document_faults(document: DtDocument, wanted: _Wanted) -> Iterator[Diagnostic]:
    for span in document.errors:
        yield NOT_READABLE.at(span, "the rendered tree cannot be read here", "here")
    whole = Span(document.file, 0, 0)
    said = {name: window for name, window, _ in _regions(document, wanted.tree)}
    for name, window in wanted.windows.items():
        if said.get(name) != window:
            text = f"region `{name}` is {said.get(name)} in the rendered tree, the plan says {window}"
            yield SAYS_OTHERWISE.at(whole, text, others=other(wanted.origins[name], "declared here"))
    for name in said.keys() - wanted.windows.keys():
        yield SAYS_OTHERWISE.at(whole, f"the rendered tree has region `{name}`, which the plan does not")
    found = _order(document)
    order = tuple(text.value for text in found.strings) if found is not None else ()
    if order != wanted.order and (wanted.tree.consumer or order):
        yield SAYS_OTHERWISE.at(
            found.span if found is not None else whole,
            f"the rendered tree lists regions as {', '.join(order) or 'nothing'}, the plan says"
            f" {', '.join(wanted.order) or 'nothing'}",
        )


def _reserved(document: DtDocument) -> Iterator[DtNode]:
    for root in document.nodes:
        for node in root.walk():
            if node.base_name == "reserved-memory":
                yield from node.children


def _regions(document: DtDocument, tree: HostTree) -> Iterator[tuple[str, AddressRange, DtNode]]:
    for node in _reserved(document):
        reg = node.property("reg")
        numbers = [cell.value for cell in reg.cells] if reg is not None else []
        if len(numbers) != tree.address_cells + tree.size_cells or None in numbers:
            continue
        known = [number or 0 for number in numbers]
        start = _joined(known[: tree.address_cells])
        size = _joined(known[tree.address_cells :])
        yield node.base_name, AddressRange.sized(start, size), node


def _joined(cells: list[int]) -> int:
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value


def _order(document: DtDocument) -> DtProperty | None:
    for root in document.nodes:
        for node in root.walk():
            found = node.property("memory-regions")
            if found is not None:
                return found
    return None


def _lines(document: DtDocument, wanted: _Wanted) -> Iterator[LineOrigin]:
    for name, _, node in _regions(document, wanted.tree):
        places = wanted.origins[name].places if name in wanted.origins else ()
        for line in range(node.span.line, node.span.end_position[0] + 1):
            yield LineOrigin(line=line, places=places)
    order = _order(document)
    if order is not None:
        places = tuple(place for name in wanted.order for place in wanted.origins[name].places)
        yield LineOrigin(line=order.span.line, places=places)


def _blob_faults(blob: Blob, wanted: _Wanted, whole: Span) -> Iterator[Diagnostic]:
    """The flattened tree must say the same: it is what a loader would read."""
    reserved = blob.root.child("reserved-memory")
    said = dict(_blob_regions(reserved, wanted.tree)) if reserved is not None else {}
    if said != dict(wanted.windows):
        yield SAYS_OTHERWISE.at(whole, "the flattened tree has other regions than the plan")


def _blob_regions(reserved: BlobNode, tree: HostTree) -> Iterator[tuple[str, AddressRange]]:
    edge = tree.address_cells * _CELL_BYTES
    for node in reserved.children:
        reg = node.value("reg")
        if reg is not None:
            start, size = int.from_bytes(reg[:edge], "big"), int.from_bytes(reg[edge:], "big")
            yield node.name.partition("@")[0], AddressRange.sized(start, size)
