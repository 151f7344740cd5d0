"""What ports let through, where port security is on, and which addresses vifs have."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from netaddr import IPAddress

from qplug.manager.audit.findings import Finding
from qplug.manager.audit.listings import SETTLED, Listings, PortAddress, is_own
from qplug.manager.audit.plans import Plans
from qplug.manager.audit.progress import Count
from qplug.manager.audit.sightings import by_vif
from qplug.manager.audit.tallies import differing
from qplug.model import Call, Difference
from qplug.store.audit import AuditReads, KnownVif

Shown = Mapping[str, Collection[IPAddress]]


class Pairs:
    """Finds ports with other address pairs than the store's addresses make."""

    def __init__(self, reads: AuditReads, plans: Plans, call: Call) -> None:
        self._reads = reads
        self._plans = plans
        self._call = call

    def findings(self, listings: Listings, count: Count) -> Iterator[Finding]:
        """Yield what is certain after a third look, at the networks of these ports."""
        for apart in differing(
            lambda: count.of(listings.shown_addresses()),
            lambda: count.of(listings.addresses_to_show()),
            lambda row: (row.network_id, row.vif_id),
        ):
            if rows := [*apart.left, *apart.right]:
                yield from self._judged(rows, listings)

    def _judged(self, rows: Sequence[PortAddress], listings: Listings) -> Iterator[Finding]:
        before = self._reads.epochs(self._call, sorted({row.vif_id for row in rows}))
        shown = _shown(listings, {row.network_id for row in rows}, before)
        for part in by_vif(rows):
            for vif_id, known in self._reads.vifs(self._call, part).items():
                if known.state == SETTLED and before.get(vif_id) == (known.state, known.epoch):
                    yield from self._of(known, shown)

    def _of(self, known: KnownVif, shown: Shown) -> Iterator[Finding]:
        record, vif = known.record, known.record.vif
        wanted = {one.address for one in record.allocations}
        if shown.get(vif.id, wanted) == wanted:  # a port that is not there is another difference
            return
        difference = Difference(
            kind="differing",
            where="quantum",
            what="port",
            network_id=record.network.id,
            label=record.network.label,
            instance_id=vif.instance_id,
            vif_id=vif.id,
            port_id=record.port_id,
            wanted=f"the port lets through {_text(wanted)}",
            found=f"it lets through {_text(shown[vif.id])}",
        )
        yield self._plans.settle_instance(difference, known)


def _shown(
    listings: Listings, network_ids: Collection[str], vif_ids: Collection[str]
) -> dict[str, set[IPAddress]]:
    """Return what the ports of some vifs show."""
    found: dict[str, set[IPAddress]] = {}
    for port in listings.quantum_ports(network_ids):
        if port.vif_id in vif_ids:
            others = (address for address in port.addresses if not is_own(address))
            found.setdefault(port.vif_id, set()).update(others)
    return found


def _text(addresses: Collection[IPAddress]) -> str:
    return ", ".join(str(address) for address in sorted(addresses)) or "no address"
