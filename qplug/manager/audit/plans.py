"""What a repair does about what the store knows, and how it makes sure that it still should."""

from collections.abc import Callable
from dataclasses import replace

from qplug.errors import NothingPending
from qplug.manager.audit.findings import Finding, Kept, Scope
from qplug.manager.audit.sightings import SEVERAL, Sightings
from qplug.manager.chain import Chain, step
from qplug.manager.finishing import Finishing
from qplug.manager.hosts import Hosts
from qplug.manager.pending import Pending
from qplug.model import Call, Difference, Network
from qplug.store import Work
from qplug.store.audit import KnownVif
from qplug.store.records import new_epoch

Apart = Callable[[], bool]
"""Looks whether a difference is still there."""


class Plans:
    """Gives differences of what the store knows their plans."""

    def __init__(
        self,
        chain: Chain,
        hosts: Hosts,
        pending: Pending,
        sightings: Sightings,
        call: Call,
        scope: Scope,
    ) -> None:
        self._chain = chain
        self._hosts = hosts
        self._pending = pending
        self._sightings = sightings
        self._request_id = call.request_id
        self._scope = scope

    def settle_instance(
        self,
        difference: Difference,
        known: KnownVif,
        is_apart: Apart | None = None,
        *,
        takes_back: bool = False,
    ) -> Finding:
        """Make everybody say of an instance what the store says.

        :param is_apart: unless it takes too long
        :param takes_back: whether what IPAM has given it too is to be taken back, as the caller
            asked; else it must not have such
        """
        instance_id = known.record.vif.instance_id

        def mend() -> None:
            if is_apart is None or is_apart():
                self._refuse_hopeless(instance_id)
                if not takes_back:
                    self._refuse_extras(instance_id)
                self._finishing.instances.settle(self._call(), instance_id)
                if is_apart is not None:
                    _refuse_still(is_apart)

        plan = f"make all say of instance {instance_id} what the store says"
        return Finding(replace(difference, plan=plan), mend, is_asked_for=takes_back)

    def _refuse_extras(self, instance_id: str) -> None:
        """Refuse to take back, by the way, what may have been given after a backup was made.

        :raises Kept: IPAM has given an address to one of the vifs that the store does not know
        """
        known = self._chain.store.instances.get(self._call(), instance_id)
        for record in known.vifs if known else ():
            extras = self._sightings.addresses(record.vif.id).difference(record.allocations)
            if extras:
                texts = ", ".join(str(one.address) for one in extras)
                raise Kept(f"vif {record.vif.id} has {texts} too, which comes first")

    def _refuse_hopeless(self, instance_id: str) -> None:
        """Refuse to begin what would fail, and then be tried again for ever.

        :raises Kept: a vif's network, or its only port, is not in Quantum
        :raises NetworkOnOtherHost: another host would have to do it
        """
        known = self._chain.store.instances.get(self._call(), instance_id)
        for record in known.vifs if known else ():
            network, vif = record.network, record.vif
            self._hosts.refuse_other_host(network)
            if network.id in self._scope.lost:
                raise Kept(f"network '{network.label}' of the instance is not in Quantum")
            if self._sightings.port(network, vif.id) == SEVERAL:
                raise Kept(f"vif {vif.id} has several ports on network '{network.label}'")

    def delete_port(self, difference: Difference, known: KnownVif, port_id: str) -> Finding:
        """Delete a second port of a vif, whose own one the store knows."""
        network, instance_id = known.record.network, known.record.vif.instance_id

        def mend() -> None:
            call, updates, epoch = self._call(), self._chain.store.instance_updates, new_epoch()
            marked = updates.begin(call, instance_id, epoch)
            try:
                if all(one.port_id != port_id for one in marked.vifs):
                    with step(call, "quantum", "deleting a second port"):
                        project = network.quantum_project
                        self._chain.quantum.detach_port(call, project, network.id, port_id)
            finally:
                updates.cancel(self._chain.overtime(call), instance_id, epoch)

        return Finding(replace(difference, plan=f"delete port {port_id} in Quantum"), mend)

    def settle_network(self, difference: Difference, network: Network, is_apart: Apart) -> Finding:
        """Have IPAM keep the subnets that the store has of a network."""

        def mend() -> None:
            if is_apart():
                self._hosts.refuse_other_host(network)
                self._finishing.networks.settle(self._call(), network.id)
                _refuse_still(is_apart)

        plan = f"make IPAM keep the subnets that the store has of network '{network.label}'"
        return Finding(replace(difference, plan=plan), mend)

    def finish(self, difference: Difference, work: Work) -> Finding:
        """Take unfinished work over and finish it."""

        def mend() -> None:
            try:
                left = self._pending.retry(self._call(), [work.id])
            except NothingPending:
                return  # somebody else was faster
            for one in left:
                if one.state != "released" or one.is_due:
                    raise Kept(one.error or "it could not be finished")

        settles, releases = "make all say what the store says", "release all that is left of it"
        plan = settles if work.state == "updating" else releases
        return Finding(replace(difference, plan=plan), mend)

    @property
    def _finishing(self) -> Finishing:
        return self._pending.finishing

    def _call(self) -> Call:
        """Return the start of a repair, which has an operation's time of its own."""
        return self._chain.call(self._request_id)


def _refuse_still(is_apart: Apart) -> None:
    if is_apart():
        raise Kept("all were told what the store says, and it is still so: one refuses it")
