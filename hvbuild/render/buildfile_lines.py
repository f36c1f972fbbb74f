"""Which input lines made a line of the host's buildfile, for `blame`: read-back laid beside the plan."""

from collections.abc import Iterator

from hvbuild.formats.buildfile import read_buildfile
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.model.board import RegionsBy
from hvbuild.model.host import HostFile
from hvbuild.model.image import Boot, Image
from hvbuild.model.plan import HostPlan, Plan
from hvbuild.render.hostview import service_words
from hvbuild.render.lines import LineOrigin
from hvbuild.render.readback_script import started, waited
from hvbuild.source import NOWHERE, Origin, SourceFile, Span

Pair = tuple[Origin, Origin]
"""Where something is written in the buildfile, and what of the input says it."""


def buildfile_lines(plan: Plan, host: HostPlan, file: SourceFile) -> Iterator[LineOrigin]:
    """The lines of a buildfile that the stack or its board made, each with the places that say so."""
    document = read_buildfile(file.text, file.path)
    bodies = {line.words[0].span: line.body.span for line in document.lines if line.body is not None}
    found: dict[int, dict[Span, None]] = {}
    for here, there in _pairs(plan, host, image_meaning(document)):
        for span in (here.span, bodies.get(here.span) if here.span is not None else None):
            for line in _lines(span):
                found.setdefault(line, {}).update(dict.fromkeys(there.places))
    for line in sorted(found):
        if found[line]:
            yield LineOrigin(line=line, places=tuple(found[line]))


def _lines(span: Span | None) -> range:
    return range(span.line, span.end_position[0] + 1) if span is not None else range(0)


def _pairs(plan: Plan, host: HostPlan, image: Image) -> Iterator[Pair]:
    if image.boot is not None:
        yield from _boot(plan, host, image, image.boot)
    for entry in host.entries:
        yield from _entry(entry, image)
    declared = {partition.name: partition.origin for partition in plan.stack.host.partitions}
    for partition in image.partitions:
        yield partition.origin, declared.get(partition.name, NOWHERE)
    for service in host.services:
        step = started(image, service_words(service))
        waits = (waited(image, path) for path in service.wait_for)
        for made in (step, *waits):
            if made is not None:
                yield made.origin, service.origin
    for launch in host.launches:
        for item in image.launches:
            if launch.config_path in item.configs:
                yield item.origin, launch.origin
    for peer in host.peers:
        for binding in image.peers:
            if binding.peer == peer.vdev_path:
                yield binding.origin, peer.origin


def _boot(plan: Plan, host: HostPlan, image: Image, boot: Boot) -> Iterator[Pair]:
    """The boot section: what the board says, then what the stack changes of it or adds to it."""
    stack, board = plan.stack, plan.stack.board
    base = board.startup.origin if board.startup is not None else NOWHERE
    if host.image_base is not None:
        yield image.area_origin, base
    for program in (boot.startup, boot.kernel):
        if program is not None:
            yield program.origin, base
            yield program.origin, stack.host.image.origin
    if boot.kernel is not None and stack.host.partitions:
        yield boot.kernel.origin, stack.host.partitions[0].origin
    if boot.startup is not None:
        kept = [bank.origin for bank in board.memory if bank.reserve]
        kept += [origin for _, _, origin in stack.host.reserve]
        by_startup = board.regions_by in (RegionsBy.STARTUP_NAMED, RegionsBy.STARTUP_RESERVE)
        made = [region.origin for region in plan.regions if by_startup]
        for origin in (*kept, *made, *(cluster.origin for cluster in stack.host.clusters)):
            yield boot.startup.origin, origin


def _entry(entry: HostFile, image: Image) -> Iterator[Pair]:
    made = image.entry(entry.path)
    if made is not None:
        yield made.origin, entry.origin or entry.cause
