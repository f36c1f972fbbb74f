"""A run of a whole system for trace viewers: its boot on tracks of its own, then the run."""

import json
from collections.abc import Iterator

from hvbuild.machine.boot import Boot
from hvbuild.machine.schedule import Schedule
from hvbuild.machine.simulation import Simulation
from hvbuild.machine.trace_export import trace_json
from hvbuild.model.plan import RESTART_PAUSE
from hvbuild.simulating import Simulated

_BOOT = 5  # process number in the trace, after those of `machine.trace_export`


def trace_bytes(simulated: Simulated) -> bytes:
    """The Chrome trace of a run as JSON, one event a line, ASCII; the same run gives the same bytes.

    Time 0 is power-on; the run begins when the boot has ended.
    """
    run, stack = simulated.run, simulated.checked.plan.stack
    names = {number: part.thread.name for number, part in enumerate(run.parts)}
    up = max((step.end_ns for step in run.boot.steps), default=0)
    document = trace_json(run.schedule, names, from_ns=up)
    events = document.pop("traceEvents")
    assert isinstance(events, list)
    document["otherData"] = {
        "stack": stack.name,
        "variant": stack.variant,
        "workload": simulated.asked.workload,
        "profile": run.bench.profile.name,
        "explored": list(run.bench.question.explored),
        "run_from_ns": up,
    }
    return _bytes(document, [*_boot_events(run.boot), *_endings(run, up), *events])


def schedule_bytes(schedule: Schedule) -> bytes:
    """The Chrome trace of one scenario, in the same form; time 0 is the scenario's."""
    document = trace_json(schedule)
    events = document.pop("traceEvents")
    assert isinstance(events, list)
    document["otherData"] = {"profile": schedule.profile}
    return _bytes(document, events)


def _bytes(document: dict[str, object], events: list[dict[str, object]]) -> bytes:
    lines = [json.dumps(event, separators=(",", ":")) for event in events]
    head = json.dumps(document, separators=(",", ":"))[:-1]
    return (head + ',"traceEvents":[\n' + ",\n".join(lines) + "\n]}\n").encode("ascii")


def _tracks(boot: Boot) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(s.subject for s in boot.steps))}


def _endings(run: Simulation, up: int) -> Iterator[dict[str, object]]:
    """On the boot's tracks: guests whose qvm ends within the run, and what starting it again takes."""
    tracks = _tracks(run.boot)
    for life in run.endings:
        if life.end is None:
            continue
        ending, end = life.end.ending, up + life.end.at_ns
        place = {"pid": _BOOT, "tid": tracks[life.guest]}
        note = {"args": {"note": ": ".join(filter(None, (ending.way.value, life.end.action)))}}
        name = f"qvm exits {ending.code}"
        yield {"ph": "i", "s": "t", "name": name, "cat": "qvm exit", **place, "ts": end / 1000, **note}
        begin, last = end + RESTART_PAUSE, up + run.schedule.scenario.horizon_ns
        if life.again_ns is not None and begin < last:
            again = {"ph": "X", "name": "started again", "cat": "boot", **place}
            yield {**again, "ts": begin / 1000, "dur": (min(up + life.again_ns, last) - begin) / 1000}


def _boot_events(boot: Boot) -> Iterator[dict[str, object]]:
    """A track for the host, for each service and for each guest."""
    tracks = _tracks(boot)
    yield {"ph": "M", "name": "process_name", "pid": _BOOT, "tid": 0, "args": {"name": "boot"}}
    yield {"ph": "M", "name": "process_sort_index", "pid": _BOOT, "tid": 0, "args": {"sort_index": -1}}
    for name, number in tracks.items():
        yield {"ph": "M", "name": "thread_name", "pid": _BOOT, "tid": number, "args": {"name": name}}
    for step in boot.steps:
        place = {"pid": _BOOT, "tid": tracks[step.subject], "ts": step.start_ns / 1000}
        if step.end_ns == step.start_ns:
            yield {"ph": "i", "s": "t", "name": step.name, "cat": "boot", **place}
            continue
        more = {"args": {"note": step.note}} if step.note else {}
        length = (step.end_ns - step.start_ns) / 1000
        yield {"ph": "X", "name": step.name, "cat": "boot", **place, "dur": length, **more}
    for end in boot.exits:
        place = {"pid": _BOOT, "tid": tracks[end.vm], "ts": end.at_ns / 1000}
        note = {"args": {"note": end.message}}
        yield {"ph": "i", "s": "t", "name": f"qvm exits {end.code}", "cat": "qvm exit", **place, **note}
