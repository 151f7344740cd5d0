"""The subnets of networks: what IPAM keeps, and what the store has."""

from collections.abc import Iterator
from functools import partial
from typing import Literal

from qplug.manager.audit.findings import Finding, Scope, kept
from qplug.manager.audit.listings import SETTLED
from qplug.manager.audit.plans import Plans
from qplug.manager.audit.progress import Count
from qplug.manager.chain import Chain, step
from qplug.model import Call, Difference, Network
from qplug.store.audit import KnownNetwork

NOTHING = "nothing: the store has no such subnet"

IN_USE = "a subnet that the store does not know, so that IPAM could not forget it"


class Subnets:
    """Looks at each network, and notes which are not compared at all."""

    def __init__(self, chain: Chain, call: Call, plans: Plans) -> None:
        self._chain = chain
        self._call = call
        self._plans = plans
        self._reads = chain.store.audit

    def findings(self, scope: Scope, count: Count) -> Iterator[Finding]:
        """Yield the subnets that only one of the two has.

        :param scope: gets the networks that other drivers serve
        """
        for known in count.of(self._reads.networks(self._call)):
            if known.network.drivers != self._chain.names:
                scope.networks.add(known.network.id)
                scope.subnets.update(subnet.id for subnet in known.network.subnets)
            elif known.state == SETTLED:
                yield from self._of(known)

    def _of(self, known: KnownNetwork) -> Iterator[Finding]:
        network = known.network
        if self._kept(network) == _ids(network):
            return
        before = self._reads.network(self._call, network.id)
        kept, in_use = self._kept(network), self._in_use(network)
        if not before == known == self._reads.network(self._call, network.id):
            return
        surplus = sorted(kept - _ids(network))
        reason = f"vifs hold addresses of {IN_USE}" if in_use.intersection(surplus) else None
        for subnet in network.subnets:
            if subnet.id not in kept:
                wanted = f"IPAM keeps {subnet.cidr}"
                yield self._finding("missing", known, subnet.id, wanted, "IPAM does not", reason)
        for subnet_id in surplus:
            found = f"IPAM keeps one with the id {subnet_id}"
            yield self._finding("extra", known, subnet_id, NOTHING, found, reason)

    def _finding(
        self,
        kind: Literal["missing", "extra"],
        known: KnownNetwork,
        subnet_id: str,
        wanted: str,
        found: str,
        reason: str | None,
    ) -> Finding:
        network = known.network
        difference = Difference(
            kind=kind,
            where="ipam",
            what="subnet",
            network_id=network.id,
            label=network.label,
            wanted=wanted,
            found=found,
        )
        if reason is not None:
            return kept(difference, reason)
        is_apart = partial(self._is_apart, network, subnet_id)
        return self._plans.settle_network(difference, network, is_apart)

    def _in_use(self, network: Network) -> frozenset[str]:
        with step(self._call, "ipam", "listing the addresses of a network"):
            given = self._chain.ipam.allocations(self._call, network_id=network.id)
            return frozenset(one.subnet_id for one in given)

    def _is_apart(self, network: Network, subnet_id: str) -> bool:
        return (subnet_id in self._kept(network)) != (subnet_id in _ids(network))

    def _kept(self, network: Network) -> frozenset[str]:
        with step(self._call, "ipam", "listing the subnets of a network"):
            return frozenset(self._chain.ipam.subnet_ids(self._call, network.id))


def _ids(network: Network) -> frozenset[str]:
    return frozenset(subnet.id for subnet in network.subnets)
