"""The ports of vifs: what Quantum has, and what the store says."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from netaddr import IPAddress

from qplug.manager.audit.findings import Finding, kept
from qplug.manager.audit.listings import Listings, PortPlace, is_own
from qplug.manager.audit.plans import Plans
from qplug.manager.audit.progress import Count
from qplug.manager.audit.sightings import SEVERAL, Sightings, by_vif
from qplug.manager.audit.strangers import Strangers
from qplug.manager.audit.tallies import differing
from qplug.model import Call, Difference, Network
from qplug.store.audit import AuditReads, KnownVif

Rows = Mapping[str, Sequence[PortPlace]]


class Ports:
    """Finds ports that only one of the two has, and addresses that only such a port shows."""

    def __init__(
        self,
        reads: AuditReads,
        sightings: Sightings,
        plans: Plans,
        strangers: Strangers,
        call: Call,
    ) -> None:
        self._reads = reads
        self._sightings = sightings
        self._plans = plans
        self._strangers = strangers
        self._call = call

    def findings(self, listings: Listings, count: Count) -> Iterator[Finding]:
        """Yield what is certain after a third look, at single vifs."""
        for apart in differing(
            lambda: count.of(listings.quantum_ports()),
            lambda: count.of(listings.store_ports()),
            lambda port: (port.network_id, port.vif_id),
        ):
            for part in by_vif(apart.left):
                yield from self._extra(part)
            for part in by_vif(apart.right):
                yield from self._missing(part)

    # --- Quantum alone has it ---

    def _extra(self, part: Rows) -> Iterator[Finding]:
        networks = self._networks(part)

        def seen(vif_id: str) -> Sequence[tuple[PortPlace, bool]]:
            ports = [port for port in part[vif_id] if port.network_id in networks]
            there = [self._sightings.port(networks[port.network_id], vif_id) for port in ports]
            pairs = zip(ports, there, strict=True)
            return [(port, id_ == SEVERAL) for port, id_ in pairs if id_ in (port.port_id, SEVERAL)]

        for _, known, found in self._sightings.certain(part, seen):
            for port, is_second in found:
                network = networks[port.network_id]
                if known is None:
                    yield from self._unknown(port, network)
                elif known.record.port_id != port.port_id:
                    yield self._of_known(port, network, known, is_second=is_second)

    def _of_known(
        self, port: PortPlace, network: Network, known: KnownVif, *, is_second: bool
    ) -> Finding:
        home = known.record.network
        is_second |= home.id != network.id
        difference = Difference(
            kind="extra" if is_second else "differing",
            **_facts(port, network, known),
            wanted=f"the vif has port {known.record.port_id}",
            found=f"Quantum has port {port.port_id}{' for it too' if is_second else ''}",
        )
        if home.id != network.id:
            return kept(difference, f"the vif is on another network, '{home.label}'")
        if is_second:
            return self._plans.delete_port(difference, known, str(port.port_id))
        is_apart = partial(self._is_apart, network, port.vif_id)
        return self._plans.settle_instance(difference, known, is_apart)

    def _unknown(self, port: PortPlace, network: Network) -> Iterator[Finding]:
        facts = _facts(port, network)
        shown = ", ".join(map(str, port.addresses))
        yield self._strangers.release(
            Difference(
                kind="extra",
                **facts,
                wanted="nothing: the store knows no such vif",
                found=f"Quantum has port {port.port_id} for it{shown and f', with {shown}'}",
            ),
            port.vif_id,
            network,
        )
        if port.addresses:
            held = {one.address for one in self._sightings.addresses(port.vif_id)}
            for address in sorted(set(port.addresses) - held):
                if not is_own(address):
                    yield self._free(facts, network, port, address)

    def _free(self, facts: Any, network: Network, port: PortPlace, address: IPAddress) -> Finding:
        difference = Difference(
            kind="missing",
            **facts | {"where": "ipam", "what": "address", "address": address},
            wanted=f"port {port.port_id} shows {address}",
            found="IPAM has not given it to the vif, so that another one may get it",
        )
        return self._strangers.hold(difference, network, port.vif_id, address)

    # --- the store alone has it ---

    def _missing(self, part: Rows) -> Iterator[Finding]:
        networks = self._networks(part)

        def has_none(vif_id: str) -> bool:
            network = networks.get(part[vif_id][0].network_id)
            return network is not None and self._sightings.port(network, vif_id) is None

        for vif_id, known, lacks in self._sightings.certain(part, has_none):
            if known is None or not lacks:
                continue
            network = known.record.network
            difference = Difference(
                kind="missing",
                **_facts(part[vif_id][0], network, known),
                wanted=f"the vif has port {known.record.port_id}",
                found="Quantum has none for it",
            )
            is_apart = partial(self._is_apart, network, vif_id)
            yield self._plans.settle_instance(difference, known, is_apart)

    # --- both ---

    def _networks(self, part: Rows) -> Mapping[str, Network]:
        ids = {port.network_id for ports in part.values() for port in ports}
        found = (self._reads.network(self._call, network_id) for network_id in sorted(ids))
        return {known.network.id: known.network for known in found if known is not None}

    def _is_apart(self, network: Network, vif_id: str) -> bool:
        known = self._reads.vifs(self._call, [vif_id]).get(vif_id)
        if known is None:
            return False
        return known.record.port_id != self._sightings.port(network, vif_id)


def _facts(port: PortPlace, network: Network, known: KnownVif | None = None) -> Any:
    return {
        "where": "quantum",
        "what": "port",
        "network_id": network.id,
        "label": network.label,
        "instance_id": known.record.vif.instance_id if known else None,
        "vif_id": port.vif_id,
        "port_id": port.port_id,
    }
