"""A process that is killed leaves nothing that the next one does not put right."""

import pytest

from qplug.testing.crash import KillSuite, Makers

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"]),
]


class TestKills(KillSuite):
    @pytest.fixture
    def drivers(self) -> Makers:
        return {}
