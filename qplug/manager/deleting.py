"""Deleting networks: refused as a whole, or carried on with until nothing is left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from qplug.errors import Conflict, NetworkBusy, NetworkNotFound
from qplug.manager.chain import Chain, step
from qplug.manager.hosts import Hosts
from qplug.manager.pending import Pending
from qplug.manager.release import Release
from qplug.manager.undo import postponed, undoing
from qplug.manager.waiting import waited
from qplug.model import Call, Network
from qplug.store import MarkedNetwork


class Deleting:
    """Deletes networks."""

    def __init__(self, chain: Chain, hosts: Hosts, release: Release, pending: Pending) -> None:
        self._chain = chain
        self._hosts = hosts
        self._release = release
        self._pending = pending
        self._store = chain.store.network_deletions

    def find(self, call: Call, id_or_label: str, sees: str | None) -> Network:
        """Return a network to be deleted, be it one whose deletion failed half-way.

        :raises NetworkNotFound, AmbiguousLabel: there is none, or several
        """
        return self._chain.store.networks.find(call, id_or_label, project_id=sees, hidden=True)

    def delete(self, call: Call, network: Network, *, with_quantum: bool = False) -> None:
        """Delete a network that no instance uses. An adopted one is left in Quantum by default.

        What is refused changes nothing. What fails half-way is pending: it stays hidden, and is
        tried again later, or at once by doing this again.

        :raises NetworkBusy, NetworkInUse: instances or strangers use it
        :raises NetworkInTransition: another command works on it until the deadline
        """
        self._chain.refuse_other_drivers(network)
        self._hosts.refuse_other_host(network)
        with postponed(partial(self._postpone, call)) as marked:
            cancelled_by = partial(self._cancelled_by, call, network, marked)
            with cancelled_by(BaseException):
                begin = partial(self._store.begin, with_quantum=with_quantum)
                deletion = waited(
                    call, lambda: begin(call, network.id, marked.append), self._pending.clear
                )
                network = deletion.network
                self._hosts.refuse_other_host(network)
                if not network.adopted:
                    self._refuse_ports(call, network)
            # Any other failure of IPAM may have come after it had forgotten the subnets.
            with cancelled_by(Conflict):
                self._release.subnets(call, network)
            self._release.network(call, network)
            self._store.forget(call, network, deletion.epoch)

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
        self,
        call: Call,
        network: Network,
        marked: Sequence[MarkedNetwork],
        refusal: type[BaseException],
    ) -> Iterator[None]:
        """Show the network again when nothing was done to it."""
        try:
            yield
        except refusal as error:
            late, cancel = self._chain.overtime(call), self._store.cancel
            with undoing(error) as patiently:
                for deletion in marked:
                    patiently(
                        "a network whose deletion was refused stays hidden",
                        partial(cancel, late, deletion, adopted=network.adopted),
                    )
            raise

    def _postpone(self, call: Call, one: MarkedNetwork, failure: str) -> None:
        """Have what failed half-way tried again, unless the network is shown again by then."""
        late, store = self._chain.overtime(call), self._chain.store.networks
        store.postpone(late, one.network.id, one.epoch, failure, one.attempts)
