"""The checked tree of one guest to a `Guest`."""

import re
from dataclasses import replace

from hvbuild.catalog import shipped_catalog
from hvbuild.formats.qvmconf_tokens import tokens_of
from hvbuild.load.bind_demand import bind_demand
from hvbuild.load.fields import Fields, read_amount
from hvbuild.load.tree import Mapping, Node, Scalar, Sequence
from hvbuild.meaning.places import flags_in
from hvbuild.model.guest import (
    AUTO,
    DERIVED_OPTIONS,
    Auto,
    Demand,
    Guest,
    GuestLaunch,
    Image,
    Needs,
    PassDevice,
    Ram,
    Vdev,
)
from hvbuild.model.vm import (
    Amount,
    Interrupt,
    Load,
    Location,
    Logger,
    MemoryKind,
    Opaque,
    Option,
    Pass,
    PassInterrupt,
    PassPci,
    PassWindow,
    Reserve,
    Setting,
    Space,
    Unsupported,
    Vcpu,
    Verbatim,
)
from hvbuild.source import Origin, SourceFile
from hvbuild.units import read_size

VDEV_KEYS = frozenset(
    {"name", "type", "anonymous", "qvm_name", "spelling", "loc", "intr", "set", "log", "load", "verbatim"}
    | {"remove"}
)
_FLAG_KEYS = {"debug": "debug", "dryrun": "dryrun", "fdt_generate": "fdt generate"}
# An interrupt given as a bare number is a line of the controller that is always there.
_IMPLICIT_PIC = "gic"
_BLOB_IMAGE = "guest"
_LOC = re.compile(r"(?:(mem|io):)?([^,]+)(?:,(.+))?\Z")


def bind_guest(name: str, fields: Fields) -> Guest:
    """The guest that a checked tree describes."""
    node = fields.node
    vcpus = fields.each("cpus")
    default = _demand(fields.inner("load"))
    demands = tuple(_demand(item.inner("load")) or default for item in vcpus)
    return Guest(
        name=name,
        system="" if fields.flag("anonymous") else fields.text("system", name),
        ram=tuple(_ram(item) for item in fields.each("ram")),
        vcpus=tuple(_vcpu(item) for item in vcpus) or (Vcpu(origin=node.origin),),
        demands=demands or (default,),
        vdevs=tuple(_vdev(item) for item in fields.each("vdevs")),
        passes=tuple(_pass(item) for item in fields.each("pass")),
        reserves=tuple(_reserve(item) for item in fields.each("reserve")),
        images=tuple(_image(item) for item in fields.each("images")),
        cmdline=node.text("cmdline"),
        settings=(*_settings(fields), *_vcpu_settings(vcpus)),
        loggers=tuple(_logger(item) for item in fields.each("log")),
        unsupported=_unsupported(fields),
        dump=node.text("dump"),
        safety=node.text("safety"),
        flags=frozenset(
            (
                *(word for key, word in _FLAG_KEYS.items() if fields.flag(key)),
                *(f"{kind} generate" for kind in fields.texts("generate")),
            )
        ),
        verbatim=tuple(Verbatim(words=words, origin=origin) for words, origin in _verbatim(node)),
        launch=_launch(fields.inner("launch")),
        needs=_needs(fields.inner("needs")),
        exclusive=fields.flag("exclusive"),
        asil=fields.text("asil"),
        requirements=fields.texts("requirements"),
        origin=node.origin,
        system_origin=node.origin_of("system"),
        cmdline_origin=node.origin_of("cmdline"),
    )


def _demand(fields: Fields | None) -> Demand | None:
    return bind_demand(fields) if fields is not None else None


def _ram(item: Fields) -> Ram:
    return Ram(
        name=item.text("name"),
        kind=MemoryKind(item.text("kind", "ram")),
        base=item.amount_or_auto("base"),
        size=item.amount("size"),
        region=item.text("region"),
        flags=item.text("flags"),
        origin=item.node.origin,
        region_origin=item.node.origin_of("region"),
    )


def _vcpu(item: Fields) -> Vcpu:
    node = item.node
    placement = next((key for key in ("runmask", "cluster", "partition") if key in node), "sched")
    return Vcpu(
        sched=item.sched("sched"),
        runmask=item.cpus("runmask"),
        cluster=node.text("cluster"),
        partition=node.text("partition"),
        verbatim=tuple(words for words, _ in _verbatim(node)),
        runmask_spelling=item.integers("runmask"),
        origin=node.origin,
        sched_origin=node.origin_of("sched"),
        placement_origin=node.origin_of(placement),
        partition_origin=node.origin_of("partition"),
    )


