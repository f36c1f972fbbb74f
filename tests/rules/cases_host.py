"""HV50xx and HV52xx: cases of the host image and of facts that are said in several places."""

from typing import Any

from builders import (
    GIB,
    a_place,
    a_system,
    a_vm,
    device,
    devices,
    launch,
    partition,
    passed,
    service,
    vdev,
    window,
)
from rule_case import fails, passes

from hvbuild.model.evidence import (
    BootImage,
    GuestCommand,
    GuestFacts,
    GuestNeeds,
    GuestTree,
    ImageFacts,
    SizeLimit,
    TreeDevice,
    TreeRange,
)
from hvbuild.model.system import System
from hvbuild.model.vm import Load
from hvbuild.ranges import AddressRange

UART = vdev("pl011", 0x1C09_0000, 37, hostdev=">-")
DISK = vdev("virtio-blk", 0x1C0D_0000, 41, hostdev="/dev/qvmdisk0")
FILES = frozenset(
    {"/sbin/qvm", "/lib/dll/vdev-pl011.so", "/lib/dll/vdev-virtio-blk.so", "/lib/dll/vdev-virtio-net.so"}
)


def load(path: str, blob: str = "", address: int | None = None) -> Load:
    return Load(path=path, blob=blob, address=address, origin=a_place())


def booting(*loads: Any, **more: Any) -> System:
    return a_system(a_vm(loads=loads), image_files=FILES | {"/guests/la/Image"}, **more)


def disks(disk: Any = DISK, **more: Any) -> System:
    return a_system(a_vm(vdevs=(disk,)), **more)


RAMDISK = service("devb-ram", command="devb-ram disk name=qvmdisk", provides=("/dev/qvmdisk0",))
PTY = service("devc-pty", provides=("/dev/ptyp[0-9]",))
SPI = device("spi0", 0xFE20_4000, interrupts=(150,), drivers=("spi-bcm2711",))


def handed(**more: Any) -> System:
    context = passed(window(0xFE20_4000), lines=[(44, 150)], device="spi0")
    return a_system(a_vm(passes=(context,)), devices=devices(SPI), **more)


def facts(*, vm: Any = None, host: Any = None, **known: Any) -> System:
    """A guest of whose own files something is known."""
    return a_system(vm or a_vm(vdevs=(UART, DISK)), guests={"la": GuestFacts(**known)}, **(host or {}))


def an_image(**more: Any) -> tuple[ImageFacts, ...]:
    return (ImageFacts(**{"path": "/guests/la/Image", "origin": a_place(), **more}),)


def booted(image: tuple[ImageFacts, ...] = (), **more: Any) -> System:
    """A host whose boot image holds the guest's kernel."""
    boot = BootImage(**{"address": 0x8_0000, "origin": a_place(), **more})
    held = FILES | {"/guests/la/Image"}
    return facts(vm=KERNEL, images=image, host={"boot_image": boot, "image_files": held})


FLASH = SizeLimit(size=4096, what="the flash of `b`", origin=a_place())
KERNEL = a_vm(loads=(load("/guests/la/Image"),))
TREE = a_vm(loads=(load("/guests/la/Image"), load("/guests/la/la.dtb", "fdt")))

