"""What dtc refuses in a devicetree source, found on the source itself so that each fault has its place."""

import re
from collections.abc import Iterable, Iterator
from functools import partial

from hvbuild.diagnostics import Code, Diagnostic, error_code, other
from hvbuild.formats.dtb import Blob, read_plain_dts
from hvbuild.formats.dts_nodes import Cells, DtDocument, DtNode, DtProperty, PathReference
from hvbuild.nearest import did_you_mean
from hvbuild.source import Span

_SOURCE = "Devicetree Specification, source format; dtc: dtc-parser.y, checks.c"
_NODE_NAME = re.compile(r"[A-Za-z0-9,._+-]+(@[A-Za-z0-9,._+-]+)?\Z")
_PROPERTY_NAME = re.compile(r"[A-Za-z0-9,._+?#-]+\Z")

_error = partial(error_code, source=_SOURCE)

SYNTAX = _error("HV8600", "devicetree-syntax", "the text is not devicetree source")
DUPLICATE_NODE = _error("HV8601", "duplicate-node", "a node has two children of one name in one block")
DUPLICATE_PROPERTY = _error("HV8602", "duplicate-property", "a property is given twice in one block")
PROPERTY_AFTER_NODE = _error("HV8603", "property-after-node", "properties stand before child nodes")
NO_VERSION = _error("HV8604", "no-version", "a devicetree source begins with `/dts-v1/;`")
UNKNOWN_LABEL = _error("HV8605", "unknown-label", "a reference names a label that no node has")
DUPLICATE_LABEL = _error("HV8606", "duplicate-label", "two nodes have one label")
BAD_NAME = _error("HV8607", "devicetree-name", "a node or property name has characters that dtc refuses")

CODES: tuple[Code, ...] = (
    SYNTAX,
    DUPLICATE_NODE,
    DUPLICATE_PROPERTY,
    PROPERTY_AFTER_NODE,
    NO_VERSION,
    UNKNOWN_LABEL,
    DUPLICATE_LABEL,
    BAD_NAME,
)


def dts_faults(document: DtDocument, *, fragment: bool = False) -> Iterator[Diagnostic]:
    """Everything in `document` that dtc would refuse.

    A `fragment` is included elsewhere: it needs no version. Parts under different `#if` conditions are never
    held against each other.
    """
    yield from syntax_faults(document)
    whole = not fragment and not document.errors
    if whole and document.version is None and document.nodes and not document.includes:
        yield NO_VERSION.at(document.nodes[0].name_span, "`/dts-v1/;` is missing before the first node")
    for top in document.nodes:
        for node in top.walk():
            yield from _block_faults(node)
    yield from _label_faults(document, fragment=fragment)


def syntax_faults(document: DtDocument) -> Iterator[Diagnostic]:
    """What of `document` is no devicetree source at all."""
    if document.errors and not _reads_otherwise(document):
        for span in document.errors:
            yield SYNTAX.at(span, "this is not devicetree source", "cannot be read here")


def _reads_otherwise(document: DtDocument) -> bool:
    """True when the grammar stumbles over a plain text that dtlib reads whole."""
    plain = document.is_plain and document.plugin is None and not document.includes
    return plain and isinstance(read_plain_dts(document.file.text, document.file.path), Blob)


def _block_faults(node: DtNode) -> Iterator[Diagnostic]:
    nodes: dict[tuple[str, str], DtNode] = {}
    properties: dict[tuple[str, str], DtProperty] = {}
    last_child: DtNode | None = None
    if not node.label and node.name != "/" and not _NODE_NAME.match(node.name):
        yield BAD_NAME.at(node.name_span, f"`{node.name}` is not a node name")
    for item in node.items:
        if isinstance(item, DtNode):
            last_child = last_child or item
            first = nodes.setdefault((item.name, item.guard), item)
            if first is not item:
                yield _twice(DUPLICATE_NODE, f"node `{item.name}`", item.name_span, first.name_span)
        elif isinstance(item, DtProperty):
            if not _PROPERTY_NAME.match(item.name):
                yield BAD_NAME.at(item.name_span, f"`{item.name}` is not a property name")
            before = properties.setdefault((item.name, item.guard), item)
            if before is not item:
                yield _twice(DUPLICATE_PROPERTY, f"property `{item.name}`", item.name_span, before.name_span)
            if last_child is not None:
                yield PROPERTY_AFTER_NODE.at(
                    item.name_span,
                    f"property `{item.name}` stands after node `{last_child.name}`",
                    others=other(last_child.name_span, "the first child node"),
                )


def _twice(code: Code, what: str, place: Span, first: Span) -> Diagnostic:
    return code.at(place, f"{what} is given twice in one block", "again", others=other(first, "first here"))


def _label_faults(document: DtDocument, *, fragment: bool) -> Iterator[Diagnostic]:
    labels: dict[str, Span] = {}
    for node in _nodes(document.nodes):
        for label in node.labels:
            first = labels.setdefault(label, node.name_span)
            if first is not node.name_span and not node.guard:
                message = f"label `{label}` is given to two nodes"
                yield DUPLICATE_LABEL.at(node.name_span, message, "again", others=other(first, "first here"))
    if fragment or document.includes or document.plugin is not None or document.preprocessed:
        return
    for label, span in _references(document):
        if not label.startswith("{") and label not in labels:
            yield UNKNOWN_LABEL.at(
                span, f"no node has the label `{label}`", helps=did_you_mean(label, labels, "&{}")
            )


def _nodes(nodes: Iterable[DtNode]) -> Iterator[DtNode]:
    for node in nodes:
        yield from node.walk()


def _references(document: DtDocument) -> Iterator[tuple[str, Span]]:
    for node in _nodes(document.nodes):
        if node.label:
            yield node.label, node.name_span
        for prop in node.properties:
            for value in prop.values:
                if isinstance(value, PathReference):
                    yield value.label, value.span
                elif isinstance(value, Cells):
                    yield from ((cell.label, cell.span) for cell in value.cells if cell.label)
