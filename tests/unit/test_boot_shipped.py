"""The shipped stacks on the model: memory without conflicts, a boot in order, and a refusal by one page."""

from pathlib import Path

import pytest

from hvbuild.checking import Checked, Checker
from hvbuild.machine.boot import boot
from hvbuild.machine.claims import shapes_of
from hvbuild.machine.costs import cost_table
from hvbuild.machine.memory import MemoryTerms, build_memory
from hvbuild.project import stack_place

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("sa8155-la", "rpi4", "sdv", "x86-qemu")


@pytest.fixture(scope="module")
def checked() -> dict[str, Checked]:
    checker = Checker(None)
    return {name: checker.check(stack_place(ROOT / "stacks" / name), "base") for name in STACKS}


@pytest.mark.parametrize("name", STACKS)
def test_every_guest_has_its_memory_and_comes_up_in_order(checked: dict[str, Checked], name: str) -> None:
    plan = checked[name].plan
    memory = build_memory(plan.system, shapes_of(checked[name].catalog.vdevs))
    board = plan.stack.board
    result = boot(memory, cost_table(board.cost_class, board.cores[0].frequency, board.costs))

    assert [guest.conflicts for guest in memory.guests] == [()] * len(plan.system.vms)
    assert all(declared for *_, declared in memory.shared_host())
    assert list(memory.trespasses()) == []
    assert (result.exits, result.stalls) == ((), ())
    assert all(result.up_at(vm.label) is not None for vm in plan.system.vms)
    services = [step.subject for step in result.steps if step.name == "service"]
    assert services == [service.name for service in plan.system.host.services or ()]


@pytest.mark.parametrize("name", ["rpi4", "sdv", "x86-qemu"])
def test_one_page_less_than_needed_refuses_the_last_guest_only(
    checked: dict[str, Checked], name: str
) -> None:
    plan = checked[name].plan
    shapes = shapes_of(checked[name].catalog.vdevs)
    whole = build_memory(plan.system, shapes)
    kept = plan.system.host.needs or 0
    assert whole.pool is not None
    exact = build_memory(plan.system, shapes, MemoryTerms(kept=kept + whole.pool.size))
    short = build_memory(plan.system, shapes, MemoryTerms(kept=kept + whole.pool.size + 0x1000))
    result = boot(short, cost_table("el2-host", 1_000_000_000))
    last = plan.system.vms[whole.order[-1]].label

    assert exact.refusals == ()
    assert [(row.vm, row.code) for row in result.exits] == [(last, 64)]
    assert [vm.label for vm in plan.system.vms if result.up_at(vm.label) is None] == [last]
