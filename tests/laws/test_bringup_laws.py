"""PSCI, spin-table and parking as state machines against the words of their specifications."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hvbuild.machine import parking, psci, spintable
from hvbuild.machine.psci import Code, Function, State, SystemState, function_id

VCPUS = st.integers(0, 3)


class PsciMachine(RuleBasedStateMachine):
    """A guest of one to four vCPUs that calls at random, beside a plain dictionary of states."""

    @initialize(
        count=st.integers(1, 4),
        pending=st.booleans(),
        version=st.sampled_from(((0, 1), (0, 2), (1, 0), (1, 1))),
    )
    def boot(self, count: int, pending: bool, version: tuple[int, int]) -> None:
        self.power = psci.first_boot(count, version=version, pending_seen=pending)
        self.naive = dict.fromkeys(range(count), "off") | {0: "on"}
        self.started = {0: (0, 0)}
        self.down = False

    def running(self) -> list[int]:
        return [] if self.down else [vcpu for vcpu, state in self.naive.items() if state == "on"]

    def call(self, caller: int, identity: int, *arguments: int, bits: int = 64) -> int | None:
        self.power, answer = psci.call(self.power, caller, identity, arguments, guest_bits=bits)
        assert answer.exits == 1
        if answer.start is not None:
            assert answer.value == Code.SUCCESS
            self.started[answer.start.vcpu] = (answer.start.entry, answer.start.context)
        return answer.value

    @precondition(lambda self: self.running())
    @rule(
        data=st.data(),
        wide=st.booleans(),
        entry=st.integers(0, (1 << 64) - 1),
        context=st.integers(0, (1 << 64) - 1),
    )
    def cpu_on(self, data: st.DataObject, wide: bool, entry: int, context: int) -> None:
        caller = data.draw(st.sampled_from(self.running()))
        target = data.draw(st.sampled_from([*self.naive, 7, 1 << 24, 1 << 31, 0x100]))
        value = self.call(caller, function_id(Function.CPU_ON, wide=wide), target, entry, context)
        if target not in self.naive:
            assert value == Code.INVALID_PARAMETERS
        elif self.naive[target] == "pending":
            assert value == Code.ON_PENDING
        elif self.naive[target] != "off":
            old = self.power.version < (0, 2)
            assert value == (Code.INVALID_PARAMETERS if old else Code.ALREADY_ON)
        else:
            assert value == Code.SUCCESS
            self.naive[target] = "pending" if self.power.pending_seen else "on"
            narrow = (1 << 64) - 1 if wide else (1 << 32) - 1
            assert self.started[target] == (entry & narrow, context & narrow)

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def cpu_off(self, data: st.DataObject) -> None:
        caller = data.draw(st.sampled_from(self.running()))

        assert self.call(caller, function_id(Function.CPU_OFF)) is None
        self.naive[caller] = "off"

    @precondition(lambda self: self.running())
    @rule(data=st.data(), wide=st.booleans())
    def cpu_suspend(self, data: st.DataObject, wide: bool) -> None:
        caller = data.draw(st.sampled_from(self.running()))

        assert self.call(caller, function_id(Function.CPU_SUSPEND, wide=wide)) is None
        self.naive[caller] = "suspended"

    @precondition(lambda self: "suspended" in self.naive.values())
    @rule(data=st.data())
    def interrupt(self, data: st.DataObject) -> None:
        vcpu = data.draw(st.sampled_from([v for v, s in self.naive.items() if s == "suspended"]))
        self.power, answer = psci.interrupted(self.power, vcpu)

        assert answer is not None
        assert answer.value == Code.SUCCESS
        self.naive[vcpu] = "on"

    @precondition(lambda self: "pending" in self.naive.values())
    @rule(data=st.data())
    def first_entry(self, data: st.DataObject) -> None:
        vcpu = data.draw(st.sampled_from([v for v, s in self.naive.items() if s == "pending"]))
        self.power = psci.entered(self.power, vcpu)
        self.naive[vcpu] = "on"

    @precondition(lambda self: self.running() and self.power.version >= (0, 2))
    @rule(data=st.data(), level=st.integers(0, 4))
    def affinity_info(self, data: st.DataObject, level: int) -> None:
        caller = data.draw(st.sampled_from(self.running()))
        target = data.draw(st.sampled_from([0, 1, 3, 9, 0x100]))
        value = self.call(caller, function_id(Function.AFFINITY_INFO), target, level)
        matching = {s for v, s in self.naive.items() if v >> 8 * level == target >> 8 * level}
        if level > 3 or not matching:
            assert value == Code.INVALID_PARAMETERS
        elif matching & {"on", "suspended"}:
            assert value == 0
        else:
            assert value == (2 if "pending" in matching else 1)

    @precondition(lambda self: self.running())
    @rule(data=st.data(), number=st.integers(0, 40), wide=st.booleans())
    def wrong_width_and_unknown_ids(self, data: st.DataObject, number: int, wide: bool) -> None:
        caller = data.draw(st.sampled_from(self.running()))
        base = psci.BASE_64 if wide else psci.BASE_32
        if wide:
            assert self.call(caller, base + number, 0, 0, 0, bits=32) == Code.NOT_SUPPORTED
        if number not in tuple(Function):
            assert self.call(caller, base + number) == Code.NOT_SUPPORTED

    @precondition(lambda self: self.running() and self.power.version >= (0, 2))
    @rule(data=st.data(), reset=st.booleans())
    def system_stop(self, data: st.DataObject, reset: bool) -> None:
        caller = data.draw(st.sampled_from(self.running()))
        function = Function.SYSTEM_RESET if reset else Function.SYSTEM_OFF

        assert self.call(caller, function_id(function)) is None
        assert self.power.system is (SystemState.RESET if reset else SystemState.OFF)
        self.naive = dict.fromkeys(self.naive, "off")
        self.down = True

    @precondition(lambda self: set(self.naive.values()) == {"off"})
    @rule()
    def the_host_starts_it_again(self) -> None:
        self.boot(len(self.naive), self.power.pending_seen, self.power.version)

    @invariant()
    def states_agree(self) -> None:
        words = {State.OFF: "off", State.PENDING: "pending", State.ON: "on", State.SUSPENDED: "suspended"}

        assert self.naive == {vcpu: words[state] for vcpu, state in enumerate(self.power.states)}

    @invariant()
    def a_stopped_vcpu_cannot_call(self) -> None:
        for vcpu in self.naive:
            if vcpu not in self.running():
                with pytest.raises(ValueError):
                    psci.call(self.power, vcpu, function_id(Function.VERSION))


TestPsci = PsciMachine.TestCase
TestPsci.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize(
    ("function", "low", "wide"),
    [
        (Function.VERSION, 0x84000000, None),
        (Function.CPU_SUSPEND, 0x84000001, 0xC4000001),
        (Function.CPU_OFF, 0x84000002, None),
        (Function.CPU_ON, 0x84000003, 0xC4000003),
        (Function.AFFINITY_INFO, 0x84000004, 0xC4000004),
        (Function.MIGRATE, 0x84000005, 0xC4000005),
        (Function.MIGRATE_INFO_TYPE, 0x84000006, None),
        (Function.MIGRATE_INFO_UP_CPU, 0x84000007, 0xC4000007),
        (Function.SYSTEM_OFF, 0x84000008, None),
        (Function.SYSTEM_RESET, 0x84000009, None),
        (Function.FEATURES, 0x8400000A, None),
        (Function.SYSTEM_SUSPEND, 0x8400000E, 0xC400000E),
        (Function.SYSTEM_RESET2, 0x84000012, 0xC4000012),
    ],
)
def test_ids_are_those_of_the_specification(function: Function, low: int, wide: int | None) -> None:
    assert function_id(function) == low
    assert (function_id(function, wide=True) if function in psci.WIDE else None) == wide


def test_answers_that_carry_a_number() -> None:
    power = psci.first_boot(2)

    assert psci.call(power, 0, function_id(Function.VERSION))[1].value == 0x10001
    assert psci.call(power, 0, function_id(Function.MIGRATE_INFO_TYPE))[1].value == 2
    asked = function_id(Function.CPU_ON, wide=True)
    assert psci.call(power, 0, function_id(Function.FEATURES), (asked,))[1].value == 0
    asked = function_id(Function.SYSTEM_SUSPEND)
    assert psci.call(power, 0, function_id(Function.FEATURES), (asked,))[1].value == -1
    assert psci.call(power, 0, function_id(Function.SYSTEM_RESET2), (5,))[1].value == Code.INVALID_PARAMETERS


class SpinMachine(RuleBasedStateMachine):
    """Secondaries that poll while somebody stores."""

    def __init__(self) -> None:
        super().__init__()
        self.table = spintable.pi4_table(4)
        self.naive: dict[int, int] = {}
        self.jumped: dict[int, int] = {}

    @rule(cpu=st.integers(1, 3), entry=st.sampled_from((0, 0x80000, 0x90000)))
    def store(self, cpu: int, entry: int) -> None:
        self.table = spintable.store(self.table, 0xD8 + 8 * cpu, entry)
        self.naive[cpu] = entry

    @rule(cpu=st.integers(1, 3))
    def poll(self, cpu: int) -> None:
        if cpu in self.jumped:
            with pytest.raises(ValueError):
                spintable.poll(self.table, cpu)
            return
        self.table, entry = spintable.poll(self.table, cpu)
        assert entry == (self.naive.get(cpu) or None)
        if entry is not None:
            self.jumped[cpu] = entry

    @invariant()
    def nobody_comes_back(self) -> None:
        assert self.jumped == dict(self.table.running)
        assert set(self.table.spinning) == {1, 2, 3} - set(self.jumped)


TestSpinTable = SpinMachine.TestCase
TestSpinTable.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def test_release_addresses_are_those_of_the_firmware() -> None:
    assert spintable.pi4_table(4).release == (0xE0, 0xE8, 0xF0)
    with pytest.raises(ValueError):
        spintable.spin_table((0xE4,))


def test_a_parked_cpu_jumps_when_its_own_id_stands_in_the_mailbox() -> None:
    box = parking.Mailbox(number=2)

    assert parking.interrupt(box) == (box, None)
    other = parking.request(box, 0x80000, cpu_id=3)
    assert parking.interrupt(other) == (other, None)
    asked = parking.request(box, 0x80000)
    assert not parking.is_started(asked)
    done, entry = parking.interrupt(asked)
    assert (entry, done.entry, parking.is_started(done)) == (0x80000, 0, True)
    for again in (done, asked):
        with pytest.raises(ValueError):
            parking.request(again, 0x90000)
    assert parking.interrupt(done) == (done, None)
    with pytest.raises(ValueError):
        parking.request(box, 0)
