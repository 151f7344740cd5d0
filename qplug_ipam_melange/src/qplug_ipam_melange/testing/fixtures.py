"""Fixtures with a Melange server: ``pytest_plugins = ["qplug_ipam_melange.testing.fixtures"]``."""

from collections.abc import Iterator

import pytest

from qplug_ipam_melange.testing.client import Client
from qplug_ipam_melange.testing.settings import Settings
from qplug_ipam_melange.testing.standin import StandIn


@pytest.fixture
def melange_settings() -> Settings:
    """Return the settings of the server; a test module overrides it for others."""
    return Settings()


@pytest.fixture
def melange(melange_settings: Settings) -> Iterator[StandIn]:
    """Return a server that knows nothing yet; it is gone after the test."""
    with StandIn(melange_settings) as stand_in:
        yield stand_in


@pytest.fixture
def client(melange: StandIn) -> Client:
    """Return what asks the server without a driver."""
    return Client(melange.url)
