"""The version of hvbuild, as a literal: reading package metadata would cost every start 16 ms."""

from functools import cache

__version__ = "0.1.0"


@cache
def judging_versions() -> tuple[tuple[str, str], ...]:
    """What a certificate depends on besides its inputs: hvbuild, Python and Hypothesis, exactly, by name."""
    import platform  # noqa: PLC0415 - with certificates only
    from importlib.metadata import version  # noqa: PLC0415

    return (
        ("hvbuild", __version__),
        ("hypothesis", version("hypothesis")),
        ("python", platform.python_version()),
    )
