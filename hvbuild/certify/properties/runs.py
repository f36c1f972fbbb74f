"""HC4xxx: what every drawn run must show: declared loads, spin locks, partitions under full load."""

from collections.abc import Iterable

from hvbuild.certify.bounds import response_bound
from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Finding
from hvbuild.certify.playing import Job, Part, ScheduleRun, spins_of
from hvbuild.certify.properties.loads import budgets_of, has_partitions, has_sporadic, vcpus_of
from hvbuild.certify.properties.times import ms
from hvbuild.certify.property import KERNELS, EVERYWHERE, Applies, Family, Method, Property, Watch, always
from hvbuild.certify.story import lateness, waiting
from hvbuild.machine.schedule import GUEST, HOST, SPINNING
from hvbuild.model.vm import Sporadic
from hvbuild.units import duration_text

_WINDOW = 100_000_000


def _bound(part: Part) -> int | None:
    demand = part.thread.demand
    return int(demand.bound) if demand is not None and demand.bound is not None else None


def late_job(run: ScheduleRun, part: Part, bound: int) -> Job | None:
    """The first job that is not done within `bound`; one that the run cuts short does not count."""
    for job in run.jobs.get(part.thread.name, ()):
        if job.response(run.horizon) > bound:
            return job
    return None


def _first_late(run: ScheduleRun, *, vcpus: bool) -> Finding | None:
    for part in run.parts:
        bound = _bound(part)
        if bound is None or part.thread.is_vcpu is not vcpus or part.thread.guest == run.attacker != "":
            continue
        job = late_job(run, part, bound)
        if job is not None:
            return lateness(run, part, job, bound)
    return None


def vcpus_meet_bounds(_ground: Ground, run: ScheduleRun) -> Finding | None:
    """Each vCPU's work is done within its bound."""
    return _first_late(run, vcpus=True)


def services_meet_bounds(_ground: Ground, run: ScheduleRun) -> Finding | None:
    """Each host service's work is done within its bound."""
    return _first_late(run, vcpus=False)


def waits_are_bounded(_ground: Ground, run: ScheduleRun) -> Finding | None:
    """No vCPU stays ready without running for longer than its bound."""
    for number, part in enumerate(run.parts):
        bound = _bound(part)
        total = run.schedule.threads[number]
        if bound is None or not part.thread.is_vcpu or part.thread.guest == run.attacker != "":
            continue
        if total.longest_ready_ns > bound:
            return waiting(run, part, total.longest_ready_at, total.longest_ready_ns, bound)
    return None


def shares_are_given(_ground: Ground, run: ScheduleRun) -> Finding | None:
    """Each vCPU has got at least the work of all jobs whose bound lies within the run."""
    for number, part in enumerate(run.parts):
        bound = _bound(part)
        if bound is None or not part.work_ns or not part.thread.is_vcpu:
            continue
        due = [job for job in run.jobs[part.thread.name] if job.released + bound <= run.horizon]
        speeds = run.schedule.scenario.speeds
        fastest = max((speeds[cpu] for cpu in part.thread.cpus), default=1) if speeds else 1
        owed = len(due) * part.work_ns * run.schedule.scenario.speed_unit // fastest
        got = run.schedule.threads[number].cpu_ns - run.schedule.threads[number].spin_ns
        if got + len(due) < owed:
            first = next((job for job in due if job.done is None), due[-1])
            return lateness(run, part, first, bound)
    return None


def stays_in_place(ground: Ground, run: ScheduleRun) -> Finding | None:
    """Nobody runs outside the pCPUs that its line names."""
    everything = frozenset(range(ground.cpus))
    allowed = [part.thread.cpus & everything or everything for part in run.parts]
    for row in run.schedule.segments:
        if row.cpu not in allowed[row.thread]:
            thread = run.parts[row.thread].thread
            return Finding(
                what=f"{thread.spelled} runs on CPU {row.cpu} at {ms(row.start)}",
                place=thread.placement_origin,
                change="none in the stack: the scheduler model breaks its own rule",
            )
    return None


