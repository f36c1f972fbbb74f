"""How each argument of qvmconf is written: the inverse of the readers beside this module.

Every function returns text that reads back as the value it was given. Addresses are always `0x…`, lengths
have `0x` or a suffix, as QNX asks; composite arguments have no blanks in them.
"""

from collections.abc import Iterable
from typing import assert_never

from hvbuild.model.vm import (
    Amount,
    Fifo,
    Interrupt,
    Load,
    Location,
    Logger,
    Memory,
    Opaque,
    PassInterrupt,
    PassPci,
    PassWindow,
    RoundRobin,
    Sched,
    Space,
    Sporadic,
    Vcpu,
)
from hvbuild.units import hex_address, qvm_size

# What the flag `m` of `pass loc` switches on with it (QNX 7.1 and 8.0, vm/pass).
_MEMORY_IMPLIES = "rwxcstn"
_FLAG_ORDER = "rwxcemdnst"
_FILTER_ORDER = ("fatal", "internal", "error", "warn", "info", "debug", "verbose")
_NEEDS_QUOTES = frozenset(' \t\r\n\v\f#"')


def word(text: str) -> str:
    """`text` as one word: in quotes where it has white space or `#`, or is empty.

    ValueError for a text with `"` in it: no way to write one is documented.
    """
    if '"' in text:
        raise ValueError(f"qvmconf has no way to write a quote inside a word: {text!r}")
    return f'"{text}"' if not text or any(letter in _NEEDS_QUOTES for letter in text) else text


def address(amount: Amount) -> str:
    """`0x80000000`, or the substitution."""
    return hex_address(amount) if isinstance(amount, int) else str(amount)


def length(amount: Amount) -> str:
    """`512M`, `0x1800`, or the substitution."""
    return qvm_size(amount) if isinstance(amount, int) else str(amount)


def number(amount: Amount) -> str:
    """A decimal number, or the substitution."""
    return str(amount)


def memory(block: Memory) -> str:
    """The argument of `ram` or `rom`: always with its address where that is known."""
    if block.placed and isinstance(block.base, Opaque):
        return length(block.size)
    return f"{address(block.base)},{length(block.size)}"


def sched(value: Sched) -> str:
    """The argument of `cpu sched`; period and budget of a sporadic thread in nanoseconds."""
    match value:
        case RoundRobin(priority):
            return f"{priority}r"
        case Fifo(priority):
            return f"{priority}f"
        case Sporadic():
            fields = (
                value.priority,
                value.low_priority,
                value.max_replenishments,
                value.replenishment_period,
                value.initial_budget,
            )
            return ",".join(str(each) for each in fields) + "s"
        case _:
            assert_never(value)


def runmask(vcpu: Vcpu) -> str:
    """The argument of `cpu runmask`: the CPU numbers in written order, else ascending; empty for no mask."""
    mask = vcpu.runmask or frozenset()
    spelled = vcpu.runmask_spelling if frozenset(vcpu.runmask_spelling) == mask else ()
    return ",".join(str(cpu) for cpu in spelled or sorted(mask))


def location(value: Location, *, default: Space = Space.MEM) -> str:
    """The argument of a vdev's `loc`; `default` is the space that a bare number has for this device."""
    if value.space is Space.PCI:
        return f"pci:{value.text}"
    prefix = "" if value.space is default else f"{value.space.value}:"
    tail = "" if value.length is None else f",{length(value.length)}"
    return f"{prefix}{address(value.start)}{tail}"


def reserve_location(value: Location) -> str:
    """The argument of `reserve loc`."""
    return location(value)


def interrupt(value: Interrupt) -> str:
    """`gic:37`, `apic`, or the bare number of a reservation."""
    if value.line is None:
        return value.pic
    return f"{value.pic}:{number(value.line)}" if value.pic else number(value.line)


def interrupts(values: Iterable[Interrupt]) -> str:
    """A list of interrupts, as `hpet` takes it."""
    return ",".join(interrupt(value) for value in values)


def flags(held: frozenset[str]) -> str:
    """Letters that read left to right as exactly `held`."""
    if "m" not in held:
        return "".join(letter for letter in _FLAG_ORDER if letter in held)
    shown = "".join(letter for letter in "rwxcm" if letter in held)
    more = "".join(letter for letter in "ed" if letter in held)
    gone = "".join(letter for letter in _MEMORY_IMPLIES if letter not in held)
    return f"{shown}{more}-{gone}" if gone else f"{shown}{more}"


def pass_window(value: PassWindow) -> str:
    """The argument of `pass loc` for memory or ports, without a comma before `=` (all examples)."""
    parts = [f"{value.space.value}:{address(value.start)}"]
    if value.length is not None:
        parts.append(length(value.length))
    if value.flags:
        parts.append(value.flags_text or flags(value.flags))
    return ",".join(parts) + (f"={address(value.host)}" if value.host is not None else "")


def pass_pci(value: PassPci) -> str:
    """The argument of `pass loc` for a PCI device."""
    return f"pci:{value.guest}=pci:{value.host}" if value.guest else f"pci:{value.host}"


def pass_interrupt(value: PassInterrupt) -> str:
    """The argument of `pass intr`."""
    attribute = f",{value.attribute}" if value.attribute else ""
    vector = f"={number(value.vector)}" if value.vector is not None else ""
    return f"{interrupt(value.line)}{attribute}{vector}"


def load(value: Load) -> str:
    """The argument of `load`, quoted where its path needs it."""
    head = f"{address(value.address)}," if value.address is not None else ""
    return word(f"{head}{value.path}")


def logger(value: Logger) -> tuple[str, str]:
    """The two arguments of `logger` and of a vdev's `log`: severities in their usual order, destination."""
    known = [name for name in _FILTER_ORDER if name in value.filters]
    return ",".join((*known, *sorted(value.filters - set(_FILTER_ORDER)))), value.destination


def option_words(key: str, values: Iterable[str]) -> str:
    """An option with its arguments, each quoted where it needs it."""
    return " ".join((key, *(word(value) for value in values)))


def vdev_type(kind: str, spelling: str = "") -> str:
    """The argument of `vdev`: as it was written, else the bare type."""
    return spelling or kind
