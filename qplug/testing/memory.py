"""In-memory drivers of the kinds whose built-in drivers keep nothing."""

from collections.abc import Collection, Iterable, Sequence
from threading import RLock

from netaddr import EUI
from oslo_config.cfg import ConfigOpts

from qplug.contracts import ApiRange, DhcpDriver, L3Driver, LeaseEvents, MacDriver
from qplug.errors import CidrConflict, NoMoreMacs
from qplug.model import Call, Capability, DhcpHost, Lease, Network, mac_address, overlap


class MemoryMac(MacDriver):
    """Gives ``fa:16:3e:00:00:01`` and so on, and keeps a record of what is given."""

    api = ApiRange((1, 0), (2, 0))

    def __init__(self, conf: ConfigOpts, size: int = 1 << 23) -> None:
        self.given: dict[str, EUI] = {}
        self._next, self._end = 0xFA163E000001, 0xFA163E000001 + size
        self._lock = RLock()

    def check(self, call: Call) -> str:
        return f"{len(self.given)} address(es) given"

    def allocate(self, call: Call, *, vif_id: str, instance_id: str, project_id: str) -> EUI:
        with self._lock:
            if vif_id not in self.given:
                self.given[vif_id] = self._new()
            return self.given[vif_id]

    def deallocate(self, call: Call, *, vif_id: str, project_id: str) -> None:
        with self._lock:
            self.given.pop(vif_id, None)

    def _new(self) -> EUI:
        if self._next == self._end:
            raise NoMoreMacs("memory")
        self._next += 1
        return mac_address(EUI(self._next - 1, version=48))


class MemoryL3(L3Driver):
    """Keeps in memory which networks have a gateway, and which are translated."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SERVES})
    initialized = False

    def __init__(self, conf: ConfigOpts) -> None:
        self.gateways: dict[str, Network] = {}
        self.translated: set[str] = set()
        self._lock = RLock()

    def check(self, call: Call) -> str:
        return f"{len(self.gateways)} gateway(s) in memory"

    def initialize(self, call: Call) -> None:
        self.initialized = True

    def enable_gateway(self, call: Call, network: Network) -> None:
        with self._lock:
            for other in self.gateways.values():
                _refuse_overlap(network, other)
            self.gateways[network.id] = network

    def disable_gateway(self, call: Call, network: Network) -> None:
        with self._lock:
            self.gateways.pop(network.id, None)

    def enable_nat(self, call: Call, network: Network) -> None:
        with self._lock:
            if any(subnet.version == 4 and subnet.gateway for subnet in network.subnets):
                self.translated.add(network.id)

    def disable_nat(self, call: Call, network: Network) -> None:
        with self._lock:
            self.translated.discard(network.id)

    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        with self._lock:
            self.translated.intersection_update(network_ids)
            for stranger in self.gateways.keys() - set(network_ids):
                del self.gateways[stranger]


class MemoryDhcp(DhcpDriver, LeaseEvents):
    """Keeps in memory which hosts it would answer, and which leases it was told have ended."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SERVES})

    def __init__(self, conf: ConfigOpts) -> None:
        self.served: dict[str, dict[str, DhcpHost]] = {}
        """The hosts of each served network by their vif's id."""
        self.ended: list[Lease] = []
        """Append to it, and the manager will hear of it."""
        self._lock = RLock()

    def check(self, call: Call) -> str:
        return f"{len(self.served)} network(s) served in memory"

    def sync(self, call: Call, network: Network, hosts: Iterable[DhcpHost]) -> None:
        with self._lock:
            self.served[network.id] = {host.vif_id: host for host in hosts}

    def apply(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        with self._lock:
            if removed and not changed and network.id not in self.served:
                return
            hosts = self.served.setdefault(network.id, {})
            for host in removed:
                hosts.pop(host.vif_id, None)
            hosts.update((host.vif_id, host) for host in changed)

    def stop(self, call: Call, network: Network) -> None:
        with self._lock:
            self.served.pop(network.id, None)

    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        with self._lock:
            for stranger in self.served.keys() - set(network_ids):
                del self.served[stranger]

    def ended_leases(self, call: Call) -> Sequence[Lease]:
        with self._lock:
            return self.ended[:1000]

    def acknowledge(self, call: Call, leases: Sequence[Lease]) -> None:
        with self._lock:
            self.ended[:] = [lease for lease in self.ended if lease not in leases]


def _refuse_overlap(network: Network, other: Network) -> None:
    if network.id == other.id or not (network.has_gateway and other.has_gateway):
        return
    for one in network.subnets:
        for two in other.subnets:
            if overlap(one.cidr, two.cidr):
                raise CidrConflict(str(one.cidr), str(two.cidr), other.label)
