"""A host's own buildfile and tree as a stack says them: keys for what is understood, the rest stays there."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import takewhile

from hvbuild.adopt import spelled
from hvbuild.adopt.names import Names, fits, fitted
from hvbuild.adopt.stack import AdoptedVm, HostItems
from hvbuild.adopt.yamltext import Item, flow_list, scalar
from hvbuild.formats.buildfile import BuildDocument
from hvbuild.model.board import Board
from hvbuild.model.host import Service
from hvbuild.model.image import (
    FIVE_SECONDS,
    CommandStep,
    Image,
    PartitionStep,
    Placement,
    QvmLaunch,
    WaitStep,
)
from hvbuild.model.system import HostFacts
from hvbuild.ranges import AddressRange
from hvbuild.render.hostview import service_words
from hvbuild.resolve.hostrows import host_steps
from hvbuild.source import Origin
from hvbuild.units import duration_text
from hvbuild.values import dataclass

BASE_FILE = "host.build"
_QVM = ("qvm", "qvm-safety")
_RLIMIT_AS = 6
# Options of vdevs that name a path of the host (QNX Hypervisor, vdev reference).
_OPENS = ("hostdev",)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFiles:
    """What was given of the host: the buildfile that starts it, what it says, and what all files make known.

    `systems` gives the guest of the stack for each path of a VM's configuration in the image.
    """

    document: BuildDocument | None = None
    image: Image | None = None
    facts: HostFacts = field(default_factory=HostFacts)
    systems: Mapping[str, str] = field(default_factory=dict)

    def launch_of(self, guest: str) -> QvmLaunch | None:
        """The launch of a guest, or None."""
        launches = self.image.launches if self.image is not None else ()
        return next((one for one in launches if guest in map(self.systems.get, one.configs)), None)


@dataclass(frozen=True, slots=True)
class Left:
    """A part of the host's files that gets no key of its own: it stays where it is."""

    origin: Origin
    what: str


def host_items(
    files: HostFiles, vms: Sequence[AdoptedVm], board: Board | None, *, services: bool
) -> tuple[HostItems, tuple[Left, ...]]:
    """What the files become in a stack whose host is ours, and what stays in the base file alone.

    Without `services` nothing that is started before the guests gets a key.
    """
    image = files.image
    if image is None or image.boot is None:
        return HostItems(memory=region_items(files.facts)), ()
    started, left = _services(image) if services else ([], [])
    reserve, more = _reserve(image, board)
    items = [
        Item("image", [Item("base", BASE_FILE), *_programs(image, board)]),
        *spelled.listed("clusters", list(_clusters(image))),
        *spelled.listed("partitions", list(_partitions(image))),
        *spelled.listed("services", started),
        *spelled.listed("reserve", reserve),
        *_external(image, vms),
    ]
    unknown = [one for one in image.launches if not any(path in files.systems for path in one.configs)]
    left += [Left(one.origin, f"the start of `{' '.join(one.configs) or 'qvm'}`") for one in unknown]
    launches = {each.name: files.launch_of(each.name) for each in vms}
    guests = {name: _launch(launch) for name, launch in launches.items() if launch is not None}
    return (
        HostItems(host=tuple(items), memory=region_items(files.facts), guests=guests),
        (*left, *more),
    )


def base_text(files: HostFiles) -> str:
    """The buildfile without the entries of guests' configurations: the stack puts its own in their place."""
    if files.document is None:
        return ""
    text = files.document.file.text
    filled = [files.image.entry(path) for path in files.systems] if files.image is not None else []
    places = {entry.origin.span.start for entry in filled if entry is not None and entry.origin.span}
    cuts = [
        (line.span.start, line.span.end + text.startswith("\n", line.span.end))
        for line in files.document.lines
        if any(word.span.start in places for word in line.words[:1])
    ]
    for start, end in reversed(cuts):
        text = text[:start] + text[end:]
    return text


# --- memory ----------------------------------------------------------------------------------------


def region_items(facts: HostFacts) -> tuple[Item, ...]:
    """The host's named regions, in the order its tree lists them; their own files make them, so: external."""
    regions = facts.regions or {}
    order = [name for name in facts.region_order or () if name in regions]
    items = []
    for name in (*order, *(name for name in regions if name not in order)):
        region = regions[name]
        if not fits(name):
            continue
        keys = [Item("name", scalar(name)), Item("external", "true")]
        if region.window is not None:
            keys.insert(1, Item("base", spelled.address(region.window.start)))
        size = region.window.size if region.window is not None else region.size
        if size is not None:
            keys.insert(-1, Item("size", spelled.size(size)))
        if region.origin.span is not None:
            keys.append(Item("source", scalar(region.origin.span.file.path.rsplit("/", 1)[-1])))
        items.append(Item("", keys))
    return tuple(items)


def _reserve(image: Image, board: Board | None) -> tuple[list[Item], list[Left]]:
    """`-r` ranges that are kept uncleared, as stacks write them; others stay in the startup line.

    What the board says is reserved needs no second mention.
    """
    known = [bank.window for bank in board.memory if bank.reserve] if board is not None else []
    items: list[Item] = []
    left: list[Left] = []
    for item in image.boot.reservations if image.boot is not None else ():
        window = AddressRange.fitting(item.base, item.size)
        if window in known:
            continue
        if item.keep and window is not None:
            name = f"reserve-{len(items) + 1}"
            keys = [
                Item("name", name),
                Item("base", spelled.address(item.base)),
                Item("size", spelled.size(item.size)),
            ]
            items.append(Item("", keys))
        else:
            left.append(Left(item.origin, f"the range from {item.base:#x}, which startup clears"))
    return items, left


