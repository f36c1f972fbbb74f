"""Boot of a whole system: order, dependencies, times, and who is refused."""

from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from machine_systems import MIB, SHAPES, host, ram, region, region_pass, system, systems, vm

from hvbuild.machine.boot import Boot, boot
from hvbuild.machine.costs import cost_table
from hvbuild.machine.ending import ENDINGS, Way, ending_of
from hvbuild.machine.memory import build_memory
from hvbuild.machine.psci import SystemState
from hvbuild.model.board import BringUp, Cost
from hvbuild.model.evidence import GuestFacts, GuestNeeds, ImageFacts
from hvbuild.model.system import HostFacts, HostService, Launch, System
from hvbuild.report.boot import boot_text
from hvbuild.source import SourceFile, Span, origin_at

COSTS = cost_table(
    "el2-host",
    1_000_000_000,
    [
        Cost(name="zeroing", low=MIB, typical=MIB, high=MIB, unit="bytes/s", source="one MiB each second"),
        Cost(name="host-startup", low=0, typical=1000, high=0, unit="ns", source="test"),
        Cost(name="service-start", low=0, typical=100, high=0, unit="ns", source="test"),
        Cost(name="qvm-start", low=0, typical=10, high=0, unit="ns", source="test"),
    ],
)
SECOND = 1_000_000_000


def booted(made: System) -> Boot:
    return boot(build_memory(made, SHAPES), COSTS)


def with_launches(made: System, services: list[HostService], **positions: int) -> System:
    launches = {name: Launch(system=name, position=at) for name, at in positions.items()}
    facts = replace(made.host, services=tuple(services), launches=MappingProxyType(launches))
    return replace(made, host=facts)


def test_services_and_guests_start_in_the_order_of_the_host() -> None:
    made = system(vm("b", ram(0, MIB)), vm("a", ram(0, MIB)))
    steps = booted(with_launches(made, [HostService(name="s1"), HostService(name="s2")], a=1, b=2)).steps

    assert [
        (s.name, s.subject, s.start_ns)
        for s in steps
        if s.name in ("host startup", "service", "read configuration")
    ] == [
        ("host startup", "host", 0),
        ("service", "s1", 1000),
        ("read configuration", "a", 1100),
        ("service", "s2", 1100),
        ("read configuration", "b", 1200),
    ]


def test_clearing_is_additive_and_before_the_first_vcpu() -> None:
    result = booted(system(vm("a", ram(0, 2 * MIB), ram(4 * MIB, MIB)), vm("b", ram(0, MIB))))
    cleared = [(s.subject, s.start_ns, s.end_ns) for s in result.steps if s.name == "allocate and clear"]
    first = {s.subject: s.start_ns for s in result.steps if s.name == "first vCPU"}

    assert cleared == [("a", 1010, 1010 + 3 * SECOND), ("b", 1010 + 3 * SECOND, 1010 + 4 * SECOND)]
    assert first == {"a": 1010 + 3 * SECOND, "b": 1010 + 4 * SECOND}


def test_memory_handed_over_in_place_is_not_cleared() -> None:
    facts = host((0x80000000, 64 * MIB), regions=[region("pool", 0x81000000, 8 * MIB)])
    result = booted(system(vm("a", passes=[region_pass("pool")]), facts=facts))

    assert [s.name for s in result.of("a")] == ["read configuration", "load images", "first vCPU", "guest up"]


def test_secondaries_follow_by_one_call_each() -> None:
    result = booted(system(vm("a", ram(0, MIB), cpus=3)))
    rows = [(s.name, s.note, s.end_ns - s.start_ns) for s in result.of("a") if s.name == "vCPU on"]

    assert rows == [("vCPU on", "CPU_ON 0x1", 1800 + 1500), ("vCPU on", "CPU_ON 0x2", 1800 + 1500)]


@pytest.mark.parametrize(
    ("protocol", "note", "parts"),
    [
        (BringUp.PSCI, "PSCI CPU_ON", ("firmware-call", "core-on")),
        (BringUp.SPIN_TABLE, "spin-table: store, sev", ("release-store",)),
        (BringUp.ACPI_PARKING, "parking protocol: mailbox, SGI", ("release-store", "ipi")),
        (BringUp.INIT_SIPI, "INIT, SIPI, SIPI", ("init-sipi",)),
    ],
)
def test_the_boards_own_cores_start_as_the_board_does(
    protocol: BringUp, note: str, parts: tuple[str, ...]
) -> None:
    made = system(vm("a", ram(0, MIB)))
    made = replace(made, host=replace(made.host, cpus=4, bring_up=protocol))
    rows = [step for step in booted(made).of("host") if step.name.startswith("pCPU")]
    ns = sum(COSTS.ns(part) for part in parts)

    assert [(step.name, step.note) for step in rows] == [(f"pCPU {n} on", note) for n in (1, 2, 3)]
    assert [step.end_ns - step.start_ns for step in rows] == [ns] * 3
    assert [step.after for step in rows] == [(step.number - 1,) for step in rows]


