"""What the tests of crashes share."""

import os

import pytest

from qplug.testing.crash.repair import finish, repeat

LONG = bool(os.environ.get("QPLUG_TEST_LONG"))
"""Whether tests may take minutes more, as in ``make test-long``."""

crash_databases = pytest.mark.parametrize(
    "database_kind",
    ["sqlite", "postgresql", *(["mariadb"] if LONG else [])],
)
"""The mark of tests that take minutes: they run on each kind of database by ``make test-long``."""


@pytest.fixture(autouse=True)
def one_remedy(request: pytest.FixtureRequest) -> None:
    """Leave one of the two remedies to make test-long: on PostgreSQL the one that others show."""
    chosen = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    shown = repeat if chosen.get("database_kind") == "postgresql" else finish
    if not LONG and chosen.get("remedy", shown) is not shown:
        pytest.skip("it takes minutes; make test-long runs it with both remedies")
