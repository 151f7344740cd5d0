"""All that drivers and store have, one row at a time."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from netaddr import IPAddress

from qplug.errors import NetworkNotFound
from qplug.manager.answers import listed
from qplug.manager.audit.findings import Scope
from qplug.manager.chain import Chain, step
from qplug.model import Allocation, Call, Network, Port
from qplug.store.audit import KnownNetwork

SETTLED = "active"
"""The state of what nobody works on."""


@dataclass(frozen=True)
class PortPlace:
    """A port, and what is attached to it."""

    network_id: str
    vif_id: str
    port_id: str | None
    addresses: tuple[IPAddress, ...] = field(default=(), compare=False)


class NetworkPlace(NamedTuple):
    """A network, and under which project Quantum keeps it."""

    project_id: str
    network_id: str


class PortAddress(NamedTuple):
    """An address that may be sent from a vif's port."""

    network_id: str
    vif_id: str
    address: IPAddress


def is_own(address: IPAddress) -> bool:
    """Say whether it is a link-local address that a host gives itself, and no IPAM does."""
    return bool(address.version == 6 and address.is_link_local())


class Listings:
    """Each is begun anew whenever it is asked for. What is not compared is left out."""

    def __init__(self, chain: Chain, call: Call, scope: Scope) -> None:
        self._chain = chain
        self._call = call
        self._scope = scope
        self._reads = chain.store.audit

    def ipam_addresses(self) -> Iterator[Allocation]:
        """Yield what IPAM has given to vifs."""
        doing, strange = "listing all addresses", self._scope.subnets
        with step(self._call, "ipam", doing):
            for one in self._chain.ipam.allocations(self._call):
                if listed(doing, one).subnet_id not in strange:
                    yield one

    def store_addresses(self) -> Iterator[Allocation]:
        """Yield what the store says that vifs have."""
        for network_id, one in self._reads.allocations(self._call):
            if network_id not in self._scope.networks:
                yield one

    def networks(self) -> Iterator[KnownNetwork]:
        """Yield the store's networks on which nobody works."""
        for known in self._reads.networks(self._call):
            if known.state == SETTLED and known.network.id not in self._scope.networks:
                yield known

    def quantum_networks(self) -> Iterator[NetworkPlace]:
        """Yield the networks that Quantum has of all projects that the store knows."""
        quantum, default = self._chain.quantum, self._chain.quantum_project(None)
        for project in sorted({*self._reads.projects(self._call), default}):
            with step(self._call, "quantum", "listing networks"):
                for network_id in quantum.networks(self._call, project):
                    yield NetworkPlace(project, network_id)

    def store_networks(self) -> Iterator[NetworkPlace]:
        """Yield the networks that Quantum should have."""
        for known in self.networks():
            yield NetworkPlace(known.network.quantum_project, known.network.id)

    def quantum_ports(self, network_ids: Collection[str] = ()) -> Iterator[PortPlace]:
        """Yield the ports that Quantum has, but for gateways; of some networks or of all."""
        for known in self.networks():
            network = known.network
            if network_ids and network.id not in network_ids:
                continue
            for port in self._ports(network):
                if port.attachment != network.gateway_device:
                    yield PortPlace(network.id, port.attachment, port.id, port.addresses)

    def shown_addresses(self, network_ids: Collection[str] = ()) -> Iterator[PortAddress]:
        """Yield the addresses that ports show, of some networks or of all."""
        for port in self.quantum_ports(network_ids):
            for address in port.addresses:
                if not is_own(address):
                    yield PortAddress(port.network_id, port.vif_id, address)

    def addresses_to_show(self) -> Iterator[PortAddress]:
        """Yield the addresses that ports should show."""
        absent = self._scope.networks | self._scope.lost
        for network_id, one in self._reads.allocations(self._call):
            if network_id not in absent and not is_own(one.address):
                yield PortAddress(network_id, one.vif_id, one.address)

    def _ports(self, network: Network) -> Iterator[Port]:
        project = network.quantum_project
        try:
            with step(self._call, "quantum", "listing ports"):
                yield from self._chain.quantum.ports(self._call, project, network.id)
        except NetworkNotFound:
            return  # that it is gone is a difference of its own

    def store_ports(self) -> Iterator[PortPlace]:
        """Yield the ports that Quantum should have."""
        absent = self._scope.networks | self._scope.lost
        for row in self._reads.ports(self._call):
            if row.network_id not in absent:
                yield PortPlace(row.network_id, row.vif_id, row.port_id)
