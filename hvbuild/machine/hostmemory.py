"""Host memory that qvm draws guest RAM from: what is free, and where a request is placed.

Guest RAM is contiguous to the guest and usually not in host memory (QNX Hypervisor 7.1, "Memory in a
virtualized environment"); how procnto places it is not documented, so the placement is a parameter.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hvbuild.ranges import AddressRange, first_fit, gaps, merged
from hvbuild.units import PAGE

BLOCK = 1 << 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a request is laid out: one stretch where one is free, or pieces of at most `piece` bytes.

    Pieces are taken from the top down, so that pieces next to each other in the guest are not in the host.
    """

    piece: int | None = None


ONE_STRETCH = Placement()


@dataclass(frozen=True, slots=True)
class HostPool:
    """The free ranges of host memory, sorted and disjoint."""

    free: tuple[AddressRange, ...]

    @property
    def size(self) -> int:
        """Free bytes."""
        return sum(window.size for window in self.free)

    def take(self, size: int, placement: Placement = ONE_STRETCH) -> "Taken | None":
        """Ranges of together `size` bytes in guest order and the pool without them; None when short."""
        if size > self.size:
            return None
        if placement.piece is None:
            pieces = self._stretch(size) or self._ascending(size)
        else:
            pieces = self._pieces(size, placement.piece)
        return pieces, self.without(pieces)

    def without(self, taken: Iterable[AddressRange]) -> "HostPool":
        """The pool less `taken`."""
        used = tuple(taken)
        return HostPool(tuple(gap for window in self.free for gap in gaps(window, used)))

    def _stretch(self, size: int) -> tuple[AddressRange, ...]:
        align = BLOCK if size >= BLOCK else PAGE
        start = first_fit(size, align, self.free, ())
        return (AddressRange.sized(start, size),) if start is not None else ()

    def _ascending(self, size: int) -> tuple[AddressRange, ...]:
        result, left = [], size
        for window in self.free:
            part = min(left, window.size)
            if part:
                result.append(AddressRange.sized(window.start, part))
            left -= part
        return tuple(result)

    def _pieces(self, size: int, piece: int) -> tuple[AddressRange, ...]:
        result, left = [], size
        for window in reversed(self.free):
            end = window.end
            while left and end > window.start:
                part = min(left, piece, end - window.start)
                result.append(AddressRange(end - part, end))
                end, left = end - part, left - part
        return tuple(result)


Taken = tuple[tuple[AddressRange, ...], HostPool]


def pool_of(banks: Iterable[AddressRange], taken: Iterable[AddressRange], kept: int = 0) -> HostPool:
    """What qvm may allocate of `banks`: whole pages outside `taken`, less `kept` bytes for the host itself.

    The host's own share is taken from the bottom, where its image lies.
    """
    used = [_pages_touched(window) for window in taken]
    free = [gap for bank in merged(_whole_pages(b) for b in banks) for gap in gaps(bank, used)]
    pool = HostPool(tuple(window for window in free if window.size))
    own = pool.take(min(-(-kept // PAGE) * PAGE, pool.size)) if kept else None
    return own[1] if own else pool


def _whole_pages(window: AddressRange) -> AddressRange:
    start = -(-window.start // PAGE) * PAGE
    return AddressRange(start, max(start, window.end // PAGE * PAGE))


def _pages_touched(window: AddressRange) -> AddressRange:
    return AddressRange(window.start // PAGE * PAGE, -(-window.end // PAGE) * PAGE)
