"""Five systems that look harmless and are not, each refused by the right guarantee, with story and line."""

from collections.abc import Callable

import certify_subjects as make
import pytest
from builders import passed, window
from test_certify_teeth import (
    a_sporadic_system,
    declared_both,
    locked_pair,
    pinned_partitions,
    without,
)

from hvbuild.certify.certificate import certify
from hvbuild.certify.subject import Subject


def over_a_gic() -> Subject:
    return declared_both(linux={"passes": (passed(window(make.GIC, 0x1000), name="gic"),)})


DANGEROUS: tuple[tuple[str, Callable[[], Subject], str, str, str], ...] = (
    (
        "vcpus-of-one-guest-on-one-cpu",
        lambda: locked_pair(apart=False),
        "HC3003",
        "spins for the lock and never gives its pCPU up",
        "pCPU of its own",
    ),
    ("pass-through-over-a-gic", over_a_gic, "HC2004", "no guest exit happens", "hand over something else"),
    (
        "budgets-of-pinned-partitions",
        pinned_partitions,
        "HC3007",
        "a budget counts all 4 pCPUs",
        "widen the run masks",
    ),
    (
        "sporadic-neighbour",
        lambda: a_sporadic_system(6, 9),
        "HC3006",
        "12ms in one go, not 6ms",
        "lower the budget",
    ),
    ("dma-without-containment", lambda: without(smmu=False), "HC2005", "any host-physical address", "waiver"),
)


@pytest.mark.parametrize(
    ("name", "subject", "code", "story", "change"), DANGEROUS, ids=[row[0] for row in DANGEROUS]
)
def test_it_is_refused_with_a_story_and_the_line_to_change(
    name: str, subject: Callable[[], Subject], code: str, story: str, change: str
) -> None:
    result = certify(subject())
    row = next(r for r in result.statement["predicate"]["properties"] if r["id"] == code)
    diagnostic = next(d for d in result.diagnostics if d.message.startswith(code))

    assert result.verdict == "refused", name
    assert row["status"] == "refused"
    assert story in " ".join(row["counterexample"]["story"])
    assert change in row["counterexample"]["change"]
    assert row["counterexample"]["place"]["line"] == diagnostic.primary.span.line > 0


def test_a_drawn_counterexample_is_as_plain_as_can_be() -> None:
    """No drawn number can be made smaller by one step without the spin-wait coming to an end."""
    result = certify(locked_pair(apart=False))
    row = next(r for r in result.statement["predicate"]["properties"] if r["id"] == "HC4101")
    run = {name: int(value) for name, value in row["counterexample"]["run"].items()}

    assert run["qnx/0"] == run["io-sock"] == 0
    assert "linux" in row["counterexample"]["what"]
