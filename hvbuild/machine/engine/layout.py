"""Where everything lies in the engine's one memory.

The engine works on a single column of signed 64-bit integers, `m`: a list in plain mode, a numpy
array in fast mode. Scalars have fixed places at its start; CPUs, threads, partitions, ready lists,
bursts, events and the output rows are records in it, and *a record is named by the place where it
begins*, so `m[t + PRIO]` is the priority of thread `t` and 0 never names a record. Copying `m` copies
the whole machine. All times are nanoseconds unless a name says cycles.
"""

Memory = list[int]

INF = 1 << 62

# --- scalars ---------------------------------------------------------------------------------------
NOW = 1  # time of the event being handled
CLOCK = 2  # the clock the kernel sees: time of the last tick, never interpolated
TICK = 3
HORIZON = 4
NEXT_TICK = 5
CPU_FIRST = 6
CPU_END = 7
THREAD_FIRST = 8
THREAD_END = 9
CPUS = 10
UP = 11  # 1: uniprocessor kernel
TIE_TICK = 12  # 1: a tick precedes burst ends of the same instant
IRQ_CPU = 13
RR_LIMIT = 14  # half ticks of one slice
WAKE_HEAP = 15
SLEEP_HEAP = 16
SEQUENCE = 17  # creation order of wake-ups
REPL_HEAD = 18  # pending replenishments, ordered by time
EVENT_AT = 19  # next row of the event table
EVENT_END = 20
EXPIRED_HEAD = 21  # threads whose timers expired in this tick, not yet delivered
EXPIRED_TAIL = 22
IPI_PENDING = 23  # CPUs with an undelivered inter-processor interrupt
IPIS = 24
IPIS_NOWHERE = 25
SEG_FIRST = 26
SEG_AT = 27
SEG_STOP = 28
CHANGE_FIRST = 29
CHANGE_AT = 30
CHANGE_STOP = 31
TRACING = 32  # 0: no segments are written, counters only; 2: interrupts, too
DISPATCH = 33  # the one global set of ready lists (partition System's with partitions)
SPEED_UNIT = 34  # work units per nanosecond of a core of speed 1
SWITCHES = 35
PREEMPTIONS = 36
EVENTS = 37  # events handled
MIGRATIONS = 38
EVENT_FIRST = 39
EXIT_BURST = 59  # the burst behind a list that ends

# partitions
APS = 40  # 1: adaptive partitions are in force
PART_FIRST = 41
PART_END = 42
PART_COUNT = 43
CPB = 44  # cycles per bucket
BUCKETS = 45
BUCKET_AT = 46
LEFT = 47  # cycles left in this tick, as last computed
ROTATIONS = 48
RATE = 49  # cycles per second
FREE_BY_RATIO = 50
CANCEL = 51  # bankruptcy cancels the critical budget
WINDOW = 52  # cycles
BANKRUPTCIES = 53
CPU_CYCLES = 54
LIMITED = 55  # 1: no partition gets more than its maximum, free time or not

# costs, booked apart from guest work
COST_SWITCH = 60
COST_IPI = 61
COST_MIGRATION = 62
SLICE_NS = 64  # exact mode: length of a slice
COSTED = 63  # 1: any of the costs is not zero
COST_INTERRUPT = 65  # a guest is left and entered again for an interrupt of the host

# switches of a profile
LAZY_REPLY = 70  # a reply does not disturb other CPUs
STALE_FLAG = 71  # a reschedule request outlives the loss of the CPU
EQUAL_RESCHED = 72  # any reschedule lets an equal displace in mid-slice
MASK_SILENT = 73  # nobody is told that a READY thread may run elsewhere now
NEWEST_ZERO = 74  # the newest zero-budget partition counts as sleeping
SATURATING = 75  # a lone round-robin runner keeps its used-up slice
PREEMPT_CHARGE = 76  # a displacement costs half a tick of the slice
PLACEMENT = 77  # 1: displacement rules of 8.0
DISPLACE = 78  # 8.0, where the rules leave a choice: displace (1) or wait (0)
EXACT = 82  # 1: textbook: no ticks, exact slices and budgets, a cascade of displacements
NOWHERE = 79  # an unplaced wake-up under partitions asks "CPU -1"

