"""Addresses, sizes and times: reading the spellings people use, writing the ones each output needs.

A reader returns None for text that is not of its form; the caller knows the place and words the fault.
"""

import re
from typing import NewType

Address = NewType("Address", int)
Size = NewType("Size", int)
Nanoseconds = NewType("Nanoseconds", int)

# Guest RAM and pass-through ranges are multiples of the QNX page
# (QNX Hypervisor 7.1, "Memory in a virtualized environment": allocations are multiples of 4 KB).
PAGE = Size(0x1000)
LIMIT_64 = 1 << 64

# No number below 2^64 needs more characters; Python refuses to convert thousands of digits.
_LONGEST = 64

_BINARY = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_TIME = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_NUMBER = re.compile(r"(0x[0-9a-fA-F]+|[0-9]+)\Z")
_SIZE = re.compile(r"(0x[0-9a-fA-F]+|[0-9]+)(?: ?([KMGT])iB)?\Z")
_DURATION = re.compile(r"([0-9]+)(?:\.([0-9]+))? ?(ns|us|µs|ms|s)\Z")
_QVM = re.compile(r"(0x|0d)?([0-9a-fA-F]+?)([kKmMgG])?\Z")


def read_number(text: str) -> int | None:
    """The integer that `text` spells in decimal or `0x` hex, below 2^64, or None."""
    if len(text) > _LONGEST or not _NUMBER.match(text):
        return None
    value = int(text, 16) if text.startswith("0x") else int(text, 10)
    return value if value < LIMIT_64 else None


def read_size(text: str) -> Size | None:
    """The bytes that `text` spells as `512MiB`, `4096` or `0x1000`, or None."""
    match = _SIZE.match(text)
    if match is None:
        return None
    number = read_number(match[1])
    value = number * _BINARY[match[2] or ""] if number is not None else LIMIT_64
    return Size(value) if value < LIMIT_64 else None


def read_duration(text: str) -> Nanoseconds | None:
    """The nanoseconds that `text` spells with its unit (`10ms`, `2.5us`, `1s`), or None.

    A fraction must come out as whole nanoseconds.
    """
    match = _DURATION.match(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    unit = _TIME[match[3]]
    fraction = match[2] or ""
    scale = 10 ** len(fraction)
    total = int(match[1]) * unit * scale + int(fraction or "0") * unit
    if total % scale or total // scale >= LIMIT_64 >> 1:
        return None
    return Nanoseconds(total // scale)


def read_qvm_address(text: str) -> Address | None:
    """An address as qvm reads it: hex unless `0d`; with a K/M/G suffix and no prefix decimal, or None.

    Source: QNX Hypervisor 7.1, "About notation"; decimal with a suffix is what working files of
    Android guests on Qualcomm boards rely on (`ram 4096M,2048M`).
    """
    value = _qvm_number(text, bare_base=16)
    return Address(value) if value is not None else None


def read_qvm_length(text: str) -> Size | None:
    """A length as qvm reads it: decimal unless `0x`, binary K/M/G suffixes, or None."""
    value = _qvm_number(text, bare_base=10)
    return Size(value) if value is not None else None


def _qvm_number(text: str, bare_base: int) -> int | None:
    match = _QVM.match(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    prefix, digits, suffix = match.groups()
    base = {"0x": 16, "0d": 10, None: 10 if suffix else bare_base}[prefix]
    if base == 10 and not digits.isdigit():
        return None
    value = int(digits, base) * _BINARY[(suffix or "").upper()]
    return value if value < LIMIT_64 else None


def hex_address(value: int) -> str:
    """`0x80000000`: an address for people and for every output."""
    return f"{value:#x}"


def size_text(value: int) -> str:
    """`512MiB`: the largest binary unit that divides `value`; plain bytes as hex."""
    for unit in ("T", "G", "M", "K"):
        if value and value % _BINARY[unit] == 0:
            return f"{value // _BINARY[unit]}{unit}iB"
    return f"{value:#x}" if value else "0"


def qvm_size(value: int) -> str:
    """`512M`: a length as qvm reads it, always with a prefix or a suffix."""
    for unit in ("G", "M", "K"):
        if value and value % _BINARY[unit] == 0:
            return f"{value // _BINARY[unit]}{unit}"
    return f"{value:#x}"


def duration_text(value: int) -> str:
    """`10ms`: the largest unit that divides `value`."""
    for unit in ("s", "ms", "us"):
        if value and value % _TIME[unit] == 0:
            return f"{value // _TIME[unit]}{unit}"
    return f"{value}ns"


def milliseconds(value: int) -> str:
    """`16.25 ms`: a time of so many nanoseconds for people, exact to the nanosecond."""
    whole, rest = divmod(value, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".") + " ms"


def is_page_aligned(value: int) -> bool:
    """True when `value` is a multiple of the 4 KiB page."""
    return value % PAGE == 0
