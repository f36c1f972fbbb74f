"""Arguments of global and vCPU options, read into the model: memory, loads, scheduling, CPU lists."""

import re
from typing import NamedTuple

from hvbuild.diagnostics import Diagnostic, Severity
from hvbuild.formats.qvmconf_codes import BAD_FORM, DIALECT, ODD_NUMBER, RAM_SWAPPED
from hvbuild.formats.qvmconf_entries import parts_of
from hvbuild.formats.qvmconf_tokens import has_unknown_part, shown
from hvbuild.meaning.words import Faults, Piece, address_in, length_in, number_in
from hvbuild.model.vm import Amount, Fifo, Opaque, RoundRobin, Sched, Sporadic
from hvbuild.units import Nanoseconds, hex_address, read_qvm_address, size_text

_PLAIN = re.compile(r"([0-9]{1,9})([rfo]?)\Z")
_SPORADIC = re.compile(r"([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,18}),([0-9]{1,18})(s?)\Z")


class Block(NamedTuple):
    """What a `ram` or `rom` argument says; `address` None: right after the memory before it."""

    address: Amount | None
    length: Amount


def memory_in(piece: Piece, option: str, faults: Faults) -> Block:
    """`[address,]length` of `ram` and `rom`."""
    if "=" in piece.text and not has_unknown_part(piece.text):
        faults.append(_memory_dialect(piece, option))
        return Block(Opaque(piece.text), Opaque(piece.text))
    parts = piece.split(",")
    if len(parts) > 2:
        message = f"`{shown(piece.text)}` is not of the form [ADDRESS,]LENGTH; qvm refuses this"
        faults.append(BAD_FORM.at(piece.span, message))
        return Block(Opaque(piece.text), Opaque(piece.text))
    address = address_in(parts[0], faults) if len(parts) == 2 else None
    length = length_in(parts[-1], faults)
    if len(parts) == 2:
        _judge_order(piece, option, Block(address, length), faults)
    return Block(address, length)


def _memory_dialect(piece: Piece, option: str) -> Diagnostic:
    said = parts_of(piece.text)
    address = said.get("addr", said.get("address", said.get("base", "0x80000000")))
    length = said.get("size", said.get("length", said.get("len", "512M")))
    return DIALECT.at(
        piece.span,
        f"`{option}` takes one word without names in it; qvm refuses this",
        helps=(f"write `{option} {address},{length}`",),
    )


def _judge_order(piece: Piece, option: str, block: Block, faults: Faults) -> None:
    """Warn where the two numbers look as if they had changed places: `ram 512M,0x80000000`."""
    first, second = piece.text.split(",")
    if not isinstance(block.address, int) or not isinstance(block.length, int):
        return
    swapped = first[-1:] in tuple("kKmMgG") and second.startswith("0x") and block.length > block.address > 0
    if swapped and read_qvm_address(second) is not None:
        where = f"{size_text(block.length)} at {hex_address(block.address)}"
        faults.append(
            RAM_SWAPPED.at(
                piece.span,
                f"this means {where}: the address comes first",
                notes=("qvm accepts this silently",),
                helps=(f"if the two changed places, write `{option} {second},{first}`",),
            )
        )


class LoadArgument(NamedTuple):
    """What a `load` argument says; `address` None: where the format or qvm puts it."""

    address: Amount | None
    path: str


def load_in(piece: Piece, faults: Faults) -> LoadArgument:
    """`[address,]path`; a comma in a path that has no address before it is ambiguous."""
    head, comma, path = piece.text.partition(",")
    if not comma:
        return LoadArgument(None, piece.text)
    if not has_unknown_part(head) and read_qvm_address(head) is None:
        message = f"`{shown(head)}` before the comma is not an address; taken as part of the path"
        helps = ("a path with a comma needs an address before it",)
        faults.append(BAD_FORM.at(piece.span, message, helps=helps, severity=Severity.WARNING))
        return LoadArgument(None, piece.text)
    return LoadArgument(address_in(piece.split(",", 1)[0], faults), path)


def sched_in(piece: Piece, faults: Faults) -> Sched | None:
    """`PRIO[r|f|o]` or `HIGH,LOW,MAX,PERIOD,BUDGETs`; period and budget are taken as nanoseconds."""
    text = piece.text
    if has_unknown_part(text):
        return None
    if (match := _PLAIN.match(text)) is not None:
        return Fifo(int(match[1])) if match[2] == "f" else RoundRobin(int(match[1]))
    if (match := _SPORADIC.match(text)) is not None and match[6]:
        high, low, most, period, budget = (int(match[index]) for index in range(1, 6))
        return Sporadic(
            priority=high,
            low_priority=low,
            max_replenishments=most,
            replenishment_period=Nanoseconds(period),
            initial_budget=Nanoseconds(budget),
        )
    helps = (f"end it with `s`: `{text}s`",) if match else ()
    form = "PRIORITY[r|f|o] or HIGH,LOW,MAX_REPLENISHMENTS,PERIOD,BUDGETs"
    faults.append(
        BAD_FORM.at(piece.span, f"`{shown(text)}` is not of the form {form}; qvm refuses this", helps=helps)
    )
    return None


def cpus_in(piece: Piece, faults: Faults) -> tuple[int, ...] | None:
    """`n{,n}`: CPU numbers from zero, in written order; a mask has no order, its spelling does."""
    parts = piece.split(",")
    if len(parts) == 1 and piece.text.startswith(("0x", "0X")):
        faults.append(
            ODD_NUMBER.at(
                piece.span,
                f"`runmask` is a list of CPU numbers, not a mask: `{piece.text}` is one CPU",
                helps=("write the numbers: runmask 4,5,6,7",),
            )
        )
    numbers = [number_in(part, faults) for part in parts]
    known = [number for number in numbers if isinstance(number, int)]
    return tuple(known) if len(known) == len(numbers) else None
