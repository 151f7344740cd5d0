"""A process that stands still until others take over notices, and takes back its own work."""

import pytest
from crashing import crash_databases

from qplug.testing.crash import Makers, PauseSuite

pytestmark = [pytest.mark.integration, crash_databases]


class TestPauses(PauseSuite):
    @pytest.fixture
    def drivers(self) -> Makers:
        return {}
