"""A certificate proves nothing unless it can be refused: one planted fault for each guarantee, at least."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import certify_subjects as make
import pytest
from builders import GIB, MIB, a_place, passed, ram, rom, vcpu, vdev, window

from hvbuild.certify import families, playing
from hvbuild.certify.certificate import certify
from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.subject import Subject
from hvbuild.machine import memory
from hvbuild.machine.access import Permitted, VdevTrap
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.machine.schedule import Schedule, Segment, simulate
from hvbuild.machine.stage2 import Stage2, stage2
from hvbuild.model.guest import Demand
from hvbuild.model.host import Service
from hvbuild.model.stack import SharedMemory
from hvbuild.model.system import HostPartition, HostService, Launch
from hvbuild.model.vm import Load, RoundRobin, Sporadic, Unsupported
from hvbuild.units import Nanoseconds

MS = make.MS


@dataclass(frozen=True)
class Fault:
    """A fault that must be refused by `code`; `model` breaks the model instead of the system."""

    code: str
    name: str
    subject: Callable[[], Subject]
    model: Callable[[pytest.MonkeyPatch], None] | None = None

    def __str__(self) -> str:
        return f"{self.code}-{self.name}"


# --- faults of the system -------------------------------------------------------------------------------


def declared_both(qnx: Any = None, linux: Any = None, **more: Any) -> Subject:
    return make.a_subject(declared=(make.qnx_vm(**(qnx or {})), make.linux_vm(**(linux or {}))), **more)


def rendered_wrong(**qnx: Any) -> Subject:
    """The plan is sound, the rendered file says something else: a faulty template."""
    sound = make.qnx_vm()
    return make.a_subject(
        declared=(sound, make.linux_vm()), read_back=(replace(sound, **qnx), make.linux_vm())
    )


def both_pass_the_pool() -> Subject:
    pool = (passed(window(0xA000_0000, 64 * MIB, "rwcxm"), name="pool"),)
    return declared_both(linux={"passes": pool})


def passes_host_ram() -> Subject:
    stolen = passed(window(0xB000_0000, MIB, "rwcxm"), name="stolen")
    return declared_both(linux={"passes": (stolen,)})


def passes_firmware() -> Subject:
    return declared_both(linux={"passes": (passed(window(0x3000_0000, MIB, "rwn", 0x8000_0000), name="fw"),)})


def foreign_region() -> Subject:
    other = make.region("other", 0xA800_0000, MIB)
    return declared_both(
        linux={"passes": (passed(window(0xA800_0000, MIB, "rwcxm"), name="other"),)},
        regions=(make.POOL, other),
    )


def vdev_in_ram() -> Subject:
    return declared_both(qnx={"vdevs": (vdev("pl011", 0x8010_0000, 37, name="uart"),)}, shared=())


def two_rams() -> Subject:
    blocks = (ram(0x8000_0000, 64 * MIB, "main"), ram(0x8200_0000, 64 * MIB, "more"))
    return declared_both(qnx={"memory": blocks})


def far_ram() -> Subject:
    return declared_both(linux={"memory": (ram(1 << 40, 64 * MIB, "far"),)})


def too_much_ram() -> Subject:
    return declared_both(linux={"memory": (ram(0x8000_0000, 2 * GIB, "main"),)})


def used_before() -> Subject:
    facts = make.the_host((make.POOL,))
    rows = dict(facts.regions or {})
    rows["pool"] = replace(rows["pool"], before="linux", cleared=False)
    return make.a_subject(host=replace(facts, regions=MappingProxyType(rows)))


def one_waits_for_later() -> Subject:
    late = Service(name="late", command="late", provides=("/dev/late",), origin=a_place())
    return make.a_subject(services=(replace(make.SERVICE, wait_for=("/dev/late",)), late))


def started_too_early() -> Subject:
    facts = make.the_host((make.POOL,))
    launches = {"linux": Launch(system="linux", position=0), "qnx": Launch(system="qnx", position=1)}
    return make.a_subject(host=replace(facts, launches=MappingProxyType(launches)))


def slow_boot() -> Subject:
    waiting = replace(make.SERVICE, wait=Nanoseconds(600_000 * MS))
    return make.a_subject(services=(waiting,))


def a_sporadic_system(budget: int, work: int) -> Subject:
    server = Sporadic(
        priority=30,
        low_priority=5,
        max_replenishments=8,
        replenishment_period=Nanoseconds(20 * MS),
        initial_budget=Nanoseconds(budget * MS),
    )
    return declared_both(
        qnx={"vcpus": (vcpu("20r", [0]),)},
        linux={"vcpus": (vcpu(server, [0]),)},
        demands={"qnx": (make.demand(work, 20, 20),), "linux": (make.demand(1, 20, 40, "sporadic"),)},
        services=(),
    )


def a_partitioned_system(first: int, *, pinned: bool, **more: Any) -> Subject:
    facts = make.the_host((make.POOL,))
    rows = {
        "a": HostPartition(name="a", budget=first, origin=a_place()),
        "b": HostPartition(name="b", budget=20, origin=a_place()),
    }
    mask = [0] if pinned else [0, 1, 2, 3]
    return declared_both(
        qnx={"vcpus": tuple(vcpu("20r", mask, partition="a") for _ in range(1 if pinned else 4))},
        linux={"vcpus": tuple(vcpu("10r", [0, 1, 2, 3], partition="b") for _ in range(4))},
        host=replace(facts, partitions=MappingProxyType(rows)),
        demands={"qnx": (make.demand(0.5),) * (1 if pinned else 4), "linux": (make.demand(0.5),) * 4},
        services=(),
        **more,
    )


def locked_pair(*, apart: bool) -> Subject:
    """Two vCPUs of one guest at different priorities on one pCPU."""
    cpus = [[2], [3]] if apart else [[2], [2]]
    vcpus = (vcpu("30r", cpus[0]), vcpu("10r", cpus[1]))
    return declared_both(
        linux={"vcpus": vcpus}, demands={"linux": (make.demand(4, 10, 10), make.demand(4, 10, 10))}
    )


def attacked(load: Demand | None = None) -> Subject:
    """A victim that shares its pCPU with a guest of higher priority."""
    return declared_both(
        qnx={"vcpus": (vcpu("10r", [1]),)},
        linux={"vcpus": (vcpu("20r", [1]),)},
        demands={"qnx": (make.demand(2, 10, 10),), "linux": (load or make.demand(1, 10, 10),)},
    )


def reset_attack() -> Subject:
    """Restarting linux clears much RAM at a high priority on the victim's pCPU."""
    facts = make.the_host((make.POOL,))
    launch = Launch(system="linux", priority=RoundRobin(60), cpus=frozenset({1}), position=9)
    return declared_both(
        qnx={"vcpus": (vcpu("10r", [1]),)},
        linux={"vcpus": (vcpu("9r", [2]),), "memory": (ram(0x8000_0000, GIB, "main"),)},
        demands={"qnx": (make.demand(2, 10, 10),), "linux": (make.demand(1, 10, 10),)},
        host=replace(facts, launches=MappingProxyType({"linux": launch})),
    )


