"""The driver on a database of its own."""

import sys
from collections.abc import Iterator

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.db import Database
from qplug.testing.fixtures import conf, database_url

# pytest takes the folder of the distribution, which has the package's name, for the package.
if getattr(sys.modules.get("qplug_ipam_nova"), "__file__", None) is None:
    sys.modules.pop("qplug_ipam_nova", None)

from qplug_ipam_nova.driver import NovaIpam
from qplug_ipam_nova.migrations import MIGRATIONS

__all__ = ["conf", "database_url", "driver"]


@pytest.fixture
def driver(conf: ConfigOpts, database_url: str) -> Iterator[NovaIpam]:
    """Start the driver on tables of this release, which only SQLite makes by itself."""
    database = Database(database_url, MIGRATIONS)
    database.upgrade()
    database.close()
    driver = NovaIpam(conf)
    yield driver
    driver.close()
