"""References in a guest's command line: what a vdev already says is not written there a second time.

`@{VDEV.FIELD}` becomes what the plan decided for the vdev of that name; `@@{` is a plain `@{`.
"""

import re
from collections.abc import Callable, Sequence

from hvbuild.diagnostics import Diagnostic, Diagnostics, error_code, other
from hvbuild.load.reference_codes import UNKNOWN_NAME
from hvbuild.model.guest import Guest
from hvbuild.model.linux_names import console_name, disk_node
from hvbuild.model.vm import Space, Vdev
from hvbuild.nearest import did_you_mean
from hvbuild.resolve.ledger import Ledger
from hvbuild.units import hex_address

NO_SUCH_FACT = error_code(
    "HV1037",
    "no-such-fact",
    "A reference in a command line asks for what its vdev does not have, or what only qvm decides.",
    source="hvbuild: `@{VDEV.FIELD}` in a command line stands for what the plan says of the vdev",
)
CODES = (NO_SUCH_FACT,)

_REFERENCE = re.compile(r"@(@)?\{([^{}]*)\}")


def escaped_command_line(text: str) -> str:
    """`text` as a stack writes it when nothing in it is a reference."""
    return _REFERENCE.sub(lambda found: f"@{found[0]}", text)


def _location(vdev: Vdev, _vdevs: Sequence[Vdev]) -> str | None:
    at = vdev.location
    if at is None or at.space is Space.PCI or not isinstance(at.start, int):
        return None
    return hex_address(at.start)


def _unit_address(vdev: Vdev, vdevs: Sequence[Vdev]) -> str | None:
    start = _location(vdev, vdevs)
    return None if start is None else start.removeprefix("0x")


def _line(vdev: Vdev, _vdevs: Sequence[Vdev]) -> str | None:
    line = vdev.interrupts[0].line if vdev.interrupts else None
    return str(line) if isinstance(line, int) else None


# What a reference may ask for, with the reason that the decision records.
_FIELDS: dict[str, tuple[Callable[[Vdev, Sequence[Vdev]], str | None], str]] = {
    "loc": (_location, "where vdev `{}` sits"),
    "unit": (_unit_address, "the unit address of vdev `{}`, as in the name of a platform device"),
    "intr": (_line, "the line of vdev `{}`"),
    "disk": (disk_node, "what Linux calls the disk `{}`, by the order of the virtio-blk vdevs"),
    "tty": (console_name, "what Linux calls the console `{}`, by the order of its kind"),
}


def command_line(guest: Guest, vdevs: Sequence[Vdev], ledger: Ledger, faults: Diagnostics) -> str | None:
    """The command line of `guest` with every reference filled in; each is a decision with its reason.

    A reference that cannot be filled in is a fault and stays as it was written.
    """

    def filled(found: re.Match[str]) -> str:
        if found[1]:
            return found[0][1:]
        name, _, field = found[2].partition(".")
        vdev = next((row for row in vdevs if row.key == name), None)
        if vdev is None:
            faults.add(_unknown_vdev(guest, vdevs, name, found[0]))
            return found[0]
        text = _fact(vdev, vdevs, field)
        if text is None:
            faults.add(_no_such_fact(guest, vdevs, vdev, field, found[0]))
            return found[0]
        reason = _FIELDS[field][1].format(name)
        ledger.decide(f"guests.{guest.name}.cmdline.{found[2]}", text, reason, guest.cmdline_origin)
        return text

    return None if guest.cmdline is None else _REFERENCE.sub(filled, guest.cmdline)


def _fact(vdev: Vdev, vdevs: Sequence[Vdev], field: str) -> str | None:
    return _FIELDS[field][0](vdev, vdevs) if field in _FIELDS else None


def _unknown_vdev(guest: Guest, vdevs: Sequence[Vdev], name: str, written: str) -> Diagnostic:
    return UNKNOWN_NAME.at(
        guest.cmdline_origin,
        f"the command line of guest `{guest.name}` refers to vdev `{name}`, which nothing declares",
        f"`{written}`",
        helps=(
            *did_you_mean(name, [row.key for row in vdevs]),
            f"`@{written}` if this text is meant as it is",
        ),
    )


def _no_such_fact(guest: Guest, vdevs: Sequence[Vdev], vdev: Vdev, field: str, written: str) -> Diagnostic:
    known = [f"`@{{{vdev.key}.{name}}}`" for name in _FIELDS if _fact(vdev, vdevs, name) is not None]
    return NO_SUCH_FACT.at(
        guest.cmdline_origin,
        f"the command line of guest `{guest.name}` asks for `{field}` of vdev `{vdev.key}`, a {vdev.type}",
        f"`{written}`",
        others=other(vdev.origin, "declared here"),
        helps=(f"known of it: {', '.join(known)}" if known else "qvm itself decides where this device sits",),
    )
