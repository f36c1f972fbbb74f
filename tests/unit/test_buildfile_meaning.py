"""What a buildfile means: entries, boot line, steps, launches, peers, and what they tell of the host."""

from pathlib import Path

import pytest

from hvbuild.formats.buildfile import read_buildfile
from hvbuild.formats.mkifs_words import file_layer
from hvbuild.formats.shell_lines import is_shell_script, read_shell
from hvbuild.meaning.buildfile import area_address, image_meaning, target_path
from hvbuild.meaning.command_line import read_on, read_priority
from hvbuild.meaning.host_facts import host_facts, may_provide
from hvbuild.meaning.startup_line import read_getsize
from hvbuild.meaning.startup_script import wait_time
from hvbuild.model.image import (
    BuiltInStep,
    Carve,
    CommandStep,
    CpuCluster,
    Entry,
    EntryType,
    Image,
    Limit,
    NamedRegion,
    PartitionStep,
    PeerBinding,
    Placement,
    QvmLaunch,
    Reservation,
    WaitStep,
)
from hvbuild.model.system import HostPartition, HostRegion, Launch
from hvbuild.model.vm import Fifo, RoundRobin
from hvbuild.ranges import AddressRange
from hvbuild.source import SourceFile
from hvbuild.units import Nanoseconds

CORPUS = Path(__file__).parents[1] / "corpus/buildfiles"


def image(name: str) -> Image:
    path = CORPUS / f"{name}.build"
    return image_meaning(read_buildfile(path.read_bytes().decode(), path.name))


def of_text(text: str) -> Image:
    return image_meaning(read_buildfile(text, "t.build"))


def script_of(lines: str) -> Image:
    return of_text(f"[+script] s = {{\n{lines}\n}}\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("64K", 65536), ("2m", 2 << 20), ("0x10G", 16 << 30), ("010", 8), ("x", None), ("09", None)],
)
def test_numbers_of_startup(text: str, value: int | None) -> None:
    assert value == read_getsize(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x80000", 0x80000),
        ("0x80000-0x90000", 0x80000),
        ("1M,64M=2M%4K", 1 << 20),
        (",64M", None),
        ("a", None),
    ],
)
def test_image_areas(text: str, value: int | None) -> None:
    assert value == area_address(text)


def test_boot_of_a_7_1_host() -> None:
    boot = image("host-7.1").boot
    assert boot is not None
    assert boot.startup is not None
    assert boot.kernel is not None

    assert (
        boot.type,
        boot.architecture,
        boot.physical,
        boot.understood,
    ) == ("aarch64le,raw", "aarch64", False, True)
    assert boot.startup.name == "startup-rcar_h3"
    assert (Reservation(base=0x48000000, size=0x10000, keep=True),) == boot.reservations
    assert (Carve(size=16 << 20, align=2 << 20, name="gvm_pmem"),) == boot.carves
    assert (NamedRegion(base=0x60000000, size=512 << 20, name="gvm_sysram1"),) == boot.regions
    assert boot.kernel.modules == ("qvm", "aps")
    assert boot.kernel.arguments == ("-ae", "-v")
    assert boot.enables_hypervisor
    watchdog = boot.option("W")
    assert watchdog is not None
    assert watchdog.value is None


def test_boot_of_an_8_0_host() -> None:
    boot = image("host-8.0").boot
    assert boot is not None

    assert (CpuCluster(name="big", mask=12), CpuCluster(name="little", mask=3)) == boot.clusters
    assert boot.enables_hypervisor
    assert [option.value for option in boot.options if option.letter in "DWuQ"] == [
        "miniuart",
        "2500",
        "reg",
        "enable,el1-host",
    ]
    assert boot.operands == ()


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("-v -P1 -W -vv", [("v", None), ("P", "1"), ("W", None), ("v", None), ("v", None)]),
        ("-W 2500 -vr 0,4K", [("W", "2500"), ("v", None), ("r", "0,4K")]),
        ("-D uart x", [("D", "uart")]),
    ],
)
def test_options_are_read_as_getopt_does(line: str, options: list[tuple[str, str | None]]) -> None:
    boot = of_text(f"[virtual=x,raw] b = {{\nstartup-x {line}\nprocnto\n}}\n").boot
    assert boot is not None

    assert options == [(option.letter, option.value) for option in boot.options]


