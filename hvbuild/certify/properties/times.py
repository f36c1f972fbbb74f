"""Times as stories and reports spell them."""


def ms(ns: int) -> str:
    """`16.25 ms`: a time for people, exact to the nanosecond."""
    whole, rest = divmod(ns, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".") + " ms"
