"""What tests of our packages share."""

import os
from pathlib import Path

import pytest
from installing import Environment, shared_wheels


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a wheel of every distribution of ours."""
    base = tmp_path_factory.getbasetemp()  # a worker's own, below the one that they share
    return shared_wheels(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def environment(tmp_path: Path, wheels: Path) -> Environment:
    """Return an environment that can install our wheels."""
    return Environment(tmp_path / "an environment", wheels)
