"""A run of a whole system for people and programs: its boot, a timeline, who got what, what went wrong.

Every figure of the run is called observed: it is what one run showed and no worst case. Bounds come from
analysis and are named so.
"""

from hvbuild.machine.findings import Seen
from hvbuild.machine.loads import Load
from hvbuild.machine.measures import ThreadMeasure, cpu_measures, partition_measures
from hvbuild.machine.parts import irq_cpu_of
from hvbuild.machine.simulation import Simulation
from hvbuild.machine.threads import cpus_text
from hvbuild.machine.trace_export import label, timeline
from hvbuild.model.vm import Sporadic
from hvbuild.report.boot import boot_text
from hvbuild.report.endings import endings_text
from hvbuild.report.observed import (
    awaited,
    exits_per_second,
    measured,
    ms,
    per_second,
    percent,
    response_ns,
    sched_text,
)
from hvbuild.report.outcome import Outcome
from hvbuild.report.simulation_data import simulation_data
from hvbuild.report.tables import Row, table
from hvbuild.simulating import Simulated
from hvbuild.units import duration_text

FORMAT = "hvbuild-simulation/1"
# What a terminal holds beside the name of the CPU; a cell is a round time.
_CELLS = 100
_CELL_NS = tuple(step * 10**power for power in range(12) for step in (1, 2, 5))
_PERIODS = 2  # of the longest period are the first stretch


def simulation_outcome(simulated: Simulated) -> Outcome:
    """The answer about one variant."""
    return Outcome(
        diagnostics=simulated.diagnostics,
        text=simulation_text(simulated),
        data={"format": FORMAT, **simulation_data(simulated)},
        whole=True,
    )


def simulation_text(simulated: Simulated) -> str:
    """Everything as tables, the boot first."""
    run = simulated.run
    parts = [
        title(simulated) + "\n",
        "boot, before the run\n" + boot_text(run.boot),
        endings_text(run),
        timeline_text(run),
        "observed, by thread\n" + threads_text(run) + _resting_text(run) + _interrupts_text(run),
        _waits_text(run),
        _guest_times_text(run),
        "observed, by pCPU\n" + cpus_text_of(run),
        _partitions_text(run),
        _servers_text(run),
        _seen_text(simulated.seen),
    ]
    return "\n".join(part for part in parts if part)


def title(simulated: Simulated) -> str:
    """Which system ran for how long, by which rules and costs."""
    stack, question = simulated.checked.plan.stack, simulated.run.bench.question
    workload = simulated.asked.workload or "declared loads"
    dropped = ""
    if stack.host.partitions and not question.profile.partitions:
        dropped = ", which has no partitions: those declared are left out"
    turned = "".join(f", `{name}` turned around" for name in question.explored)
    return (
        f"{stack.name}, variant {stack.variant}: {workload} for {duration_text(question.until_ns)}, "
        f"{question.level.value} costs ({stack.board.cost_class}), profile {question.profile.name}"
        f"{turned}{dropped}"
    )


def timeline_text(run: Simulation) -> str:
    """The first stretch of the run, a line per pCPU, and what its signs mean."""
    if not run.loads:
        return ""
    horizon = run.schedule.scenario.horizon_ns
    longest = max((part.period_ns for part in run.parts), default=0)
    length = min(horizon, _PERIODS * longest or horizon)
    cell = next(step for step in _CELL_NS if step * _CELLS >= length)
    lines = timeline(run.schedule, cell, 0, length)
    signs = ", ".join(f"{label(i)} {part.thread.name}" for i, part in enumerate(run.parts))
    head = f"the first {duration_text(length)}, {duration_text(cell)} a sign: {signs}, . idle"
    return "\n".join((head, *lines)) + "\n"


_THREAD_TITLES = (
    "thread",
    "sched",
    "pCPUs",
    "CPU %",
    "exits %",
    "spin %",
    "halted %",
    "response ms",
    "allowed ms",
    "bound ms",
    "latency ms",
    "ready ms",
    "from ms",
    "preempted/s",
    "exits/s",
)


def threads_text(run: Simulation) -> str:
    """A row for each thread that ran; `bound` is that of the analysis, `allowed` the declared one."""
    rows = [Row(_thread_cells(run, load, measure)) for load, measure in measured(run)]
    return table(_THREAD_TITLES, rows, right=_THREAD_TITLES[3:])


def _thread_cells(run: Simulation, load: Load, measure: ThreadMeasure) -> tuple[str, ...]:
    thread, horizon = load.thread, run.schedule.scenario.horizon_ns
    totals = run.schedule.threads[measure.thread]
    response, bound = response_ns(run, load), run.bounds[thread.name].response_ns
    allowed = thread.demand.bound if thread.demand is not None else None
    ready = measure.longest_ready
    return (
        thread.name,
        sched_text(thread),
        cpus_text(thread.cpus).split(" ", 1)[1],
        percent(measure.share),
        percent(totals.host_ns / horizon) if totals.host_ns else "",
        percent(totals.spin_ns / horizon) if totals.spin_ns else "",
        percent(totals.halt_ns / horizon) if totals.halt_ns else "",
        ms(response) if response is not None else "",
        ms(int(allowed)) if allowed is not None else "",
        ms(bound) if bound is not None else "",
        ms(measure.worst_latency_ns),
        ms(ready.length),
        ms(ready.start) if ready.length else "",
        f"{per_second(run, measure.preemptions):.1f}",
        f"{exits_per_second(run, load):.1f}" if thread.is_vcpu else "",
    )


