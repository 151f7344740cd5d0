import pytest
from oslo_config import cfg
from oslo_config.cfg import ConfigOpts

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.model.ipv6 import ACCOUNT_IDENTIFIER, BACKENDS, RFC2462
from qplug.testing.ipam import IpamDriverSuite


@pytest.fixture
def conf() -> ConfigOpts:
    conf = ConfigOpts()
    backend = cfg.StrOpt("ipv6_backend", choices=BACKENDS, default=RFC2462)
    conf.register_opt(backend, group="ipam")
    return conf


class TestMemoryIpam(IpamDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryIpam:
        return MemoryIpam(conf)


class TestMemoryIpamDerivingByAccount(IpamDriverSuite):
    backend_can_go = False
    ipv6_backend = ACCOUNT_IDENTIFIER

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryIpam:
        conf.set_override("ipv6_backend", ACCOUNT_IDENTIFIER, group="ipam")
        return MemoryIpam(conf)
