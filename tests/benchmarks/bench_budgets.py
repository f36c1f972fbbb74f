"""Whole processes in multiples of `python -c pass` on the same machine, and the memory of a check.

    python tests/benchmarks/bench_budgets.py [RUNS]

prints each median beside its budget: start-up, completion, check, render, lint of 1,000 lines, and a
`doit build` of 100 tasks with nothing to do. Nothing is asserted: tests guard the structure.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HVBUILD = (sys.executable, "-m", "hvbuild")
# `doit build` has a task each to check, render, certify and build a system.
SYSTEMS = 25
SMALL_STACK = """\
format: 1
board: rpi4
target: qnx-8.0.4
guests:
  one:
    cpus: [{sched: 10r}]
    load: {pattern: periodic, period: 10ms, work: 1ms, bound: 10ms, assumed: benchmark}
    ram: [{name: main, base: 0x80000000, size: 256MiB}]
    images: [{name: kernel, load: /guests/one/Image, external: true}]
certificate: {examples: 1}
"""


def large_stack(folder: Path, guests: int) -> Path:
    """A stack of many guests with twenty devices each, on the Raspberry Pi board with more memory."""
    lines = ["format: 1", "board: rpi4", "target: qnx-8.0.4", "guests:"]
    for guest in range(guests):
        lines += [
            f"  guest{guest:03d}:",
            "    cpus: [{sched: 10r}]",
            "    load: {pattern: periodic, period: 10ms, work: 1us, bound: 10ms, assumed: benchmark}",
            "    ram: [{name: main, base: 0x80000000, size: 4MiB}]",
            f"    images: [{{name: kernel, load: /guests/{guest}/Image, external: true}}]",
            "    vdevs:",
        ]
        lines += [
            f"      - {{name: disk{number}, type: virtio-blk, loc: {0x1C000000 + number * 0x10000:#x},"
            f" intr: {40 + number}, hostdev: /dev/disk/guest{guest:03d}-{number}}}"
            for number in range(20)
        ]
    lines += ["host:", "  external: [/dev/disk]"]
    folder.mkdir(parents=True)
    (folder / "stack.yaml").write_text("\n".join(lines) + "\n")
    return folder


def large_file(path: Path) -> Path:
    """A qvmconf of 1,000 lines: one VM with 199 disks."""
    lines = ["system large", "ram 0x80000000,512M", "cpu", "load /guests/large.ifs", ""]
    for number in range(199):
        lines += [
            "vdev virtio-blk",
            f"    loc {0x1C000000 + number * 0x10000:#x}",
            f"    intr gic:{40 + number}",
        ]
        lines += [f"    name disk{number}", f"    hostdev /dev/disk{number}"]
    path.write_text("\n".join(lines) + "\n")
    return path


def small_project(folder: Path) -> Path:
    """A project of one stack and its variants, `SYSTEMS` in all."""
    variants = folder / "stacks/small/variants"
    variants.mkdir(parents=True)
    (variants.parent / "stack.yaml").write_text(SMALL_STACK)
    for number in range(1, SYSTEMS):
        text = f"format: 1\nguests: {{one: {{ram: [{{name: main, size: {number}MiB}}]}}}}\n"
        (variants / f"v{number:02d}.yaml").write_text(text)
    shutil.copy(ROOT / "dodo.py", folder)
    return folder


def peak_of_check(stack: Path, environment: dict[str, str]) -> float:
    """MiB resident at most in a process that checks `stack` cold."""
    child = "import resource, sys; from hvbuild.__main__ import main; main(sys.argv[1:]);"
    child += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    words = [sys.executable, "-c", child, "check", str(stack), "-q"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def main(runs: int) -> None:
    """Measure and print every line."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        shutil.copytree(ROOT / "stacks", place / "stacks")
        large = large_stack(place / "large", 64)
        size = (large / "stack.yaml").stat().st_size // 1024
        cache = place / "cache"
        environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPATH": str(ROOT),
            "HVBUILD_CACHE": str(cache),
        }

        completing = {"_HVBUILD_COMPLETE": "bash_complete", "COMP_WORDS": "hvbuild ch", "COMP_CWORD": "1"}

        def timed(words: tuple[str, ...], before: Callable[[], None] = lambda: None) -> float:
            before()
            folder = project if "doit" in words else place
            more = completing if words == completion else {}
            started = time.perf_counter()
            subprocess.run(
                words, cwd=folder, env={**environment, **more}, stdout=subprocess.DEVNULL, check=True
            )
            return time.perf_counter() - started

        def forget() -> None:
            shutil.rmtree(cache, ignore_errors=True)

        def unbuild() -> None:
            forget()
            shutil.rmtree(place / "out", ignore_errors=True)

        long = large_file(place / "large.qvmconf")
        project = small_project(place / "project")
        building = (sys.executable, "-m", "doit", "build")
        completion = (str(Path(sys.executable).with_name("hvbuild")),)
        small = str(place / "stacks" / "rpi4")
        rendering = (*HVBUILD, "render", small, "-o", "out")
        rows: list[tuple[str, tuple[str, ...], Callable[[], None], str]] = [
            ("--version", (*HVBUILD, "--version"), lambda: None, "8"),
            ("--help", (*HVBUILD, "--help"), lambda: None, "8"),
            ("completion of a command", completion, lambda: None, "8"),
            ("check --help", (*HVBUILD, "check", "--help"), lambda: None, "8"),
            ("check, warm", (*HVBUILD, "check", small), lambda: None, "8"),
            ("check, cold", (*HVBUILD, "check", small), forget, "25"),
            ("render, warm", rendering, lambda: None, "15"),
            ("render, cold", rendering, unbuild, ""),
            (f"check of 64 guests ({size} KB), cold", (*HVBUILD, "check", str(large)), forget, "120"),
            ("lint of 1,000 lines", (*HVBUILD, "lint", str(long)), lambda: None, "40"),
            (f"doit build, {4 * SYSTEMS} tasks, nothing to do", building, lambda: None, "20"),
        ]
        for _, words, before, _ in rows:
            timed(words, before)
        print(f"{'':44} median ratio   budget")
        for title, words, before, budget in rows:
            timed(words)
            ratios = []
            for _ in range(runs):
                bare = timed((sys.executable, "-c", "pass"))
                ratios.append(timed(words, before) / bare)
            print(f"{title:44} {statistics.median(ratios):12.1f}   {budget:>6}")
        forget()
        print(
            f"{'peak memory of a check, MiB':44} {peak_of_check(Path(small), environment):12.1f}   {'60':>6}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
