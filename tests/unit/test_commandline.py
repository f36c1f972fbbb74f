"""References in a command line: each becomes what the plan says of the vdev, or is a fault."""

from dataclasses import replace

import pytest
from builders import vdev
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.diagnostics import Diagnostics
from hvbuild.model.guest import Guest
from hvbuild.model.vm import Space
from hvbuild.resolve.commandline import command_line, escaped_command_line
from hvbuild.resolve.ledger import Ledger

VDEVS = tuple(
    replace(row, key=key)
    for key, row in {
        "first": vdev("virtio-blk", 0x1C0B0000, 40),
        "uart": vdev("pl011", 0x1C090000, 37),
        "second": vdev("virtio-blk-safety", 0x1C0C0000, 41),
        "port": vdev("ser8250", 0x3F8, 4, space=Space.IO),
        "net": vdev("virtio-net"),
    }.items()
)


def filled(text: str | None) -> tuple[str | None, Ledger, Diagnostics]:
    ledger, faults = Ledger(), Diagnostics()
    return command_line(Guest(name="la", system="la", cmdline=text), VDEVS, ledger, faults), ledger, faults


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("console=@{uart.tty}", "console=ttyAMA0"),
        ("earlycon=pl011,@{uart.loc}", "earlycon=pl011,0x1c090000"),
        ("earlycon=uart8250,io,@{port.loc} console=@{port.tty}", "earlycon=uart8250,io,0x3f8 console=ttyS0"),
        ("root=@{second.disk} @{first.disk}1", "root=/dev/vdb /dev/vda1"),
        ("androidboot.boot_devices=@{first.unit}.virtio", "androidboot.boot_devices=1c0b0000.virtio"),
        ("irq=@{uart.intr}", "irq=37"),
        ("@@{uart.loc} @{ @ {x} ${y}", "@{uart.loc} @{ @ {x} ${y}"),
        ("", ""),
        (None, None),
    ],
)
def test_what_a_command_line_says(written: str | None, said: str | None) -> None:
    text, _, faults = filled(written)

    assert (said, 0) == (text, len(faults))


def test_each_reference_is_a_decision() -> None:
    _, ledger, _ = filled("console=@{uart.tty} root=@{first.disk}")

    assert [(row.route, row.value) for row in ledger.decisions] == [
        ("guests.la.cmdline.uart.tty", "ttyAMA0"),
        ("guests.la.cmdline.first.disk", "/dev/vda"),
    ]


@pytest.mark.parametrize(
    ("written", "code", "help_"),
    [
        ("@{urat.loc}", "HV1030", "did you mean `uart`?"),
        ("@{uart}", "HV1037", "known of it: `@{uart.loc}`, `@{uart.unit}`, `@{uart.intr}`, `@{uart.tty}`"),
        (
            "@{uart.disk}",
            "HV1037",
            "known of it: `@{uart.loc}`, `@{uart.unit}`, `@{uart.intr}`, `@{uart.tty}`",
        ),
        ("@{net.loc}", "HV1037", "qvm itself decides where this device sits"),
        ("@{}", "HV1030", "`@@{}` if this text is meant as it is"),
    ],
)
def test_a_reference_to_nothing_is_a_fault(written: str, code: str, help_: str) -> None:
    text, ledger, faults = filled(f"a {written} b")
    (fault,) = faults

    assert (code, help_, f"a {written} b", ()) == (fault.code, fault.helps[0], text, ledger.decisions)


@given(st.text(st.sampled_from("@{}au.$ ")))
def test_an_escaped_text_is_said_as_it_was(text: str) -> None:
    said, ledger, faults = filled(escaped_command_line(text))

    assert (text, (), 0) == (said, ledger.decisions, len(faults))
