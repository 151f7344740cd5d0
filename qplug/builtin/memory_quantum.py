"""A network service in this process, for trying things out and for tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import RLock
from uuid import uuid4

from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.contracts import AddressPairs, ApiRange, QuantumDriver
from qplug.errors import AttachedTwice, NetworkBusy, NetworkNotFound
from qplug.model import AddressPair, Call, Capability, Port, PortRequest


@dataclass
class _Network:
    project_id: str
    label: str
    key: str
    ports: dict[str, PortRequest] = field(default_factory=dict)

    def ports_of(self, attachment: str) -> list[str]:
        return [id_ for id_, port in self.ports.items() if port.attachment == attachment]


class MemoryQuantum(QuantumDriver, AddressPairs):
    """Forgets everything with its process; a network is seen by its own project alone."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.ADDRESS_PAIRS})

    def __init__(self, conf: ConfigOpts) -> None:
        self._lock = RLock()
        self._networks: dict[str, _Network] = {}

    def check(self, call: Call) -> str:
        """Say how much there is to forget."""
        return f"{len(self._networks)} network(s), kept in this process"

    # --- networks -------------------------------------------------------------------------------

    def create_network(
        self, call: Call, project_id: str, label: str, *, key: str, zone: str | None = None
    ) -> str:
        """Make a network with an id of its own, marked with the key."""
        with self._lock:
            made = self._by_key(project_id, key) or str(uuid4())
            self._networks.setdefault(made, _Network(project_id, label, key))
            return made

    def network_by_key(self, call: Call, project_id: str, key: str) -> str | None:
        """Look for the mark."""
        with self._lock:
            return self._by_key(project_id, key)

    def delete_network(self, call: Call, project_id: str, network_id: str) -> bool:
        """Delete a network without ports."""
        with self._lock:
            if not (network := self._seen(project_id, network_id)):
                return False
            if network.ports:
                raise NetworkBusy(network_id, len(network.ports))
            del self._networks[network_id]
            return True

    def network_exists(self, call: Call, project_id: str, network_id: str) -> bool:
        """Say whether it is the project's."""
        with self._lock:
            return self._seen(project_id, network_id) is not None

    def network_name(self, call: Call, project_id: str, network_id: str) -> str:
        """Return its label."""
        with self._lock:
            return self._network(project_id, network_id).label

    def networks(self, call: Call, project_id: str) -> Iterator[str]:
        """Yield the ids there were at the first one."""
        with self._lock:
            mine = [id_ for id_, each in self._networks.items() if each.project_id == project_id]
        yield from mine

    # --- ports ----------------------------------------------------------------------------------

    def attach_port(
        self, call: Call, project_id: str, network_id: str, request: PortRequest
    ) -> str:
        """Make the attachment's port, or find it."""
        with self._lock:
            network = self._network(project_id, network_id)
            found = _only(network_id, request.attachment, network)
            return found or self.make_port(project_id, network_id, request)

    def make_port(self, project_id: str, network_id: str, request: PortRequest) -> str:
        """Make a port even where the attachment has one, as some other program may."""
        with self._lock:
            made = str(uuid4())
            self._network(project_id, network_id).ports[made] = request
            return made

    def detach_port(self, call: Call, project_id: str, network_id: str, port_id: str) -> bool:
        """Forget the port."""
        with self._lock:
            network = self._seen(project_id, network_id)
            return network is not None and network.ports.pop(port_id, None) is not None

    def port_by_attachment(
        self, call: Call, project_id: str, network_id: str, attachment: str
    ) -> str | None:
        """Look through the network's ports."""
        with self._lock:
            network = self._seen(project_id, network_id)
            return _only(network_id, attachment, network) if network else None

    def ports(self, call: Call, project_id: str, network_id: str) -> Iterator[Port]:
        """Yield the ports there were when it was called."""
        with self._lock:
            network = self._network(project_id, network_id)
            ports = [
                Port(id=id_, attachment=each.attachment, addresses=_shown(each))
                for id_, each in network.ports.items()
            ]
        return iter(ports)

    def set_address_pairs(
        self,
        call: Call,
        project_id: str,
        network_id: str,
        port_id: str,
        pairs: Sequence[AddressPair],
    ) -> None:
        """Note the pairs; :meth:`port_request` shows them."""
        with self._lock:
            ports = self._network(project_id, network_id).ports
            if port_id not in ports:
                raise NetworkNotFound(network_id, project_id)
            ports[port_id] = replace(ports[port_id], address_pairs=tuple(pairs))

    def port_request(self, network_id: str, port_id: str) -> PortRequest:
        """Return all that a port was made with, its address pairs as they are now."""
        with self._lock:
            return self._networks[network_id].ports[port_id]

    # --- inside ---------------------------------------------------------------------------------

    def _by_key(self, project_id: str, key: str) -> str | None:
        wanted = (project_id, key)
        found = (id_ for id_, n in self._networks.items() if (n.project_id, n.key) == wanted)
        return next(found, None)

    def _seen(self, project_id: str, network_id: str) -> _Network | None:
        network = self._networks.get(network_id)
        return network if network and network.project_id == project_id else None

    def _network(self, project_id: str, network_id: str) -> _Network:
        if network := self._seen(project_id, network_id):
            return network
        raise NetworkNotFound(network_id, project_id)


def _shown(port: PortRequest) -> tuple[IPAddress, ...]:
    return tuple(pair.address for pair in port.address_pairs) or port.addresses


def _only(network_id: str, attachment: str, network: _Network) -> str | None:
    ports = network.ports_of(attachment)
    if len(ports) > 1:
        raise AttachedTwice(network_id, attachment, ports)
    return ports[0] if ports else None
