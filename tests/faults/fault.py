"""A class of configuration mistakes, planted into a stack as one overlay, with a twin that is right.

An overlay marks the line that must be pointed at with `#1`, and that of the second party with `#2`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from textwrap import indent

from hvbuild.model.plan import GuestPlan, Plan
from hvbuild.model.vm import Space
from hvbuild.ranges import AddressRange, gaps, merged

FREE = 0x3000_0000
"""A guest-physical address that no guest of the shipped stacks uses."""


@dataclass(frozen=True)
class Setting:
    """One clean stack with what edits ask of it."""

    plan: Plan

    @property
    def name(self) -> str:
        return self.plan.stack.name

    @cached_property
    def guest(self) -> GuestPlan:
        """The guest that faults are planted in: the last one declared."""
        return self.plan.guests[-1]

    @property
    def g(self) -> str:
        return self.guest.guest.name

    @property
    def others(self) -> tuple[GuestPlan, ...]:
        return self.plan.guests[:-1]

    @property
    def on_arm(self) -> bool:
        return self.plan.stack.board.architecture.value == "aarch64"

    @property
    def on_8(self) -> bool:
        return self.plan.stack.target.startswith("qnx-8")

    @cached_property
    def ram(self) -> AddressRange | None:
        """RAM of the guest that lies at a known place and is more than a page."""
        found = [
            AddressRange.sized(block.base, block.size)
            for block in self.guest.vm.memory
            if isinstance(block.base, int) and isinstance(block.size, int) and block.size > 0x10000
        ]
        return max(found, key=lambda window: window.size, default=None)

    @cached_property
    def holes(self) -> tuple[AddressRange, ...]:
        """Host memory that nothing of the stack claims by name."""
        board = self.plan.stack.board
        taken = [region.window for region in self.plan.regions if region.window]
        taken += [bank.window for bank in board.memory if bank.firmware]
        taken += [window for window, _, _ in self.plan.stack.host.reserve]
        banks = merged(bank.window for bank in board.memory if not bank.firmware)
        return tuple(gap for bank in banks for gap in gaps(bank, taken))

    @cached_property
    def hole(self) -> AddressRange:
        return max(self.holes, key=lambda gap: gap.size)

    @cached_property
    def used_line(self) -> tuple[str, int] | None:
        """The name and the interrupt of a device of the guest that shares its line with nobody."""
        for vdev in self.guest.vm.vdevs:
            for interrupt in vdev.interrupts:
                if isinstance(interrupt.line, int) and vdev.type not in ("timer8254", "hpet"):
                    return f"{interrupt.pic}:{interrupt.line}", interrupt.line
        return None

    @cached_property
    def mapped(self) -> tuple[str, int] | None:
        """The name and address of a memory-mapped device of the guest."""
        for vdev in self.guest.vm.vdevs:
            at = vdev.location
            if at is not None and at.space is Space.MEM and isinstance(at.start, int):
                return vdev.label, at.start
        return None

    @property
    def line(self) -> str:
        """A guest interrupt that is free."""
        return "gic:100" if self.on_arm else "myioapic:20"

    def place_cpu(self, cpu: int) -> str:
        """The words that bind a vCPU to one pCPU."""
        return f"cluster: _cpu-{cpu}" if self.on_8 else f"runmask: [{cpu}]"


Edit = Callable[[Setting, bool], str | None]
"""The overlay with the fault (True) or its twin without it (False); None where the class cannot occur."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One class of mistakes, in one form. `codes` may be said of it; `parties` is 2 for a clash."""

    number: int
    name: str
    codes: tuple[str, ...]
    edit: Edit
    parties: int = 1
    hexes: bool = False
    warning: bool = False
    faults: int = 1


def stack(body: str) -> str:
    """An overlay of the whole stack."""
    return f"format: 1\n{body.strip()}\n"


def guest(setting: Setting, body: str) -> str:
    """An overlay of the guest that faults are planted in."""
    return stack(f"guests:\n  {setting.g}:\n{indent(body.strip(), '    ')}")


def vdev(setting: Setting, *lines: str) -> str:
    """An overlay that adds virtual devices, each given as its flow mapping without braces."""
    rows = "\n".join(_marked(line) for line in lines)
    return guest(setting, f"vdevs:\n{indent(rows, '  ')}")


def passed(setting: Setting, *lines: str) -> str:
    """An overlay that adds pass-throughs to the guest."""
    rows = "\n".join(_marked(line) for line in lines)
    return guest(setting, f"pass:\n{indent(rows, '  ')}")


def cpus(setting: Setting, *lines: str) -> str:
    """An overlay that replaces the vCPUs of the guest."""
    rows = "\n".join(_marked(line) for line in lines)
    load = "load: {pattern: periodic, period: 50ms, work: 1ms, bound: 50ms}"
    return guest(setting, f"cpus:\n{indent(rows, '  ')}\n{load}")


def regions(*lines: str) -> str:
    """An overlay that adds regions of host memory."""
    return stack("memory:\n" + "\n".join(f"  {_marked(line)}" for line in lines))


def window(at: int, host: int | None = None) -> str:
    """A page that is handed over, as its flow mapping."""
    words = f"base: {at:#x}, size: 4KiB" + (f", host: {host:#x}" if host is not None else "")
    return f"{{{words}, flags: rwn}}"


def _marked(line: str) -> str:
    words, mark, number = line.partition("#")
    return f"- {{{words.strip()}}}" + (f"  #{number}" if mark else "")


def another_guest(name: str, *more: str, system: str = "") -> str:
    """A small second guest, for `guests:`; its lines after the name are indented by four."""
    lines = (
        f"system: {system or name}",
        "cpus:",
        "  - {sched: 10r, load: {pattern: periodic, period: 50ms, work: 1ms, bound: 50ms}}",
        "images:",
        f"  - {{name: ifs, load: /guests/{name}.ifs, external: true}}",
        *more,
    )
    return f"  {name}:\n" + indent("\n".join(lines), "    ")


SMALL_RAM = "ram:\n  - {name: main, base: 0x40000000, size: 16MiB}"
