"""Reads a rendered buildfile again and holds it against the plan: nothing missing, nothing contradicted.

One comparison serves our own template and a board's own buildfile with our parts in it.
"""

import shlex
from collections.abc import Iterator, Sequence

from hvbuild.diagnostics import Diagnostic, other
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.model.image import BuiltInStep, CommandStep, Image, PartitionStep, WaitStep
from hvbuild.model.plan import HostPlan, ImageEntry, Launch, Plan
from hvbuild.model.vm import Sporadic
from hvbuild.render.codes import CONTRADICTS, LACKS, SAYS_OTHERWISE
from hvbuild.render.hostview import service_words
from hvbuild.render.lines import LineOrigin
from hvbuild.resolve.hostrows import host_steps
from hvbuild.source import Origin, SourceFile, Span


def buildfile_faults(
    plan: Plan, host: HostPlan, file: SourceFile, releases: tuple[str, ...]
) -> Iterator[Diagnostic]:
    """What a buildfile lacks of the plan, or does against it."""
    image = image_meaning(read_buildfile(file.text, file.path))
    whole = Span(file, 0, 0)
    yield from _boot(host, image, whole)
    for entry in host.entries:
        yield from _entry(entry, image, whole)
    yield from _script(host, image, whole)
    for launch in host.launches:
        yield from _launch(launch, image, whole)
    yield from _peers(host, image, whole)
    yield from _drivers(plan, image)


def _lacks(what: str, whole: Span, wanted_by: Origin | None = None) -> Diagnostic:
    return LACKS.at(
        whole, f"the buildfile lacks {what}", "this file", others=other(wanted_by, "needed by this")
    )


def _boot(host: HostPlan, image: Image, whole: Span) -> Iterator[Diagnostic]:
    boot = image.boot
    if boot is None or boot.startup is None or boot.kernel is None:
        yield _lacks("a boot section with a startup program and a kernel", whole)
        return
    if boot.startup.name != host.startup[0]:
        yield SAYS_OTHERWISE.at(
            boot.startup.origin,
            f"the startup program is `{boot.startup.name}`, the plan says `{host.startup[0]}`",
        )
    if not _contains(boot.startup.arguments, host.startup[1:]):
        wanted = " ".join(host.startup[1:])
        yield LACKS.at(boot.startup.origin, f"the startup line lacks `{wanted}`", "this line")
    if boot.kernel.name != host.kernel[0]:
        yield SAYS_OTHERWISE.at(
            boot.kernel.origin, f"the kernel is `{boot.kernel.name}`, the plan says `{host.kernel[0]}`"
        )
    for module in host.modules:
        if module not in boot.kernel.modules:
            yield LACKS.at(boot.kernel.origin, f"the kernel line lacks module `{module}`", "this line")
    if host.image_base is not None and image.load_address != host.image_base:
        yield _lacks(f"`[image={host.image_base:#x}]`", whole)
    if boot.type != host.virtual and not boot.type.startswith(f"{host.virtual} "):
        yield SAYS_OTHERWISE.at(
            boot.origin, f"the boot type is `{boot.type}`, the plan says `{host.virtual}`", "here"
        )


