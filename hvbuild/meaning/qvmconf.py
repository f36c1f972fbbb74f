"""What qvmconf documents mean: one VM, as qvm would build it, and every fault found on the way.

Several documents are one VM given in pieces, in the order of the command line. Contexts end with their
file. What is not understood is carried as words, never dropped.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic, Severity
from hvbuild.formats.qvmconf import Document
from hvbuild.formats.qvmconf_codes import UNKNOWN_VARIABLE
from hvbuild.formats.qvmconf_entries import Entry
from hvbuild.formats.qvmconf_tokens import has_unknown_part
from hvbuild.meaning.arguments import load_in, memory_in
from hvbuild.meaning.contexts import (
    Context,
    CpuContext,
    PassContext,
    ReserveContext,
    VdevContext,
    logger_of,
    repeated,
)
from hvbuild.meaning.options import Terms, judge_option, judge_release, judge_variable, judge_word
from hvbuild.meaning.order import order_faults
from hvbuild.meaning.words import piece_of
from hvbuild.model.vm import (
    Amount,
    Load,
    Logger,
    Memory,
    MemoryKind,
    Opaque,
    Setting,
    Unsupported,
    Verbatim,
    VmConfig,
)
from hvbuild.source import Origin, Span

AFTER_UNKNOWN = Opaque("after memory of unknown place")


class Reading(NamedTuple):
    """One VM and what was wrong with its text, the faults of its documents included."""

    vm: VmConfig
    faults: tuple[Diagnostic, ...]


def read_vm(
    documents: Sequence[Document],
    catalog: Catalog,
    *,
    target: str | None = None,
    architecture: str | None = None,
    title: str = "",
) -> Reading:
    """The VM that `documents` spell together, checked for `target` and `architecture` where given."""
    terms = Terms(catalog, target)
    reader = _VmReader(terms)
    for document in documents:
        reader.read(document)
    vm = reader.vm(title, _beginning(documents))
    order = order_faults(documents, vm, catalog, architecture)
    faults = (fault for document in documents for fault in document.faults)
    return Reading(vm, (*faults, *terms.faults, *order))


def _beginning(documents: Sequence[Document]) -> Origin:
    """The first entry, else the start of the first file."""
    for document in documents:
        if document.entries:
            return Origin(document.entries[0].span)
    return Origin(Span(documents[0].file, 0, 0) if documents else None)


def _unreadable(entry: Entry) -> Memory:
    """Memory whose argument is missing: it is there, so nothing else is said of it."""
    unknown = Opaque("")
    return Memory(kind=MemoryKind(entry.name), base=unknown, size=unknown, origin=Origin(entry.span))


class _VmReader:
    """Mutable, for one VM: takes entries in order and keeps what they set."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._single: dict[str, Entry] = {}
        self._memory: list[Memory] = []
        self._loads: list[Load] = []
        self._settings: dict[tuple[str, int | None], Setting] = {}
        self._unsupported: dict[str, Unsupported] = {}
        self._loggers: list[Logger] = []
        self._flags: set[str] = set()
        self._verbatim: list[Verbatim] = []
        self._cpus: list[CpuContext] = []
        self._vdevs: list[VdevContext] = []
        self._passes: list[PassContext] = []
        self._reserves: list[ReserveContext] = []

    def read(self, document: Document) -> None:
        """Take the entries of one file; contexts are its own."""
        contexts: dict[int, Context] = {}
        current: Context | None = None
        for index, entry in enumerate(document.entries):
            if entry.row is None:
                owner = contexts.get(entry.opener)
                if isinstance(owner, VdevContext):
                    owner.unknown(entry)
                else:
                    self._verbatim.append(Verbatim(words=entry.words, origin=Origin(entry.span)))
                    if owner is not None:
                        owner.stray()
                continue
            if not entry.complete:
                if entry.name in ("ram", "rom"):
                    self._memory.append(_unreadable(entry))
                elif entry.opener in contexts:
                    contexts[entry.opener].incomplete(entry)
                continue
            if entry.row.opens:
                current = contexts[index] = self._open(entry)
            elif entry.opener in contexts:
                contexts[entry.opener].take(entry)
            elif entry.name == "set":
                self._set(entry, current)
            else:
                self._global(entry)

    def _open(self, entry: Entry) -> Context:
        terms = self._terms
        match entry.name:
            case "cpu":
                self._cpus.append(CpuContext(entry, terms))
                return self._cpus[-1]
            case "vdev":
                self._vdevs.append(VdevContext(entry, terms))
                return self._vdevs[-1]
            case "pass":
                self._passes.append(PassContext(entry, terms))
                return self._passes[-1]
            case _:
                self._reserves.append(ReserveContext(entry, terms))
                return self._reserves[-1]

    # -- global options ----------------------------------------------------------------------------------

    def _global(self, entry: Entry) -> None:
        terms = self._terms
        row = terms.catalog.option(entry.name, terms.target) or entry.row
        if row is not None:
            judge_release(row, entry.option.span, f"`{row.name}`", terms)
            judge_option(row, tuple(piece_of(token) for token in entry.arguments), entry.option.span, terms)
        match entry.name:
            case "ram" | "rom":
                self._add_memory(entry)
            case "load":
                self._add_load(entry)
            case "generate":
                self._flags.add(" ".join(entry.words))
            case "logger":
                filters, destination = logger_of(entry, terms)
                self._loggers.append(
                    Logger(filters=filters, destination=destination, origin=Origin(entry.span))
                )
            case "unsupported":
                self._add_unsupported(entry)
            case "debug" | "dryrun":
                self._flags.add(entry.name)
            case _:
                self._set_single(entry)

    def _set_single(self, entry: Entry) -> None:
        earlier = self._single.get(entry.name)
        if earlier is not None and entry.name != "system":
            self._terms.add(repeated(entry, earlier))
        if earlier is None or entry.name != "system":
            self._single[entry.name] = entry

    def _add_memory(self, entry: Entry) -> None:
        block = memory_in(piece_of(entry.arguments[0]), entry.name, self._terms.faults)
        placed = block.address is None
        base = self._next_base() if block.address is None else block.address
        self._memory.append(
            Memory(
                kind=MemoryKind(entry.name),
                base=base,
                size=block.length,
                placed=placed,
                origin=Origin(entry.span),
            )
        )

    def _next_base(self) -> Amount:
        """Right after the highest RAM or ROM so far (vm/ram); unknown when that is."""
        highest = 0
        for block in self._memory:
            if not isinstance(block.base, int) or not isinstance(block.size, int):
                return AFTER_UNKNOWN
            highest = max(highest, block.base + block.size)
        return highest

    def _add_load(self, entry: Entry) -> None:
        said = load_in(piece_of(entry.arguments[0]), self._terms.faults)
        blob = entry.prefix.value if entry.prefix else ""
        self._loads.append(
            Load(
                path=said.path,
                blob="" if blob == "guest" else blob,
                address=said.address,
                origin=Origin(entry.span),
            )
        )

    def _add_unsupported(self, entry: Entry) -> None:
        catalog, pieces = self._terms.catalog, [piece_of(token) for token in entry.arguments]
        kind, action = (piece.text for piece in pieces)
        for piece, words in zip(
            pieces, (catalog.unsupported_kinds, catalog.unsupported_actions), strict=True
        ):
            if not has_unknown_part(piece.text):
                judge_word(piece, tuple(words), "`unsupported`", Severity.ERROR, self._terms.faults)
        earlier = self._unsupported.get(kind)
        if earlier is not None and earlier.origin.span is not None:
            self._terms.add(repeated(entry, earlier.origin, f"unsupported {kind}"))
        self._unsupported[kind] = Unsupported(kind=kind, action=action, origin=Origin(entry.span))

    def _set(self, entry: Entry, current: Context | None) -> None:
        terms = self._terms
        variable, value = (piece_of(token) for token in entry.arguments)
        row = terms.catalog.variable(variable.text, terms.target)
        setting = Setting(variable=variable.text, value=value.text, origin=Origin(entry.span))
        if row is not None:
            judge_release(row, variable.span, f"variable `{row.name}`", terms)
            judge_variable(row, value, terms)
        if row is None and "$" not in variable.text and "@" not in variable.text:
            terms.add(
                UNKNOWN_VARIABLE.at(
                    variable.span,
                    f"variable `{variable.text}` is not known; carried as written",
                    notes=("qvm refuses a variable that neither it nor the device of this context knows",),
                )
            )
        scope = row.scope if row is not None else ("vdev" if isinstance(current, VdevContext) else "global")
        if scope == "vdev" and isinstance(current, VdevContext):
            current.set(setting, entry)
            return
        vcpu = len(self._cpus) - 1 if scope == "cpu" and self._cpus else None
        earlier = self._settings.get((setting.variable, vcpu))
        if earlier is not None:
            terms.add(repeated(entry, earlier.origin, f"set {setting.variable}"))
        self._settings[setting.variable, vcpu] = setting

    # -- the result ------------------------------------------------------------------------------------------

    def _text(self, name: str) -> str | None:
        entry = self._single.get(name)
        return entry.arguments[0].value if entry is not None else None

    def _origin(self, name: str) -> Origin:
        entry = self._single.get(name)
        return Origin(entry.span if entry is not None else None)

    def vm(self, title: str, origin: Origin) -> VmConfig:
        """What was read, as one value."""
        loggers = [logger for index, vdev in enumerate(self._vdevs) for logger in vdev.loggers(index)]
        return VmConfig(
            system=self._text("system") or "",
            memory=tuple(self._memory),
            vcpus=tuple(cpu.value() for cpu in self._cpus),
            vdevs=tuple(vdev.value() for vdev in self._vdevs),
            passes=tuple(each.value() for each in self._passes),
            reserves=tuple(reserve.value() for reserve in self._reserves),
            loads=tuple(self._loads),
            cmdline=self._text("cmdline"),
            settings=tuple(self._settings.values()),
            loggers=(*self._loggers, *loggers),
            unsupported=tuple(self._unsupported.values()),
            dump=self._text("dump"),
            safety=self._text("safety"),
            flags=frozenset(self._flags),
            verbatim=tuple(self._verbatim),
            title=title,
            origin=self._origin("system") or origin,
            system_origin=self._origin("system"),
            cmdline_origin=self._origin("cmdline"),
        )
