"""Families of drawn runs: what is drawn for each, and how a drawn run is played."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hvbuild.certify.draws import Field, Run, drawn, thread_field
from hvbuild.certify.ground import Ground
from hvbuild.certify.playing import (
    AttackRun,
    ScheduleRun,
    busy_part,
    horizon_of,
    places_of,
    play,
    regular_part,
    waits_by,
)
from hvbuild.certify.probing import PROBES, probe_fields, probe_run
from hvbuild.certify.property import Family
from hvbuild.machine.parts import Part
from hvbuild.machine.scenario import Burst
from hvbuild.machine.threads import DEFAULT_SCHED, HostThread

ATTACKS = ("spin", "storm", "probe", "reset")
# The storm's interrupts come in bursts, this long after the last burst was handled: each source is masked
# from the exit to the guest's end of interrupt (QNX, "Interrupts"), so they cannot come faster.
_STORM_GAPS = (100_000, 200_000, 400_000, 1_600_000)
_STORM_BURST = 8
_PARTITION_WINDOW = 100_000_000


@dataclass(frozen=True, slots=True)
class DrawnFamily:
    """One family: the numbers that are drawn for a system, and how a run of them is played."""

    family: Family
    fields: Callable[[Ground], tuple[Field, ...]]
    play: Callable[[Ground, Run, bool], Any]


def _bits(count: int) -> int:
    return max(0, (count - 1).bit_length())


def _common(ground: Ground) -> tuple[Field, ...]:
    rows = (
        ("workload", len(ground.workloads)),
        ("assumption", len(ground.profile.explorations())),
    )
    return tuple(Field(name, _bits(count)) for name, count in rows if count > 1)


def _thread_fields(ground: Ground) -> tuple[Field, ...]:
    return tuple(thread_field(thread.name) for thread in ground.threads if thread.demand is not None)


def schedule_fields(ground: Ground) -> tuple[Field, ...]:
    """A workload, an assumption to turn around, and each thread's behaviour."""
    return (*_common(ground), *_thread_fields(ground))


def _setting(ground: Ground, values: Mapping[str, int]) -> tuple[str, tuple[HostThread, ...], dict[str, int]]:
    workload, threads = ground.workloads[values.get("workload", 0) % len(ground.workloads)]
    explorations = ground.profile.explorations()
    return workload, threads, explorations[values.get("assumption", 0) % len(explorations)]


def _regular(ground: Ground, threads: tuple[HostThread, ...], values: Mapping[str, int]) -> list[Part]:
    tick = int(ground.system.host.tick)
    places = places_of(threads)
    return [
        regular_part(ground, thread, drawn(values.get(thread.name, 0), thread, tick), places)
        for thread in threads
    ]


def schedule_run(ground: Ground, run: Run, fast: bool = False) -> ScheduleRun:
    """Everybody under the declared load."""
    values = dict(run)
    workload, threads, explored = _setting(ground, values)
    return play(ground, run, workload, _regular(ground, threads, values), explored=explored, fast=fast)


# --- spin locks between the vCPUs of a guest --------------------------------------------------------------


def lock_fields(ground: Ground) -> tuple[Field, ...]:
    """As a declared run, and how much of each job holds the guest's lock (in eighths)."""
    return (*schedule_fields(ground), Field("hold", 3))


def lock_run(ground: Ground, run: Run, fast: bool = False) -> ScheduleRun:
    """Every job of a guest with several vCPUs takes the guest's one spin lock for a part of its work."""
    values = dict(run)
    workload, threads, explored = _setting(ground, values)
    guests = {name: number for number, name in enumerate(sorted({t.guest for t in threads if t.guest}))}
    parts = []
    for part in _regular(ground, threads, values):
        guest = part.thread.guest
        many = sum(thread.guest == guest for thread in threads) > 1
        parts.append(_locking(part, guests[guest], values.get("hold", 0)) if guest and many else part)
    return play(ground, run, workload, parts, explored=explored, fast=fast)