def _contains(have: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """True when the words of `wanted` stand in `have` in order (others may stand between them)."""
    rest = iter(have)
    return all(word in rest for word in wanted)


def _entry(entry: ImageEntry, image: Image, whole: Span) -> Iterator[Diagnostic]:
    found = image.entry(entry.path)
    if found is None:
        yield _lacks(f"`{entry.path}` ({entry.reason})", whole, entry.origin)
        return
    said = (found.content, found.link) if entry.content is not None or entry.link else (found.source,)
    wanted = (entry.content, entry.link) if entry.content is not None or entry.link else (entry.source,)
    if said != wanted:
        yield SAYS_OTHERWISE.at(found.origin, f"`{entry.path}` is filled from elsewhere than the plan says")
    owners = ((entry.user, found.user), (entry.group, found.group))
    if any(want is not None and have != str(want) for want, have in owners) or (
        entry.mode and found.mode != entry.mode
    ):
        yield SAYS_OTHERWISE.at(found.origin, f"`{entry.path}` has another owner or mode than the plan says")


def _script(host: HostPlan, image: Image, whole: Span) -> Iterator[Diagnostic]:
    steps = (*image.steps, *image.shell_steps)
    links = {
        step.arguments for step in steps if isinstance(step, BuiltInStep) and step.name == "procmgr_symlink"
    }
    waits = {step.path: step for step in steps if isinstance(step, WaitStep)}
    commands = [step for step in steps if isinstance(step, CommandStep)]
    for row in host_steps():
        if row.step == "link" and (row.command, row.path) not in links:
            yield _lacks(f"the script step `procmgr_symlink {row.command} {row.path}`", whole)
        if row.step == "start" and not _starts(commands, shlex.split(row.command)):
            yield _lacks(f"the script step `{row.command}`", whole)
    partitions = {(s.name, s.budget, s.critical_ms or 0) for s in steps if isinstance(s, PartitionStep)}
    for partition in host.partitions:
        if partition not in partitions:
            yield _lacks(f"the partition `{partition[0]}` with a budget of {partition[1]}%", whole)
    at = -1
    for service in host.services:
        found = _starts(commands, service_words(service))
        if found is None:
            yield _lacks(f"the start of service `{service.name}`: `{service.command}`", whole, service.origin)
            continue
        position = commands.index(found)
        if position < at:
            yield SAYS_OTHERWISE.at(
                found.origin, f"service `{service.name}` starts before one it comes after"
            )
        at = max(at, position)
        for path in service.wait_for:
            if path not in waits:
                yield _lacks(f"`waitfor {path}` after service `{service.name}`", whole, service.origin)
            elif service.wait is not None and waits[path].timeout < service.wait:
                text = f"`waitfor {path}` waits shorter than service `{service.name}` needs"
                yield SAYS_OTHERWISE.at(waits[path].origin, text)


def _starts(commands: Sequence[CommandStep], words: Sequence[str]) -> CommandStep | None:
    """The command that says exactly `words`, its `on …` included."""
    return next((step for step in commands if (*step.launcher, *step.words) == tuple(words)), None)


def _launch(launch: Launch, image: Image, whole: Span) -> Iterator[Diagnostic]:
    found = next((item for item in image.launches if launch.config_path in item.configs), None)
    if found is None:
        yield _lacks(
            f"the launch of guest `{launch.guest}`: `qvm @{launch.config_path}`", whole, launch.origin
        )
        return
    placement = found.placement
    sched = None if isinstance(launch.sched, Sporadic) else launch.sched
    partition = None if launch.partition == "System" else launch.partition
    wanted = (sched, frozenset(launch.cpus) or None, launch.cluster, partition)
    if (placement.priority, placement.cpus, placement.cluster, placement.partition) != wanted:
        yield SAYS_OTHERWISE.at(
            found.origin, f"guest `{launch.guest}` is launched with another placement than the plan says"
        )
    limits = [limit.current for limit in found.limits]
    if limits != ([launch.memory_limit] if launch.memory_limit is not None else []):
        yield SAYS_OTHERWISE.at(
            found.origin, f"guest `{launch.guest}` is launched with another memory limit than the plan says"
        )


def _peers(host: HostPlan, image: Image, whole: Span) -> Iterator[Diagnostic]:
    bound = {(peer.peer, peer.bind) for peer in image.peers}
    for peer in host.peers:
        if (peer.vdev_path, peer.bind) not in bound:
            yield _lacks(f"the binding of {peer.bind} to {peer.vdev_path}", whole, peer.origin)


def _drivers(plan: Plan, image: Image) -> Iterator[Diagnostic]:
    """Drivers of devices that guests own must not be started."""
    devices = {device.name: device for device in plan.stack.board.devices}
    for guest in plan.guests:
        for item in guest.vm.passes:
            device = devices.get(item.device)
            for step in image.commands if device is not None else ():
                if device is not None and step.program in device.drivers:
                    yield CONTRADICTS.at(
                        step.origin,
                        f"`{step.program}` drives `{device.name}`, which guest `{guest.guest.name}` owns",
                        "started here",
                        others=other(item.origin, "handed to the guest here"),
                    )


def buildfile_lines(host: HostPlan, file: SourceFile, releases: tuple[str, ...]) -> Iterator[LineOrigin]:
    """The lines of a buildfile that something declared made, each with the places that declare it."""
    image = image_meaning(read_buildfile(file.text, file.path))
    found: dict[int, dict[Span, None]] = {}

    def note(here: Origin, there: Origin) -> None:
        if here.span is not None:
            found.setdefault(here.span.line, {}).update(dict.fromkeys(there.places))

    for entry in host.entries:
        made = image.entry(entry.path)
        if made is not None:
            note(made.origin, entry.origin)
    commands = [step for step in image.steps if isinstance(step, CommandStep)]
    for service in host.services:
        step = _starts(commands, service_words(service))
        if step is not None:
            note(step.origin, service.origin)
    for launch in host.launches:
        for item in image.launches:
            if launch.config_path in item.configs:
                note(item.origin, launch.origin)
    for peer in host.peers:
        for binding in image.peers:
            if binding.peer == peer.vdev_path:
                note(binding.origin, peer.origin)
    for line in sorted(found):
        if found[line]:
            yield LineOrigin(line=line, places=tuple(found[line]))
