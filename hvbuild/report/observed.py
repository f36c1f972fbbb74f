"""Figures of one run, as text and as JSON give them: each is what was observed and no worst case."""

from collections.abc import Iterator

from hvbuild.machine.loads import Load
from hvbuild.machine.measures import ThreadMeasure, thread_measures
from hvbuild.machine.simulation import Simulation
from hvbuild.machine.threads import HostThread


def ms(value: int) -> str:
    """Nanoseconds as milliseconds with three decimals, rounded down."""
    return f"{value // 1_000_000}.{value // 1000 % 1000:03d}"


def percent(part: float) -> str:
    """A fraction as a percentage."""
    return f"{100 * part:.2f}"


def response_ns(run: Simulation, load: Load) -> int | None:
    """The longest response seen, one still open at the end included; None without activations."""
    horizon = run.schedule.scenario.horizon_ns
    return max((job.response(horizon) for job in run.jobs.get(load.thread.name, ())), default=None)


def exits_per_second(run: Simulation, load: Load) -> float:
    """How often its guest was left in a second."""
    return sum(run.exits(load).values()) * 1e9 / run.schedule.scenario.horizon_ns


def per_second(run: Simulation, count: int) -> float:
    """`count` things of the run in a second."""
    return count * 1e9 / run.schedule.scenario.horizon_ns


def measured(run: Simulation) -> Iterator[tuple[Load, ThreadMeasure]]:
    """Each thread that ran with its figures."""
    return zip(run.loads, thread_measures(run.schedule), strict=True)


def sched_text(thread: HostThread) -> str:
    """`45r`: priority and letter of the policy."""
    return thread.spelled.split("(", 1)[1].split(",", 1)[0]


def awaited(thread: HostThread) -> list[str]:
    """Whom it waits for in the middle of its work, by name; `another guest` for what is brought to it."""
    names = (errand.server or "another guest" for errand in thread.errands if errand.awaited)
    return list(dict.fromkeys(names))
