"""Guest images are known by their first bytes."""

import struct

import pytest

from hvbuild.formats.image_kind import ImageKind, image_kind
from hvbuild.ranges import AddressRange


def elf(*segments: tuple[int, int], entry: int = 0x80001000) -> bytes:
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, entry, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    table = b"".join(struct.pack("<IIQQQQQQ", 1, 5, 0, 0, at, size, size, 0x1000) for at, size in segments)
    return header + table


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (bytes(56) + b"ARM\x64" + bytes(8), "linux"),
        (bytes(0x202) + b"HdrS", "linux"),
        (b"\xd0\x0d\xfe\xed" + bytes(36), "dtb"),
        (b"070701" + bytes(100), "cpio"),
        (b"\x1f\x8b" + bytes(30), ""),
        (b"", ""),
        (b"\x7fELF\x01\x01", "elf"),
    ],
)
def test_kinds(head: bytes, kind: str) -> None:
    assert image_kind(head) == ImageKind(kind=kind)


def test_a_program_says_where_it_is_linked() -> None:
    found = image_kind(elf((0x80000000, 0x3000), (0x80010000, 0x1000)))

    assert found.linked == AddressRange(0x80000000, 0x80011000)
    assert found.entry == 0x80001000


def test_a_program_that_wraps_says_no_range() -> None:
    assert image_kind(elf(((1 << 64) - 16, 0x3000))).linked is None
