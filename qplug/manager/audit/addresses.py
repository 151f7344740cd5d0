"""The addresses of vifs: what IPAM has given, and what the store says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from qplug.manager.audit.findings import Finding, kept
from qplug.manager.audit.listings import Listings
from qplug.manager.audit.plans import Plans
from qplug.manager.audit.progress import Count
from qplug.manager.audit.sightings import Sightings, by_vif
from qplug.manager.audit.strangers import Strangers
from qplug.manager.audit.tallies import differing
from qplug.model import Allocation, Call, Difference, Network
from qplug.store.audit import AuditReads, KnownVif

Rows = Mapping[str, Sequence[Allocation]]


SINCE = (
    "it may have been given after the store's backup was made; 'qplug fixed-ip add {instance} "
    "{network} --address {address} --vif {vif}' records it, 'qplug audit --release {vif}' takes "
    "it back"
)
"""Why what IPAM alone has of a vif that the store knows is never taken back on a guess."""


class Addresses:
    """Finds addresses that only one of the two has, or that they have for different vifs."""

    def __init__(
        self, reads: AuditReads, sightings: Sightings, plans: Plans, strangers: Strangers
    ) -> None:
        self._reads = reads
        self._sightings = sightings
        self._plans = plans
        self._strangers = strangers

    def findings(self, call: Call, listings: Listings, count: Count) -> Iterator[Finding]:
        """Yield what is certain after a third look, at single vifs."""
        for apart in differing(
            lambda: count.of(listings.ipam_addresses()),
            lambda: count.of(listings.store_addresses()),
            _place,
        ):
            # What is too much comes first: once repaired it is in nobody's way.
            for part in by_vif(apart.left):
                yield from self._extra(call, part)
            holders = {_place(one): one.vif_id for one in apart.left}
            for part in by_vif(apart.right):
                yield from self._missing(part, holders)

    # --- IPAM alone has it ---

    def _extra(self, call: Call, part: Rows) -> Iterator[Finding]:
        ids = {row.subnet_id for rows in part.values() for row in rows}
        networks = self._reads.networks_of_subnets(call, ids)
        for vif_id, known, held in self._sightings.certain(part, self._sightings.addresses):
            has = known.record.allocations if known else ()
            for row in _sorted(held.intersection(part[vif_id]).difference(has)):
                network = networks.get(row.subnet_id)
                yield self._of_known(row, known, network) if known else self._unknown(row, network)

    def _of_known(self, row: Allocation, known: KnownVif, network: Network | None) -> Finding:
        facts = _facts(row, network, known)
        addresses = ", ".join(str(one.address) for one in known.record.allocations) or "no address"
        difference = Difference(
            kind="extra",
            **facts,
            wanted=f"the vif has {addresses}",
            found=f"IPAM has given it {row.address} too",
        )
        home = known.record.network
        if network is None or network.id != home.id:
            return kept(difference, f"the vif is on another network, '{home.label}'")
        if not self._strangers.is_named(row.vif_id):
            return kept(
                difference,
                SINCE.format(
                    instance=known.record.vif.instance_id,
                    network=home.id,
                    address=row.address,
                    vif=row.vif_id,
                ),
            )
        is_held = partial(self._is_held, row)
        return self._plans.settle_instance(difference, known, is_held, takes_back=True)

    def _unknown(self, row: Allocation, network: Network | None) -> Finding:
        difference = Difference(
            kind="extra",
            **_facts(row, network),
            wanted="nothing: the store knows no such vif",
            found=f"IPAM has given {row.address} to it",
        )
        return self._strangers.release(difference, row.vif_id, network)

    # --- the store alone has it ---

    def _missing(self, part: Rows, holders: Mapping[Any, str]) -> Iterator[Finding]:
        for vif_id, known, held in self._sightings.certain(part, self._sightings.addresses):
            has = known.record.allocations if known else ()
            for row in _sorted(set(part[vif_id]).intersection(has).difference(held)):
                if known is not None:
                    yield self._lost(row, known, holders.get(_place(row)))

    def _lost(self, row: Allocation, known: KnownVif, holder: str | None) -> Finding:
        facts = _facts(row, known.record.network, known)
        wanted = f"the vif has {row.address}"
        if holder is not None and self._is_held(_given_to(holder, row)):
            found = f"IPAM has given it to vif {holder}"
            difference = Difference(kind="wrong_owner", **facts, wanted=wanted, found=found)
            return kept(difference, "two vifs claim it; release one of them")
        found = "IPAM has not given it to the vif"
        difference = Difference(kind="missing", **facts, wanted=wanted, found=found)
        return self._plans.settle_instance(difference, known, lambda: not self._is_held(row))

    def _is_held(self, row: Allocation) -> bool:
        return row in self._sightings.addresses(row.vif_id)


def _place(row: Allocation) -> tuple[str, object]:
    return row.subnet_id, row.address


def _sorted(rows: Iterable[Allocation]) -> Sequence[Allocation]:
    return sorted(rows, key=lambda row: (row.subnet_id, row.address))


def _given_to(vif_id: str, row: Allocation) -> Allocation:
    return Allocation(vif_id=vif_id, subnet_id=row.subnet_id, address=row.address)


def _facts(row: Allocation, network: Network | None, known: KnownVif | None = None) -> Any:
    return {
        "where": "ipam",
        "what": "address",
        "network_id": network.id if network else None,
        "label": network.label if network else None,
        "instance_id": known.record.vif.instance_id if known else None,
        "vif_id": row.vif_id,
        "address": row.address,
        "port_id": known.record.port_id if known else None,
    }
