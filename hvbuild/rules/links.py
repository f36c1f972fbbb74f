"""HV33xx: what single kinds of virtual devices ask for: networks, shared memory, watchdogs, option values."""

from collections.abc import Iterator

from hvbuild.catalog_rows import OptionRow
from hvbuild.diagnostics import Severity, other
from hvbuild.formats.qvmconf_codes import BARE_NUMBER, DEPRECATED, ODD_NUMBER
from hvbuild.meaning.options import Terms, judge_option
from hvbuild.meaning.words import Piece
from hvbuild.model.vm import Option, Vdev
from hvbuild.rules.rule import Finding, found, rule
from hvbuild.rules.scene import Scene, VmScene
from hvbuild.rules.wording import listed
from hvbuild.source import Origin, SourceFile, Span
from hvbuild.units import is_page_aligned, read_qvm_length, size_text

_NETWORK = "QNX Hypervisor 7.1, Networking: addresses are unique on a segment and locally administered"
_SHMEM = "QNX Hypervisor 7.1, vdev shmem"


def options_of(scene: VmScene, kind: str, key: str) -> Iterator[tuple[Vdev, Option]]:
    """Every option `key` of the VM's devices of one type."""
    for vdev in scene.vm.vdevs:
        if vdev.type == kind:
            for option in vdev.options:
                if option.key == key:
                    yield vdev, option


def mac_of(vdev: Vdev) -> str:
    """The MAC address of a network device as twelve hex digits, or nothing."""
    option = vdev.option("mac")
    digits = option.values[0].replace(":", "").replace("-", "").lower() if option and option.values else ""
    return digits if len(digits) == 12 else ""


@rule("HV3301", "mac-twice", source=_NETWORK)
def mac_twice(scene: Scene) -> Iterator[Finding]:
    """Two network devices have the same MAC address: an error on one link, else a warning."""
    seen: dict[str, tuple[VmScene, Vdev, Origin]] = {}
    for vm in scene.vms:
        for vdev, option in options_of(vm, "virtio-net", "mac"):
            mac, place = mac_of(vdev), option.origin or vdev.origin
            earlier = seen.setdefault(mac, (vm, vdev, place)) if mac else None
            if earlier is None or earlier[1] is vdev:
                continue
            linked = any(
                f"/dev/qvm/{by.vm.system}/{end.name}" in peer.values
                for by, end, at in ((vm, vdev, earlier[1]), (earlier[0], earlier[1], vdev))
                if (peer := at.option("peer")) is not None
            )
            yield found(
                place,
                f"`{vdev.label}` of {vm.text} has the MAC of `{earlier[1].label}` of {earlier[0].text}",
                "given again",
                others=other(earlier[2], "first given here"),
                severity=None if linked else Severity.WARNING,
            )


@rule("HV3302", "mac-not-local", severity=Severity.WARNING, source=_NETWORK, policy="an advice of the manual")
def mac_not_local(scene: VmScene) -> Iterator[Finding]:
    """A MAC address without the locally-administered bit, or one for groups: it may be another's."""
    for vdev, option in options_of(scene, "virtio-net", "mac"):
        mac = mac_of(vdev)
        if mac and int(mac[:2], 16) & 3 != 2:
            group = int(mac[:2], 16) & 1
            yield found(
                option.origin or vdev.origin,
                f"the MAC address of `{vdev.label}` of {scene.text} is not a locally administered one",
                "an address of a group" if group else "looks like a vendor's address",
                helps=(f"make the first byte {int(mac[:2], 16) & 0xFC | 2:02x}",),
            )


@rule(
    "HV3303",
    "shmem-allow-and-deny",
    severity=Severity.WARNING,
    source=_SHMEM + ": use allow or deny; 7.0 shows a mixed list",
    policy="the two pages differ, so qvm accepts at least one form",
)
def shmem_allow_and_deny(scene: VmScene) -> Iterator[Finding]:
    """A shmem device mixes `allow` and `deny`, and what then holds for other names is not clear."""
    for vdev in scene.vm.vdevs:
        allow, deny = vdev.option("allow"), vdev.option("deny")
        if vdev.type == "shmem" and allow is not None and deny is not None:
            yield found(
                deny.origin or vdev.origin,
                f"`{vdev.label}` of {scene.text} mixes `allow` and `deny`",
                "`deny` ends with an implicit `allow *`, `allow` with `deny *`",
                others=other(allow.origin, "`allow` here"),
            )