IMAGE = (
    fails(
        "HV5001",
        "no-library",
        a_system(a_vm(vdevs=(vdev("shmem"), vdev("shmem"))), image_files=FILES),
        "`vdev-shmem.so`",
    ),
    passes("HV5001", "built-in", a_system(a_vm(vdevs=(UART, vdev("gic", version="3"))), image_files=FILES)),
    passes(
        "HV5001",
        "certified-variant",
        a_system(a_vm(vdevs=(vdev("shmem"),)), image_files=FILES | {"/lib/dll/vdev-shmem-safety.so"}),
    ),
    fails("HV5002", "no-qvm", a_system(a_vm(vdevs=(UART,)), image_files=FILES - {"/sbin/qvm"})),
    passes("HV5002", "elsewhere", a_system(image_files=frozenset({"/proc/boot/qvm"}))),
    fails("HV5003", "misspelt", booting(load("/guests/la/image"), complete=True), "`/guests/la/Image`"),
    fails("HV5003", "host-known-in-part", booting(load("/guests/la/image")), warning=True),
    passes("HV5003", "perhaps-on-a-partition", booting(load("/data/la/Image"))),
    passes("HV5003", "in-image", booting(load("/guests/la/Image"), load("Image"))),
    passes("HV5003", "outside", booting(load("/data/la/Image"), outside=("/data",), complete=True)),
    fails("HV5004", "nobody", disks(services=(PTY,), complete=True), "`/dev/qvmdisk0`"),
    fails("HV5004", "host-known-in-part", disks(services=()), warning=True),
    passes("HV5004", "service", disks(services=(RAMDISK,), complete=True)),
    passes(
        "HV5004",
        "pattern",
        disks(vdev("virtio-console", hostdev="/dev/ptyp7"), services=(PTY,), complete=True),
    ),
    passes(
        "HV5004",
        "own-streams",
        disks(vdev("virtio-console", hostdev=[">-", '>"|tee x"']), services=(), complete=True),
    ),
    fails(
        "HV5005",
        "too-late",
        disks(services=(PTY, RAMDISK), launches={"la": launch(position=1)}),
        "devb-ram",
        places=3,
    ),
    passes("HV5005", "before", disks(services=(RAMDISK, PTY), launches={"la": launch(position=1)})),
    passes(
        "HV5005",
        "delayed",
        disks(
            vdev("virtio-blk", 0x1C0D_0000, 41, hostdev="/dev/qvmdisk0", delayed="5"),
            services=(PTY, RAMDISK),
            launches={"la": launch(position=1)},
        ),
    ),
    fails("HV5006", "drives", handed(services=(service("spi-master", drives=("spi0",)),)), places=2),
    fails(
        "HV5006",
        "address",
        handed(services=(service("spi-master", command="spi-master -d base=0xfe204000,irq=150"),)),
        places=2,
    ),
    fails(
        "HV5006",
        "program",
        handed(services=(service("spi", command="/sbin/spi-bcm2711 &"),)),
        places=2,
        warning=True,
    ),
    fails(
        "HV5006",
        "no-board",
        a_system(
            a_vm(passes=(passed(window(0xFE20_4000), lines=[(44, 150)]),)),
            services=(service("spi-master", command="spi-master -d base=0xfe204000,irq=150"),),
        ),
        places=2,
    ),
    passes(
        "HV5006",
        "other-device",
        handed(services=(service("spi", command="spi-bcm2711", drives=("spi3",)),)),
    ),
    fails("HV5007", "misspelt", a_system(launches={"al": launch("al")}), "`la`", warning=True),
    passes("HV5007", "started", a_system(launches={"la": launch()})),
    fails(
        "HV5008",
        "8.0",
        a_system(
            a_vm(vdevs=(vdev("virtio-net", peer="/dev/vdevpeers/vp0"),)),
            target="qnx-8.0",
            image_files=FILES,
            complete=True,
        ),
        "`mods-vdevpeer-net.so` and `vpctl`",
    ),
    fails(
        "HV5008",
        "7.1",
        a_system(a_vm(vdevs=(vdev("virtio-net", peer="/dev/vdevpeers/vp0"),)), image_files=FILES),
        "`devnp-vdevpeer-net.so`",
        warning=True,
    ),
    passes(
        "HV5008",
        "between-guests",
        a_system(a_vm(vdevs=(vdev("virtio-net", peer="/dev/qvm/ivi/p"),)), image_files=FILES),
    ),
    fails("HV5009", "20", a_system(startup_arguments=("-v",) * 20), "20 arguments"),
    passes("HV5009", "19", a_system(startup_arguments=("-v",) * 19)),
    fails(
        "HV5010",
        "no-module",
        a_system(partitions={"a": partition("a", 20)}, modules=("qvm",)),
        "`aps`",
    ),
    passes("HV5010", "module", a_system(partitions={"a": partition("a", 20)}, modules=("qvm", "aps"))),
    fails("HV5011", "no-module-on-7.1", a_system(modules=("aps",)), "module=qvm"),
    fails("HV5011", "module-on-8.0", a_system(modules=("qvm",), target="qnx-8.0"), "no module `qvm`"),
    fails("HV5011", "no-option-on-8.0", a_system(startup_arguments=("-v",), target="qnx-8.0"), "-Q enable"),
    fails("HV5011", "option-on-7.1", a_system(startup_arguments=("-Qenable",)), "from 8.0 on"),
    passes(
        "HV5011",
        "8.0.4",
        a_system(modules=(), startup_arguments=("-Q", "enable,el1-host"), target="qnx-8.0.4"),
    ),
    passes("HV5011", "7.1", a_system(modules=("qvm-safety",), startup_arguments=("-v",))),
    fails("HV5012", "not-there", facts(images=an_image(exists=False)), "does not exist"),
    fails("HV5012", "empty", facts(images=an_image(size=0)), "empty"),
    passes("HV5012", "there", facts(images=an_image(size=4096))),
    fails("HV5013", "tree-as-kernel", facts(vm=KERNEL, images=an_image(kind="dtb")), "dtb"),
    fails(
        "HV5013",
        "kernel-as-tree",
        facts(vm=TREE, images=an_image(path="/guests/la/la.dtb", kind="linux")),
        "linux",
    ),
    passes("HV5013", "kernel", facts(vm=KERNEL, images=an_image(kind="linux"))),
    passes(
        "HV5013",
        "tree-without-type",
        facts(
            vm=a_vm(loads=(load("/guests/la/Image"), load("/guests/la/la.dtb"))),
            images=an_image(path="/guests/la/la.dtb", kind="dtb"),
        ),
    ),
    fails("HV5014", "elsewhere", booted(loaded_at=0x4008_0000), "built for 0x80000", "puts it at 0x40080000"),
    passes("HV5014", "there", booted(loaded_at=0x8_0000)),
    passes("HV5014", "not-known", booted(loaded_at=None)),
    passes("HV5014", "linked-where-the-boot-type-says", booted(address=None, loaded_at=0x8_0000)),
    fails(
        "HV5015",
        "larger",
        booted(an_image(size=4097), limits=(FLASH,), plain=True),
        "4097 bytes, the flash of `b` takes 4096",
    ),
    passes("HV5015", "as-large", booted(an_image(size=4096), limits=(FLASH,), plain=True)),
    passes("HV5015", "compressed", booted(an_image(size=4097), limits=(FLASH,))),
    passes(
        "HV5015",
        "on-a-partition-of-its-own",
        booted(an_image(path="/data/Image", size=4097), limits=(FLASH,), plain=True),
    ),
)


