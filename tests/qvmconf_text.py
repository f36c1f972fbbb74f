"""A plain writer of qvmconf for tests: every argument by the spelling functions, nothing else clever."""

from collections.abc import Iterator

from hvbuild.meaning import spelling
from hvbuild.model.vm import Logger, Setting, Space, Vdev, VmConfig

_PORT_DEVICES = frozenset({"8259", "timer8254", "mc146818", "pckeyboard", "ser8250", "wdt-ib700"})


def qvmconf_text(vm: VmConfig) -> str:
    """A configuration that means `vm`."""
    return "\n".join((*_head(vm), *_body(vm), ""))


def _head(vm: VmConfig) -> Iterator[str]:
    if vm.system:
        yield f"system {spelling.word(vm.system)}"
    for setting in vm.settings:
        if setting.vcpu is None:
            yield _setting(setting)
    for logger in vm.loggers:
        if logger.vdev is None:
            yield f"logger {_logger(logger)}"
    if vm.dump is not None:
        yield f"dump {spelling.word(vm.dump)}"
    if vm.safety is not None:
        yield f"safety {vm.safety}"
    for row in vm.unsupported:
        yield f"unsupported {row.kind} {row.action}"
    yield from sorted(vm.flags)
    for block in vm.memory:
        yield f"{block.kind.value} {spelling.memory(block)}"


def _body(vm: VmConfig) -> Iterator[str]:
    # Before any context: inside one, words that name no option would be taken as its own.
    yield from (" ".join(spelling.word(word) for word in verbatim.words) for verbatim in vm.verbatim)
    for each in vm.passes:
        yield f"{each.blob} pass".strip()
        yield from (f"  loc {spelling.pass_window(window)}" for window in each.windows)
        yield from (f"  loc {spelling.pass_pci(device)}" for device in each.pci)
        yield from (f"  intr {spelling.pass_interrupt(interrupt)}" for interrupt in each.interrupts)
    for reserve in vm.reserves:
        yield "reserve"
        yield from (f"  loc {spelling.reserve_location(place)}" for place in reserve.locations)
        yield from (f"  intr {spelling.interrupt(interrupt)}" for interrupt in reserve.interrupts)
    for vcpu in vm.vcpus:
        yield "cpu"
        if vcpu.sched is not None:
            yield f"  sched {spelling.sched(vcpu.sched)}"
        if vcpu.runmask is not None:
            yield f"  runmask {spelling.runmask(vcpu)}"
        if vcpu.cluster is not None:
            yield f"  cluster {vcpu.cluster}"
        if vcpu.partition is not None:
            yield f"  partition {vcpu.partition}"
    for load in vm.loads:
        yield f"{load.blob} load {spelling.load(load)}".strip()
    if vm.cmdline is not None:
        yield f"cmdline {spelling.word(vm.cmdline)}"
    for index, vdev in enumerate(vm.vdevs):
        yield from _vdev(vdev, [logger for logger in vm.loggers if logger.vdev == index])


def _vdev(vdev: Vdev, loggers: list[Logger]) -> Iterator[str]:
    yield f"vdev {spelling.vdev_type(vdev.type, vdev.spelling)}"
    if vdev.name:
        yield f"  name {spelling.word(vdev.name)}"
    if vdev.location is not None:
        default = Space.IO if vdev.type in _PORT_DEVICES else Space.MEM
        yield f"  loc {spelling.location(vdev.location, default=default)}"
    if vdev.interrupts:
        yield f"  intr {spelling.interrupts(vdev.interrupts)}"
    yield from (f"  {spelling.option_words(option.key, option.values)}" for option in vdev.options)
    yield from (f"  log {_logger(logger)}" for logger in loggers)
    yield from (f"  {_setting(setting)}" for setting in vdev.settings)


def _logger(logger: Logger) -> str:
    return " ".join(spelling.logger(logger))


def _setting(setting: Setting) -> str:
    return f"set {setting.variable} {spelling.word(setting.value)}"
