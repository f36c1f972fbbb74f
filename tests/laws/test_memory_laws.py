"""Laws of memory: the tables against a linear scan that looks at every declaration for every byte.

Also what follows from who answers: exits on the running scheduler, and what is cleared before a guest runs.
"""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_systems import MIB, SHAPES, host, ram, system, systems, vm

from hvbuild.machine.access import Access, AccessKind, Action, Fault, FaultKind, Operation, exits, kind_of
from hvbuild.machine.boot import boot
from hvbuild.machine.claims import ClaimKind
from hvbuild.machine.costs import cost_table
from hvbuild.machine.exits import Cause, Terms, exit_ns
from hvbuild.machine.guestmemory import GuestMemory
from hvbuild.machine.hostmemory import HostPool, Placement
from hvbuild.machine.memory import MachineMemory, MemoryTerms, build_memory
from hvbuild.machine.program import Program, Touch, Work, compile_program
from hvbuild.machine.scenario import Burst, Scenario, Thread
from hvbuild.machine.schedule import GUEST, HOST, Schedule, Segment, simulate
from hvbuild.machine.stage2 import nested_reads
from hvbuild.model.board import Cost
from hvbuild.model.system import System
from hvbuild.model.vm import MemoryKind, VmConfig
from hvbuild.ranges import AddressRange
from hvbuild.units import Nanoseconds

PLACEMENTS = st.sampled_from((Placement(), Placement(piece=0x55000), Placement(piece=MIB)))
FEW = settings(max_examples=60, deadline=None)
TERMS = st.builds(MemoryTerms, placement=PLACEMENTS, blocks=st.booleans())


def scanned(config: VmConfig, address: int, operation: Operation) -> AccessKind:
    """The kind of a one-byte access, from the words of the VM alone."""
    letter = operation.value[0].replace("e", "x")
    for block in config.memory:
        assert isinstance(block.base, int)
        assert isinstance(block.size, int)
        if block.base <= address < block.base + block.size:
            refused = block.kind is MemoryKind.ROM and operation is Operation.WRITE
            return AccessKind.FAULT if refused else AccessKind.PERMITTED
    for row in config.passes:
        for window in row.windows:
            assert isinstance(window.start, int)
            assert isinstance(window.length, int)
            if window.start <= address < window.start + window.length:
                return AccessKind.PASS_THROUGH if letter in window.flags else AccessKind.FAULT
    for device in config.vdevs:
        assert device.location is not None
        assert isinstance(device.location.start, int)
        size = 0x200 if device.type == "virtio-blk" else 0x1000
        if device.location.start <= address < device.location.start + size:
            return AccessKind.FAULT if operation is Operation.EXECUTE else AccessKind.VDEV
    implicit = [(0x2F000000, 0x10000), (0x2F100000, 0x20000)]
    if any(start <= address < start + size for start, size in implicit):
        return AccessKind.FAULT if operation is Operation.EXECUTE else AccessKind.VDEV
    return AccessKind.FAULT


def edges(guest: GuestMemory) -> list[int]:
    """Addresses that matter: both sides of every border, and some within."""
    points = {0, (1 << 40) - 1, 0x12345}
    for claim in guest.claims:
        window = claim.declared
        points |= {
            window.start - 1,
            window.start,
            (window.start + window.end) // 2,
            window.end - 1,
            window.end,
        }
    return sorted(point for point in points if 0 <= point < 1 << 40)


@FEW
@given(systems(), TERMS, st.sampled_from(Operation))
def test_every_byte_is_judged_as_a_linear_scan_judges_it(
    made: System, terms: MemoryTerms, op: Operation
) -> None:
    memory = build_memory(made, SHAPES, terms)

    assert len(memory.guests) == len(made.vms)
    for guest in memory.guests:
        for address in edges(guest):
            outcome = guest.classify(Access(operation=op, address=address, width=1))

            assert scanned(made.vms[guest.index], address, op) is kind_of(outcome)
            assert exits(outcome) == int(kind_of(outcome) in (AccessKind.VDEV, AccessKind.FAULT))


