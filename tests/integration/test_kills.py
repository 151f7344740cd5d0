"""A process that is killed leaves nothing that the next one does not put right."""

import pytest
from crashing import crash_databases, one_remedy

from qplug.testing.crash import KillSuite, Makers

pytestmark = [pytest.mark.integration, crash_databases]

__all__ = ["one_remedy"]


class TestKills(KillSuite):
    @pytest.fixture
    def drivers(self) -> Makers:
        return {}
