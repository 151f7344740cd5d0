"""Every driver that the core brings keeps its contract, those for tests too."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.builtin.local_quantum import LocalQuantum
from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.builtin.null_dhcp import NullDhcp
from qplug.builtin.null_l3 import NullL3
from qplug.builtin.random_mac import RandomMac
from qplug.config import load_config
from qplug.contracts import DhcpDriver, Driver, IpamDriver, L3Driver, MacDriver, QuantumDriver
from qplug.errors import BackendUnavailable
from qplug.model import DhcpHost, Lease, Network
from qplug.model.ipv6 import ACCOUNT_IDENTIFIER
from qplug.testing.dhcp import Answers, DhcpDriverSuite, answers_for
from qplug.testing.ipam import IpamDriverSuite
from qplug.testing.l3 import L3DriverSuite
from qplug.testing.mac import MacDriverSuite
from qplug.testing.memory import MemoryDhcp, MemoryL3, MemoryMac
from qplug.testing.quantum import QuantumDriverSuite, port_request
from qplug.testing.recording import STEPS, Journal
from qplug.testing.watching import watched


@pytest.fixture
def conf(monkeypatch: pytest.MonkeyPatch) -> ConfigOpts:
    monkeypatch.setenv("QPLUG_CONFIG", os.devnull)
    return load_config()


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def broken_journal() -> Journal:
    journal = Journal()
    for step in STEPS:
        journal.fail(step, BackendUnavailable("the journal", "told to"))
    return journal


# --- ipam ---------------------------------------------------------------------------------------


class TestMemoryIpam(IpamDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> IpamDriver:
        return MemoryIpam(conf)


class TestMemoryIpamDerivingByAccount(IpamDriverSuite):
    backend_can_go = False
    ipv6_backend = ACCOUNT_IDENTIFIER

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> IpamDriver:
        conf.set_override("ipv6_backend", ACCOUNT_IDENTIFIER, group="ipam")
        return MemoryIpam(conf)


class TestWatchedIpam(IpamDriverSuite):
    @pytest.fixture
    def driver(self, conf: ConfigOpts, journal: Journal) -> IpamDriver:
        return watched(MemoryIpam(conf), "ipam", journal.run)

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts, broken_journal: Journal) -> Driver:
        return watched(MemoryIpam(conf), "ipam", broken_journal.run)


# --- quantum ------------------------------------------------------------------------------------


class TestMemoryQuantum(QuantumDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> QuantumDriver:
        return MemoryQuantum(conf)

    def attach_again(
        self, driver: QuantumDriver, project_id: str, network_id: str, attachment: str
    ) -> None:
        assert isinstance(driver, MemoryQuantum)
        driver.make_port(project_id, network_id, port_request(attachment))


class TestWatchedQuantum(TestMemoryQuantum):
    backend_can_go = True

    @pytest.fixture
    def driver(self, conf: ConfigOpts, journal: Journal) -> QuantumDriver:
        return watched(MemoryQuantum(conf), "quantum", journal.run)

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts, broken_journal: Journal) -> Driver:
        return watched(MemoryQuantum(conf), "quantum", broken_journal.run)


class TestLocalQuantum(QuantumDriverSuite):
    attachments_are_unique = True

    @pytest.fixture
    def driver(self, conf: ConfigOpts, tmp_path: Path) -> Iterator[QuantumDriver]:
        conf.set_override("connection", f"sqlite:///{tmp_path}/qplug.sqlite", group="database")
        driver = LocalQuantum(conf)
        yield driver
        driver.close()

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts, tmp_path: Path) -> Driver:
        conf.set_override("connection", f"sqlite:///{tmp_path}/gone/db.sqlite", group="database")
        return LocalQuantum(conf)


# --- mac ----------------------------------------------------------------------------------------


class TestRandomMac(MacDriverSuite):
    backend_can_go = False
    can_run_out = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MacDriver:
        return RandomMac(conf)


class TestMemoryMac(MacDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MacDriver:
        return MemoryMac(conf)

    @pytest.fixture
    def exhausted_driver(self, conf: ConfigOpts) -> MacDriver:
        return MemoryMac(conf, size=0)


class TestWatchedMac(MacDriverSuite):
    can_run_out = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts, journal: Journal) -> MacDriver:
        return watched(MemoryMac(conf), "mac", journal.run)

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts, broken_journal: Journal) -> Driver:
        return watched(MemoryMac(conf), "mac", broken_journal.run)


# --- l3 -----------------------------------------------------------------------------------------


class TestNullL3(L3DriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> L3Driver:
        return NullL3(conf)


class TestWatchedL3(L3DriverSuite):
    @pytest.fixture
    def driver(self, conf: ConfigOpts, journal: Journal) -> L3Driver:
        return watched(MemoryL3(conf), "l3", journal.run)

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts, broken_journal: Journal) -> Driver:
        return watched(MemoryL3(conf), "l3", broken_journal.run)

    def has_gateway(self, driver: L3Driver, network: Network) -> bool:
        assert isinstance(driver, MemoryL3)
        return network.id in driver.gateways

    def has_nat(self, driver: L3Driver, network: Network) -> bool:
        assert isinstance(driver, MemoryL3)
        return network.id in driver.translated


# --- dhcp ---------------------------------------------------------------------------------------


class TestNullDhcp(DhcpDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> DhcpDriver:
        return NullDhcp(conf)


class TestWatchedDhcp(DhcpDriverSuite):
    @pytest.fixture
    def driver(self, conf: ConfigOpts, journal: Journal) -> DhcpDriver:
        return watched(MemoryDhcp(conf), "dhcp", journal.run)

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts, broken_journal: Journal) -> Driver:
        return watched(MemoryDhcp(conf), "dhcp", broken_journal.run)

    def answers(self, driver: DhcpDriver, network: Network) -> Answers | None:
        assert isinstance(driver, MemoryDhcp)
        hosts = driver.served.get(network.id)
        return None if hosts is None else answers_for(*hosts.values())

    def end_lease(self, driver: DhcpDriver, network: Network, host: DhcpHost) -> None:
        assert isinstance(driver, MemoryDhcp)
        lease = Lease(network_id=network.id, address=host.addresses[0], mac=host.mac)
        driver.ended.append(lease)
