"""HV40xx to HV42xx: cases of vCPUs, priorities, sporadic parameters and partitions."""

from typing import Any

from builders import a_system, a_vm, launch, partition, service, vcpu, vdev
from rule_case import fails, passes

from hvbuild.model.system import System
from hvbuild.model.vm import Sporadic
from hvbuild.units import Nanoseconds

MS = 1_000_000


def vcpus(*made: Any, **more: Any) -> System:
    """A system of one VM with these vCPUs."""
    return a_system(a_vm(vcpus=made), **more)


def eight(*made: Any, **more: Any) -> System:
    return vcpus(*made, target="qnx-8.0", **more)


def sporadic(**fields: Any) -> Any:
    defaults: dict[str, Any] = {
        "priority": 20,
        "low_priority": 8,
        "max_replenishments": 5,
        "replenishment_period": Nanoseconds(50 * MS),
        "initial_budget": Nanoseconds(10 * MS),
    }
    return vcpu(Sporadic(**{**defaults, **fields}))


def served(priority: int, cpus: Any, *made: Any) -> System:
    """A guest whose disk is served by a host service."""
    back = service("devb-ram", provides=("/dev/qvmdisk0",), priority=priority, cpus=cpus)
    disk = vdev("virtio-blk", hostdev="/dev/qvmdisk0")
    return a_system(a_vm(vcpus=made, vdevs=(disk,)), services=(back,))


def parts(*rows: Any, target: str = "qnx-7.1", vcpu_partition: str | None = None) -> System:
    vm = a_vm(vcpus=(vcpu(partition=vcpu_partition),))
    return a_system(vm, target=target, partitions={row.name: row for row in rows})


def two_guests(first: Any, second: Any) -> System:
    return a_system(a_vm("la", vcpus=(first,)), a_vm("ivi", vcpus=(second,)))


MASKS = (
    fails("HV4001", "ninth", vcpus(vcpu(mask=[7, 8])), "pCPU 8", "0 to 7"),
    fails("HV4001", "launch", vcpus(vcpu(), launches={"la": launch(cpus=frozenset({9}))}), "the launch"),
    passes("HV4001", "last", vcpus(vcpu(mask=[7]))),
    passes("HV4001", "board-not-known", vcpus(vcpu(mask=[9]), cpus=None)),
    fails("HV4002", "twice", vcpus(vcpu(mask=[4, 5, 4])), "pCPU 4", warning=True),
    passes("HV4002", "any-order", vcpus(vcpu(mask=[7, 6, 5, 4]))),
    fails("HV4003", "empty", vcpus(vcpu(mask=[])), "no pCPU"),
    passes("HV4003", "floating", vcpus(vcpu())),
    fails(
        "HV4004",
        "floating-neighbour",
        a_system(a_vm("rt", vcpus=(vcpu(mask=[7]),)), a_vm("la"), exclusive={7: "rt"}),
        "`rt`",
        "floats",
        "pCPU 7 is kept for this one",
        places=2,
    ),
    passes(
        "HV4004",
        "neighbour-elsewhere",
        a_system(
            a_vm("rt", vcpus=(vcpu(mask=[7]),)), a_vm("la", vcpus=(vcpu(mask=[5, 6]),)), exclusive={7: "rt"}
        ),
    ),
    fails(
        "HV4005",
        "big-and-little",
        vcpus(vcpu(mask=[3, 4]), core_kinds={3: "a55", 4: "a76"}),
        "a55: 3; a76: 4",
        warning=True,
    ),
    passes("HV4005", "one-kind", vcpus(vcpu(mask=[4, 5]), core_kinds={3: "a55", 4: "a76", 5: "a76"})),
    fails("HV4006", "runmask-on-8.0", eight(vcpu(mask=[4])), "`runmask`"),
    fails("HV4006", "cluster-on-7.1", vcpus(vcpu(cluster="_cpu-1")), "`cluster`"),
    passes("HV4006", "cluster-on-8.0.4", vcpus(vcpu(cluster="_cpu-1"), target="qnx-8.0.4")),
    fails(
        "HV4007",
        "one-pcpu",
        vcpus(vcpu("10", [4]), vcpu("10", [4])),
        "2 vCPUs",
        "pCPU 4",
        places=2,
        warning=True,
    ),
    fails(
        "HV4007",
        "other-priority",
        vcpus(vcpu("10", [4]), vcpu("20", [4])),
        "priorities differ",
        places=2,
        warning=True,
    ),
    fails("HV4007", "three-on-two", vcpus(*(vcpu(mask=[4, 5]) for _ in range(3))), places=3, warning=True),
    passes("HV4007", "four-on-four", vcpus(*(vcpu("45r", [7, 6, 5, 4]) for _ in range(4)))),
    passes("HV4007", "two-guests", two_guests(vcpu("10", [4]), vcpu("10", [4]))),
    fails("HV4008", "five-on-four", vcpus(*(vcpu() for _ in range(5)), cpus=4), "5 vCPUs", warning=True),
    passes("HV4008", "four-on-four", vcpus(*(vcpu() for _ in range(4)), cpus=4)),
    fails(
        "HV4009",
        "nine-on-gicv2",
        a_system(a_vm(vcpus=tuple(vcpu() for _ in range(9)), vdevs=(vdev("gic", version="2"),)), cpus=16),
        "9 vCPUs",
        places=2,
    ),
    passes(
        "HV4009",
        "nine-on-gicv3",
        a_system(a_vm(vcpus=tuple(vcpu() for _ in range(9)), vdevs=(vdev("gic", version="3"),)), cpus=16),
    ),
    fails("HV4010", "misspelt", eight(vcpu(cluster="bgi"), clusters={"big": frozenset({4, 5})}), "`big`"),
    fails("HV4010", "ninth", eight(vcpu(cluster="_cpu-8"), clusters={})),
    passes("HV4010", "always-there", eight(vcpu(cluster="_cpu-7"), clusters={})),
    fails("HV4011", "empty", eight(vcpu(), clusters={"big": frozenset()}), "`big`"),
    fails("HV4011", "beyond", eight(vcpu(), clusters={"big": frozenset({7, 8})}), "pCPU 8"),
    passes("HV4011", "whole", eight(vcpu(), clusters={"big": frozenset(range(8))})),
    fails(
        "HV4012",
        "on-cpu-0",
        vcpus(vcpu(mask=[0]), exclusive={0: "la"}, housekeeping=frozenset({0})),
        "pCPU 0",
        warning=True,
    ),
    passes("HV4012", "elsewhere", vcpus(vcpu(mask=[1]), exclusive={1: "la"}, housekeeping=frozenset({0}))),
    passes("HV4012", "no-own-cpu", vcpus(vcpu(mask=[0]), housekeeping=frozenset({0}))),
)

