"""Fixtures with a Quantum server: ``pytest_plugins = ["qplug_quantum_v1.testing.fixtures"]``."""

from collections.abc import Iterator

import pytest

from qplug_quantum_v1.testing.settings import Settings
from qplug_quantum_v1.testing.standin import StandIn


@pytest.fixture
def quantum_settings() -> Settings:
    """Return which server it is; a test module overrides it for others."""
    return Settings()


@pytest.fixture
def quantum(quantum_settings: Settings) -> Iterator[StandIn]:
    """Return a server that knows nothing yet; it is gone after the test."""
    with StandIn(quantum_settings) as stand_in:
        yield stand_in