def time_adds_up(_ground: Ground, run: ScheduleRun) -> Finding | None:
    """No pCPU runs two things at once, nobody runs twice at once, and nobody does work that was not asked for."""
    free = [0] * run.schedule.scenario.cpus
    ends: dict[int, int] = {}
    ran = [0] * len(run.parts)
    for row in run.schedule.segments:
        if row.start < free[row.cpu] or row.start < ends.get(row.thread, 0) or row.end > run.horizon:
            return _nonsense(run, f"CPU {row.cpu} runs two things at {ms(row.start)}")
        free[row.cpu] = ends[row.thread] = row.end
        if row.mode in (GUEST, HOST):
            speed = run.schedule.scenario.speeds[row.cpu] if run.schedule.scenario.speeds else 1
            ran[row.thread] += (row.end - row.start) * speed
    for number, part in enumerate(run.parts):
        if part.work_ns:
            jobs = len(run.jobs[part.thread.name])
            asked = (jobs * part.work_ns + jobs) * run.schedule.scenario.speed_unit
            if ran[number] > asked + jobs * max(run.schedule.scenario.speeds or (1,)):
                return _nonsense(run, f"`{part.thread.name}` does more work than it was given")
    return None


def _nonsense(run: ScheduleRun, what: str) -> Finding:
    place = run.parts[0].thread.origin
    return Finding(what=what, place=place, change="none in the stack: the scheduler model breaks its own rule")


def nobody_idles_past_work(ground: Ground, run: ScheduleRun) -> Finding | None:
    """A vCPU with one pCPU never waits while a thread of lower priority, or nobody, has that pCPU."""
    for number, part in enumerate(run.parts):
        thread = part.thread
        if len(thread.cpus) != 1 or isinstance(thread.sched, Sporadic) or not part.work_ns:
            continue
        (cpu,) = thread.cpus
        for job in run.jobs[thread.name]:
            below = _below(run, number, cpu, job)
            if below is not None:
                at, who = below
                return Finding(
                    what=f"{thread.spelled} waits at {ms(at)} while CPU {cpu} {who}",
                    place=thread.sched_origin,
                    change="none in the stack: the scheduler model breaks its own rule",
                )
    return None


def _below(run: ScheduleRun, number: int, cpu: int, job: Job) -> tuple[int, str] | None:
    """Where, while `job` is not done, its pCPU idles or runs somebody of lower priority."""
    level = run.parts[number].thread.priority
    at, end = job.released, job.done if job.done is not None else run.horizon
    for row in run.schedule.segments:
        if row.cpu != cpu or row.end <= at:
            continue
        if row.start >= end:
            break
        if row.start > at:
            return at, "idles"
        other = run.parts[row.thread].thread
        if row.thread != number and other.priority < level:
            return max(at, row.start), f"runs {other.spelled}"
        at = row.end
    return (at, "idles") if at < end else None


def without_partitions(ground: Ground) -> str:
    """Silent where partitions decide who runs, or where no vCPU has one pCPU."""
    if not has_partitions(ground):
        return "partitions decide who runs"
    pinned = any(len(thread.cpus) == 1 for thread in vcpus_of(ground.threads))
    return "" if pinned else "no vCPU has one pCPU of its own"


def theory_holds(ground: Ground, run: ScheduleRun) -> Finding | None:
    """No response is longer than what analysis proves."""
    threads = [part.thread for part in run.parts]
    for part in run.parts:
        jobs = run.jobs.get(part.thread.name, ())
        bound = _proved(ground, part, threads) if jobs and len(part.thread.cpus) == 1 else None
        if bound is None:
            continue
        job = late_job(run, part, bound)
        if job is not None and job.released + bound <= run.horizon:
            found = lateness(run, part, job, bound)
            return Finding(
                what=f"`{part.thread.name}` takes longer than analysis proves: {ms(job.response(run.horizon))} "
                f"against {ms(bound)}",
                place=found.place,
                story=found.story,
                change="none in the stack: the scheduler model and the analysis disagree",
            )
    return None


def _proved(ground: Ground, part: Part, threads: Iterable[object]) -> int | None:
    return response_bound(ground, part.thread, threads).response_ns  # type: ignore[arg-type]


# --- sporadic ---------------------------------------------------------------------------------------------------


def sporadic_is_honest(ground: Ground, run: ScheduleRun) -> Finding | None:
    """At high priority a sporadic vCPU has at most two budgets, and a tick each, in any window of its period."""
    for part in run.parts:
        sched = part.thread.sched
        if not isinstance(sched, Sporadic):
            continue
        period, tick = int(sched.replenishment_period), int(ground.system.host.tick)
        limit = 2 * (int(sched.initial_budget) + tick)
        most, at = _most_in_window(_high_segments(run, part), period)
        if most > limit:
            return Finding(
                what=f"{part.thread.spelled} holds its high priority for {ms(most)} within {duration_text(period)}",
                place=part.thread.sched_origin,
                story=(f"from {ms(at)} on it runs at priority {sched.priority} for {ms(most)}", _BUDGET_STORY),
                change="lower `max_repl` or the budget, or use another policy",
                numbers=(("used ns", most), ("limit ns", limit)),
            )
    return None


