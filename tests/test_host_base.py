"""Our parts in a buildfile that others keep: nothing else changes or is said twice, conflicts are told."""

from pathlib import Path

import pytest
from demo_project import checked_stack, write_stack

from hvbuild.building import build_inputs, rendered
from hvbuild.diagnostics import Diagnostic, StackInvalid

BASE = """\
# The board's own buildfile, kept by the BSP team.
[-optional]
[image=0x80000]
[virtual=aarch64le,raw] boot = {
    # hand-picked options
    startup-bcm2711-rpi4 -v -D miniuart -r0,0x1000,1
    PATH=/proc/boot LD_LIBRARY_PATH=/proc/boot:/lib procnto-smp-instr
}
[+script] startup-script = {
    procmgr_symlink ../../proc/boot/ldqnx-64.so.2 /usr/lib/ldqnx-64.so.2
    slogger2 -U 521:521 &
    waitfor /dev/slog 10
    pipe &
    waitfor /dev/pipe
    display_msg "BSP up"   # their own words
}
[uid=0 gid=0 perms=0555]
libc.so
/bin/ksh=ksh
[type=link] /bin/sh=/proc/boot/ksh
"""
MORE = """\
host:
  image: {base: bsp.build}
  services:
    - {name: random, command: random -t, wait_for: [/dev/random]}
  files:
    - {name: /sbin/random, source: random, mode: "0755"}
"""


def merged(tmp_path: Path, base: str = BASE, more: str = MORE, **stack: str) -> str:
    """The buildfile that a project renders from `base`."""
    folder = write_stack(tmp_path, more, **stack)
    (folder / "bsp.build").write_bytes(base.encode())
    rendering = rendered(checked_stack(folder))
    return next(item.data for item in rendering.artifacts if item.name == "host/mifs.build").decode()


