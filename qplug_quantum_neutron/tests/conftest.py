"""A real Neutron, and the driver on it."""

import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from neutron import Neutron, neutron, neutron_server
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
if getattr(sys.modules.get("qplug_quantum_neutron"), "__file__", None) is None:
    sys.modules.pop("qplug_quantum_neutron", None)

from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.options import GROUP, OPTS

__all__ = [
    "api_of",
    "clock",
    "conf",
    "database_kind",
    "database_url",
    "driver",
    "make_manager",
    "neutron",
    "neutron_conf",
    "neutron_server",
    "new_id",
    "server_databases",
]


@pytest.fixture
def neutron_conf(conf: ConfigOpts, neutron: Neutron) -> ConfigOpts:
    """Return a configuration that names the server, and nobody who asks."""
    conf.register_opts(OPTS, group=GROUP)
    conf.set_override("url", neutron.url, GROUP)
    return conf


@pytest.fixture
def driver(neutron_conf: ConfigOpts) -> Iterator[NeutronQuantum]:
    """Return the driver, started."""
    with closing(NeutronQuantum(neutron_conf)) as driver:
        yield driver
