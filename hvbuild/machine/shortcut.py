"""When the lean engine may stand in for the full one, and its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hvbuild.machine.engine import lean
from hvbuild.machine.engine.layout import INF, Memory
from hvbuild.machine.scenario import Scenario, Thread

_KIND = {"i": 0, "t": 0, "n": 1, "c": 2}
_ROWS = 1 << 14
_MOST_THREADS = 256  # lists are searched from the front


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanResult:
    """What the lean engine leaves: output rows (CPU, thread place, start, end), sums, scalars."""

    rows: tuple[tuple[int, int, int, int], ...]
    sums: Memory
    scalars: Memory
    ready_since: Mapping[int, int]


def is_lean(scenario: Scenario, settings: Mapping[str, int]) -> bool:
    """True when the lean engine gives the schedule of `scenario` under these engine settings."""
    return (
        bool(settings.get("EXACT"))
        and not settings.get("COSTED")
        and not scenario.events
        and not scenario.speeds
        and len(scenario.threads) <= _MOST_THREADS
        and all(_is_plain(thread) for thread in scenario.threads)
    )


def _is_plain(thread: Thread) -> bool:
    kinds = {burst.kind for burst in thread.bursts}
    return (
        thread.policy == "f"
        and thread.loop
        and kinds <= _KIND.keys()
        and not ("n" in kinds and kinds & {"i", "t"})  # a lean thread has one clock
        and not any(burst.host for burst in thread.bursts)
    )


class LeanColumns:
    """The columns of one lean run."""

    def __init__(self, scenario: Scenario, trace: bool) -> None:
        threads = scenario.threads
        count = len(threads)
        levels = {prio: level for level, prio in enumerate(sorted({t.prio for t in threads}), 1)}
        self.horizon = scenario.horizon_ns
        self.scalars = [0] * lean.L_SIZE
        self.level = [levels[t.prio] for t in threads]
        self.mask = [scenario.all_cpus if t.runmask is None else t.runmask for t in threads]
        self.last = [0] * count
        self.due = [t.start_ns for t in threads]
        self.woken = [t.start_ns for t in threads]
        self.ready_at = [0] * count
        self.follower = [-1] * count
        self.sums = [0] * (count * lean.J_SIZE)
        self._lay_bursts(threads)
        self.on_cpu = [-1] * scenario.cpus
        self.since = [0] * scenario.cpus
        self.ends = [INF] * scenario.cpus
        self.cpu_next = [-1] * scenario.cpus
        # one event displaces each thread at most once
        self.rows = [0] * ((_ROWS + 2 * scenario.cpus + count) * 4 if trace else 4)
        self._set_scalars(trace)

    def _lay_bursts(self, threads: Sequence[Thread]) -> None:
        self.work: Memory = []
        self.value: Memory = []
        self.kind: Memory = []
        self.first: Memory = []
        self.end: Memory = []
        for thread in threads:
            self.first.append(len(self.work))
            for burst in thread.bursts:
                self.work.append(min(burst.run_ns, INF >> 1))
                self.value.append(burst.value)
                self.kind.append(_KIND[burst.kind])
            self.end.append(len(self.work))
        self.burst = list(self.first)
        self.left = [self.work[b] for b in self.first]

    def _set_scalars(self, trace: bool) -> None:
        s = self.scalars
        order = sorted(range(len(self.due)), key=lambda t: self.due[t])
        for t, follower in zip(order, [*order[1:], -1], strict=True):
            self.follower[t] = follower
        s[lean.L_HORIZON] = self.horizon
        s[lean.L_SLEEPING] = order[0]
        s[lean.L_READY] = -1
        s[lean.L_RUNNING] = -1
        s[lean.L_TRACING] = int(trace)
        s[lean.L_LAST_ROW] = _ROWS * 4 if trace else 0

    def arguments(self) -> list[Memory]:
        """The columns in the order of the kernel's parameters."""
        return [getattr(self, name) for name in _ORDER]

    def take_back(self, columns: Sequence[Memory]) -> None:
        """Replace the columns by their values after the run."""
        for name, column in zip(_ORDER, columns, strict=True):
            setattr(self, name, column)


_ORDER = (
    "scalars",
    "level",
    "mask",
    "last",
    "due",
    "left",
    "burst",
    "first",
    "end",
    "woken",
    "ready_at",
    "follower",
    "sums",
    "work",
    "value",
    "kind",
    "on_cpu",
    "since",
    "ends",
    "cpu_next",
    "rows",
)


def run_shortcut(scenario: Scenario, trace: bool, fast: bool) -> LeanResult:
    """Run a scenario that `is_lean` to its horizon."""
    columns = LeanColumns(scenario, trace)
    found: list[tuple[int, int, int, int]] = []
    if fast:
        _run_fast(columns, found)
    else:
        arguments = columns.arguments()
        while lean.run_lean(*arguments):
            _collect(columns.scalars, columns.rows, found)
    _collect(columns.scalars, columns.rows, found)
    _close(columns, found, trace)
    return LeanResult(
        rows=tuple(found), sums=columns.sums, scalars=columns.scalars, ready_since=_waiting(columns)
    )


def _run_fast(columns: LeanColumns, found: list[tuple[int, int, int, int]]) -> None:
    from hvbuild.machine.engine.fast import as_columns, compiled  # noqa: PLC0415 - numba only on request

    go = compiled("run_lean")
    arrays = as_columns(columns.arguments())
    while go(*arrays):
        _collect(arrays[0], arrays[-1].tolist(), found)
    columns.take_back([array.tolist() for array in arrays])


def _collect(s: Memory, rows: Memory, found: list[tuple[int, int, int, int]]) -> None:
    if s[lean.L_TRACING]:
        found.extend(
            (rows[i], rows[i + 1], rows[i + 2], rows[i + 3]) for i in range(0, int(s[lean.L_ROW]), 4)
        )
    s[lean.L_ROW] = 0


def _close(columns: LeanColumns, found: list[tuple[int, int, int, int]], trace: bool) -> None:
    """At the horizon: charge what runs and close its segment."""
    for c, t in enumerate(columns.on_cpu):
        if t >= 0 and columns.since[c] < columns.horizon:
            columns.sums[t * lean.J_SIZE + lean.J_CPU] += columns.horizon - columns.since[c]
            if trace:
                found.append((c, t, columns.since[c], columns.horizon))


def _waiting(columns: LeanColumns) -> dict[int, int]:
    """The threads READY at the horizon, by place, with the time since when."""
    found: dict[int, int] = {}
    t = columns.scalars[lean.L_READY]
    while t >= 0:
        found[t] = columns.ready_at[t]
        t = columns.follower[t]
    return found