def _resting_text(run: Simulation) -> str:
    silent = ", ".join(thread.name for thread in run.resting if thread.demand is None)
    idle = ", ".join(thread.name for thread in run.resting if thread.demand is not None)
    text = f"without a declared load, not run: {silent}\n" if silent else ""
    text += f"idle: {idle}\n" if idle else ""
    down = ", ".join(sorted(run.bench.down))
    return text + (f"not up, not run: {down}\n" if down else "")


def _guest_times_text(run: Simulation) -> str:
    """What each vCPU lost while it had work, and what that does to timers and timeouts in its guest."""
    rows = [
        Row(
            (
                name,
                ms(one.active_ns),
                percent(one.stolen_ns / one.active_ns) if one.active_ns else "",
                ms(one.pause_ns),
                ms(one.pause_at_ns) if one.pause_ns else "",
                ms(one.timer_late_ns) if one.timer_late_ns is not None else "",
            )
        )
        for name, one in run.guest_times.items()
    ]
    titles = ("with work ms", "stolen %", "longest pause ms", "from ms", "timer late ms")
    if not rows:
        return ""
    told = (
        "a timeout in a guest that is shorter than its longest pause can run out on a guest in good order\n"
    )
    return "observed, guest time\n" + table(("vCPU", *titles), rows, right=titles) + told


def _waits_text(run: Simulation) -> str:
    """How long threads waited for others in the middle of their work."""
    horizon = run.schedule.scenario.horizon_ns
    rows = [
        Row(
            (
                load.thread.name,
                ", ".join(awaited(load.thread)),
                f"{per_second(run, len(waits)):.1f}",
                ms(max((wait.length for wait in waits), default=0)),
                percent(sum(wait.length for wait in waits) / horizon),
            )
        )
        for load in run.loads
        if (waits := run.waits.get(load.thread.name)) is not None
    ]
    titles = ("waits/s", "longest ms", "of the time %")
    if not rows:
        return ""
    return "observed, waiting for others\n" + table(("thread", "for", *titles), rows, right=titles)


def _interrupts_text(run: Simulation) -> str:
    """Which pCPU takes interrupts, and where that is known from."""
    routing = run.bench.system.host.routing
    text = f"interrupts on CPU {routing.cpu}: {routing.source}\n"
    for load in run.loads:
        demand, cpu = load.thread.demand, irq_cpu_of(run.bench, load.thread)
        if demand is None or demand.by_timer or cpu == routing.cpu:
            continue
        said = "as its load says" if demand.interrupt_cpu is not None else routing.source_of(demand.interrupt)
        text += f"{load.thread.name} is woken on CPU {cpu}: {said}\n"
    return text


def cpus_text_of(run: Simulation) -> str:
    """The load of each pCPU."""
    horizon = run.schedule.scenario.horizon_ns
    cores = {core.number: core for core in run.bench.plan.stack.board.cores}
    rows = [
        Row(
            (
                str(one.cpu),
                cores[one.cpu].kind if one.cpu in cores else "",
                str(run.bench.speeds[one.cpu]),
                percent(one.busy_ns / horizon),
                percent(one.overhead_ns / horizon),
                percent(one.idle_ns / horizon),
            )
        )
        for one in cpu_measures(run.schedule)
    ]
    numbers = ("capacity", "threads %", "switching %", "idle %")
    return table(("pCPU", "kind", *numbers), rows, right=("pCPU", *numbers))


def _partitions_text(run: Simulation) -> str:
    rows = [
        Row(
            (
                one.name,
                str(one.budget_percent),
                f"{one.used_percent:.2f}",
                ms(run.partition_supply_ns(one.budget_percent)),
                "bankrupt" if one.bankrupt else "",
            )
        )
        for one in partition_measures(run.schedule)
    ]
    if not rows:
        return ""
    delay = run.partition_delay_ns
    text = "observed, by partition\n"
    titles = ("partition", "budget %", "used %", "owed ms", "note")
    text += table(titles, rows, right=titles[1:4])
    if delay is None:
        return text
    text += "analytic: owed of each window through which it could use every pCPU, critical threads apart\n"
    return text + f"analytic: a partition waits {ms(delay)} ms for its budget at most\n"


def _servers_text(run: Simulation) -> str:
    lines = []
    for load in run.loads:
        name = load.thread.name
        if not isinstance(load.thread.sched, Sporadic):
            continue
        most = run.servers.get(name)
        if most is None:
            lines.append(f"analytic: sporadic {name} is kept to no budget: ticks may miss all that it runs\n")
        else:
            lines.append(
                f"analytic: sporadic {name} takes {ms(most)} ms at its priority in any period at most\n"
            )
    return "".join(lines)


def _seen_text(seen: tuple[Seen, ...]) -> str:
    if not seen:
        return "nothing starved, no lock holder was preempted, no bound was missed in this run\n"
    rows = [
        Row((one.kind.value, one.thread, ms(one.window.start), ms(one.window.end), one.instead))
        for one in seen
    ]
    times = ("from ms", "to ms")
    return "what went wrong\n" + table(("what", "thread", *times, "instead"), rows, right=times)


# --- as data ----------------------------------------------------------------------------------------------
