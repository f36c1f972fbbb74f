"""Spellings of numbers: what each reader takes, and that writers and readers agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.units import (
    LIMIT_64,
    duration_text,
    hex_address,
    is_page_aligned,
    qvm_size,
    read_duration,
    read_number,
    read_qvm_address,
    read_qvm_length,
    read_size,
    size_text,
)

NUMBERS = st.one_of(
    st.integers(0, LIMIT_64 - 1),
    st.builds(lambda factor, shift: (factor << shift) % LIMIT_64, st.integers(0, 4096), st.integers(0, 63)),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("42", 42),
        ("0x2a", 42),
        ("012", 12),
        ("0xffffffffffffffff", LIMIT_64 - 1),
        ("0x10000000000000000", None),
        ("18446744073709551616", None),
        ("9" * 5000, None),
        ("0X2a", None),
        ("0x", None),
        ("1_000", None),
        ("-1", None),
        (" 1", None),
        ("1\n", None),
        ("٣", None),
        ("", None),
    ],
)
def test_plain_numbers(text: str, value: int | None) -> None:
    assert value == read_number(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512MiB", 512 << 20),
        ("512 MiB", 512 << 20),
        ("4096", 4096),
        ("0x1000", 4096),
        ("1TiB", 1 << 40),
        ("16777216TiB", None),
        ("512M", None),
        ("512MB", None),
        ("512mib", None),
        ("1.5GiB", None),
        ("MiB", None),
    ],
)
def test_sizes_of_stacks(text: str, value: int | None) -> None:
    assert value == read_size(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10ms", 10_000_000),
        ("2.5us", 2_500),
        ("2.5µs", 2_500),
        ("1s", 1_000_000_000),
        ("0ns", 0),
        ("1.0000000001s", None),
        ("1.5ns", None),
        ("10", None),
        ("10 min", None),
        ("9223372036854775807ns", (1 << 63) - 1),
        ("9223372036854775808ns", None),
        ("9" * 5000 + "s", None),
    ],
)
def test_durations(text: str, value: int | None) -> None:
    assert value == read_duration(text)


@pytest.mark.parametrize(
    ("text", "address", "length"),
    [
        ("80000000", 0x80000000, 80000000),
        ("0x80000000", 0x80000000, 0x80000000),
        ("0d16", 16, 16),
        ("4096M", 4 << 30, 4 << 30),
        ("1m", 1 << 20, 1 << 20),
        ("16k", 16 << 10, 16 << 10),
        ("EE08", 0xEE08, None),
        ("beef", 0xBEEF, None),
        ("0x10M", 16 << 20, 16 << 20),
        ("beefM", None, None),
        ("0dbeef", None, None),
        ("0d", 0xD, None),
        ("1T", None, None),
        ("1KB", None, None),
        ("0X10", None, None),
        ("1_0", None, None),
        ("-1", None, None),
        ("", None, None),
        ("M", None, None),
        ("17179869184G", None, None),
    ],
)
def test_numbers_of_qvm(text: str, address: int | None, length: int | None) -> None:
    assert (address, length) == (read_qvm_address(text), read_qvm_length(text))


@given(NUMBERS)
def test_what_is_written_reads_back(value: int) -> None:
    assert value == read_qvm_length(qvm_size(value))
    assert value == read_qvm_address(qvm_size(value))
    assert value == read_qvm_address(hex_address(value))
    assert value == read_number(hex_address(value))
    assert value == read_size(size_text(value))


@given(st.integers(0, (1 << 63) - 1))
def test_durations_read_back(value: int) -> None:
    assert value == read_duration(duration_text(value))


@given(st.text(max_size=80))
def test_readers_take_any_text(text: str) -> None:
    readers = (read_number, read_size, read_duration, read_qvm_address, read_qvm_length)

    assert all(value is None or 0 <= value < LIMIT_64 for value in (read(text) for read in readers))


@given(NUMBERS)
def test_pages(value: int) -> None:
    assert (value % 4096 == 0) == is_page_aligned(value)
