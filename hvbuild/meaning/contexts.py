"""The four contexts of qvmconf while they are read: `cpu`, `vdev`, `pass`, `reserve`, each into its value."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from hvbuild.diagnostics import Diagnostic, Severity, other
from hvbuild.formats.qvmconf_codes import DIALECT, EMPTY_CONTEXT, ODD_NAME, REPEATED, VDEV_SPELLING
from hvbuild.formats.qvmconf_entries import Entry, like_option, vdev_form, vdev_kind
from hvbuild.formats.qvmconf_tokens import has_unknown_part
from hvbuild.meaning.arguments import cpus_in, sched_in
from hvbuild.meaning.options import Terms, judge_option, judge_release, judge_word
from hvbuild.meaning.places import (
    interrupt_in,
    interrupts_in,
    location_in,
    pass_interrupt_in,
    pass_location_in,
    reserve_location_in,
)
from hvbuild.meaning.words import Piece, piece_of
from hvbuild.model.vm import (
    Interrupt,
    Location,
    Logger,
    Opaque,
    Option,
    Pass,
    PassInterrupt,
    PassPci,
    PassWindow,
    Reserve,
    Setting,
    Space,
    Vcpu,
    Vdev,
)
from hvbuild.source import NOWHERE, Origin


def repeated(entry: Entry, earlier: Entry | Origin, what: str = "") -> Diagnostic:
    """The warning that `entry` overrules an earlier one."""
    place = earlier.span
    return REPEATED.at(
        entry.span,
        f"`{what or entry.name}` is given again: this one wins",
        others=other(place, "overruled"),
        notes=("qvm accepts this silently",),
    )


def logger_of(entry: Entry, terms: Terms) -> tuple[frozenset[str], str]:
    """The severities and the destination of `logger` or `log`."""
    catalog = terms.catalog
    named = (piece_of(token) for token in entry.arguments)
    filters, destination = named
    words = [part for part in filters.split(",") if part.text]
    for word in words:
        if not has_unknown_part(word.text):
            known = (*catalog.log_filters, *catalog.log_filter_synonyms)
            judge_word(word, known, f"`{entry.name}`", Severity.ERROR, terms.faults)
    if not has_unknown_part(destination.text):
        rows = catalog.log_destinations.get(destination.text, ())
        if not rows:
            judge_word(
                destination, tuple(catalog.log_destinations), f"`{entry.name}`", Severity.ERROR, terms.faults
            )
        elif not any(catalog.holds(row, terms.target) for row in rows):
            judge_release(rows[0], destination.span, f"destination `{destination.text}`", terms)
    synonyms = catalog.log_filter_synonyms
    return frozenset(synonyms.get(word.text, word.text) for word in words), destination.text


def _option(entry: Entry) -> Option:
    values = tuple(token.value for token in entry.arguments)
    return Option(key=entry.name, values=values, origin=Origin(entry.span))


class Context(ABC):
    """Mutable: what the sub-options of one context have said so far."""

    def __init__(self, entry: Entry, terms: Terms) -> None:
        self.entry = entry
        self.origin = Origin(entry.span)
        self.terms = terms
        self._last: dict[str, Entry] = {}
        self.empty = True

    def stray(self) -> None:
        """Note a word in this context that names no option; it is reported already."""
        self.empty = False

    def incomplete(self, entry: Entry) -> None:
        """Take note of a sub-option that lacks its argument; it is reported already."""
        self.empty = False

    def take(self, entry: Entry) -> None:
        """Take one sub-option; `row` of the target's release decides what is legal."""
        self.empty = False
        terms = self.terms
        row = terms.catalog.sub_option(self.entry.name, entry.name, self.kind, terms.target) or entry.row
        if row is None:
            return
        judge_release(row, entry.option.span, f"`{row.name}`", terms)
        judge_option(row, tuple(piece_of(token) for token in entry.arguments), entry.option.span, terms)
        if row.repeat == "last":
            if (earlier := self._last.get(row.name)) is not None:
                terms.add(repeated(entry, earlier))
            self._last[row.name] = entry
        self.keep(entry, row.repeat == "adds")

    @property
    def kind(self) -> str:
        """The type of device whose options are taken; empty outside `vdev`."""
        return ""

    @abstractmethod
    def keep(self, entry: Entry, adds: bool) -> None:
        """Keep what a checked sub-option says."""


