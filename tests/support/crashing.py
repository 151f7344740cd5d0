"""What the tests of crashes share."""

import os

import pytest

crash_databases = pytest.mark.parametrize(
    "database_kind",
    ["sqlite", "postgresql", *(["mariadb"] if os.environ.get("QPLUG_TEST_LONG") else [])],
)
"""The mark of tests that take minutes: they run on each kind of database by ``make test-long``."""
