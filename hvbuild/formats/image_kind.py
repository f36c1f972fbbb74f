"""What a guest image is, from its first bytes: kind, the range it is linked for, where it starts."""

import struct

from hvbuild.ranges import AddressRange
from hvbuild.values import dataclass

HEAD_BYTES = 64 * 1024
"""How much of a file is looked at."""

_PT_LOAD = 1
_MAGIC = (
    (b"\x7fELF", "elf"),
    (b"\xd0\x0d\xfe\xed", "dtb"),
    (b"070701", "cpio"),
    (b"070702", "cpio"),
    (b"\xc7\x71", "cpio"),
    (b"\xeb\x7e\xff\x00", "ifs"),
    (b"imagefs", "ifs"),
)
# Offsets and values of the Linux headers (Documentation/arch/arm64/booting.rst, arch/x86/boot.rst).
_ARM64_AT, _ARM64 = 56, b"ARM\x64"
_X86_AT, _X86 = 0x202, b"HdrS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageKind:
    """`elf`, `linux`, `ifs`, `dtb`, `cpio`, or empty: not recognised; addresses where the kind says them."""

    kind: str = ""
    linked: AddressRange | None = None
    entry: int | None = None


def image_kind(head: bytes) -> ImageKind:
    """What the file that begins with `head` is. A compressed RAM disk is not recognised, on purpose."""
    if head[_ARM64_AT : _ARM64_AT + 4] == _ARM64 or head[_X86_AT : _X86_AT + 4] == _X86:
        return ImageKind(kind="linux")
    kind = next((name for magic, name in _MAGIC if head.startswith(magic)), "")
    return _elf(head) if kind == "elf" else ImageKind(kind=kind)


def _elf(head: bytes) -> ImageKind:
    """The loaded range and the entry point of a 64-bit little-endian ELF program; no addresses for others."""
    if len(head) < 64 or head[4:6] != b"\x02\x01":
        return ImageKind(kind="elf")
    entry, table = struct.unpack_from("<QQ", head, 24)
    size, count = struct.unpack_from("<HH", head, 54)
    loaded: list[AddressRange] = []
    for index in range(count):
        at = table + index * size
        if at + 56 > len(head):
            break
        kind, _, _, _, physical, _, length = struct.unpack_from("<IIQQQQQ", head, at)
        window = AddressRange.fitting(physical, length)
        if kind == _PT_LOAD and length and window is not None:
            loaded.append(window)
    if not loaded:
        return ImageKind(kind="elf", entry=entry or None)
    whole = AddressRange(min(each.start for each in loaded), max(each.end for each in loaded))
    return ImageKind(kind="elf", linked=whole, entry=entry or None)
