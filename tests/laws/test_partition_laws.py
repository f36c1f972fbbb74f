"""What a partition may use (35): budget, free and critical time and a tick; or its maximum and a tick."""

from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_strategies import Bits
from scenarios import HOG

from hvbuild.machine.columns import budget_percents
from hvbuild.machine.profiles import PUBLISHED, SDP71, Profile
from hvbuild.machine.scenario import Aps, Burst, Partition, Scenario, Thread
from hvbuild.machine.schedule import Schedule, simulate

MS = 1_000_000
WINDOW = 20
LONG = 6 * WINDOW
FEW = settings(max_examples=25, deadline=None)


def loaded(cpus: int, packed: list[int], rows: tuple[Partition, ...], **settings_of: object) -> Scenario:
    """Threads that run for ever or come and go, anywhere or on some CPUs, a few of them critical."""
    threads = []
    for number, one in enumerate(packed):
        bits = Bits(one)
        partition = bits.take(len(rows) + 1)
        prio = 5 + bits.take(6)
        visitor = bits.take(3) == 0
        mask = (None, None, 1 + bits.take((1 << cpus) - 1))[bits.take(3)]
        critical = bits.take(6) == 5
        policy = "fr"[bits.take(2)]
        visits = Burst(100_003 + bits.take(9 * MS), 100_019 + bits.take(12 * MS), "it"[bits.take(2)])
        threads.append(
            Thread(
                id=number,
                prio=prio,
                policy=policy,
                bursts=(visits,) if visitor else (Burst(HOG, 1),),
                partition=partition,
                runmask=mask,
                critical=critical,
                start_ns=bits.take(3 * MS),
            )
        )
    aps = Aps(partitions=rows, window_ms=WINDOW, **settings_of)  # type: ignore[arg-type]
    return Scenario(cpus=cpus, horizon_ns=LONG * MS, threads=tuple(threads), aps=aps)


LOADS = st.lists(st.integers(0, (1 << 90) - 1), min_size=2, max_size=9)


@st.composite
def partitions(draw: st.DrawFn) -> tuple[Partition, ...]:
    budgets = draw(st.lists(st.integers(0, 33), min_size=1, max_size=3))
    return tuple(
        Partition(name=f"P{i}", budget=b, critical_ms=draw(st.sampled_from((0, 3))), max_budget=b + 5)
        for i, b in enumerate(budgets)
    )


def used_per_tick(schedule: Schedule) -> list[list[int]]:
    """For each partition what it ran in each tick, on all CPUs."""
    home = {t.id: t.partition for t in schedule.scenario.threads}
    used = [[0] * LONG for _ in schedule.partitions]
    for s in schedule.segments:
        for tick in range(s.start // MS, -(-s.end // MS)):
            used[home[s.thread]][tick] += min(s.end, (tick + 1) * MS) - max(s.start, tick * MS)
    return used


@FEW
@given(st.integers(1, 4), LOADS, partitions(), st.integers(0, 1), st.sampled_from((PUBLISHED, SDP71)))
def test_a_partition_over_its_budget_runs_in_free_time_only(
    cpus: int, packed: list[int], rows: tuple[Partition, ...], flags: int, profile: Profile
) -> None:
    """35: who begins a tick without the budget for it, and is not critical, leaves nobody waiting who has it.

    So all beyond budget and critical time is free time, but for what a tick had left when it ran out. Threads
    that run for ever are those of which a schedule says when they wait; bound to one CPU, they may be owed.
    One that loses its CPU at that very tick is left waiting until it is looked at next.
    """
    scenario = loaded(cpus, packed, rows, policy_flags=flags)
    schedule = simulate(scenario, profile)
    assert scenario.aps is not None
    used = used_per_tick(schedule)
    whole = cpus * WINDOW * MS
    limits = [whole * percent // 100 for percent in budget_percents(scenario.aps)]
    need = cpus * (MS + MS // 256)
    for tick in range(5, LONG):
        recent = [sum(row[max(tick - WINDOW + 1, 0) : tick]) for row in used]
        able = {part for part, ns in enumerate(recent) if ns + need <= limits[part]}
        on = {s.cpu: s.thread for s in schedule.segments if s.start <= tick * MS < s.end}
        displaced = {s.thread for s in schedule.segments if s.end == tick * MS}
        waiting = [
            t
            for t in scenario.threads
            if t.bursts[0].run_ns == HOG and t.partition in able and t.id not in {*on.values(), *displaced}
        ]
        for cpu, thread in on.items():
            running = scenario.threads[thread]
            if (
                running.partition in able
                or running.critical
                or running.runmask in {1 << c for c in range(cpus)}
            ):
                continue

            assert not any((t.runmask or 15) >> cpu & 1 for t in waiting), (tick, cpu)


@FEW
@given(st.integers(1, 4), LOADS, partitions())
def test_a_limited_partition_gets_its_maximum_and_a_tick(
    cpus: int, packed: list[int], rows: tuple[Partition, ...]
) -> None:
    """35 with limit_cpu_usage, `sdp71`: in no window more than the maximum, however idle the CPUs are."""
    scenario = loaded(cpus, packed, rows, limit_cpu_usage=True)
    plain = tuple(Thread(**{f: getattr(t, f) for f in FIELDS}) for t in scenario.threads)
    scenario = Scenario(cpus=cpus, horizon_ns=LONG * MS, threads=plain, aps=scenario.aps)
    used = used_per_tick(simulate(scenario, SDP71))
    for part, row in enumerate(rows, 1):
        most = max(sum(used[part][at : at + WINDOW]) for at in range(LONG - WINDOW + 1))

        assert most <= cpus * WINDOW * MS * row.max_budget // 100 + MS


FIELDS = ("id", "prio", "policy", "bursts", "partition", "runmask", "start_ns")  # nobody is critical


def test_a_limit_leaves_the_cpu_idle() -> None:
    """16 [N] with limit_cpu_usage: one busy partition of 10 %, at most 30 %, nobody else."""
    rows = (Partition(name="P", budget=10, max_budget=30),)
    for limited, percent in ((False, 100), (True, 30)):
        aps = Aps(partitions=rows, window_ms=WINDOW, limit_cpu_usage=limited)
        thread = Thread(id=0, prio=10, bursts=(Burst(HOG, 1),), partition=1)
        scenario = Scenario(cpus=1, horizon_ns=LONG * MS, threads=(thread,), aps=aps)
        share = simulate(scenario, SDP71).cpu_time_ns[0] * 100 / scenario.horizon_ns

        assert percent - 5 <= share <= percent
