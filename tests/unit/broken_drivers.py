"""Drivers with one defect each, for the suites to find; run by test_conformance_suites.py."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from socket import create_connection
from threading import Event, RLock
from typing import Any

import pytest
from netaddr import EUI, IPAddress
from oslo_config import cfg
from oslo_config.cfg import ConfigOpts

from qplug.builtin import memory_ipam
from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.contracts import IpamDriver
from qplug.errors import NetworkBusy, NoMoreFixedIps
from qplug.model import (
    Allocation,
    Call,
    Capability,
    DhcpHost,
    Lease,
    Network,
    PortRequest,
    Subnet,
    Vif,
    bounds,
)
from qplug.model.ipv6 import ACCOUNT_IDENTIFIER, RFC2462, to_global
from qplug.testing.deaf import deaf_port
from qplug.testing.dhcp import DhcpDriverSuite
from qplug.testing.ipam import IpamDriverSuite
from qplug.testing.l3 import L3DriverSuite
from qplug.testing.mac import MacDriverSuite
from qplug.testing.memory import MemoryDhcp, MemoryL3, MemoryMac
from qplug.testing.quantum import QuantumDriverSuite


@pytest.fixture
def conf() -> ConfigOpts:
    conf = ConfigOpts()
    conf.register_opt(cfg.StrOpt("ipv6_backend", default="rfc2462"), group="ipam")
    return conf


class _IpamSuite(IpamDriverSuite, base=True):
    backend_can_go = False
    defective: type[MemoryIpam]

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> IpamDriver:
        return self.defective(conf)


class _WithoutLock(MemoryIpam):
    def __init__(self, conf: ConfigOpts) -> None:
        super().__init__(conf)
        self._lock: Any = nullcontext()

    def _choose(self, *args: Any) -> int:
        chosen = super()._choose(*args)
        Event().wait(0.001)  # a server's answer takes its time
        return chosen


class WithoutLock(_IpamSuite):
    defective = _WithoutLock


class _ByAddress(MemoryIpam):
    """Takes back the addresses that the vif once had, whoever has them now."""

    def __init__(self, conf: ConfigOpts) -> None:
        super().__init__(conf)
        self._once: dict[str, Sequence[Allocation]] = {}

    def deallocate(self, call: Call, network: Network, vif: Vif, *, reuse_delay: float = 0) -> None:
        self._once.setdefault(vif.id, self._held.get(vif.id, [])[:])
        gone = {each.address for each in self._once[vif.id]}
        for held in [each for many in self._held.values() for each in many]:
            if held.address in gone:
                pool = memory_ipam._pool_with(held.address, self._pools[network.id])
                self._take_back(call, pool, held, reuse_delay)


class ByAddress(_IpamSuite):
    defective = _ByAddress


class _ByInstance(MemoryIpam):
    """Takes the instance for the key."""

    def __init__(self, conf: ConfigOpts) -> None:
        super().__init__(conf)
        self._vifs: dict[str, dict[str, Vif]] = {}

    def _held_on(self, network: Network, vif: Vif) -> Any:
        vifs = self._vifs.setdefault(vif.instance_id, {})
        vifs[vif.id] = vif
        return [
            each
            for one in vifs.values()
            for each in super(_ByInstance, self)._held_on(network, one)
        ]


class ByInstance(_IpamSuite):
    defective = _ByInstance


class _ByInstanceBack(_ByInstance):
    """Gives to vifs, and takes back from instances."""

    def allocate(
        self, call: Call, network: Network, vif: Vif, wanted: Sequence[IPAddress] = ()
    ) -> Sequence[Allocation]:
        others = self._vifs.pop(vif.instance_id, {})
        given = super().allocate(call, network, vif, wanted)
        self._vifs[vif.instance_id].update(others)
        return given


class ByInstanceBack(_IpamSuite):
    defective = _ByInstanceBack


class _ListOfHosts(MemoryIpam):
    def create_subnets(self, call: Call, network: Network) -> None:
        super().create_subnets(call, network)
        self.hosts = [range(min(subnet.cidr.size, 1 << 20)) for subnet in network.subnets]
        self.free = [list(hosts) for hosts in self.hosts]


class ListOfHosts(_IpamSuite):
    defective = _ListOfHosts


class _HalfGiven(MemoryIpam):
    def allocate(
        self, call: Call, network: Network, vif: Vif, wanted: Sequence[IPAddress] = ()
    ) -> Sequence[Allocation]:
        with self._lock:
            return [
                self._give(pool, self._choose(call, network, pool, vif, wanted), vif)
                for pool in self._kept(network)
            ]


class HalfGiven(_IpamSuite):
    defective = _HalfGiven


class _WithoutRest(MemoryIpam):
    def _take_back(self, call: Call, pool: Any, held: Allocation, delay: float) -> None:
        super()._take_back(call, pool, held, 0)


class WithoutRest(_IpamSuite):
    defective = _WithoutRest


class _LeaseOfAnyNetwork(MemoryIpam):
    def lease_ended(self, call: Call, lease: Lease) -> None:
        for each in self._pools:
            super().lease_ended(call, replace(lease, network_id=each))


class LeaseOfAnyNetwork(_IpamSuite):
    defective = _LeaseOfAnyNetwork


class _LeaseOfAnybody(MemoryIpam):
    def lease_ended(self, call: Call, lease: Lease) -> None:
        for pool in self._pools.get(lease.network_id, []):
            if rest := pool.rest_of(lease.address.value, call.now):
                super().lease_ended(call, replace(lease, mac=rest.mac))


class LeaseOfAnybody(_IpamSuite):
    defective = _LeaseOfAnybody


class _PoolsForgetWhatRests(MemoryIpam):
    def update_subnets(self, call: Call, network: Network) -> None:
        super().update_subnets(call, network)
        for pool in self._pools[network.id]:
            pool._resting.clear()


class PoolsForgetWhatRests(_IpamSuite):
    defective = _PoolsForgetWhatRests


class _PoolsAsTheyWere(MemoryIpam):
    def update_subnets(self, call: Call, network: Network) -> None:
        self.create_subnets(call, network)


class PoolsAsTheyWere(_IpamSuite):
    defective = _PoolsAsTheyWere


class _GivesAgainWhatIsUsed(MemoryIpam):
    def update_subnets(self, call: Call, network: Network) -> None:
        super().update_subnets(call, network)
        for pool in self._pools[network.id]:
            pool._fresh = bounds(pool.assignable)


class GivesAgainWhatIsUsed(_IpamSuite):
    defective = _GivesAgainWhatIsUsed


class _SubnetsOneByOne(MemoryIpam):
    def update_subnets(self, call: Call, network: Network) -> None:
        for part in network.subnets:
            self.create_subnets(call, replace(network, subnets=(part,)))
        super().update_subnets(call, network)


class SubnetsOneByOne(_IpamSuite):
    defective = _SubnetsOneByOne


class _PagesOverlap(MemoryIpam):
    def _of_pool(self, pool: Any) -> Sequence[Allocation]:
        given = super()._of_pool(pool)
        return [*given[:10], *given[9:]]


class PagesOverlap(_IpamSuite):
    defective = _PagesOverlap


class _OfOneBackend(MemoryIpam):
    def _derived(self, network: Network, subnet: Subnet, vif: Vif) -> IPAddress:
        return to_global(RFC2462, subnet.cidr, vif.mac, network.quantum_project)


class OfOneBackend(_IpamSuite):
    defective: type[MemoryIpam] = _OfOneBackend

    @pytest.fixture
    def account_driver(self, driver: IpamDriver, conf: ConfigOpts) -> IpamDriver:
        conf.set_override("ipv6_backend", ACCOUNT_IDENTIFIER, "ipam")
        return driver


class _OfTheVifsProject(MemoryIpam):
    def _derived(self, network: Network, subnet: Subnet, vif: Vif) -> IPAddress:
        return to_global(self._conf.ipam.ipv6_backend, subnet.cidr, vif.mac, vif.project_id)


class OfTheVifsProject(OfOneBackend):
    defective = _OfTheVifsProject


class _NotShared(MemoryIpam):
    capabilities = MemoryIpam.capabilities | {Capability.SHARED}


class NotShared(_IpamSuite):
    defective = _NotShared

    @pytest.fixture
    def same_driver(self, driver: IpamDriver, conf: ConfigOpts) -> IpamDriver:
        return _NotShared(conf)


class LocksOnlyItself(_IpamSuite):
    """Both drivers know the same, and each locks only itself."""

    class _Shared(_WithoutLock):
        capabilities = _NotShared.capabilities

    defective = _Shared

    @pytest.fixture
    def same_driver(self, driver: MemoryIpam, conf: ConfigOpts) -> IpamDriver:
        second = self._Shared(conf)
        second._pools, second._held = driver._pools, driver._held
        for one in (driver, second):
            one._lock = RLock()
        return second


class WithoutSameDriver(_IpamSuite):
    defective = _NotShared


class _Untyped(MemoryIpam):
    def _kept(self, network: Network) -> Any:
        return self._pools[network.id]


class Untyped(_IpamSuite):
    defective = _Untyped


class _FullAtEverything(MemoryIpam):
    def allocate(self, call: Call, network: Network, vif: Vif, wanted: Any = ()) -> Any:
        raise NoMoreFixedIps(network.id, "10.0.0.0/8")


class FullAtEverything(_IpamSuite):
    defective = _FullAtEverything


class WithoutGoneDriver(MacDriverSuite):
    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryMac:
        return MemoryMac(conf)


class _Waiting(MemoryMac):
    """Asks a server, and waits for its answer as long as it takes."""

    port: int

    def check(self, call: Call) -> str:
        with create_connection(("127.0.0.1", self.port)) as server:
            return str(server.recv(1))


class Waiting(MacDriverSuite):
    patience = 0.1
    can_run_out = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryMac:
        return MemoryMac(conf)

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts) -> Iterator[MemoryMac]:
        driver = _Waiting(conf)
        with deaf_port() as driver.port:
            yield driver


class _Multicast(MemoryMac):
    def allocate(self, call: Call, **of: str) -> EUI:
        return EUI("01:00:5e:00:00:01")


class Multicast(MacDriverSuite):
    backend_can_go = can_run_out = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryMac:
        return _Multicast(conf)


class _SeenByAll(MemoryQuantum):
    def _seen(self, project_id: str, network_id: str) -> Any:
        return self._networks.get(network_id)

    def delete_network(self, call: Call, project_id: str, network_id: str) -> bool:
        try:
            return super().delete_network(call, project_id, network_id)
        except NetworkBusy:
            self._networks.pop(network_id)
            return True

    def attach_port(
        self, call: Call, project_id: str, network_id: str, request: PortRequest
    ) -> str:
        return self.make_port(project_id, network_id, request)


class SeenByAll(QuantumDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryQuantum:
        return _SeenByAll(conf)


class NeverLookedAt(L3DriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryL3:
        return MemoryL3(conf)


class _Overwriting(MemoryDhcp):
    def apply(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        self.sync(call, network, changed)


class Overwriting(DhcpDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, conf: ConfigOpts) -> MemoryDhcp:
        return _Overwriting(conf)

    def answers(self, driver: Any, network: Network) -> Any:
        hosts = driver.served.get(network.id)
        return hosts and {h.mac: frozenset(h.addresses) for h in hosts.values()}
