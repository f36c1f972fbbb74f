"""Places in qvmconf arguments: locations, interrupts, and what `pass` and `reserve` hand over or keep."""

import re
from collections.abc import Sequence

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostic
from hvbuild.formats.qvmconf_codes import BAD_FORM, BAD_VALUE, DIALECT
from hvbuild.formats.qvmconf_tokens import shown
from hvbuild.meaning.words import Faults, Piece, address_in, length_in, number_in
from hvbuild.model.vm import (
    Interrupt,
    Location,
    Opaque,
    PassInterrupt,
    PassPci,
    PassWindow,
    Space,
)

_FLAGS = re.compile(r"[-+A-Za-z]*\Z")
_PCI = re.compile(
    r"(?:0x[0-9a-f]+/0x[0-9a-f]+(?:/[0-9]+)?|(?:0x)?[0-9a-f]+:(?:0x)?[0-9a-f]+(?:\.[0-7])?)\Z", re.IGNORECASE
)


def spaced(piece: Piece, default: Space) -> tuple[Space, Piece]:
    """The space that a location names by `mem:`, `io:` or `pci:`, and the rest."""
    for space in Space:
        if piece.text.startswith(f"{space.value}:"):
            return space, piece.after(f"{space.value}:")
    return default, piece


def location_in(piece: Piece, default: Space, faults: Faults) -> Location:
    """`loc` of a vdev: `[mem:|io:|pci:]body[,length]`; a bare number lies in `default`."""
    space, body = spaced(piece, default)
    if space is Space.PCI:
        return Location(space=space, text=pci_text(body, faults), origin=piece.origin)
    parts = body.split(",")
    if len(parts) > 2:
        _malformed(piece, "loc [mem:|io:]ADDRESS[,LENGTH] or loc pci:BUS:DEVICE[.FUNCTION]", faults)
        return Location(space=space, start=Opaque(piece.text), origin=piece.origin)
    start = address_in(parts[0], faults)
    length = length_in(parts[1], faults) if len(parts) > 1 else None
    return Location(space=space, start=start, length=length, origin=piece.origin)


def pci_text(piece: Piece, faults: Faults) -> str:
    """A PCI device as qvm reads it, `bus:device[.function]` or `vendor/device[/index]`, in lower case."""
    if "$" in piece.text or "@" in piece.text:
        return piece.text
    if not _PCI.match(piece.text):
        _malformed(piece, "BUS:DEVICE[.FUNCTION] or 0xVENDOR/0xDEVICE[/INDEX]", faults)
    return piece.text.lower()


def interrupt_in(piece: Piece, faults: Faults, *, bare: bool = False) -> Interrupt:
    """`PIC:LINE` or `apic`; with `bare` also a number alone, as `reserve intr` takes it."""
    text, equals, _ = piece.text.partition("=")
    if equals:
        _malformed(piece, "PIC:LINE; `=VECTOR` belongs to `pass` only", faults)
        piece = Piece(text, piece.span)
    if ":" in text:
        pic = text.rpartition(":")[0]
        return Interrupt(pic=pic, line=number_in(piece.after(f"{pic}:"), faults), origin=piece.origin)
    if bare:
        return Interrupt(pic="", line=number_in(piece, faults), origin=piece.origin)
    if text[:1].isdigit():
        _malformed(piece, f"PIC:LINE, such as `gic:{shown(text)}`", faults)
        return Interrupt(pic="gic", line=Opaque(text), origin=piece.origin)
    return Interrupt(pic=text, origin=piece.origin)


def interrupts_in(piece: Piece, faults: Faults) -> tuple[Interrupt, ...]:
    """A list of interrupts, as `hpet` takes it."""
    return tuple(interrupt_in(part, faults) for part in piece.split(","))


def pass_interrupt_in(piece: Piece, catalog: Catalog, faults: Faults) -> PassInterrupt:
    """`PIC:LINE[,ATTRIBUTE][=VECTOR]`."""
    said, *vector = piece.split("=", 1)
    where, *attributes = said.split(",")
    line = interrupt_in(where, faults)
    attribute = attributes[0] if attributes else None
    if len(attributes) > 1 or (attribute and attribute.text not in catalog.interrupt_attributes):
        faults.append(
            BAD_VALUE.at(
                (attribute or piece).span,
                f"`{attribute.text if attribute else ''}` is no attribute of an interrupt; qvm refuses this",
                helps=(f"known are {', '.join(f'`{name}`' for name in catalog.interrupt_attributes)}",),
            )
        )
    return PassInterrupt(
        line=line,
        attribute=attribute.text if attribute else "",
        vector=number_in(vector[0], faults) if vector else None,
        origin=piece.origin,
    )


