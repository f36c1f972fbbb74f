"""What a host devicetree says of memory: banks, reserved regions, the ordered list of their names."""

from dataclasses import field

from hvbuild.ranges import AddressRange
from hvbuild.source import NOWHERE, Origin
from hvbuild.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRegion:
    """A reserved region. `window` is None when its place cannot be told here; `names` are all it goes by.

    `dynamic` says that it has a size and no place of its own; `guard` the `#if` conditions around it.
    """

    name: str
    window: AddressRange | None = None
    size: int | None = None
    no_map: bool = False
    reusable: bool = False
    dynamic: bool = False
    names: frozenset[str] = field(default=frozenset(), compare=False)
    guard: str = field(default="", compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    place_origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeBank:
    """A range of RAM from a memory node."""

    window: AddressRange
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedName:
    """One name in an ordered `memory-regions` list."""

    name: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeMemory:
    """The memory side of a host tree; sequences keep their written order.

    `complete` is False when text is missing here (an include, a macro that was not understood): what is
    absent is then only not known.
    """

    banks: tuple[TreeBank, ...] = ()
    regions: tuple[TreeRegion, ...] = ()
    order: tuple[ListedName, ...] = ()
    reserves: tuple[AddressRange, ...] = ()
    address_cells: int | None = None
    size_cells: int | None = None
    complete: bool = field(default=True, compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def region(self, name: str) -> TreeRegion | None:
        """The region that goes by `name`, or None."""
        return next((region for region in self.regions if name in region.names), None)
