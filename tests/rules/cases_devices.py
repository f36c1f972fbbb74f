"""HV30xx to HV33xx: cases of devices, interrupts, what is passed, and single kinds of devices."""

from typing import Any

from builders import (
    GIB,
    a_place,
    a_system,
    a_vm,
    device,
    devices,
    intr,
    passed,
    vdev,
    window,
)
from rule_case import fails, passes

from hvbuild.model.system import System
from hvbuild.model.vm import PassInterrupt, PassPci, Space, Vdev
from hvbuild.ranges import AddressRange

UART = vdev("pl011", 0x1C09_0000, 37)
PC = (
    vdev("ioapic", 0xF800_0000, intr(None, "apic"), name="myioapic"),
    vdev("timer8254", line=intr(0, "myioapic")),
    vdev("hpet", 0xF800_8000, (intr(0, "myioapic"), intr(8, "myioapic"))),
)


def one(*vdevs: Any, **more: Any) -> System:
    """A system of one VM with these devices."""
    target = more.pop("target", "qnx-7.1")
    host = {key: more.pop(key) for key in ("architecture",) if key in more}
    return a_system(a_vm(vdevs=vdevs, **more), target=target, **host)


def handing(*contexts: Any, **more: Any) -> System:
    """A system of one VM that is handed these."""
    return a_system(a_vm(passes=contexts), **more)


def interrupt(line: int, vector: int | None, attribute: str) -> Any:
    return PassInterrupt(line=intr(line), vector=vector, attribute=attribute, origin=a_place())


def pci(host: str, guest: str = "") -> Any:
    return PassPci(host=host, guest=guest, origin=a_place())


def two(first: Any, second: Any, **more: Any) -> System:
    """Two VMs, each handed one context."""
    return a_system(a_vm("la", passes=(first,)), a_vm("ivi", passes=(second,)), **more)


SPI = device("spi0", 0xFE20_4000, interrupts=(150,), dma=False)
ETH = device("eth0", 0xFD58_0000, 0x10000, interrupts=(189, 190), dma=True, stream_ids=(7,), group="gbe")
PHY = device("mdio0", 0xFD5A_0000, group="gbe")
WLAN = device("wlan0", 0xFE30_0000, dma=True, stream_ids=(7,))
GIC = device("gic", 0xFF84_0000, 0x8000, controller=True)
BOARD = devices(SPI, ETH, PHY, GIC)

CLASHES = (
    fails(
        "HV3001",
        "same-place",
        one(UART, vdev("virtio-entropy", 0x1C09_0000, 46)),
        "0x1c090000..0x1c091000",
        "0x1c090000..0x1c090200",
        places=2,
    ),
    fails(
        "HV3001",
        "ports",
        one(vdev("8259", 0x20, space=Space.IO), vdev("8259", 0x21, space=Space.IO)),
        "0x20..0x22",
        places=2,
    ),
    fails(
        "HV3001",
        "pci-slot",
        one(vdev("virtio-net", "0:4", peer="/dev/vdevpeers/vp0"), vdev("virtio-blk", "0:4.0")),
        "0:4.0",
        places=2,
    ),
    passes("HV3001", "next-page", one(UART, vdev("virtio-entropy", 0x1C09_1000, 46))),
    passes("HV3001", "unnamed-pci-devices", one(vdev("shmem"), vdev("shmem"), vdev("virtio-blk"))),
    passes(
        "HV3001",
        "port-and-address",
        one(vdev("8259", 0x20, space=Space.IO), vdev("8259", 0xA0, space=Space.IO)),
    ),
    fails(
        "HV3002",
        "pass-over-uart",
        one(UART, passes=(passed(window(0x1C00_0000, 0x10_0000)),)),
        "0x1c000000..0x1c100000",
        "0x1c090000..0x1c091000",
        places=2,
    ),
    passes("HV3002", "pass-up-to-uart", one(UART, passes=(passed(window(0x1C00_0000, 0x9_0000)),))),
    fails(
        "HV3003",
        "one-page",
        handing(passed(window(0x1000_0000, 0x2000)), passed(window(0x1000_1000, 0x1000, host=0x5000_0000))),
        "0x10001000..0x10002000",
        places=2,
    ),
    passes("HV3003", "touching", handing(passed(window(0x1000_0000)), passed(window(0x1000_1000)))),
)

