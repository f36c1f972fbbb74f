"""Reading a scenario from JSON values, every fault with its field's path."""

from collections.abc import Mapping, Sequence

from hvbuild.machine.scenario import (
    KINDS,
    MAX_CPUS,
    MAX_NAME,
    MAX_PARTITIONS,
    MAX_PRIORITY,
    MAX_RATE,
    MAX_REPLENISHMENTS,
    MAX_TIME_NS,
    POLICIES,
    Aps,
    Burst,
    Event,
    Fault,
    Partition,
    Scenario,
    Sporadic,
    Thread,
)

_SCENARIO = frozenset(
    (
        "cpus",
        "tick_ns",
        "horizon_ns",
        "threads",
        "events",
        "aps",
        "kernel",
        "tie",
        "irq_cpu",
        "rr_mult",
        "cycles_per_sec",
    )
)
_THREAD = frozenset(
    (
        "id",
        "prio",
        "policy",
        "low_prio",
        "init_budget_ns",
        "repl_period_ns",
        "max_repl",
        "runmask",
        "partition",
        "start_ns",
        "start_cpu",
        "critical",
        "io_wake",
        "irq_cpu",
        "loop",
        "bursts",
    )
)
_SERVER = ("low_prio", "init_budget_ns", "repl_period_ns", "max_repl")
_EVENT = {
    "prio": frozenset(("t", "op", "thread", "cpu", "prio")),
    "runmask": frozenset(("t", "op", "thread", "cpu", "runmask")),
    "sched": frozenset(("t", "op", "thread", "cpu", "policy", "prio")),
}
_APS = frozenset(
    ("window_ms", "policy_flags", "bankruptcy_policy", "initial_grace", "limit_cpu_usage", "partitions")
)
_PARTITION = frozenset(("name", "budget", "critical_ms", "parent", "max_budget"))


