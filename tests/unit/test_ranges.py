"""Ranges against sets of numbers: the naive meaning of every operation."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.ranges import AddressRange, clashes, first_fit, gaps, merged
from hvbuild.units import LIMIT_64

RANGES = st.builds(AddressRange.sized, st.integers(0, 40), st.integers(0, 12))
MANY = st.lists(RANGES, max_size=8)


def points(*windows: AddressRange) -> set[int]:
    return {at for window in windows for at in range(window.start, window.end)}


@pytest.mark.parametrize(("start", "end"), [(1, 0), (-1, 4), (0, LIMIT_64 + 1)])
def test_what_is_no_range_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError):
        AddressRange(start, end)


def test_text_is_half_open_and_hex() -> None:
    assert str(AddressRange.sized(0x8000_0000, 0x1000)) == "0x80000000..0x80001000"


def test_the_whole_space_is_a_range() -> None:
    assert AddressRange(0, LIMIT_64).contains(AddressRange(LIMIT_64 - 1, LIMIT_64))


@given(RANGES, RANGES)
def test_two_ranges_compare_as_sets(one: AddressRange, two: AddressRange) -> None:
    assert bool(points(one) & points(two)) == one.overlaps(two)
    assert one.overlaps(two) == two.overlaps(one)
    assert (bool(points(two)) and points(two) <= points(one)) == one.contains(two)
    assert points(one) & points(two) == points(one.intersection(two))
    assert len(points(one)) == one.size


@given(RANGES, st.integers(0, 60))
def test_a_range_holds_its_points(window: AddressRange, at: int) -> None:
    assert (at in points(window)) == window.holds(at)


@given(MANY)
def test_merged_is_the_union_without_touching_neighbours(windows: list[AddressRange]) -> None:
    result = merged(windows)

    assert points(*windows) == points(*result)
    assert all(left.end < right.start for left, right in pairwise(result))
    assert all(window.size for window in result)
    assert result == merged(result)


@given(RANGES, MANY)
def test_gaps_are_what_nothing_covers(within: AddressRange, taken: list[AddressRange]) -> None:
    result = gaps(within, taken)

    assert points(within) - points(*taken) == points(*result)
    assert result == merged(result)


@given(MANY)
def test_clashes_are_all_overlapping_pairs_once(windows: list[AddressRange]) -> None:
    found = [tuple(sorted(pair)) for pair in clashes((w, index) for index, w in enumerate(windows))]
    expected = {
        (left, right)
        for left in range(len(windows))
        for right in range(left + 1, len(windows))
        if windows[left].overlaps(windows[right])
    }

    assert expected == set(found)
    assert len(found) == len(expected)


@given(
    st.integers(1, 10),
    st.sampled_from([1, 2, 4, 8]),
    st.lists(RANGES, min_size=1, max_size=3),
    MANY,
)
def test_first_fit_is_the_lowest_place_in_the_first_bank_that_has_one(
    size: int, align: int, banks: list[AddressRange], taken: list[AddressRange]
) -> None:
    used = points(*taken)
    expected = next(
        (
            at
            for bank in banks
            for at in range(bank.start, bank.end)
            if at % align == 0 and at + size <= bank.end and not used & set(range(at, at + size))
        ),
        None,
    )

    assert expected == first_fit(size, align, banks, taken)


def test_a_range_fits_where_both_numbers_are_known_and_it_ends_within_64_bits() -> None:
    top = (1 << 64) - 0x1000

    assert AddressRange.fitting(top, 0x1000) == AddressRange(top, 1 << 64)
    assert AddressRange.fitting(top, 0x1001) is None
    assert AddressRange.fitting(None, 1) is None
    assert AddressRange.fitting(0, None) is None
