"""Places in JSON texts: every value where it is written, keys that are written twice."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvbuild.formats.jsonplaces import places, repeated, span_of, steps
from hvbuild.source import SourceFile

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=14,
)


@given(JSON, st.sampled_from((None, 1, "\t")), st.booleans())
def test_every_value_stands_where_its_place_says(
    value: object, indent: int | str | None, ascii_: bool
) -> None:
    file = SourceFile("x.json", json.dumps(value, indent=indent, ensure_ascii=ascii_))
    found = {place.route: place for place in places(file)}

    assert list(found)[-1] == ()
    for route, place in found.items():
        at = value
        for step in route:
            at = at[step]  # type: ignore[index]
        assert json.loads(place.span.text) == at
        assert not place.again
        if place.key is not None:
            assert json.loads(place.key.text) == route[-1]


def test_a_route_is_split_into_keys_and_numbers() -> None:
    assert steps("aps.partitions[10].budget") == ("aps", "partitions", 10, "budget")
    assert steps("") == ()


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("cpus", "2"),
        ("threads[1].prio", "7"),
        ("threads[1].id", "{"),  # is missing: its thread
        ("aps.window_ms", '"aps"'),
        ("threads[0].bursts[0].kind", '"q"'),
        ("tick_ns", "{"),
    ],
)
def test_a_fault_points_at_its_field_or_around_it(route: str, expected: str) -> None:
    text = '{"cpus": 2,\n "threads": [{"bursts": [[1, 2, "q"]]}, {"prio": 7}], "aps": {}}'

    assert span_of(SourceFile("x", text), route, ("run_ns", "block_ns", "kind")).text == expected


def test_a_key_that_is_written_twice_is_found_where_it_is_again() -> None:
    file = SourceFile("x", '{"a": 1, "b": {"a": 2, "\\u0061": [3]}}')

    assert [(key, span.column) for key, span in repeated(file)] == [("a", 24)]