def _created(option: Option) -> tuple[str, int | None]:
    name, _, size = (option.values[0] if option.values else "").partition(",")
    return name, read_qvm_length(size) if size else None


@rule(
    "HV3304",
    "shmem-not-whole-pages",
    severity=Severity.WARNING,
    source=_SHMEM + ": sizes are counted in pages",
)
def shmem_not_whole_pages(scene: VmScene) -> Iterator[Finding]:
    """A shared-memory region whose size is not a multiple of the 4 KiB page, or zero."""
    for vdev, option in options_of(scene, "shmem", "create"):
        name, size = _created(option)
        if size is not None and (not size or not is_page_aligned(size)):
            yield found(
                option.origin or vdev.origin,
                f"shared memory `{name}` of {scene.text} is not made of whole pages",
                f"{size:#x} bytes",
            )


@rule(
    "HV3305",
    "shmem-name-too-long",
    source="QNX guest header of shmem: a name has 32 bytes with its end mark",
    policy="an error although read off a header only: the guest's structure has no room for it",
)
def shmem_name_too_long(scene: VmScene) -> Iterator[Finding]:
    """A shared-memory region whose name does not fit what the guest passes to attach to it."""
    row = scene.scene.catalog.vdev("shmem")
    most = (row.limits.get("name_bytes", 32) if row else 32) - 1
    for key in ("create", "allow"):
        for vdev, option in options_of(scene, "shmem", key):
            name = _created(option)[0]
            if len(name.encode()) > most:
                yield found(
                    option.origin or vdev.origin,
                    f"the name of shared memory `{name}` of {scene.text} is too long",
                    f"{len(name.encode())} bytes, there is room for {most}",
                )


@rule(
    "HV3306",
    "shmem-sizes-differ",
    severity=Severity.WARNING,
    source="inferred: whoever starts first decides the size",
)
def shmem_sizes_differ(scene: Scene) -> Iterator[Finding]:
    """Two VMs create one shared-memory region with different sizes: the start order decides."""
    seen: dict[str, tuple[VmScene, int, Origin]] = {}
    for vm in scene.vms:
        for vdev, option in options_of(vm, "shmem", "create"):
            name, size = _created(option)
            if size is None:
                continue
            earlier = seen.setdefault(name, (vm, size, option.origin or vdev.origin))
            if earlier[1] != size:
                yield found(
                    option.origin or vdev.origin,
                    f"{earlier[0].text} and {vm.text} create shared memory `{name}` with different sizes",
                    size_text(size),
                    others=other(earlier[2], size_text(earlier[1])),
                )


@rule(
    "HV3307",
    "shmem-name-repeated",
    severity=Severity.WARNING,
    source="inferred: a second equal pattern changes nothing, so another was probably meant",
)
def shmem_name_repeated(scene: VmScene) -> Iterator[Finding]:
    """A shmem device creates or allows one region twice."""
    for vdev in scene.vm.vdevs:
        seen: dict[tuple[str, str], Option] = {}
        for option in vdev.options if vdev.type == "shmem" else ():
            if option.key in ("create", "allow"):
                earlier = seen.setdefault((option.key, _created(option)[0]), option)
                if earlier is not option:
                    yield found(
                        option.origin or vdev.origin,
                        f"`{vdev.label}` of {scene.text} names `{_created(option)[0]}` twice",
                        f"`{option.key}` given again",
                        others=other(earlier.origin, "first given here"),
                    )


@rule(
    "HV3308",
    "shmem-too-many-clients",
    source="QNX guest header of shmem: 16 clients of a region",
    policy="an error although read off a header only: the next guest cannot attach",
)
def shmem_too_many_clients(scene: Scene) -> Iterator[Finding]:
    """More VMs may attach to a shared-memory region than it has room for."""
    row = scene.catalog.vdev("shmem")
    most = row.limits.get("clients", 16) if row else 16
    users: dict[str, dict[str, Origin]] = {}
    for vm in scene.vms:
        for key in ("create", "allow"):
            for vdev, option in options_of(vm, "shmem", key):
                users.setdefault(_created(option)[0], {})[vm.vm.label] = option.origin or vdev.origin
    for name, guests in users.items():
        if len(guests) > most and not set(name) & set("*?["):
            yield found(
                list(guests.values())[most],
                f"{len(guests)} guests share memory `{name}`, there is room for {most}",
                "one guest too many",
            )


