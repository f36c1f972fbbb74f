"""Three-way merges: what either side changed is in the result, or it is a clash; laws by Hypothesis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.compare.threeway import merge

TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n", "\n"]), max_size=8).map("".join)


@given(TEXTS, TEXTS)
def test_one_side_alone_wins(base: str, changed: str) -> None:
    assert merge(base, changed, base) == merge(base, base, changed)
    assert merge(base, changed, base).text == changed
    assert merge(base, changed, changed).text == changed
    assert merge(base, changed, changed).clashes == ()


@given(TEXTS, TEXTS, TEXTS)
def test_without_a_clash_sides_may_be_swapped(base: str, ours: str, theirs: str) -> None:
    one, other = merge(base, ours, theirs), merge(base, theirs, ours)

    assert bool(one.clashes) == bool(other.clashes)
    if not one.clashes:
        assert one.text == other.text


@given(TEXTS, TEXTS, TEXTS)
def test_nothing_new_of_either_side_is_lost(base: str, ours: str, theirs: str) -> None:
    mine = ours.replace("a", "x")
    merged = merge(base, mine, theirs)
    kept = merged.text.splitlines() + [line for clash in merged.clashes for line in clash.ours.splitlines()]

    assert kept.count("x") >= mine.splitlines().count("x")


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "text"),
    [
        ("1\n2\n3\n4\n", "1\nX\n3\n4\n", "1\n2\n3\nY\n", "1\nX\n3\nY\n"),
        ("1\n2\n3\n", "0\n1\n2\n3\n", "1\n2\n3\n4\n", "0\n1\n2\n3\n4\n"),
        ("1\n2\n3\n", "1\n3\n", "1\n2\n3\n4\n", "1\n3\n4\n"),
    ],
)
def test_both_sides_are_kept(base: str, ours: str, theirs: str, text: str) -> None:
    merged = merge(base, ours, theirs)

    assert (merged.text, merged.clashes) == (text, ())


def test_a_clash_names_all_three_places() -> None:
    merged = merge("1\n2\n3\n", "0\n1\nX\n3\n", "1\nY\n3\n")
    (clash,) = merged.clashes

    assert (clash.base_line, clash.ours_line, clash.theirs_line) == (2, 3, 2)
    assert (clash.base, clash.ours, clash.theirs) == ("2\n", "X\n", "Y\n")
    assert merged.text == "0\n1\nY\n3\n"
