"""Values of a VM as a stack spells them, for every list that holds such values."""

from collections.abc import Iterable, Sequence

from hvbuild.adopt.yamltext import Item, flow_list, scalar
from hvbuild.meaning import spelling
from hvbuild.model.vm import Amount, Interrupt, Location, Logger, Sched, Setting, Space, Sporadic
from hvbuild.units import duration_text, hex_address, size_text


def size(amount: Amount) -> str:
    """A size, or what only the target knows."""
    return size_text(amount) if isinstance(amount, int) else scalar(str(amount))


def address(amount: Amount) -> str:
    """An address, or what only the target knows."""
    return hex_address(amount) if isinstance(amount, int) else scalar(str(amount))


def location(place: Location, bare: Space) -> str:
    """A location as one scalar; its space is said where a bare number would mean another."""
    if place.space is Space.PCI:
        return scalar(f"pci:{place.text}")
    prefix = "" if place.space is bare else f"{place.space.value}:"
    start = hex_address(place.start) if isinstance(place.start, int) else str(place.start)
    length = f"{place.length:#x}" if isinstance(place.length, int) else str(place.length)
    return scalar(prefix + start + ("" if place.length is None else f",{length}"), numbers=True)


def interrupts(lines: Sequence[Interrupt]) -> str:
    """One line as a scalar, several as a list; a name that stacks give a meaning of its own as a list too."""
    words = [scalar(spelling.interrupt(line), numbers=True) for line in lines]
    return words[0] if len(words) == 1 and words[0] != "auto" else flow_list(words)


def sched(value: Sched) -> str:
    """`45r`, or a sporadic server in one line."""
    if not isinstance(value, Sporadic):
        return spelling.sched(value)
    fields = {
        "priority": str(value.priority),
        "low": str(value.low_priority),
        "max_replenishments": str(value.max_replenishments),
        "period": duration_text(value.replenishment_period),
        "budget": duration_text(value.initial_budget),
    }
    return f"{{{', '.join(f'{key}: {text}' for key, text in fields.items())}}}"


def words(parts: Iterable[str]) -> str:
    """Words as one scalar that is cut into them again."""
    return scalar(" ".join(spelling.word(part) for part in parts))


def settings(rows: Sequence[Setting]) -> list[Item]:
    """`set` with a key for each variable; nothing without one."""
    items = [Item(row.variable, scalar(row.value, numbers=True), row.origin.span) for row in rows]
    return [Item("set", items)] if items else []


def loggers(rows: Sequence[Logger]) -> list[Item]:
    """`log` with an item for each destination; nothing without one."""
    items = []
    for row in rows:
        filters, destination = spelling.logger(row)
        levels = flow_list(scalar(word) for word in filters.split(","))
        items.append(Item("", [Item("levels", levels), Item("to", scalar(destination))], row.origin.span))
    return [Item("log", items)] if items else []


def listed(key: str, items: list[Item]) -> list[Item]:
    """The list `key`; nothing where it would be empty."""
    return [Item(key, items)] if items else []
