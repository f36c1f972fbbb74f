"""A small project of its own for tests of images and deliveries: one guest on a Raspberry Pi 4."""

from pathlib import Path

from hvbuild.building import build
from hvbuild.certifying import Terms, certify_build
from hvbuild.checking import Checked, Checker
from hvbuild.project import stack_place

STACK = """\
format: 1
name: demo
board: {board}
target: {target}
{more}
guests:
  one:
    cpus:
      - {{sched: 10r}}
    load: {{pattern: periodic, period: 10ms, work: 1ms, bound: 10ms, assumed: a test}}
{guest}
    images:
      - {image}
    ram:
      - {{name: main, base: 0x80000000, size: 256MiB}}
    vdevs:
      - {{name: gic, type: gic, anonymous: true}}
      - {{name: console, type: pl011, loc: auto, intr: auto, hostdev: ">-"}}
"""
EXTERNAL = "{name: image, load: /guests/one/one.ifs, external: true}"
# What the host image of the demo needs of an SDP for the Raspberry Pi 4.
HOST_FILES = (
    "raw.boot",
    "startup-bcm2711-rpi4",
    "procnto-smp-instr",
    "ksh",
    "on",
    "pipe",
    "slogger2",
    "slay",
    "pidin",
    "ldqnx-64.so.2",
    "libc.so",
    "libm.so",
    "libgcc_s.so.1",
    "libslog2.so",
    "libfdt.so",
    "qvm",
    "vdev-pl011.so",
)


def write_stack(
    root: Path,
    more: str = "",
    *,
    board: str = "rpi4",
    target: str = "qnx-8.0.4",
    image: str = EXTERNAL,
    guest: str = "",
) -> Path:
    """The folder of a stack in a project at `root`."""
    folder = root / "stacks/demo"
    folder.mkdir(parents=True, exist_ok=True)
    text = STACK.format(more=more, board=board, target=target, image=image, guest=guest)
    (folder / "stack.yaml").write_text(text)
    return folder


def checked_stack(folder: Path, variant: str = "base") -> Checked:
    return Checker(None).check(stack_place(folder), variant)


def certified(folder: Path) -> tuple[Checked, Path]:
    """The stack, checked, built and certified with few examples; and its build folder."""
    checked = checked_stack(folder)
    built = build(checked)
    done = certify_build(built, Terms(examples=1))
    assert done.accepted, done.diagnostics
    return checked, built.folder