REFILL_STOPS = 83  # a CPU that lifts a server forgets what it was asked for
IDLE_TAKES = 84  # 8.0: an idle CPU is given to a thread that has just been displaced

SCALARS = 96

# --- CPU -------------------------------------------------------------------------------------------
RUN = 0  # running thread (idle threads included)
SINCE = 1  # start of the open segment
WORK_FROM = 2  # when the running thread's own work begins (later than SINCE while overhead is paid)
END = 3  # when its burst ends
IPI = 4
SPEED = 5
IDLE = 6
BIT = 7
NUMBER = 8
BILLED = 9  # cycles up to which this CPU was billed
OVERHEAD = 10  # overhead booked on this CPU
DEBT = 11  # overhead waiting to be paid by the next thread that runs here
IDLE_NS = 12
PAID_AT = 13  # when the overhead before the running thread's work is paid
PAID_FOR = 14  # mode of that overhead
CPU_SIZE = 16

# --- thread ----------------------------------------------------------------------------------------
STATE = 0
PRIO = 1  # priority level (rank among the priorities of the scenario)
POLICY = 2
MASK = 3
LAST_CPU = 4  # a CPU record
RR = 5  # half ticks used of the slice
FLAG = 6  # pending reschedule
NEXT = 7
PREV = 8
ON = 9  # CPU record it runs on, or 0
REMAINING = 10  # work left of the burst, in work units
BURST = 11  # current burst, or 0 when the list has ended
BURST_FIRST = 12
BURST_END = 13
LOOP = 14
TOKENS = 15
CRITICAL = 16
IO_WAKE = 17
BILL_CRITICAL = 18
LISTS = 19  # its ready lists
PART = 20
KEY_TIME = 21
KEY_ORDER = 22
BUDGET = 23
CONSUMED = 24
ACTIVATION = 25
BLOCKS = 26
PENDING = 27
POST_TIME = 28
POST_NEXT = 29
DROPPED = 30
HIGH = 31
LOW = 32
CAPACITY = 33
PERIOD = 34
MAX_REPL = 35
CPU_NS = 36
HOST_NS = 37
ID = 38
RELEASE = 39
SPIN = 40
SPIN_NS = 41
READY_AT = 42
WORST_WAIT = 43
PREEMPTED = 44
EXITS = 45
SPIN_ORDER = 46
WORST_WAIT_AT = 47
FIRST_WAIT = 48  # longest READY stretch that began with a wake-up
FIRST_WAIT_AT = 49
WOKEN = 50
SLICE = 51  # exact mode: what is left of the slice
REPL_RING = 52  # exact mode: ring of pending replenishments, time and amount
REPL_FIRST = 53
REPL_COUNT = 54
JOBS = 55  # bursts that ended in a wait
RESPONSES = 56  # sum of their times from wake-up to wait
WORST_RESPONSE = 57
RELEASED = 58  # when the present job was released
HOLDS = 59  # spin locks held
IRQ = 60  # the CPU record that takes the interrupt which wakes it
VCPU = 61  # 1: its guest work is left when its CPU takes an interrupt
INTERRUPTED = 62  # how often it was
HALTED = 63  # halted in place, for what: see below
HALT_NS = 64
KEEPS = 65  # 1: it holds its CPU while it waits for a token or an answer
NOTED = 66  # 1: the times of its requests and answers are written down
ASKED = 67  # requests made of it
ANSWERED = 68  # requests that it has answered
TICKET = 69  # which request of the thread that it asked last was its own
AWAITS = 70  # the thread whose answer it waits for, or 0
LATER = 71  # the thread that follows it when it has ended, or 0
THREAD_SIZE = 72

# states
NEW = 0
READY = 1
RUNNING = 2
BLOCKED = 3
REPLY = 4
DEAD = 5
WAITING = 6  # for a token
ASKING = 7  # for an answer

