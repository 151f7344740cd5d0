"""What this host serves: devices, rules and DHCP, as their drivers say, and what the store says."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from qplug.contracts import HostFaults
from qplug.manager.audit.findings import Finding, Kept, Scope
from qplug.manager.audit.progress import Count
from qplug.manager.chain import Chain, step
from qplug.manager.hosts import Hosts, answered
from qplug.model import Call, DhcpHost, Difference, Fault, Network

Seen = tuple[str, Fault]
"""A fault, and which kind of driver tells of it."""


@dataclass(frozen=True)
class Part:
    """A driver that can say what is wrong, and of which vifs it knows."""

    kind: str
    driver: HostFaults
    knows: Callable[[Sequence[DhcpHost]], Sequence[DhcpHost]]


class HostParts:
    """Finds what is wrong on this host. What is told of a network's state anew mends all of it."""

    def __init__(self, chain: Chain, hosts: Hosts, call: Call) -> None:
        self._chain = chain
        self._hosts = hosts
        self._call = call
        self._host = str(chain.conf.host)
        self._parts = list(_parts(chain))

    @property
    def are_there(self) -> bool:
        """Whether any driver can say what is wrong."""
        return bool(self._parts)

    def count(self) -> int:
        """Return how many networks are looked at."""
        return len(self._networks())

    def findings(self, scope: Scope, count: Count) -> Iterator[Finding]:
        """Yield what is certain."""
        for network in count.of(self._networks()):
            if network.id not in scope.networks:
                yield from self._of_network(network)
        yield from self._strays()

    def _networks(self) -> Sequence[Network]:
        return self._chain.store.networks.all(self._call, host=self._host)

    # --- a network ---

    def _of_network(self, network: Network) -> Iterator[Finding]:
        found = self._certain(network)
        mending = Mending(
            lambda: self._hosts.restore(self._chain.call(self._call.request_id), network),
            lambda: self._faults(network),
        )
        plan = f"make this host serve network '{network.label}' as the store knows it"
        for one in found:
            yield Finding(_difference(one, network, plan), partial(mending.mend, one))

    def _certain(self, network: Network) -> Sequence[Seen]:
        """Return what is there at three looks, before the last of which nobody was at work on it.

        Who has finished by then what the second look saw is not seen by the third.
        """
        first = self._faults(network)
        second = self._faults(network) if first else ()
        both = [one for one in first if one in second]
        left = [one for one in both if not self._is_under_way(one[1], network)]
        third = self._faults(network) if left else ()
        return [one for one in left if one in third]

    def _faults(self, network: Network) -> Sequence[Seen]:
        hosts = self._hosts.hosts_of(self._call, network)
        if not hosts:
            return ()  # it is served from its first vif on
        found: list[Seen] = []
        for part in self._parts:
            with step(self._call, part.kind, "looking for faults"):
                faults = part.driver.faults(self._call, network, part.knows(hosts))
            found += [(part.kind, fault) for fault in faults]
        return found

    def _is_under_way(self, fault: Fault, network: Network) -> bool:
        if fault.vif_id is None:
            return False
        unfinished = self._chain.store.search.unfinished_vifs(self._call, network.id)
        if fault.vif_id in unfinished:
            return True
        known = self._chain.store.audit.vifs(self._call, [fault.vif_id]).get(fault.vif_id)
        return known is not None and known.state != "active"

    # --- what is nobody's ---

    def _strays(self) -> Iterator[Finding]:
        found = [one for one in self._stray() if one in self._stray()]
        mending = Mending(
            lambda: self._hosts.prune(self._chain.call(self._call.request_id)), self._stray
        )
        plan = "remove from this host what is qplug's and belongs to no network of it"
        for one in found:
            yield Finding(_difference(one, None, plan), partial(mending.mend, one))

    def _stray(self) -> Sequence[Seen]:
        wanted: Collection[str] = self._chain.store.networks.on_host(self._call, self._host)
        found: list[Seen] = []
        for part in self._parts:
            with step(self._call, part.kind, "looking for what is nobody's"):
                strays = part.driver.strays(self._call, wanted)
            found += [(part.kind, fault) for fault in strays]
        return found


class Mending:
    """Does once what mends several faults, and knows then which of them are left."""

    def __init__(self, work: Callable[[], object], look: Callable[[], Sequence[Seen]]) -> None:
        self._work = work
        self._look = look
        self._left: Sequence[Seen] | None = None

    def mend(self, one: Seen) -> None:
        """Mend a fault, and with it all others.

        :raises Kept: it is still there
        """
        if self._left is None:
            self._work()
            self._left = self._look()
        if one in self._left:
            raise Kept("the host was told all that the store says, and it is still so")


def _parts(chain: Chain) -> Iterator[Part]:
    if isinstance(chain.l3, HostFaults):
        yield Part("l3", chain.l3, lambda hosts: hosts)
    if isinstance(chain.dhcp, HostFaults):
        yield Part("dhcp", chain.dhcp, answered)


def _difference(one: Seen, network: Network | None, plan: str) -> Difference:
    kind, fault = one
    return Difference(
        kind="differing" if network else "extra",
        where="dhcp" if kind == "dhcp" else "l3",
        what=fault.what,
        network_id=fault.network_id,
        label=network.label if network else None,
        vif_id=fault.vif_id,
        address=fault.address,
        wanted=fault.wanted,
        found=fault.found,
        plan=plan,
    )
