"""Fixtures and switches shared by all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hvbuild.certify.sealed import sealed_generator

# A test says what is true, not how fast the machine is that it runs on, and says the same each time;
# `--hypothesis-profile=afresh` draws other examples, as a campaign does.
AFRESH = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("afresh", AFRESH)
settings.register_profile("hvbuild", AFRESH, derandomize=True)
settings.load_profile("hvbuild")


@pytest.fixture(autouse=True, scope="session")
def sealed() -> Iterator[None]:
    """What is drawn does not depend on which modules happen to be imported."""
    with sealed_generator():
        yield


ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="rewrite expected outputs instead of comparing")


@pytest.fixture
def bless(request: pytest.FixtureRequest) -> bool:
    """True when expected outputs are to be rewritten."""
    return bool(request.config.getoption("--bless"))


@pytest.fixture
def shared() -> Path:
    """The folder of material that is not part of the project; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no shared material beside this checkout")
    return SHARED
