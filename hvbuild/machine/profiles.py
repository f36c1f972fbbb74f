"""Profiles of the execution model, as data: what each assumes, with which evidence, and what can be explored.

An assumption that has a `switch` sets it in the engine. A quirk is an assumption that the kernel's own
code suggests is an accident: it can be simulated both ways and no certificate may lean on it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_MEASURED = "published microkernel (6.4 era), measured"
_READ = "published microkernel (6.4 era), read in its source, not measured"
_MANUAL_71 = "QNX Neutrino 7.1 System Architecture"
_MANUAL_80 = "QNX OS 8.0 Programmer's Guide, multicore: thread displacement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """One thing a profile takes for granted: `value` in words, and as `setting` of `switch` if it has one.

    `otherwise` is what is the case with the other setting.
    """

    name: str
    value: str
    provenance: str
    switch: str = ""
    setting: int = 0
    otherwise: str = ""
    quirk: bool = False
    open: bool = False  # the documentation leaves a choice: both settings are to be explored

    @property
    def explorable(self) -> bool:
        """True when the other setting is worth a simulation, too."""
        return bool(self.switch) and (self.quirk or self.open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named set of assumptions."""

    name: str
    title: str
    assumptions: tuple[Assumption, ...]
    partitions: bool = True

    def settings(self, explored: Mapping[str, int] | None = None) -> dict[str, int]:
        """Engine switches of this profile; `explored` maps names of assumptions to other settings."""
        found = {a.switch: a.setting for a in self.assumptions if a.switch}
        for name, setting in (explored or {}).items():
            found[self.assumption(name).switch] = setting
        return found

    def assumption(self, name: str) -> Assumption:
        """The explorable assumption called `name`; KeyError when there is none."""
        for assumption in self.assumptions:
            if assumption.name == name and assumption.switch:
                return assumption
        raise KeyError(name)

    @property
    def explorable(self) -> tuple[Assumption, ...]:
        """The assumptions that can be turned around, in their order."""
        return tuple(a for a in self.assumptions if a.explorable)

    def turned(self, names: Iterable[str]) -> dict[str, int]:
        """The other settings of the explorable assumptions `names`; KeyError for what is none."""
        others = {a.name: 1 - a.setting for a in self.explorable}
        return {name: others[name] for name in names}

    def explorations(self) -> tuple[dict[str, int], ...]:
        """The profile itself ({}), then each explorable assumption turned around, one at a time."""
        return ({}, *(self.turned((a.name,)) for a in self.explorable))


def _quirks(setting: int) -> tuple[Assumption, ...]:
    """The accidents of the published kernel, all present (1) or all absent (0)."""
    rows = (
        (
            "stale-flag",
            "STALE_FLAG",
            "a reschedule request stays with a thread that lost its CPU and fires when it runs again",
        ),
        (
            "mid-slice-equal-displacement",
            "EQUAL_RESCHED",
            "any reschedule lets an equal READY thread displace a round-robin or sporadic one in mid-slice",
        ),
        (
            "mask-change-without-dispatch",
            "MASK_SILENT",
            "a READY thread whose run mask widens stays queued even when a newly allowed CPU idles",
        ),
        (
            "newest-zero-budget",
            "NEWEST_ZERO",
            "the most recently created partition counts as sleeping although its budget is zero",
        ),
        (
            "saturated-lone-runner",
            "SATURATING",
            "a thread that ran alone loses the CPU at the first tick after an equal arrives",
        ),
        (
            "refill-ends-reschedule",
            "REFILL_STOPS",
            "a CPU that lifts a server from its low priority looks no further: a thread sent to it waits",
        ),
        ("cpu-minus-one", "NOWHERE", "under partitions an unplaced wake-up sends a request to no CPU"),
    )
    absent = "not assumed"
    return tuple(
        Assumption(
            name=name,
            value=text if setting else absent,
            provenance=_MEASURED,
            switch=switch,
            setting=setting,
            otherwise=absent if setting else text,
            quirk=True,
        )
        for name, switch, text in rows
    )


_CORE = (
    Assumption(name="priorities", value="256, higher runs first", provenance=_MANUAL_71),
    Assumption(
        name="round-robin-slice",
        value="4 ticks, counted at ticks in half ticks; other policy behaves as round-robin",
        provenance=f"{_MANUAL_71} (4 ticks); {_MEASURED} (counting)",
    ),
    Assumption(
        name="displacement-charge",
        value="a displaced round-robin thread loses half a tick of its slice and goes to the head",
        provenance=_MEASURED,
        switch="PREEMPT_CHARGE",
        setting=1,
    ),
    Assumption(
        name="kernel-clock",
        value="time of the last tick; sleeps, budgets and activations are quantised by it",
        provenance=_MEASURED,
    ),
    Assumption(
        name="sleep",
        value="ends at the first tick at or after call + duration + one tick; 51 timers per tick at most",
        provenance=f"{_MEASURED}; {_READ} (51)",
    ),
    Assumption(
        name="interrupt-cpu",
        value="CPU 0 takes the clock and timers; an interrupt goes where load or board say, else to CPU 0",
        provenance="convention of the measurement; no routing is documented",
    ),
    Assumption(name="kernel-time", value="0 unless the cost table says more", provenance="convention"),
    Assumption(
        name="coincidence",
        value="ends of bursts (lowest CPU first), tick, event table, wake-ups in order of creation",
        provenance="convention of the measurement; hardware races are not modelled",
    ),
)

