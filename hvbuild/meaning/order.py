"""Order and company in a qvmconf text: what must come first, and what cannot stand in one VM together."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hvbuild.catalog import Catalog
from hvbuild.catalog_rows import Row
from hvbuild.diagnostics import Diagnostic, other
from hvbuild.formats.qvmconf import Document
from hvbuild.formats.qvmconf_codes import BEFORE_MEMORY, SYSTEM_NOT_FIRST, WRONG_ARCHITECTURE
from hvbuild.formats.qvmconf_entries import Entry, row_of_vdev
from hvbuild.formats.qvmconf_tokens import is_marker
from hvbuild.model.vm import Amount, Load, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.source import Span
from hvbuild.units import hex_address

_FAMILY = {"aarch64": "arm", "x86_64": "x86", "arm": "arm", "x86": "x86"}
_FAMILY_TEXT = {"arm": "Arm", "x86": "x86"}


def order_faults(
    documents: Sequence[Document], vm: VmConfig, catalog: Catalog, architecture: str | None
) -> tuple[Diagnostic, ...]:
    """What stands in the wrong order in the text of one VM, or belongs to two architectures."""
    return (
        *_system_first(documents),
        *_memory_first(documents, vm),
        *_one_architecture(documents, catalog, architecture),
    )


def _system_first(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    entries = [entry for document in documents for entry in document.entries if not is_marker(entry.name)]
    for index, entry in enumerate(entries):
        if entry.name == "system" and entry.row is not None and index:
            first = entries[0]
            what = "a second `system`" if first.name == "system" else f"`{first.name}` stands before `system`"
            yield SYSTEM_NOT_FIRST.at(
                entry.span,
                f"{what}: `system` must be the first entry; qvm refuses this",
                others=other(first.span, "the first entry"),
            )


# --- memory before its use --------------------------------------------------------------------------


class _Placed(NamedTuple):
    """A block that can hold a loaded file: where it is, None when only the target knows."""

    window: AddressRange | None
    place: Span


def _memory_first(documents: Sequence[Document], vm: VmConfig) -> Iterator[Diagnostic]:
    """A load without memory before it although some follows, or into memory that only follows."""

    def rank(place: Span) -> tuple[int, int]:
        return _document_number(documents, place), place.start

    blocks = sorted(_blocks(vm), key=lambda block: rank(block.place))
    for load in vm.loads:
        if load.origin.span is None:
            continue
        at = rank(load.origin.span)
        before = [block for block in blocks if rank(block.place) < at]
        after = [block for block in blocks if rank(block.place) > at]
        late = _too_late(load, before, after)
        if late is not None:
            yield late


def _document_number(documents: Sequence[Document], place: Span) -> int:
    """The index of the document that holds `place`; runs of one command line share their file."""
    for number, document in enumerate(documents):
        tokens = document.tokens
        if document.file is place.file and tokens and tokens[0].start <= place.start <= tokens[-1].start:
            return number
    return 0


def _too_late(load: Load, before: Sequence[_Placed], after: Sequence[_Placed]) -> Diagnostic | None:
    if not after or any(block.window is None for block in before):
        return None
    if not before:
        reason, holder = "no memory is there yet to load it into", after[0]
    else:
        address = load.address
        held = isinstance(address, int) and not _holds(before, address)
        found = [block for block in after if held and block.window and block.window.holds(_int(address))]
        if not found:
            return None
        reason, holder = f"memory at {hex_address(_int(address))} comes only after it", found[0]
    return BEFORE_MEMORY.at(
        load.origin,
        f"`{load.path}` is loaded too early: {reason}; qvm refuses this",
        others=other(holder.place, "this memory must stand before the load"),
    )


def _holds(blocks: Sequence[_Placed], address: int) -> bool:
    return any(block.window is not None and block.window.holds(address) for block in blocks)


def _int(amount: Amount | None) -> int:
    return amount if isinstance(amount, int) else 0


def _blocks(vm: VmConfig) -> Iterator[_Placed]:
    for memory in vm.memory:
        if memory.origin.span is not None:
            yield _Placed(_window(memory.base, memory.size), memory.origin.span)
    for each in vm.passes:
        for window in each.windows:
            if "m" in window.flags and window.origin.span is not None:
                yield _Placed(_window(window.start, window.length), window.origin.span)


def _window(start: Amount, length: Amount | None) -> AddressRange | None:
    if isinstance(start, int) and isinstance(length, int):
        return AddressRange.fitting(start, length)
    return None


# --- one architecture --------------------------------------------------------------------------------


class _Bound(NamedTuple):
    """Something in the text that only one architecture has."""

    family: str
    what: str
    place: Span


def _one_architecture(
    documents: Sequence[Document], catalog: Catalog, architecture: str | None
) -> Iterator[Diagnostic]:
    """What belongs to another architecture than the host, or than most of the VM where no host is known."""
    bound = [item for document in documents for entry in document.entries for item in _bound(entry, catalog)]
    family = _FAMILY.get(architecture or "")
    if family is None and bound:
        families = [item.family for item in bound]
        family = max(("arm", "x86"), key=lambda name: (families.count(name), families[0] == name))
    for item in bound:
        if item.family != family:
            peer = next((each for each in bound if each.family == family), None)
            yield WRONG_ARCHITECTURE.at(
                item.place,
                f"{item.what} exists on {_FAMILY_TEXT[item.family]} only; this VM is for "
                f"{_FAMILY_TEXT[family or 'arm']}",
                others=other(peer.place, f"{peer.what} is {_FAMILY_TEXT[peer.family]} only") if peer else (),
            )


def _bound(entry: Entry, catalog: Catalog) -> Iterator[_Bound]:
    if entry.row is None:
        return
    if entry.name == "vdev" and (row := row_of_vdev(catalog, entry)) is not None:
        if row.architecture and not row.addon and not row.third_party:
            yield _Bound(row.architecture, f"virtual device `{row.name}`", entry.span)
    elif entry.name == "set" and entry.arguments:
        variable = catalog.variable(entry.arguments[0].value)
        if variable is not None and variable.architecture:
            what = f"variable `{variable.name}`"
            yield _Bound(variable.architecture, what, entry.arguments[0].span)
    elif entry.name == "loc" and any(token.value.startswith("io:") for token in entry.arguments):
        yield _Bound("x86", f"port `{entry.arguments[0].value}`", entry.arguments[0].span)
    elif entry.prefix is not None:
        yield from _bound_blob(entry, catalog.blobs.get(entry.prefix.value, ()))


def _bound_blob(entry: Entry, rows: Sequence[Row]) -> Iterator[_Bound]:
    if entry.prefix is not None and rows and rows[0].architecture:
        yield _Bound(rows[0].architecture, f"`{rows[0].name}`", entry.prefix.span)