class _Reader:
    """Reads fields and collects faults; mutable, lives for one reading."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.cpus = 1
        self.threads = 0
        self.partitions: dict[str, int] = {"System": 0}

    def fault(self, path: str, message: str) -> None:
        self.faults.append(Fault(path=path, message=message))

    def mapping(self, value: object, path: str, known: frozenset[str]) -> Mapping[str, object] | None:
        if not isinstance(value, Mapping):
            self.fault(path, f"is {_kind(value)}, expected an object")
            return None
        for key in value:
            if key not in known:
                self.fault(_join(path, str(key)), "is not a field of a scenario")
        return value

    def integer(  # noqa: PLR0917 - one short call per field
        self, node: Mapping[str, object], path: str, key: str, low: int, high: int, default: int | None
    ) -> int:
        fallback = low if default is None else default
        value = node.get(key)
        if value is None and default is not None:
            return default
        where = _join(path, key)
        if value is None:
            self.fault(where, "is missing" if key not in node else "is null, expected an integer")
        elif isinstance(value, bool) or not isinstance(value, int):
            self.fault(where, f"is {_kind(value)}, expected an integer")
        elif not low <= value <= high:
            self.fault(where, f"is {_short(value)}, expected {low} to {high}")
        else:
            return value
        return fallback

    def boolean(self, node: Mapping[str, object], path: str, key: str, default: bool) -> bool:
        value = node.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(_join(path, key), f"is {_kind(value)}, expected true or false")
            return default
        return value

    def word(
        self, node: Mapping[str, object], path: str, key: str, words: Sequence[str], default: str | None
    ) -> str:
        value = node.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or value not in words:
            said = f"is {_kind(value)}" if key in node else "is missing"
            self.fault(_join(path, key), f"{said}, expected one of {', '.join(words)}")
            return words[0]
        return value

    def items(self, node: Mapping[str, object], path: str, key: str, needed: bool) -> Sequence[object]:
        value = node.get(key)
        if value is None and not needed:
            return ()
        if not isinstance(value, list | tuple):
            said = f"is {_kind(value)}" if key in node else "is missing"
            self.fault(_join(path, key), f"{said}, expected a list")
            return ()
        if needed and not value:
            self.fault(_join(path, key), "is empty")
        return value


def read_scenario(value: object) -> tuple[Scenario | None, tuple[Fault, ...]]:
    """The scenario that a JSON value holds, itself or under the key `scenario`; or None and the faults."""
    path = ""
    if isinstance(value, Mapping) and "scenario" in value and "threads" not in value:
        value = value["scenario"]
        path = "scenario"
    reader = _Reader()
    scenario = _read(reader, value, path)
    if reader.faults:
        return None, tuple(reader.faults)
    return scenario, ()


def _read(reader: _Reader, value: object, path: str) -> Scenario | None:
    node = reader.mapping(value, path, _SCENARIO)
    if node is None:
        return None
    cpus = reader.cpus = reader.integer(node, path, "cpus", 1, MAX_CPUS, None)
    tick = reader.integer(node, path, "tick_ns", 1, 1_000_000_000, 1_000_000)
    rate = reader.integer(node, path, "cycles_per_sec", 1, MAX_RATE, 1_000_000_000)
    aps = _read_aps(reader, node, path)
    kernel = reader.word(node, path, "kernel", ("smp", "up"), "smp")
    if kernel == "up" and cpus != 1:
        reader.fault(_join(path, "kernel"), f"is the uniprocessor kernel, but there are {cpus} CPUs")
    if aps is not None:
        _check_window(reader, path, aps, tick, rate)
    items = reader.items(node, path, "threads", needed=True)
    reader.threads = len(items)
    threads = tuple(
        thread
        for i, item in enumerate(items)
        if (thread := _read_thread(reader, item, _join(path, f"threads[{i}]"))) is not None
    )
    _check_ids(reader, threads, _join(path, "threads"))
    return Scenario(
        cpus=cpus,
        tick_ns=tick,
        horizon_ns=reader.integer(node, path, "horizon_ns", 1, MAX_TIME_NS, None),
        threads=threads,
        events=_read_events(reader, node, path),
        aps=aps,
        kernel=kernel,
        tie=reader.word(node, path, "tie", ("block", "tick"), "block"),
        irq_cpu=reader.integer(node, path, "irq_cpu", 0, cpus - 1, 0),
        rr_mult=reader.integer(node, path, "rr_mult", 1, 1_000_000, 4),
        cycles_per_sec=rate,
    )


def _check_ids(reader: _Reader, threads: tuple[Thread, ...], path: str) -> None:
    seen: set[int] = set()
    if any(fault.path.endswith(".id") for fault in reader.faults):
        return
    for i, thread in enumerate(threads):
        if thread.id in seen:
            reader.fault(f"{path}[{i}].id", f"is {thread.id}, which another thread has already")
        seen.add(thread.id)


def _read_thread(reader: _Reader, value: object, path: str) -> Thread | None:
    node = reader.mapping(value, path, _THREAD)
    if node is None:
        return None
    prio = reader.integer(node, path, "prio", 1, MAX_PRIORITY, None)
    policy = reader.word(node, path, "policy", tuple(POLICIES), None)
    mask = reader.integer(node, path, "runmask", 1, (1 << reader.cpus) - 1, -1)
    taker = reader.integer(node, path, "irq_cpu", 0, reader.cpus - 1, -1)
    return Thread(
        id=reader.integer(node, path, "id", 0, reader.threads - 1, None),
        prio=prio,
        policy=policy,
        sporadic=_read_server(reader, node, path, prio, policy),
        runmask=None if mask == -1 else mask,
        partition=_read_membership(reader, node, path),
        start_ns=reader.integer(node, path, "start_ns", 0, MAX_TIME_NS, 0),
        start_cpu=reader.integer(node, path, "start_cpu", 0, reader.cpus - 1, 0),
        critical=reader.boolean(node, path, "critical", False),
        io_wake=reader.boolean(node, path, "io_wake", False),
        irq_cpu=None if taker == -1 else taker,
        loop=reader.boolean(node, path, "loop", True),
        bursts=_read_bursts(reader, node, path),
    )


def _read_membership(reader: _Reader, node: Mapping[str, object], path: str) -> int:
    name = node.get("partition")
    if name is None:
        return 0
    if not isinstance(name, str) or name not in reader.partitions:
        said = f"names {name!r}, which" if isinstance(name, str) else f"is {_kind(name)}, which"
        reader.fault(_join(path, "partition"), f"{said} is no partition of this scenario")
        return 0
    return reader.partitions[name]


def _read_server(
    reader: _Reader, node: Mapping[str, object], path: str, prio: int, policy: str
) -> Sporadic | None:
    if policy != "s":
        for key in _SERVER:
            if node.get(key) is not None:
                reader.fault(_join(path, key), f"is given, but the policy is `{policy}`, not `s`")
        return None
    server = Sporadic(
        low_prio=reader.integer(node, path, "low_prio", 1, prio, None),
        init_budget_ns=reader.integer(node, path, "init_budget_ns", 1, MAX_TIME_NS, None),
        repl_period_ns=reader.integer(node, path, "repl_period_ns", 1, MAX_TIME_NS, None),
        max_repl=reader.integer(node, path, "max_repl", 1, MAX_REPLENISHMENTS, None),
    )
    if server.repl_period_ns < server.init_budget_ns:
        reader.fault(_join(path, "repl_period_ns"), "is shorter than the initial budget")
    return server


def _read_bursts(reader: _Reader, node: Mapping[str, object], path: str) -> tuple[Burst, ...]:
    bursts: list[Burst] = []
    for i, item in enumerate(reader.items(node, path, "bursts", needed=True)):
        where = _join(path, f"bursts[{i}]")
        if not isinstance(item, list | tuple) or not 2 <= len(item) <= 3:
            reader.fault(where, "is not [run_ns, block_ns, kind]")
            continue
        row = {"run_ns": item[0], "block_ns": item[1], "kind": item[2] if len(item) == 3 else "i"}
        kind = reader.word(row, where, "kind", tuple(KINDS), None)
        limit = reader.threads - 1 if kind == "p" else MAX_TIME_NS
        run = reader.integer(row, where, "run_ns", 1, MAX_TIME_NS, None)
        bursts.append(Burst(run, reader.integer(row, where, "block_ns", 0, limit, None), kind))
    return tuple(bursts)


def _read_events(reader: _Reader, node: Mapping[str, object], path: str) -> tuple[Event, ...]:
    events: list[Event] = []
    for i, item in enumerate(reader.items(node, path, "events", needed=False)):
        where = _join(path, f"events[{i}]")
        if not isinstance(item, Mapping):
            reader.fault(where, f"is {_kind(item)}, expected an object")
            continue
        before = len(reader.faults)
        op = reader.word(item, where, "op", tuple(_EVENT), None)
        if len(reader.faults) > before:
            continue  # which fields it needs is not known
        fields = _EVENT[op]
        reader.mapping(item, where, fields)
        events.append(
            Event(
                t_ns=reader.integer(item, where, "t", 0, MAX_TIME_NS, None),
                op=op,
                thread=reader.integer(item, where, "thread", 0, max(reader.threads - 1, 0), None),
                cpu=reader.integer(item, where, "cpu", 0, reader.cpus - 1, 0),
                prio=reader.integer(item, where, "prio", 1, MAX_PRIORITY, None if "prio" in fields else 0),
                runmask=reader.integer(
                    item, where, "runmask", 1, (1 << reader.cpus) - 1, None if "runmask" in fields else 0
                ),
                policy=reader.word(item, where, "policy", ("f", "r", "o"), None if op == "sched" else ""),
            )
        )
    return tuple(events)


def _read_aps(reader: _Reader, scenario: Mapping[str, object], path: str) -> Aps | None:
    if scenario.get("aps") is None:
        return None
    where = _join(path, "aps")
    node = reader.mapping(scenario["aps"], where, _APS)
    if node is None:
        return None
    left = [100]
    partitions: list[Partition] = []
    items = reader.items(node, where, "partitions", needed=False)
    if len(items) >= MAX_PARTITIONS:
        reader.fault(
            _join(where, "partitions"), f"has {len(items)}, at most {MAX_PARTITIONS - 1} beside System"
        )
        items = ()
    for i, item in enumerate(items):
        found = _read_partition(reader, item, _join(where, f"partitions[{i}]"), left)
        if found is not None:
            partitions.append(found)
    return Aps(
        partitions=tuple(partitions),
        window_ms=reader.integer(node, where, "window_ms", 1, 10_000, 100),
        policy_flags=reader.integer(node, where, "policy_flags", 0, 3, 0),
        bankruptcy_policy=reader.integer(node, where, "bankruptcy_policy", 0, 1, 0),
        initial_grace=reader.boolean(node, where, "initial_grace", False),
        limit_cpu_usage=reader.boolean(node, where, "limit_cpu_usage", False),
    )


def _read_partition(reader: _Reader, value: object, path: str, left: list[int]) -> Partition | None:
    node = reader.mapping(value, path, _PARTITION)
    if node is None:
        return None
    names = reader.partitions
    name = node.get("name")
    if not isinstance(name, str) or not name or len(name) > MAX_NAME or "/" in name:
        reader.fault(
            _join(path, "name"), f"is {_kind(name)}, expected 1 to {MAX_NAME} characters without `/`"
        )
        name = ""
    elif name in names:
        reader.fault(_join(path, "name"), f"is {name!r}, which another partition has already")
    parent_name = node.get("parent")
    parent = names.get(parent_name, -1) if isinstance(parent_name, str) else 0 if parent_name is None else -1
    if parent < 0:
        reader.fault(_join(path, "parent"), "is no partition created before this one")
        parent = 0
    budget = reader.integer(node, path, "budget", 0, 100, None)
    if budget > left[parent]:
        reader.fault(_join(path, "budget"), f"is {budget} %, its parent has only {left[parent]} % left")
        budget = 0
    left[parent] -= budget
    left.append(budget)
    names.setdefault(name, len(left) - 1)
    critical = reader.integer(node, path, "critical_ms", 0, 1_000_000, 0)
    most = reader.integer(node, path, "max_budget", 0, 100, 100)
    return Partition(name=name, budget=budget, critical_ms=critical, parent=parent, max_budget=most)


def _check_window(reader: _Reader, path: str, aps: Aps, tick: int, rate: int) -> None:
    bucket = rate // (1_000_000_000 // tick)
    if bucket == 0 or aps.window_ms * (rate // 1000) // bucket < 2:
        reader.fault(_join(path, "aps.window_ms"), "is shorter than two ticks of the cycle counter")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _short(value: int) -> str:
    return str(value) if value.bit_length() <= 64 else "beyond 64 bits"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "text" if len(value) > 20 else f"{value!r}"
    if isinstance(value, int | float):
        return "a number" if isinstance(value, float) else "an integer"
    return "a list" if isinstance(value, list | tuple) else "an object"
