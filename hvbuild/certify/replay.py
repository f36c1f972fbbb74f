"""Counterexamples: written so that anybody can replay them, and read again to be played first."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from hvbuild.certify.canonical import Json
from hvbuild.certify.draws import Field, Run
from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Finding
from hvbuild.certify.places import finding_json
from hvbuild.certify.playing import ScheduleRun
from hvbuild.machine.profiles import profile
from hvbuild.machine.scenario import Burst, Scenario, Thread
from hvbuild.machine.scenario_reader import read_scenario
from hvbuild.machine.schedule import Schedule, join, simulate
from hvbuild.machine.trace_export import trace_json

FORMAT = "hvbuild-counterexample/1"


def counterexample_json(ground: Ground, finding: Finding, run: Run, seen: Any, *, fast: bool = False) -> Json:
    """A counterexample as a certificate holds it: finding, drawn numbers, a scenario where it has one."""
    result = finding_json(finding, ground.subject.inputs)
    result["run"] = {name: str(value) for name, value in run}
    result["scenario"] = None
    if isinstance(seen, ScheduleRun):
        result["profile"] = ground.profile.name
        result["thread names"] = [part.thread.name for part in seen.parts]
        if seen.explored:
            result["turned assumptions"] = list(seen.explored)
        bare = bare_scenario(seen.schedule)
        result["scenario"] = scenario_json(bare)
        result["exact"] = same_schedule(ground, bare, seen, fast=fast)
    return result


def stored_runs(ground: Ground, family: str, fields: tuple[Field, ...]) -> Iterator[Run]:
    """The stored runs of `family` that can be read, fitted to the fields of this system.

    A number for a thread that is gone is left out, a thread that is new behaves in the plainest way.
    """
    for _, text in ground.subject.counterexamples:
        held = read_counterexample(text)
        if held is None or held["family"] != family:
            continue
        numbers = held["run"]
        yield tuple(
            (field.name, int(numbers.get(field.name, "0")) & ((1 << field.bits) - 1)) for field in fields
        )


def read_counterexample(text: str) -> Json | None:
    """The stored counterexample in `text`, None where it is not one."""
    try:
        held = json.loads(text)
        sound = (
            held["format"] == FORMAT
            and isinstance(held["family"], str)
            and isinstance(held["run"], dict)
            and all(str(value).isdecimal() and len(str(value)) < 40 for value in held["run"].values())
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return dict(held) if sound else None


def trace_of(example: Json) -> str:
    """The run of a counterexample as Chrome trace JSON, threads by name; empty where there is no scenario."""
    scenario, _ = read_scenario(example.get("scenario"))
    chosen = profile(example.get("profile", ""))
    if scenario is None or chosen is None:
        return ""
    names = dict(enumerate(example["thread names"]))
    turned = chosen.turned(example.get("turned assumptions", ()))
    return json.dumps(trace_json(simulate(scenario, chosen, explored=turned), names)) + "\n"


def stored_families(texts: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """The families that have stored counterexamples."""
    held = (read_counterexample(text) for _, text in texts)
    return tuple(sorted({row["family"] for row in held if row is not None}))


# --- a scenario in the words of the contract --------------------------------------------------------------


def bare_scenario(schedule: Schedule) -> Scenario:
    """The scenario of a schedule with runs and waits alone: what each thread ran and how long it stayed away.

    Releases, speeds, spinning and host work are folded into the run times that were observed, so that any
    reader of scenarios replays it.
    """
    scenario = schedule.scenario
    rows: dict[int, list[tuple[int, int]]] = {}
    for row in schedule.segments:
        if not row.is_overhead:
            rows.setdefault(row.thread, []).append((row.start, row.end))
    woken: dict[int, list[int]] = {}
    for moment in sorted((*schedule.resumed, *schedule.woken)):
        woken.setdefault(moment.thread, []).append(moment.time)
    asked: dict[int, int] = {}
    for moment in schedule.requests:
        asked.setdefault(moment.thread, moment.time)
    threads = tuple(
        _bare(
            _Seen(
                thread,
                rows.get(thread.id, []),
                woken.get(thread.id, []),
                asked.get(thread.id),
                totals.ready_since,
            ),
            scenario,
        )
        for thread, totals in zip(scenario.threads, schedule.threads, strict=True)
    )
    return Scenario(
        cpus=scenario.cpus,
        horizon_ns=scenario.horizon_ns,
        threads=threads,
        tick_ns=scenario.tick_ns,
        aps=scenario.aps,
        kernel=scenario.kernel,
        tie=scenario.tie,
        rr_mult=scenario.rr_mult,
        cycles_per_sec=scenario.cycles_per_sec,
    )


class _Seen(NamedTuple):
    """A thread: when it ran, was woken by others and first asked; since when it is READY at the end."""

    thread: Thread
    rows: list[tuple[int, int]]
    woken: list[int]
    asked: int | None
    ready_since: int | None


def _bare(seen: _Seen, scenario: Scenario) -> Thread:
    thread = seen.thread
    bursts = [Burst(run, away, "i") for run, away in _turns(seen, scenario)]
    start = thread.start_ns
    if any(burst.kind == "r" for burst in thread.bursts):  # one that serves is not there before it is asked
        start = seen.asked if seen.asked is not None else scenario.horizon_ns
    return Thread(
        id=thread.id,
        prio=thread.prio,
        policy=thread.policy,
        sporadic=thread.sporadic,
        runmask=thread.runmask,
        partition=thread.partition,
        start_ns=start,
        bursts=tuple(bursts),
        loop=False,
    )


def _turns(seen: _Seen, scenario: Scenario) -> Iterator[tuple[int, int]]:
    """Run time and the wait after it, for each time that the thread blocks."""
    thread = seen.thread
    period = thread.bursts[-1].value if thread.bursts[-1].kind in ("n", "i") else 0
    absolute = thread.bursts[-1].kind == "n"
    whole = sum(burst.run_ns for burst in thread.bursts)
    others = any(burst.kind in "kaw" for burst in thread.bursts)  # it spins, or waits for others
    ran, done, release = 0, 0, thread.start_ns
    if scenario.speeds or others or not period:
        yield from _observed(seen, scenario, period, absolute=absolute)
        return
    for start, end in seen.rows:
        at = start
        while at < end:
            step = min(end - at, whole - done)
            at, ran, done = at + step, ran + step, done + step
            if done < whole:
                break
            done = 0
            release += period
            away = period if not absolute else release - at
            if away > 0:
                yield ran, away
                ran = 0
    yield ran + scenario.horizon_ns, 0


def _observed(seen: _Seen, scenario: Scenario, period: int, *, absolute: bool) -> Iterator[tuple[int, int]]:
    """As seen from outside: a gap in which the thread is released or woken is a wait, else a preemption."""
    if not seen.rows:
        yield scenario.horizon_ns, 0
        return
    ran = 0
    for (start, end), (following, _) in pairwise(seen.rows):
        ran += end - start
        place = bisect_right(seen.woken, end)
        back = seen.woken[place] if place < len(seen.woken) and seen.woken[place] <= following else None
        if back is None:
            back = _released(seen.thread, end, following, period, absolute=absolute)
        if back is not None:
            yield ran, back - end
            ran = 0
    start, end = seen.rows[-1]
    blocked = end < scenario.horizon_ns and seen.ready_since is None
    yield ran + end - start + (0 if blocked else scenario.horizon_ns), 0


def _released(thread: Thread, end: int, following: int | None, period: int, *, absolute: bool) -> int | None:
    """The release between `end` and `following`, None when there is none."""
    if not period or not absolute or following is None:
        return None
    release = thread.start_ns + -(-(end - thread.start_ns) // period) * period
    return release if end < release <= following else None


def scenario_json(scenario: Scenario) -> Json:
    """`scenario` with the fields of the outer contract."""
    names = {i + 1: p.name for i, p in enumerate(scenario.aps.partitions if scenario.aps is not None else ())}
    result: Json = {
        "cpus": scenario.cpus,
        "tick_ns": scenario.tick_ns,
        "horizon_ns": scenario.horizon_ns,
        "threads": [_thread_json(thread, names) for thread in scenario.threads],
    }
    if scenario.aps is not None:
        parents = {0: "System", **names}
        result["aps"] = {
            "window_ms": scenario.aps.window_ms,
            "partitions": [
                {
                    "name": row.name,
                    "budget": row.budget,
                    "critical_ms": row.critical_ms,
                    "parent": parents[row.parent],
                }
                for row in scenario.aps.partitions
            ],
        }
    return result


def _thread_json(thread: Thread, names: Mapping[int, str]) -> Json:
    row: Json = {
        "id": thread.id,
        "prio": thread.prio,
        "policy": thread.policy,
        "start_ns": thread.start_ns,
        "loop": thread.loop,
        "bursts": [[burst.run_ns, burst.value, burst.kind] for burst in thread.bursts],
    }
    if thread.runmask is not None:
        row["runmask"] = thread.runmask
    if thread.partition:
        row["partition"] = names[thread.partition]
    if thread.sporadic is not None:
        server = thread.sporadic
        row |= {
            "low_prio": server.low_prio,
            "init_budget_ns": server.init_budget_ns,
            "repl_period_ns": server.repl_period_ns,
            "max_repl": server.max_repl,
        }
    return row


def same_schedule(ground: Ground, bare: Scenario, seen: ScheduleRun, *, fast: bool = False) -> bool:
    """True when the bare scenario, under the same assumptions, gives the schedule that it was taken from."""
    again = simulate(bare, ground.profile, explored=ground.profile.turned(seen.explored), fast=fast)

    def plain(rows: Schedule) -> list[tuple[int, int, int, int]]:
        held = [
            type(row)(row.cpu, row.thread, row.start, row.end) for row in rows.segments if not row.is_overhead
        ]
        return [(row.cpu, row.thread, row.start, row.end) for row in join(held)]

    return plain(again) == plain(seen.schedule)
