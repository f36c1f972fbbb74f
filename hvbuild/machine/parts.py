"""What threads do in one run, as a scenario for the scheduler, and what became of it job by job."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hvbuild.machine.scenario import Aps, Burst, Event, Partition, Scenario, Sporadic, Thread
from hvbuild.machine.schedule import GUEST, HOLDING, HOST, Schedule
from hvbuild.machine.setting import Setting
from hvbuild.machine.threads import HostThread
from hvbuild.model.vm import Fifo, RoundRobin
from hvbuild.model.vm import Sporadic as SporadicSched

CLOCK_CPU = 0  # takes the host's clock interrupt, and with it the timers (published microkernel, measured)
WORKING = (GUEST, HOST, HOLDING)  # spinning gets nothing done


@dataclass(frozen=True, slots=True)
class Job:
    """One release of a thread's work: when, and when it was done (None: not within the run).

    `cut` is when the end of its guest cut it off.
    """

    released: int
    done: int | None
    cut: int | None = None

    def response(self, horizon: int) -> int:
        """From release to completion, or as long as it was open: to where it was cut, or the run's end."""
        if self.done is not None:
            return self.done - self.released
        return (self.cut if self.cut is not None else horizon) - self.released


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one thread does in a run: its bursts and, where its work is counted, the jobs behind them.

    `end_ns` is when it is ended from outside, None: it is not; `earlier` is the number of the part whose
    thread it comes after then, in another life.
    """

    thread: HostThread
    bursts: tuple[Burst, ...]
    start_ns: int = 0
    work_ns: int = 0
    period_ns: int = 0
    loop: bool = True
    end_ns: int | None = None
    earlier: int | None = None


def scenario_of(setting: Setting, parts: Sequence[Part], horizon: int) -> Scenario:
    """The scenario of `parts` on the board's pCPUs; partitions only where the profile has them."""
    aps = aps_of(setting)
    names = {"System": 0, **{p.name: i + 1 for i, p in enumerate(aps.partitions if aps is not None else ())}}
    everything = (1 << setting.cpus) - 1
    alike = len(set(setting.speeds)) == 1
    return Scenario(
        cpus=setting.cpus,
        horizon_ns=horizon,
        tick_ns=int(setting.system.host.tick),
        irq_cpu=setting.system.host.routing.cpu,
        threads=tuple(
            Thread(
                id=number,
                prio=part.thread.priority,
                policy=policy_of(part.thread),
                sporadic=server_of(part.thread),
                runmask=part.thread.mask & everything or everything,
                partition=names.get(part.thread.partition, 0),
                start_ns=part.start_ns,
                bursts=part.bursts,
                loop=part.loop,
                irq_cpu=irq_cpu_of(setting, part.thread),
                vcpu=part.thread.is_vcpu,
                keeps_cpu=part.thread.halts_in_place,
                noted=part.thread.serves or part.thread.waits > 0,
                earlier=part.earlier,
            )
            for number, part in enumerate(parts)
        ),
        events=tuple(
            Event(t_ns=part.end_ns, op="end", thread=number)
            for number, part in enumerate(parts)
            if part.end_ns is not None
        ),
        aps=aps,
        speeds=() if alike else setting.speeds,
        speed_unit=1 if alike else max(setting.speeds),
    )


def irq_cpu_of(setting: Setting, thread: HostThread) -> int:
    """The pCPU that takes what wakes `thread`: as the load says, as the board routes, or the clock's."""
    demand, routing = thread.demand, setting.system.host.routing
    if demand is None:
        return routing.cpu
    if demand.interrupt_cpu is not None:
        return demand.interrupt_cpu
    return CLOCK_CPU if demand.by_timer else routing.taker(demand.interrupt)


def policy_of(thread: HostThread) -> str:
    """The letter of its policy."""
    match thread.sched:
        case Fifo():
            return "f"
        case RoundRobin():
            return "r"
        case _:
            return "s"


def server_of(thread: HostThread) -> Sporadic | None:
    """Its sporadic parameters, None for another policy."""
    sched = thread.sched
    if not isinstance(sched, SporadicSched):
        return None
    return Sporadic(
        low_prio=sched.low_priority,
        init_budget_ns=int(sched.initial_budget),
        repl_period_ns=int(sched.replenishment_period),
        max_repl=sched.max_replenishments,
    )


def aps_of(setting: Setting) -> Aps | None:
    """The host's partitions, parents first; None without any or where the profile has none."""
    rows = dict(setting.system.host.partitions or {})
    rows.pop("System", None)
    if not rows or not setting.profile.partitions:
        return None
    ordered: list[str] = []
    while len(ordered) < len(rows):
        ready = [n for n, row in rows.items() if n not in ordered and row.parent in ("System", *ordered)]
        ordered += ready or [n for n in rows if n not in ordered]
    places = {"System": 0, **{name: i + 1 for i, name in enumerate(ordered)}}
    return Aps(
        partitions=tuple(
            Partition(
                name=name,
                budget=rows[name].budget,
                critical_ms=int(rows[name].critical) // 1_000_000,
                parent=places.get(rows[name].parent, 0),
            )
            for name in ordered
        )
    )


def jobs_of(parts: Sequence[Part], schedule: Schedule) -> dict[str, tuple[Job, ...]]:
    """The jobs of each thread that has counted work: a job is done when that much was executed.

    A job of a thread that serves begins with a request and is done when that is answered. Those of parts of
    one thread, which are its lives one after the other, stand together.
    """
    scenario = schedule.scenario
    unit = scenario.speed_unit
    rows: dict[int, list[tuple[int, int, int]]] = {}
    for row in schedule.segments:
        if row.mode in WORKING:
            speed = scenario.speeds[row.cpu] if scenario.speeds else unit
            rows.setdefault(row.thread, []).append((row.start, row.end, speed))
    found: dict[str, tuple[Job, ...]] = {}
    for number, part in enumerate(parts):
        if part.work_ns:
            name = part.thread.name
            if part.thread.serves:
                jobs = list(_served(part, number, schedule))
            else:
                jobs = _jobs(part, rows.get(number, []), scenario.horizon_ns, unit)
            found[name] = (*found.get(name, ()), *jobs)
    return found


def _served(part: Part, number: int, schedule: Schedule) -> Iterator[Job]:
    """Requests are answered in the order in which they are made."""
    answers = (row.time for row in schedule.answers if row.thread == number)
    for row in schedule.requests:
        if row.thread == number:
            done = next(answers, None)
            yield Job(row.time, done, part.end_ns if done is None else None)


def _jobs(part: Part, rows: list[tuple[int, int, int]], horizon: int, unit: int) -> list[Job]:
    jobs: list[Job] = []
    need = part.work_ns * unit
    at, left = 0, need
    released = part.start_ns
    for start, end, speed in rows:
        now = start
        while now < end:
            takes = -(-left // speed)
            if now + takes > end:
                left -= (end - now) * speed
                break
            now += takes
            jobs.append(Job(released, now))
            at += 1
            released, left = part.start_ns + at * part.period_ns, need
    end = horizon if part.end_ns is None else min(horizon, part.end_ns)
    while released < end:
        jobs.append(Job(released, None, part.end_ns))
        at += 1
        released = part.start_ns + at * part.period_ns
    return jobs
