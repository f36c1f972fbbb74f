"""The textbook rules, spelled out: scan everything at each step, no cleverness.

Preemptive global fixed priority with run masks for FIFO threads that run, wait, and are ended from
outside. The engine's profile `strict` must give the same schedule.
"""

from dataclasses import dataclass, field

from hvbuild.machine.scenario import Burst, Scenario


@dataclass(eq=False)
class Worker:
    """A thread as the specification sees it."""

    place: int
    prio: int
    cpus: list[int]
    bursts: list[Burst]
    wake: int | None
    left: int = 0
    at: int = 0
    last_cpu: int = 0
    release: int = 0


@dataclass
class World:
    """All there is: who runs where, who waits in which order."""

    running: dict[int, Worker] = field(default_factory=dict)
    started: dict[int, int] = field(default_factory=dict)
    queue: list[Worker] = field(default_factory=list)
    segments: list[tuple[int, int, int, int]] = field(default_factory=list)


def specified_segments(scenario: Scenario) -> list[tuple[int, int, int, int]]:
    """(CPU, thread, start, end) by (start, CPU), touching ones joined."""
    everything = list(range(scenario.cpus))
    workers = [
        Worker(
            place=t.id,
            prio=t.prio,
            cpus=[c for c in everything if t.runmask is None or t.runmask >> c & 1],
            bursts=list(t.bursts),
            wake=t.start_ns,
            left=t.bursts[0].run_ns,
            release=t.start_ns,
        )
        for t in scenario.threads
    ]
    world = World()
    fates = [(e.t_ns, 1, e.thread) for e in scenario.events if e.op == "end"]
    while True:
        ends = [(world.started[c] + w.left, 0, c) for c, w in world.running.items()]
        wakes = [(w.wake, 2, w.place) for w in workers if w.wake is not None]
        if not ends and not wakes:
            break
        now, kind, who = min(ends + fates + wakes)
        if now >= scenario.horizon_ns:
            break
        if kind == 0:
            finish_burst(world, who, now)
        elif kind == 1:
            fates.remove((now, kind, who))
            end(world, workers[who], now)
        else:
            worker = workers[who]
            worker.wake = None
            dispatch(world, worker, now, everything, displaced=False)
    for cpu in everything:
        stop(world, cpu, scenario.horizon_ns)
    return joined(world.segments)


def stop(world: World, cpu: int, now: int) -> Worker | None:
    """Take the worker off `cpu`, and write down what it did there."""
    worker = world.running.pop(cpu, None)
    if worker is not None:
        start = world.started.pop(cpu)
        worker.left -= now - start
        if now > start:
            world.segments.append((cpu, worker.place, start, now))
    return worker


def go(world: World, cpu: int, worker: Worker, now: int) -> None:
    world.running[cpu] = worker
    world.started[cpu] = now
    worker.last_cpu = cpu


def finish_burst(world: World, cpu: int, now: int) -> None:
    worker = stop(world, cpu, now)
    assert worker is not None
    burst = worker.bursts[worker.at]
    worker.at = (worker.at + 1) % len(worker.bursts)
    worker.left = worker.bursts[worker.at].run_ns
    if burst.kind == "n":
        worker.release += burst.value
        worker.wake = worker.release
    else:
        worker.wake = now + burst.value
    if worker.wake < now:  # the next release has long been
        worker.wake = None
        go(world, cpu, worker, now)
        return
    succeed(world, cpu, now)


def succeed(world: World, cpu: int, now: int) -> None:
    for waiting in world.queue:
        if cpu in waiting.cpus:
            world.queue.remove(waiting)
            go(world, cpu, waiting, now)
            return


def end(world: World, worker: Worker, now: int) -> None:
    """The worker is gone, from wherever it was."""
    worker.wake = None
    if worker in world.queue:
        world.queue.remove(worker)
    for cpu in [c for c, running in world.running.items() if running is worker]:
        stop(world, cpu, now)
        succeed(world, cpu, now)


def dispatch(world: World, worker: Worker, now: int, cpus: list[int], *, displaced: bool) -> None:
    """The lowest lower CPU is taken at once; the displaced one seeks another in its turn."""
    levels = {c: world.running[c].prio if c in world.running else 0 for c in cpus if c in worker.cpus}
    lower = {c: level for c, level in levels.items() if level < worker.prio}
    if not lower:
        higher = [w for w in world.queue if w.prio > worker.prio or (w.prio == worker.prio and not displaced)]
        world.queue.insert(len(higher), worker)
        return
    lowest = [c for c, level in lower.items() if level == min(lower.values())]
    cpu = worker.last_cpu if worker.last_cpu in lowest else max(lowest)
    victim = stop(world, cpu, now)
    go(world, cpu, worker, now)
    if victim is not None:
        dispatch(world, victim, now, cpus, displaced=True)


def joined(segments: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    found: list[tuple[int, int, int, int]] = []
    for segment in sorted(segments, key=lambda s: (s[2], s[0])):
        for i, before in enumerate(found):
            if (before[0], before[1], before[3]) == (segment[0], segment[1], segment[2]):
                found[i] = (before[0], before[1], before[2], segment[3])
                break
        else:
            found.append(segment)
    return found
