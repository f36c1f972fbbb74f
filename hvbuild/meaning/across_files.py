"""What several files of one host say of the same memory: the startup line against the devicetree."""

from collections.abc import Iterable, Iterator

from hvbuild.diagnostics import Code, Diagnostic, other, warning_code
from hvbuild.model.image import Boot, NamedRegion, Reservation
from hvbuild.model.tree import TreeRegion
from hvbuild.ranges import AddressRange

_SOURCE = "inferred: startup does not read /reserved-memory, so nothing compares the two"
OVERLAPS = warning_code(
    "HV8640",
    "reservation-over-region",
    "a reservation of the startup line covers a part of a region of the devicetree, or of another name",
    source=_SOURCE,
)
ELSEWHERE = warning_code(
    "HV8641",
    "region-at-two-places",
    "the startup line and the devicetree give one name two ranges",
    source=_SOURCE,
)
CODES: tuple[Code, ...] = (OVERLAPS, ELSEWHERE)


def startup_and_tree(boots: Iterable[Boot], regions: Iterable[TreeRegion]) -> Iterator[Diagnostic]:
    """Where `-r` and `-L` of a startup line and the regions of a tree do not fit together.

    A reservation without a name may hold whole regions, and one range may go by two names.
    """
    placed = [(region, region.window) for region in regions if region.window is not None and not region.guard]
    for boot in boots:
        items: tuple[Reservation | NamedRegion, ...] = (*boot.reservations, *boot.regions)
        for item in items:
            window = AddressRange.fitting(item.base, item.size)
            for region, there in placed if window is not None else ():
                if window is not None:
                    yield from _compared(item, window, region, there)


def _compared(
    item: Reservation | NamedRegion, window: AddressRange, region: TreeRegion, there: AddressRange
) -> Iterator[Diagnostic]:
    name = item.name if isinstance(item, NamedRegion) else ""
    label = other(region.place_origin, f"`{region.name}` of the tree")
    if window == there:
        return
    if name in region.names:
        message = f"`{name}` is {window} on the startup line and {there} in the tree"
        yield ELSEWHERE.at(item.origin, message, "another range", others=label)
    elif window.overlaps(there) and (name or not (window.contains(there) or there.contains(window))):
        text = f"`{name}`" if name else "the reservation"
        message = f"{text} at {window} overlaps `{region.name}` at {there} of the tree"
        notes = (f"both claim {window.intersection(there)}",)
        yield OVERLAPS.at(item.origin, message, "on the startup line", others=label, notes=notes)
