"""A run of a whole system for people and programs: its boot, a timeline, who got what, what went wrong.

Every figure of the run is called observed: it is what one run showed and no worst case. Bounds come from
analysis and are named so.
"""

from collections.abc import Iterator

from hvbuild.machine.findings import Seen
from hvbuild.machine.guesttime import GuestTime
from hvbuild.machine.loads import Load
from hvbuild.machine.measures import ThreadMeasure, cpu_measures, partition_measures, thread_measures
from hvbuild.machine.parts import irq_cpu_of
from hvbuild.machine.simulation import Simulation
from hvbuild.machine.threads import HostThread, cpus_text
from hvbuild.machine.trace_export import label, timeline
from hvbuild.model.guest import VdevUse
from hvbuild.model.operations import OPERATIONS, vdev_kind
from hvbuild.model.vm import Sporadic
from hvbuild.report.boot import boot_data, boot_text
from hvbuild.report.outcome import Outcome
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
        timeline_text(run),
        "observed, by thread\n" + threads_text(run) + _resting_text(run) + _interrupts_text(run),
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


def sched_text(thread: HostThread) -> str:
    """`45r`: priority and letter of the policy."""
    return thread.spelled.split("(", 1)[1].split(",", 1)[0]


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
            (one.name, str(one.budget_percent), f"{one.used_percent:.2f}", "bankrupt" if one.bankrupt else "")
        )
        for one in partition_measures(run.schedule)
    ]
    if not rows:
        return ""
    delay = run.partition_delay_ns
    text = "observed, by partition\n"
    text += table(("partition", "budget %", "used %", "note"), rows, right=("budget %", "used %"))
    return text + (f"analytic: a partition waits {ms(delay)} ms for its budget at most\n" if delay else "")


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


def simulation_data(simulated: Simulated) -> dict[str, object]:
    """The same as JSON values, times in nanoseconds."""
    run, stack = simulated.run, simulated.checked.plan.stack
    question = run.bench.question
    return {
        "stack": stack.name,
        "variant": stack.variant,
        "workload": simulated.asked.workload or None,
        "profile": question.profile.name,
        "explored": list(question.explored),
        "costs": {"class": stack.board.cost_class, "level": question.level.value},
        "until_ns": question.until_ns,
        "boot": boot_data(run.boot),
        "threads": [_thread_data(run, load, measure) for load, measure in measured(run)],
        "resting": [thread.name for thread in run.resting],
        "down": sorted(run.bench.down),
        "interrupts": _routing_data(run),
        "cpus": [
            {"cpu": c.cpu, "busy_ns": c.busy_ns, "overhead_ns": c.overhead_ns, "idle_ns": c.idle_ns}
            for c in cpu_measures(run.schedule)
        ],
        "partitions": _partition_data(run),
        "counters": dict(run.schedule.counters),
        "findings": [_seen_data(one) for one in simulated.seen],
    }


def _routing_data(run: Simulation) -> dict[str, object]:
    routing = run.bench.system.host.routing
    lines = [{"line": row.line, "cpu": row.cpu, "source": row.source} for row in routing.lines]
    return {"cpu": routing.cpu, "source": routing.source, "lines": lines}


def _thread_data(run: Simulation, load: Load, measure: ThreadMeasure) -> dict[str, object]:
    thread, totals = load.thread, run.schedule.threads[measure.thread]
    bound = run.bounds[thread.name]
    allowed = thread.demand.bound if thread.demand is not None else None
    jobs = run.jobs.get(thread.name, ())
    return {
        "name": thread.name,
        "guest": thread.guest or None,
        "sched": sched_text(thread),
        "cpus": sorted(thread.cpus),
        "woken_on_cpu": irq_cpu_of(run.bench, thread),
        "partition": thread.partition,
        "observed_share": round(measure.share, 6),
        "observed_cpu_ns": totals.cpu_ns,
        "observed_exit_ns": totals.host_ns,
        "observed_spin_ns": totals.spin_ns,
        "observed_halted_ns": totals.halt_ns,
        "observed_latency_ns": measure.worst_latency_ns,
        "observed_ready_ns": measure.longest_ready.length,
        "observed_ready_from_ns": measure.longest_ready.start,
        "observed_response_ns": response_ns(run, load),
        "allowed_response_ns": int(allowed) if allowed is not None else None,
        "analytic_response_ns": bound.response_ns,
        "analytic_exact": bound.exact,
        "analytic_note": bound.reason,
        "analytic_server_ns": run.servers.get(thread.name),
        "activations": len(jobs),
        "completed": sum(job.done is not None for job in jobs),
        "preemptions_per_second": round(per_second(run, measure.preemptions), 3),
        "exits_per_second": round(exits_per_second(run, load), 3),
        "exits": run.exits(load),
        "operations": [_use_data(thread, use) for use in thread.demand.uses] if thread.demand else [],
        "guest_time": _guest_time_data(run.guest_times.get(thread.name)),
    }


def _use_data(thread: HostThread, use: VdevUse) -> dict[str, object]:
    row = OPERATIONS[vdev_kind(thread.vdevs[use.vdev]), use.name]
    return {
        "operation": use.spelled,
        "per_activation": use.count,
        "registers": row.registers,
        "interrupts": row.interrupts,
        "source": row.source,
    }


def _guest_time_data(one: GuestTime | None) -> dict[str, object] | None:
    if one is None:
        return None
    return {
        "active_ns": one.active_ns,
        "observed_stolen_ns": one.stolen_ns,
        "observed_pause_ns": one.pause_ns,
        "observed_pause_from_ns": one.pause_at_ns,
        "observed_timer_late_ns": one.timer_late_ns,
    }


def _partition_data(run: Simulation) -> list[dict[str, object]]:
    return [
        {
            "partition": one.name,
            "budget_percent": one.budget_percent,
            "observed_percent": round(one.used_percent, 3),
            "bankrupt": one.bankrupt,
            "analytic_delay_ns": run.partition_delay_ns,
        }
        for one in partition_measures(run.schedule)
    ]


def _seen_data(one: Seen) -> dict[str, object]:
    span = one.place.span
    return {
        "kind": one.kind.value,
        "thread": one.thread,
        "instead": one.instead or None,
        "from_ns": one.window.start,
        "to_ns": one.window.end,
        "what": one.what,
        "story": list(one.story),
        "change": one.change,
        "place": str(span) if span is not None else None,
    }
