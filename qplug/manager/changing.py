"""Changing networks: their properties, and subnets while they are in use."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from qplug.contracts import SubnetUpdates
from qplug.errors import InvalidInput, NotSupported
from qplug.manager.chain import Chain, step
from qplug.manager.hosts import Hosts
from qplug.manager.pending import Pending
from qplug.manager.ports import mirror_subnets
from qplug.manager.requests import check_network
from qplug.manager.subnet_changes import SubnetChanges, changed
from qplug.manager.undo import Undo, all_or_nothing
from qplug.manager.waiting import waited
from qplug.model import Call, Network, assignable
from qplug.store import MarkedNetwork, NetworkChanges
from qplug.store.records import new_epoch

LOG = logging.getLogger(__name__)

SERVED = frozenset({"mtu", "dns_domain", "lease_time"})
"""Properties that gateway and DHCP are told of."""


class Changing:
    """Changes networks."""

    def __init__(self, chain: Chain, hosts: Hosts, pending: Pending) -> None:
        self._chain = chain
        self._hosts = hosts
        self._pending = pending
        self._store = chain.store.networks
        self._updates = chain.store.network_updates

    def change(
        self,
        call: Call,
        network: Network,
        changes: NetworkChanges,
        asked: SubnetChanges | None = None,
    ) -> Network:
        """Change a network and return it as it is then. Whatever fails, nothing is changed.

        An address in use stays with its vif, also where it is reserved or outside the pools now.

        :raises LabelInUse: its owner has another one of that label
        :raises CidrConflict: an added subnet overlaps another one of the network or its owner
        :raises InvalidInput: what is asked can never be right
        :raises NetworkInTransition: another command changes it until the deadline
        :raises NotSupported: the IPAM driver cannot change subnets
        """
        unknown = sorted(changes.keys() - NetworkChanges.__annotations__)
        if unknown:
            wanted = f"one of {', '.join(NetworkChanges.__annotations__)}"
            raise InvalidInput("change", unknown[0], wanted)
        check_network(replace(network, **changes))
        if asked is None and not changes.keys() & SERVED:
            return self._store.update(call, network, **changes)
        self._chain.refuse_other_drivers(network)
        self._hosts.refuse_other_host(network)
        with all_or_nothing() as undo:
            return self._change(call, network.id, changes, asked or SubnetChanges(), undo)

    def _change(
        self,
        call: Call,
        network_id: str,
        changes: NetworkChanges,
        asked: SubnetChanges,
        undo: Undo,
    ) -> Network:
        epoch = new_epoch()
        before = self._begin(call, network_id, epoch, undo)
        after = changed(replace(before, **changes), asked, self._chain.new_id)
        self._hosts.refuse_other_host(before)  # it may have got one since it was looked at
        self._tell_ipam(call, before, after, undo)
        self._mirror(call, before, after, undo)
        self._hosts.serve_changed(call, before, after, undo)
        return self._updates.end(call, before, after, epoch, changes)

    def _begin(self, call: Call, network_id: str, epoch: int, undo: Undo) -> Network:
        late, updates = self._chain.overtime, self._updates

        def written(_: MarkedNetwork) -> None:
            undo.marked(
                f"network {network_id} stays as if it were being changed",
                is_gone=lambda: updates.has_ended(late(call), network_id, epoch),
                settle=lambda: self._pending.release_late(late(call), [network_id]),
                cancel=lambda: updates.cancel(late(call), network_id, epoch),
                postpone=lambda why: self._store.postpone(late(call), network_id, epoch, why),
            )

        begin = updates.begin
        return waited(call, lambda: begin(call, network_id, epoch, written), self._pending.clear)

    def _tell_ipam(self, call: Call, before: Network, after: Network, undo: Undo) -> None:
        ipam, late = self._chain.ipam, self._chain.overtime
        if not isinstance(ipam, SubnetUpdates):
            if _limits(before) == _limits(after):
                return
            raise NotSupported("way to change subnets", "ipam", self._chain.names.ipam)
        _warn_of_empty(before, after)
        undo.add(
            f"IPAM may keep other subnets of network {before.id} than are recorded",
            lambda: ipam.update_subnets(late(call), before),
        )
        with step(call, "ipam", "changing subnets"):
            ipam.update_subnets(call, after)

    def _mirror(self, call: Call, before: Network, after: Network, undo: Undo) -> None:
        late = self._chain.overtime
        undo.add(
            f"Quantum may show other subnets of network {before.id} than are recorded",
            lambda: mirror_subnets(self._chain, late(call), before, before.subnets),
        )
        mirror_subnets(self._chain, call, after, after.subnets)


def _warn_of_empty(before: Network, after: Network) -> None:
    """Say which subnets have nothing to give from now on: an instance needs an address of each."""
    full = {subnet.id for subnet in before.subnets if not assignable(subnet)}
    for subnet in after.subnets:
        if subnet.id not in full and not assignable(subnet):
            LOG.warning(
                "subnet %s of network '%s' has no address left to give, so that the network takes "
                "no further instances; widen its pools or take reservations away",
                *(subnet.cidr, after.label),
            )


def _limits(network: Network) -> Sequence[object]:
    """Return what decides which addresses vifs may get."""
    return [(subnet.id, subnet.pools, subnet.reserved) for subnet in network.subnets]
