"""The audit: all comparisons one after the other, each difference repaired as it is found."""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from qplug.contracts import AddressPairs
from qplug.errors import QplugError
from qplug.manager.audit.addresses import Addresses
from qplug.manager.audit.findings import Finding, Kept, Scope
from qplug.manager.audit.hosts import HostParts
from qplug.manager.audit.listings import Listings
from qplug.manager.audit.networks import Networks
from qplug.manager.audit.pairs import Pairs
from qplug.manager.audit.patience import Unhurried
from qplug.manager.audit.plans import Plans
from qplug.manager.audit.ports import Ports
from qplug.manager.audit.progress import Count, Watch
from qplug.manager.audit.sightings import Sightings
from qplug.manager.audit.strangers import Strangers
from qplug.manager.audit.subnets import Subnets
from qplug.manager.audit.unfinished import unfinished
from qplug.manager.chain import Chain
from qplug.manager.hosts import Hosts
from qplug.manager.pending import Pending
from qplug.manager.release import Release
from qplug.model import Call, Difference

LOG = logging.getLogger(__name__)


class Auditing:
    """Compares IPAM and Quantum with the store, and makes them say what it says where it can."""

    def __init__(self, chain: Chain, hosts: Hosts, release: Release, pending: Pending) -> None:
        self._chain = chain
        self._hosts = hosts
        self._release = release
        self._pending = pending

    def run(
        self,
        call: Call,
        *,
        repair: bool = False,
        release: Collection[str] = (),
        planned: Callable[[Difference], object] = lambda _: None,
        watch: Watch = lambda _: None,
    ) -> Iterator[Difference]:
        """Yield the differences; each was repaired, or says why it is kept, if that was asked for.

        Work in progress is no difference. However many rows there are, the memory that it takes
        does not grow.

        :param release: vifs whose port and addresses are taken back that the store does not know of
        :param planned: is called before a plan is carried out
        """
        patient = Unhurried(call.request_id, call.now, call.deadline)
        unseen = set(release)
        for finding in self._findings(patient, release, watch):
            unseen.discard(finding.difference.vif_id or "")
            if finding.mend and (repair or finding.is_asked_for):
                planned(finding.difference)
                yield _mended(finding, finding.mend)
            else:
                yield finding.difference
        for vif_id in sorted(unseen):
            LOG.warning("nothing of vif %s was found, so that nothing was released", vif_id)

    def _findings(self, call: Call, release: Collection[str], watch: Watch) -> Iterator[Finding]:
        """Yield what is found, in an order in which no repair is in the way of a later one."""
        chain, scope, reads = self._chain, Scope(), self._chain.store.audit
        sightings, listings = Sightings(chain, call), Listings(chain, call, scope)
        plans = Plans(chain, self._hosts, self._pending, sightings, call, scope)
        strangers = Strangers(chain, self._release, sightings, call, release)
        addresses, vifs, networks = reads.counts(call)
        yield from unfinished(call, chain.store.work, plans)
        count = Count(watch, "subnets", networks)
        yield from Subnets(chain, call, plans).findings(scope, count)
        self._warn_of(scope)
        count = Count(watch, "networks", 2 * networks)
        yield from Networks(chain, call).findings(listings, scope, count)
        count = Count(watch, "addresses", 2 * addresses)
        yield from Addresses(reads, sightings, plans, strangers).findings(call, listings, count)
        count = Count(watch, "ports", 2 * vifs)
        yield from Ports(reads, sightings, plans, strangers, call).findings(listings, count)
        if chain.conf.quantum.port_security and isinstance(chain.quantum, AddressPairs):
            count = Count(watch, "address pairs", 2 * addresses)
            yield from Pairs(reads, plans, call).findings(listings, count)

        parts = HostParts(chain, self._hosts, call)
        if parts.are_there:
            count = Count(watch, "networks served", parts.count())
            yield from parts.findings(scope, count)

    def _warn_of(self, scope: Scope) -> None:
        if scope.networks:
            LOG.warning(
                "%d network(s) are not compared, as other drivers than the configured ones serve "
                "them; run the audit with those",
                len(scope.networks),
            )


def _mended(finding: Finding, mend: Callable[[], object]) -> Difference:
    try:
        mend()
    except (QplugError, Kept) as error:
        return replace(finding.difference, kept=str(error))
    return replace(finding.difference, repaired=True)