DEVICES = (
    fails("HV3004", "uart-without-interrupt", one(vdev("pl011", 0x1C09_0000)), "`intr`"),
    fails("HV3004", "mapped-virtio", one(vdev("virtio-blk", 0x1C0D_0000)), "`intr`"),
    passes("HV3004", "watchdog-and-smmu", one(vdev("wdt-sp805"), vdev("smmu"))),
    passes("HV3004", "pci-virtio", one(vdev("virtio-blk"), *PC)),
    fails("HV3005", "net-without-peer", one(vdev("virtio-net", 0x1C0C_0000, 40)), "`peer`"),
    passes("HV3005", "tap", one(vdev("virtio-net", 0x1C0C_0000, 40, tapdev="tap0"))),
    fails("HV3006", "misspelt", one(vdev("vritio-blk", 0x1C0D_0000, 41)), "`virtio-blk`", warning=True),
    passes("HV3006", "third-party", one(vdev("qvm-camera", 0x1C0D_0000, 41))),
    fails(
        "HV3011",
        "misspelt",
        one(vdev("virtio-blk", 0x1C0D_0000, 41, hostdevv="/dev/disk")),
        "`hostdevv`",
        "did you mean `hostdev`",
    ),
    passes("HV3011", "third-party", one(vdev("qvm-camera", 0x1C0D_0000, 41, hostdevv="/dev/disk"))),
    fails("HV3007", "pc-on-arm", one(vdev("hpet", 0xF800_8000), architecture="aarch64"), "x86"),
    fails("HV3007", "uart-on-pc", one(UART, architecture="x86_64"), "Arm"),
    fails(
        "HV3007",
        "port-on-arm",
        a_system(a_vm(passes=(passed(window(0x2F8, 8, "", space=Space.IO)),)), architecture="aarch64"),
        "x86 port",
    ),
    passes("HV3007", "pc-on-pc", one(*PC, architecture="x86_64")),
    fails("HV3008", "two", one(vdev("virtio-blk", name="disk"), vdev("virtio-blk", name="disk")), places=2),
    passes("HV3008", "unnamed", one(vdev("virtio-blk"), vdev("virtio-blk"))),
    fails(
        "HV3009", "two", a_system(a_vm("a", system="sdv-1"), a_vm("b", system="sdv-1")), "`sdv-1`", places=2
    ),
    passes("HV3009", "no-name", a_system(a_vm("a", system=""), a_vm("b", system=""))),
    fails(
        "HV3010",
        "four-inputs",
        one(*(vdev("virtio-input", screen="touch") for _ in range(4))),
        "more than 3",
    ),
    passes("HV3010", "three-inputs", one(*(vdev("virtio-input", screen="touch") for _ in range(3)))),
)

