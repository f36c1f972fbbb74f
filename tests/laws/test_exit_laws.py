"""Laws of exits on the running scheduler: time adds up, and what costs nothing leaves no trace."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hvbuild.machine.costs import CostTable, cost_table, free_table
from hvbuild.machine.exits import Cause, Terms, exit_ns
from hvbuild.machine.profiles import PUBLISHED
from hvbuild.machine.program import (
    Action,
    Call,
    Halt,
    Operate,
    ReadTrapped,
    TakeInterrupt,
    TakeTick,
    Work,
    compile_program,
)
from hvbuild.machine.scenario import Burst, Scenario, Thread
from hvbuild.machine.schedule import GUEST, HOST, schedule_json, simulate
from hvbuild.model.board import Cost
from hvbuild.units import Nanoseconds

FEW = settings(max_examples=60, deadline=None)
TIMES = st.integers(1, 3_000_000).map(Nanoseconds)
WORK = st.builds(Work, ns=TIMES)
EXITS: st.SearchStrategy[Action] = st.one_of(
    st.builds(Call, count=st.integers(1, 3)),
    st.builds(ReadTrapped, count=st.integers(1, 3)),
    st.builds(Operate, vdev=st.just("virtio-blk"), name=st.just("request"), count=st.integers(1, 2)),
    st.builds(TakeTick, handler_ns=TIMES),
    st.builds(TakeInterrupt, count=st.integers(1, 20), handler_ns=TIMES, unmask_early=st.booleans()),
)
HALT = st.builds(Halt, ns=TIMES)
PROGRAMS = st.lists(st.one_of(WORK, EXITS, HALT), min_size=1, max_size=12).filter(
    lambda actions: any(isinstance(action, Work) for action in actions)
)
CLASSES = st.sampled_from(("el1-host", "el2-host", "x86"))
FREQUENCY = st.sampled_from((1_000_000_000, 1_500_000_000, 2_841_600_000))


@st.composite
def tables(draw: st.DrawFn) -> CostTable:
    """A board's table: a class, a clock, and perhaps a measured exit."""
    rows = [Cost(name="exit-hypercall", low=1, typical=777, high=9000, unit="ns", source="measured")]
    return cost_table(draw(CLASSES), draw(FREQUENCY), rows if draw(st.booleans()) else ())


@FEW
@given(PROGRAMS, tables(), st.sampled_from((2, 3)))
def test_one_vcpu_alone_takes_its_work_and_its_exits_exactly(
    actions: list[Action], costs: CostTable, gic: int
) -> None:
    terms = Terms(costs=costs, gic=gic)
    program = compile_program(actions, terms)
    thread = Thread(id=0, prio=10, bursts=program.bursts, policy="f", loop=False)
    schedule = simulate(Scenario(cpus=1, horizon_ns=1_000_000_000, threads=(thread,)), PUBLISHED)
    work = sum(int(a.ns) for a in actions if isinstance(a, Work))
    handlers = sum(int(a.handler_ns) for a in actions if isinstance(a, TakeTick))
    handlers += sum(a.count * a.handler_ns for a in actions if isinstance(a, TakeInterrupt))
    exits = sum(count * exit_ns(terms, cause) for cause, count in program.tally.counts.items())

    assert schedule.threads[0].cpu_ns == work + handlers + exits
    assert schedule.threads[0].host_ns == exits
    guest = sum(s.end - s.start for s in schedule.segments if s.mode == GUEST)
    host = sum(s.end - s.start for s in schedule.segments if s.mode == HOST)
    assert (guest, host) == (work + handlers, exits)


def scenario(bursts: list[tuple[Burst, ...]], cpus: int) -> Scenario:
    threads = [
        Thread(id=i, prio=10 + i % 2, bursts=rows, policy="fr"[i % 2], start_ns=i * 1000)
        for i, rows in enumerate(bursts)
    ]
    return Scenario(cpus=cpus, horizon_ns=20_000_000, threads=tuple(threads))


LONG = st.integers(100_000, 3_000_000)
PLAIN = st.lists(st.tuples(LONG, LONG), min_size=1, max_size=4)


@FEW
@given(st.lists(PLAIN, min_size=1, max_size=4), st.integers(1, 2))
def test_without_cost_and_without_accesses_the_schedule_is_the_bare_one(
    demands: list[list[tuple[int, int]]], cpus: int
) -> None:
    terms = Terms(costs=free_table())
    bare = [tuple(Burst(run, wait, "i") for run, wait in rows) for rows in demands]
    lived = [
        compile_program(
            [step for run, wait in rows for step in (Work(ns=Nanoseconds(run)), Halt(ns=Nanoseconds(wait)))],
            terms,
        ).bursts
        for rows in demands
    ]

    assert schedule_json(simulate(scenario(bare, cpus))) == schedule_json(simulate(scenario(lived, cpus)))
    assert simulate(scenario(bare, cpus)).segments == simulate(scenario(lived, cpus)).segments


@FEW
@given(PROGRAMS)
def test_exits_that_cost_nothing_leave_no_trace(actions: list[Action]) -> None:
    kept = [a for a in actions if isinstance(a, Work | Halt)]
    lived = [a for a in actions if not isinstance(a, TakeTick | TakeInterrupt)]
    terms = Terms(costs=free_table())

    assert compile_program(kept, terms).bursts == compile_program(lived, terms).bursts


@FEW
@given(PROGRAMS, tables())
def test_every_exit_is_followed_by_its_entrance_and_none_lies_in_another(
    actions: list[Action], costs: CostTable
) -> None:
    program = compile_program(actions, Terms(costs=costs))
    modes = [burst.host for burst in program.bursts]

    assert sum(b.run_ns for b in program.bursts) == program.guest_ns + program.host_ns
    assert all(burst.run_ns >= 0 for burst in program.bursts)
    for before, after, burst in zip(modes, modes[1:], program.bursts, strict=False):
        assert before != after or burst.kind != "c"


@FEW
@given(PROGRAMS, st.integers(0, 5000))
def test_dearer_exits_never_lower_what_the_host_takes(actions: list[Action], more: int) -> None:
    cheap = Terms(costs=cost_table("el2-host", 1_000_000_000))
    row = cheap.costs.rows["exit-entry"]
    dear = Cost(
        name=row.name, low=row.low, typical=row.typical + more, high=row.high, unit=row.unit, source="dearer"
    )
    costly = Terms(costs=cost_table("el2-host", 1_000_000_000, [dear]))
    exits = compile_program(actions, cheap).tally.exits

    assert compile_program(actions, costly).host_ns == compile_program(actions, cheap).host_ns + more * exits


@given(st.sampled_from(Cause), CLASSES, FREQUENCY)
def test_an_exit_costs_at_least_its_way_out_and_in(cause: Cause, cost_class: str, frequency: int) -> None:
    terms = Terms(costs=cost_table(cost_class, frequency))

    assert exit_ns(terms, cause) >= terms.costs.ns("exit-entry") > 0
