"""Two runs side by side: what each thread and each guest got, and whether more vCPUs made it faster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hvbuild.machine.measures import cpu_measures
from hvbuild.machine.simulation import Simulation
from hvbuild.report.observed import exits_per_second, measured, ms, per_second, percent, response_ns
from hvbuild.report.outcome import Outcome
from hvbuild.report.simulation import title
from hvbuild.report.simulation_data import simulation_data
from hvbuild.report.tables import Row, table
from hvbuild.simulating import Simulated

FORMAT = "hvbuild-comparison/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What one guest, or all services (`guest` empty), got together; shares of one pCPU, times in ns."""

    guest: str
    vcpus: int
    work_share: float
    exit_share: float
    spin_share: float
    response_ns: int | None
    latency_ns: int
    preemptions: float
    exits: float


def totals_of(run: Simulation) -> dict[str, Totals]:
    """The totals of each guest that ran, then those of the services under the empty name."""
    rows = list(measured(run))
    horizon = run.schedule.scenario.horizon_ns
    found = {}
    for guest in dict.fromkeys(load.thread.guest for load, _ in rows):
        own = [(load, measure) for load, measure in rows if load.thread.guest == guest]
        sums = [run.schedule.threads[measure.thread] for _, measure in own]
        responses = [ns for load, _ in own if (ns := response_ns(run, load)) is not None]
        found[guest] = Totals(
            guest=guest,
            vcpus=len(own),
            work_share=sum(measure.guest_share for _, measure in own),
            exit_share=sum(row.host_ns for row in sums) / horizon,
            spin_share=sum(row.spin_ns for row in sums) / horizon,
            response_ns=max(responses, default=None),
            latency_ns=max(measure.worst_latency_ns for _, measure in own),
            preemptions=per_second(run, sum(row.preemptions for row in sums)),
            exits=sum(exits_per_second(run, load) for load, _ in own),
        )
    return found


def comparison_outcome(first: Simulated, second: Simulated) -> Outcome:
    """Both runs, figure beside figure; a finding of either is a warning of the answer."""
    return Outcome(
        diagnostics=tuple(dict.fromkeys((*first.diagnostics, *second.diagnostics))),
        text=comparison_text(first, second),
        data={
            "format": FORMAT,
            "runs": [simulation_data(first), simulation_data(second)],
            "differences": differences(first, second),
            "conclusions": list(conclusions(first.run, second.run)),
        },
        whole=True,
    )


def comparison_text(first: Simulated, second: Simulated) -> str:
    """The figures of both in one table, and what follows from them."""
    names = [one.checked.plan.stack.variant for one in (first, second)]
    rows = [
        Row((str(row["of"]), str(row["what"]), *(_cell(value) for value in (row["first"], row["second"]))))
        for row in differences(first, second)
    ]
    text = "".join(f"{title(one)}\n" for one in (first, second)) + "\n"
    text += table(("of", "observed", *names), rows, right=names)
    found = conclusions(first.run, second.run)
    return text + ("\n" + "".join(f"{line}\n" for line in found) if found else "")


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


_Figure = tuple[str, Callable[[Totals], object]]
_FIGURES: tuple[_Figure, ...] = (
    ("vCPUs", lambda one: one.vcpus if one.guest else None),
    ("work, % of a pCPU", lambda one: percent(one.work_share)),
    ("guest exits, % of a pCPU", lambda one: percent(one.exit_share) if one.guest else None),
    ("spinning, % of a pCPU", lambda one: percent(one.spin_share) if one.spin_share else None),
    ("longest response, ms", lambda one: ms(one.response_ns) if one.response_ns is not None else None),
    ("longest latency, ms", lambda one: ms(one.latency_ns)),
    ("preemptions/s", lambda one: f"{one.preemptions:.1f}"),
    ("exits/s", lambda one: f"{one.exits:.1f}" if one.guest else None),
)


def differences(first: Simulated, second: Simulated) -> list[dict[str, object]]:
    """Rows of `of`, `what` and both values (None where there is none), rows without values left out."""
    sides = (totals_of(first.run), totals_of(second.run))
    rows: list[dict[str, object]] = []
    for guest in dict.fromkeys((*sides[0], *sides[1])):
        for what, figure in _FIGURES:
            values = [figure(side[guest]) if guest in side else None for side in sides]
            if any(value is not None for value in values):
                rows.append(_row(guest or "services", what, values))
    loads = [_loads(one.run) for one in (first, second)]
    for what in loads[0]:
        rows.append(_row("all pCPUs", what, [side[what] for side in loads]))
    rows.append(_row("the run", "findings", [len(first.seen), len(second.seen)]))
    return rows


def _row(of: str, what: str, values: Sequence[object]) -> dict[str, object]:
    return {"of": of, "what": what, "first": values[0], "second": values[1]}


def _loads(run: Simulation) -> dict[str, str]:
    cpus = cpu_measures(run.schedule)
    whole = len(cpus) * run.schedule.scenario.horizon_ns
    return {
        "threads, %": percent(sum(one.busy_ns for one in cpus) / whole),
        "switching, %": percent(sum(one.overhead_ns for one in cpus) / whole),
        "switches/s": f"{per_second(run, run.schedule.counters['switches']):.1f}",
        "idle, %": percent(sum(one.idle_ns for one in cpus) / whole),
    }


def conclusions(first: Simulation, second: Simulation) -> tuple[str, ...]:
    """For each guest with another number of vCPUs, whether more of them were faster in these runs."""
    before, after = totals_of(first), totals_of(second)
    lines = []
    for guest in before:
        if not guest or guest not in after or before[guest].vcpus == after[guest].vcpus:
            continue
        few, many = sorted((before[guest], after[guest]), key=lambda one: one.vcpus)
        lines.append(_conclusion(guest, few, many))
    return tuple(lines)


def _conclusion(guest: str, few: Totals, many: Totals) -> str:
    work = f"{percent(few.work_share)} to {percent(many.work_share)} % of a pCPU of work"
    host = f"{percent(few.exit_share)} to {percent(many.exit_share)} % in guest exits"
    text = f"{guest}: {few.vcpus} to {many.vcpus} vCPUs: {work}, {host}"
    if few.response_ns is None or many.response_ns is None:
        return text
    text += f", longest response {ms(few.response_ns)} to {ms(many.response_ns)} ms"
    if many.response_ns >= few.response_ns:
        return text + ": more vCPUs, not faster"
    return text + ": faster with more"