INTERRUPTS = (
    fails(
        "HV3101",
        "device-and-pass",
        one(UART, passes=(passed(window(0xFE20_4000), lines=[(37, 150)]),)),
        "`gic:37`",
        places=2,
    ),
    fails("HV3101", "uart-on-timer-line", one(*PC, vdev("ser8250", line=intr(0, "myioapic"))), places=2),
    passes("HV3101", "timers-of-a-pc", one(*PC)),
    passes("HV3101", "two-controllers", one(*PC, vdev("virtio-blk", line=intr(8, "apic")))),
    fails(
        "HV3102",
        "two-guests",
        two(passed(lines=[(44, 150)]), passed(lines=[(50, 150)])),
        "guests `la` and `ivi`",
        places=2,
    ),
    fails("HV3102", "implied-vector", two(passed(lines=[(144, None)]), passed(lines=[(44, 144)])), places=2),
    fails("HV3102", "one-guest", handing(passed(lines=[(44, 150)]), passed(lines=[(45, 150)])), places=2),
    passes("HV3102", "same-guest-line", two(passed(lines=[(44, 150)]), passed(lines=[(44, 151)]))),
    fails(
        "HV3103", "misspelt", one(*PC, vdev("ser8250", line=intr(4, "myiopic"))), "did you mean `myioapic`?"
    ),
    fails(
        "HV3103",
        "renamed-gic",
        one(vdev("gic", name="gary"), vdev("pl011", 0x1C09_0000, 37)),
        "`gic`",
    ),
    passes(
        "HV3103", "named-gic", one(vdev("gic", name="gary"), vdev("pl011", 0x1C09_0000, intr(37, "gary")))
    ),
    fails("HV3104", "late", one(vdev("ser8250", line=intr(4, "myioapic")), *PC), places=2),
    passes("HV3104", "implicit-gic", one(UART, vdev("gic", version=3))),
    fails("HV3105", "software", one(vdev("pl011", 0x1C09_0000, 5)), "`gic:37`"),
    fails("HV3105", "above", one(vdev("pl011", 0x1C09_0000, 1020)), "16 to 1019"),
    passes("HV3105", "last", one(vdev("pl011", 0x1C09_0000, 1019))),
    fails("HV3106", "spi-number", one(vdev("pl011", 0x1C09_0000, 16)), "`gic:48`", warning=True),
    passes("HV3106", "first-shared", one(vdev("pl011", 0x1C09_0000, 32))),
    fails(
        "HV3107",
        "apic-on-arm",
        one(vdev("shmem", 0x1C05_0000, intr(None, "apic")), architecture="aarch64"),
        "`apic`",
    ),
    passes("HV3107", "apic-on-pc", one(vdev("shmem", line=intr(None, "apic")), architecture="x86_64")),
    fails(
        "HV3108",
        "of-ethernet",
        handing(passed(window(0xFE20_4000), lines=[(44, 189)], device="spi0"), devices=BOARD),
        "`eth0`",
        places=2,
        warning=True,
    ),
    passes(
        "HV3108",
        "own",
        handing(passed(window(0xFE20_4000), lines=[(44, 150)], device="spi0"), devices=BOARD),
    ),
    fails(
        "HV3109", "t-on-8.0", handing(passed(interrupts=(interrupt(44, 150, "t"),)), target="qnx-8.0"), "`t`"
    ),
    fails(
        "HV3109",
        "u-on-7.0",
        handing(passed(interrupts=(interrupt(44, 150, "u"),)), target="qnx-7.0"),
        also=("HV3110",),
    ),
    passes("HV3109", "t-on-7.1", handing(passed(interrupts=(interrupt(44, 150, "t"),)))),
    fails("HV3110", "early", handing(passed(interrupts=(interrupt(44, 150, "u"),))), warning=True),
    passes("HV3110", "plain", handing(passed(interrupts=(interrupt(44, 150, ""),)))),
    fails("HV3111", "colon", one(vdev("ioapic", 0xF800_0000, intr(None, "apic"), name="my:pic")), "colon"),
    passes("HV3111", "colon-elsewhere", one(vdev("virtio-blk", name="my:disk"))),
)

EVERY = (AddressRange(0xFD58_0000, 0xFD59_0000), AddressRange(0xFD5C_0000, 0xFD5C_1000))
WIDE = devices(device("eth0", 0, windows=EVERY, interrupts=(189, 190), dma=False))
ETH_REGISTERS = window(0xFD58_0000, 0x10000, "rwd")
ETH_LINES = [(44, 189), (45, 190)]
ETH_PASS = passed(ETH_REGISTERS, lines=ETH_LINES, device="eth0")
UNITY = (passed(window(0x8000_0000, GIB, "rwcxm")),)

