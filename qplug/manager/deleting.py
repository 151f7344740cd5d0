"""Deleting networks: refused as a whole, or carried on with until nothing is left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from qplug.errors import Conflict, NetworkBusy, NetworkNotFound
from qplug.manager.chain import Chain, step, undoing
from qplug.manager.hosts import Hosts
from qplug.model import Call, Network
from qplug.store import Deletion


class Deleting:
    """Deletes networks."""

    def __init__(self, chain: Chain, hosts: Hosts) -> None:
        self._chain = chain
        self._hosts = hosts
        self._store = chain.store.networks

    def find(self, call: Call, id_or_label: str, sees: str | None) -> Network:
        """Return a network to be deleted, be it one whose deletion failed half-way.

        :raises NetworkNotFound, AmbiguousLabel: there is none, or several
        """
        return self._store.find(call, id_or_label, project_id=sees, hidden=True)

    def delete(self, call: Call, network: Network, *, with_quantum: bool = False) -> None:
        """Delete a network that no instance uses. An adopted one is left in Quantum by default.

        What is refused changes nothing. What fails half-way stays hidden, and deleting it again
        goes on from there.

        :raises NetworkBusy, NetworkInUse: instances or strangers use it
        :raises NetworkInTransition: it is being created
        """
        self._chain.refuse_other_drivers(network)
        marked: list[Deletion] = []
        with self._cancelled_by(BaseException, call, marked):
            network = self._store.begin_delete(call, network.id, marked.append).network
            in_quantum = with_quantum or not network.adopted
            self._hosts.refuse_other_host(network)
            if in_quantum:
                self._refuse_ports(call, network)
        # Any other failure of IPAM may have come after it had forgotten the subnets.
        with self._cancelled_by(Conflict, call, marked), step(call, "ipam", "deleting subnets"):
            self._chain.ipam.delete_subnets(call, network)
        self._hosts.stop(call, network)
        if in_quantum:
            self._delete_in_quantum(call, network)
        self._store.forget(call, network)

    def _delete_in_quantum(self, call: Call, network: Network) -> None:
        quantum, project = self._chain.quantum, network.quantum_project
        with step(call, "quantum", "deleting the network"):
            if quantum.delete_network(call, project, network.id):
                return
            # A creation that timed out may have made it without telling us its id.
            made = quantum.network_by_key(call, project, network.id)
            if made is not None:
                quantum.delete_network(call, project, made)

    def _refuse_ports(self, call: Call, network: Network) -> None:
        with step(call, "quantum", "looking for ports"):
            try:
                ports = list(self._chain.quantum.ports(call, network.quantum_project, network.id))
            except NetworkNotFound:
                return  # deleted behind our back: nothing can be on it
        others = [port for port in ports if port.attachment != network.gateway_device]
        if others:
            raise NetworkBusy(network.label, len(others))

    @contextmanager
    def _cancelled_by(
        self, refusal: type[BaseException], call: Call, marked: Sequence[Deletion]
    ) -> Iterator[None]:
        """Show the network again when nothing was done to it."""
        try:
            yield
        except refusal as error:
            with undoing(error) as patiently:
                for deletion in marked:
                    patiently(
                        "a network whose deletion was refused stays hidden",
                        partial(self._store.cancel_delete, self._chain.overtime(call), deletion),
                    )
            raise