# what a thread that halted in place waits for
FOR_RELEASE = 1
FOR_TOKEN = 2
FOR_ANSWER = 3

# policies
FIFO = 0
ROUND_ROBIN = 1
SPORADIC = 2

# --- ready lists -----------------------------------------------------------------------------------
TOP = 0  # no list above this level is occupied
COUNT = 1
LIST = 2  # per level: head, tail

# --- heap ------------------------------------------------------------------------------------------
SIZE = 0
ITEM = 1

# --- burst -----------------------------------------------------------------------------------------
WORK = 0
VALUE = 1
KIND = 2
MODE = 3
BURST_SIZE = 4

# kinds; the first five block
K_WAKE = 0  # i: block, woken by an interrupt exactly VALUE later
K_SLEEP = 1  # t: nanosleep through the timer
K_PERIOD = 2  # n: wait for the next periodic release
K_WAIT = 3  # w: wait as on a semaphore
K_REPLY = 4  # m: wait reply-blocked
K_BLOCKING = 4
K_NEXT = 5  # c: go on with the next burst, no kernel entry
K_YIELD = 6  # y
K_POST = 7  # p: give thread VALUE a token, or ready it
K_LOCK = 8  # k: take spin lock VALUE, spinning while it is held
K_UNLOCK = 9  # u: give it back
K_EXIT = 10  # the list has ended
K_HALT = 11  # h: halt in place until the next periodic release: the CPU is held, no work is done
K_ASK = 12  # q: make a request of thread VALUE
K_AWAIT = 13  # a: wait until thread VALUE has answered the last request made of it
K_ANSWER = 14  # r: the request that was taken last is answered

# modes of a segment
GUEST = 0
HOST = 1  # the host's work for a guest exit
SPINNING = 2
SWITCH = 3  # context switch, migration, interrupt between CPUs
HOLDING = 4  # guest work while holding a spin lock
WAKE = 5  # no segment: an interrupt for the thread at this time
INTERRUPT = 6  # an interrupt of the host while the vCPU ran: out of its guest and in again
HALTING = 7  # a guest halted in place
# moments of requests: no segments, and the other thread in place of the CPU
REQUESTED = 8  # it is asked by the other
DONE = 9  # it has answered one
RESUMED = 10  # the answer of the other that it waited for is there
WOKEN_UP = 11  # the request, or what else it waited for, is there
LEFT_OFF = 12  # it has ended while it waited for the other, itself: for a token

# --- spin lock
LOCK_HOLDER = 0
LOCK_SIZE = 1

# --- event -----------------------------------------------------------------------------------------
AT = 0
OP = 1
WHO = 2
WHERE = 3
NEW_VALUE = 4
NEW_POLICY = 5
EVENT_SIZE = 6

OP_START = 0
OP_PRIO = 1
OP_RUNMASK = 2
OP_SCHED = 3
OP_WAKE = 4
OP_END = 5

# --- output rows -----------------------------------------------------------------------------------
SEG_SIZE = 5  # CPU, thread, start, end, mode
CHANGE_SIZE = 3  # time, thread, level

# --- partition -------------------------------------------------------------------------------------
P_LISTS = 0
P_USED = 1
P_CRIT_USED = 2
P_STD = 3
P_BMP = 4
P_CRIT_BUDGET = 5
P_FACTOR = 6
P_OFFSET = 7
P_PERCENT = 8
P_ZERO = 9  # 1: in the set of zero-budget partitions
P_RUNNING = 10  # CPUs that run one of its threads
P_RING = 11
P_CRIT_RING = 12
P_BANKRUPT = 13
P_GRACE = 14  # ticks of grace left
P_LAST_RUN = 15  # per CPU: rotation at which it last ran there
P_ID = 16
P_TOP = 17  # scratch of the choice: its best READY thread allowed here
P_TOTAL = 18
P_MOST = 19  # what it may use of a window at most, where that is limited
P_SIZE = 20
