"""Fixtures for tests of your own stacks; loaded by pytest where hvbuild is installed.

`hvbuild_subject` makes subjects of stack folders, `hvbuild_certified` judges them; both import what they need
when they are used, so that other tests pay nothing.
"""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def hvbuild_subject() -> Callable[..., Any]:
    """`hvbuild.testing.subject_of`: a stack folder, and a variant, to what a certificate is about."""
    from hvbuild.testing import subject_of  # noqa: PLC0415

    return subject_of


@pytest.fixture(scope="session")
def hvbuild_certified() -> Callable[..., Any]:
    """`hvbuild.testing.certified`: a subject, and guarantees of one's own, to the verdict."""
    from hvbuild.testing import certified  # noqa: PLC0415

    return certified
