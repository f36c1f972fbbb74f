"""Half-open address ranges: the one class that compares addresses, and sweeps over many of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hvbuild.units import LIMIT_64, is_page_aligned


@dataclass(frozen=True, slots=True, order=True)
class AddressRange:
    """Addresses `start` to `end`, the end left out. An empty range overlaps and contains nothing."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end <= LIMIT_64:
            raise ValueError(f"not a range: {self.start:#x}..{self.end:#x}")

    @classmethod
    def sized(cls, start: int, size: int) -> "AddressRange":
        """The range of `size` bytes from `start`."""
        return cls(start, start + size)

    @classmethod
    def fitting(cls, start: int | None, size: int | None) -> "AddressRange | None":
        """The same where both are known and it ends within 64 bits, else None."""
        if start is None or size is None or start + size > LIMIT_64:
            return None
        return cls.sized(start, size)

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.end - self.start

    def overlaps(self, other: "AddressRange") -> bool:
        """True when some address lies in both."""
        return self.start < other.end and other.start < self.end and self.size > 0 and other.size > 0

    def contains(self, other: "AddressRange") -> bool:
        """True when every address of `other`, which is not empty, lies in this range."""
        return other.size > 0 and self.start <= other.start and other.end <= self.end

    def holds(self, address: int) -> bool:
        """True when `address` lies in it."""
        return self.start <= address < self.end

    def intersection(self, other: "AddressRange") -> "AddressRange":
        """The addresses in both; empty when there are none."""
        start = max(self.start, other.start)
        return AddressRange(start, max(start, min(self.end, other.end)))

    @property
    def is_page_aligned(self) -> bool:
        """True when both ends lie on 4 KiB pages."""
        return is_page_aligned(self.start) and is_page_aligned(self.end)

    def __str__(self) -> str:
        return f"{self.start:#x}..{self.end:#x}"


T = TypeVar("T")


def clashes(items: Iterable[tuple[AddressRange, T]]) -> Iterator[tuple[T, T]]:
    """Pairs whose ranges overlap, each pair once, ordered by where the later one starts.

    A sweep over sorted starts that keeps what is still open: near-linear when clashes are few.
    """
    order = sorted(enumerate(items), key=lambda row: (row[1][0].start, row[0]))
    open_items: list[tuple[AddressRange, T]] = []
    for _, (window, item) in order:
        open_items = [other for other in open_items if other[0].end > window.start]
        for other_window, other in open_items:
            if window.overlaps(other_window):
                yield other, item
        if window.size:
            open_items.append((window, item))


def merged(windows: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """The same addresses as sorted, disjoint, non-touching ranges."""
    result: list[AddressRange] = []
    for window in sorted(w for w in windows if w.size):
        if result and window.start <= result[-1].end:
            result[-1] = AddressRange(result[-1].start, max(result[-1].end, window.end))
        else:
            result.append(window)
    return tuple(result)


def gaps(within: AddressRange, taken: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """What of `within` no range of `taken` covers, sorted."""
    result: list[AddressRange] = []
    at = within.start
    for window in merged(taken):
        if window.end <= at:
            continue
        if window.start >= within.end:
            break
        if window.start > at:
            result.append(AddressRange(at, window.start))
        at = max(at, window.end)
    if at < within.end:
        result.append(AddressRange(at, within.end))
    return tuple(result)


def first_fit(
    size: int, align: int, within: Sequence[AddressRange], taken: Iterable[AddressRange]
) -> int | None:
    """The lowest aligned address in `within` (in its order) with `size` free bytes, or None."""
    occupied = tuple(taken)
    for bank in within:
        for gap in gaps(bank, occupied):
            start = -(-gap.start // align) * align
            if start + size <= gap.end:
                return start
    return None
