"""Stage-2 tables of one guest: what is mapped where, by which blocks, and what a walk costs.

Facts of the 4 KiB granule (Arm ARM, stage-2 translation; the Intel EPT has the same spans and four
levels): an entry of level 0 spans 512 GiB, level 1 1 GiB, level 2 2 MiB, level 3 4 KiB; blocks exist at
levels 1 and 2.
Whether qvm uses blocks is not documented, so it is a parameter; it changes costs, never a translation.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from hvbuild.ranges import AddressRange
from hvbuild.units import PAGE

SPANS = (1 << 39, 1 << 30, 1 << 21, 1 << 12)
PAGE_LEVEL = 3
BLOCK_LEVELS = (1, 2)
TABLE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How addresses are walked: name, input bits, first level, tables side by side there, blocks or not."""

    name: str
    address_bits: int
    start_level: int
    root_tables: int
    blocks: bool = True

    @property
    def depth(self) -> int:
        """Table reads of a walk that ends at a 4 KiB page."""
        return PAGE_LEVEL - self.start_level + 1


def arm_regime(address_bits: int, *, blocks: bool = True) -> Regime:
    """The stage-2 regime for `address_bits` of intermediate address, 4 KiB granule.

    Up to 30 bits start at level 2, to 39 at level 1, 40 to 43 at level 1 with 2 to 16 concatenated tables,
    44 to 48 at level 0 (Arm ARM, VTCR_EL2).
    """
    bits = min(max(address_bits, 25), 48)
    if bits <= 30:
        start, roots = 2, 1
    elif bits <= 43:
        start, roots = 1, 1 << max(0, bits - 39)
    else:
        start, roots = 0, 1
    return Regime(name="stage 2", address_bits=bits, start_level=start, root_tables=roots, blocks=blocks)