PRIORITIES = (
    fails("HV4101", "zero", vcpus(vcpu("0")), "priority 0"),
    fails("HV4101", "launch", vcpus(vcpu(), launches={"la": launch(priority="256")}), "priority 256"),
    passes("HV4101", "least", vcpus(vcpu("1"))),
    fails("HV4102", "above-63", vcpus(vcpu("64")), "priority 64", warning=True),
    passes("HV4102", "at-63", vcpus(vcpu("63r"))),
    fails(
        "HV4103",
        "service-on-the-same-pcpu",
        served(21, frozenset({4}), vcpu("45r", [4])),
        "devb-ram",
        "45",
        "21",
        "never runs",
        places=2,
        warning=True,
    ),
    fails(
        "HV4103",
        "equal-fifo",
        served(45, frozenset({4}), vcpu("45f", [4])),
        places=2,
        warning=True,
    ),
    fails(
        "HV4103",
        "qvm-threads",
        a_system(
            a_vm(vcpus=(vcpu("30", [4]), vcpu("30", [5])), vdevs=(vdev("virtio-blk"),)),
            launches={"la": launch(priority="10", cpus=frozenset({4, 5}))},
        ),
        "device threads",
        places=2,
        warning=True,
    ),
    fails(
        "HV4103",
        "device-pulse",
        a_system(
            a_vm(vcpus=(vcpu("30", [4]),), vdevs=(vdev("virtio-blk", sched="10"),)),
            launches={"la": launch(cpus=frozenset({4}))},
        ),
        "virtio-blk",
        places=2,
        warning=True,
    ),
    passes("HV4103", "service-elsewhere", served(21, frozenset({0, 4}), vcpu("45r", [4]))),
    passes("HV4103", "service-above", served(46, frozenset({4}), vcpu("45r", [4]))),
    passes("HV4103", "equal-round-robin", served(45, frozenset({4}), vcpu("45r", [4]))),
    passes(
        "HV4103",
        "more-pcpus-than-vcpus",
        served(21, None, *(vcpu("45r", [7, 6, 5, 4]) for _ in range(4))),
    ),
    fails(
        "HV4104",
        "wide-and-narrow",
        vcpus(vcpu("20", [4, 5]), vcpu("10", [5])),
        "runs at 10",
        places=2,
        warning=True,
    ),
    passes("HV4104", "room-for-both", vcpus(vcpu("20", [4, 5]), vcpu("10", [5, 6]))),
    passes("HV4104", "equal", vcpus(vcpu("20", [4, 5]), vcpu("20", [5]))),
    fails(
        "HV4105",
        "two-guests",
        two_guests(vcpu("20f", [4]), vcpu("20f", [4])),
        "`ivi` and `la`",
        places=2,
        warning=True,
    ),
    passes("HV4105", "round-robin", two_guests(vcpu("20r", [4]), vcpu("20f", [4]))),
    passes("HV4105", "two-pcpus", two_guests(vcpu("20f", [4, 5]), vcpu("20f", [4, 5]))),
)