def net(name: str, peer: str) -> Any:
    return vdev("virtio-net", name=name, peer=peer)


def pair(first: Any, second: Any, **more: Any) -> System:
    return a_system(a_vm("la", vdevs=(first,)), a_vm("ivi", vdevs=(second,)), **more)


def bound(*commands: str, guest: Any = None, **more: Any) -> System:
    vm = guest or a_vm(vdevs=(net("p0", "/dev/vdevpeers/vp0"),))
    return a_system(vm, services=tuple(service("vpctl", command=each) for each in commands), **more)


def linux(cmdline: str, *vdevs: Any, **more: Any) -> System:
    return a_system(a_vm(cmdline=cmdline, vdevs=vdevs or (UART, DISK), **more))


VP0 = "vpctl vp0 peer=/dev/qvm/la/p0 bind=/dev/vdevpeers/vp0"

AGREEMENT = (
    fails(
        "HV5201", "no-device", pair(net("p", "/dev/qvm/ivi/q"), net("p", "/dev/qvm/la/p")), "`/dev/qvm/ivi/p`"
    ),
    fails("HV5201", "no-guest", a_system(a_vm(vdevs=(net("p", "/dev/qvm/ivi/p"),)), complete=True), "`ivi`"),
    passes("HV5201", "another-file", a_system(a_vm(vdevs=(net("p", "/dev/qvm/ivi/p"),)))),
    fails(
        "HV5202",
        "one-sided",
        pair(net("p", "/dev/qvm/ivi/p"), net("p", "/dev/vdevpeers/vp0")),
        "`/dev/vdevpeers/vp0`",
        places=2,
    ),
    passes("HV5202", "each-other", pair(net("p", "/dev/qvm/ivi/q"), net("q", "/dev/qvm/la/p"))),
    fails("HV5203", "own-path", a_system(a_vm(vdevs=(net("p", "/dev/qvm/la/p"),))), "itself", places=2),
    passes(
        "HV5203",
        "own-guest",
        a_system(a_vm(vdevs=(net("p", "/dev/qvm/la/q"), net("q", "/dev/qvm/la/p")))),
    ),
    fails(
        "HV5204",
        "other-system-name",
        bound("vpctl vp1 peer=/dev/qvm/guest-1/p0 bind=/dev/vdevpeers/vp1", VP0, complete=True),
        "`/dev/qvm/guest-1/p0`",
    ),
    fails(
        "HV5204",
        "host-known-in-part",
        bound("io-pkt-v6-hc -d vdevpeer-net peer=/dev/qvm/lb/p0,bind=/dev/vdevpeers/vp1", VP0),
        warning=True,
    ),
    passes("HV5204", "agreed", bound(VP0, complete=True)),
    fails(
        "HV5205",
        "not-bound",
        bound(
            "vpctl vp0 peer=/dev/qvm/la/p0 bind=/dev/vdevpeers/vp0",
            guest=a_vm(vdevs=(net("p0", "/dev/vdevpeers/vp0"), net("q0", "/dev/vdevpeers/vp1"))),
            complete=True,
        ),
        "`/dev/vdevpeers/vp1`",
    ),
    passes("HV5205", "agreed", bound(VP0, complete=True)),
    fails(
        "HV5206",
        "two-guests",
        pair(net("p", "/dev/vdevpeers/vp0"), net("p", "/dev/vdevpeers/vp0")),
        "`/dev/vdevpeers/vp0`",
        places=2,
    ),
    passes("HV5206", "two-peers", pair(net("p", "/dev/vdevpeers/vp0"), net("p", "/dev/vdevpeers/vp1"))),
    fails("HV5211", "no-uart", linux("console=ttyAMA0,115200", DISK), "no `pl011`", warning=True),
    fails("HV5211", "second-uart", linux("quiet console=ttyAMA1"), "1 `pl011`", warning=True),
    passes("HV5211", "first-uart", linux("console=ttyAMA0,115200 console=tty0")),
    fails(
        "HV5212",
        "elsewhere",
        linux("earlycon=pl011,0x1c0a0000"),
        "0x1c0a0000",
        "0x1c090000",
        places=2,
        warning=True,
    ),
    passes("HV5212", "at-uart", linux("earlycon=pl011,mmio32,0x1c090000 x")),
    fails("HV5213", "second-disk", linux("root=/dev/vdb1 rw"), "/dev/vdb", places=2, warning=True),
    passes("HV5213", "first-disk", linux("root=/dev/vda1 rw")),
    fails(
        "HV5214",
        "elsewhere",
        linux("androidboot.boot_devices=1c0c0000.virtio_blk"),
        "0x1c0c0000",
        places=2,
        warning=True,
    ),
    passes("HV5214", "at-disk", linux("androidboot.boot_devices=soc/1c0d0000.virtio_blk")),
)


