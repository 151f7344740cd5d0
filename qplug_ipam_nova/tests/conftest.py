"""The driver on a database of its own."""

import sys
from collections.abc import Iterator

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.testing.fixtures import (
    bare_database_url,
    conf,
    database_kind,
    database_url,
    server_databases,
)

# pytest takes the folder of the distribution, which has the package's name, for the package.
if getattr(sys.modules.get("qplug_ipam_nova"), "__file__", None) is None:
    sys.modules.pop("qplug_ipam_nova", None)

from qplug_ipam_nova.driver import NovaIpam

__all__ = [
    "bare_database_url",
    "conf",
    "database_kind",
    "database_url",
    "driver",
    "server_databases",
]


@pytest.fixture
def driver(conf: ConfigOpts) -> Iterator[NovaIpam]:
    """Return the driver, started."""
    driver = NovaIpam(conf)
    yield driver
    driver.close()
