"""A matrix of many systems: cold, unchanged and with one guest changed; time, memory, parses and renders.

    python tests/benchmarks/bench_matrix.py [SYSTEMS]...

1,000 systems over 10 stacks without a number. Each step is one process of its own on one cache, as on a
build server. `check` answers for all products; `render` writes them all with one Checker; doit then lists the
tasks, and looks at the checked and rendered ones without finding anything to do. Certificates are made for a
sample, evenly spread over the products: with the few runs that the stacks ask for, and with the default
number; what all products take is that of the sample times their number, divided by the workers of `doit -n`.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
STACKS = 10
SAMPLE = 20
BOARD = """\
format: 1
name: {name}
title: a board of the family
architecture: aarch64
cores: [{{name: a72, kind: cortex-a72, count: 8, frequency: 1500MHz, source: example}}]
memory: [{{name: ddr, base: 0x80000000, size: {size}GiB, source: example}}]
smmu: {{present: true, source: example}}
gic: {{version: 3, source: example}}
regions_by: startup-r
startup: {{program: startup-acme, virtual: "aarch64le,raw", hypervisor_mode: el2-host}}
"""
GUEST = """\
format: 1
body:
  cpus: [{sched: 10r}]
  load: {pattern: periodic, period: 10ms, work: 1ms, bound: 10ms, assumed: example}
  ram: [{name: main, base: 0x80000000, size: 256MiB}]
  images: [{name: image, load: /guests/one.ifs, external: true}]
  vdevs:
    - {name: console, type: pl011, loc: auto, intr: auto, hostdev: ">-"}
    - {name: watchdog, type: wdt-sp805, loc: auto}
"""
STACK = """\
format: 1
name: {name}
board: one
target: qnx-8.0
guests:
  one: {{use: ../guests/guest{guest}.yaml}}
  two: {{use: ../guests/guest{guest}.yaml}}
certificate: {{examples: 2}}
"""
VARIANT = """\
format: 1
guests:
  one:
    ram: [{{name: main, size: {size}MiB}}]
"""
# Runs in a process of its own and prints what it did as one line of JSON.
STEP = """\
import json, resource, sys, time
from pathlib import Path
import hvbuild.load.files as files
counts = {"reads": 0, "parses": 0, "resolved": 0, "renders": 0}
def counted(owner, name, key):
    inner = getattr(owner, name)
    def call(*args, **kwargs):
        counts[key] += 1
        return inner(*args, **kwargs)
    setattr(owner, name, call)
counted(files, "read_yaml", "parses")
reads = {}
read_bytes = Path.read_bytes
def read(path):
    if path.suffix in (".yaml", ".j2"):
        reads[str(path)] = reads.get(str(path), 0) + 1
    return read_bytes(path)
Path.read_bytes = read
start = time.perf_counter()
if sys.argv[1] == "check":
    import io, contextlib
    from hvbuild.cli import run
    import builtins
    real = builtins.__import__
    def importing(name, *rest):
        module = real(name, *rest)
        if name == "hvbuild.checking" and not hasattr(sys.modules[name], "counted"):
            sys.modules[name].counted = True
            counted(sys.modules[name], "resolve", "resolved")
        return module
    builtins.__import__ = importing
    with contextlib.redirect_stdout(io.StringIO()):
        code = run(["check", "--matrix", "-q"])
