"""HV20xx, HV21xx: cases of guest and host memory."""

from builders import (
    GIB,
    MIB,
    a_place,
    a_system,
    a_vm,
    passed,
    ram,
    region,
    regions,
    rom,
    vdev,
    window,
)
from rule_case import fails, passes

from hvbuild.model.evidence import GuestFacts, ImageFacts
from hvbuild.model.vm import AsinfoLength, AsinfoStart, Load


def load(path: str = "/guests/la/boot.img", address: int | None = None, blob: str = "") -> Load:
    return Load(path=path, blob=blob, address=address, origin=a_place())


def image(path: str, **facts: object) -> GuestFacts:
    return GuestFacts(images=(ImageFacts(path=path, origin=a_place(), **facts),))  # type: ignore[arg-type]


def lent(name: str, flags: str = "rwcxm") -> object:
    return passed(window(AsinfoStart(name), AsinfoLength(name), flags))


BOARD = (region("low", 0x4000_0000, 2 * GIB), region("high", 0x1_0000_0000, 4 * GIB))
LA = {"owner": "la", "cleared": True}
SYSRAM = region("gvm_sysram1", 0x1_0000_0000, GIB, owner="la", cleared=True)
SYSRAM2 = region("gvm_sysram2", 0x1_8000_0000, GIB, owner="la", cleared=True)
FROM_REGION = a_vm(memory=(), passes=(lent("gvm_sysram1"),))
HIGHEST = passed(window(0x1000_0000, 0x2000, host=0xFFFF_FFFF_FFFF_F000))
ABOVE_40 = passed(window(0x1000_0000, 0x2000, host=0xFF_FFFF_F000))

