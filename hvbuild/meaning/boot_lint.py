"""Lint of the boot script: startup and kernel, their arguments, how the hypervisor is enabled."""

import re
from collections.abc import Iterator

from hvbuild.buildfile_catalog import buildfile_catalog
from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Code, Diagnostic, Severity, error_code, other, warning_code
from hvbuild.formats.buildfile import BuildDocument
from hvbuild.meaning.startup_line import read_getsize
from hvbuild.model.image import Boot, Image
from hvbuild.ranges import AddressRange, clashes
from hvbuild.source import Origin
from hvbuild.units import is_page_aligned

_SOURCE = "mkifs source: parse_boot; QNX SDP, Building Embedded Systems: buildfile"
_STARTUP = "startup library of SDP 7.x and 8.0: common_options.c, init_system_private.c"
_HYP = "QNX Hypervisor 7.1 and 8.0, Configuring the host"


NO_STARTUP = error_code(
    "HV8530", "no-startup", "a bootable image needs a startup program, then a kernel", _SOURCE
)
SECOND_BOOT = error_code("HV8531", "second-boot-script", "an image has one boot script", _SOURCE)
NO_KERNEL = warning_code(
    "HV8532", "last-is-no-kernel", "the last program of the boot script should be procnto", _SOURCE
)
MANY_ARGUMENTS = error_code(
    "HV8533", "startup-arguments", "startup keeps at most 19 arguments and 19 variables", _STARTUP
)
MANY_PROGRAMS = error_code(
    "HV8534", "boot-programs", "at most four programs may follow the startup program", _SOURCE
)
LONG_ARGUMENTS = error_code(
    "HV8535",
    "boot-argument-bytes",
    "a boot program's arguments have to fit mkifs' path buffer",
    _SOURCE,
)
WRONG_ENABLING = error_code(
    "HV8536",
    "hypervisor-of-another-release",
    "7.x links the hypervisor as a module of the kernel line, 8.0 enables it by the startup option -Q",
    _HYP,
)
NOT_ENABLED = warning_code(
    "HV8537", "qvm-without-hypervisor", "an image that starts qvm enables the hypervisor", _HYP
)
UNREAD_OPTION = error_code(
    "HV8538",
    "startup-option-value",
    "a memory or cluster option has a value that startup refuses",
    _STARTUP,
)
RESERVED_TWICE = warning_code(
    "HV8539", "reservations-overlap", "two reservations of the startup line share addresses", _STARTUP
)
UNALIGNED = warning_code(
    "HV8540",
    "reservation-not-whole-pages",
    "reservations and the image start at whole pages",
    _STARTUP,
)
IMAGE_RESERVED = warning_code(
    "HV8541", "image-in-reservation", "the image address lies in a range kept out of RAM", _STARTUP
)
EMPTY_CLUSTER = error_code(
    "HV8542",
    "cluster-of-startup",
    "startup refuses a cluster without a CPU; a name given again replaces the first",
    _STARTUP,
)
WATCHDOG = warning_code(
    "HV8543", "watchdog-not-kicked", "startup -W starts a watchdog that wdtkick has to serve", _STARTUP
)
AREA = warning_code(
    "HV8544", "image-area-empty", "the end address of `image=` or `ram=` lies after its start", _SOURCE
)

CODES: tuple[Code, ...] = (
    NO_STARTUP,
    SECOND_BOOT,
    NO_KERNEL,
    MANY_ARGUMENTS,
    MANY_PROGRAMS,
    LONG_ARGUMENTS,
    WRONG_ENABLING,
    NOT_ENABLED,
    UNREAD_OPTION,
    RESERVED_TWICE,
    UNALIGNED,
    IMAGE_RESERVED,
    EMPTY_CLUSTER,
    WATCHDOG,
    AREA,
)