elif sys.argv[1] == "certify":
    import os
    import hvbuild.checking as checking, hvbuild.building as building
    from hvbuild.certifying import Terms, certify_build
    from hvbuild.store import cache_folder
    from hvbuild.matrix import products_of
    counted(checking, "resolve", "resolved")
    counted(building, "render_plan", "renders")
    cache, wanted, examples = cache_folder(os.environ), int(sys.argv[2]), int(sys.argv[3])
    checker, products = checking.Checker(cache), products_of(Path(), cache)
    for product in products[:: max(1, len(products) // wanted)][:wanted]:
        folder = product.place.build_folder(product.variant)
        built = building.build(checker.check(product.place, product.variant), folder)
        assert certify_build(built, Terms(examples=examples or None)).accepted
    code = 0
else:
    import os
    import hvbuild.checking as checking, hvbuild.building as building
    from hvbuild.store import cache_folder
    from hvbuild.matrix import products_of
    from hvbuild.freshness import Digests, is_fresh
    counted(checking, "resolve", "resolved")
    counted(building, "render_plan", "renders")
    cache = cache_folder(os.environ)
    checker, digests = checking.Checker(cache), Digests({})
    for product in products_of(Path(), cache, digests.known):
        folder = product.place.build_folder(product.variant)
        if not is_fresh(folder, ("manifest.json",), digests):
            building.build(checker.check(product.place, product.variant), folder)
    code = 0
counts["reads"] = max(reads.values(), default=0)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
spent = {"seconds": seconds, "cpu": time.process_time()}
print(json.dumps({"code": code, **spent, "peak": peak, "files": len(reads), **counts}))
"""


def write_project(root: Path, systems: int) -> None:
    """Ten stacks over five guests, variants and two boards, so that there are `systems` products."""
    files = {
        f"stacks/boards/{name}.yaml": BOARD.format(name=name, size=s) for name, s in (("one", 4), ("two", 8))
    }
    per_stack = max(1, systems // STACKS // 4)
    for number in range(5):
        files[f"stacks/guests/guest{number}.yaml"] = GUEST
    for number in range(STACKS):
        name = f"stack{number}"
        files[f"stacks/{name}/stack.yaml"] = STACK.format(name=name, guest=number % 5)
        for trim in range(per_stack - 1):
            files[f"stacks/{name}/variants/trim{trim}.yaml"] = VARIANT.format(size=260 + 4 * trim)
    stacks = ", ".join(f"stack{number}" for number in range(STACKS))
    files["hvbuild.yaml"] = (
        f"format: 1\nmatrix:\n  - {{stacks: [{stacks}], boards: [one, two], targets: [qnx-8.0, qnx-8.0.4]}}\n"
    )
    files["dodo.py"] = (
        "from hvbuild.tasks import DOIT_CONFIG, tasks_for\n\n"
        "def task_hvbuild():\n    yield from tasks_for('.')\n"
    )
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def step(root: Path, *what: str) -> dict[str, float]:
    """One process; what it says of itself."""
    environment = {**os.environ, "HVBUILD_CACHE": str(root / "cache"), "PYTHONPATH": str(root / "tool")}
    words = [sys.executable, "-c", STEP, *what]
    run = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(run.stderr)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def show(label: str, found: dict[str, float]) -> None:
    """One line of the report."""
    counts = ", ".join(
        f"{int(found[key])} {key}" for key in ("parses", "resolved", "renders") if key in found
    )
    most = f"each file read at most {int(found['reads'])}×" if found["files"] else "no file read"
    print(f"  {label:<34}{found['seconds']:8.2f} s {found['peak']:6.0f} MiB  {counts}, {most}")


def measure(systems: int) -> None:
    """The whole report for one size."""
    with TemporaryDirectory() as name:
        root = Path(name)
        write_project(root, systems)
        # A copy, so that nothing done to the checkout meanwhile is taken for a change.
        for part in ("hvbuild", "schemas", "templates", "stacks/boards"):
            shutil.copytree(ROOT / part, root / "tool" / part, ignore=shutil.ignore_patterns("__pycache__"))
        products = max(1, systems // STACKS // 4) * STACKS * 4
        print(f"{products} systems over {STACKS} stacks")
        show("check, cold", step(root, "check"))
        show("check, nothing changed", step(root, "check"))
        show("render, cold", step(root, "render"))
        show("render, nothing changed", step(root, "render"))
        guest = root / "stacks/guests/guest0.yaml"
        guest.write_text(guest.read_text().replace("sched: 10r", "sched: 11r"))
        show("check, one of five guests changed", step(root, "check"))
        show("render, one of five guests changed", step(root, "render"))
        for examples, runs in ((0, "2 runs"), (200, "200 runs")):
            found = step(root, "certify", str(SAMPLE), str(examples))
            certified = int(found["resolved"])
            show(f"certify {certified} of them, {runs}", found)
            each = found["cpu"] / certified
            print(f"    {each:.2f} s of CPU for each, {each * products / 60:.1f} min for all {products}")
        listing = [sys.executable, "-m", "doit", "list", "--all", "-q"]
        environment = {**os.environ, "HVBUILD_CACHE": str(root / "cache"), "PYTHONPATH": str(root / "tool")}
        start = time.perf_counter()
        out = subprocess.run(
            listing, cwd=root, env=environment, capture_output=True, text=True, check=True
        ).stdout
        print(f"  doit list, {len(out.splitlines())} tasks{time.perf_counter() - start:16.2f} s")
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "doit", "check", "render"],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        print(f"  doit check render, nothing changed {time.perf_counter() - start:7.2f} s")


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:]] or [1000]
    for size in asked:
        measure(size)
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
