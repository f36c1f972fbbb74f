"""YAML text → span-keeping tree. Every fault of the text is a diagnostic with its place; nothing is raised.

One document, a mapping at the top, YAML 1.2 core scalars read from their text. Anchors and aliases are
allowed; tags, merge keys, directives and spellings that readers of YAML disagree on are refused.
"""

import re
from dataclasses import field
from functools import partial
from typing import Any

from hvbuild.diagnostics import Diagnostic, error_code, other
from hvbuild.load.scalars import CODES as SCALAR_CODES
from hvbuild.load.scalars import Oddity, read_plain
from hvbuild.load.tree import Entry, Kind, Mapping, Node, Scalar, Sequence
from hvbuild.load.yamltext import CODES as TEXT_CODES
from hvbuild.load.yamltext import fault_before_parsing, fault_in_value, syntax_diagnostic, text_of
from hvbuild.nearest import did_you_mean
from hvbuild.source import SourceFile, Span
from hvbuild.values import dataclass

# Deeper than any stack; well below what the validator's recursion bears.
MAX_DEPTH = 64
# A stack of 64 guests (165 KB) has about 10,000 nodes; aliases count with all that they repeat.
MAX_NODES = 200_000

_BLANKS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")

_code = partial(error_code, source="YAML 1.2.2")

SEVERAL_DOCUMENTS = _code("HV0007", "several-documents", "A file holds more than one YAML document.")
EMPTY = _code("HV0008", "empty-file", "A file holds nothing but comments and blank lines.")
DUPLICATE_KEY = _code("HV0009", "duplicate-key", "A mapping has one key twice; readers of YAML keep either.")
MERGE_KEY = _code(
    "HV0010", "merge-key", "`<<` merges mappings in YAML 1.1 only; overlays and `use:` do it here."
)
TAG = _code(
    "HV0011", "tag", "A YAML tag (`!x`, `!!str`); the meaning of a value here follows from its place."
)
TOO_DEEP = _code("HV0012", "nested-too-deeply", f"Mappings and lists are nested more than {MAX_DEPTH} deep.")
TOO_MANY = _code(
    "HV0013",
    "too-many-nodes",
    f"With its aliases written out a file has more than {MAX_NODES} nodes.",
    source="a guard against texts that grow without bound through aliases",
)
KEY_WITHOUT_VALUE = _code(
    "HV0018",
    "key-without-value",
    "A key in braces has no value: most often a list without brackets, whose tail YAML reads as keys.",
)
KEY_NOT_A_WORD = _code("HV0019", "key-not-a-word", "A key is a list, a mapping, an alias or empty.")
NOT_A_MAPPING = _code("HV0020", "top-not-a-mapping", "The top level of a file is a list or a single value.")
ALIAS = _code("HV0021", "alias-without-anchor", "An alias names no anchor above it, or the one it stands in.")

