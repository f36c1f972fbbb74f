"""Reads a rendered buildfile again and holds it against the plan: nothing missing, nothing contradicted.

One comparison serves our own template and a board's own buildfile with our parts in it.
"""

from collections.abc import Iterator

from hvbuild.diagnostics import Diagnostic, other
from hvbuild.formats.buildfile import read_buildfile
from hvbuild.meaning.buildfile import image_meaning
from hvbuild.model.host import HostFile
from hvbuild.model.image import Entry, Image
from hvbuild.model.plan import HostPlan, Plan
from hvbuild.render.bootcheck import disagreements, missing_options, wanted_boot
from hvbuild.render.codes import CONTRADICTS, LACKS, SAYS_OTHERWISE
from hvbuild.render.hostview import peer_commands
from hvbuild.render.readback_script import lacks, script_faults, started
from hvbuild.source import SourceFile, Span


def buildfile_faults(
    plan: Plan, host: HostPlan, file: SourceFile, releases: tuple[str, ...]
) -> Iterator[Diagnostic]:
    """What a buildfile lacks of the plan, or does against it."""
    image = image_meaning(read_buildfile(file.text, file.path))
    whole = Span(file, 0, 0)
    yield from _boot(host, image, whole)
    own = not plan.stack.host.image.base
    for entry in host.entries:
        yield from _entry(host, entry, image, own=own)
    yield from script_faults(host, image, whole)
    yield from _peers(host, image, whole)
    yield from _drivers(plan, image)


def _boot(host: HostPlan, image: Image, whole: Span) -> Iterator[Diagnostic]:
    boot = image.boot
    if boot is None or boot.startup is None or boot.kernel is None:
        yield lacks("a boot section with a startup program and a kernel", whole)
        return
    if boot.startup.name != host.startup[0]:
        yield SAYS_OTHERWISE.at(
            boot.startup.origin,
            f"the startup program is `{boot.startup.name}`, the plan says `{host.startup[0]}`",
        )
    wanted = wanted_boot(host)
    for option in missing_options(boot, wanted):
        words = f"-{option.letter}" + (f" {option.value}" if option.value is not None else "")
        yield LACKS.at(boot.startup.origin, f"the startup line lacks `{words}`", "this line")
    yield from disagreements(boot, wanted)
    if boot.kernel.name != host.kernel[0]:
        yield SAYS_OTHERWISE.at(
            boot.kernel.origin, f"the kernel is `{boot.kernel.name}`, the plan says `{host.kernel[0]}`"
        )
    if missing := [word for word in host.kernel[1:] if word not in boot.kernel.arguments]:
        yield LACKS.at(boot.kernel.origin, f"the kernel line lacks `{' '.join(missing)}`", "this line")
    for module in host.modules:
        if module not in boot.kernel.modules:
            yield LACKS.at(boot.kernel.origin, f"the kernel line lacks module `{module}`", "this line")
    if host.image_base is not None and image.load_address is None:
        yield lacks(f"`[image={host.image_base:#x}]`", whole)
    elif host.image_base is not None and image.load_address != host.image_base:
        text = f"the image is built for {image.load_address:#x}, the plan says {host.image_base:#x}"
        yield SAYS_OTHERWISE.at(image.area_origin, text, "another address")
    if boot.type != host.virtual and not boot.type.startswith(f"{host.virtual} "):
        yield SAYS_OTHERWISE.at(
            boot.origin, f"the boot type is `{boot.type}`, the plan says `{host.virtual}`", "here"
        )


def _entry(host: HostPlan, entry: HostFile, image: Image, *, own: bool) -> Iterator[Diagnostic]:
    """One entry of the plan; `own` says that the whole buildfile is ours, no base that others keep."""
    found = found_entry(host, entry, image)
    if found is None:
        yield lacks(f"`{entry.path}` ({entry.reason})", _whole(image), entry.origin)
        return
    exact = own or bool(entry.origin)
    if not _filled_as(entry, found, exact=exact):
        yield SAYS_OTHERWISE.at(found.origin, f"`{entry.path}` is filled from elsewhere than the plan says")
    owners = ((entry.user, found.user), (entry.group, found.group))
    other_mode = entry.mode and found.mode != entry.mode and (exact or not _may_run(found.mode))
    if any(want is not None and have != str(want) for want, have in owners) or other_mode:
        yield SAYS_OTHERWISE.at(found.origin, f"`{entry.path}` has another owner or mode than the plan says")
    if found.optional and not entry.optional and exact:
        yield SAYS_OTHERWISE.at(
            found.origin, f"`{entry.path}` may be missing from the image, the plan needs it", "optional here"
        )


def found_entry(host: HostPlan, entry: HostFile, image: Image) -> Entry | None:
    """The entry of `image` that does for `entry`.

    What every host needs (it has no place in the stack) may lie anywhere on the search paths.
    """
    found = image.entry(entry.path)
    if found is not None or entry.origin or entry.content is not None:
        return found
    folders = {*host.path.split(":"), *host.library_path.split(":")}
    name = entry.path.rsplit("/", 1)[-1]
    return next(
        (each for each in image.entries if each.path.rpartition("/")[::2] in {(f, name) for f in folders}),
        None,
    )


def _filled_as(entry: HostFile, found: Entry, *, exact: bool) -> bool:
    if entry.content is not None:
        return found.content == entry.content
    if entry.link:
        return found.link == entry.link if exact else bool(found.link or found.source)
    if exact:
        return found.source == entry.source
    return found.source.rsplit("/", 1)[-1] == entry.source.rsplit("/", 1)[-1]


def _may_run(mode: str) -> bool:
    """True for a mode that lets a program run; one that comes from the host file is taken to."""
    return not mode or not mode.isdigit() or int(mode, 8) & 0o111 != 0


def _whole(image: Image) -> Span | None:
    span = image.origin.span
    return Span(span.file, 0, 0) if span is not None else None


def _peers(host: HostPlan, image: Image, whole: Span) -> Iterator[Diagnostic]:
    bound = {(peer.peer, peer.bind) for peer in image.peers}
    for peer in host.peers:
        if (peer.vdev_path, peer.bind) not in bound:
            yield lacks(f"the binding of {peer.bind} to {peer.vdev_path}", whole, peer.origin)
    for words, place in peer_commands(host):
        if words[0] != "vpctl" and started(image, words) is None:
            yield lacks(f"the script step `{' '.join(words)}`", whole, place)


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