@pytest.mark.parametrize(("flag", "keep"), [("", False), (",0", False), (",1", True)])
def test_only_flag_1_keeps_the_content(flag: str, keep: bool) -> None:
    boot = of_text(f"[virtual=x,raw] b = {{\nstartup-x -r 0,4K{flag}\nprocnto\n}}\n").boot
    assert boot is not None

    assert boot.reservations == (Reservation(base=0, size=4096, keep=keep),)


@pytest.mark.parametrize("option", ["-r 0x1000", "-R big", "-L 1,x", "-c a", "-r x,1"])
def test_an_unreadable_option_is_no_silence(option: str) -> None:
    boot = of_text(f"[virtual=x,raw] b = {{\nstartup-x {option}\nprocnto\n}}\n").boot
    assert boot is not None

    assert not boot.understood


def test_entries() -> None:
    assert (
        Entry(path="/bin/sh", type=EntryType.LINK, link="/bin/ksh"),
        Entry(path="/tmp", type=EntryType.LINK, link="/dev/shmem", user="0"),
        Entry(path="/home/user", type=EntryType.DIRECTORY, user="1000", group="1000", mode="0700"),
        Entry(path="/var/run", type=EntryType.DIRECTORY),
        Entry(path="/dev/pipe0", type=EntryType.FIFO),
        Entry(path="/usr/lib/libc.so", source="libc.so"),
        Entry(path="/passwd", source="etc/passwd"),
        Entry(path="/guests/one/kernel", source="one/Image", settings=(("raw", "+"),)),
    ) == image("links-and-directories").entries


@pytest.mark.parametrize(
    ("name", "prefix", "path"),
    [
        ("a", "/proc/boot", "/proc/boot/a"),
        ("/a", "/proc/boot", "/a"),
        ("a/b", "", "/a/b"),
        ("a", "usr/lib", "/usr/lib/a"),
        ("/x/./y/.", "", "/x/y"),
        ("/x/../y", "", "/x/../y"),
        ("/", "", "/"),
    ],
)
def test_target_paths(name: str, prefix: str, path: str) -> None:
    assert path == target_path(name, prefix)


def test_relative_targets_go_to_proc_boot_when_the_image_boots() -> None:
    assert of_text("[virtual=c,raw] b = {\ns\n}\nlib/x\n").entries[0].path == "/proc/boot/x"
    assert of_text("lib/x\n").entries[0].path == "/x"


def test_variables_of_the_boot_script_reach_later_lines() -> None:
    meaning = image("variables")
    boot = meaning.boot
    assert boot is not None
    assert boot.kernel is not None

    assert boot.environment == (("LIB", "${TOP}/lib"), ("TOP", "/top"))
    assert [entry.source for entry in meaning.entries] == [
        "/top/lib/one.so",
        "${QNX_TARGET}/${PROCESSOR}/lib/two.so",
        "A/top}",
        "$TOP",
    ]


def test_steps_of_a_script() -> None:
    steps = image("script-lines").steps

    ten = RoundRobin(10)
    assert (
        CommandStep(words=("one", "-a"), background=True, placement=Placement(priority=ten)),
        CommandStep(
            words=("sh",),
            session=True,
            argv0="-sh",
            placement=Placement(priority=ten, cpus=frozenset({1})),
        ),
        CommandStep(words=("two", "${NOT}", "'x", "y'"), environment=(("NAME", "value"),)),
        CommandStep(words=("three", "e&", "c", "&d"), placement=Placement(priority=ten)),
        CommandStep(words=("waitfor", "/bin/x"), placement=Placement(priority=ten)),
        WaitStep(path="/dev/x", timeout=Nanoseconds(16_500_000_000)),
        WaitStep(path="/dev/y", timeout=Nanoseconds(6_553_500_000_000)),
        CommandStep(words=("four",)),
    ) == steps
    assert image("script-lines").environment == (("KEEP", "this"),)
    assert [entry.path for entry in image("script-lines").entries] == ["/.script"]


@pytest.mark.parametrize(("text", "tenths"), [("5", 50), ("0.3", 3), (".3", 3), ("1.25", 12), ("x", 0)])
def test_times_of_waitfor(text: str, tenths: int) -> None:
    assert tenths * 100_000_000 == wait_time(text)


