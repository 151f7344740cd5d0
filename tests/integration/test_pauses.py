"""A process that stands still until others take over notices, and takes back its own work."""

import pytest
from crashing import LONG, crash_databases, one_remedy

from qplug.testing.crash import Makers, PauseSuite

pytestmark = [pytest.mark.integration, crash_databases]

__all__ = ["one_remedy"]


class TestPauses(PauseSuite):
    @pytest.fixture(autouse=True)
    def not_all_twice(self, request: pytest.FixtureRequest, database_kind: str) -> None:
        """Leave out what the tests on SQLite have shown of the manager, unless there is time."""
        if "late_work" in request.node.name and database_kind != "sqlite" and not LONG:
            pytest.skip("it takes minutes; make test-long runs it on every database")

    @pytest.fixture
    def drivers(self) -> Makers:
        return {}