def overloaded(mask: list[int]) -> Subject:
    return declared_both(
        linux={"vcpus": (vcpu("10r", mask), vcpu("10r", mask))},
        demands={"linux": (make.demand(9, 10, 10), make.demand(9, 10, 10))},
        services=(replace(make.SERVICE, cpus=frozenset(mask), demand=make.demand(4, 10, 10)),),
    )


def late_service() -> Subject:
    slow = replace(make.SERVICE, sched=RoundRobin(5), cpus=frozenset({0}), demand=make.demand(4, 20, 4.1))
    return make.a_subject(services=(slow,))


def qnx_spi(**more: Any) -> Any:
    fields = {"device": "spi0", "name": "spi", "lines": [(44, 150)], **more}
    lines = fields.pop("lines")
    return passed(window(make.SPI, 0x1000, "rwd"), lines=lines, **fields)


def without(**facts: Any) -> Subject:
    return make.a_subject(host=make.the_host((make.POOL,), **facts))


def host_drives_it() -> Subject:
    facts = make.the_host((make.POOL,))
    return make.a_subject(host=replace(facts, services=(HostService(name="spi-driver", drives=("spi0",)),)))


def no_room_for_restart() -> Subject:
    """Shared memory that stays with the peers leaves less free than the guest needs again."""
    shm = (vdev("shmem", 0x1C05_0000, 40, name="shm", create="frames,0x10000000", allow="frames"),)
    return declared_both(
        qnx={"vdevs": shm},
        linux={"memory": (ram(0x8000_0000, 1100 * MIB - 0x1000, "main"),)},
        shared=(
            SharedMemory(name="frames", size=256 * MIB, guests=(("qnx", a_place()), ("linux", a_place()))),
        ),
    )


# --- faults of the model --------------------------------------------------------------------------------