# --- boot and partitions ---------------------------------------------------------------------------


def _programs(image: Image, board: Board | None) -> Iterator[Item]:
    """The startup program and the kernel where they differ from what the board says."""
    boot, says = image.boot, board.startup if board is not None else None
    if boot is None or says is None:
        return
    if boot.startup is not None and boot.startup.name != says.program:
        yield Item("startup", scalar(boot.startup.name))
    if boot.kernel is not None and boot.kernel.name != says.kernel:
        yield Item("kernel", scalar(boot.kernel.name))


def _clusters(image: Image) -> Iterator[Item]:
    # Adding a name again replaces its mask.
    masks = {
        cluster.name: cluster.mask for cluster in (image.boot.clusters if image.boot is not None else ())
    }
    for name, mask in masks.items():
        cpus = flow_list(str(bit) for bit in range(mask.bit_length()) if mask >> bit & 1)
        yield Item("", [Item("name", scalar(name)), Item("cpus", cpus)])


def _partitions(image: Image) -> Iterator[Item]:
    for step in image.steps:
        if isinstance(step, PartitionStep) and step.budget is not None:
            keys = [Item("name", scalar(step.name)), Item("budget", str(step.budget))]
            if step.critical_ms:
                keys.append(Item("critical", f"{step.critical_ms}ms"))
            yield Item("", keys)


# --- what is started -------------------------------------------------------------------------------


def _services(image: Image) -> tuple[list[Item], list[Left]]:
    """The programs started before the first guest that a stack can say word for word, with their waits."""
    first = min((launch.position for launch in image.launches), default=len(image.steps))
    always = {shlex.split(row.command)[0] for row in host_steps() if row.step == "start"}
    names = Names()
    items: list[Item] = []
    left: list[Left] = []
    for number, step in enumerate(image.steps):
        if not isinstance(step, CommandStep) or step.program in _QVM or step.program in always:
            continue
        service = _service(step, image)
        if number < first and service is not None:
            keys = _service_keys(service, names, image.steps[number + 1 :])
            items.append(Item("", [*keys, *_placed(step.placement)]))
        else:
            left.append(Left(step.origin, f"the start of `{step.text}`"))
    return items, left


def _service(step: CommandStep, image: Image) -> Service | None:
    """The service that starts exactly as `step` does, or None where no key says how."""
    plain = not (step.limits or step.environment or step.session or step.argv0 or step.script)
    made = Service(
        name=fitted(step.program, "service"),
        command=shlex.join(step.words),
        foreground=not step.background,
        sched=step.placement.priority,
        cpus=step.placement.cpus,
        cluster=step.placement.cluster,
        partition=step.placement.partition,
    )
    same = service_words(made) == (*step.launcher, *step.words)
    # A program that is started twice in the same words could not be told apart when it is read back.
    once = [each for each in image.commands if (*each.launcher, *each.words) == (*step.launcher, *step.words)]
    return made if plain and same and len(once) == 1 else None


def _service_keys(service: Service, names: Names, after: Sequence[object]) -> list[Item]:
    keys = [Item("name", scalar(names.take(service.name))), Item("command", scalar(service.command))]
    if service.foreground:
        keys.append(Item("foreground", "true"))
    waits = list(takewhile(lambda step: isinstance(step, WaitStep), after))
    paths = [scalar(step.path) for step in waits if isinstance(step, WaitStep)]
    times = [step.timeout for step in waits if isinstance(step, WaitStep)]
    if paths:
        keys.append(Item("wait_for", flow_list(paths)))
    if paths and min(times) != FIVE_SECONDS:
        keys.append(Item("wait", duration_text(min(times))))
    return keys


def _external(image: Image, vms: Sequence[AdoptedVm]) -> Iterator[Item]:
    """Host paths that devices open and that no wait of the script names: somebody else makes them."""
    waited = {step.path for step in (*image.steps, *image.shell_steps) if isinstance(step, WaitStep)}
    opened = dict.fromkeys(
        option.values[0].lstrip(">")
        for each in vms
        for vdev in each.vm.vdevs
        for option in vdev.options
        if option.key in _OPENS and option.values
    )
    paths = [path for path in opened if path.startswith("/") and path not in waited]
    if paths:
        yield Item("external", flow_list(scalar(path) for path in paths))


def _placed(placement: Placement) -> Iterator[Item]:
    if placement.priority is not None:
        yield Item("sched", spelled.sched(placement.priority))
    if placement.cpus:
        yield Item("cpus", flow_list(str(cpu) for cpu in sorted(placement.cpus)))
    if placement.cluster is not None:
        yield Item("cluster", scalar(placement.cluster))
    if placement.partition is not None:
        yield Item("partition", scalar(placement.partition))


def _launch(launch: QvmLaunch) -> tuple[Item, ...]:
    keys = [Item("config", scalar(launch.configs[0])), *_placed(launch.placement)]
    keys += [
        Item("memory_limit", spelled.size(limit.current))
        for limit in launch.limits
        if limit.resource == _RLIMIT_AS
    ]
    return (Item("launch", keys),)
