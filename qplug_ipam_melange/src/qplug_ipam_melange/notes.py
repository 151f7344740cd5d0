"""What the driver notes at Melange about its subnets.

Each subnet has a *keeper*: an interface whose id is the subnet's, whose device is the network and
whose tenant is the site. It holds the network address, which Melange would give to a vif, and so
tells which block is the subnet's. No other record is needed, and every process sees the same.
"""

from collections.abc import Iterator, Mapping

from qplug.model import Call
from qplug_ipam_melange import wire
from qplug_ipam_melange.session import Melange

REMEMBERED = 10_000
"""Of how many networks a process remembers the blocks at most."""

Blocks = Mapping[str, str]
"""The id of a block, by that of its subnet."""


class Notes:
    """Which block is whose subnet's; the ids of both are never used again, so they are kept."""

    def __init__(self, melange: Melange, site: str) -> None:
        self._melange = melange
        self.site = site
        self._known: dict[str, Blocks] = {}

    def read(self, call: Call, network_id: str) -> Blocks:
        """Ask for the blocks of a network."""
        found = dict(self._keepers(call, used_by_device=network_id))
        self.remember(network_id, found)
        return found

    def blocks(self, call: Call, network_id: str) -> Blocks:
        """Return the blocks of a network, as they were when this process last saw them."""
        return self._known.get(network_id) or self.read(call, network_id)

    def subnets(self, call: Call, network_id: str | None = None) -> Mapping[str, str]:
        """Ask for the id of the subnet by that of its block, of one network or of all."""
        query = {} if network_id is None else {"used_by_device": network_id}
        return {block_id: subnet_id for subnet_id, block_id in self._keepers(call, **query)}

    def remember(self, network_id: str, blocks: Blocks) -> None:
        """Spare the next question about a network."""
        if len(self._known) >= REMEMBERED:
            self._known = {}
        self._known[network_id] = blocks

    def forget(self, network_id: str) -> None:
        """Ask anew the next time."""
        self._known.pop(network_id, None)

    def _keepers(self, call: Call, **query: str) -> Iterator[tuple[str, str]]:
        """Yield subnet and block, twice where the keeper holds two addresses."""
        path = wire.tenant_path(self.site, "allocated_ip_addresses")
        for answer in self._melange.pages(call, path, "ip_addresses", **query):
            held = wire.given_of(answer)
            yield held.interface_id, held.block_id