def faults(tmp_path: Path, base: str, more: str = MORE, **stack: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(StackInvalid) as failed:
        merged(tmp_path, base, more, **stack)
    return failed.value.diagnostics


def without_ours(text: str, base: str) -> list[str]:
    """The lines of `text` that stand in `base`, in order."""
    rest = iter(text.splitlines())
    return [line for line in base.splitlines() if any(line == each for each in rest)]


def test_every_line_of_the_base_stays(tmp_path: Path) -> None:
    text = merged(tmp_path)
    untouched = [line for line in BASE.splitlines() if "startup-bcm2711-rpi4" not in line]

    assert without_ours(text, "\n".join(untouched)) == untouched


def test_what_is_put_in_and_where(tmp_path: Path) -> None:
    lines = merged(tmp_path).splitlines()

    assert "    startup-bcm2711-rpi4 -v -D miniuart -r0,0x1000,1 -Q enable,el1-host" in lines
    message = lines.index('    display_msg "BSP up"   # their own words')
    assert lines[message + 1 : message + 5] == [
        "random -t &",
        "waitfor /dev/random",
        "qvm @/guests/one/one.qvmconf &",
        "}",
    ]
    assert "[-optional uid=* gid=* perms=0755] /sbin/random=random" in lines
    assert sum("slogger2" in line for line in lines) == 2
    assert not any(line.endswith("/bin/ksh=ksh") and "optional" in line for line in lines)


def test_it_is_stable(tmp_path: Path) -> None:
    once = merged(tmp_path)

    assert merged(tmp_path, once) == once


def test_anchors_say_where(tmp_path: Path) -> None:
    base = BASE.replace("    pipe &\n", "    # hvbuild: script\n    pipe &\n")
    base = base.replace("libc.so\n", "# hvbuild: files\nlibc.so\n")
    base = base.replace("    # hand-picked options\n", "    # hvbuild: startup\n")
    lines = merged(tmp_path, base).splitlines()
    script, files = lines.index("    # hvbuild: script"), lines.index("# hvbuild: files")

    assert lines[script + 1 : script + 4] == [
        "random -t &",
        "waitfor /dev/random",
        "qvm @/guests/one/one.qvmconf &",
    ]
    assert lines[files + 1].startswith("[-optional uid=* gid=*")
    assert lines[-1] == "[type=link] /bin/sh=/proc/boot/ksh"


@pytest.mark.parametrize(
    ("base", "code"),
    [
        (BASE + "# hvbuild: script\n", "HV6014"),
        (BASE.replace("display_msg", "# hvbuild: files\n display_msg"), "HV6014"),
        (BASE + "# hvbuild: starting\n", "HV6014"),
        (BASE + "# hvbuild: files\n# hvbuild: files\n", "HV6014"),
    ],
)
def test_a_misplaced_anchor_is_reported(tmp_path: Path, base: str, code: str) -> None:
    assert code in {fault.code for fault in faults(tmp_path, base)}


def test_services_come_before_their_first_guest(tmp_path: Path) -> None:
    base = BASE.replace("    display_msg", "    qvm @/other.qvmconf &\n    display_msg")
    lines = merged(tmp_path, base).splitlines()
    guest = lines.index("    qvm @/other.qvmconf &")

    assert lines[guest - 2 : guest] == ["random -t &", "waitfor /dev/random"]
    assert lines[guest + 2 : guest + 4] == ["qvm @/guests/one/one.qvmconf &", "}"]


def test_line_ends_of_the_base_are_kept(tmp_path: Path) -> None:
    text = merged(tmp_path, BASE.replace("\n", "\r\n"))

    assert text.count("\n") == text.count("\r\n")


def test_a_body_that_ends_on_its_last_line(tmp_path: Path) -> None:
    base = BASE.replace('"BSP up"   # their own words\n}', '"BSP up"}')

    assert "qvm @/guests/one/one.qvmconf &}" in merged(tmp_path, base)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-r0,0x1000,1", "-r0,0x2000,1", "the startup line keeps 0x0..0x2000, the plan keeps 0x0..0x1000"),
        ("-D miniuart", "-Q enable,el2-host", "the startup line says `-Q enable,el2-host`"),
        ("procnto-smp-instr", "procnto-smp", "the kernel is `procnto-smp`"),
        ("[image=0x80000]", "[image=0x100000]", "the image is built for 0x100000, the plan says 0x80000"),
        ("[image=0x80000]", "", "lacks `[image=0x80000]`"),
        ("aarch64le,raw", "aarch64le,elf", "the boot type is `aarch64le,elf`"),
        ("startup-bcm2711-rpi4", "startup-other", "the startup program is `startup-other`"),
        ("/bin/ksh=ksh", "/guests/one/one.qvmconf=theirs.qvmconf", "is filled from elsewhere"),
        ("    pipe &", "    on -p 30r qvm @/guests/one/one.qvmconf &\n    pipe &", "another placement"),
    ],
)
def test_what_the_base_says_otherwise_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = faults(tmp_path, BASE.replace(old, new))

    assert any(message in fault.message for fault in found), [fault.message for fault in found]
    base = BASE.replace(old, new)
    assert all(fault.primary.span.file.text == base for fault in found)
    # Told in the file that people keep, on the line they wrote, whatever was put in before it.
    told = next(fault.primary.span for fault in found if message in fault.message)
    wrote = new.strip().splitlines()
    assert not wrote or wrote[0] in base.splitlines()[told.line - 1]


def test_the_driver_of_a_device_that_a_guest_owns_is_told(tmp_path: Path) -> None:
    guest = "    pass:\n      - {name: spi, device: spi0, lines: [44], waiver: a test}"
    base = BASE.replace("    pipe &", "    spi-bcm2711 -d &\n    pipe &")
    checked = checked_stack(write_stack(tmp_path, guest=guest))
    device = checked.plan.stack.board.device("spi0")
    assert device is not None
    program = next(iter(device.drivers), None)
    assert program is not None
    found = faults(tmp_path, base.replace("spi-bcm2711", program), guest=guest)

    assert {fault.code for fault in found} == {"HV6013"}


def test_a_module_joins_the_kernel_line(tmp_path: Path) -> None:
    text = merged(tmp_path, target="qnx-7.1")

    assert "[+keeplinked module=qvm] PATH=/proc/boot" in text


def test_a_base_that_is_not_there(tmp_path: Path) -> None:
    folder = write_stack(tmp_path, MORE)

    with pytest.raises(FileNotFoundError, match=r"bsp\.build"):
        rendered(checked_stack(folder))


def test_the_base_is_an_input_of_the_certificate(tmp_path: Path) -> None:
    folder = write_stack(tmp_path, MORE)
    (folder / "bsp.build").write_text(BASE)
    checked = checked_stack(folder)

    assert "stacks/demo/bsp.build" in {item.name for item in build_inputs(checked, rendered(checked))}
