"""The places that hvbuild prefers for virtual devices left at `auto`: rows of schemas/guest-map.json."""

from functools import cache

from hvbuild.shipped import shipped_rows
from hvbuild.units import read_number
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferredPlace:
    """One usual place of a device type: location and interrupt line, either of which may be open."""

    location: str | None
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestMap:
    """The guest-physical conventions of one architecture."""

    ram: int
    slots_base: int
    slots_size: int
    granule: int
    first_line: int
    last_line: int
    preferred: dict[str, tuple[PreferredPlace, ...]]


@cache
def guest_map(architecture: str) -> GuestMap:
    """The conventions for `architecture`."""
    row = shipped_rows("guest-map")["architectures"][architecture]
    slots = row.get("windows", {"base": "0x0", "size": "0x0", "granule": "0x1000"})
    return GuestMap(
        ram=read_number(row["ram"]) or 0,
        slots_base=read_number(slots["base"]) or 0,
        slots_size=read_number(slots["size"]) or 0,
        granule=read_number(slots["granule"]) or 0,
        first_line=row["lines"]["first"],
        last_line=row["lines"]["last"],
        preferred={
            kind: tuple(PreferredPlace(location=place.get("loc"), line=place.get("line")) for place in places)
            for kind, places in row["preferred"].items()
        },
    )
