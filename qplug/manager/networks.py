"""Networks that are there: looking at them, and who serves and owns them."""

from collections.abc import Sequence
from dataclasses import replace

from qplug.contracts import AddressUsage
from qplug.errors import NetworkNotFound, NotSupported
from qplug.manager.chain import Chain, step
from qplug.manager.pending import Pending
from qplug.manager.requests import check_name, check_text
from qplug.manager.waiting import waited
from qplug.model import Call, Network, SubnetUsage


class Networks:
    """Reads networks, and changes their host and owner."""

    def __init__(self, chain: Chain, pending: Pending) -> None:
        self._chain = chain
        self._pending = pending
        self._store = chain.store.networks

    # --- reading ---

    def get(self, call: Call, id_or_label: str, sees: str | None = None) -> Network:
        """Return a network by id or label.

        :raises NetworkNotFound, AmbiguousLabel: there is none, or several
        """
        return self._store.find(call, check_name(id_or_label), project_id=sees)

    def all(self, call: Call, sees: str | None = None) -> Sequence[Network]:
        """Return global networks and those of the project, each once, in order of creation."""
        return self._store.all(call, project_id=sees)

    def resolve(self, call: Call, network_id: str, project_id: str | None) -> Network:
        """Return the network of an id, as it stands in Quantum for that project.

        One that the store does not have is a placeholder: it can be looked for in Quantum, and
        has no subnets that could give an address.
        """
        try:
            return self._store.find(call, network_id)
        except NetworkNotFound:
            quantum_project = self._chain.quantum_project(project_id)
            return Network(
                id=network_id,
                label=f"quantum-net-{network_id}",
                project_id=quantum_project,
                quantum_project=quantum_project,
                priority=0,
                drivers=self._chain.names,
            )

    def validate(self, call: Call, names: Sequence[str], sees: str | None) -> Sequence[Network]:
        """Return the networks named, each with a subnet in IPAM and known to Quantum.

        :raises NetworkNotFound: one is not visible, or not complete
        """
        return [self._validated(call, name, sees) for name in names]

    def _validated(self, call: Call, name: str, sees: str | None) -> Network:
        network = self.get(call, name, sees)
        self._chain.refuse_other_drivers(network)
        with step(call, "ipam", "looking for the network's subnets"):
            subnets = self._chain.ipam.subnet_ids(call, network.id)
        with step(call, "quantum", "looking for the network"):
            exists = self._chain.quantum.network_exists(call, network.quantum_project, network.id)
        if not subnets or not exists:
            raise NetworkNotFound(name, sees)
        return network

    def usage(self, call: Call, networks: Sequence[Network]) -> Sequence[SubnetUsage]:
        """Return how full the subnets of the networks are, in order of the networks.

        Networks that another IPAM driver serves are left out.

        :raises NotSupported: the IPAM driver does not count
        """
        ipam, name = self._chain.ipam, self._chain.names.ipam
        if not isinstance(ipam, AddressUsage):
            raise NotSupported("usage figures", "ipam", name)
        ids = [network.id for network in networks if network.drivers.ipam == name]
        with step(call, "ipam", "counting addresses"):
            counted = {usage.subnet_id: usage for usage in ipam.usage(call, ids)}
        held = self._chain.store.search.held(call, ids)
        return [
            _with_held(counted[subnet.id], held.get(subnet.id, 0))
            for network in networks
            for subnet in network.subnets
            if subnet.id in counted
        ]

    # --- changing ---

    def set_host(self, call: Call, network: Network, host: str) -> str:
        """Make the host the network's unless it has one, and return the one it has then."""
        name = check_text("host", host)
        set_host = self._store.set_host
        return waited(call, lambda: set_host(call, network.id, name), self._pending.clear)

    def disassociate(self, call: Call, network: Network, *, host: bool, project: bool) -> Network:
        """Take host and owner from a network; one without an owner is global.

        :raises LabelInUse, CidrConflict: a global network is in the way
        """
        return self._store.disassociate(call, network.id, host=host, project=project)


def _with_held(usage: SubnetUsage, held: int) -> SubnetUsage:
    """Count what waits for a clean-up apart from what is used."""
    held = min(held, usage.used)
    return replace(usage, used=usage.used - held, held=held)