def ept_regime(*, blocks: bool = True) -> Regime:
    """The four-level Intel EPT: 48 bits, always from the top."""
    return Regime(name="EPT", address_bits=48, start_level=0, root_tables=1, blocks=blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Guest range `guest` mapped from host address `host` up (None: place not known) with `permissions`."""

    guest: AddressRange
    host: int | None
    permissions: frozenset[str]
    device: bool = False

    def follows(self, other: "Mapped") -> bool:
        """True when this continues `other` in guest and host with the same rights."""
        return (
            self.guest.start == other.guest.end
            and self.permissions == other.permissions
            and self.device == other.device
            and (self.host == other.host + other.guest.size if other.host is not None else self.host is None)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One translation: the host address, the level of the entry that ended it, and its table reads.

    `host` None with `mapped` false: no entry; with `mapped` true: mapped, but its place is not known.
    """

    host: int | None
    mapped: bool
    level: int
    reads: int


@dataclass(frozen=True)
class Stage2:
    """The tables of one guest: disjoint mappings in guest order under one regime."""

    regime: Regime
    mappings: tuple[Mapped, ...]

    @cached_property
    def _starts(self) -> list[int]:
        return [mapping.guest.start for mapping in self.mappings]

    def mapping(self, address: int) -> Mapped | None:
        """The mapping that holds `address`, or None."""
        row = bisect_right(self._starts, address) - 1
        if row >= 0 and self.mappings[row].guest.holds(address):
            return self.mappings[row]
        return None

    def translate(self, address: int) -> int | None:
        """The host address behind `address`; None when unmapped or its place is not known."""
        mapping = self.mapping(address)
        if mapping is None or mapping.host is None:
            return None
        return mapping.host + address - mapping.guest.start

    def walk(self, address: int) -> Walk:
        """The table walk for `address`: where it ends and how many entries it reads."""
        mapping = self.mapping(address)
        if mapping is None:
            level = self._missing_level(address)
            return Walk(host=None, mapped=False, level=level, reads=level - self.regime.start_level + 1)
        level = leaf_level(mapping, address, self.regime)
        reads = level - self.regime.start_level + 1
        return Walk(host=self.translate(address), mapped=True, level=level, reads=reads)

    def _missing_level(self, address: int) -> int:
        """The first level whose entry for `address` leads nowhere."""
        for level in range(self.regime.start_level, PAGE_LEVEL):
            base = address // SPANS[level] * SPANS[level]
            if not self._touches(AddressRange.sized(base, SPANS[level])):
                return level
        return PAGE_LEVEL

    def _touches(self, span: AddressRange) -> bool:
        row = bisect_right(self._starts, span.start) - 1
        near = self.mappings[max(row, 0) : row + 2]
        return any(mapping.guest.overlaps(span) for mapping in near)

    @cached_property
    def tables(self) -> tuple[tuple[int, int], ...]:
        """How many tables each level has, as (level, count), the root level first."""
        ends = {level: _ends_at_or_below(self.mappings, self.regime, level) for level in (1, 2, 3)}
        rows = [(self.regime.start_level, self.regime.root_tables)]
        for level in range(self.regime.start_level + 1, PAGE_LEVEL + 1):
            rows.append((level, _spans_touched(ends[level], SPANS[level - 1])))
        return tuple(rows)

    @property
    def table_bytes(self) -> int:
        """Memory that the tables take, in bytes."""
        return TABLE_BYTES * sum(count for _, count in self.tables)

    @cached_property
    def deepest(self) -> int:
        """Table reads of the longest walk to anything mapped; 0 when nothing is."""
        if _ends_at_or_below(self.mappings, self.regime, PAGE_LEVEL):
            return self.regime.depth
        if _ends_at_or_below(self.mappings, self.regime, 2):
            return 2 - self.regime.start_level + 1
        return 1 - self.regime.start_level + 1 if self.mappings else 0

    def miss_reads(self, address: int, guest_levels: int) -> int:
        """Memory reads of a TLB miss on `address` with `guest_levels` stage-1 levels, the data not counted.

        Each guest table is itself reached through stage 2 (its place is unknown, so by the longest walk).
        """
        return guest_levels * (self.deepest + 1) + self.walk(address).reads


def nested_reads(guest_levels: int, host_levels: int) -> int:
    """The bound of a nested walk: (n+1)(m+1)-1 reads for n stage-1 and m stage-2 levels."""
    return (guest_levels + 1) * (host_levels + 1) - 1


def leaf_level(mapping: Mapped, address: int, regime: Regime) -> int:
    """The level of the entry that maps `address`: the largest block that alignment and extent allow."""
    for level in BLOCK_LEVELS:
        if level >= regime.start_level and _block_fits(mapping, address, SPANS[level], regime):
            return level
    return PAGE_LEVEL


def _block_fits(mapping: Mapped, address: int, span: int, regime: Regime) -> bool:
    if not regime.blocks or mapping.host is None or (mapping.host - mapping.guest.start) % span:
        return False
    block = AddressRange.sized(address // span * span, span)
    return mapping.guest.contains(block)


def _blocks(mapping: Mapped, span: int, regime: Regime) -> AddressRange:
    """The part of `mapping` that aligned blocks of `span` cover; empty when none does."""
    start = -(-mapping.guest.start // span) * span
    end = mapping.guest.end // span * span
    allowed = regime.blocks and mapping.host is not None and (mapping.host - mapping.guest.start) % span == 0
    return AddressRange(start, end) if allowed and start < end else AddressRange(0, 0)


def _ends_at_or_below(mappings: Iterable[Mapped], regime: Regime, level: int) -> list[AddressRange]:
    """The mapped ranges whose final entry is of `level` or a deeper one."""
    result = []
    for mapping in mappings:
        above = [at for at in BLOCK_LEVELS if regime.start_level <= at < level]
        covered = max(
            (_blocks(mapping, SPANS[at], regime) for at in above), key=lambda r: r.size, default=None
        )
        if covered is None or not covered.size:
            result.append(mapping.guest)
            continue
        head = AddressRange(mapping.guest.start, covered.start)
        tail = AddressRange(covered.end, mapping.guest.end)
        result += [part for part in (head, tail) if part.size]
    return result


def _size(window: AddressRange) -> int:
    return window.size


def _spans_touched(ranges: Sequence[AddressRange], span: int) -> int:
    """How many aligned spans hold at least one byte of `ranges`."""
    count, last = 0, -1
    for window in sorted(ranges):
        first, final = window.start // span, (window.end - 1) // span
        count += max(0, final - max(first, last + 1) + 1)
        last = max(last, final)
    return count


def stage2(regime: Regime, mappings: Iterable[Mapped]) -> Stage2:
    """The tables for disjoint page-aligned `mappings`; neighbours that continue each other become one."""
    joined: list[Mapped] = []
    for mapping in sorted(mappings, key=lambda row: row.guest):
        if not mapping.guest.size or mapping.guest.start % PAGE or mapping.guest.end % PAGE:
            raise ValueError(f"not whole pages: {mapping.guest}")
        if joined and mapping.guest.start < joined[-1].guest.end:
            raise ValueError(f"mapped twice: {mapping.guest}")
        if joined and mapping.follows(joined[-1]):
            last = joined.pop()
            mapping = Mapped(  # noqa: PLW2901 - the joined mapping takes the place of both
                guest=AddressRange(last.guest.start, mapping.guest.end),
                host=last.host,
                permissions=last.permissions,
                device=last.device,
            )
        joined.append(mapping)
    return Stage2(regime, tuple(joined))
