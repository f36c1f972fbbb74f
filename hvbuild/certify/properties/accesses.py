"""HC12xx: what becomes of accesses at every border and anywhere, against a plain reading of the plan."""

from functools import partial

from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Finding
from hvbuild.certify.probing import AccessRun, Probe
from hvbuild.certify.property import Family, Method, Property
from hvbuild.machine.access import Action, Fault, Operation, PassThrough, Permitted, VdevTrap
from hvbuild.machine.claims import Claim, ClaimKind
from hvbuild.machine.memory import reference_action
from hvbuild.units import hex_address

_LETTER = {Operation.READ: "r", Operation.WRITE: "w", Operation.EXECUTE: "x"}


def _owner(claims: tuple[Claim, ...], probe: Probe, address: int) -> Claim | None:
    """Who answers `address`, found by reading every declared claim: memory first, then devices."""
    rows = [c for c in claims if c.space is probe.access.space and c.window.holds(address)]
    mapped = [row for row in rows if row.is_mapped]
    return next(iter((*mapped, *rows)), None)


def _expected(claims: tuple[Claim, ...], probe: Probe) -> str:
    """What the plan says becomes of the access: a word for each of the four kinds."""
    words = []
    for address in range(probe.access.address, probe.access.address + probe.access.width):
        owner = _owner(claims, probe, address)
        if owner is None or _LETTER[probe.access.operation] not in owner.permissions:
            return "fault"
        device = f"device {owner.vdev} from {hex_address(owner.window.start)}"
        words.append({ClaimKind.PASS: "pass-through", ClaimKind.VDEV: device}.get(owner.kind, "permitted"))
    return words[0] if len(set(words)) == 1 else "fault"


def _said(probe: Probe) -> str:
    match probe.outcome:
        case Permitted():
            return "permitted"
        case PassThrough():
            return "pass-through"
        case VdevTrap(offset=offset):
            owner = probe.guest.owner(probe.access.address, probe.access.space)
            number = owner.claim.vdev if owner is not None else None
            return f"device {number} from {hex_address(probe.access.address - offset)}"
        case Fault():
            return "fault"


def _text(probe: Probe) -> str:
    access = probe.access
    port = "port " if access.space.value == "io" else ""
    return f"{access.operation} of {access.width} bytes at {port}{hex_address(access.address)}"


def every_access_is_one_kind(ground: Ground, run: AccessRun) -> Finding | None:
    """Each access is exactly what the plan says."""
    for probe in run.probes:
        declared = ground.declared_guest(probe.guest.index)
        claims = declared.claims if declared is not None else ()
        wanted, said = _expected(claims, probe), _said(probe)
        if wanted != said:
            owner = _owner(claims, probe, probe.access.address)
            place = (
                ground.line_of(probe.guest.index, owner) if owner else ground.guest_line(probe.guest.index)
            )
            return Finding(
                what=f"guest `{probe.guest.vm}`: {_text(probe)} is {said}, the plan says {wanted}",
                place=place,
                story=(f"`{probe.guest.vm}` does a {_text(probe)}", f"the machine answers: {said}"),
                change="mend the template that wrote the file, or the window that is declared",
            )
    return None


def probing_reaches_nothing(ground: Ground, run: AccessRun) -> Finding | None:
    """No access ends in memory that another guest or the host has."""
    for probe in run.probes:
        host = probe.outcome.host if isinstance(probe.outcome, Permitted | PassThrough) else None
        if host is None:
            continue
        trouble = _foreign(ground, probe, host)
        if trouble:
            return Finding(
                what=f"guest `{probe.guest.vm}`: {_text(probe)} ends at host address "
                f"{hex_address(host)}, {trouble}",
                place=ground.guest_line(probe.guest.index),
                story=(
                    f"`{probe.guest.vm}` does a {_text(probe)}",
                    f"it reaches {hex_address(host)}, {trouble}",
                ),
                change="take that memory from the guest",
            )
    return None


def _foreign(ground: Ground, probe: Probe, host: int) -> str:
    for other in ground.memory.guests:
        shared = isinstance(probe.outcome, Permitted) and any(
            row.name == probe.outcome.owner for row in ground.memory.shared
        )
        foreign = other.index != probe.guest.index and not shared
        if foreign and any(window.holds(host) for window in other.allocated):
            return f"which is RAM of guest `{other.vm}`"
    for region in (ground.system.host.regions or {}).values():
        passed = isinstance(probe.outcome, PassThrough) and not region.shared
        foreign = passed and region.owner != probe.guest.vm
        if foreign and region.window is not None and region.window.holds(host):
            owner = f"guest `{region.owner}`" if region.owner else "the host"
            return f"in region `{region.name}` of {owner}"
    for kept in ground.system.host.reserved:
        if kept.window is not None and kept.window.holds(host):
            return f"kept as `{kept.name}`"
    return ""


def faults_do_as_declared(ground: Ground, run: AccessRun) -> Finding | None:
    """An access that nobody answers does what the guest's `unsupported reference` says, and no more."""
    for probe in run.probes:
        outcome = probe.outcome
        if not isinstance(outcome, Fault):
            continue
        wanted = reference_action(ground.declared.vms[probe.guest.index])
        fetch = probe.access.operation is Operation.EXECUTE and wanted is Action.IGNORE
        ones = (1 << 8 * probe.access.width) - 1
        reads = wanted is Action.IGNORE and probe.access.operation is Operation.READ
        if outcome.action is not (Action.FAIL if fetch else wanted) or outcome.value != (
            ones if reads else None
        ):
            return Finding(
                what=f"guest `{probe.guest.vm}`: {_text(probe)} is answered by {outcome.action}, "
                f"declared is {wanted}",
                place=ground.guest_line(probe.guest.index),
                change="set `unsupported: {reference: …}` in the file as the plan has it",
            )
    return None


def has_memory(ground: Ground) -> str:
    """Silent where no guest could be built."""
    return "" if ground.memory.guests else "no guest got its memory"


_row = partial(Property, family=Family.ACCESS, method=Method.SAMPLE, applies=has_memory)

PROPERTIES: tuple[Property, ...] = (
    _row(
        code="HC1201",
        name="every-access-is-one-kind",
        title="Every access is permitted, pass-through, a device's, or a fault, as declared",
        statement="Drawn accesses at every border and anywhere, of every width, are answered as a "
        "plain reading of the plan "
        "says.",
        watch=every_access_is_one_kind,
    ),
    _row(
        code="HC1202",
        name="probing-reaches-nothing",
        title="Probing addresses reaches nobody else's memory",
        statement="No drawn access of a guest ends in memory of another guest, of a region it does "
        "not own, or of the host.",
        watch=probing_reaches_nothing,
    ),
    _row(
        code="HC1203",
        name="faults-do-as-declared",
        title="An access that nobody answers does what the stack says",
        statement="Faults are ignored, delivered or fatal as `unsupported reference` declares; an "
        "ignored read yields ones.",
        watch=faults_do_as_declared,
    ),
)