def boot_lint(
    document: BuildDocument, image: Image, catalog: Catalog, target: str | None
) -> Iterator[Diagnostic]:
    """Faults of the boot script and of what its startup line reserves."""
    boots = [line for line in document.lines if line.boot]
    for line in boots[1:]:
        yield SECOND_BOOT.at(
            line.words[0].span, "a second boot script", others=other(boots[0].span, "the first")
        )
    for line in document.lines:
        use = line.group.last("virtual", "physical") if line.group and line.sets_defaults else None
        if use is not None and not boots:
            message = f"`{use.name}=` stands alone, so no boot script belongs to it"
            yield NO_STARTUP.at(use.span, message, helps=("put it on the line that names the boot script",))
    yield from areas(document)
    boot = image.boot
    if boot is None or not boots or boots[0].body is None:
        return
    yield from programs(boot)
    yield from enabling(boot, image, catalog, target)
    yield from unread_options(boot)
    yield from reservations(boot)
    yield from image_address(image, boot)
    yield from clusters(boot)
    yield from watchdog(boot, image)


def areas(document: BuildDocument) -> Iterator[Diagnostic]:
    """`image=` and `ram=` areas that end before they begin."""
    for name in ("image", "ram"):
        use = document.image_setting(name)
        start, dash, rest = (use.value or "").partition("-") if use is not None else ("", "", "")
        first, last = read_getsize(start), read_getsize(re.split("[,=%]", rest, maxsplit=1)[0])
        if use is not None and dash and first is not None and last is not None and last <= first:
            yield AREA.at(use.span, f"`{name}={use.value}` ends at {last:#x}, before it begins")


def programs(boot: Boot) -> Iterator[Diagnostic]:
    """Too few, too many, or too much to say to them."""
    limits = buildfile_catalog().limits
    startup = boot.startup
    if startup is None:
        yield NO_STARTUP.at(boot.origin, "the boot script names no program")
        return
    if boot.kernel is None:
        yield NO_STARTUP.at(startup.origin, f"nothing follows `{startup.name}`: the kernel is missing")
    elif not (boot.kernel.name.rsplit("/", 1)[-1].startswith("procnto") or _is_marker(boot.kernel.name)):
        yield NO_KERNEL.at(boot.kernel.origin, f"the last program is `{boot.kernel.name}`, not procnto")
    count = len(startup.arguments)
    if count > limits["startup_arguments"]:
        message = f"`{startup.name}` has {count} arguments, startup keeps {limits['startup_arguments']}"
        yield MANY_ARGUMENTS.at(startup.origin, message)
    variables = len({*dict(startup.environment), *dict(boot.environment)})
    if variables > limits["startup_environment"]:
        message = f"{variables} variables reach startup, it keeps {limits['startup_environment']}"
        yield MANY_ARGUMENTS.at(startup.origin, message)
    if len(boot.programs) > limits["boot_files"]:
        extra = boot.programs[limits["boot_files"]]
        yield MANY_PROGRAMS.at(extra.origin, f"`{extra.name}` is one program too many in the boot script")
    for program in boot.programs:
        texts = (program.name, *program.arguments, *(f"{k}={v}" for k, v in program.environment))
        size = sum(len(text.encode("utf-8", "surrogateescape")) + 1 for text in texts)
        if size >= limits["boot_argument_bytes"]:
            message = f"the arguments of `{program.name}` take {size} bytes"
            yield LONG_ARGUMENTS.at(program.origin, message)


def enabling(boot: Boot, image: Image, catalog: Catalog, target: str | None) -> Iterator[Diagnostic]:
    """The hypervisor enabled by the other release's means, or not at all although qvm is started."""
    option = boot.option("Q")
    linked = [
        (program, name) for program in boot.programs for name in program.modules if name.startswith("qvm")
    ]
    known = target if target is not None and target in catalog.targets else None
    module = catalog.feature(known, "host_module") if known else None
    if known and module and option is not None:
        yield WRONG_ENABLING.at(
            option.origin,
            f"`-Q` enables the hypervisor of 8.0, not that of {target}",
            helps=(f"link `module={module}` on the kernel line",),
        )
    if known and not module:
        for program, name in linked:
            yield WRONG_ENABLING.at(
                program.origin,
                f"`module={name}` is the hypervisor of 7.x, not that of {target}",
                helps=("give the startup program `-Q enable,…`",),
            )
    by_other_means = option is not None or linked
    if not boot.enables_hypervisor and not by_other_means and image.launches:
        launch = image.launches[0]
        message = "qvm is started, but nothing enables the hypervisor"
        place = boot.startup.origin if boot.startup else boot.origin
        yield NOT_ENABLED.at(place, message, others=other(launch.origin, "qvm starts here"))