_MULTICORE_71 = (
    Assumption(
        name="placement",
        value="lowest running priority among the allowed CPUs; last CPU, else highest number, wins ties",
        provenance=f"{_MEASURED}; 7.0.1 and later can tune affinity",
    ),
    Assumption(
        name="lazy-reply",
        value="a reply does not disturb other CPUs while the replier runs at least as high",
        provenance=_MEASURED,
        switch="LAZY_REPLY",
        setting=1,
    ),
)

_SPORADIC = Assumption(
    name="sporadic-rule",
    value="one pending replenishment that refills the whole budget; charged by tick sampling",
    provenance=f"{_MEASURED}; the manual promises C per T, which the rule does not keep under preemption",
)

_PARTITIONS = (
    Assumption(
        name="partition-window",
        value="sliding by one tick; a partition has budget while it can pay the look-ahead of all CPUs",
        provenance=_MEASURED,
    ),
    Assumption(
        name="partition-choice",
        value="can run, then priority, then least used share; free time by priority or by ratio",
        provenance=f"{_MEASURED}; Adaptive Partitioning User's Guide",
    ),
)

_LIMIT = Assumption(
    name="partition-limit",
    value="with limit_cpu_usage no more than its maximum of any window, idle or not; critical time apart",
    provenance="aps, SchedCtl(): documented; that it is tested when and as the budget is: inferred",
)

PUBLISHED = Profile(
    name="published",
    title="rules of the published 6.4-era microkernel to the letter, quirks included",
    assumptions=(*_CORE, *_MULTICORE_71, _SPORADIC, *_PARTITIONS, *_quirks(1)),
)

SDP71 = Profile(
    name="sdp71",
    title="documented rules of QNX 7.1 on the same core; quirks absent, each explorable",
    assumptions=(*_CORE, *_MULTICORE_71, _SPORADIC, *_PARTITIONS, _LIMIT, *_quirks(0)),
)

SDP80 = Profile(
    name="sdp80",
    title="QNX 8.0: clusters and displacement rules; where they leave a choice, both are explorable",
    partitions=False,
    assumptions=(
        *_CORE,
        _SPORADIC,
        Assumption(
            name="displacement",
            value="a thread made ready on a CPU of its cluster displaces only there, or an idle CPU",
            provenance=_MANUAL_80,
            switch="PLACEMENT",
            setting=1,
        ),
        Assumption(
            name="displacement-from-outside",
            value="made ready outside its cluster and higher than some CPUs of it: displaces the lowest",
            provenance=f"{_MANUAL_80}: may or may not displace",
            switch="DISPLACE",
            setting=1,
            otherwise="it waits",
            open=True,
        ),
        Assumption(
            name="idle-cpu-for-the-displaced",
            value="a thread that is displaced takes an idle CPU of its cluster at once",
            provenance=f"inferred from {_MANUAL_80}: idle threads are always displaced",
            switch="IDLE_TAKES",
            setting=1,
        ),
        *(a for a in _quirks(0) if a.switch not in ("NEWEST_ZERO", "NOWHERE")),
    ),
)

STRICT = Profile(
    name="strict",
    title="textbook global fixed priority, exact time, no ticks; for comparison with theory",
    partitions=False,
    assumptions=(
        Assumption(
            name="dispatch",
            value="no READY thread is above a running thread on a CPU of its run mask, at any instant",
            provenance="definition of preemptive global fixed-priority scheduling",
            switch="EXACT",
            setting=1,
        ),
        Assumption(
            name="ties", value="last CPU, else highest number; equals in FIFO order", provenance="convention"
        ),
        Assumption(
            name="round-robin-slice", value="4 ticks of run time, kept when preempted", provenance="POSIX"
        ),
        Assumption(
            name="sporadic-rule",
            value="each consumed amount comes back one period after its activation; exact charging",
            provenance="POSIX XSH 2.8.4, Sprunt, Sha and Lehoczky 1989",
        ),
    ),
)

PROFILES: tuple[Profile, ...] = (PUBLISHED, SDP71, SDP80, STRICT)


def profile(name: str) -> Profile | None:
    """The profile called `name`, or None."""
    return next((p for p in PROFILES if p.name == name), None)


def profile_of_target(target: str) -> str:
    """The profile that stands for a release: `sdp80` from 8.0 on, else `sdp71`."""
    release = target.removeprefix("qnx-")
    return "sdp80" if release.split(".")[0].isdigit() and int(release.split(".")[0]) >= 8 else "sdp71"


def assumption_lines() -> Iterator[str]:
    """What `explain model` prints: each profile, its assumptions, provenance, the other way."""
    for one in PROFILES:
        yield f"{one.name}: {one.title}"
        for a in one.assumptions:
            mark = " [quirk, explorable]" if a.quirk else " [open, explorable]" if a.open else ""
            yield f"  {a.name}{mark}: {a.value}"
            yield f"    from: {a.provenance}"
            if a.explorable:
                yield f"    with `simulate --explore {a.name}`: {a.otherwise}"
