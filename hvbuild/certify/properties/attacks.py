"""HC43xx: one guest misbehaves, the others keep what they were promised."""

from functools import partial
from typing import Any

from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Finding
from hvbuild.certify.playing import AttackRun, ScheduleRun
from hvbuild.certify.properties.runs import services_meet_bounds, vcpus_meet_bounds
from hvbuild.certify.property import Family, Method, Property

_WORDS = {
    "spin": ("spinning-guest", "spins on all its vCPUs and never halts"),
    "storm": ("interrupt-storm", "takes interrupts as fast as they can be unmasked"),
    "probe": ("probing-guest", "touches address after address, each a guest exit"),
    "reset": ("resetting-guest", "is reset: its qvm starts again and clears its memory"),
}


def others_unmoved(ground: Ground, run: ScheduleRun) -> Finding | None:
    """Nobody but the misbehaving guest misses a bound."""
    return vcpus_meet_bounds(ground, run) or services_meet_bounds(ground, run)


def has_victims(ground: Ground) -> str:
    """Silent where there is nobody to suffer: one guest, and no host service with a bound."""
    guests = {thread.guest for thread in ground.threads if thread.is_vcpu}
    services = any(not t.is_vcpu and t.demand is not None and t.demand.bound for t in ground.threads)
    return "" if len(guests) > 1 or services else "there is one guest, and no host service has a bound"


def _played(attack: str, seen: Any) -> ScheduleRun | None:
    return seen.of(attack) if isinstance(seen, AttackRun) else None


def _row(code: str, attack: str) -> Property:
    name, does = _WORDS[attack]
    return Property(
        code=code,
        name=f"{name}-hurts-nobody",
        title=f"A guest that {does.split(':')[0]} moves nobody else beyond a bound",
        statement=f"One guest, any of them, {does}; every other guest and host service keeps its bounds.",
        family=Family.ATTACK,
        method=Method.SAMPLE,
        watch=others_unmoved,
        applies=has_victims,
        view=partial(_played, attack),
    )


PROPERTIES: tuple[Property, ...] = (
    _row("HC4301", "spin"),
    _row("HC4302", "storm"),
    _row("HC4303", "probe"),
    _row("HC4304", "reset"),
)