@FEW
@given(systems(), TERMS)
def test_the_byte_after_a_region_belongs_to_whoever_declared_it_else_to_nobody(
    made: System, terms: MemoryTerms
) -> None:
    for guest in build_memory(made, SHAPES, terms).guests:
        for claim in guest.claims:
            after = claim.window.end
            owner = guest.owner(after)
            declared = [other for other in guest.claims if other.window.holds(after)]

            assert (owner.claim if owner else None) == (declared[0] if declared else None)
            if not declared:
                outcome = guest.classify(Access(operation=Operation.READ, address=after, width=1))
                assert isinstance(outcome, Fault)
                assert outcome.kind is FaultKind.UNOWNED


@FEW
@given(systems(), PLACEMENTS)
def test_blocks_change_what_a_walk_costs_and_never_where_it_leads(made: System, placement: Placement) -> None:
    pages = build_memory(made, SHAPES, MemoryTerms(placement=placement, blocks=False))
    blocks = build_memory(made, SHAPES, MemoryTerms(placement=placement, blocks=True))
    for slow, fast in zip(pages.guests, blocks.guests, strict=True):
        bound = nested_reads(4, slow.table.regime.depth)
        assert fast.table.table_bytes <= slow.table.table_bytes
        for address in edges(slow):
            assert slow.translate(address) == fast.translate(address)
            assert fast.table.walk(address).mapped == slow.table.walk(address).mapped
            assert 0 <= fast.table.miss_reads(address, 4) <= slow.table.miss_reads(address, 4) <= bound


@FEW
@given(systems(), TERMS)
def test_no_host_byte_of_one_guests_ram_is_anothers(made: System, terms: MemoryTerms) -> None:
    memory = build_memory(made, SHAPES, terms)
    taken: list[AddressRange] = []
    for guest in memory.guests:
        for piece in guest.allocated:
            assert piece.is_page_aligned
            assert not any(piece.overlaps(other) for other in taken)
            assert any(row.window is not None and row.window.contains(piece) for row in made.host.banks or ())
            assert not any(
                row.window is not None and row.window.overlaps(piece) for row in made.host.reserved
            )
            taken.append(piece)


@FEW
@given(systems(), TERMS)
def test_guest_ram_is_mapped_onto_its_own_host_bytes_one_to_one(made: System, terms: MemoryTerms) -> None:
    for guest in build_memory(made, SHAPES, terms).guests:
        blocks = [claim.window for claim in guest.claims if claim.kind in (ClaimKind.RAM, ClaimKind.ROM)]
        pages = [guest.translate(page) for block in blocks for page in range(block.start, block.end, 0x1000)]
        behind = [page for piece in guest.allocated for page in range(piece.start, piece.end, 0x1000)]

        assert behind == pages


@FEW
@given(systems(), TERMS)
def test_every_mapping_is_whole_pages_and_in_guest_order(made: System, terms: MemoryTerms) -> None:
    for guest in build_memory(made, SHAPES, terms).guests:
        last = 0
        for row in guest.table.mappings:
            assert row.guest.is_page_aligned
            assert row.guest.start >= last
            last = row.guest.end


@FEW
@given(st.integers(1, 64), st.integers(1, 64), PLACEMENTS)
def test_memory_is_refused_exactly_when_it_is_short(pages: int, have: int, placement: Placement) -> None:
    made = system(vm("a", ram(0, pages * 0x1000)), facts=host((0x80000000, have * 0x1000)))
    memory = build_memory(made, SHAPES, MemoryTerms(placement=placement))

    assert bool(memory.refusals) == (pages > have)
    assert memory.pool is not None
    assert memory.pool.size == (have if memory.refusals else have - pages) * 0x1000