class CpuContext(Context):
    """A vCPU."""

    def __init__(self, entry: Entry, terms: Terms) -> None:
        super().__init__(entry, terms)
        self._said: dict[str, Piece] = {}

    def keep(self, entry: Entry, adds: bool) -> None:
        """Keep the last argument; `s` of a sporadic `sched` may be a word of its own."""
        first = piece_of(entry.arguments[0])
        tail = "".join(token.value for token in entry.arguments[1:])
        self._said[entry.name] = Piece(first.text + tail, entry.span) if tail else first

    def value(self) -> Vcpu:
        """The vCPU."""
        faults = self.terms.faults
        said = self._said
        sched, mask = said.get("sched"), said.get("runmask")
        cluster, partition = said.get("cluster"), said.get("partition")
        cpus = cpus_in(mask, faults) if mask else None
        placement = mask or cluster or partition
        placed_later = tuple(
            (name, piece.text)
            for name, piece in (("sched", sched), ("runmask", mask))
            if piece is not None and has_unknown_part(piece.text)
        )
        return Vcpu(
            sched=sched_in(sched, faults) if sched else None,
            runmask=frozenset(cpus) if cpus else None,
            cluster=cluster.text if cluster else None,
            partition=partition.text if partition else None,
            verbatim=placed_later,
            runmask_spelling=cpus or (),
            origin=self.origin,
            sched_origin=sched.origin if sched else NOWHERE,
            placement_origin=placement.origin if placement else NOWHERE,
            partition_origin=partition.origin if partition else NOWHERE,
        )


class VdevContext(Context):
    """A virtual device; `kind` is its bare type."""

    def __init__(self, entry: Entry, terms: Terms) -> None:
        super().__init__(entry, terms)
        self._type = piece_of(entry.arguments[0])
        self._kind = vdev_kind(self._type.text)
        self._name: Piece | None = None
        self._location: Location | None = None
        self._interrupts: tuple[Interrupt, ...] = ()
        self._options: list[Option] = []
        self._unknown: Option | None = None
        self._loggers: list[tuple[frozenset[str], str, Origin]] = []
        self._settings: dict[str, Setting] = {}
        self._judge_type()

    @property
    def kind(self) -> str:
        """Its bare type."""
        return self._kind

    def _judge_type(self) -> None:
        text = self._type.text
        if "," in text and self.terms.catalog.vdev(text) is None:
            # Where it sits is said, if not in a form that qvm reads: no further fault for that.
            self._location = Location(space=Space.MEM, start=Opaque(text), origin=self._type.origin)
            self._interrupts = (Interrupt(pic="gic", line=Opaque(text), origin=self._type.origin),)
            self.terms.add(
                DIALECT.at(
                    self._type.span,
                    "the type of a device and its options are separate words; qvm refuses this",
                    helps=(f"write `{vdev_form(text)}`",),
                )
            )
        elif "/" in text and not has_unknown_part(text):
            message = f"only the bare name `{self._kind}` is documented, not a path to the device's library"
            self.terms.add(VDEV_SPELLING.at(self._type.span, message))

    def keep(self, entry: Entry, adds: bool) -> None:
        """Keep a location, an interrupt, a name, a logger, or any other option with its words."""
        faults = self.terms.faults
        first = piece_of(entry.arguments[0]) if entry.arguments else None
        row = self.terms.catalog.vdev(self._kind)
        if entry.name == "loc" and first is not None:
            space = Space.IO if row is not None and row.space == "io" else Space.MEM
            self._location = location_in(first, space, faults)
        elif entry.name in ("intr", "intrmap") and first is not None:
            found = interrupts_in(first, faults) if adds else (interrupt_in(first, faults),)
            self._interrupts = (*self._interrupts, *found) if adds else found
        elif entry.name == "name" and first is not None:
            self._name = first
            if self._kind == "virtio-net" and "/" in first.text and not has_unknown_part(first.text):
                last = first.text.rstrip("/").rpartition("/")[2]
                message = f"name `{first.text}` holds `/`: the device appears as /dev/qvm/SYSTEM/{first.text}"
                self.terms.add(ODD_NAME.at(first.span, message, helps=(f"write `name {last}`",)))
        elif entry.name == "log":
            self._loggers.append((*logger_of(entry, self.terms), Origin(entry.span)))
        else:
            if not adds:
                self._options = [option for option in self._options if option.key != entry.name]
            self._options.append(_option(entry))

    def unknown(self, entry: Entry) -> None:
        """Keep an option that the catalogue does not know, as written.

        What could not name one belongs to the unknown option before it, wherever known ones stand between:
        once they are written elsewhere, it follows that option.
        """
        last = self._unknown
        if last is not None and not like_option(entry.name):
            longer = replace(last, values=(*last.values, *entry.words))
            self._options = [longer if option is last else option for option in self._options]
            self._unknown = longer
            return
        self._unknown = _option(entry)
        self._options.append(self._unknown)

    def incomplete(self, entry: Entry) -> None:
        """Take note of an option that lacks its argument: it is given, and what it says is not known."""
        super().incomplete(entry)
        nothing, place = Opaque(""), Origin(entry.span)
        if entry.name == "loc":
            self._location = Location(space=Space.MEM, start=nothing, origin=place)
        elif entry.name == "intr":
            row = self.terms.catalog.vdev(self._kind)
            pic = "apic" if row is not None and row.architecture == "x86" else "gic"
            self._interrupts = (*self._interrupts, Interrupt(pic=pic, line=nothing, origin=place))
        else:
            self._options.append(Option(key=entry.name, values=("",), origin=place))

    def set(self, setting: Setting, entry: Entry) -> None:
        """Keep a variable of this device."""
        earlier = self._settings.get(setting.variable)
        if earlier is not None:
            self.terms.add(repeated(entry, earlier.origin, f"set {setting.variable}"))
        self._settings[setting.variable] = setting

    def loggers(self, index: int) -> Iterator[Logger]:
        """Its `log` options, for the device with this index."""
        for filters, destination, origin in self._loggers:
            yield Logger(filters=filters, destination=destination, vdev=index, origin=origin)

    def value(self) -> Vdev:
        """The device."""
        return Vdev(
            type=self._kind,
            name=self._name.text if self._name else "",
            location=self._location,
            interrupts=self._interrupts,
            options=tuple(self._options),
            settings=tuple(self._settings.values()),
            spelling=self._type.text,
            origin=self.origin,
            name_origin=self._name.origin if self._name else NOWHERE,
        )