_BUDGET_STORY = "budgets are charged at ticks: what runs between two ticks is never charged"


def _high_segments(run: ScheduleRun, part: Part) -> list[tuple[int, int]]:
    """When the thread ran at its high priority."""
    number = run.number(part.thread.name)
    level = part.thread.priority
    changes = [(at, prio) for at, thread, prio in run.schedule.prio_changes if thread == number]
    found = []
    for row in run.segments_of(part.thread.name):
        points = [row.start, *(at for at, _ in changes if row.start < at < row.end), row.end]
        for start, end in zip(points, points[1:], strict=False):
            now = next((prio for at, prio in reversed(changes) if at <= start), level)
            if now == level:
                found.append((start, end))
    return found


def _most_in_window(rows: list[tuple[int, int]], window: int) -> tuple[int, int]:
    """The most that `rows` hold within any `window`, and where that begins."""
    most, at = 0, 0
    for start, _ in rows:
        held = sum(min(end, start + window) - begin for begin, end in rows if start <= begin < start + window)
        if held > most:
            most, at = held, start
    return most, at


# --- locks --------------------------------------------------------------------------------------------------------


def spins_end(ground: Ground, run: ScheduleRun) -> Finding | None:
    """A spin-wait inside a guest ends within the bound of the vCPU that spins."""
    for part in run.parts:
        bound = _bound(part)
        if bound is None or not part.thread.is_vcpu or not any(burst.kind == "k" for burst in part.bursts):
            continue
        for start, end in spins_of(run, part.thread.name):
            if end - start > bound:
                return _spinning(run, part, start, end, bound)
    return None


def _spinning(run: ScheduleRun, part: Part, start: int, end: int, bound: int) -> Finding:
    thread = part.thread
    holders = [p.thread for p in run.parts if p.thread.guest == thread.guest and p.thread is not thread]
    spin = sum(row.end - row.start for row in run.segments_of(thread.name) if row.mode == SPINNING)
    return Finding(
        what=f"`{thread.name}` spins for {ms(end - start)} for a lock of guest `{thread.guest}`",
        place=thread.placement_origin or thread.sched_origin,
        others=tuple((row.placement_origin, f"`{row.name}` may hold the lock") for row in holders[:1]),
        story=(
            f"{thread.spelled} starts to spin at {ms(start)}",
            f"{' and '.join(row.spelled for row in holders)} hold the lock and do not get to run",
            f"`{thread.name}` burns {ms(spin)} of CPU time in this run",
        ),
        change="give the vCPUs of the guest pCPUs of their own and one priority",
        numbers=(("spin ns", end - start), ("bound ns", bound)),
    )


def locks_keep_bounds(_ground: Ground, run: ScheduleRun) -> Finding | None:
    """vCPUs that take their guest's spin lock still run: none is ready for longer than its bound."""
    return waits_are_bounded(_ground, run)


def has_several_vcpus(ground: Ground) -> str:
    """Silent where every guest has one vCPU."""
    guests = [thread.guest for thread in vcpus_of(ground.threads)]
    return "" if len(guests) > len(set(guests)) else "no guest has several vCPUs"


# --- partitions ---------------------------------------------------------------------------------------------------


