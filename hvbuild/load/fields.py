"""Readers of single fields of a checked tree: text to typed value, with the fault where that cannot be."""

import re
from collections.abc import Callable
from typing import TypeVar

from hvbuild.diagnostics import Code, Diagnostics, Severity
from hvbuild.formats.qvmconf_tokens import has_unknown_part
from hvbuild.load.tree import Mapping, Scalar, Sequence
from hvbuild.meaning.words import symbolic
from hvbuild.model.guest import AUTO, Auto
from hvbuild.model.vm import Amount, Fifo, RoundRobin, Sched, Sporadic
from hvbuild.units import Nanoseconds, read_duration, read_size
from hvbuild.values import dataclass

VALUE_TOO_LARGE = Code(
    code="HV1020",
    name="value-too-large",
    severity=Severity.ERROR,
    meaning="A number, size, address or time does not fit 64 bits, or is finer than a nanosecond.",
    source="hvbuild: every output and QNX itself hold these in 64 bits",
)
AUTO_NOT_HERE = Code(
    code="HV1021",
    name="auto-not-here",
    severity=Severity.ERROR,
    meaning="`auto` stands where hvbuild has no rule to choose a value.",
    source="hvbuild: only places with a recorded rule can be left open",
)
CODES = (VALUE_TOO_LARGE, AUTO_NOT_HERE)

_PRIORITY = re.compile(r"([0-9]{1,3})([rfo]?)\Z")
_FREQUENCY = re.compile(r"([0-9]+)(?:\.([0-9]+))? ?(Hz|kHz|MHz|GHz)\Z")
_HERTZ = {"Hz": 1, "kHz": 10**3, "MHz": 10**6, "GHz": 10**9}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fields:
    """Typed look-ups in one mapping; what cannot be read is reported and reads as absent."""

    node: Mapping
    faults: Diagnostics

    def _too_large(self, leaf: Scalar) -> None:
        self.faults.add(
            VALUE_TOO_LARGE.at(leaf.span, f"`{leaf.text}` does not fit 64 bits or a whole nanosecond")
        )

    def _read(self, key: str, reader: Callable[[str], T | None]) -> T | None:
        leaf = self.node.scalar(key)
        value = reader(leaf.text) if leaf is not None else None
        if leaf is not None and value is None:
            self._too_large(leaf)
        return value

    def text(self, key: str, default: str = "") -> str:
        """The text under `key`, `default` without it."""
        found = self.node.text(key)
        return default if found is None else found

    def flag(self, key: str, default: bool = False) -> bool:
        """The boolean under `key`, `default` without it."""
        found = self.node.boolean(key)
        return default if found is None else found

    def size(self, key: str) -> int | None:
        """The size or address under `key` in bytes, or None."""
        return self._read(key, read_size)

    def duration(self, key: str) -> Nanoseconds | None:
        """The time under `key`, or None."""
        return self._read(key, read_duration)

    def frequency(self, key: str) -> int | None:
        """The frequency under `key` in hertz, or None."""
        return self._read(key, read_frequency)

    def amount(self, key: str) -> Amount | None:
        """The number under `key`, known or symbolic; `auto` is reported."""
        value = self.amount_or_auto(key)
        if isinstance(value, Auto):
            leaf = self.node.scalar(key)
            self.faults.add(
                AUTO_NOT_HERE.at(leaf.span if leaf else None, f"`{key}` cannot be left to hvbuild here")
            )
            return None
        return value

    def amount_or_auto(self, key: str) -> Amount | Auto | None:
        """The number under `key`, known or symbolic, or AUTO."""
        leaf = self.node.scalar(key)
        value = read_amount(leaf.text) if leaf is not None else None
        if leaf is not None and value is None:
            self._too_large(leaf)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """The scalars of the list under `key` as text."""
        return tuple(leaf.text for leaf in self.node.scalars(key))

    def integers(self, key: str) -> tuple[int, ...]:
        """The integers of the list under `key`."""
        return tuple(leaf.value for leaf in self.node.scalars(key) if type(leaf.value) is int)

    def cpus(self, key: str) -> frozenset[int] | None:
        """The set of pCPUs under `key`, or None without it."""
        return frozenset(self.integers(key)) if key in self.node else None

    def sched(self, key: str) -> Sched | None:
        """The priority and policy under `key`, or None."""
        inner = self.node.mapping(key)
        if inner is None:
            leaf = self.node.scalar(key)
            return read_priority(leaf.text) if leaf is not None else None
        server = Fields(inner, self.faults)
        period, budget = server.duration("period"), server.duration("budget")
        if period is None or budget is None:
            return None
        return Sporadic(
            priority=inner.integer("priority") or 0,
            low_priority=inner.integer("low") or 0,
            max_replenishments=inner.integer("max_replenishments") or 0,
            replenishment_period=period,
            initial_budget=budget,
        )

    def inner(self, key: str) -> "Fields | None":
        """The mapping under `key`, or None."""
        node = self.node.mapping(key)
        return Fields(node, self.faults) if node is not None else None

    def each(self, key: str) -> tuple["Fields", ...]:
        """The mappings of the list under `key`."""
        return tuple(Fields(node, self.faults) for node in self.node.mappings(key))

    def pairs(self, key: str) -> tuple[tuple[str, Scalar | Sequence | Mapping], ...]:
        """Key and node of each entry of the mapping under `key`."""
        node = self.node.mapping(key)
        if node is None:
            return ()
        return tuple(
            (entry.key, entry.node) for entry in node if isinstance(entry.node, Scalar | Sequence | Mapping)
        )


def read_amount(text: str) -> Amount | Auto | None:
    """The number, asinfo reference, other substitution or `auto` that `text` spells."""
    if text == "auto":
        return AUTO
    return symbolic(text) if has_unknown_part(text) else read_size(text)


def read_priority(text: str) -> Sched | None:
    """The policy and priority of `45r`, `45f`, `45o` or `45` (round-robin, as qvm takes it)."""
    match = _PRIORITY.match(text)
    if match is None:
        return None
    priority = int(match[1])
    return Fifo(priority) if match[2] == "f" else RoundRobin(priority)


def read_frequency(text: str) -> int | None:
    """The hertz that `1800MHz` spells, or None; a fraction must come out as whole hertz."""
    match = _FREQUENCY.match(text)
    if match is None:
        return None
    fraction = match[2] or ""
    scale, unit = 10 ** len(fraction), _HERTZ[match[3]]
    total = int(match[1]) * unit * scale + int(fraction or "0") * unit
    return total // scale if total % scale == 0 else None