def unread_options(boot: Boot) -> Iterator[Diagnostic]:
    """`-r`, `-R`, `-c`, and `-L` where it is known to name a region, whose value is not of their form."""
    letters = buildfile_catalog().startup_options(
        boot.startup.name.rsplit("/", 1)[-1] if boot.startup else ""
    )
    # Of other boards' startup programs nobody here knows what `-L` is.
    known = "rRLc" if "L:" in letters.replace("L::", "") else "rRc"
    read: set[Origin] = {item.origin for item in boot.reservations}
    read.update(item.origin for item in boot.carves)
    read.update(item.origin for item in boot.regions)
    read.update(item.origin for item in boot.clusters)
    for option in boot.options:
        if option.letter in known and option.origin not in read and not _is_marker(option.value or ""):
            message = f"`{option.value or ''}` is no value for `-{option.letter}`"
            yield UNREAD_OPTION.at(option.origin, message)


def _is_marker(text: str) -> bool:
    return "${" in text or "@" in text or "__" in text


def _ranges(boot: Boot) -> Iterator[tuple[AddressRange, str, Origin]]:
    items = [(item.base, item.size, "-r", item.origin) for item in boot.reservations]
    items += [(item.base, item.size, f"-L {item.name}", item.origin) for item in boot.regions]
    for base, size, name, origin in items:
        window = AddressRange.fitting(base, size)
        if window is not None:
            yield window, name, origin


def reservations(boot: Boot) -> Iterator[Diagnostic]:
    """Fixed ranges that overlap, or that do not cover whole pages."""
    for window, name, origin in _ranges(boot):
        if not window.is_page_aligned or window.size == 0:
            yield UNALIGNED.at(origin, f"`{name}` covers {window}, not whole 4 KiB pages")
    pairs = ((window, (window, name, origin)) for window, name, origin in _ranges(boot))
    for (first, _, place), (second, _, again) in clashes(pairs):
        message = f"{second} overlaps {first} on the startup line"
        yield RESERVED_TWICE.at(again, message, others=other(place, "the other reservation"))


def image_address(image: Image, boot: Boot) -> Iterator[Diagnostic]:
    """An image address inside a reservation or off page."""
    address = image.load_address
    if address is None:
        return
    if not is_page_aligned(address):
        yield UNALIGNED.at(image.area_origin, f"the image address {address:#x} is not on a 4 KiB page")
    for window, name, origin in _ranges(boot):
        if window.holds(address):
            message = f"the image address {address:#x} lies in the reservation {window}"
            yield IMAGE_RESERVED.at(image.area_origin, message, others=other(origin, f"`{name}`"))


def clusters(boot: Boot) -> Iterator[Diagnostic]:
    """Clusters without a CPU, and names given twice."""
    seen: dict[str, Origin] = {}
    for cluster in boot.clusters:
        if cluster.mask == 0:
            yield EMPTY_CLUSTER.at(cluster.origin, f"cluster `{cluster.name}` has no CPU")
        if cluster.name in seen:
            message = f"cluster `{cluster.name}` is given twice; the last mask counts"
            yield EMPTY_CLUSTER.at(
                cluster.origin,
                message,
                others=other(seen[cluster.name], "first here"),
                severity=Severity.WARNING,
            )
        seen.setdefault(cluster.name, cluster.origin)


def watchdog(boot: Boot, image: Image) -> Iterator[Diagnostic]:
    """`-W` in an image that never starts wdtkick."""
    option = boot.option("W")
    kicked = any("wdt" in step.program for step in image.commands)
    if option is not None and image.complete and image.steps and not kicked:
        yield WATCHDOG.at(option.origin, "`-W` starts the watchdog, but nothing runs wdtkick")