def test_where_nobody_says_how_they_start_they_are_part_of_the_startup() -> None:
    assert [step.name for step in booted(system(vm("a", ram(0, MIB)))).of("host")] == ["host startup"]


def test_a_guest_on_x86_starts_its_vcpus_by_three_writes_to_its_apic() -> None:
    made = system(vm("a", ram(0, MIB), cpus=2), facts=host((0x80000000, 64 * MIB), architecture="x86_64"))
    (row,) = [step for step in booted(made).of("a") if step.name == "vCPU on"]

    assert row.note == "INIT, SIPI, SIPI"
    # entry 1500, trapped register 500, interrupt to another CPU 1000; then the switch to the new thread
    assert row.end_ns - row.start_ns == 3 * (1500 + 500 + 1000) + 1500


def test_a_guest_short_by_one_page_ends_with_64_and_the_others_start() -> None:
    block = replace(
        ram(0, 2 * MIB), origin=origin_at(Span(SourceFile("b.qvmconf", "system b\nram 0,2M\n"), 9, 12))
    )
    made = system(
        vm("a", ram(0, 6 * MIB)), vm("b", block), vm("c", ram(0, MIB)), facts=host((0, 8 * MIB - 0x1000))
    )
    result = booted(made)

    assert [(row.vm, row.code, row.message) for row in result.exits] == [
        ("b", 64, "[b.qvmconf:2] Unable to allocate guest memory (0x200000 bytes needed, 0x1ff000 free)")
    ]
    assert [result.up_at(name) is not None for name in "abc"] == [True, False, True]
    assert booted(replace(made, host=host((0, 9 * MIB)))).exits == ()


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (GuestFacts(needs=GuestNeeds(memory=2 * MIB)), "needs 2MiB of RAM, has 1MiB"),
        (
            GuestFacts(images=(ImageFacts(path="/k", size=3 * MIB),)),
            "images of 3MiB do not fit into 1MiB of RAM",
        ),
    ],
)
def test_a_guest_that_needs_more_than_its_ram_cannot_come_up(facts: GuestFacts, reason: str) -> None:
    made = replace(system(vm("a", ram(0, MIB)), vm("b", ram(0, MIB))), guests=MappingProxyType({"a": facts}))
    result = booted(made)

    assert [(row.vm, row.reason) for row in result.stalls] == [("a", reason)]
    assert (result.up_at("a"), result.exits) == (None, ())
    assert result.up_at("b") is not None


def test_a_service_that_comes_after_the_guest_it_serves_is_named() -> None:
    made = system(vm("a", ram(0, MIB)))
    blk = HostService(name="io-blk", backs=("a.disk",))

    assert [row.reason for row in booted(with_launches(made, [blk], a=0)).stalls] == [
        "`io-blk`, which serves a.disk, starts after its qvm"
    ]
    assert booted(with_launches(made, [blk], a=1)).stalls == ()


@settings(max_examples=40, deadline=None)
@given(systems())
def test_no_step_starts_before_what_it_waits_for_has_ended(made: System) -> None:
    result = booted(made)
    for step in result.steps:
        assert step.end_ns >= step.start_ns
        assert step.start_ns == max((result.steps[n].end_ns for n in step.after), default=0)
        assert all(number < step.number for number in step.after)
    came_up = {s.subject for s in result.steps if s.name == "guest up"}
    assert came_up | {row.vm for row in result.exits} == {v.label for v in made.vms}


def test_a_host_of_which_nothing_is_known_still_boots_its_guests() -> None:
    result = booted(System(vms=(vm("a", ram(0, MIB)),), host=HostFacts()))

    assert result.up_at("a") == 1010 + SECOND + 3500


def test_endings_carry_the_documented_exit_codes() -> None:
    codes = {way: row.code for way, row in ENDINGS.items()}

    assert set(codes) == set(Way)
    assert (codes[Way.PSCI_OFF], codes[Way.POWER_CUT], codes[Way.WATCHDOG], codes[Way.UNSUPPORTED]) == (
        0,
        3,
        4,
        5,
    )
    assert ending_of(SystemState.RUNNING) is None
    restart = ending_of(SystemState.RESET)
    assert restart is not None
    assert (restart.code, restart.restarts) == (0, True)


def test_a_boot_is_shown_as_a_table_with_refusals_below() -> None:
    made = system(vm("a", ram(0, MIB)), vm("b", ram(0, 8 * MIB)), facts=host((0, 2 * MIB)))
    lines = boot_text(booted(made)).splitlines()

    assert lines[1].split() == ["0", "host", "startup", "host", "0.000", "0.001"]
    assert [line.split()[1:4] for line in lines if "clear" in line] == [["allocate", "and", "clear"]]
    assert lines[-1] == (
        "qvm of b exits 64: [b.qvmconf] Unable to allocate guest memory"
        " (0x800000 bytes needed, 0x100000 free)"
    )
