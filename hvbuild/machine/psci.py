"""PSCI as a guest sees it: the power state of each vCPU, and what every call answers and does.

Source: Linux `include/uapi/linux/psci.h` and `arch/arm64/kvm/psci.c` for what a hypervisor must do; Arm
DEN0022. Whether a start is ever seen pending in qvm is not documented (a thread must be scheduled
first), so it is a switch.
"""

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

BASE_32 = 0x8400_0000
BASE_64 = 0xC400_0000
# MPIDR fields Aff0 to Aff3; every other bit of a target is reserved.
AFFINITY_MASK = 0xFF_00FF_FFFF
_LEVEL_SHIFTS = (0, 8, 16, 32)


class Function(IntEnum):
    """Function numbers, the part of an id below its base."""

    VERSION = 0
    CPU_SUSPEND = 1
    CPU_OFF = 2
    CPU_ON = 3
    AFFINITY_INFO = 4
    MIGRATE = 5
    MIGRATE_INFO_TYPE = 6
    MIGRATE_INFO_UP_CPU = 7
    SYSTEM_OFF = 8
    SYSTEM_RESET = 9
    FEATURES = 10
    SYSTEM_SUSPEND = 14
    SYSTEM_RESET2 = 18


# Functions that have a 64-bit id beside the 32-bit one.
WIDE = frozenset(
    {
        Function.CPU_SUSPEND,
        Function.CPU_ON,
        Function.AFFINITY_INFO,
        Function.MIGRATE,
        Function.MIGRATE_INFO_UP_CPU,
        Function.SYSTEM_SUSPEND,
        Function.SYSTEM_RESET2,
    }
)
_SINCE = {
    **dict.fromkeys((Function.CPU_SUSPEND, Function.CPU_OFF, Function.CPU_ON, Function.MIGRATE), (0, 1)),
    Function.FEATURES: (1, 0),
    Function.SYSTEM_SUSPEND: (1, 0),
    Function.SYSTEM_RESET2: (1, 1),
}
# Calls of the table that no VM here offers: there is no trusted OS to move, and no sleep of a whole VM.
_ABSENT = frozenset({Function.MIGRATE, Function.MIGRATE_INFO_UP_CPU, Function.SYSTEM_SUSPEND})


class Code(IntEnum):
    """Return values."""

    SUCCESS = 0
    NOT_SUPPORTED = -1
    INVALID_PARAMETERS = -2
    DENIED = -3
    ALREADY_ON = -4
    ON_PENDING = -5
    INTERNAL_FAILURE = -6
    NOT_PRESENT = -7
    DISABLED = -8
    INVALID_ADDRESS = -9


class State(StrEnum):
    """Power state of one vCPU."""

    OFF = "off"
    PENDING = "on pending"
    ON = "on"
    SUSPENDED = "suspended"


class SystemState(StrEnum):
    """What the VM as a whole does."""

    RUNNING = "running"
    OFF = "off"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The registers a started vCPU begins with: at `entry`, MMU off, `context` in x0."""

    vcpu: int
    entry: int
    context: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call gives back: `value` in x0, None where it does not return (yet); every call is one exit."""

    value: int | None
    start: Start | None = None
    exits: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """The power states of a VM; a call gives the next value of it. Calls are serialised, as by a lock."""

    mpidrs: tuple[int, ...]
    states: tuple[State, ...]
    system: SystemState = SystemState.RUNNING
    version: tuple[int, int] = (1, 1)
    pending_seen: bool = False

    def with_state(self, vcpu: int, state: State) -> "Power":
        """The same with `vcpu` in `state`."""
        return replace(self, states=(*self.states[:vcpu], state, *self.states[vcpu + 1 :]))