def test_built_in_steps() -> None:
    meaning = script_of("sched_aps a 20% 7ms\nsched_aps b x\nreopen\ndisplay_msg a  b")

    assert (
        PartitionStep(name="a", budget=20, critical_ms=7),
        PartitionStep(name="b", budget=None, critical_ms=0),
        BuiltInStep(name="reopen"),
        BuiltInStep(name="display_msg", arguments=("a", "b")),
    ) == meaning.steps


@pytest.mark.parametrize(
    ("text", "placement", "limits", "words"),
    [
        ("on -p 20r qvm @f", Placement(priority=RoundRobin(20)), (), ("qvm", "@f")),
        ("on -p20f -C 1 -C3 x", Placement(priority=Fifo(20), cpus=frozenset({1, 3})), (), ("x",)),
        ("on -R 0x30 -dh x -p 1", Placement(cpus=frozenset({4, 5})), (), ("x", "-p", "1")),
        ("on -C big -X aps=ivi x", Placement(cluster="big", partition="ivi"), (), ("x",)),
        ("on -L 6:1G -ae x", Placement(), (Limit(resource=6, current=1 << 30),), ("x",)),
        ("on -u 5:5 -- -x", Placement(), (), ("-x",)),
    ],
)
def test_on(text: str, placement: Placement, limits: tuple[Limit, ...], words: tuple[str, ...]) -> None:
    on = read_on(text.split())

    assert (placement, limits, words) == (on.placement, on.limits, on.words)


@pytest.mark.parametrize("text", ["", "r", "20s", "20r1", "-1"])
def test_no_priority(text: str) -> None:
    assert read_priority(text) is None


def test_launches_and_peers() -> None:
    seven, eight = image("host-7.1"), image("host-8.0")

    assert (
        QvmLaunch(
            configs=("/vm/la.qvmconf",),
            placement=Placement(priority=RoundRobin(20), cpus=frozenset({4, 5}), partition="ivi"),
            limits=(Limit(resource=6, current=2_000_000_000, maximum=2_100_000_000),),
            background=True,
        ),
        QvmLaunch(
            configs=("/vm/lv.qvmconf",),
            words=("logger", "info", "stdout"),
            placement=Placement(priority=Fifo(30), cpus=frozenset({0, 1}), partition="cluster"),
            background=True,
        ),
    ) == seven.launches
    assert (
        PeerBinding(interface="vp0", peer="/dev/qvm/la/net0", bind="/dev/vdevpeers/vp0"),
        PeerBinding(interface="vp1", peer="/dev/qvm/lv/net0", bind="/dev/vdevpeers/vp1"),
    ) == seven.peers
    assert (PeerBinding(interface="vp0", peer="/dev/qvm/one/net0", bind="/dev/vdevpeers/vp0"),) == eight.peers
    assert tuple(launch.placement.cluster for launch in eight.launches) == ("big",)


@pytest.mark.parametrize(
    "line",
    [
        "io-pkt-v6-hc -dvdevpeer peer=/dev/qvm/a/n,bind=/dev/vdevpeers/vp0,mac=a0b0,name=vp0 -dntn-eth fw=x",
        "mount -T io-pkt -o peer=/dev/qvm/a/n,bind=/dev/vdevpeers/vp0 devnp-vdevpeer-net.so",
        "vpctl vp0 bind=/dev/vdevpeers/vp0 peer=/dev/qvm/a/n",
        "vpctl vp0 peer=/dev/qvm/a/n,bind=/dev/vdevpeers/vp0",
    ],
)
def test_spellings_of_a_peer(line: str) -> None:
    assert (PeerBinding(interface="vp0", peer="/dev/qvm/a/n", bind="/dev/vdevpeers/vp0"),) == script_of(
        line
    ).peers