@rule(
    "HV3309",
    "watchdog-dump-nowhere",
    severity=Severity.WARNING,
    source="QNX Hypervisor 7.1, vdev wdt-sp805: action dump needs the global dump",
    policy="the watchdog still ends the VM: only the dump is lost",
)
def watchdog_dump_nowhere(scene: VmScene) -> Iterator[Finding]:
    """A watchdog is to dump the VM, and the VM does not say where dumps go."""
    for vdev in scene.vm.vdevs:
        action = vdev.option("action")
        wants = action is not None and any("dump" in value.split(",") for value in action.values)
        if action is not None and wants and scene.vm.dump is None:
            yield found(
                action.origin or vdev.origin,
                f"watchdog `{vdev.label}` of {scene.text} dumps, and the VM has no `dump`",
                "no place for the dump",
                helps=("add `dump DIRECTORY` to the VM",),
            )


@rule(
    "HV3310", "vdev-option-needs-another", source="the page of the device in the QNX Hypervisor user's guide"
)
def vdev_option_needs_another(scene: VmScene) -> Iterator[Finding]:
    """A device option stands without another that it needs, such as `its` of a GIC without `num-lpis`."""
    for vdev in scene.vm.vdevs:
        for option in vdev.options:
            row = scene.scene.catalog.vdev_option(vdev.type, option.key, scene.system.target)
            missing = [key for key in (row.needs if row else ()) if vdev.option(key) is None]
            if missing:
                yield found(
                    option.origin or vdev.origin,
                    f"`{option.key}` of `{vdev.label}` of {scene.text} needs {listed(missing)}",
                    f"without {listed(missing)}",
                )


@rule(
    "HV3311",
    "vdev-option-value",
    source="the page of the device in the QNX Hypervisor user's guide; target logs where `explain` says so",
)
def vdev_option_value(scene: VmScene) -> Iterator[Finding]:
    """A device option has a value that the device, or the release, does not take.

    Such as `version 2` of a GIC on 8.0 before 8.0.4, a number outside its bounds, no value or one too many.
    """
    catalog, target = scene.scene.catalog, scene.system.target
    for vdev in scene.vm.vdevs:
        once: set[str] = set()
        for option in vdev.options:
            row = catalog.vdev_option(vdev.type, option.key, target)
            if row is None or option.carried:
                continue
            said = " ".join((option.key, *option.values))
            again = option.key in once and row.repeat == "last"
            once.add(option.key)
            for why, severity in _not_taken(row, option, again, Terms(catalog, target)):
                yield found(
                    option.origin or vdev.origin,
                    f"`{vdev.label}` of {scene.text} does not take `{said}`",
                    why,
                    severity=severity,
                )


def _not_taken(
    row: OptionRow, option: Option, again: bool, terms: Terms
) -> Iterator[tuple[str, Severity | None]]:
    """Why qvm would not take an option as it stands: the reason of whoever reads it in a file."""
    if again:
        yield f"`{row.name}` holds one value", None
    elif len(option.values) != len(row.forms):
        wanted = {0: "no value", 1: "one value"}.get(len(row.forms), f"{len(row.forms)} words")
        yield f"`{row.name}` takes {wanted}", None
    else:
        place = Span(SourceFile("", ""), 0, 0)
        judge_option(row, tuple(Piece(value, place) for value in option.values), place, terms)
        for fault in terms.faults:
            if fault.code not in _OF_SPELLING:
                yield fault.message.removesuffix("; qvm refuses this"), fault.severity


# How a value is spelled is for whoever wrote it; that an option is outdated is told where it is read.
_OF_SPELLING = frozenset(code.code for code in (BARE_NUMBER, ODD_NUMBER, DEPRECATED))


RULES = (
    mac_twice,
    mac_not_local,
    shmem_allow_and_deny,
    shmem_not_whole_pages,
    shmem_name_too_long,
    shmem_sizes_differ,
    shmem_name_repeated,
    shmem_too_many_clients,
    watchdog_dump_nowhere,
    vdev_option_needs_another,
    vdev_option_value,
)