def _vdev(item: Fields) -> Vdev:
    node = item.node
    options = tuple(
        option for entry in node if entry.key not in VDEV_KEYS for option in _options(entry.key, entry.node)
    )
    return Vdev(
        name=item.text("name"),
        type=item.text("type"),
        anonymous=item.flag("anonymous"),
        qvm_name=item.text("qvm_name"),
        spelling=item.text("spelling"),
        location=read_location(node.scalar("loc"), _default_space(item.text("type"))),
        interrupts=_interrupts(node.get("intr")),
        options=(
            *(option for option in options if not _is_derived(option)),
            *(
                Option(key=words[0], values=words[1:], carried=True, origin=origin)
                for words, origin in _verbatim(node)
            ),
        ),
        derived=frozenset(option.key for option in options if _is_derived(option)),
        settings=_settings(item),
        loggers=tuple(_logger(logger) for logger in item.each("log")),
        demand=_demand(item.inner("load")),
        origin=node.origin,
        type_origin=node.origin_of("type"),
        location_origin=node.origin_of("loc"),
        interrupt_origin=node.origin_of("intr"),
    )


def _options(key: str, node: Node) -> tuple[Option, ...]:
    """One occurrence of option `key` per value: `true` is an option without argument, `false` is none."""
    if isinstance(node, Sequence):
        return tuple(option for item in node for option in _options(key, item))
    if not isinstance(node, Scalar) or node.value is False or node.value is None:
        return ()
    values = () if node.value is True else (node.text,)
    return (Option(key=key, values=values, origin=node.origin),)


def _is_derived(option: Option) -> bool:
    """True for an option left to a link or to shared memory; to a third-party device `auto` is a word."""
    return option.values == ("auto",) and option.key in DERIVED_OPTIONS


def _verbatim(node: Mapping) -> tuple[tuple[tuple[str, ...], Origin], ...]:
    """The words of each text under `verbatim`, cut as qvm cuts them."""
    texts = ((leaf, SourceFile(leaf.span.file.path, leaf.text)) for leaf in node.scalars("verbatim"))
    cut = ((tuple(token.value for token in tokens_of(file)), leaf.origin) for leaf, file in texts)
    return tuple((words, origin) for words, origin in cut if words)


def _default_space(kind: str) -> Space:
    """The space of a bare number: ports for the PC's legacy devices, memory for all others."""
    row = shipped_catalog().vdev(kind)
    return Space.IO if row is not None and row.space == "io" else Space.MEM


def read_location(leaf: Scalar | None, bare: Space = Space.MEM) -> Location | Auto | None:
    """A location as the stack spells it: `auto`, `0x1c090000`, `io:0x3f8,8`, `pci:0:1`.

    A number without a space lies in `bare`.
    """
    if leaf is None:
        return None
    text = leaf.text
    if text == "auto":
        return AUTO
    if text.startswith("pci:"):
        return Location(space=Space.PCI, text=text[4:], origin=leaf.origin)
    match = _LOC.match(text)
    if match is None:
        return Location(space=bare, start=Opaque(text), origin=leaf.origin)
    length = _number(match[3]) if match[3] else None
    return Location(space=Space(match[1] or bare), start=_number(match[2]), length=length, origin=leaf.origin)


def _number(text: str) -> Amount:
    value = read_amount(text)
    return Opaque(text) if value is None or isinstance(value, Auto) else value


def _interrupts(node: Node | None) -> tuple[Interrupt, ...] | Auto:
    if isinstance(node, Sequence):
        return tuple(read_interrupt(leaf.text, leaf.origin) for leaf in node.scalars())
    if not isinstance(node, Scalar) or node.value is None:
        return ()
    return AUTO if node.text == "auto" else (read_interrupt(node.text, node.origin),)


def read_interrupt(text: str, origin: Origin) -> Interrupt:
    """An interrupt as the stack spells it: `37`, `gic:37`, or `apic`."""
    pic, colon, line = text.rpartition(":")
    if colon:
        return Interrupt(pic=pic, line=_number(line), origin=origin)
    number = read_size(text)
    if number is not None:
        return Interrupt(pic=_IMPLICIT_PIC, line=number, origin=origin)
    return Interrupt(pic=text, origin=origin)


def _pass(item: Fields) -> PassDevice:
    node = item.node
    target = next((key for key in ("device", "region") if key in node), "name")
    return PassDevice(
        name=item.text("name"),
        device=item.text("device"),
        region=item.text("region"),
        at=item.size("at"),
        flags=item.text("flags"),
        lines=item.integers("lines"),
        attribute=item.text("attribute"),
        exact=_exact(item) if target == "name" else None,
        waiver=item.text("waiver"),
        origin=node.origin,
        target_origin=node.origin_of(target),
    )


