"""A host for each test, and the driver on it."""

import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from hosts import LinuxHost, linux_host
from oslo_config.cfg import ConfigOpts

from qplug.testing.fixtures import (
    api_of,
    clock,
    conf,
    database_kind,
    database_url,
    make_manager,
    new_id,
    server_databases,
)

# pytest takes the folder of the distribution, which has the package's name, for the package.
if getattr(sys.modules.get("qplug_l3_linux"), "__file__", None) is None:
    sys.modules.pop("qplug_l3_linux", None)

from qplug_l3_linux.driver import LinuxL3

__all__ = [
    "api_of",
    "clock",
    "conf",
    "database_kind",
    "database_url",
    "driver",
    "linux_host",
    "make_manager",
    "new_id",
    "server_databases",
]


@pytest.fixture
def driver(conf: ConfigOpts, linux_host: LinuxHost) -> Iterator[LinuxL3]:
    """Return the driver, started."""
    with closing(LinuxL3(conf)) as driver:
        yield driver
