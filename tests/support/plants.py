"""Making drivers differ from the store, behind the manager's back."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from netaddr import IPAddress

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.model import Difference, Instance, Network, NetworkRequest, PortRequest, Vif
from qplug.store import NO_MAC
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.values import call


@dataclass(frozen=True)
class Allocated:
    """An instance with its one vif."""

    instance: Instance
    vif: Vif
    address: IPAddress
    port_id: str


class Planted:
    """A chain on which drivers are told things that the store does not hear of."""

    def __init__(self, chain: RecordedChain) -> None:
        self.chain = chain
        self.ipam: MemoryIpam = chain.ipam
        self.quantum: MemoryQuantum = chain.quantum

    def allocated(self, network: Network, *wanted: str) -> Allocated:
        """Return a new instance on a network."""
        made = instance(project_id=network.project_id or "project-a")
        request = NetworkRequest(network_id=network.id, addresses=tuple(map(IPAddress, wanted)))
        (info,) = self.chain.admin.allocate_for_instance(made, [request])
        (vif,) = self.chain.admin.get_vifs_by_instance(made.id)
        port = self.quantum.port_by_attachment(call(), network.quantum_project, network.id, vif.id)
        assert port is not None
        return Allocated(made, vif, IPAddress(str(info.fixed_ips()[0].address)), port)

    def stranger(self, network: Network, *, instance_id: str | None = None) -> Vif:
        """Return a vif of which the store never heard."""
        return Vif(
            id=str(uuid4()),
            network_id=network.id,
            instance_id=instance_id or str(uuid4()),
            project_id="project-a",
            mac=NO_MAC,
        )

    def give(self, network: Network, vif: Vif, address: str) -> None:
        """Have IPAM give an address to a vif."""
        self.ipam.add_address(call(), network, vif, wanted=IPAddress(address))

    def take(self, network: Network, vif: Vif, address: IPAddress) -> None:
        """Have IPAM forget an address of a vif."""
        self.ipam.remove_address(call(), network, vif, address)

    def attach(self, network: Network, attachment: str, *addresses: str) -> str:
        """Have Quantum make a port, which shows addresses."""
        request = PortRequest(attachment=attachment, addresses=tuple(map(IPAddress, addresses)))
        return self.quantum.make_port(network.quantum_project, network.id, request)

    def detach(self, network: Network, port_id: str) -> None:
        """Have Quantum lose a port."""
        assert self.quantum.detach_port(call(), network.quantum_project, network.id, port_id)

    def holders(self, network: Network) -> dict[str, str]:
        """Return which vif has which address in IPAM."""
        given = self.ipam.allocations(call(), network_id=network.id)
        return {str(one.address): one.vif_id for one in given}

    def audit(self, **how: object) -> Sequence[Difference]:
        """Return what an audit finds."""
        return list(self.chain.admin.audit(**how))  # type: ignore[arg-type]  # its keywords