SPORADIC = (
    fails("HV4201", "budget", vcpus(sporadic(initial_budget=Nanoseconds(60 * MS))), "60ms", "50ms"),
    fails("HV4201", "low", vcpus(sporadic(low_priority=21)), "21"),
    fails("HV4201", "replenishments", vcpus(sporadic(max_replenishments=0)), "65535"),
    fails("HV4201", "no-budget", vcpus(sporadic(initial_budget=Nanoseconds(0))), "budget is 0"),
    passes("HV4201", "just", vcpus(sporadic(initial_budget=Nanoseconds(49 * MS), max_replenishments=1))),
    fails("HV4202", "same", vcpus(sporadic(low_priority=20)), "same", warning=True),
    fails("HV4202", "whole", vcpus(sporadic(initial_budget=Nanoseconds(50 * MS))), warning=True),
    passes("HV4202", "one-below", vcpus(sporadic(low_priority=19))),
    fails(
        "HV4203",
        "below-tick",
        vcpus(sporadic(initial_budget=Nanoseconds(10_000))),
        "10us",
        "1ms",
        warning=True,
    ),
    passes("HV4203", "one-tick", vcpus(sporadic(initial_budget=Nanoseconds(MS)))),
)

PARTITIONS = (
    fails("HV4211", "misspelt", parts(partition("guests", 20), vcpu_partition="guest"), "`guests`"),
    passes("HV4211", "declared", parts(partition("guests", 20), vcpu_partition="guests")),
    passes("HV4211", "system", parts(partition("guests", 20), vcpu_partition="System")),
    fails("HV4212", "over-100", parts(partition("a", 60), partition("b", 41)), "101 %", places=2),
    fails(
        "HV4212",
        "over-parent",
        parts(partition("a", 30), partition("b", 20, parent="a"), partition("c", 11, parent="a")),
        "`a` has 30 %",
        places=2,
    ),
    passes("HV4212", "all", parts(partition("a", 60), partition("b", 40))),
    fails("HV4213", "33", parts(*(partition(f"p{i}", 1) for i in range(32))), "32"),
    passes("HV4213", "32", parts(*(partition(f"p{i}", 1) for i in range(31)))),
    fails("HV4214", "name", parts(partition("a-name-too-long-", 5)), "15"),
    fails("HV4214", "critical", parts(partition("a", 5, critical=Nanoseconds(1001 * MS))), "1s"),
    passes("HV4214", "most", parts(partition("a" * 15, 100, critical=Nanoseconds(1000 * MS)))),
    fails("HV4215", "unknown", parts(partition("a", 5, parent="Sytem")), "`System`"),
    fails("HV4215", "itself", parts(partition("a", 5, parent="a")), "ancestor"),
    passes("HV4215", "nested", parts(partition("a", 5), partition("b", 5, parent="a"))),
    fails(
        "HV4216",
        "bound",
        a_system(a_vm(vcpus=(vcpu(mask=[4], partition="a"),)), partitions={"a": partition("a", 20)}),
        "160 % of one",
        places=2,
        warning=True,
    ),
    passes(
        "HV4216",
        "floating",
        a_system(a_vm(vcpus=(vcpu(mask=[4, 5], partition="a"),)), partitions={"a": partition("a", 20)}),
    ),
    fails(
        "HV4217", "zero", parts(partition("a", 0), vcpu_partition="a"), "no budget", places=2, warning=True
    ),
    passes("HV4217", "one", parts(partition("a", 1), vcpu_partition="a")),
)

CASES = (*MASKS, *PRIORITIES, *SPORADIC, *PARTITIONS)
