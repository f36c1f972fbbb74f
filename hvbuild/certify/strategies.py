"""Hypothesis strategies for drawn runs: packed whole numbers, cheap to generate."""

from hypothesis import strategies as st

from hvbuild.certify.draws import Field, Run


def runs(fields: tuple[Field, ...]) -> st.SearchStrategy[Run]:
    """Runs with one number for each field."""
    names = tuple(field.name for field in fields)
    numbers = st.tuples(*(st.integers(0, (1 << field.bits) - 1) for field in fields))
    return numbers.map(lambda drawn: tuple(zip(names, drawn, strict=True)))