class PassContext(Context):
    """What one `pass` hands over."""

    def __init__(self, entry: Entry, terms: Terms) -> None:
        super().__init__(entry, terms)
        self._windows: list[PassWindow] = []
        self._pci: list[PassPci] = []
        self._interrupts: list[PassInterrupt] = []

    def keep(self, entry: Entry, adds: bool) -> None:
        """Keep a window, a PCI device or an interrupt."""
        piece = piece_of(entry.arguments[0])
        if entry.name == "intr":
            self._interrupts.append(pass_interrupt_in(piece, self.terms.catalog, self.terms.faults))
            return
        place = pass_location_in(piece, self.terms.catalog, self.terms.faults)
        if isinstance(place, PassWindow):
            self._windows.append(place)
        elif place is not None:
            self._pci.append(place)

    def value(self) -> Pass:
        """The pass-through."""
        if self.empty:
            self.terms.add(EMPTY_CONTEXT.at(self.origin, "this `pass` hands nothing over"))
        return Pass(
            windows=tuple(self._windows),
            pci=tuple(self._pci),
            interrupts=tuple(self._interrupts),
            blob=self.entry.prefix.value if self.entry.prefix else "",
            origin=self.origin,
        )


class ReserveContext(Context):
    """What one `reserve` keeps from qvm's own choices."""

    def __init__(self, entry: Entry, terms: Terms) -> None:
        super().__init__(entry, terms)
        self._locations: list[Location] = []
        self._interrupts: list[Interrupt] = []

    def keep(self, entry: Entry, adds: bool) -> None:
        """Keep a location or an interrupt."""
        pieces = [piece_of(token) for token in entry.arguments]
        if entry.name == "intr":
            self._interrupts.append(interrupt_in(pieces[0], self.terms.faults, bare=True))
        else:
            self._locations.append(reserve_location_in(pieces, self.terms.faults))

    def value(self) -> Reserve:
        """The reservation."""
        if self.empty:
            self.terms.add(EMPTY_CONTEXT.at(self.origin, "this `reserve` keeps nothing"))
        return Reserve(
            locations=tuple(self._locations), interrupts=tuple(self._interrupts), origin=self.origin
        )
