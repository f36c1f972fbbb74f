"""Small makers of scenarios for the scheduler's tests."""

from collections.abc import Sequence

from hvbuild.machine.profiles import STRICT, Profile
from hvbuild.machine.scenario import Burst, Scenario, Thread
from hvbuild.machine.schedule import simulate

HOG = 10**13


def periodic(
    tasks: Sequence[tuple[int, int]],
    *,
    cpus: int = 1,
    horizon: int,
    offsets: Sequence[int] = (),
    masks: Sequence[int] = (),
) -> Scenario:
    """FIFO threads of (cost, period), the first the highest; one tick is one unit of time."""
    threads = tuple(
        Thread(
            id=i,
            prio=len(tasks) - i,
            policy="f",
            bursts=(Burst(cost, period, "n"),),
            start_ns=offsets[i] if offsets else 0,
            runmask=masks[i] if masks else None,
        )
        for i, (cost, period) in enumerate(tasks)
    )
    return Scenario(cpus=cpus, horizon_ns=horizon, tick_ns=1, threads=threads)


def hog(thread: int, prio: int, **fields: object) -> Thread:
    """A thread that never stops running by itself."""
    return Thread(id=thread, prio=prio, bursts=(Burst(HOG, 1),), **fields)  # type: ignore[arg-type]


def responses(scenario: Scenario, profile: Profile = STRICT) -> tuple[int, ...]:
    """The worst observed response of every thread."""
    return tuple(t.worst_response_ns for t in simulate(scenario, profile, trace=False).threads)
