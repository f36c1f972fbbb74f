"""The host devicetree files: rendered, read back, compared with the plan, and flattened to a blob."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from hvbuild.diagnostics import Diagnostic, other
from hvbuild.formats.dtb import Blob, BlobNode, NotATree, read_plain_dts, write_dtb
from hvbuild.formats.dtbo import overlay_blob
from hvbuild.formats.dts import expression_value, read_dts
from hvbuild.formats.dts_nodes import DtDocument, DtNode, DtProperty
from hvbuild.meaning.devicetree import macro_parts
from hvbuild.model.board import HostTree
from hvbuild.model.plan import Plan
from hvbuild.ranges import AddressRange
from hvbuild.render.codes import NOT_READABLE, SAYS_OTHERWISE, UNSPELLABLE
from hvbuild.render.lines import LineOrigin
from hvbuild.render.treeview import region_constants, region_label, tree_view
from hvbuild.source import Origin, Span

FRAGMENT, CHECK, BLOB = "host/host.dtsi", "host/host.dts", "host/host.dtb"
OVERLAY, OVERLAY_BLOB = "host/host.dtso", "host/host.dtbo"
_CELL_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFiles:
    """Name, bytes and line origins of each file, and what is wrong with them."""

    files: tuple[tuple[str, bytes, tuple[LineOrigin, ...]], ...]
    faults: tuple[Diagnostic, ...]


def tree_artifacts(plan: Plan, render: Callable[[str, object], str | None]) -> TreeFiles:
    """The fragment, the check tree and its blob, and the overlay where the board takes one.

    `render` makes text of a template and a view. Only the fragment calls the vendor's macro: it alone is
    compiled together with what defines it.
    """
    tree = plan.stack.board.tree
    if tree is None:
        return TreeFiles(files=(), faults=())
    view = tree_view(plan, tree)
    plain = replace(view, macro="")
    texts = {FRAGMENT: render("host.dtsi.j2", view), CHECK: render("host.dts.j2", plain)}
    if tree.style == "overlay":
        texts[OVERLAY] = render("host.dtso.j2", plain)
    known = {name: text for name, text in texts.items() if text is not None}
    if len(known) < len(texts):
        return TreeFiles(files=(), faults=())
    wanted = _Wanted.of(plan, tree)
    faults = [*_macro_faults(wanted)]
    files: list[tuple[str, bytes, tuple[LineOrigin, ...]]] = []
    for name, text in known.items():
        document = read_dts(text, name, wanted.constants)
        faults.extend(_document_faults(document, wanted))
        files.append((name, text.encode(), tuple(_lines(document, wanted))))
        if name != FRAGMENT:
            blob = overlay_blob(document) if name == OVERLAY else read_plain_dts(text, name)
            whole = Span(document.file, 0, 0)
            if isinstance(blob, NotATree):
                faults.append(NOT_READABLE.at(whole, f"the rendered tree does not compile: {blob.message}"))
                continue
            faults.extend(_blob_faults(blob, wanted, whole))
            files.append((OVERLAY_BLOB if name == OVERLAY else BLOB, write_dtb(blob), ()))
    return TreeFiles(files=tuple(files), faults=tuple(faults))


def _macro_faults(wanted: "_Wanted") -> Iterator[Diagnostic]:
    """Names that the vendor's macro would change: it takes an identifier, the list of regions the name."""
    for name in wanted.windows if wanted.tree.macro else ():
        if region_label(name) != name:
            text = f"`{wanted.tree.macro}` cannot make a region called `{name}`"
            yield UNSPELLABLE.at(wanted.origins[name], text, helps=("use letters, digits and `_`",))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What the trees must say: each region's place, the ordered names, and the cells they are said in."""

    windows: Mapping[str, AddressRange]
    origins: Mapping[str, Origin]
    order: tuple[str, ...]
    tree: HostTree

    @property
    def constants(self) -> Mapping[str, int]:
        """The numbers behind the names that the vendor's macro is called with."""
        rows: dict[str, int] = {}
        for name, window in self.windows.items():
            start, size = region_constants(name)
            rows |= {start: window.start, size: window.size}
        return rows

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
    said = {name: window for name, window, _ in _regions(document, wanted)}
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
            if node.base_name == "reserved-memory" or node.label == "{/reserved-memory}":
                yield node


def _regions(document: DtDocument, wanted: _Wanted) -> Iterator[tuple[str, AddressRange, Span]]:
    tree = wanted.tree
    names = {region_label(name): name for name in wanted.windows}
    for call in (call for parent in _reserved(document) for call in parent.macros):
        parts = macro_parts(call)
        if parts is not None and call.name == tree.macro:
            start, size = (expression_value(text, wanted.constants) for text in parts[1:])
            window = AddressRange.fitting(start, size)
            if window is not None:
                yield names.get(parts[0], parts[0]), window, call.span
    for node in (node for parent in _reserved(document) for node in parent.children):
        reg = node.property("reg")
        numbers = [cell.value for cell in reg.cells] if reg is not None else []
        if len(numbers) != tree.address_cells + tree.size_cells or None in numbers:
            continue
        known = [number or 0 for number in numbers]
        start = _joined(known[: tree.address_cells])
        size = _joined(known[tree.address_cells :])
        yield node.base_name, AddressRange.sized(start, size), node.span


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
    for name, _, span in _regions(document, wanted):
        places = wanted.origins[name].places if name in wanted.origins else ()
        for line in range(span.line, span.end_position[0] + 1):
            yield LineOrigin(line=line, places=places)
    order = _order(document)
    if order is not None:
        places = tuple(place for name in wanted.order for place in wanted.origins[name].places)
        yield LineOrigin(line=order.span.line, places=places)


def _blob_faults(blob: Blob, wanted: _Wanted, whole: Span) -> Iterator[Diagnostic]:
    """The flattened tree must say the same: it is what a loader would read."""
    fragment = blob.root.child("fragment@0")
    reserved = fragment.child("__overlay__") if fragment else blob.root.child("reserved-memory")
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
