"""Things of a VM and of a host as people name them, each with its facts spelled: what comparisons pair up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from hvbuild.catalog import Catalog
from hvbuild.meaning import spelling
from hvbuild.model.canonical import guest_counts
from hvbuild.model.system import HostFacts
from hvbuild.model.vm import (
    Amount,
    Load,
    Location,
    Memory,
    Opaque,
    Pass,
    Space,
    Vcpu,
    Vdev,
    VmConfig,
)
from hvbuild.source import NOWHERE, Origin
from hvbuild.units import duration_text, hex_address, size_text
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of a thing, spelled; two facts are the same when their texts are."""

    text: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something with a name. `keys` find it on the other side, the surest first; an empty one is none."""

    group: str
    subject: str
    keys: tuple[str, ...]
    facts: tuple[tuple[str, Fact], ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def summary(self) -> str:
        """Its facts in one line."""
        return ", ".join(f"{name} {fact.text}".strip() for name, fact in self.facts if fact.text)


def _facts(*pairs: tuple[str, str, Origin]) -> tuple[tuple[str, Fact], ...]:
    return tuple((name, Fact(text, origin)) for name, text, origin in pairs if text)


def _words(words: Sequence[str]) -> str:
    """Words in one line, told apart: empty ones and those with blanks in quotes."""
    return " ".join(f'"{word}"' if not word or " " in word or word[0] == '"' else word for word in words)


def _size(amount: Amount | None) -> str:
    if amount is None:
        return ""
    return size_text(amount) if isinstance(amount, int) else str(amount)


def _address(amount: Amount | None) -> str:
    if amount is None:
        return ""
    return hex_address(amount) if isinstance(amount, int) else str(amount)


def vm_things(vm: VmConfig, catalog: Catalog) -> tuple[Thing, ...]:
    """The things of a VM in its canonical form."""
    return (
        *_plain(vm),
        *_memory(vm.memory),
        *(_vcpu(index, vcpu) for index, vcpu in enumerate(vm.vcpus)),
        *_loads(vm.loads),
        *_vdevs(vm.vdevs, catalog),
        *_passes(vm.passes),
        *_single(vm),
        *_loggers(vm),
    )


def vm_orders(vm: VmConfig, catalog: Catalog) -> Mapping[str, tuple[Thing, ...]]:
    """Sequences whose order qvm or the guest can see: loads, devices that a guest enumerates, passed RAM."""
    orders: dict[str, tuple[Thing, ...]] = {"loads": tuple(_loads(vm.loads))}
    for thing, vdev in zip(_vdevs(vm.vdevs, catalog), vm.vdevs, strict=True):
        if guest_counts(vdev.type, catalog):
            group = f"{vdev.type} devices"
            orders[group] = (*orders.get(group, ()), thing)
    held = [each for each in vm.passes if any("m" in window.flags for window in each.windows)]
    orders["passed memory"] = tuple(_passes(held))
    return orders


def _plain(vm: VmConfig) -> Iterator[Thing]:
    rows = (
        ("system", vm.system, vm.system_origin),
        ("command line", vm.cmdline, vm.cmdline_origin),
        ("dump", vm.dump, vm.origin),
        ("safety", vm.safety, vm.origin),
    )
    for name, text, origin in rows:
        if text is not None and (text or name != "system"):
            fact = _facts(("", f"`{text}`", origin))
            yield Thing(group=name, subject=name, keys=(name,), facts=fact, origin=origin)
    for flag in sorted(vm.flags):
        yield Thing(group="option", subject=f"`{flag}`", keys=(flag,), origin=vm.origin)


# --- memory and vCPUs ------------------------------------------------------------------------------


def _memory(blocks: Sequence[Memory]) -> Iterator[Thing]:
    kinds = [block.kind for block in blocks]
    for index, block in enumerate(blocks):
        kind = "RAM" if block.kind.value == "ram" else "ROM"
        alone = kinds.count(block.kind) == 1
        number = kinds[:index].count(block.kind)
        at = _address(None if isinstance(block.base, Opaque) and block.placed else block.base)
        named = f" `{block.name}`" if block.name else f" at {at}" if at else f" {number + 1}"
        yield Thing(
            group=kind,
            subject=kind if alone else f"{kind}{named}",
            keys=(block.name, at, str(number)),
            facts=_facts(("size", _size(block.size), block.origin), ("address", at, block.origin)),
            origin=block.origin,
        )


def _vcpu(index: int, vcpu: Vcpu) -> Thing:
    sched = spelling.sched(vcpu.sched) if vcpu.sched is not None else ""
    cpus = ",".join(str(cpu) for cpu in sorted(vcpu.runmask or ()))
    return Thing(
        group="vCPU",
        subject=f"vCPU {index}",
        keys=(str(index),),
        facts=_facts(
            ("priority", sched, vcpu.sched_origin),
            ("CPUs", cpus, vcpu.placement_origin),
            ("cluster", vcpu.cluster or "", vcpu.placement_origin),
            ("partition", vcpu.partition or "", vcpu.placement_origin),
            *((words[0], _words(words[1:]), vcpu.origin) for words in vcpu.verbatim),
        ),
        origin=vcpu.origin,
    )


def _loads(loads: Sequence[Load]) -> Iterator[Thing]:
    for index, load in enumerate(loads):
        kind = f"{load.blob} load" if load.blob else "load"
        number = sum(each.blob == load.blob for each in loads[:index])
        yield Thing(
            group="load",
            subject=f"{kind} `{load.path}`",
            keys=(load.name, f"{load.blob} {load.path}", f"{load.blob} #{number}"),
            facts=_facts(
                ("path", f"`{load.path}`", load.origin),
                ("type", load.blob, load.origin),
                ("address", _address(load.address), load.origin),
            ),
            origin=load.origin,
        )


# --- devices and pass-through ----------------------------------------------------------------------


def _vdevs(vdevs: Sequence[Vdev], catalog: Catalog) -> Iterator[Thing]:
    for index, vdev in enumerate(vdevs):
        row = catalog.vdev(vdev.type)
        place = _location(vdev.location, Space.IO if row and row.space == "io" else Space.MEM)
        number = sum(each.type == vdev.type for each in vdevs[:index])
        many = sum(each.type == vdev.type for each in vdevs) > 1
        name = vdev.name or vdev.key
        which = (
            f" `{name}`" if name else f" at {place}" if place and many else f" {number + 1}" if many else ""
        )
        keys = (f"{vdev.type} {name}" if name else "", name, f"{vdev.type} {place}" if place else "")
        yield Thing(
            group="vdev",
            subject=f"{vdev.type}{which}",
            keys=(*keys, f"{vdev.type} #{number}"),
            facts=_vdev_facts(vdev, place),
            origin=vdev.origin,
        )


def _vdev_facts(vdev: Vdev, place: str) -> tuple[tuple[str, Fact], ...]:
    options: dict[str, list[str]] = {}
    origins: dict[str, Origin] = {}
    for option in vdev.options:
        options.setdefault(option.key, []).append(_words(option.values) or "on")
        origins[option.key] = option.origin
    where = vdev.location.origin if vdev.location else NOWHERE
    line = vdev.interrupts[0].origin if vdev.interrupts else NOWHERE
    return _facts(
        ("type", vdev.type, vdev.origin),
        ("name", f"`{vdev.name}`" if vdev.name else "", vdev.name_origin),
        ("loc", place, where),
        ("intr", spelling.interrupts(vdev.interrupts), line),
        *((key, " and ".join(values), origins[key]) for key, values in options.items()),
        *((f"set {row.variable}", _words((row.value,)), row.origin) for row in vdev.settings),
    )


def _location(location: Location | None, default: Space) -> str:
    return spelling.location(location, default=default) if location is not None else ""


def _passes(passes: Sequence[Pass]) -> Iterator[Thing]:
    for index, each in enumerate(passes):
        name = each.name or each.device
        places = (
            *(spelling.pass_window(window).partition(",")[0].partition("=")[0] for window in each.windows),
            *(spelling.pass_pci(device) for device in each.pci),
            *(spelling.pass_interrupt(interrupt).partition("=")[0] for interrupt in each.interrupts),
        )
        first = places[0] if places else ""
        yield Thing(
            group="pass",
            subject=f"pass `{name}`" if name else f"pass {first}".strip(),
            keys=(name, first, str(index)),
            facts=_facts(
                ("loc", " and ".join(spelling.pass_window(window) for window in each.windows), each.origin),
                ("device", " and ".join(spelling.pass_pci(device) for device in each.pci), each.origin),
                (
                    "intr",
                    " and ".join(spelling.pass_interrupt(line) for line in each.interrupts),
                    each.origin,
                ),
                ("type", each.blob, each.origin),
            ),
            origin=each.origin,
        )


# --- single options --------------------------------------------------------------------------------


def _single(vm: VmConfig) -> Iterator[Thing]:
    for reserve in vm.reserves:
        places = [spelling.reserve_location(place) for place in reserve.locations]
        text = " ".join((*places, *(f"intr {spelling.interrupt(line)}" for line in reserve.interrupts)))
        yield Thing(group="reserve", subject=f"reserve {text}", keys=(text,), origin=reserve.origin)
    for setting in vm.settings:
        where = "" if setting.vcpu is None else f" of vCPU {setting.vcpu}"
        subject = f"variable `{setting.variable}`{where}"
        facts = _facts(("", _words((setting.value,)), setting.origin))
        yield Thing(group="set", subject=subject, keys=(subject,), facts=facts, origin=setting.origin)
    for row in vm.unsupported:
        subject = f"unsupported {row.kind}"
        facts = _facts(("", row.action, row.origin))
        yield Thing(group="unsupported", subject=subject, keys=(row.kind,), facts=facts, origin=row.origin)
    for verbatim in vm.verbatim:
        text = _words(verbatim.words)
        yield Thing(group="verbatim", subject=f"`{text}`", keys=(text,), origin=verbatim.origin)


def _loggers(vm: VmConfig) -> Iterator[Thing]:
    for logger in vm.loggers:
        filters, destination = spelling.logger(logger)
        of = f" of {vm.vdevs[logger.vdev].label}" if logger.vdev is not None else ""
        subject = f"logger to {destination}{of}"
        facts = _facts(("", filters, logger.origin))
        yield Thing(group="logger", subject=subject, keys=(subject,), facts=facts, origin=logger.origin)


# --- the host --------------------------------------------------------------------------------------


def host_things(host: HostFacts, beside: HostFacts) -> tuple[Thing, ...]:
    """The things of a host that `beside` knows about as well: what only one side knows is no difference."""
    things: list[Thing] = []
    if host.partitions is not None and beside.partitions is not None:
        things.extend(_partitions(host))
    if host.regions is not None and beside.regions is not None:
        things.extend(_regions(host))
    if host.launches is not None and beside.launches is not None:
        things.extend(_launches(host))
    if host.services is not None and beside.services is not None:
        things.extend(_services(host))
    if host.image_files is not None and beside.image_files is not None:
        things.extend(
            Thing(group="image", subject=f"image file `{path}`", keys=(path,))
            for path in sorted(host.image_files)
        )
    for name, mine, theirs in (
        ("startup", host.startup_arguments, beside.startup_arguments),
        ("modules", host.modules, beside.modules),
    ):
        if mine is not None and theirs is not None:
            facts = _facts(("", f"`{' '.join(mine)}`", host.origin))
            things.append(Thing(group=name, subject=name, keys=(name,), facts=facts, origin=host.origin))
    return tuple(things)


def _partitions(host: HostFacts) -> Iterator[Thing]:
    for name, row in (host.partitions or {}).items():
        yield Thing(
            group="partition",
            subject=f"partition `{name}`",
            keys=(name,),
            facts=_facts(
                ("budget", f"{row.budget}%", row.origin),
                ("critical", duration_text(row.critical), row.origin),
                ("parent", row.parent, row.origin),
            ),
            origin=row.origin,
        )


def _regions(host: HostFacts) -> Iterator[Thing]:
    for name, row in (host.regions or {}).items():
        start = hex_address(row.window.start) if row.window else ""
        size = size_text(row.window.size) if row.window else size_text(row.size) if row.size else ""
        facts = _facts(("address", start, row.origin), ("size", size, row.origin))
        yield Thing(
            group="region", subject=f"host region `{name}`", keys=(name,), facts=facts, origin=row.origin
        )


def _launches(host: HostFacts) -> Iterator[Thing]:
    for name, row in (host.launches or {}).items():
        cpus = ",".join(str(cpu) for cpu in sorted(row.cpus or ()))
        yield Thing(
            group="launch",
            subject=f"launch of `{name}`",
            keys=(name,),
            facts=_facts(
                ("priority", spelling.sched(row.priority) if row.priority else "", row.origin),
                ("CPUs", cpus, row.origin),
                ("cluster", row.cluster or "", row.origin),
                ("partition", row.partition or "", row.origin),
            ),
            origin=row.origin,
        )


def _services(host: HostFacts) -> Iterator[Thing]:
    for row in host.services or ():
        facts = _facts(
            ("command", f"`{row.command}`" if row.command else "", row.origin),
            ("priority", str(row.priority) if row.priority is not None else "", row.origin),
        )
        yield Thing(
            group="service", subject=f"service `{row.name}`", keys=(row.name,), facts=facts, origin=row.origin
        )