CODES = (
    *TEXT_CODES,
    SEVERAL_DOCUMENTS,
    EMPTY,
    DUPLICATE_KEY,
    MERGE_KEY,
    TAG,
    TOO_DEEP,
    TOO_MANY,
    *SCALAR_CODES,
    KEY_WITHOUT_VALUE,
    KEY_NOT_A_WORD,
    NOT_A_MAPPING,
    ALIAS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One file as read: its text, its tree and its faults. `root` is None only with faults."""

    file: SourceFile
    root: Mapping | None
    faults: tuple[Diagnostic, ...] = ()


def read_yaml(data: bytes, path: str) -> Reading:
    """The tree of the YAML file `path` that holds `data`, with all faults of its text in order of place."""
    file, fault = text_of(data, path)
    fault = fault or fault_before_parsing(file)
    if fault is not None:
        return Reading(file=file, root=None, faults=(fault,))
    root, faults = _Grower(file).grow()
    if not isinstance(root, Mapping):
        if root is not None:
            label = "a list" if isinstance(root, Sequence) else "a single value"
            faults.append(NOT_A_MAPPING.at(root.span, "the top level must be a mapping of keys", label))
        root = None
    return Reading(file=file, root=root, faults=tuple(sorted(faults, key=lambda fault: fault.sort_key)))


class _Stop(Exception):  # noqa: N818 - ends the reading of one text; never leaves this module
    """Nothing after this fault can be read."""

    def __init__(self, fault: Diagnostic) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(slots=True)
class _Open:
    """Mutable: a collection that is being read."""

    start: int
    end: int
    is_mapping: bool
    flow: bool
    anchor: str | None
    first_node: int
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    key: Scalar | None = None
    expects_key: bool = True
    bare_keys: list[Scalar] = field(default_factory=list)


class _Grower:
    """Mutable: grows the tree of one text from its parsing events."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._faults: list[Diagnostic] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._nodes = 0
        self._root: Node | None = None
        self._document: Span | None = None

    def grow(self) -> tuple[Node | None, list[Diagnostic]]:
        """The root and the faults; no root where the text cannot be read to its end."""
        from hvbuild.load import yamlscan as scan  # noqa: PLC0415 - loaded when a text must be parsed

        takers = {
            scan.ScalarEvent: self._scalar,
            scan.MappingStartEvent: self._start,
            scan.SequenceStartEvent: self._start,
            scan.MappingEndEvent: self._end,
            scan.SequenceEndEvent: self._end,
            scan.AliasEvent: self._alias,
            scan.DocumentStartEvent: self._document_start,
        }
        try:
            for event in scan.parsing_events(self._file.text):
                taker = takers.get(type(event))
                if taker is not None:
                    taker(event)
        except scan.YamlFault as fault:
            return None, [*self._faults, syntax_diagnostic(self._file, fault)]
        except _Stop as stop:
            return None, [*self._faults, stop.fault]
        if self._root is None:
            return None, [EMPTY.at(Span(self._file, 0, 0), "the file is empty", "nothing is said here")]
        return self._root, self._faults

    def _document_start(self, event: Any) -> None:
        place = self._span(event.start_mark.index, event.end_mark.index)
        if self._document is not None:
            before = other(self._document, "the first document starts here")
            message = "a second document starts in one file"
            raise _Stop(
                SEVERAL_DOCUMENTS.at(
                    place, message, "second document", others=before, helps=("split the file",)
                )
            )
        self._document = place

    def _scalar(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        if event.ctag is not None or event.anchor is not None:
            start = self._past_properties(start)
        parent = self._open[-1] if self._open else None
        is_key = parent is not None and parent.is_mapping and parent.expects_key
        if event.style is None and not event.value:
            self._absent(parent, min(start, end), event)
            return
        if event.style in ("|", ">"):
            end = start + len(self._file.text[start:end].rstrip())
        span = Span(self._file, start, end)
        fault = fault_in_value(span, event.value) if event.style is not None else None
        if fault is not None:
            self._faults.append(fault)
        if is_key or event.style is not None:
            leaf = Scalar(event.value, Kind.TEXT, event.value, span)
        else:
            leaf = self._plain(event.value, span)
        self._place(leaf, event.anchor, 1)

    def _plain(self, text: str, span: Span) -> Scalar:
        found = read_plain(text)
        if isinstance(found, Oddity):
            self._faults.append(found.code.at(span, found.message, found.label, helps=(found.help,)))
            return Scalar(text, Kind.TEXT, text, span)
        return Scalar(text, found[0], found[1], span)

    def _absent(self, parent: _Open | None, at: int, event: Any) -> None:
        """An absent key, a key in braces without a colon, or a value that is left out."""
        place = self._span(at, at)
        if parent is None:
            if event.anchor is not None or event.ctag is not None:
                self._place(Scalar("", Kind.NULL, None, place), None, 1)
            return
        if not parent.is_mapping:
            self._place(Scalar("", Kind.NULL, None, place), event.anchor, 1)
            return
        if parent.expects_key or parent.key is None:
            raise _Stop(
                KEY_NOT_A_WORD.at(self._span(at, at + 1), "a key is missing before `:`", "no key here")
            )
        key = parent.key
        # The library puts an absent value after the colon, or on the next token where there is no colon.
        after = event.start_mark.index
        if parent.flow and not (after > key.span.end and self._file.text[after - 1] == ":"):
            parent.bare_keys.append(key)
            parent.expects_key = True
        else:
            self._place(Scalar("", Kind.NULL, None, key.span), event.anchor, 1)

    def _start(self, event: Any) -> None:
        start = event.start_mark.index
        if event.ctag is not None or event.anchor is not None:
            start = self._past_properties(start)
        if len(self._open) >= MAX_DEPTH:
            message = f"mappings and lists are nested more than {MAX_DEPTH} deep"
            raise _Stop(TOO_DEEP.at(self._span(start, start + 1), message, "one level too many"))
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.is_mapping and parent.expects_key:
            place = self._span(start, start + 1)
            help_ = (
                "quote it if it is text"
                if "{" in self._file.text[start : start + 1]
                else "write a plain word"
            )
            message = "a key is a mapping or a list"
            raise _Stop(KEY_NOT_A_WORD.at(place, message, "not a word", helps=(help_,)))
        is_mapping = type(event).__name__ == "MappingStartEvent"
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(
            _Open(start, start + 1, is_mapping, bool(event.flow_style), event.anchor, self._nodes)
        )

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        end = event.end_mark.index if closed.flow else closed.end
        span = Span(self._file, closed.start, end)
        node: Node
        if closed.is_mapping:
            self._report_bare_keys(closed)
            node = Mapping(closed.entries, span)
        else:
            node = Sequence(tuple(closed.items), span)
        self._place(node, closed.anchor, self._nodes - closed.first_node + 1, counted=1)

    def _alias(self, event: Any) -> None:
        span = self._span(event.start_mark.index, event.end_mark.index)
        name = event.anchor
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.is_mapping and parent.expects_key:
            raise _Stop(KEY_NOT_A_WORD.at(span, "a key is an alias", "not a word"))
        if name not in self._anchors:
            helps = did_you_mean(name, self._anchors, "*{}")
            raise _Stop(ALIAS.at(span, f"no anchor `&{name}` stands above", "alias", helps=helps))
        anchored = self._anchors[name]
        if anchored is None:
            raise _Stop(
                ALIAS.at(span, f"alias `*{name}` stands inside its own anchor", "alias of what holds it")
            )
        node, size = anchored
        if isinstance(node, Mapping):
            node = Mapping(node.entries, span, (node.span, *node.replaced))
        elif isinstance(node, Sequence):
            node = Sequence(node.items, span, (node.span, *node.replaced))
        elif isinstance(node, Scalar):
            node = Scalar(node.text, node.kind, node.value, span, (node.span, *node.replaced))
        self._place(node, None, size)

    def _place(self, node: Node, anchor: str | None, size: int, counted: int | None = None) -> None:
        """Put a complete node where it belongs."""
        self._nodes += size if counted is None else counted
        if self._nodes > MAX_NODES:
            message = f"with its aliases written out the file has more than {MAX_NODES} nodes"
            raise _Stop(TOO_MANY.at(node.span, message, "the limit is reached here"))
        if anchor is not None:
            self._anchors[anchor] = (node, size)
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        parent.end = max(parent.end, node.span.end)
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.expects_key:
            assert isinstance(node, Scalar)
            parent.key = node
            parent.expects_key = False
        else:
            assert parent.key is not None
            self._enter(parent, parent.key, node)
            parent.expects_key = True

    def _enter(self, parent: _Open, key: Scalar, node: Node) -> None:
        name = key.text
        first = parent.entries.get(name)
        if name == "<<":
            helps = ("layer with a variant, or include a shared file with `use:`",)
            self._faults.append(
                MERGE_KEY.at(key.span, "merge keys are not part of YAML 1.2", "merge key", helps=helps)
            )
        elif first is not None:
            before = other(first.key_span, "first given here")
            message = f"key `{name}` is given twice"
            self._faults.append(DUPLICATE_KEY.at(key.span, message, "given again", others=before))
        else:
            parent.entries[name] = Entry(name, key.span, node)

    def _report_bare_keys(self, closed: _Open) -> None:
        if not closed.bare_keys:
            return
        first, last = closed.bare_keys[0], closed.bare_keys[-1]
        names = [key.text for key in closed.bare_keys]
        shown = ", ".join(f"`{name}`" for name in names[:4])
        message = f"{shown} {'has' if len(names) == 1 else 'have'} no value"
        owner = [entry for entry in closed.entries.values() if entry.key_span.end <= first.span.start]
        helps = ["in braces every item is `key: value`"]
        if owner and isinstance(owner[-1].node, Scalar):
            listed = ", ".join([owner[-1].node.text, *names])
            helps = [f"a list needs brackets: `{owner[-1].key}: [{listed}]`"]
        if ":" in names[0]:
            helps = [f"put a space after the colon: `{names[0].replace(':', ': ', 1)}`"]
        label = "read as a key" if len(names) == 1 else "read as keys"
        self._faults.append(KEY_WITHOUT_VALUE.at(first.span.to(last.span), message, label, helps=helps))

    def _past_properties(self, at: int) -> int:
        """Where the node begins whose anchor or tag stands at `at`; a tag is reported."""
        text = self._file.text
        while text[at : at + 1] in ("&", "!"):
            end = at
            while end < len(text) and text[end] not in " \t\r\n,[]{}":
                end += 1
            if text[at] == "!":
                helps = ("leave the tag out; quote the value if it is text that begins with `!`",)
                message = f"tag `{text[at:end]}` is not allowed"
                self._faults.append(TAG.at(self._span(at, end), message, "tag", helps=helps))
            at = self._past_blanks(end)
        return at

    def _past_blanks(self, at: int) -> int:
        found = _BLANKS.match(self._file.text, at)
        return found.end() if found is not None else at

    def _span(self, start: int, end: int) -> Span:
        return Span(self._file, start, min(max(start, end), len(self._file.text)))
