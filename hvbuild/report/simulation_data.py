"""A run of a whole system as JSON values, times in nanoseconds."""

from hvbuild.machine.findings import Seen
from hvbuild.machine.guesttime import GuestTime
from hvbuild.machine.loads import Load
from hvbuild.machine.measures import ThreadMeasure, cpu_measures, partition_measures
from hvbuild.machine.parts import irq_cpu_of
from hvbuild.machine.simulation import Simulation
from hvbuild.machine.threads import HostThread
from hvbuild.model.guest import VdevUse
from hvbuild.model.operations import OPERATIONS, vdev_kind
from hvbuild.report.boot import boot_data
from hvbuild.report.endings import endings_data
from hvbuild.report.observed import (
    awaited,
    exits_per_second,
    measured,
    per_second,
    response_ns,
    sched_text,
)
from hvbuild.simulating import Simulated


def simulation_data(simulated: Simulated) -> dict[str, object]:
    """What `simulation_text` says, as JSON values."""
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
        "endings": endings_data(run),
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
        "guest": thread.home or None,
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
        "cut_off": sum(job.cut is not None for job in jobs),
        "preemptions_per_second": round(per_second(run, measure.preemptions), 3),
        "exits_per_second": round(exits_per_second(run, load), 3),
        "exits": run.exits(load),
        "operations": [_use_data(thread, use) for use in thread.demand.uses] if thread.demand else [],
        "waits": _waits_data(run, thread),
        "guest_time": _guest_time_data(run.guest_times.get(thread.name)),
    }


def _waits_data(run: Simulation, thread: HostThread) -> dict[str, object] | None:
    """What it waited for others; None where it never has to."""
    if not thread.waits:
        return None
    rows = run.waits.get(thread.name, ())
    return {
        "for": awaited(thread),
        "observed_count": len(rows),
        "observed_longest_ns": max((row.length for row in rows), default=0),
        "observed_total_ns": sum(row.length for row in rows),
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
            "analytic_supply_ns": run.partition_supply_ns(one.budget_percent),
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