def test_shell_scripts_are_read_for_what_they_start() -> None:
    steps = image("host-8.0").shell_steps

    assert [
        (step.path, False) if isinstance(step, WaitStep) else (step.text, step.conditional) for step in steps
    ] == [
        ("/dev/io-sock/mods-vdevpeer-net.so", False),
        ("ifconfig vp0 create", True),
        ("vpctl vp0 peer=/dev/qvm/one/net0 bind=/dev/vdevpeers/vp0", True),
        ("ifconfig vp0 10.0.0.1 up", True),
        ("cat", False),
        ("start", False),
    ]
    assert {"/proc/boot/.vdev_net_start.sh"} == {step.script for step in steps}


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("a b; c && d || e | f & g", [["a", "b"], ["c"], ["d"], ["e"], ["f"], ["g"]]),
        ("A=1 B=2 c 'd e' \"f g\" h\\ i", [["c", "d e", "f g", "h i"]]),
        ("a > /x 2>&1 < /y b", [["a", "b"]]),
        ("for x in 1 2; do y $x; done\nz", [["y", "$x"], ["z"]]),
        ("while true\ndo a\ndone # b\n", [["true"], ["a"]]),
        ("a $(b c) `d`", [["a", "$(b c)", "`d`"]]),
        ("a \\\n  b", [["a", "b"]]),
        ("cat <<-END > f\n\tqvm @x\n\tEND\nb", [["cat"], ["b"]]),
    ],
)
def test_shell_lines(text: str, commands: list[list[str]]) -> None:
    assert commands == [
        [word.text for word in command.words] for command in read_shell(file_layer(SourceFile("t", text)))
    ]


@pytest.mark.parametrize(
    ("text", "yes"),
    [("#!/bin/sh\n", True), ("  \n#!/bin/ksh -x\n", True), ("#!/usr/bin/python\n", False), ("sh", False)],
)
def test_shell_scripts_are_told_by_their_first_line(text: str, yes: bool) -> None:
    assert yes == is_shell_script(text)


def test_host_facts_of_7_1() -> None:
    facts = host_facts(image("host-7.1"), {"lv.qvmconf": "lv"})

    assert {
        "ivi": HostPartition(name="ivi", budget=40, critical=Nanoseconds(20_000_000)),
        "cluster": HostPartition(name="cluster", budget=30, critical=Nanoseconds(10_000_000)),
    } == facts.partitions
    assert {
        "gvm_sysram1": HostRegion(
            name="gvm_sysram1", window=AddressRange.sized(0x60000000, 512 << 20), size=512 << 20
        ),
        "gvm_pmem": HostRegion(name="gvm_pmem", size=16 << 20),
    } == facts.regions
    assert facts.launches == {
        "la": Launch(
            system="la", priority=RoundRobin(20), cpus=frozenset({4, 5}), partition="ivi", position=6
        ),
        "lv": Launch(system="lv", priority=Fifo(30), cpus=frozenset({0, 1}), partition="cluster", position=7),
    }
    assert [service.name for service in facts.services or ()] == [
        "slogger2",
        "pipe",
        "random",
        "io-pkt-v6-hc",
        "devb-ram",
        "smmuman",
        "ksh",
    ]
    assert {"/dev/qvmdisk0", "/dev/socket", "/dev/vdevpeers/vp1"} <= {
        path for service in facts.services or () for path in service.provides
    }
    assert facts.smmuman is True
    assert facts.modules == ("qvm", "aps")
    assert facts.image_files is not None
    assert "/vm/lv.qvmconf" in facts.image_files


def test_what_stands_elsewhere_is_not_known() -> None:
    facts = host_facts(
        of_text('#include "rest.build"\n[virtual=aarch64le,raw] b = {\nstartup-x\nprocnto\n}\n')
    )

    assert (
        facts.partitions,
        facts.services,
        facts.image_files,
        facts.smmuman,
        facts.launches,
    ) == (None, None, None, None, None)


def test_unknown_launches_are_left_out() -> None:
    facts = host_facts(image("host-8.0"))

    assert facts.launches == {}
    assert {"big": frozenset({2, 3}), "little": frozenset({0, 1})} == facts.clusters


@pytest.mark.parametrize(
    ("command", "path", "answer"),
    [
        ("pci-server -c", "/dev/pci", True),
        ("devc-serminiuart -u1", "/dev/ser1", True),
        ("devb-sdmmc-bcm2711 mem name=below1G disk name=sd blk", "/dev/sd0t179", True),
        ("devb-loopback loopback prefix=lxdisk,fd=/tmp/x", "/dev/lxdisk0", True),
        ("slogger2", "/dev/pci", False),
        ("our_own_driver", "/dev/pci", None),
        ("our_own_driver -n /dev/foo", "/dev/foo", True),
    ],
)
def test_who_may_provide_a_path(command: str, path: str, answer: bool | None) -> None:
    assert answer == may_provide(CommandStep(words=tuple(command.split())), path)
