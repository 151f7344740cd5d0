"""Taking back what a vif or a network has: each part of a vif whatever happens to the others."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from qplug.errors import NetworkNotFound
from qplug.manager.chain import Chain, step
from qplug.manager.hosts import Hosts
from qplug.manager.ports import mirror_subnets
from qplug.manager.undo import attempt, noting
from qplug.model import Call, Capability, Network
from qplug.store import VifRecord

LOG = logging.getLogger(__name__)


class Release:
    """Port and DHCP first, then the addresses, then the MAC address. Finding nothing is quiet.

    :param patient: whether each part has time of its own, be the operation's over or not
    """

    def __init__(self, chain: Chain, hosts: Hosts, *, patient: bool = True) -> None:
        self._chain = chain
        self._hosts = hosts
        self._late: Callable[[Call], Call] = chain.overtime if patient else lambda call: call

    def vif(self, call: Call, record: VifRecord, failures: list[str]) -> VifRecord | None:
        """Release all of a vif, and return what is left of it.

        :param failures: gets why something is
        Its addresses are held while its port or DHCP may use them, and its MAC address longest,
        as addresses may be derived from it.
        """
        instance, vif = record.vif.instance_id, record.vif.id

        def tried(what: str, work: Callable[[], object]) -> bool:
            return attempt(what, noting(failures, what, work))

        if not tried(
            f"instance {instance}, vif {vif}: not released",
            partial(self._chain.refuse_other_drivers, record.network),
        ):
            return record
        detached = tried(
            f"port deallocation failed for instance {instance}, port {record.port_id}, vif {vif}",
            partial(self.port, call, record),
        )
        forgotten = tried(
            f"DHCP update failed for instance {instance}, vif {vif}",
            partial(self.dhcp, call, record),
        )
        if not (detached and forgotten) or not tried(
            f"ipam deallocation failed for instance {instance}, vif {vif}",
            partial(self.addresses, call, record),
        ):
            return record
        given_back = tried(
            f"MAC deallocation failed for instance {instance}, vif {vif}",
            partial(self.mac, call, record),
        )
        return None if given_back else replace(record, allocations=())

    def port(self, call: Call, record: VifRecord) -> None:
        """Detach and delete the port, under the network's project or else the default one."""
        late, own = self._late(call), record.network.quantum_project
        for project in dict.fromkeys([own, self._chain.quantum_project(None)]):
            if self._detached(late, project, record):
                return
        if record.port_id is not None:
            LOG.error("no port is left to deallocate for interface %s", record.vif.id)

    def _detached(self, call: Call, project: str, record: VifRecord) -> bool:
        quantum, network = self._chain.quantum, record.network
        with step(call, "quantum", "detaching the port"):
            if record.port_id is not None and quantum.detach_port(
                call, project, network.id, record.port_id
            ):
                return True
            found = quantum.port_by_attachment(call, project, network.id, record.vif.id)
            return found is not None and quantum.detach_port(call, project, network.id, found)

    def dhcp(self, call: Call, record: VifRecord) -> None:
        """Have DHCP answer the vif no longer."""
        self._hosts.forget(self._late(call), record)

    def addresses(self, call: Call, record: VifRecord) -> None:
        """Take back the addresses; each rests for the configured time."""
        late, delay = self._late(call), float(self._chain.conf.ipam.reuse_delay)
        with step(late, "ipam", "deallocating addresses"):
            self._chain.ipam.deallocate(late, record.network, record.vif, reuse_delay=delay)

    def mac(self, call: Call, record: VifRecord) -> None:
        """Take back the MAC address."""
        late, vif = self._late(call), record.vif
        if Capability.STATELESS not in self._chain.mac.capabilities:
            # Before another vif may be given it, which could not be recorded with it.
            self._chain.store.instances.forget_mac(late, vif.id)
        with step(late, "mac", "deallocating the MAC address"):
            self._chain.mac.deallocate(late, vif_id=vif.id, project_id=vif.project_id)

    def gateway(self, call: Call, network: Network) -> None:
        """Have no gateway where nobody is on the network."""
        self._hosts.remove_gateway(self._late(call), network, ())

    def network(self, call: Call, network: Network) -> None:
        """Release all of a network but its subnets in IPAM, which go before.

        An adopted one is left in Quantum, and shows no subnets of ours.
        """
        self._hosts.stop(call, network)
        if network.adopted:
            with suppress(NetworkNotFound):  # deleted behind our back
                mirror_subnets(self._chain, call, network, ())
        else:
            self.in_quantum(call, network)

    def subnets(self, call: Call, network: Network) -> None:
        """Have IPAM forget the subnets of a network."""
        with step(call, "ipam", "deleting subnets"):
            self._chain.ipam.delete_subnets(call, network)

    def in_quantum(self, call: Call, network: Network) -> None:
        """Delete a network that was made in Quantum, by its id or else by the key of its wish."""
        quantum, project = self._chain.quantum, network.quantum_project
        with step(call, "quantum", "deleting the network"):
            if quantum.delete_network(call, project, network.id):
                return
            # A creation that timed out may have made it without telling us its id.
            made = quantum.network_by_key(call, project, network.id)
            if made is not None:
                quantum.delete_network(call, project, made)