def _locking(part: Part, lock: int, hold: int) -> Part:
    if not part.work_ns:
        return replace(part, bursts=(Burst(1_000_000, lock, "k"), Burst(1_000_000, lock, "u")))
    if part.thread.errands or part.thread.serves:
        return replace(part, bursts=_lock_within(part.bursts, lock, hold))
    held = max(1, part.work_ns * (hold + 1) // 16)
    before = max(1, (part.work_ns - held) // 2)
    after = max(1, part.work_ns - held - before)
    waits = waits_by(part.thread)
    bursts = (Burst(before, lock, "k"), Burst(held, lock, "u"), Burst(after, part.period_ns, waits))
    return replace(part, bursts=bursts, work_ns=before + held + after)


def _lock_within(bursts: tuple[Burst, ...], lock: int, hold: int) -> tuple[Burst, ...]:
    """`bursts` with the lock held in the middle of the longest stretch: nobody waits for others with it."""
    place = max(range(len(bursts)), key=lambda number: bursts[number].run_ns)
    whole = bursts[place]
    held = min(whole.run_ns, max(1, whole.run_ns * (hold + 1) // 16))
    before = (whole.run_ns - held) // 2
    cut = (
        replace(whole, run_ns=before, value=lock, kind="k"),
        replace(whole, run_ns=held, value=lock, kind="u"),
        replace(whole, run_ns=whole.run_ns - before - held),
    )
    return (*bursts[:place], *cut, *bursts[place + 1 :])


# --- one guest misbehaves ---------------------------------------------------------------------------------


def attack_fields(ground: Ground) -> tuple[Field, ...]:
    """As a declared run, and who misbehaves and how fast."""
    guests = len(ground.system.vms)
    rows = (("attacker", guests), ("pace", len(_STORM_GAPS)))
    return (*(Field(name, _bits(n)) for name, n in rows if n > 1), *schedule_fields(ground))


def attack_run(ground: Ground, run: Run, fast: bool = False) -> AttackRun:
    """One guest spins, drowns in interrupts, probes every address or is reset; the others do as declared.

    Each way is played once; who misbehaves moves on from way to way, so that every pair turns up.
    """
    values = dict(run)
    workload, threads, explored = _setting(ground, values)
    vms = ground.system.vms
    gap = _STORM_GAPS[values.get("pace", 0) % len(_STORM_GAPS)]
    regular = _regular(ground, threads, values)
    plays = []
    for number, attack in enumerate(ATTACKS):
        attacker = vms[(values.get("attacker", 0) + number) % len(vms)].label
        parts = [
            _attacking(ground, part, attack, gap) if part.thread.guest == attacker else part
            for part in regular
        ]
        horizon = horizon_of((part for part in parts if part.thread.guest != attacker), periods=2)
        if attack == "reset":
            parts.append(_restarting(ground, attacker))
        plays.append(
            play(
                ground,
                run,
                workload,
                parts,
                explored=explored,
                attack=attack,
                attacker=attacker,
                horizon=horizon,
                fast=fast,
            )
        )
    return AttackRun(run=run, runs=tuple(plays))


def _attacking(ground: Ground, part: Part, attack: str, gap: int) -> Part:
    thread = part.thread
    if attack == "storm":
        handling = 2 * _STORM_BURST * ground.terms["vdev-exit"]
        return Part(thread=thread, bursts=(Burst(handling, gap, "i", host=True),), start_ns=part.start_ns)
    if attack == "reset":
        return Part(thread=thread, bursts=(Burst(1, 0, "i"),), loop=False)
    return busy_part(thread, part.start_ns, host=attack == "probe")


def _restarting(ground: Ground, guest: str) -> Part:
    """The qvm process of a guest that was reset: it clears the guest's RAM at qvm's own priority."""
    vm = next(row for row in ground.system.vms if row.label == guest)
    memory = next((row for row in ground.memory.guests if row.vm == guest), None)
    launch = (ground.system.host.launches or {}).get(vm.system)
    everything = frozenset(range(ground.cpus))
    cpus = launch.cpus if launch is not None and launch.cpus is not None else everything
    if launch is not None and launch.cpus is None and launch.cluster is not None:
        cpus = (ground.system.host.clusters or {}).get(launch.cluster, everything)
    thread = HostThread(
        name=f"qvm of {guest}",
        guest=guest,
        number=-1,
        sched=(launch.priority if launch is not None else None) or DEFAULT_SCHED,
        cpus=cpus,
        partition=(launch.partition if launch is not None else None) or "System",
        demand=None,
    )
    zeroed = memory.zeroed if memory is not None else 0
    clearing = max(1, ground.terms.costs.moving_ns("zeroing", zeroed))
    return Part(thread=thread, bursts=(Burst(clearing + ground.overhead_ns(thread), 0, "i"),), loop=False)


# --- partitions under full load ---------------------------------------------------------------------------


def partition_fields(ground: Ground) -> tuple[Field, ...]:
    """When each thread begins to run for ever."""
    return tuple(thread_field(thread.name) for thread in ground.threads if thread.is_vcpu)


def partition_run(ground: Ground, run: Run, fast: bool = False) -> ScheduleRun:
    """Every vCPU is always ready: each partition wants all it can get."""
    values = dict(run)
    tick = int(ground.system.host.tick)
    places = places_of(ground.threads)
    parts = [
        busy_part(thread, drawn(values.get(thread.name, 0), thread, tick).start_ns % (8 * tick))
        if thread.is_vcpu
        else regular_part(ground, thread, drawn(0, thread, tick), places)
        for thread in ground.threads
    ]
    return play(ground, run, "full load", parts, horizon=3 * _PARTITION_WINDOW, fast=fast)


FAMILIES: tuple[DrawnFamily, ...] = (
    DrawnFamily(Family.ACCESS, probe_fields, probe_run),
    DrawnFamily(Family.SCHEDULE, schedule_fields, schedule_run),
    DrawnFamily(Family.LOCKS, lock_fields, lock_run),
    DrawnFamily(Family.ATTACK, attack_fields, attack_run),
    DrawnFamily(Family.PARTITIONS, partition_fields, partition_run),
)

__all__ = ["ATTACKS", "FAMILIES", "PROBES", "DrawnFamily", "family_row"]


def family_row(name: str) -> DrawnFamily:
    """The drawn family of this name; KeyError when there is none."""
    for row in FAMILIES:
        if row.family == name:
            return row
    raise KeyError(name)