HANDED = (
    fails("HV3201", "both", handing(passed(window(0x1_0000_0000, 0x1000, "md"))), "`m` and `d`"),
    passes("HV3201", "memory", handing(passed(window(0x1_0000_0000, 0x1000, "m")))),
    fails("HV3202", "read-only", handing(passed(window(0x1000_0000, flags="rd"))), "`w`", warning=True),
    passes("HV3202", "read-write", handing(passed(window(0x1000_0000, flags="rwd")))),
    fails("HV3203", "neither", handing(passed(window(0x1000_0000, flags="rw")), smmuman=True), "`d` nor `n`"),
    passes("HV3203", "said", handing(passed(window(0x1000_0000, flags="rwn")), smmuman=True)),
    passes("HV3203", "no-smmuman", handing(passed(window(0x1000_0000, flags="rw")), smmuman=False)),
    fails("HV3204", "not-unity", handing(passed(window(0x1000_0000, flags="rwd")), smmuman=False), "smmuman"),
    passes(
        "HV3204",
        "unity",
        a_system(a_vm(memory=(), passes=(*UNITY, passed(window(0x1000_0000, flags="rwd")))), smmuman=False),
    ),
    fails(
        "HV3205",
        "no-smmu",
        handing(ETH_PASS, devices=BOARD, smmu=False),
        "eth0",
        places=2,
        warning=True,
    ),
    passes(
        "HV3205",
        "waived",
        handing(
            passed(ETH_REGISTERS, lines=ETH_LINES, device="eth0", waiver="bounce buffers only"),
            devices=BOARD,
            smmu=False,
        ),
    ),
    passes("HV3205", "smmu", handing(ETH_PASS, devices=BOARD, smmu=True, smmuman=True)),
    fails(
        "HV3206",
        "passed-as-harmless",
        handing(
            passed(window(0xFD58_0000, 0x10000, "rwn"), lines=ETH_LINES, device="eth0"),
            devices=BOARD,
            smmu=True,
            smmuman=True,
        ),
        "`rwn`",
        places=2,
    ),
    passes(
        "HV3206",
        "no-dma",
        handing(passed(window(0xFE20_4000, flags="rwn"), lines=[(44, 150)], device="spi0"), devices=BOARD),
    ),
    fails(
        "HV3207",
        "gic",
        handing(passed(window(0x1000_0000, 0x1000, host=0xFF84_1000)), devices=BOARD),
        "`gic`",
        "0xff840000..0xff848000",
        places=2,
    ),
    passes(
        "HV3207", "beside-gic", handing(passed(window(0x1000_0000, 0x1000, host=0xFF84_8000)), devices=BOARD)
    ),
    fails(
        "HV3208",
        "misspelt",
        handing(passed(window(0xFE20_4000), lines=[(44, 150)], device="spi1"), devices=BOARD),
        "did you mean `spi0`?",
    ),
    passes("HV3208", "board-not-known", handing(passed(window(0xFE20_4000), device="spi1"))),
    fails(
        "HV3209",
        "window-and-interrupt",
        handing(passed(window(0xFD58_0000, 0x10000), lines=[(44, 189)], device="eth0"), devices=WIDE),
        "0xfd5c0000..0xfd5c1000",
        "1 of 2 interrupts",
        places=2,
        warning=True,
    ),
    passes(
        "HV3209",
        "whole",
        handing(
            passed(
                window(0xFD58_0000, 0x10000),
                window(0xFD5C_0000),
                lines=[(44, 189), (45, 190)],
                device="eth0",
            ),
            devices=WIDE,
        ),
    ),
    fails(
        "HV3210",
        "two-guests",
        two(passed(pci=(pci("0:2.0"),)), passed(pci=(pci("pci:0:2.0"),))),
        "`0:2.0`",
        places=2,
    ),
    passes("HV3210", "two-functions", two(passed(pci=(pci("0:2.0"),)), passed(pci=(pci("0:2.1"),)))),
    fails(
        "HV3211",
        "group",
        two(ETH_PASS, passed(window(0xFD5A_0000), device="mdio0"), devices=BOARD, smmu=True),
        "group `gbe`",
        places=2,
    ),
    fails(
        "HV3211",
        "stream",
        two(
            ETH_PASS,
            passed(window(0xFE30_0000, flags="rwd"), device="wlan0"),
            devices=devices(ETH, WLAN),
            smmu=True,
        ),
        "stream id 0x7",
        places=2,
    ),
    passes(
        "HV3211",
        "one-owner",
        handing(ETH_PASS, passed(window(0xFD5A_0000), device="mdio0"), devices=BOARD, smmu=True),
    ),
    fails("HV3212", "bus-1", handing(passed(pci=(pci("0:2.0", "1:2.0"),))), "bus 1"),
    passes("HV3212", "bus-0", handing(passed(pci=(pci("3:2.0", "0:2.0"),)))),
    fails("HV3213", "on-8.0", handing(passed(window(0x1000_0000, None)), target="qnx-8.0"), "`qnx-8.0`"),
    passes("HV3213", "on-7.1", handing(passed(window(0x1000_0000, None)))),
    fails("HV3214", "write-only", handing(passed(window(0x1000_0000, flags="wn"))), "`wn`", warning=True),
    passes("HV3214", "read-write", handing(passed(window(0x1000_0000, flags="rwn")))),
)


def net(name: str, peer: str, **options: Any) -> Any:
    return vdev("virtio-net", name=name, peer=peer, **options)


def linked(first: str, second: str) -> System:
    return a_system(
        a_vm("la", vdevs=(net("p", "/dev/qvm/ivi/p", mac=first),)),
        a_vm("ivi", vdevs=(net("p", "/dev/qvm/la/p", mac=second),)),
    )


