"""A VM as a qvmconf said it, to the items of a guest in a stack; nothing is invented, nothing dropped."""

from collections.abc import Iterator, Mapping, Sequence

from hvbuild.adopt import spelled
from hvbuild.adopt.names import Names
from hvbuild.adopt.passes import pass_items, ram_items, reserve_items
from hvbuild.adopt.vdevs import vdev_items
from hvbuild.adopt.yamltext import Item, flow_list, scalar
from hvbuild.catalog import Catalog
from hvbuild.meaning import spelling
from hvbuild.model.guest import PassDevice
from hvbuild.model.vm import Memory, MemoryKind, Vcpu, VmConfig
from hvbuild.resolve.commandline import escaped_command_line

_FLAGS = {"debug": "debug", "dryrun": "dryrun", "fdt generate": "fdt_generate"}
_GENERATE = " generate"


def guest_items(
    vm: VmConfig, name: str, catalog: Catalog, handed: Mapping[int, PassDevice], sources: Mapping[str, str]
) -> list[Item]:
    """The keys of guest `name` that mean `vm`, in the order of hand-written stacks.

    `handed` says which `pass` is a device of the board; `sources` which file on the build machine fills a
    path that the VM loads, every other image being external.
    """
    carried = [Item("", spelled.words(row.words), row.origin.span) for row in vm.verbatim]
    cpus = [_vcpu(number, vcpu, vm) for number, vcpu in enumerate(vm.vcpus)]
    return [
        *_identity(vm, name),
        *spelled.settings([row for row in vm.settings if row.vcpu is None]),
        *spelled.loggers([row for row in vm.loggers if row.vdev is None]),
        *_options(vm),
        *spelled.listed("verbatim", carried),
        *spelled.listed("ram", [*_memory(vm.memory), *ram_items(vm, catalog)]),
        *spelled.listed("reserve", list(reserve_items(vm))),
        *spelled.listed("cpus", cpus),
        *spelled.listed("images", list(_images(vm, sources))),
        *(
            []
            if vm.cmdline is None
            else [Item("cmdline", scalar(escaped_command_line(vm.cmdline)), vm.cmdline_origin.span)]
        ),
        *spelled.listed("vdevs", list(vdev_items(vm, catalog))),
        *spelled.listed("pass", list(pass_items(vm, handed))),
    ]


def _identity(vm: VmConfig, name: str) -> Iterator[Item]:
    if not vm.system:
        yield Item("anonymous", "true")
    elif vm.system != name:
        yield Item("system", scalar(vm.system), vm.system_origin.span)


def _options(vm: VmConfig) -> Iterator[Item]:
    for flag in sorted(vm.flags):
        if flag in _FLAGS:
            yield Item(_FLAGS[flag], "true")
    more = [flag.removesuffix(_GENERATE) for flag in sorted(vm.flags) if flag not in _FLAGS]
    if more:
        yield Item("generate", flow_list(scalar(kind) for kind in more))
    if vm.dump is not None:
        yield Item("dump", scalar(vm.dump))
    if vm.safety is not None:
        yield Item("safety", scalar(vm.safety))
    reactions = [Item(row.kind, scalar(row.action), row.origin.span) for row in vm.unsupported]
    yield from spelled.listed("unsupported", reactions)


def _memory(blocks: Sequence[Memory]) -> Iterator[Item]:
    names = Names()
    for block in blocks:
        keys = [Item("name", names.take(block.kind.value))]
        if block.kind is not MemoryKind.RAM:
            keys.append(Item("kind", block.kind.value))
        if not block.placed:
            keys.append(Item("base", spelled.address(block.base)))
        keys.append(Item("size", spelled.size(block.size)))
        yield Item("", keys, block.origin.span)


def _vcpu(number: int, vcpu: Vcpu, vm: VmConfig) -> Item:
    keys: list[Item] = []
    if vcpu.sched is not None:
        keys.append(Item("sched", spelled.sched(vcpu.sched), vcpu.sched_origin.span))
    if vcpu.runmask is not None:
        cpus = flow_list(spelling.runmask(vcpu).split(","))
        keys.append(Item("runmask", cpus, vcpu.placement_origin.span))
    if vcpu.cluster is not None:
        keys.append(Item("cluster", scalar(vcpu.cluster), vcpu.placement_origin.span))
    if vcpu.partition is not None:
        keys.append(Item("partition", scalar(vcpu.partition), vcpu.placement_origin.span))
    keys += spelled.settings([row for row in vm.settings if row.vcpu == number])
    if vcpu.verbatim:
        keys.append(Item("verbatim", flow_list(spelled.words(words) for words in vcpu.verbatim)))
    return Item("", keys, vcpu.origin.span)


def _images(vm: VmConfig, sources: Mapping[str, str]) -> Iterator[Item]:
    names = Names()
    for load in vm.loads:
        keys = [Item("name", names.take(load.blob or "image")), Item("load", scalar(load.path))]
        if load.blob:
            keys.append(Item("type", load.blob))
        if load.address is not None:
            keys.append(Item("at", spelled.address(load.address)))
        source = sources.get(load.path)
        keys.append(Item("source", scalar(source)) if source else Item("external", "true"))
        yield Item("", keys, load.origin.span)
