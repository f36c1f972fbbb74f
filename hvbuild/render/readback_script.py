"""The startup script of a buildfile against the plan: what it starts, in which order, what it waits for."""

import shlex
from collections.abc import Iterator, Sequence

from hvbuild.diagnostics import Diagnostic, other
from hvbuild.model.host import Service
from hvbuild.model.image import BuiltInStep, CommandStep, Image, PartitionStep, QvmLaunch, WaitStep
from hvbuild.model.plan import HostPlan, Launch
from hvbuild.model.vm import Sporadic
from hvbuild.render.codes import LACKS, SAYS_OTHERWISE
from hvbuild.render.hostview import service_words, started_by
from hvbuild.resolve.hostrows import HostStep, host_steps
from hvbuild.source import Origin, Span


def lacks(what: str, whole: Span | None, wanted_by: Origin | None = None) -> Diagnostic:
    """That the buildfile as a whole lacks `what`."""
    return LACKS.at(
        whole, f"the buildfile lacks {what}", "this file", others=other(wanted_by, "needed by this")
    )


def script_faults(host: HostPlan, image: Image, whole: Span) -> Iterator[Diagnostic]:
    """What the scripts of `image` lack of the plan's steps, or do otherwise."""
    for row in host_steps():
        yield from _first_step(row, image, whole)
    made = {(s.name, s.budget, s.critical_ms or 0) for s in image.steps if isinstance(s, PartitionStep)}
    for name, budget, critical in host.partitions:
        if (name, budget, critical) not in made:
            yield lacks(f"the partition `{name}` with a budget of {budget}%", whole)
    yield from _services(host, image, whole)
    for launch in host.launches:
        yield from _launch(launch, image, whole)


def started(image: Image, words: Sequence[str]) -> CommandStep | None:
    """The command that says exactly `words`, its `on …` included."""
    return next((step for step in image.commands if (*step.launcher, *step.words) == tuple(words)), None)


def waited(image: Image, path: str) -> WaitStep | None:
    """The last wait for `path`."""
    steps = (*image.steps, *image.shell_steps)
    found = [step for step in steps if isinstance(step, WaitStep) and step.path == path]
    return found[-1] if found else None


def _first_step(row: HostStep, image: Image, whole: Span) -> Iterator[Diagnostic]:
    """What every host starts; with which arguments is the buildfile's own business."""
    if row.step == "link":
        arguments = (row.command, row.path)
        if not any(isinstance(s, BuiltInStep) and s.arguments == arguments for s in image.steps):
            yield lacks(f"the script step `procmgr_symlink {row.command} {row.path}`", whole)
        return
    program = shlex.split(row.command)[0]
    if not any(step.program == program for step in image.commands):
        yield lacks(f"the script step `{row.command}`", whole)
    if waited(image, row.wait_for) is None:
        yield lacks(f"the script step `waitfor {row.wait_for}`", whole)


def _services(host: HostPlan, image: Image, whole: Span) -> Iterator[Diagnostic]:
    steps = list(image.steps)
    first_launch = min((step for step in _launch_positions(host, image)), default=len(steps))
    last = -1
    for service in host.services:
        found = started(image, service_words(service))
        if found is None:
            yield lacks(f"the start of service `{service.name}`: `{service.command}`", whole, service.origin)
            continue
        yield from _waits(service, image, whole)
        if not found.script and found.background == service.foreground:
            how = "waits for its end" if service.foreground else "does not wait for its end"
            text = f"the plan {how} of service `{service.name}`, the script does otherwise"
            yield SAYS_OTHERWISE.at(found.origin, text, "started here")
        if not any(step is found for step in steps):
            continue
        at = _index(steps, found)
        if at < last:
            text = f"service `{service.name}` starts before one it comes after"
            yield SAYS_OTHERWISE.at(found.origin, text)
        if at > first_launch:
            yield SAYS_OTHERWISE.at(found.origin, f"service `{service.name}` starts after a guest")
        last = max(at, last)


def _index(steps: Sequence[object], step: object) -> int:
    return next(number for number, each in enumerate(steps) if each is step)


def _launch_positions(host: HostPlan, image: Image) -> Iterator[int]:
    """Where the startup script starts the plan's guests."""
    for launch in host.launches:
        found = started(image, started_by(launch))
        if found is not None and any(step is found for step in image.steps):
            yield _index(image.steps, found)


def _waits(service: Service, image: Image, whole: Span) -> Iterator[Diagnostic]:
    for path in service.wait_for:
        found = waited(image, path)
        if found is None:
            yield lacks(f"`waitfor {path}` after service `{service.name}`", whole, service.origin)
        elif service.wait is not None and found.timeout < service.wait:
            text = f"`waitfor {path}` waits shorter than service `{service.name}` needs"
            yield SAYS_OTHERWISE.at(found.origin, text)


def _launch(launch: Launch, image: Image, whole: Span) -> Iterator[Diagnostic]:
    found = next((item for item in image.launches if launch.config_path in item.configs), None)
    if found is None:
        yield lacks(
            f"the launch of guest `{launch.guest}`: `qvm @{launch.config_path}`", whole, launch.origin
        )
        return
    yield from _placement(launch, found)
    if not launch.script:
        if not found.background and not found.script:
            text = f"guest `{launch.guest}` is started without `&`: nothing after it would run"
            yield SAYS_OTHERWISE.at(found.origin, text)
        return
    starter = started(image, started_by(launch))
    if starter is None:
        yield lacks(f"the start of `{launch.script}`, which keeps `{launch.guest}` running", whole)
    elif not starter.background:
        text = f"`{launch.script}` is started without `&`: nothing after it would run"
        yield SAYS_OTHERWISE.at(starter.origin, text)


def _placement(launch: Launch, found: QvmLaunch) -> Iterator[Diagnostic]:
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