def _exact(item: Fields) -> Pass:
    return Pass(
        windows=tuple(_window(window) for window in item.each("windows")),
        pci=tuple(
            PassPci(host=pci.text("host"), guest=pci.text("guest"), origin=pci.node.origin)
            for pci in item.each("pci")
        ),
        interrupts=tuple(
            PassInterrupt(
                line=read_interrupt(interrupt.text("line"), interrupt.node.origin),
                attribute=interrupt.text("attribute"),
                vector=interrupt.amount("vector"),
                origin=interrupt.node.origin,
            )
            for interrupt in item.each("interrupts")
        ),
        blob=item.text("blob"),
        name=item.text("name"),
        origin=item.node.origin,
    )


def _window(item: Fields) -> PassWindow:
    flags = item.text("flags")
    return PassWindow(
        space=Space(item.text("space", "mem")),
        start=item.amount("base") or 0,
        length=item.amount("size"),
        flags=flags_in(flags, shipped_catalog()),
        host=item.amount("host"),
        flags_text=flags,
        origin=item.node.origin,
    )


def _reserve(item: Fields) -> Reserve:
    locations = (read_location(leaf) for leaf in item.node.scalars("loc"))
    return Reserve(
        locations=tuple(location for location in locations if isinstance(location, Location)),
        interrupts=tuple(_reserved_line(leaf) for leaf in item.node.scalars("intr")),
        origin=item.node.origin,
    )


def _reserved_line(leaf: Scalar) -> Interrupt:
    """A reserved interrupt; a bare number stays bare, as `reserve intr` takes it."""
    number = read_size(leaf.text)
    if number is not None:
        return Interrupt(pic="", line=number, origin=leaf.origin)
    return read_interrupt(leaf.text, leaf.origin)


def _image(item: Fields) -> Image:
    blob = item.text("type")
    return Image(
        load=Load(
            path=item.text("load"),
            blob="" if blob == _BLOB_IMAGE else blob,
            address=item.amount("at"),
            name=item.text("name"),
            origin=item.node.origin_of("load"),
        ),
        source=item.text("source"),
        external=item.flag("external"),
        generated=item.flag("generated"),
        size=item.size("size"),
        origin=item.node.origin,
    )


def _settings(fields: Fields) -> tuple[Setting, ...]:
    return tuple(
        Setting(variable=key, value=node.text, origin=node.origin)
        for key, node in fields.pairs("set")
        if isinstance(node, Scalar)
    )


def _vcpu_settings(vcpus: tuple[Fields, ...]) -> tuple[Setting, ...]:
    return tuple(
        replace(setting, vcpu=number) for number, item in enumerate(vcpus) for setting in _settings(item)
    )


def _logger(item: Fields) -> Logger:
    synonyms = shipped_catalog().log_filter_synonyms
    return Logger(
        filters=frozenset(synonyms.get(level, level) for level in item.texts("levels")),
        destination=item.text("to"),
        origin=item.node.origin,
    )


def _unsupported(fields: Fields) -> tuple[Unsupported, ...]:
    return tuple(
        Unsupported(kind=key, action=node.text, origin=node.origin)
        for key, node in fields.pairs("unsupported")
        if isinstance(node, Scalar)
    )


def _launch(item: Fields | None) -> GuestLaunch:
    if item is None:
        return GuestLaunch()
    return GuestLaunch(
        sched=item.sched("sched"),
        cpus=item.cpus("cpus"),
        cluster=item.node.text("cluster"),
        partition=item.node.text("partition"),
        restart=item.text("restart", "never"),
        memory_limit=item.size("memory_limit"),
        config=item.text("config"),
        origin=item.node.origin,
    )


def _needs(item: Fields | None) -> Needs:
    if item is None:
        return Needs()
    return Needs(
        memory=item.size("memory"),
        vdevs=item.texts("vdevs"),
        ifs_address=item.size("ifs_address"),
        knows_virtual=item.flag("knows_virtual", default=True),
        buildfile=item.text("buildfile"),
        devicetree=item.text("devicetree"),
        origin=item.node.origin,
    )


def guest_nodes(guests: Mapping | None) -> tuple[tuple[str, Mapping], ...]:
    """Name and mapping of each guest."""
    if guests is None:
        return ()
    return tuple((entry.key, entry.node) for entry in guests if isinstance(entry.node, Mapping))
