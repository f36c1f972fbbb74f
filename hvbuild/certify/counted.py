"""Bounds of threads with everything counted that a drawn run charges them for."""

from collections.abc import Iterable
from typing import Protocol

from hvbuild.machine.arrivals import Delays, delays_of
from hvbuild.machine.bounds import PROMPT, Bound, interruptions, response_bound
from hvbuild.machine.schedule import Costs
from hvbuild.machine.setting import Setting
from hvbuild.machine.threads import HostThread


class Charging(Setting, Protocol):
    """A setting, and what its runs charge besides the overhead of each job."""

    @property
    def engine(self) -> Costs:
        """What the scheduler's own acts cost."""


def counted_bound(
    setting: Charging,
    thread: HostThread,
    threads: Iterable[HostThread],
    *,
    trusting: bool = True,
    delays: Delays = PROMPT,
) -> Bound:
    """The worst response of `thread` with everything counted that a run charges it for.

    The exits for the host's own interrupts are among it; how they fall is nobody's choice, so such a bound is
    safe and not exact.
    """
    everybody = tuple(threads)
    more = [
        request
        for cpu in thread.cpus
        for request in interruptions(setting, everybody, cpu, setting.engine.interrupt_ns)
    ]
    return response_bound(setting, thread, everybody, trusting=trusting, more=more, delays=delays)


def counted_delays(setting: Charging, threads: tuple[HostThread, ...], *, trusting: bool = True) -> Delays:
    """The worst responses of those of `threads` that ask, serve or wait, everything counted."""

    def response(thread: HostThread, late: Delays) -> int | None:
        return counted_bound(setting, thread, threads, trusting=trusting, delays=late).response_ns

    return delays_of(threads, response)
