"""The driver ``nova``."""

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import lru_cache

from netaddr import IPAddress
from oslo_config import cfg

from qplug.contracts import AddressUsage, ApiRange, IpamDriver, SubnetUpdates
from qplug.db import Database, connection_url
from qplug.model import Allocation, Call, Capability, Lease, Network, SubnetUsage, Vif
from qplug_ipam_nova import subnets
from qplug_ipam_nova.changing import update
from qplug_ipam_nova.choice import Choice
from qplug_ipam_nova.giving import give, stand_in_line
from qplug_ipam_nova.listing import of_all, of_network, of_vif
from qplug_ipam_nova.migrations import MIGRATIONS
from qplug_ipam_nova.options import GROUP, OPTS
from qplug_ipam_nova.races import Line, settle
from qplug_ipam_nova.releasing import end_rest, release
from qplug_ipam_nova.wishes import Wish, one_each, one_more

LOG = logging.getLogger(__name__)

LINES = 1000
"""Of how many networks a process remembers at most whether races were lost there."""


class NovaIpam(IpamDriver, SubnetUpdates, AddressUsage):
    """Addresses kept in a SQL database; options in ``[ipam_nova]``."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset(
        {Capability.SHARED, Capability.CHOSEN_ADDRESS, Capability.POOLS, Capability.REUSE_DELAY}
    )
    policy = "sequential"

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(OPTS, group=GROUP)
        self._conf = conf
        self._database = Database(connection_url(conf, GROUP), MIGRATIONS)
        self._line = lru_cache(LINES)(_line)

    def create_subnets(self, call: Call, network: Network) -> None:
        """Keep the subnets; each costs the same, a /8 as a /24."""
        settle(self._database, call, lambda tx: subnets.create(tx, network))

    def update_subnets(self, call: Call, network: Network) -> None:
        """Keep exactly these subnets; what that costs depends on how much of them changes."""
        settle(self._database, call, lambda tx: update(tx, network))

    def delete_subnets(self, call: Call, network: Network) -> None:
        """Forget the subnets, and addresses that rest."""
        settle(self._database, call, lambda tx: subnets.delete(tx, network.id))

    def subnet_ids(self, call: Call, network_id: str) -> frozenset[str]:
        """Return the ids of the subnets that are kept."""
        return self._database.read(call, lambda tx: subnets.ids_of(tx, network_id))

    def allocate(
        self, call: Call, network: Network, vif: Vif, wanted: Sequence[IPAddress] = ()
    ) -> Sequence[Allocation]:
        """Give one address from each subnet that is kept and that the network names."""
        backend = self._conf.ipam.ipv6_backend
        return self._give(call, network, vif, one_each(network, vif, wanted, backend))

    def deallocate(self, call: Call, network: Network, vif: Vif, *, reuse_delay: float = 0) -> None:
        """Take back all addresses; each rests from now on."""
        rest_end = call.now + timedelta(seconds=reuse_delay)
        self._database.write(call, lambda tx: release(tx, network.id, vif.id, rest_end))

    def add_address(
        self, call: Call, network: Network, vif: Vif, *, wanted: IPAddress | None = None
    ) -> Allocation:
        """Give one address more."""
        return self._give(call, network, vif, one_more(network, wanted))[0]

    def remove_address(
        self, call: Call, network: Network, vif: Vif, address: IPAddress, *, reuse_delay: float = 0
    ) -> None:
        """Take back one address; it rests from now on."""
        rest_end = call.now + timedelta(seconds=reuse_delay)
        self._database.write(call, lambda tx: release(tx, network.id, vif.id, rest_end, address))

    def allocations(
        self, call: Call, *, network_id: str | None = None, vif_id: str | None = None
    ) -> Iterator[Allocation]:
        """Yield what is allocated; others may change it between two pages of 1000."""
        if vif_id is not None:
            yield from self._database.read(call, lambda tx: of_vif(tx, vif_id, network_id))
        elif network_id is not None:
            yield from of_network(self._database, call, network_id)
        else:
            yield from of_all(self._database, call)

    def lease_ended(self, call: Call, lease: Lease) -> None:
        """End the address's rest, if the lease was that of whoever had it last."""
        self._database.write(call, lambda tx: end_rest(tx, lease, call.now))

    def usage(self, call: Call, network_ids: Sequence[str]) -> Sequence[SubnetUsage]:
        """Count in one statement, by the subnets' ids."""
        return self._database.read(call, lambda tx: subnets.usage(tx, network_ids, call.now))

    def check(self, call: Call) -> str:
        """Ask for the number of subnets, and how often a rest was cut short."""
        kept, early = self._database.read(call, subnets.totals)
        return (
            f"database {self._database.name} keeps {kept} subnet(s); "
            f"{early} address(es) were given again before their rest ended"
        )

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _give(
        self, call: Call, network: Network, vif: Vif, wishes: Sequence[Wish]
    ) -> Sequence[Allocation]:
        choices = settle(
            self._database,
            call,
            lambda tx: give(tx, call.now, network, vif, wishes),
            line=self._line(network.id),
        )
        for choice in choices:
            _warn_if_early(network, vif, choice)
        return [
            Allocation(vif_id=vif.id, subnet_id=choice.subnet.id, address=choice.address)
            for choice in choices
        ]


def _line(network_id: str) -> Line:
    return Line(lambda tx: stand_in_line(tx, network_id))


def _warn_if_early(network: Network, vif: Vif, choice: Choice) -> None:
    if choice.early:
        LOG.warning(
            "network %s has nothing left in %s but resting addresses: %s went to vif %s before "
            "its rest ended; deallocate some instances, widen its pools, or make another network",
            *(network.id, choice.subnet.cidr, choice.address, vif.id),
        )
