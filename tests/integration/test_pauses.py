"""A process that stands still until others take over notices, and takes back its own work."""

import pytest

from qplug.testing.crash import Makers, PauseSuite

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"]),
]


class TestPauses(PauseSuite):
    @pytest.fixture
    def drivers(self) -> Makers:
        return {}
