"""HC4xxx: what every drawn run must show: declared loads, spin locks, partitions under full load."""

from functools import partial

from hvbuild.certify.counted import counted_bound
from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Finding
from hvbuild.certify.playing import ScheduleRun, bound_of, longest_wait
from hvbuild.certify.properties.loads import has_partitions, vcpus_of
from hvbuild.certify.property import Family, Method, Property
from hvbuild.certify.story import lateness, waiting
from hvbuild.machine.parts import WORKING, Job, Part
from hvbuild.model.vm import Sporadic
from hvbuild.units import milliseconds as ms

_WINDOW = 100_000_000


def late_job(run: ScheduleRun, part: Part, bound: int) -> Job | None:
    """The first job that is not done within `bound`; one that the run cuts short does not count."""
    for job in run.jobs.get(part.thread.name, ()):
        if job.response(run.horizon) > bound:
            return job
    return None


def _first_late(run: ScheduleRun, *, vcpus: bool) -> Finding | None:
    for part in run.parts:
        bound = bound_of(part)
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
        bound = bound_of(part)
        at, length = longest_wait(run, number)
        if bound is None or not part.thread.is_vcpu or part.thread.guest == run.attacker != "":
            continue
        if length > bound:
            return waiting(run, part, at, length, bound)
    return None


def shares_are_given(_ground: Ground, run: ScheduleRun) -> Finding | None:
    """Each vCPU has got at least the work of all jobs whose bound lies within the run."""
    for number, part in enumerate(run.parts):
        bound = bound_of(part)
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
    """No pCPU runs two things at once, nobody runs twice at once, nobody does work unasked."""
    free = [0] * run.schedule.scenario.cpus
    ends: dict[int, int] = {}
    ran = [0] * len(run.parts)
    for row in run.schedule.segments:
        if row.start < free[row.cpu] or row.start < ends.get(row.thread, 0) or row.end > run.horizon:
            return _nonsense(run, f"CPU {row.cpu} runs two things at {ms(row.start)}")
        free[row.cpu] = ends[row.thread] = row.end
        if row.mode in WORKING:
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
    return Finding(
        what=what, place=place, change="none in the stack: the scheduler model breaks its own rule"
    )


def nobody_idles_past_work(ground: Ground, run: ScheduleRun) -> Finding | None:
    """A vCPU with one pCPU never waits while a thread of lower priority, or nobody, has that pCPU."""
    for number, part in enumerate(run.parts):
        thread = part.thread
        if len(thread.cpus) != 1 or isinstance(thread.sched, Sporadic) or not part.work_ns or thread.waits:
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
    threads = tuple(part.thread for part in run.parts)
    delays = ground.delays[run.workload]
    for part in run.parts:
        jobs = run.jobs.get(part.thread.name, ())
        bound = (
            counted_bound(ground, part.thread, threads, delays=delays).response_ns
            if jobs and len(part.thread.cpus) == 1
            else None
        )
        if bound is None:
            continue
        job = late_job(run, part, bound)
        if job is not None and job.released + bound <= run.horizon:
            found = lateness(run, part, job, bound)
            return Finding(
                what=f"`{part.thread.name}` takes longer than analysis proves: "
                f"{ms(job.response(run.horizon))} "
                f"against {ms(bound)}",
                place=found.place,
                story=found.story,
                change="none in the stack: the scheduler model and the analysis disagree",
            )
    return None


def has_services(ground: Ground) -> str:
    """Silent where no host service has a load."""
    loaded = any(not thread.is_vcpu and thread.demand is not None for thread in ground.threads)
    return "" if loaded else "no host service has a load"


_row = partial(Property, family=Family.SCHEDULE, method=Method.SAMPLE)

PROPERTIES: tuple[Property, ...] = (
    _row(
        code="HC4001",
        name="vcpus-meet-bounds",
        title="Every vCPU answers within its bound under the declared load",
        statement="In every drawn run, whatever the alignment of releases, each vCPU's work is done "
        "within its bound.",
        watch=vcpus_meet_bounds,
    ),
    _row(
        code="HC4002",
        name="waits-are-bounded",
        title="No vCPU waits for a pCPU longer than its bound",
        statement="In every drawn run, no vCPU is ready and not running for longer than its bound.",
        watch=waits_are_bounded,
    ),
    _row(
        code="HC4003",
        name="shares-are-given",
        title="Every vCPU gets its share",
        statement="In every drawn run, each vCPU has got the CPU time of all work that was due.",
        watch=shares_are_given,
    ),
    _row(
        code="HC4004",
        name="services-meet-bounds",
        title="Host services answer within their bounds",
        statement="In every drawn run, each host service with a bound is done within it.",
        watch=services_meet_bounds,
        applies=has_services,
    ),
    _row(
        code="HC4005",
        name="everybody-stays-in-place",
        title="Nobody runs outside the pCPUs that its line names",
        statement="In every drawn run, each stretch of each thread lies on a pCPU of its run mask or "
        "cluster.",
        watch=stays_in_place,
    ),
    _row(
        code="HC4006",
        name="time-adds-up",
        title="CPU time adds up",
        statement="No pCPU runs two things at once, no thread runs on two pCPUs at once, nobody does "
        "work that nobody asked for.",
        watch=time_adds_up,
    ),
    _row(
        code="HC4007",
        name="pinned-vcpus-go-first",
        title="A vCPU with one pCPU never waits for anything below it",
        statement="While such a vCPU is ready, its pCPU runs threads of its priority or above.",
        watch=nobody_idles_past_work,
        applies=without_partitions,
    ),
    _row(
        code="HC4008",
        name="theory-holds",
        title="No run is worse than what analysis proves",
        statement="Responses observed stay within the bounds of response-time analysis: two ways to "
        "one answer.",
        watch=theory_holds,
        applies=without_partitions,
    ),
)