@FEW
@given(
    st.lists(st.integers(0, 300), min_size=2, max_size=10, unique=True).map(sorted),
    st.integers(1, 200),
    PLACEMENTS,
)
def test_what_is_taken_leaves_the_pool_and_nothing_else_does(
    cuts: list[int], pages: int, placement: Placement
) -> None:
    ranges = [AddressRange(a * 0x1000, b * 0x1000) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    pool = HostPool(tuple(ranges))
    taken = pool.take(pages * 0x1000, placement)
    if taken is None:
        assert pool.size < pages * 0x1000
        return
    pieces, rest = taken

    assert sum(piece.size for piece in pieces) == pages * 0x1000
    assert rest.size == pool.size - pages * 0x1000
    assert all(any(free.contains(piece) for free in pool.free) for piece in pieces)
    assert not any(piece.overlaps(free) for piece in pieces for free in rest.free)


# --- exits (property 40) -----------------------------------------------------------------------------------

EXITING = Terms(costs=cost_table("el2-host", 1_000_000_000))
WORK_NS = Nanoseconds(10_000)


def played(bursts: tuple[Burst, ...]) -> Schedule:
    """One vCPU alone doing `bursts` once."""
    thread = Thread(id=0, prio=10, bursts=bursts, policy="f", loop=False)
    return simulate(Scenario(cpus=1, horizon_ns=100_000_000, threads=(thread,)))


def touching(guest: GuestMemory, access: Access, count: int) -> Program:
    """Work, `count` accesses one after the other with work between them, and work."""
    steps = [step for _ in range(count) for step in (Work(ns=WORK_NS), Touch(access=access))]
    return compile_program([*steps, Work(ns=WORK_NS)], EXITING, guest)


@FEW
@given(systems(), st.sampled_from(Operation), st.integers(1, 4), st.data())
def test_each_access_leaves_the_guest_as_often_as_its_owner_says(
    made: System, op: Operation, count: int, data: st.DataObject
) -> None:
    """None for what is mapped; else one exit and one entrance for each access, on the schedule itself."""
    for guest in build_memory(made, SHAPES).guests:
        access = Access(operation=op, address=data.draw(st.sampled_from(edges(guest))), width=1)
        kind = scanned(made.vms[guest.index], access.address, op)
        program = touching(guest, access, count)
        ran = played(program.bursts)
        modes = [row.mode for row in ran.segments]
        if kind in (AccessKind.PERMITTED, AccessKind.PASS_THROUGH):
            bare = (Burst((count + 1) * WORK_NS, 0, "c"),)

            assert program.tally.exits == 0
            assert ran.segments == played(bare).segments
            continue
        cause = Cause.VDEV if kind is AccessKind.VDEV else Cause.FAULT
        held = [row.end - row.start for row in ran.segments if row.mode == HOST]

        assert program.tally.counts == {cause: count}
        assert modes == [GUEST, *([HOST, GUEST] * count)]
        assert held == [exit_ns(EXITING, cause)] * count
        assert ran.threads[0].exits == count
        assert all(before.end == after.start for before, after in pairwise(ran.segments))
        assert guest_time(ran.segments) == (count + 1) * WORK_NS


def guest_time(rows: tuple[Segment, ...]) -> int:
    return sum(row.end - row.start for row in rows if row.mode == GUEST)


@FEW
@given(systems(), TERMS, st.sampled_from(Operation), st.sampled_from((1, 2, 4, 8)))
def test_a_fault_does_what_its_vm_says_and_reaches_no_host_byte(
    made: System, terms: MemoryTerms, op: Operation, width: int
) -> None:
    letter = op.value[0].replace("e", "x")
    for guest in build_memory(made, SHAPES, terms).guests:
        words = [row.action for row in made.vms[guest.index].unsupported]
        wanted = Action(words[-1]) if words else Action.IGNORE
        for address in edges(guest):
            outcome = guest.classify(Access(operation=op, address=address, width=width))
            if not isinstance(outcome, Fault):
                continue
            ignored = wanted is Action.IGNORE and op is not Operation.EXECUTE
            ones = (1 << 8 * width) - 1
            rows = [guest.table.mapping(address + i) for i in range(width)]

            assert outcome.value == (ones if ignored and op is Operation.READ else None)
            assert outcome.action is (
                Action.FAIL if op is Operation.EXECUTE and wanted is Action.IGNORE else wanted
            )
            # the tables let the whole of it through for nobody: not mapped, not allowed, or not one owner's
            let = [row is not None and letter in row.permissions for row in rows]
            assert outcome.kind is FaultKind.CROSSES_OWNERS or not all(let)


# --- clearing (property 47) --------------------------------------------------------------------------------


@FEW
@given(systems(), PLACEMENTS, st.integers(1, 1 << 40))
def test_what_qvm_allocates_is_cleared_at_the_bandwidth_and_what_is_passed_is_not(
    made: System, placement: Placement, bandwidth: int
) -> None:
    """One memory system clears one guest after the other, each before its own first instruction."""
    row = Cost(name="zeroing", low=1, typical=bandwidth, high=1, unit="bytes/s", source="drawn")
    memory = build_memory(made, SHAPES, MemoryTerms(placement=placement))
    result = boot(memory, cost_table("el2-host", 1_000_000_000, [row]))
    cleared = [step for step in result.steps if step.name == "allocate and clear"]
    wanted = {vm.label: sum(int(str(block.size)) for block in vm.memory) for vm in made.vms if vm.memory}

    assert {step.subject: step.end_ns - step.start_ns for step in cleared} == {
        label: -(-size * 1_000_000_000 // bandwidth) for label, size in wanted.items()
    }
    assert all(before.end_ns <= after.start_ns for before, after in pairwise(cleared))
    for step in cleared:
        (first,) = (other for other in result.of(step.subject) if other.name == "first vCPU")
        assert step.end_ns <= first.start_ns
    waited = [step.end_ns for step in result.steps if step.name == "read configuration"]
    if cleared:
        busy = sum(step.end_ns - step.start_ns for step in cleared)
        assert cleared[-1].end_ns <= max(waited) + busy


@pytest.mark.laws
@settings(max_examples=1500, deadline=None)
@given(
    systems(), TERMS, st.integers(0, (1 << 40) - 1), st.sampled_from((1, 2, 4, 8)), st.sampled_from(Operation)
)
def test_an_access_of_any_width_is_judged_by_its_bytes(
    made: System, terms: MemoryTerms, far: int, width: int, op: Operation
) -> None:
    memory: MachineMemory = build_memory(made, SHAPES, terms)
    for guest in memory.guests:
        for address in [far, *edges(guest)]:
            whole = guest.classify(Access(operation=op, address=address, width=width))
            parts = [scanned(made.vms[guest.index], address + i, op) for i in range(width)]
            if AccessKind.FAULT in parts:
                assert kind_of(whole) is AccessKind.FAULT
            elif len(set(parts)) > 1:
                assert isinstance(whole, Fault)
                assert whole.kind is FaultKind.CROSSES_OWNERS
            elif parts[0] is not AccessKind.VDEV:
                assert kind_of(whole) is parts[0]


def counted_tables(guest: GuestMemory) -> list[tuple[int, int]]:
    """Tables by level, from the entry that maps each page: a table stands where it has an entry."""
    regime = guest.table.regime
    needed: dict[int, set[int]] = {level: set() for level in range(regime.start_level + 1, 4)}
    for row in guest.table.mappings:
        for page in range(row.guest.start, row.guest.end, 0x1000):
            for level in range(regime.start_level + 1, guest.table.walk(page).level + 1):
                needed[level].add(page // (0x1000 << 9 * (4 - level)))
    return [(regime.start_level, regime.root_tables), *((level, len(rows)) for level, rows in needed.items())]


@FEW
@given(
    systems(), TERMS, st.sampled_from((30, 32, 36, 40, 42, 44, 48)), st.sampled_from(("aarch64", "x86_64"))
)
def test_table_memory_is_that_of_a_count_of_every_page(
    made: System, terms: MemoryTerms, bits: int, architecture: str
) -> None:
    facts = replace(made.host, address_bits=bits, architecture=architecture)
    for guest in build_memory(replace(made, host=facts), SHAPES, terms).guests:
        rows = counted_tables(guest)
        deepest = [
            guest.table.walk(page).reads
            for row in guest.table.mappings
            for page in range(row.guest.start, row.guest.end, 0x1000)
        ]

        assert list(guest.table.tables) == rows
        assert guest.table.table_bytes == 4096 * sum(count for _, count in rows)
        assert guest.table.deepest == max(deepest, default=0)