def shmem(*vms: dict[str, Any]) -> System:
    return a_system(*(a_vm(f"g{i}", vdevs=(vdev("shmem", **options),)) for i, options in enumerate(vms)))


def _net(**options: str) -> Vdev:
    return vdev("virtio-net", 0x1C0C_0000, 40, peer="/dev/vdevpeers/vp0", **options)  # type: ignore[arg-type]


KINDS = (
    fails("HV3301", "on-one-link", linked("02:00:00:00:00:01", "02:00:00:00:00:01"), places=2),
    fails(
        "HV3301",
        "apart",
        a_system(
            a_vm("la", vdevs=(net("p", "/dev/vdevpeers/vp0", mac="02:00:00:00:00:01"),)),
            a_vm("ivi", vdevs=(net("p", "/dev/vdevpeers/vp1", mac="02:00:00:00:00:01"),)),
        ),
        places=2,
        warning=True,
    ),
    passes("HV3301", "two", linked("02:00:00:00:00:01", "02:00:00:00:00:02")),
    fails("HV3302", "vendor", linked("00:1c:42:00:00:01", "02:00:00:00:00:02"), "02", warning=True),
    passes("HV3302", "local", linked("0a:1c:42:00:00:01", "02:00:00:00:00:02")),
    fails("HV3303", "mixed", shmem({"allow": "a*", "deny": "ab"}), places=2, warning=True),
    passes("HV3303", "two-allowed", shmem({"allow": ["a*", "b*"]})),
    fails("HV3304", "odd", shmem({"create": "box,0x1800"}), "0x1800", warning=True),
    passes("HV3304", "page", shmem({"create": "box,4K"})),
    fails("HV3305", "32-bytes", shmem({"create": "x" * 32 + ",4K"}), "32 bytes"),
    passes("HV3305", "31-bytes", shmem({"create": "x" * 31 + ",4K"})),
    fails(
        "HV3306", "sizes", shmem({"create": "box,4K"}, {"create": "box,8K"}), "8KiB", places=2, warning=True
    ),
    passes("HV3306", "same", shmem({"create": "box,4K"}, {"create": "box,0x1000"})),
    fails("HV3307", "twice", shmem({"allow": ["box", "box"]}), "`box` twice", places=2, warning=True),
    passes("HV3307", "create-and-allow", shmem({"create": "box,4K", "allow": "box"})),
    fails("HV3308", "17", shmem(*({"allow": "box"} for _ in range(17))), "17 guests"),
    passes("HV3308", "16", shmem(*({"allow": "box"} for _ in range(16)))),
    fails("HV3309", "no-dump", one(vdev("wdt-sp805", action="dump,terminate")), warning=True),
    passes("HV3309", "dump", one(vdev("wdt-sp805", action="dump,terminate"), dump="/data/dumps")),
    fails("HV3310", "its-alone", one(vdev("gic", its="0x2f020000")), "`num-lpis`"),
    passes("HV3310", "its-and-lpis", one(vdev("gic", its="0x2f020000", num_lpis="8192"))),
    fails("HV3311", "mac", one(_net(mac="02:00")), "is not a MAC address"),
    fails("HV3311", "no-number", one(_net(peerfeats="many")), "is not a number"),
    fails("HV3311", "two", one(vdev("virtio-blk", 0x1C0D_0000, 41, hostdev=["/a", "/b"])), "holds one value"),
    fails("HV3311", "none", one(vdev("virtio-blk", 0x1C0D_0000, 41, hostdev=True)), "takes one value"),
    passes("HV3311", "two-ends", one(vdev("pl011", 0x1C09_0000, 37, hostdev=["<-", ">-"]))),
    fails("HV3311", "gic-5", one(vdev("gic", version="5")), "`version 5`"),
    fails("HV3311", "gic-2-on-8.0", one(vdev("gic", version="2"), target="qnx-8.0"), "`qnx-8.0`"),
    fails("HV3311", "few-lpis", one(vdev("gic", its="0x2f020000", num_lpis="1024")), "8192 to 65536"),
    passes("HV3311", "gic-2-on-8.0.4", one(vdev("gic", version="2"), target="qnx-8.0.4")),
)

CASES = (*CLASHES, *DEVICES, *INTERRUPTS, *HANDED, *KINDS)
