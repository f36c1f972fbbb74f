"""Cost of an engine event with guest exits in the programs, beside the bare scheduler, in one run.

Both run in the full engine, under the profile of QNX 7.1; the short cut for textbook priorities, which knows
no exits, is printed beside them.
"""

import time

from hvbuild.machine.costs import cost_table, free_table
from hvbuild.machine.exits import Terms
from hvbuild.machine.profiles import SDP71, STRICT, Profile
from hvbuild.machine.program import Action, Halt, Operate, TakeTick, Work, compile_program
from hvbuild.machine.scenario import Scenario, Thread
from hvbuild.machine.schedule import simulate
from hvbuild.units import Nanoseconds

US = 1000


def scenario(terms: Terms, horizon_ns: int) -> Scenario:
    """Eight CPUs and forty vCPU threads of fixed priority whose guests use disks and ticks."""
    threads = []
    for number in range(40):
        work = Nanoseconds((40 + 7 * number) * US)
        actions: list[Action] = [
            Work(ns=work),
            Operate(vdev="virtio-blk", name="request"),
            Work(ns=work),
            TakeTick(handler_ns=Nanoseconds(5 * US)),
            Halt(ns=Nanoseconds((900 + 131 * number) * US)),
        ]
        bursts = compile_program(actions, terms).bursts
        threads.append(Thread(id=number, prio=10 + number, policy="f", bursts=bursts))
    return Scenario(cpus=8, horizon_ns=horizon_ns, tick_ns=1_000_000, threads=tuple(threads))


def per_event(made: Scenario, profile: Profile, *, trace: bool) -> tuple[float, int]:
    """Nanoseconds of processor time per event of one run, and its events."""
    start = time.process_time_ns()
    events = simulate(made, profile, trace=trace).counters["events"]
    return (time.process_time_ns() - start) / events, events


def main() -> None:
    """Print both and their ratio, with and without a trace: the best of five runs, taken in turns."""
    horizon = 1_000_000_000
    lived = scenario(Terms(costs=cost_table("el1-host", 2_000_000_000)), horizon)
    bare = scenario(Terms(costs=free_table()), horizon)
    for trace in (False, True):
        runs = [
            (
                per_event(bare, SDP71, trace=trace),
                per_event(lived, SDP71, trace=trace),
                per_event(bare, STRICT, trace=trace),
            )
            for _ in range(5)
        ]
        (without, few), (with_exits, many), (short, _) = (min(row) for row in zip(*runs, strict=True))
        print(
            f"trace {trace!s:5}  bare {without:6.0f} ns/event ({few} events)"
            f"  with exits {with_exits:6.0f} ns/event ({many} events)  ratio {with_exits / without:.2f}"
            f"  short cut {short:6.0f} ns/event"
        )


if __name__ == "__main__":
    main()