def first_boot(
    vcpus: int, *, version: tuple[int, int] = (1, 1), pending_seen: bool = False, per_cluster: int = 16
) -> Power:
    """The VM as qvm starts it: vCPU 0 on, the others off; affinities count up as KVM numbers them."""
    mpidrs = tuple(n % per_cluster | n // per_cluster << 8 for n in range(vcpus))
    states = (State.ON, *(State.OFF for _ in range(vcpus - 1)))
    return Power(mpidrs=mpidrs, states=states, version=version, pending_seen=pending_seen)


def function_id(function: Function, *, wide: bool = False) -> int:
    """The id of `function`, in its 64-bit form where `wide`."""
    return (BASE_64 if wide else BASE_32) + function


def call(
    power: Power, caller: int, identity: int, arguments: tuple[int, ...] = (), *, guest_bits: int = 64
) -> tuple[Power, Answer]:
    """The VM after vCPU `caller` called `identity`, and the answer.

    Raises ValueError for a caller that is not running: a stopped vCPU cannot call.
    """
    if power.states[caller] is not State.ON or power.system is not SystemState.RUNNING:
        raise ValueError(f"vCPU {caller} does not run")
    wide = identity >= BASE_64
    function = _function(power, identity, guest_bits)
    if function is None:
        return power, Answer(value=Code.NOT_SUPPORTED)
    given = (*arguments, 0, 0, 0)[:3]
    values = given if wide else tuple(value & 0xFFFF_FFFF for value in given)
    return _answer(power, caller, function, (values[0], values[1], values[2]))


def _function(power: Power, identity: int, guest_bits: int) -> Function | None:
    """The function behind an id, or None where this VM does not have it."""
    wide = identity >= BASE_64
    number = identity - (BASE_64 if wide else BASE_32)
    if number not in tuple(Function) or (wide and guest_bits == 32):
        return None
    function = Function(number)
    if wide and function not in WIDE:
        return None
    offered = power.version >= _SINCE.get(function, (0, 2)) and function not in _ABSENT
    return function if offered else None


def _answer(
    power: Power, caller: int, function: Function, arguments: tuple[int, int, int]
) -> tuple[Power, Answer]:
    match function:
        case Function.VERSION:
            return power, Answer(value=power.version[0] << 16 | power.version[1])
        case Function.CPU_ON:
            return _cpu_on(power, *arguments)
        case Function.CPU_OFF:
            return power.with_state(caller, State.OFF), Answer(value=None)
        case Function.CPU_SUSPEND:
            return power.with_state(caller, State.SUSPENDED), Answer(value=None)
        case Function.AFFINITY_INFO:
            return power, Answer(value=_affinity(power, arguments[0], arguments[1]))
        case Function.MIGRATE_INFO_TYPE:
            return power, Answer(value=2)
        case Function.SYSTEM_OFF:
            return _stopped(power, SystemState.OFF), Answer(value=None)
        case Function.SYSTEM_RESET:
            return _stopped(power, SystemState.RESET), Answer(value=None)
        case Function.SYSTEM_RESET2:
            # only the architectural warm reset and vendor types exist
            if arguments[0] not in (0,) and not arguments[0] & 0x8000_0000:
                return power, Answer(value=Code.INVALID_PARAMETERS)
            return _stopped(power, SystemState.RESET), Answer(value=None)
        case Function.FEATURES:
            known = _function(power, arguments[0], 64) is not None
            return power, Answer(value=Code.SUCCESS if known else Code.NOT_SUPPORTED)
        case _:
            return power, Answer(value=Code.NOT_SUPPORTED)


def _cpu_on(power: Power, target: int, entry: int, context: int) -> tuple[Power, Answer]:
    if target & ~AFFINITY_MASK or target not in power.mpidrs:
        return power, Answer(value=Code.INVALID_PARAMETERS)
    vcpu = power.mpidrs.index(target)
    if power.states[vcpu] is State.PENDING:
        return power, Answer(value=Code.ON_PENDING)
    if power.states[vcpu] is not State.OFF:
        old = power.version < (0, 2)
        return power, Answer(value=Code.INVALID_PARAMETERS if old else Code.ALREADY_ON)
    state = State.PENDING if power.pending_seen else State.ON
    start = Start(vcpu=vcpu, entry=entry, context=context)
    return power.with_state(vcpu, state), Answer(value=Code.SUCCESS, start=start)


def _affinity(power: Power, target: int, level: int) -> int:
    """0 on, 1 off, 2 pending for the vCPUs that match `target` from affinity level `level` up."""
    if level > 3 or target & ~AFFINITY_MASK:
        return Code.INVALID_PARAMETERS
    mask = sum(0xFF << shift for shift in _LEVEL_SHIFTS[level:])
    found = {s for m, s in zip(power.mpidrs, power.states, strict=True) if m & mask == target & mask}
    if not found:
        return Code.INVALID_PARAMETERS
    if found & {State.ON, State.SUSPENDED}:
        return 0
    return 2 if State.PENDING in found else 1


def _stopped(power: Power, system: SystemState) -> Power:
    """Every vCPU off before the host acts."""
    return replace(power, states=tuple(State.OFF for _ in power.states), system=system)


def entered(power: Power, vcpu: int) -> Power:
    """The VM after the thread of a pending `vcpu` first ran; ValueError when it was not pending."""
    if power.states[vcpu] is not State.PENDING:
        raise ValueError(f"vCPU {vcpu} was not being started")
    return power.with_state(vcpu, State.ON)


def interrupted(power: Power, vcpu: int) -> tuple[Power, Answer | None]:
    """The VM after an interrupt for `vcpu`: a suspended one goes on, its call answering SUCCESS."""
    if power.states[vcpu] is not State.SUSPENDED:
        return power, None
    return power.with_state(vcpu, State.ON), Answer(value=Code.SUCCESS, exits=0)
