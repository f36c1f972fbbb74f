"""A first stack: files that check, render and certify as they are, for a board by its name."""

from pathlib import Path

from hvbuild.load.files import Files
from hvbuild.load.layers import board_file, boards_known
from hvbuild.load.tree import Mapping
from hvbuild.model.board import Architecture
from hvbuild.project import STACK_FILE
from hvbuild.shipped import shipped_file
from hvbuild.store import locked, write_together

SCHEMA = ".hvbuild/stack.schema.json"
_TARGET = "qnx-8.0.4"

_HEAD = """\
# yaml-language-server: $schema=./.hvbuild/stack.schema.json
format: 1
description: a first system on {board}
board: {board}
target: {target}

guests:
  demo:
    cpus:
      - {{sched: 10r}}
    # What each vCPU asks of its CPU; the certificate is judged under this load.
    load: {{pattern: periodic, period: 10ms, work: 1ms, bound: 10ms, assumed: a first guess to be replaced}}
    images:
      - {{name: image, load: /guests/demo/demo.ifs, external: true}}
"""
_ARM = """\
    ram:
      - {name: main, base: auto, size: 256MiB}
    vdevs:
      - {name: console, type: pl011, loc: auto, intr: auto, hostdev: ">-"}
"""
_X86 = """\
    ram:
      - {name: conventional, base: 0x0, size: 0xa0000}
      - {name: bios, kind: rom, base: 0xc0000, size: 0x40000}
      - {name: main, base: 1MiB, size: 256MiB}
    vdevs:
      - {name: myioapic, type: ioapic, loc: auto, intr: apic}
      - {name: serial, type: ser8250, intr: auto, hostdev: ">-"}
      - {name: timer, type: timer8254, intr: auto}
      - {name: clock, type: mc146818}
      - {name: pic0, type: "8259", anonymous: true, loc: auto}
      - {name: pic1, type: "8259", anonymous: true, loc: auto}
"""


class CannotStart(Exception):  # noqa: N818 - named for what it says
    """The folder holds a stack already, or there is no such board."""


def start_stack(folder: Path, board: str) -> tuple[str, ...]:
    """Write a first stack for `board` into `folder`, which may exist; return the files written.

    CannotStart where a stack.yaml is there already or no board has that name.
    """
    file = folder / STACK_FILE
    if file.exists():
        raise CannotStart(f"`{file}` exists already")
    found = board_file(file, board)
    if found is None:
        known = ", ".join(boards_known(file))
        raise CannotStart(f"no board is named `{board}`; there are {known}")
    body = _ARM if _architecture(found) is Architecture.AARCH64 else _X86
    files = {
        STACK_FILE: (_HEAD.format(board=board, target=_TARGET) + body).encode(),
        SCHEMA: shipped_file("schemas", "stack.schema.json").read_bytes(),
    }
    with locked(folder / ".hvbuild"):
        write_together(folder, files)
    return tuple(files)


def _architecture(board: Path) -> Architecture:
    reading = Files().reading(board)
    root = getattr(reading, "root", None)
    text = root.text("architecture") if isinstance(root, Mapping) else None
    return Architecture.X86_64 if text == Architecture.X86_64.value else Architecture.AARCH64