def patched_schedule(change: Callable[[Schedule], Schedule]) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        usual = simulate
        monkeypatch.setattr(playing, "simulate", lambda *a, **k: change(usual(*a, **k)))

    return plant


def elsewhere(schedule: Schedule) -> Schedule:
    """Everything on CPU 0 happens on CPU 3."""
    moved = {0: 3, 3: 0}
    rows = [Segment(moved.get(s.cpu, s.cpu), s.thread, s.start, s.end, s.mode) for s in schedule.segments]
    return replace(schedule, segments=tuple(rows))


def doubled(schedule: Schedule) -> Schedule:
    """The second stretch of each pCPU begins before the first has ended."""
    rows, seen = [], set()
    for s in schedule.segments:
        start = max(0, s.start - 1000) if s.cpu in seen else s.start
        seen.add(s.cpu)
        rows.append(Segment(s.cpu, s.thread, start, s.end, s.mode))
    return replace(schedule, segments=tuple(rows))


def sleepy(schedule: Schedule) -> Schedule:
    """Every stretch of the first thread begins half a millisecond late."""
    rows = [
        Segment(s.cpu, s.thread, s.start + MS // 2, s.end + MS // 2, s.mode) if s.thread == 0 else s
        for s in schedule.segments
    ]
    return replace(schedule, segments=tuple(r for r in rows if r.end <= schedule.scenario.horizon_ns))


def slow_motion(schedule: Schedule) -> Schedule:
    """The first thread's work takes until long after its release: nine milliseconds later."""
    rows = [
        Segment(s.cpu, s.thread, s.start + 9 * MS, s.end + 9 * MS, s.mode) if s.thread == 0 else s
        for s in schedule.segments
    ]
    return replace(schedule, segments=tuple(r for r in rows if r.end <= schedule.scenario.horizon_ns))


def blind_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model permits what a device should answer."""
    usual = GuestMemory.classify

    def broken(self: GuestMemory, access: Any) -> Any:
        outcome = usual(self, access)
        return Permitted(owner="?", host=None) if isinstance(outcome, VdevTrap) else outcome

    monkeypatch.setattr(GuestMemory, "classify", broken)


def confused_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model sends every access of one guest to the host memory of another."""
    usual = GuestMemory.classify

    def broken(self: GuestMemory, access: Any) -> Any:
        outcome = usual(self, access)
        return replace(outcome, host=0x8000_0000) if isinstance(outcome, Permitted) else outcome

    monkeypatch.setattr(GuestMemory, "classify", broken)


def writable_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stage-2 tables that let everything be written."""
    usual = stage2

    def broken(regime: Any, mappings: Iterator[Any]) -> Stage2:
        return usual(regime, (replace(row, permissions=row.permissions | {"w"}) for row in mappings))

    monkeypatch.setattr(memory, "stage2", broken)


def deaf_to_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spin locks are never given back: every spinner spins for ever."""
    usual = families._locking

    def broken(part: Any, lock: int, hold: int) -> Any:
        made = usual(part, lock, hold)
        return replace(made, bursts=tuple(b for b in made.bursts if b.kind != "u"))

    monkeypatch.setattr(families, "_locking", broken)


def evading() -> Subject:
    """Bursts that never span a tick are never charged: a sporadic vCPU far beyond two budgets."""
    server = Sporadic(
        priority=30,
        low_priority=5,
        max_replenishments=64,
        replenishment_period=Nanoseconds(20 * MS),
        initial_budget=Nanoseconds(2 * MS),
    )
    return declared_both(
        linux={"vcpus": (vcpu(server, [1]),)},
        demands={"linux": (make.demand(0.6, 1, 1),)},
        examples=40,
        services=(),
    )


def pinned_partitions() -> Subject:
    """Two partitions on one pCPU: the budgets count all four."""
    facts = make.the_host((make.POOL,))
    rows = {
        "a": HostPartition(name="a", budget=24, origin=a_place()),
        "b": HostPartition(name="b", budget=24, origin=a_place()),
    }
    return declared_both(
        qnx={"vcpus": (vcpu("20r", [0], partition="a"),)},
        linux={"vcpus": (vcpu("10r", [0], partition="b"),)},
        host=replace(facts, partitions=MappingProxyType(rows)),
        demands={"qnx": (make.demand(0.5),), "linux": (make.demand(0.5),)},
        services=(),
    )


def stormed() -> Subject:
    """Interrupt handling of a guest of higher priority eats the time of its neighbour."""
    return declared_both(
        qnx={"vcpus": (vcpu("10r", [1]),)},
        linux={"vcpus": (vcpu("20r", [1]), vcpu("20r", [1]), vcpu("20r", [1]))},
        demands={"qnx": (make.demand(7, 10, 10),), "linux": (make.demand(0.1, 10, 10),) * 3},
        services=(),
    )


SOUND = make.a_subject

FAULTS: tuple[Fault, ...] = (
    Fault("HC1001", "one-region-twice", both_pass_the_pool),
    Fault("HC1002", "passes-host-ram", passes_host_ram),
    Fault("HC1002", "passes-firmware", passes_firmware),
    Fault("HC1003", "foreign-region", foreign_region),
    Fault("HC1004", "ram-lost-in-the-file", lambda: rendered_wrong(memory=(rom(0x4000_0000, 0x1000),))),
    Fault("HC1004", "vdev-moved-in-the-file", lambda: rendered_wrong(vdevs=(vdev("pl011", 0x1C0A_0000),))),
    Fault(
        "HC1005",
        "more-ram-in-the-file",
        lambda: rendered_wrong(memory=(ram(0x8000_0000, 65 * MIB), rom(0x4000_0000, 0x1000))),
    ),
    Fault("HC1101", "vdev-in-ram", vdev_in_ram),
    Fault("HC1102", "two-rams", two_rams),
    Fault("HC1103", "writable-tables", SOUND, writable_tables),
    Fault("HC1104", "beyond-40-bits", far_ram),
    Fault("HC1105", "too-much-ram", too_much_ram),
    Fault("HC1106", "needs-more", lambda: make.a_subject(needs={"qnx": GIB})),
    Fault("HC1107", "used-before", used_before),
    Fault(
        "HC1108",
        "loads-into-nothing",
        lambda: declared_both(qnx={"loads": (Load(path="/g/x", address=0x10),)}),
    ),
    Fault(
        "HC1109",
        "shared-with-nobody",
        lambda: make.a_subject(shared=(SharedMemory(name="frames", size=MIB, guests=(("qnx", a_place()),)),)),
    ),
    Fault("HC1110", "limit-too-low", lambda: make.a_subject(limits={"qnx": 16 * MIB})),
    Fault("HC1201", "blind-memory", SOUND, blind_memory),
    Fault("HC1202", "confused-memory", SOUND, confused_memory),
    Fault(
        "HC1203",
        "fault-action-lost",
        lambda: rendered_wrong(unsupported=(Unsupported(kind="reference", action="abort"),)),
    ),
    Fault(
        "HC2001",
        "interrupt-twice",
        lambda: declared_both(linux={"passes": (passed(window(0x1_0000_0000, 0x1000), lines=[(50, 150)]),)}),
    ),
    Fault(
        "HC2002",
        "line-twice",
        lambda: declared_both(
            linux={
                "vdevs": (vdev("pl011", 0x1C09_0000, 37, name="a"), vdev("pl011", 0x1C0A_0000, 37, name="b"))
            }
        ),
    ),
    Fault(
        "HC2003",
        "interrupt-astray",
        lambda: declared_both(linux={"passes": (passed(lines=[(50, 150)]),)}),
    ),
    Fault(
        "HC2004",
        "passes-the-gic",
        lambda: declared_both(linux={"passes": (passed(window(make.GIC, 0x1000), name="gic"),)}),
    ),
    Fault(
        "HC2004",
        "over-the-virtual-gic",
        lambda: declared_both(linux={"passes": (passed(window(0x2F00_0000, 0x1000, host=0xFE00_0000)),)}),
    ),
    Fault("HC2005", "no-smmu", lambda: without(smmu=False)),
    Fault("HC2005", "no-smmuman", lambda: without(smmuman=False)),
    Fault(
        "HC2006",
        "device-twice",
        lambda: declared_both(linux={"passes": (qnx_spi(lines=[]),)}),
    ),
    Fault("HC2007", "host-drives-it", host_drives_it),
    Fault(
        "HC2008",
        "no-such-peer",
        lambda: declared_both(
            qnx={"vdevs": (vdev("virtio-net", 0x1C0A_0000, 41, name="net", peer="/dev/qvm/linux/eth9"),)}
        ),
    ),
    Fault("HC3001", "no-load", lambda: make.a_subject(demands={"linux": (make.demand(), None)})),
    Fault(
        "HC3001",
        "no-bound",
        lambda: make.a_subject(demands={"qnx": (replace(make.demand(), bound=None),)}),
    ),
    Fault("HC3002", "no-such-cpu", lambda: declared_both(qnx={"vcpus": (vcpu("20r", [9]),)})),
    Fault("HC3002", "no-such-cluster", lambda: declared_both(qnx={"vcpus": (vcpu("20r", cluster="x"),)})),
    Fault("HC3003", "two-on-one", lambda: locked_pair(apart=False)),
    Fault("HC3004", "overload", lambda: overloaded([1, 2])),
    Fault(
        "HC3005",
        "too-slow-for-its-bound",
        lambda: make.a_subject(demands={"qnx": (make.demand(4, 10, 3),)}, services=()),
    ),
    Fault("HC3006", "two-budgets", lambda: a_sporadic_system(6, 9)),
    Fault("HC3007", "pinned-partition", lambda: a_partitioned_system(60, pinned=True)),
    Fault("HC3008", "slow-kicker", lambda: make.a_subject(demands={"qnx": (make.demand(2, 4000, 4000),)})),
    Fault("HC4001", "overload", lambda: overloaded([1])),
    Fault("HC4002", "starved", lambda: attacked(load=make.BUSY)),
    Fault("HC4003", "overload", lambda: overloaded([1])),
    Fault("HC4004", "late-service", late_service),
    Fault("HC4005", "other-cpu", SOUND, patched_schedule(elsewhere)),
    Fault("HC4006", "two-at-once", SOUND, patched_schedule(doubled)),
    Fault("HC4007", "sleepy-scheduler", SOUND, patched_schedule(sleepy)),
    Fault("HC4008", "slow-motion", SOUND, patched_schedule(slow_motion)),
    Fault("HC4009", "evading-ticks", evading),
    Fault("HC4101", "never-unlocked", SOUND, deaf_to_locks),
    Fault("HC4101", "two-on-one", lambda: locked_pair(apart=False)),
    Fault("HC4102", "two-on-one", lambda: locked_pair(apart=False)),
    Fault("HC4201", "pinned-partition", pinned_partitions),
    Fault("HC4301", "spin", attacked),
    Fault("HC4302", "storm", stormed),
    Fault("HC4303", "probe", attacked),
    Fault("HC4304", "reset", reset_attack),
    Fault("HC5001", "too-early", started_too_early),
    Fault("HC5002", "waits-for-later", one_waits_for_later),
    Fault("HC5003", "slow-boot", slow_boot),
    Fault("HC5004", "no-room", no_room_for_restart),
    Fault("HC5005", "no-room", too_much_ram),
)


def statuses(subject: Subject, code: str) -> dict[str, str]:
    """The status of `code`, judged with no guarantee but those of its family."""
    wanted = next(row for row in ALL_PROPERTIES if row.code == code)
    chosen = tuple(row for row in ALL_PROPERTIES if row.family == wanted.family)
    statement = certify(subject, properties=chosen).statement
    return {row["id"]: row["status"] for row in statement["predicate"]["properties"]}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_refused(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault.model is not None:
        fault.model(monkeypatch)

    assert statuses(fault.subject(), fault.code)[fault.code] == "refused"


def test_every_guarantee_has_a_planted_fault(record_property: Callable[[str, object], None]) -> None:
    killed = {fault.code for fault in FAULTS}
    all_codes = {row.code for row in ALL_PROPERTIES}
    record_property("kill rate", f"{len(killed)} of {len(all_codes)} guarantees, {len(FAULTS)} faults")
    print(f"planted faults: {len(FAULTS)}, guarantees with at least one: {len(killed)} of {len(all_codes)}")

    assert all_codes == killed


def test_the_sound_system_is_certified() -> None:
    result = certify(make.a_subject())

    assert result.statement["predicate"]["reasons"] == []
    assert result.verdict == "certified"
    assert result.diagnostics == ()


def test_there_are_at_least_thirty_guarantees_with_their_profiles() -> None:
    assert len(ALL_PROPERTIES) >= 30
    assert len({row.code for row in ALL_PROPERTIES}) == len({row.name for row in ALL_PROPERTIES})
    assert all(row.profiles and row.title and row.statement.endswith(".") for row in ALL_PROPERTIES)


def test_every_refusal_says_what_and_where() -> None:
    result = certify(both_pass_the_pool())
    refused = [row for row in result.statement["predicate"]["properties"] if row["status"] == "refused"]

    assert {"HC1001", "HC1003"} <= {row["id"] for row in refused}
    assert all(row["counterexample"]["what"] and row["counterexample"]["place"] for row in refused)
    assert {"HV7001"} == {diagnostic.code for diagnostic in result.diagnostics}
