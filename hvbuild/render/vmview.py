"""A guest's VM as strings for its template: every word spelled as qvm reads it back."""

from collections.abc import Iterator
from dataclasses import dataclass

from hvbuild.diagnostics import Diagnostics
from hvbuild.meaning import spelling
from hvbuild.model.vm import Load, Pass, Reserve, Space, Vcpu, Vdev, VmConfig
from hvbuild.render.codes import UNSPELLABLE
from hvbuild.source import Origin

_SYSTEM_MEMORY = "m"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One vdev: its opening words, and one line for each option."""

    head: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QvmconfView:
    """What `guest.qvmconf.j2` places, each entry one line; `memory` comes before all that refers to it.

    `verbatim` must stand before anything that opens a context, which would claim its words.
    """

    title: str
    target: str
    system: str
    settings: tuple[str, ...]
    memory: tuple[str, ...]
    reserves: tuple[str, ...]
    vcpus: tuple[str, ...]
    loads: tuple[str, ...]
    cmdline: str
    vdevs: tuple[DeviceView, ...]
    passes: tuple[str, ...]
    verbatim: tuple[str, ...]


def qvmconf_view(vm: VmConfig, title: str, target: str, faults: Diagnostics) -> QvmconfView:
    """The qvmconf of `vm` in strings; words that qvm cannot be told are reported."""
    words = _Words(faults)
    ram_passes = [item for item in vm.passes if _is_memory(item)]
    return QvmconfView(
        title=title,
        target=target,
        system=f"system {words.word(vm.system, vm.system_origin)}" if vm.system else "",
        settings=tuple(_settings(vm, words)),
        memory=(
            *(f"{block.kind.value} {spelling.memory(block)}" for block in vm.memory),
            *(words.handed(item) for item in ram_passes),
        ),
        reserves=tuple(_reserve(item) for item in vm.reserves),
        vcpus=tuple(_vcpu(number, vcpu, vm, words) for number, vcpu in enumerate(vm.vcpus)),
        loads=tuple(words.load(load) for load in vm.loads),
        cmdline=f'cmdline "{words.plain(vm.cmdline, vm.cmdline_origin)}"' if vm.cmdline is not None else "",
        vdevs=tuple(_vdev(number, vdev, vm, words) for number, vdev in enumerate(vm.vdevs)),
        passes=tuple(words.handed(item) for item in vm.passes if not _is_memory(item)),
        verbatim=tuple(
            " ".join(words.word(word, item.origin) for word in item.words) for item in vm.verbatim
        ),
    )


def _is_memory(item: Pass) -> bool:
    return any(_SYSTEM_MEMORY in window.flags for window in item.windows)


class _Words:
    """Mutable: spells words for qvm and reports those it cannot be told."""

    def __init__(self, faults: Diagnostics) -> None:
        self._faults = faults

    def plain(self, text: str, place: Origin) -> str:
        """`text` as it stands between double quotes; a tab is as good as a blank there."""
        if '"' in text or any(ord(char) < 32 and char != "\t" for char in text):
            self._faults.add(
                UNSPELLABLE.at(
                    place,
                    f"qvm cannot be told `{text!r}`",
                    "this text",
                    notes=["no escape for a double quote or a control character is documented"],
                )
            )
            return ""
        return text

    def word(self, text: str, place: Origin) -> str:
        """`text` as one word, quoted where it must be."""
        plain = self.plain(text, place)
        return spelling.word(plain)

    def load(self, load: Load) -> str:
        """A `load` entry with its blob type."""
        path = self.word(load.path, load.origin)
        place = f"{spelling.address(load.address)}," if load.address is not None else ""
        return f"{load.blob} load {place}{path}".lstrip()

    def handed(self, item: Pass) -> str:
        """A `pass` entry with all its locations and interrupts."""
        parts = [f"{item.blob} pass".lstrip()]
        parts += [f"loc {spelling.pass_window(window)}" for window in item.windows]
        parts += [f"loc {spelling.pass_pci(pci)}" for pci in item.pci]
        parts += [f"intr {spelling.pass_interrupt(interrupt)}" for interrupt in item.interrupts]
        return " ".join(parts)


def _reserve(item: Reserve) -> str:
    parts = ["reserve"]
    for location in item.locations:
        prefix = "mem:" if location.space is Space.MEM else ""
        parts.append(f"loc {prefix}{spelling.reserve_location(location)}")
    parts += [f"intr {spelling.interrupt(interrupt)}" for interrupt in item.interrupts]
    return " ".join(parts)


def _settings(vm: VmConfig, words: _Words) -> Iterator[str]:
    for setting in vm.settings:
        if setting.vcpu is None:
            yield f"set {setting.variable} {words.word(setting.value, setting.origin)}"
    yield from sorted(vm.flags)
    for logger in vm.loggers:
        if logger.vdev is None:
            yield " ".join(("logger", *spelling.logger(logger)))
    if vm.dump is not None:
        yield f"dump {words.word(vm.dump, vm.origin)}"
    if vm.safety is not None:
        yield f"safety {vm.safety}"
    for reaction in vm.unsupported:
        yield f"unsupported {reaction.kind} {reaction.action}"


def _vcpu(number: int, vcpu: Vcpu, vm: VmConfig, words: _Words) -> str:
    parts = ["cpu"]
    if vcpu.sched is not None:
        parts.append(f"sched {spelling.sched(vcpu.sched)}")
    if vcpu.runmask is not None:
        parts.append(f"runmask {spelling.runmask(vcpu)}")
    if vcpu.cluster is not None:
        parts.append(f"cluster {words.word(vcpu.cluster, vcpu.placement_origin)}")
    if vcpu.partition is not None:
        parts.append(f"partition {words.word(vcpu.partition, vcpu.placement_origin)}")
    parts += [words.word(word, vcpu.origin) for option in vcpu.verbatim for word in option]
    parts += [
        f"set {setting.variable} {words.word(setting.value, setting.origin)}"
        for setting in vm.settings
        if setting.vcpu == number
    ]
    return " ".join(parts)


def _vdev(number: int, vdev: Vdev, vm: VmConfig, words: _Words) -> DeviceView:
    lines: list[str] = []
    if vdev.location is not None:
        lines.append(f"loc {spelling.location(vdev.location)}")
    if vdev.interrupts:
        lines.append(f"intr {spelling.interrupts(vdev.interrupts)}")
    if vdev.name:
        lines.append(f"name {words.word(vdev.name, vdev.name_origin)}")
    for option in vdev.options:
        lines.append(" ".join(words.word(word, option.origin) for word in (option.key, *option.values)))
    lines += [
        f"set {setting.variable} {words.word(setting.value, setting.origin)}" for setting in vdev.settings
    ]
    lines += [" ".join(("log", *spelling.logger(logger))) for logger in vm.loggers if logger.vdev == number]
    head = words.word(spelling.vdev_type(vdev.type, vdev.spelling), vdev.origin)
    return DeviceView(head=f"vdev {head}", lines=tuple(lines))
