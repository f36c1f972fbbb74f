"""HC5xxx: the system comes up in order and in time, and a guest that starts again finds what it needs."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Answer, Finding
from hvbuild.certify.properties.isolation import judged
from hvbuild.certify.properties.memory import knows_banks
from hvbuild.certify.property import Family, Method, Property
from hvbuild.machine.claims import ClaimKind
from hvbuild.machine.memory import MemoryTerms, build_memory
from hvbuild.model.host import Service
from hvbuild.model.system import System
from hvbuild.units import milliseconds as ms
from hvbuild.units import size_text


def _services(ground: Ground) -> tuple[Service, ...]:
    return ground.plan.stack.host.services


def _paths(service: Service) -> tuple[str, ...]:
    return (*service.provides, *service.wait_for)


def _position(ground: Ground, index: int) -> int:
    launch = (ground.system.host.launches or {}).get(ground.vm(index).system)
    position = launch.position if launch is not None else None
    return len(_services(ground)) if position is None else position


def _too_early(ground: Ground) -> Iterator[Finding]:
    for index, vm in enumerate(ground.system.vms):
        started = _position(ground, index)
        for number, service in enumerate(_services(ground)):
            backed = [name for name in service.backs if name.split(".")[0] == vm.label]
            if backed and number >= started:
                yield Finding(
                    what=f"guest `{vm.label}` is started before `{service.name}`, which serves `{backed[0]}`",
                    place=service.origin or ground.guest_line(index),
                    others=((ground.guest_line(index), "needs it from its first access on"),),
                    story=(
                        f"qvm of `{vm.label}` opens what `{service.name}` makes, and it is not there",
                        "qvm ends with a configuration error (exit code 65)",
                    ),
                    change=f"start `{service.name}` before the guest",
                )


def guests_start_last(ground: Ground) -> Answer:
    """A guest starts after every service that one of its devices needs."""
    cases = len(ground.system.vms) * max(1, len(_services(ground)))
    return judged(_too_early(ground), cases, "order of the boot script against what each service serves")


def _never_there(ground: Ground) -> Iterator[Finding]:
    outside = set(ground.system.host.outside) | set(ground.system.host.image_files or ())
    made: set[str] = set()
    for service in _services(ground):
        made |= set(_paths(service))
        # waiting for a path that the service itself is said to provide ends; for one of a later service not
        later = {
            path
            for other in _services(ground)[_services(ground).index(service) + 1 :]
            for path in other.provides
        }
        for path in service.wait_for:
            if path in later and path not in service.provides and path not in outside:
                yield Finding(
                    what=f"`{service.name}` waits for `{path}`, which a service after it makes",
                    place=service.origin,
                    story=("the boot script stops here until its time is over",),
                    change="move the wait behind the service that makes the path",
                )


def nobody_waits_for_ever(ground: Ground) -> Answer:
    """No wait of the boot script is for something made only later."""
    cases = sum(len(service.wait_for) for service in _services(ground))
    return judged(_never_there(ground), cases, "waits of the boot script in order")


def has_waits(ground: Ground) -> str:
    """Silent where the boot script waits for nothing."""
    return (
        "" if any(service.wait_for for service in _services(ground)) else "the boot script waits for nothing"
    )


def boot_times(ground: Ground) -> tuple[tuple[str, int], ...]:
    """Stations of the boot with the time at which each is over: host, services, then each guest in order.

    The costly end of every range: host startup, each service, then for each guest the start of its qvm, the
    clearing of its RAM and the loading of images whose size is known.
    """
    terms = ground.terms
    costs = terms.costs
    now = terms["host-startup"]
    rows = [("host", now)]
    for service in _services(ground):
        now += terms["service-start"] + int(service.wait or 0)
        rows.append((service.name, now))
    for index in ground.memory.order:
        guest = next((row for row in ground.memory.guests if row.index == index), None)
        planned = ground.planned(index)
        images = planned.guest.images if planned is not None else ()
        now += terms["qvm-start"] + costs.moving_ns("zeroing", guest.zeroed if guest is not None else 0)
        now += costs.moving_ns("load", sum(image.size or 0 for image in images))
        rows.append((ground.vm(index).label, now))
    return tuple(rows)


def _too_late(ground: Ground) -> Iterator[Finding]:
    limit = ground.terms["boot-limit"]
    rows = boot_times(ground)
    for index in ground.memory.order:
        label = ground.vm(index).label
        at = next(time for name, time in reversed(rows) if name == label)
        if at > limit:
            yield Finding(
                what=f"guest `{label}` starts after {ms(at)}, {ms(limit)} are allowed",
                place=ground.guest_line(index),
                story=tuple(f"{name}: done at {ms(time)}" for name, time in rows),
                change="start it earlier, or give it less memory to clear",
                numbers=(("start ns", at), ("limit ns", limit)),
            )


def boot_is_in_time(ground: Ground) -> Answer:
    """Every guest runs within the limit for booting."""
    rows = boot_times(ground)
    return judged(_too_late(ground), len(rows), f"last guest runs after {ms(rows[-1][1])} at the costly end")


def _unrestartable(ground: Ground) -> Iterator[Finding]:
    for index, vm in enumerate(ground.system.vms):
        guest = next((row for row in ground.memory.guests if row.index == index), None)
        if guest is None:
            continue
        pool = ground.memory.pool
        if pool is not None:
            # its own RAM comes back in full when its qvm ends; what it makes and others hold does not
            held = sum(
                row.size for row in ground.memory.shared if row.creator == index and len(row.members) > 1
            )
            back = sum(window.size for window in guest.allocated)
            if pool.size + back < back + held:
                yield Finding(
                    what=f"guest `{vm.label}` cannot start again: {size_text(held)} of shared memory "
                    "stay with its peers",
                    place=ground.guest_line(index),
                    change="keep that much host memory free, or create the region elsewhere",
                )
        for region in _used_regions(ground, index):
            placed = (ground.system.host.regions or {})[region]
            if placed.before and placed.before != vm.label and placed.cleared is not True:
                yield Finding(
                    what=f"guest `{vm.label}` finds `{region}` used by `{placed.before}` when it "
                    "starts again",
                    place=placed.origin,
                    change="give the region to one user only, or have it cleared",
                )


def _used_regions(ground: Ground, index: int) -> Iterator[str]:
    uses = [u for u in ground.memory.uses() if u.index == index and u.claim.kind is ClaimKind.PASS]
    for name, region in (ground.system.host.regions or {}).items():
        if region.window is not None and any(use.host.overlaps(region.window) for use in uses):
            yield name


def restarts_find_everything(ground: Ground) -> Answer:
    """A guest that starts again gets its memory, and its regions as it left them."""
    return judged(
        _unrestartable(ground),
        len(ground.memory.guests),
        "memory that stays with others against what is free",
    )


def _lost_alone(ground: Ground) -> Iterator[Finding]:
    """Each guest alone must get its memory, too: starting order may change when one is started again."""
    count = len(ground.system.vms)
    for last in range(count):
        order = [index for index in range(count) if index != last] + [last]
        memory = build_memory(_reordered(ground, order), ground.subject.shapes, MemoryTerms())
        for refusal in memory.refusals:
            yield Finding(
                what=f"guest `{refusal.vm}` gets no memory when `{ground.vm(last).label}` is started last",
                place=ground.guest_line(order[refusal.index]),
                change="leave more host memory free",
            )


def _reordered(ground: Ground, order: list[int]) -> System:
    vms = tuple(ground.system.vms[index] for index in order)
    return replace(ground.system, vms=vms, host=replace(ground.system.host, launches=None))


def any_order_fits(ground: Ground) -> Answer:
    """Memory suffices whichever guest starts last, as after a restart."""
    return judged(_lost_alone(ground), len(ground.system.vms), "each guest started last in turn")


def mine(ground: Ground) -> str:
    """Silent where the host belongs to somebody else."""
    return "the host belongs to somebody else" if ground.plan.stack.host.foreign else ""


_row = partial(Property, family=Family.BOOT, method=Method.PROVE)

PROPERTIES: tuple[Property, ...] = (
    _row(
        code="HC5001",
        name="guests-start-after-their-services",
        title="A guest starts after everything that its devices need",
        statement="In the order of the boot script, each service that serves a guest's device comes "
        "before that guest.",
        prove=guests_start_last,
        applies=mine,
    ),
    _row(
        code="HC5002",
        name="boot-never-stalls",
        title="The boot script waits for nothing that is made only later",
        statement="Every wait of the boot script is for something made by then.",
        prove=nobody_waits_for_ever,
        applies=has_waits,
    ),
    _row(
        code="HC5003",
        name="boot-is-in-time",
        title="Every guest runs within the limit for booting",
        statement="Host startup, services, clearing and loading at the costly end of every range "
        "stay under the limit.",
        prove=boot_is_in_time,
        applies=mine,
    ),
    _row(
        code="HC5004",
        name="restarts-find-everything",
        title="A guest that starts again finds its memory and its regions",
        statement="What a guest needs at its start is there again after it ended, with all others running.",
        prove=restarts_find_everything,
        applies=knows_banks,
    ),
    _row(
        code="HC5005",
        name="any-order-fits",
        title="Memory suffices whichever guest starts last",
        statement="Each guest started last in turn, as after a restart, still gets its memory.",
        prove=any_order_fits,
        applies=knows_banks,
    ),
)
