"""The shipped suites on drivers that are sound, until a fault is planted."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.builtin.local_quantum import LocalQuantum
from qplug.builtin.memory_ipam import MemoryIpam
from qplug.contracts import IpamDriver
from qplug.model import Network
from qplug.store import tables
from qplug.store.migrations import MIGRATIONS
from qplug.testing import fixtures
from qplug.testing.auditing import AuditSuite
from qplug.testing.crash import KillSuite, PauseSuite
from qplug.testing.crash.stage import Makers
from qplug.testing.dhcp import Answers, DhcpDriverSuite
from qplug.testing.failing import FailSuite
from qplug.testing.ipam import IpamDriverSuite
from qplug.testing.l3 import L3DriverSuite
from qplug.testing.mac import MacDriverSuite
from qplug.testing.memory import MemoryDhcp, MemoryL3, MemoryMac
from qplug.testing.migrations import MigrationsSuite
from qplug.testing.quantum import QuantumDriverSuite

bare_database_url = fixtures.bare_database_url
clock = fixtures.clock
conf = fixtures.conf
database_kind = fixtures.database_kind
database_url = fixtures.database_url
make_manager = fixtures.make_manager
new_id = fixtures.new_id
server_databases = fixtures.server_databases


def nova(conf: ConfigOpts) -> IpamDriver:
    return loader.load(loader.IPAM, "nova", conf)


class Nova(IpamDriverSuite):
    patience = 0.2

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> Iterator[IpamDriver]:
        with closing(nova(conf)) as driver:
            yield driver

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts, tmp_path: Path) -> Iterator[IpamDriver]:
        """Return a driver whose database another program has locked."""
        conf.set_override("connection", f"sqlite:///{tmp_path / 'locked.sqlite'}", "database")
        with closing(sqlite3.connect(tmp_path / "locked.sqlite")) as other:
            other.execute("BEGIN EXCLUSIVE")
            with closing(nova(conf)) as driver:
                yield driver


class IpamInMemory(IpamDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryIpam:
        return MemoryIpam(conf)


class Local(QuantumDriverSuite):
    backend_can_go = False
    attachments_are_unique = True

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> Iterator[LocalQuantum]:
        with closing(LocalQuantum(conf)) as driver:
            yield driver


class MacInMemory(MacDriverSuite):
    backend_can_go = can_run_out = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryMac:
        return MemoryMac(conf)


class L3InMemory(L3DriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryL3:
        return MemoryL3(conf)

    def has_gateway(self, driver: Any, network: Network) -> bool:
        return network.id in driver.gateways

    def has_nat(self, driver: Any, network: Network) -> bool:
        return network.id in driver.translated


class DhcpInMemory(DhcpDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryDhcp:
        return MemoryDhcp(conf)

    def answers(self, driver: Any, network: Network) -> Answers | None:
        hosts = driver.served.get(network.id)
        if hosts is None:
            return None
        return {host.mac: frozenset[IPAddress](host.addresses) for host in hosts.values()}


class Tables(MigrationsSuite):
    __test__ = True
    migrations = MIGRATIONS
    metadata = tables.metadata


class Failing(FailSuite):
    @pytest.fixture
    def drivers(self) -> Makers:
        return {}


class Killing(KillSuite):
    @pytest.fixture
    def drivers(self) -> Makers:
        return {}


class Pausing(PauseSuite):
    @pytest.fixture
    def drivers(self) -> Makers:
        return {}


class Auditing(AuditSuite):
    @pytest.fixture
    def drivers(self) -> Mapping[str, Any]:
        return {}
