"""A Melange server for each test, and the drivers on it."""

import sys
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
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
if getattr(sys.modules.get("qplug_ipam_melange"), "__file__", None) is None:
    sys.modules.pop("qplug_ipam_melange", None)

from qplug_ipam_melange.driver import MelangeIpam
from qplug_ipam_melange.mac import MelangeMac
from qplug_ipam_melange.options import GROUP, OPTS
from qplug_ipam_melange.testing import StandIn
from qplug_ipam_melange.testing.fixtures import client, melange, melange_settings

__all__ = [
    "api_of",
    "client",
    "clock",
    "conf",
    "database_kind",
    "database_url",
    "driver",
    "mac_driver",
    "make_manager",
    "melange",
    "melange_conf",
    "melange_settings",
    "new_id",
    "server_databases",
]


@pytest.fixture
def melange_conf(conf: ConfigOpts, melange: StandIn) -> ConfigOpts:
    """Return a configuration that names the server."""
    conf.register_opts(OPTS, group=GROUP)
    conf.set_override("port", urlsplit(melange.url).port, GROUP)
    return conf


@pytest.fixture
def driver(melange_conf: ConfigOpts) -> Iterator[MelangeIpam]:
    """Return the IPAM driver, started."""
    with closing(MelangeIpam(melange_conf)) as driver:
        yield driver


@pytest.fixture
def mac_driver(melange_conf: ConfigOpts) -> Iterator[MelangeMac]:
    """Return the MAC driver, started."""
    with closing(MelangeMac(melange_conf)) as driver:
        yield driver
