"""Small stacks with boards of their own for tests of `simulate`: written to a folder, run from outside."""

from pathlib import Path
from typing import Any

from command_line import say

from hvbuild.machine.costs import DEFAULT_COSTS

FREE = "\n".join(
    f'  - {{name: {row.name}, low: 0, typical: 0, high: 0, unit: {row.unit}, source: "free"}}'
    for row in DEFAULT_COSTS["el2-host"]
)
BOARD = """\
format: 1
name: {name}
title: a bench of four cores
architecture: aarch64
cores:
{cores}
memory:
  - {{name: ddr, base: 0x80000000, size: 4GiB, source: example}}
devices:
  - {{name: gicd, registers: [{{base: 0x8000000, size: 0x10000}}], controller: true, source: example}}
smmu: {{present: true, source: example}}
gic: {{version: 3, source: example}}
address_bits: 40
regions_by: startup-r
startup: {{program: startup-bench, virtual: "aarch64le,raw", image: 0x80080000, hypervisor_mode: el2-host}}
cost_class: el2-host
costs:
{costs}
"""
EVEN = "  - {name: core, kind: bench-core, count: 4, frequency: 1000MHz, capacity: 1024, source: example}"
UNEVEN = """\
  - {name: little, kind: small-core, count: 2, frequency: 1000MHz, capacity: 512, source: example}
  - {name: big, kind: large-core, count: 2, frequency: 2000MHz, capacity: 1024, source: example}"""
# Interrupts go to CPU 1, line 77 to CPU 3.
ROUTED = """\
interrupts:
  cpu: 1
  source: "example: set by the startup program"
  lines:
    - {line: 77, cpu: 3, source: "example: moved by the driver"}
"""
SOME = '  - {name: sysreg, low: 200, typical: 500, high: 1000, unit: cycles, source: "example"}'


def guest(name: str, cpus: str, load: str, base: int) -> str:
    """One guest of a stack, in YAML; `cpus` are its vCPUs, a line each."""
    rows = "".join(f"      - {row}\n" for row in cpus.splitlines())
    return f"""\
  {name}:
    system: {name}
    cpus:
{rows}    load: {load}
    ram:
      - {{name: main, base: {base:#x}, size: 64MiB}}
    images:
      - {{name: kernel, load: /guests/{name}/Image, external: true}}
    vdevs:
      - {{name: gic, type: gic, anonymous: true, version: 3}}
"""


def stack(*guests: str, board: str = "bench", host: str = "", more: str = "", target: str = "qnx-7.1") -> str:
    """A whole stack.yaml."""
    text = f"format: 1\nname: bench\nboard: {board}\ntarget: {target}\n"
    return text + (f"host:\n{host}" if host else "") + "guests:\n" + "".join(guests) + more


def write(folder: Path, text: str, **variants: str) -> Path:
    """The stack folder with `text` and its variants, its boards beside it."""
    boards = folder / "boards"
    place = folder / "bench"
    (place / "variants").mkdir(parents=True, exist_ok=True)
    boards.mkdir(exist_ok=True)
    rows = (("bench", EVEN, SOME), ("free", EVEN, FREE), ("uneven", UNEVEN, FREE), ("routed", EVEN, SOME))
    for name, cores, costs in rows:
        text_of_board = BOARD.format(name=name, cores=cores, costs=costs)
        more = ROUTED if name == "routed" else ""
        (boards / f"{name}.yaml").write_text(text_of_board + more, "utf-8")
    (place / "stack.yaml").write_text(text, "utf-8")
    for name, body in variants.items():
        (place / "variants" / f"{name}.yaml").write_text(body, "utf-8")
    return place


def simulated(place: Path, *more: object) -> dict[str, Any]:
    """The JSON answer of `simulate`; it must be a yes."""
    said = say("simulate", place, "--format", "json", *more)
    assert said.code == 0, said.out + said.err
    return said.data
