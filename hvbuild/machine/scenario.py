"""A scenario: threads, partitions and events for the bare scheduler; read from JSON, checked, frozen.

The fields are those of the outer contract, all times integer nanoseconds. A fault of the input is a
value with the path of the field, never an exception.
"""

from dataclasses import dataclass, field

MAX_CPUS = 32  # QNX run masks are 32 bits wide up to 7.x
MAX_PARTITIONS = 32  # 7.x; 8 up to 6.6
MAX_TIME_NS = 1 << 60
MAX_PRIORITY = 255
MAX_REPLENISHMENTS = 65535  # SS_REPL_MAX of the kernel
MAX_RATE = 9_000_000_000  # cycles per second that keep every product within 63 bits
MAX_NAME = 15

KINDS = "itypwm"  # what a scenario file may say
POLICIES = "fros"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a scenario: `path` like `threads[2].prio`, and a message."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Burst:
    """Run `run_ns`, then do what `kind` says with `value` (a time, a thread id or a lock number).

    Kinds: i block and be woken exactly `value` later, t sleep on the timer, y yield, p give thread
    `value` a token, w and m wait (semaphore, reply), c go on, n wait for the next release of a period
    of `value`, h halt in place for it and keep the CPU, k and u take and give back spin lock `value`,
    q make a request of thread `value` (a token), a wait until it has answered the last one made of it,
    r the request taken last is answered. `host` marks the host's work for a guest exit.
    """

    run_ns: int
    value: int = 0
    kind: str = "i"
    host: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sporadic:
    """Parameters of the sporadic policy."""

    low_prio: int
    init_budget_ns: int
    repl_period_ns: int
    max_repl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One host thread: a vCPU, a driver, a service thread.

    `irq_cpu` takes the interrupt that wakes it, None: the CPU that the scenario names for all. The guest of
    a `vcpu` is left for every interrupt that its CPU takes; that shows where such an exit costs something.
    """

    id: int
    prio: int
    bursts: tuple[Burst, ...]
    policy: str = "r"
    sporadic: Sporadic | None = None
    runmask: int | None = None
    partition: int = 0
    start_ns: int = 0
    start_cpu: int = 0
    critical: bool = False
    io_wake: bool = False
    loop: bool = True
    irq_cpu: int | None = None
    vcpu: bool = False
    keeps_cpu: bool = False
    noted: bool = False
    earlier: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change from outside at `t_ns`, executed on `cpu`; `wake` is an interrupt for the thread.

    `end` ends the thread for good, whatever it is at; `wake` and `end` are for runs of systems only.
    """

    t_ns: int
    op: str
    thread: int
    cpu: int = 0
    prio: int = 0
    policy: str = ""
    runmask: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A partition besides System (id 0); `parent` is the id whose budget it is taken from.

    `max_budget` limits all that it uses, in percent, where `limit_cpu_usage` is set.
    """

    name: str
    budget: int
    critical_ms: int = 0
    parent: int = 0
    max_budget: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Aps:
    """Adaptive partitioning of the system."""

    partitions: tuple[Partition, ...]
    window_ms: int = 100
    policy_flags: int = 0
    bankruptcy_policy: int = 0
    initial_grace: bool = False
    limit_cpu_usage: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything the engine is told. `speeds` are work units per nanosecond and CPU over `speed_unit`."""

    cpus: int
    horizon_ns: int
    threads: tuple[Thread, ...]
    tick_ns: int = 1_000_000
    events: tuple[Event, ...] = ()
    aps: Aps | None = None
    kernel: str = "smp"
    tie: str = "block"
    irq_cpu: int = 0
    rr_mult: int = 4
    cycles_per_sec: int = 1_000_000_000
    speeds: tuple[int, ...] = field(default=())
    speed_unit: int = 1

    @property
    def all_cpus(self) -> int:
        """The run mask with every CPU."""
        return (1 << self.cpus) - 1
