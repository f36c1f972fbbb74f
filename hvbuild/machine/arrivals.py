"""When requests reach a thread at worst, and how late whoever makes them may be.

A request comes at some time within the response of who makes it, so it is as a periodic release with that
response as jitter (Tindell and Clark 1994, holistic analysis): responses and jitters are solved together.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from hvbuild.machine.threads import HostThread

Delays = Mapping[str, int | None]
"""The worst response in ns of each thread that asks, serves or waits; None: not bounded."""

_ROUNDS = 256  # of solving; what still grows then is taken as endless


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests as rows of count, period and delay: so many in each period, each late by the delay at most."""

    rows: tuple[tuple[int, int, int], ...]

    def within(self, window: int) -> int:
        """How many arrive in a window of `window` ns at most."""
        return sum(count * -(-(window + delay) // period) for count, period, delay in self.rows)

    def by(self, moment: int) -> int:
        """How many have arrived `moment` ns after the first at most, those of that very moment included."""
        return sum(count * ((moment + delay) // period + 1) for count, period, delay in self.rows)

    def after(self, moment: int) -> int:
        """The next moment after `moment` at which more may arrive."""
        return min(((moment + delay) // period + 1) * period - delay for _, period, delay in self.rows)


def arrivals_of(thread: HostThread, delays: Delays) -> Arrivals | None:
    """The requests that reach `thread`; None where somebody on the way may be late without end."""
    rows: list[tuple[int, int, int]] = []
    for stream in thread.asked:
        late = [delays.get(name) for name in stream.through]
        if any(row is None for row in late):
            return None
        rows.append((stream.count, stream.period, sum(row or 0 for row in late)))
    return Arrivals(tuple(rows))


def waited_for(thread: HostThread, delays: Delays) -> int | None:
    """How long `thread` waits for others in one activation at most; None without a bound."""
    burst = 1
    if thread.demand is not None and not thread.serves:
        burst = max(1, thread.demand.burst)
    whole = 0
    for errand in thread.errands:
        if errand.awaited:
            late = delays.get(errand.server)
            if late is None:
                return None
            whole += late * errand.use.count * burst
    return whole


def waiting_askers(thread: HostThread, threads: Iterable[HostThread]) -> int:
    """How many ask `thread` where each of them waits for its answer each time; 0 where one does not."""
    names = {stream.through[-1] for stream in thread.asked}
    rows = [row for row in threads if row.name in names]
    asking = [errand for row in rows for errand in row.errands]
    brought = any(thread.name in errand.takers for errand in asking)
    waits = all(errand.awaited for errand in asking if errand.server == thread.name)
    return len(names) if waits and not brought else 0


def delays_of(threads: Iterable[HostThread], response: Callable[[HostThread, Delays], int | None]) -> Delays:
    """The worst response of each of `threads` that asks, serves or waits.

    `response` gives that of one thread from those of the others, never less where these are more. Solved from
    below: nothing is late, then as late as that makes it, until nothing changes.
    """
    rows = [row for row in threads if row.errands or row.serves]
    found: dict[str, int | None] = dict.fromkeys((row.name for row in rows), 0)
    for turn in range(2 * _ROUNDS):
        again = {row.name: response(row, found) if found[row.name] is not None else None for row in rows}
        if again == found:
            return found
        if turn >= _ROUNDS:
            again = {name: late if late == found[name] else None for name, late in again.items()}
        found = again
    return dict.fromkeys(found, None)
