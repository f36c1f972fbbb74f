"""Fixtures and switches shared by all tests."""

from pathlib import Path

import pytest

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
