"""A broken engine or renderer must lose the certificate; a faster engine must not change a byte of it."""

from dataclasses import replace
from pathlib import Path

import certify_subjects as make
import pytest
from builders import vcpu
from engine_mutants import Mutant, engine_with

from hvbuild.certify.certificate import certify
from hvbuild.certify.properties.catalog import ALL_PROPERTIES
from hvbuild.certify.property import Family
from hvbuild.certify.subject import Subject
from hvbuild.machine import schedule
from hvbuild.testing import subject_of

ROOT = Path(__file__).resolve().parents[1]
RUNS = tuple(row for row in ALL_PROPERTIES if row.family in (Family.SCHEDULE, Family.LOAD))
STATIC = tuple(row for row in ALL_PROPERTIES if row.family is Family.MEMORY)

ENGINES = (
    Mutant(
        "waking ignores the run mask",
        "lowering",
        "        if mask & m[c + BIT]:\n            level = m[m[c + RUN] + PRIO]",
        "        if mask:\n            level = m[m[c + RUN] + PRIO]",
    ),
    Mutant(
        "waking never preempts",
        "lowering",
        "    lowest = m[t + PRIO]\n    last",
        "    lowest = 1\n    last",
    ),
)


def a_busy_subject() -> Subject:
    """A vCPU above another one on the same pCPU, with a bound that leaves no room for waiting."""
    return make.a_subject(
        declared=(make.qnx_vm(vcpus=(vcpu("30r", [1]),)), make.linux_vm(vcpus=(vcpu("10r", [1, 2]),) * 2)),
        demands={"qnx": (make.demand(1, 5, 1.5),), "linux": (make.demand(6, 20, 20),) * 2},
        examples=40,
    )


def test_the_true_engine_keeps_the_certificate() -> None:
    assert certify(a_busy_subject(), properties=RUNS).statement["predicate"]["reasons"] == []


@pytest.mark.parametrize("mutant", ENGINES, ids=lambda mutant: mutant.rule)
def test_a_broken_engine_loses_it(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_with(mutant)
    monkeypatch.setattr(schedule, "run", engine["run"])
    monkeypatch.setattr(schedule, "finish", engine["finish"])

    assert certify(a_busy_subject(), properties=RUNS).verdict == "refused"


@pytest.mark.parametrize("change", ["lost", "moved", "grown"])
def test_a_broken_renderer_loses_it(change: str) -> None:
    sound = subject_of(ROOT / "stacks/rpi4")
    vm = sound.system.vms[0]
    first = vm.memory[0]
    assert isinstance(first.base, int)
    assert isinstance(first.size, int)
    wrong = {
        "lost": vm.memory[1:],
        "moved": (replace(first, base=first.base + 0x1000), *vm.memory[1:]),
        "grown": (replace(first, size=first.size + 0x1000), *vm.memory[1:]),
    }[change]
    broken = replace(sound.system, vms=(replace(vm, memory=wrong), *sound.system.vms[1:]))

    assert certify(sound, properties=STATIC).verdict == "certified"
    assert certify(replace(sound, system=broken), properties=STATIC).verdict == "refused"


@pytest.mark.laws
def test_the_compiled_engine_changes_no_byte() -> None:
    pytest.importorskip("numba")
    subject = make.a_subject(examples=12)

    assert certify(subject).data == certify(subject, fast=True).data