def budgets_are_given(ground: Ground, run: ScheduleRun) -> Finding | None:
    """Under full load each partition gets its budget in every window, within a tick of each pCPU."""
    own = budgets_of(ground)
    tick = int(ground.system.host.tick)
    for name, percent in own.items():
        members = [part for part in run.parts if part.thread.partition == name and part.thread.is_vcpu]
        if not members or not percent:
            continue
        cpus = frozenset(cpu for part in members for cpu in part.thread.cpus)
        width = min(len(members), len(cpus))
        owed = min(percent * ground.cpus * _WINDOW // 100, width * _WINDOW) - (ground.cpus + 1) * tick
        for start in range(_WINDOW, run.horizon - _WINDOW + 1, _WINDOW):
            got = _used(run, members, start, start + _WINDOW)
            if got < owed:
                return _starved(ground, name, members[0], (percent, owed, got, start))
    return None


def _used(run: ScheduleRun, members: list[Part], start: int, end: int) -> int:
    numbers = {run.number(part.thread.name) for part in members}
    return sum(
        max(0, min(row.end, end) - max(row.start, start))
        for row in run.schedule.segments
        if row.thread in numbers
    )


def _starved(ground: Ground, name: str, part: Part, amounts: tuple[int, int, int, int]) -> Finding:
    percent, owed, got, start = amounts
    row = (ground.system.host.partitions or {}).get(name)
    return Finding(
        what=f"partition `{name}` gets {ms(got)} of the {ms(owed)} that its {percent} % promise in one window",
        place=part.thread.placement_origin,
        others=((row.origin, "its budget"),) if row is not None else (),
        story=(
            "every vCPU is always ready, so every partition wants all it can get",
            f"between {ms(start)} and {ms(start + _WINDOW)} the threads of `{name}` run for {ms(got)}",
        ),
        change="widen the run masks of the partition's vCPUs, or change the budgets",
        numbers=(("got ns", got), ("owed ns", owed)),
    )


def _row(
    code: str,
    name: str,
    title: str,
    statement: str,
    watch: Watch,
    family: Family = Family.SCHEDULE,
    applies: Applies = always,
    profiles: tuple[str, ...] = EVERYWHERE,
) -> Property:
    return Property(
        code=code,
        name=name,
        title=title,
        statement=statement,
        family=family,
        method=Method.SAMPLE,
        profiles=profiles,
        watch=watch,
        applies=applies,
    )


def has_services(ground: Ground) -> str:
    """Silent where no host service has a load."""
    loaded = any(not thread.is_vcpu and thread.demand is not None for thread in ground.threads)
    return "" if loaded else "no host service has a load"


PROPERTIES: tuple[Property, ...] = (
    _row(
        "HC4001",
        "vcpus-meet-bounds",
        "Every vCPU answers within its bound under the declared load",
        "In every drawn run, whatever the alignment of releases, each vCPU's work is done within its bound.",
        vcpus_meet_bounds,
    ),
    _row(
        "HC4002",
        "waits-are-bounded",
        "No vCPU waits for a pCPU longer than its bound",
        "In every drawn run, no vCPU is ready and not running for longer than its bound.",
        waits_are_bounded,
    ),
    _row(
        "HC4003",
        "shares-are-given",
        "Every vCPU gets its share",
        "In every drawn run, each vCPU has got the CPU time of all work that was due.",
        shares_are_given,
    ),
    _row(
        "HC4004",
        "services-meet-bounds",
        "Host services answer within their bounds",
        "In every drawn run, each host service with a bound is done within it.",
        services_meet_bounds,
        applies=has_services,
    ),
    _row(
        "HC4005",
        "everybody-stays-in-place",
        "Nobody runs outside the pCPUs that its line names",
        "In every drawn run, each stretch of each thread lies on a pCPU of its run mask or cluster.",
        stays_in_place,
    ),
    _row(
        "HC4006",
        "time-adds-up",
        "CPU time adds up",
        "No pCPU runs two things at once, no thread runs on two pCPUs at once, nobody does work that nobody asked for.",
        time_adds_up,
    ),
    _row(
        "HC4007",
        "pinned-vcpus-go-first",
        "A vCPU with one pCPU never waits for anything below it",
        "While such a vCPU is ready, its pCPU runs threads of its priority or above.",
        nobody_idles_past_work,
        applies=without_partitions,
    ),
    _row(
        "HC4008",
        "theory-holds",
        "No run is worse than what analysis proves",
        "Responses observed stay within the bounds of response-time analysis: two ways to one answer.",
        theory_holds,
        applies=without_partitions,
    ),
    _row(
        "HC4009",
        "sporadic-is-honest",
        "A sporadic vCPU stays within two budgets per period",
        "At its high priority a sporadic vCPU runs at most two budgets, and a tick each, in any window of its period.",
        sporadic_is_honest,
        applies=has_sporadic,
    ),
    _row(
        "HC4101",
        "spin-waits-end",
        "Spin-waits between the vCPUs of a guest end",
        "A vCPU that spins for its guest's lock gets it within its bound: the holder is never kept from running.",
        spins_end,
        Family.LOCKS,
        has_several_vcpus,
    ),
    _row(
        "HC4102",
        "lock-takers-run",
        "vCPUs that take a spin lock keep getting to run",
        "With locks held and waited for, no vCPU is ready and not running for longer than its bound.",
        locks_keep_bounds,
        Family.LOCKS,
        has_several_vcpus,
    ),
    _row(
        "HC4201",
        "budgets-are-given",
        "Partitions get their budgets within a window and a tick",
        "With every vCPU always ready, each partition gets its percentage of each window, less one tick for each pCPU.",
        budgets_are_given,
        Family.PARTITIONS,
        has_partitions,
        KERNELS,
    ),
)
