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
if getattr(sys.modules.get("qplug_dhcp_dnsmasq"), "__file__", None) is None:
    sys.modules.pop("qplug_dhcp_dnsmasq", None)

from qplug_dhcp_dnsmasq.driver import DnsmasqDhcp
from qplug_dhcp_dnsmasq.options import GROUP, opts

__all__ = [
    "api_of",
    "clock",
    "conf",
    "database_kind",
    "database_url",
    "dnsmasq_conf",
    "driver",
    "linux_host",
    "make_manager",
    "new_id",
    "server_databases",
]


@pytest.fixture
def dnsmasq_conf(conf: ConfigOpts, linux_host: LinuxHost) -> ConfigOpts:
    """Return a configuration whose files go where dnsmasq's user can read them."""
    conf.register_opts(opts(), group=GROUP)
    conf.set_override("networks_path", str(linux_host.path / "dnsmasq"), GROUP)
    return conf


@pytest.fixture
def driver(dnsmasq_conf: ConfigOpts) -> Iterator[DnsmasqDhcp]:
    """Return the driver, started."""
    with closing(DnsmasqDhcp(dnsmasq_conf)) as driver:
        yield driver