def flags_in(text: str, catalog: Catalog) -> frozenset[str]:
    """The flags in force after reading `text` left to right: `+` and `-` turn adding on and off."""
    held: set[str] = set()
    adding = True
    for letter in text:
        if letter in "+-":
            adding = letter == "+"
        elif adding:
            row = catalog.flags.get(letter)
            held |= {letter, *(row.implies if row else ())}
        else:
            held.discard(letter)
    return frozenset(held)


def pass_location_in(piece: Piece, catalog: Catalog, faults: Faults) -> PassWindow | PassPci | None:
    """`[mem:|io:]start[,length][,flags][[,]=host]` or `pci:guest[=pci:host]`."""
    space, body = spaced(piece, Space.MEM)
    if space is Space.PCI:
        return _pass_pci(piece, body, faults)
    said, *host = body.split("=", 1)
    parts = list(said.split(","))
    if host and len(parts) > 1 and parts[-1].text == "":
        parts.pop()
    if any("=" in part.text for part in parts) or (host and parts[0].text.isalpha()):
        faults.append(_dialect(piece))
        return None
    flags = parts.pop() if len(parts) > 1 and _FLAGS.match(parts[-1].text) else None
    if len(parts) > 2:
        _malformed(piece, "pass loc [mem:|io:]START,LENGTH,FLAGS[=HOST]", faults)
        return None
    start = address_in(parts[0], faults)
    length = length_in(parts[1], faults) if len(parts) > 1 else None
    if flags is not None:
        _judge_flags(flags, catalog, faults)
    return PassWindow(
        space=space,
        start=start,
        length=length,
        flags=flags_in(flags.text, catalog) if flags else frozenset(),
        host=address_in(host[0], faults) if host else None,
        flags_text=flags.text if flags else "",
        origin=piece.origin,
    )


def reserve_location_in(pieces: Sequence[Piece], faults: Faults) -> Location:
    """`[mem:]start,length`, `io:port[,length]` (the manual also prints `io port,length`) or `pci:slot`."""
    piece = pieces[-1]
    default = Space(pieces[0].text) if len(pieces) > 1 else Space.MEM
    found = location_in(piece, default, faults)
    if found.space is Space.MEM and found.length is None and isinstance(found.start, int):
        _malformed(piece, "reserve loc [mem:]START,LENGTH", faults)
    return found


def _pass_pci(piece: Piece, body: Piece, faults: Faults) -> PassPci:
    first, *rest = body.split("=", 1)
    if not rest:
        return PassPci(host=pci_text(first, faults), origin=piece.origin)
    host = rest[0].after("pci:") if rest[0].text.startswith("pci:") else rest[0]
    return PassPci(host=pci_text(host, faults), guest=pci_text(first, faults), origin=piece.origin)


def _judge_flags(piece: Piece, catalog: Catalog, faults: Faults) -> None:
    strange = sorted({letter for letter in piece.text if letter not in "+-" and letter not in catalog.flags})
    if strange:
        faults.append(
            BAD_VALUE.at(
                piece.span,
                f"`{''.join(strange)}` is no flag of `pass loc`; qvm refuses this",
                helps=(f"the flags are {' '.join(catalog.flags)}, with `+` and `-` before them",),
            )
        )


def _malformed(piece: Piece, form: str, faults: Faults) -> None:
    faults.append(
        BAD_FORM.at(piece.span, f"`{shown(piece.text)}` is not of the form {form}; qvm refuses this")
    )


def _dialect(piece: Piece) -> Diagnostic:
    return DIALECT.at(
        piece.span,
        "`pass loc` takes one word without names in it; qvm refuses this",
        helps=("the form is: pass loc mem:START,LENGTH,rwn=HOST intr gic:LINE=VECTOR",),
    )