CASES = (
    fails(
        "HV2001", "odd-length", a_system(a_vm(memory=(ram(size=GIB + 0x800),))), "0x40000800", "0x40001000"
    ),
    fails("HV2001", "odd-address", a_system(a_vm(memory=(ram(base=0x8000_0200),))), "0x80000200"),
    passes("HV2001", "one-page", a_system(a_vm(memory=(ram(size=0x1000),)))),
    fails(
        "HV2002",
        "by-one-page",
        a_system(a_vm(memory=(ram(), ram(base=0xBFFF_F000)))),
        "0xbffff000..0xfffff000",
        "0x80000000..0xc0000000",
        places=2,
    ),
    fails("HV2002", "ram-rom", a_system(a_vm(memory=(ram(0, 0x10_0000), rom(0xC0000, 0x40000)))), places=2),
    passes("HV2002", "side-by-side", a_system(a_vm(memory=(ram(), ram(base=0xC000_0000))))),
    fails(
        "HV2003",
        "inside",
        a_system(a_vm(vdevs=(vdev("pl011", 0x8800_0000, 37),))),
        "0x88000000..0x88001000",
        "0x80000000..0xc0000000",
        places=2,
    ),
    fails("HV2003", "last-page", a_system(a_vm(vdevs=(vdev("pl011", 0xBFFF_F000, 37),))), places=2),
    passes("HV2003", "right-after", a_system(a_vm(vdevs=(vdev("pl011", 0xC000_0000, 37),)))),
    fails("HV2004", "inside", a_system(a_vm(passes=(passed(window(0x9000_0000)),))), "0x90000000", places=2),
    passes("HV2004", "right-before", a_system(a_vm(passes=(passed(window(0x7FFF_F000)),)))),
    fails("HV2005", "ram", a_system(a_vm(memory=(ram(), ram(0x1_0000_0000, 0)))), "length zero"),
    fails("HV2005", "pass", a_system(a_vm(passes=(passed(window(0x1000_0000, 0)),))), "length zero"),
    passes("HV2005", "length-not-known", a_system(a_vm(passes=(passed(window(0x1000_0000, None)),)))),
    fails(
        "HV2006",
        "ram",
        a_system(a_vm(memory=(ram(), ram(0xFFFF_FFFF_FFFF_F000, 0x2000)))),
        "0x10000000000001000",
    ),
    fails(
        "HV2006", "host-range", a_system(a_vm(passes=(HIGHEST,))), "the host range of", "0x10000000000001000"
    ),
    passes("HV2006", "last-page", a_system(a_vm(memory=(ram(), ram(0xFFFF_FFFF_FFFF_F000, 0x1000))))),
    fails(
        "HV2007",
        "above-40-bits",
        a_system(a_vm(memory=(ram(0xFF_FFFF_F000, 0x2000),)), address_bits=40),
        "0x10000000000",
    ),
    fails("HV2007", "host-range", a_system(a_vm(passes=(ABOVE_40,)), address_bits=40), "the host range of"),
    passes("HV2007", "at-40-bits", a_system(a_vm(memory=(ram(0xFF_FFFF_F000, 0x1000),)), address_bits=40)),
    fails("HV2008", "below", a_system(a_vm(loads=(load(address=0x7FFF_F000),))), "0x80000000..0xc0000000"),
    fails(
        "HV2008",
        "end-beyond",
        a_system(
            a_vm(loads=(load(address=0xBFF0_0000),)),
            guests={"la": image("/guests/la/boot.img", size=2 * MIB)},
        ),
        "0xbff00000..0xc0100000",
    ),
    passes("HV2008", "first-byte", a_system(a_vm(loads=(load(address=0x8000_0000),)))),
    passes(
        "HV2008",
        "in-a-region-whose-place-is-not-known",
        a_system(a_vm(memory=(), passes=(lent("gvm_sysram1"),), loads=(load(address=0x8000_0000),))),
    ),
    fails(
        "HV2009",
        "tree-over-kernel",
        a_system(
            a_vm(loads=(load(address=0x8008_0000), load("/guests/la/la.dtb", 0x8100_0000, "fdt"))),
            guests={"la": image("/guests/la/boot.img", size=32 * MIB)},
        ),
        "0x80080000..0x82080000",
        places=2,
    ),
    passes(
        "HV2009",
        "tree-behind-kernel",
        a_system(
            a_vm(loads=(load(address=0x8008_0000), load("/guests/la/la.dtb", 0x8208_0000, "fdt"))),
            guests={"la": image("/guests/la/boot.img", size=32 * MIB)},
        ),
    ),
    fails("HV2022", "no-ram", a_system(a_vm(memory=())), "no RAM", warning=True),
    passes("HV2022", "lent-ram", a_system(FROM_REGION)),
    fails(
        "HV2021",
        "device-in-the-rest-of-a-page",
        a_system(a_vm(passes=(passed(window(0x1C09_0000, 0x800)),), vdevs=(vdev("pl011", 0x1C09_0800, 37),))),
        "0x1c090000..0x1c091000",
        places=2,
        warning=True,
        also=("HV2112",),
    ),
    passes(
        "HV2021",
        "device-in-the-next-page",
        a_system(a_vm(passes=(passed(window(0x1C09_0000, 0x800)),), vdevs=(vdev("pl011", 0x1C09_1000, 37),))),
        also=("HV2112",),
    ),
    fails(
        "HV2010",
        "beyond-board",
        a_system(
            FROM_REGION, banks=BOARD, regions=regions(region("gvm_sysram1", 0x1_C000_0000, 2 * GIB + GIB))
        ),
        "0x1c0000000..0x280000000",
        also=("HV2111",),
    ),
    fails(
        "HV2010",
        "lent-beyond-board",
        a_system(a_vm(memory=(), passes=(passed(window(0x3_0000_0000, GIB, "rwcxm")),)), banks=BOARD),
        "0x300000000..0x340000000",
    ),
    passes("HV2010", "at-the-end", a_system(FROM_REGION, banks=BOARD, regions=regions(SYSRAM))),
    fails(
        "HV2101",
        "one-page",
        a_system(
            a_vm("la", passes=(passed(window(0x1000_0000, 0x2000)),)),
            a_vm("ivi", passes=(passed(window(0x2000_0000, 0x1000, host=0x1000_1000)),)),
        ),
        "0x10001000..0x10002000",
        "0x10000000..0x10002000",
        places=2,
    ),
    fails(
        "HV2101",
        "read-only",
        a_system(
            a_vm("la", passes=(passed(window(0x1000_0000, flags="rn")),)),
            a_vm("ivi", passes=(passed(window(0x1000_0000, flags="rn")),)),
        ),
        places=2,
        warning=True,
    ),
    passes(
        "HV2101",
        "same-guest-address",
        a_system(
            a_vm("la", passes=(passed(window(0x1000_0000, host=0x5000_0000)),)),
            a_vm("ivi", passes=(passed(window(0x1000_0000, host=0x5000_1000)),)),
        ),
    ),
    passes("HV2101", "same-guest-ram-base", a_system(a_vm("core"), a_vm("media"))),
    fails(
        "HV2102",
        "over-firmware",
        a_system(
            a_vm(memory=(), passes=(passed(window(0x8000_0000, GIB, "rwcxm")),)),
            reserved=(region("firmware", 0x8500_0000, 64 * MIB),),
        ),
        "0x85000000..0x89000000",
        places=2,
    ),
    passes(
        "HV2102",
        "up-to-firmware",
        a_system(
            a_vm(memory=(), passes=(passed(window(0x8000_0000, 0x500_0000, "rwcxm")),)),
            reserved=(region("firmware", 0x8500_0000, 64 * MIB),),
        ),
    ),
    fails(
        "HV2103",
        "variant-enlarged",
        a_system(
            regions=regions(region("mpss", 0x8600_0000, 0x8C0_0000), region("wlan", 0x8E00_0000, 0x100_0000))
        ),
        "0x86000000..0x8ec00000",
        "0x8e000000..0x8f000000",
        places=2,
    ),
    passes(
        "HV2103",
        "touching",
        a_system(
            regions=regions(region("mpss", 0x8600_0000, 0x800_0000), region("wlan", 0x8E00_0000, 0x100_0000))
        ),
    ),
    fails("HV2104", "odd", a_system(regions=regions(region("pool", 0x8600_0000, 0x1800))), "0x1800"),
    passes("HV2104", "page", a_system(regions=regions(region("pool", 0x8600_0000, 0x1000)))),
    fails(
        "HV2105",
        "misspelt",
        a_system(a_vm(memory=(), passes=(lent("gvm_sysram9"),)), regions=regions(SYSRAM), complete=True),
        "`gvm_sysram9`",
        "did you mean `gvm_sysram1`?",
        also=("HV2108",),
    ),
    passes("HV2105", "host-not-known", a_system(a_vm(memory=(), passes=(lent("gvm_sysram9"),)))),
    passes(
        "HV2105",
        "host-known-in-part",
        a_system(
            a_vm(memory=(), passes=(lent("android_pool"),)),
            regions=regions(region("dma", 0x1_0000_0000, GIB)),
        ),
    ),
    fails(
        "HV2106",
        "too-much",
        a_system(
            a_vm("la", memory=(ram(size=4 * GIB),)), a_vm("ivi", memory=(ram(size=3 * GIB),)), banks=BOARD
        ),
        "7GiB",
        "6GiB",
        places=2,
    ),
    passes(
        "HV2106",
        "to-the-last-byte",
        a_system(
            a_vm("la", memory=(ram(size=4 * GIB),)), a_vm("ivi", memory=(ram(size=2 * GIB),)), banks=BOARD
        ),
    ),
    fails(
        "HV2113",
        "host-starves",
        a_system(a_vm(memory=(ram(size=5 * GIB),)), banks=BOARD, needs=2 * GIB, vm_overhead=64 * MIB),
        "960MiB",
        places=2,
    ),
    passes(
        "HV2113",
        "just-enough",
        a_system(
            a_vm(memory=(ram(size=4 * GIB),)), banks=BOARD, needs=2 * GIB - 64 * MIB, vm_overhead=64 * MIB
        ),
    ),
    fails(
        "HV2107",
        "fragmented",
        a_system(
            banks=BOARD,
            regions=regions(
                region("middle", 0x1_8000_0000, 0x1000), region("pool", None, 3 * GIB, external=False)
            ),
        ),
        "2GiB",
    ),
    passes(
        "HV2107",
        "in-one-piece",
        a_system(
            banks=BOARD,
            regions=regions(region("middle", 0x1_0000_0000, 0x1000), region("pool", None, 3 * GIB)),
        ),
    ),
    fails("HV2108", "forgotten", a_system(regions=regions(SYSRAM)), "`gvm_sysram1`", warning=True),
    passes("HV2108", "taken", a_system(FROM_REGION, regions=regions(SYSRAM))),
    fails(
        "HV2109",
        "five-gib",
        a_system(regions=regions(region("pool", 0x1_0000_0000, 5 * GIB)), size_cells=1),
        "0x140000000",
    ),
    passes(
        "HV2109",
        "below-four-gib",
        a_system(regions=regions(region("pool", 0x1_0000_0000, 4 * GIB - 0x1000)), size_cells=1),
    ),
    fails(
        "HV2110",
        "swapped",
        a_system(
            a_vm(memory=(), passes=(lent("gvm_sysram1"), lent("gvm_sysram2"))),
            regions=regions(SYSRAM, SYSRAM2),
            region_order=("gvm_sysram2", "gvm_sysram1"),
        ),
        "`gvm_sysram2` and `gvm_sysram1`",
        places=2,
        warning=True,
    ),
    passes(
        "HV2110",
        "in-order",
        a_system(
            a_vm(memory=(), passes=(lent("gvm_sysram2"), lent("gvm_sysram1"))),
            regions=regions(SYSRAM, SYSRAM2),
            region_order=("gvm_sysram2", "gvm_sysram1", "gvm_pmem"),
        ),
    ),
    fails(
        "HV2111",
        "splash-screen",
        a_system(
            FROM_REGION,
            regions=regions(
                region("gvm_sysram1", 0x1_0000_0000, GIB, before="the boot loader's splash screen")
            ),
        ),
        "splash screen",
        places=2,
        warning=True,
    ),
    passes("HV2111", "cleared", a_system(FROM_REGION, regions=regions(SYSRAM))),
    fails(
        "HV2114",
        "of-another-guest",
        a_system(
            a_vm("ivi", memory=(), passes=(lent("gvm_sysram1"),)),
            regions=regions(SYSRAM),
        ),
        "guest `la`",
        places=2,
    ),
    passes("HV2114", "own", a_system(FROM_REGION, regions=regions(SYSRAM))),
    fails(
        "HV2104",
        "of-a-guest",
        a_system(FROM_REGION, regions=regions(region("gvm_sysram1", 0x1_0000_0000, GIB + 0x800, **LA))),
    ),
    fails(
        "HV2112",
        "on-8.0",
        a_system(a_vm(passes=(passed(window(0xE605_5400, 0x50)),)), target="qnx-8.0"),
        "0xe6055400",
        "0x50",
    ),
    fails(
        "HV2112",
        "on-7.1",
        a_system(a_vm(passes=(passed(window(0xE605_5400, 0x50)),))),
        warning=True,
    ),
    passes("HV2112", "whole-page", a_system(a_vm(passes=(passed(window(0xE605_5000)),)), target="qnx-8.0")),
)
