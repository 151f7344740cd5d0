"""What the tests of crashes share."""

import os

import pytest

LONG = bool(os.environ.get("QPLUG_TEST_LONG"))
"""Whether tests may take minutes more, as in ``make test-long``."""

crash_databases = pytest.mark.parametrize(
    "database_kind",
    ["sqlite", "postgresql", *(["mariadb"] if LONG else [])],
)
"""The mark of tests that take minutes: they run on each kind of database by ``make test-long``."""
