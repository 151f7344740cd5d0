"""The drivers whose state is in files keep their contracts, and lose nothing with a process."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from netaddr import EUI, IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.contracts import DhcpDriver, Driver, L3Driver, MacDriver
from qplug.model import Network
from qplug.testing.dhcp import Answers, DhcpDriverSuite, answers_for
from qplug.testing.files import FileDhcp, FileL3, FileMac
from qplug.testing.l3 import L3DriverSuite
from qplug.testing.mac import MacDriverSuite, give
from qplug.testing.processes import at_once
from qplug.testing.values import call, dhcp_host, network, vif


@contextmanager
def locked(conf: ConfigOpts, name: str) -> Iterator[None]:
    """Have a driver's file locked by somebody who never lets it go."""
    path = Path(conf.state_path) / f"{name}.lock"
    path.parent.mkdir()
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class TestFileMac(MacDriverSuite):
    patience = 0.2

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MacDriver:
        return FileMac(conf)

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts) -> Iterator[Driver]:
        with locked(conf, "mac"):
            yield FileMac(conf)

    @pytest.fixture
    def exhausted_driver(self, conf: ConfigOpts) -> MacDriver:
        return FileMac(conf, size=0)


class TestFileL3(L3DriverSuite):
    patience = 0.2

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> L3Driver:
        return FileL3(conf)

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts) -> Iterator[Driver]:
        with locked(conf, "l3"):
            yield FileL3(conf)

    def has_gateway(self, driver: L3Driver, network: Network) -> bool:
        assert isinstance(driver, FileL3)
        return network.id in driver.gateways

    def has_nat(self, driver: L3Driver, network: Network) -> bool:
        assert isinstance(driver, FileL3)
        return network.id in driver.translated


class TestFileDhcp(DhcpDriverSuite):
    patience = 0.2

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> DhcpDriver:
        return FileDhcp(conf)

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts) -> Iterator[Driver]:
        with locked(conf, "dhcp"):
            yield FileDhcp(conf)

    def answers(self, driver: DhcpDriver, network: Network) -> Answers | None:
        assert isinstance(driver, FileDhcp)
        hosts = driver.served.get(network.id)
        return None if hosts is None else answers_for(*hosts.values())


def test_processes_at_once_give_each_vif_a_mac_address_of_its_own(conf: ConfigOpts) -> None:
    ends = at_once([partial(give, FileMac(conf), f"vif-{n}") for n in range(8)])
    assert sorted(FileMac(conf).given) == [f"vif-{n}" for n in range(8)]
    assert {EUI(end.said) for end in ends} == set(FileMac(conf).given.values())
    assert len(set(FileMac(conf).given.values())) == 8


def test_hosts_that_processes_add_at_once_are_all_served(conf: ConfigOpts) -> None:
    net = network("10.0.0.0/24")
    hosts = [dhcp_host(vif(net), f"10.0.0.{n}") for n in range(2, 8)]
    at_once([partial(FileDhcp(conf).apply, call(), net, changed=[host]) for host in hosts])
    assert FileDhcp(conf).served == {net.id: {host.vif_id: host for host in hosts}}
    assert hosts[0].addresses == (IPAddress("10.0.0.2"),)