def command(text: str) -> tuple[GuestCommand, ...]:
    return (GuestCommand(command=text, origin=a_place()),)


def tree_range(base: int, size: int) -> tuple[TreeRange, ...]:
    return (TreeRange(window=AddressRange.sized(base, size), origin=a_place()),)


def tree(**more: Any) -> GuestTree:
    return GuestTree(origin=a_place(), **more)


def node(start: int, *interrupts: int) -> TreeDevice:
    return TreeDevice(
        name="uart", window=AddressRange.sized(start, 0x1000), interrupts=interrupts, origin=a_place()
    )


def needs(**more: Any) -> GuestNeeds:
    return GuestNeeds(origin=a_place(), **more)


GIC2 = a_vm(vdevs=(vdev("gic", version="2"), UART))
GPU = a_vm(vdevs=(vdev("virtio-gpu", 0x1C0E_0000, 39), UART))

GUEST = (
    fails(
        "HV5221",
        "disk",
        facts(commands=command("devb-virtio virtio smem=0x1c0c0000,irq=41")),
        "0x1c0d0000",
        places=2,
    ),
    fails("HV5221", "watchdog", facts(commands=command("wdtkick -a 0x1c0f0000 -v")), "wdtkick"),
    passes("HV5221", "disk", facts(commands=command("/sbin/devb-virtio virtio smem=0x1c0d0000,irq=41"))),
    passes(
        "HV5221",
        "default-watchdog",
        facts(vm=a_vm(vdevs=(vdev("wdt-sp805"),)), commands=command("wdtkick -a 0x1c0f0000")),
    ),
    fails("HV5222", "disk", facts(commands=command("devb-virtio smem=0x1c0d0000,irq=42")), "42", places=2),
    fails(
        "HV5222", "display", facts(vm=GPU, commands=command("drm-virtio 0x200@0x1c0e0000:40")), "39", places=2
    ),
    passes("HV5222", "display", facts(vm=GPU, commands=command("drm-virtio 0x200@0x1c0e0000:39"))),
    passes("HV5222", "disk", facts(commands=command("devb-virtio smem=0x1c0d0000,irq=41"))),
    fails(
        "HV5223",
        "linked-below",
        facts(vm=KERNEL, images=an_image(linked=AddressRange.sized(0x4000_0000, 0x100_0000))),
        "0x40000000..0x41000000",
        places=2,
    ),
    fails("HV5223", "entry", facts(vm=KERNEL, images=an_image(entry=0xC000_0000)), "0xc0000000", places=2),
    passes(
        "HV5223",
        "linked-inside",
        facts(vm=KERNEL, images=an_image(linked=AddressRange.sized(0x8000_0000, 0x100_0000))),
    ),
    fails("HV5224", "elsewhere", facts(needs=needs(ifs_address=0x4000_0000)), "0x40000000", places=2),
    passes("HV5224", "at-base", facts(needs=needs(ifs_address=0x8000_0000))),
    fails("HV5225", "too-little", facts(needs=needs(memory=2 * GIB)), "1GiB", "2GiB", places=2),
    passes("HV5225", "just", facts(needs=needs(memory=GIB))),
    fails("HV5226", "no-net", facts(needs=needs(vdevs=("virtio-net",))), "`virtio-net`"),
    passes("HV5226", "disk", facts(needs=needs(vdevs=("virtio-blk",)))),
    fails("HV5227", "unaware", facts(needs=needs(aware=False)), "`virtio-blk`", places=2, warning=True),
    passes("HV5227", "only-a-uart", facts(vm=a_vm(vdevs=(UART,)), needs=needs(aware=False))),
    fails(
        "HV5228",
        "reserved-elsewhere",
        facts(tree=tree(reserved=tree_range(0xD1C3_0000, 0x1000))),
        "0xd1c30000..0xd1c31000",
        places=2,
    ),
    fails("HV5228", "memory", facts(tree=tree(memory=tree_range(0x8000_0000, 2 * GIB))), places=2),
    passes("HV5228", "inside", facts(tree=tree(memory=tree_range(0x8000_0000, GIB)))),
    fails("HV5229", "cpus", facts(tree=tree(cpus=4)), "4 CPUs", places=2),
    fails("HV5229", "gic", facts(vm=GIC2, tree=tree(gic=3)), "version 3", places=2),
    passes("HV5229", "agreed", facts(vm=GIC2, tree=tree(cpus=1, gic=2))),
    fails("HV5230", "nothing-there", facts(tree=tree(devices=(node(0x1C0A_0000, 37),))), "0x1c0a0000"),
    fails("HV5230", "interrupt", facts(tree=tree(devices=(node(0x1C09_0000, 38),))), "SPI cell 6", places=2),
    passes("HV5230", "agreed", facts(tree=tree(devices=(node(0x1C09_0000, 37),)))),
)

CASES = (*IMAGE, *AGREEMENT, *GUEST)
