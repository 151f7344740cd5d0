"""Networks: what Quantum has, and what the store says."""

from collections.abc import Iterator

from qplug.manager.audit.findings import Finding, Scope, kept
from qplug.manager.audit.listings import SETTLED, Listings, NetworkPlace
from qplug.manager.audit.progress import Count
from qplug.manager.audit.tallies import differing
from qplug.manager.chain import Chain, step
from qplug.model import Call, Difference


class Networks:
    """Finds networks that only one of the two has. None of them is ever made or deleted here."""

    def __init__(self, chain: Chain, call: Call) -> None:
        self._chain = chain
        self._call = call
        self._reads = chain.store.audit

    def findings(self, listings: Listings, scope: Scope, count: Count) -> Iterator[Finding]:
        """Yield what is certain after a third look, at single networks.

        :param scope: gets the networks that Quantum has not
        """
        for apart in differing(
            lambda: count.of(listings.quantum_networks()),
            lambda: count.of(listings.store_networks()),
            lambda place: place,
        ):
            for place in sorted(apart.left):
                yield from self._extra(place)
            for place in sorted(apart.right):
                yield from self._missing(place, scope)

    def _extra(self, place: NetworkPlace) -> Iterator[Finding]:
        # A network has the id that Quantum gave it only once it is made.
        if self._is_known(place) or self._reads.being_made(self._call, place.project_id):
            return
        if not self._exists(place) or self._is_known(place):
            return
        difference = Difference(
            kind="extra",
            where="quantum",
            what="network",
            network_id=place.network_id,
            wanted="nothing: the store knows no such network",
            found=f"Quantum has it for project '{place.project_id}'",
        )
        reason = (
            "an older copy of the store may not know it, or it is another installation's; "
            "adopt it with 'qplug network create --uuid', or delete it in Quantum"
        )
        yield kept(difference, reason)

    def _is_known(self, place: NetworkPlace) -> bool:
        key = place.network_id
        late = self._reads.tombstones(self._call, [key])
        return bool(late) or self._reads.network(self._call, key) is not None

    def _missing(self, place: NetworkPlace, scope: Scope) -> Iterator[Finding]:
        known = self._reads.network(self._call, place.network_id)
        if known is None or known.state != SETTLED or self._exists(place):
            return
        if self._reads.network(self._call, place.network_id) != known:
            return
        scope.lost.add(place.network_id)
        difference = Difference(
            kind="missing",
            where="quantum",
            what="network",
            network_id=place.network_id,
            label=known.network.label,
            wanted=f"Quantum has it for project '{place.project_id}'",
            found="Quantum has it not",
        )
        yield kept(difference, "it cannot be made again with the same id")

    def _exists(self, place: NetworkPlace) -> bool:
        with step(self._call, "quantum", "looking for the network"):
            return self._chain.quantum.network_exists(
                self._call, place.project_id, place.network_id
            )
