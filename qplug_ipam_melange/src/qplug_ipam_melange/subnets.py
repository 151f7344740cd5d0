"""Blocks of Melange for the subnets of a network: made, all or none, and deleted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress

from netaddr import IPNetwork

from qplug.errors import (
    CidrConflict,
    FixedIpAlreadyInUse,
    InvalidInput,
    NetworkInUse,
    QplugError,
)
from qplug.http.errors import ServiceRefused
from qplug.model import Call, Network, Subnet
from qplug_ipam_melange import refusals, wire
from qplug_ipam_melange.errors import BlocksOfOthers
from qplug_ipam_melange.notes import Notes
from qplug_ipam_melange.session import Melange

POLICIES = "policies"


class Subnets:
    """What Melange has of the subnets of one network."""

    def __init__(self, melange: Melange, notes: Notes, call: Call, network: Network) -> None:
        self._melange = melange
        self._notes = notes
        self._call = call
        self._network = network
        self._tenant = network.quantum_project

    def create(self) -> None:
        """Have a block and a keeper for each subnet."""
        refuse_smallest(self._network.subnets)
        kept = dict(self._notes.read(self._call, self._network.id))
        there = {IPNetwork(each["cidr"]): each["id"] for each in self._blocks()}
        self._refuse_strangers(there)
        with ExitStack() as undo:
            for subnet in self._network.subnets:
                if subnet.id not in kept:
                    block_id = there.get(subnet.cidr) or self._make(subnet, undo)
                    self._keep(subnet, block_id, undo)
                    kept[subnet.id] = block_id
            undo.pop_all()
        self._notes.remember(self._network.id, kept)

    def delete(self) -> None:
        """Delete all blocks of the network, then what was noted about them."""
        blocks = {each["id"] for each in self._blocks()}
        if blocks and (used := sum(1 for _ in self._in_use(blocks))):
            raise NetworkInUse(self._network.id, used)
        keepers = {subnet.id for subnet in self._network.subnets}
        if blocks:
            keepers |= self._notes.read(self._call, self._network.id).keys()
        for block_id in blocks:
            self._delete(wire.tenant_path(self._tenant, "ip_blocks", block_id))
        for keeper in sorted(keepers):
            self._delete(wire.interface_path(keeper))
        self._delete_policies()
        self._notes.forget(self._network.id)

    # --- reading --------------------------------------------------------------------------------

    def _blocks(self) -> Sequence[wire.Json]:
        """Return the blocks that the tenant has on the network."""
        path = wire.tenant_path(self._tenant, "networks", self._network.id)
        try:
            blocks: Sequence[wire.Json] = self._melange.get(self._call, path)["ip_blocks"]
        except ServiceRefused as error:
            if error.status == 404:
                return []
            raise
        return blocks

    def _in_use(self, blocks: set[str]) -> Iterator[wire.Given]:
        for answer in self._melange.pages(self._call, wire.ALLOCATED, "ip_addresses"):
            given = wire.given_of(answer)
            if given.block_id in blocks and given.tenant_id != self._notes.site:
                yield given

    def _refuse_strangers(self, there: Mapping[IPNetwork, str]) -> None:
        """Refuse blocks that the network does not have, as Melange would give from them, too."""
        strangers = there.keys() - {subnet.cidr for subnet in self._network.subnets}
        if strangers:
            cidrs = [str(cidr) for cidr in sorted(strangers)]
            raise BlocksOfOthers(self._network.label, self._tenant, cidrs)

    # --- making ---------------------------------------------------------------------------------

    def _make(self, subnet: Subnet, undo: ExitStack) -> str:
        """Make a block, with a policy first if more is kept back than Melange does by itself."""
        policy_id = self._policy(subnet, undo) if wire.unusable(subnet) else None
        path = wire.tenant_path(self._tenant, "ip_blocks")
        body = wire.block_body(subnet, self._network.id, policy_id)
        try:
            block_id = str(self._melange.post(self._call, path, body)["ip_block"]["id"])
        except ServiceRefused as error:
            raise self._refused(subnet, error) from error
        undo.callback(self._undo, wire.tenant_path(self._tenant, "ip_blocks", block_id))
        for route in subnet.routes:
            routes = wire.tenant_path(self._tenant, "ip_blocks", block_id, "ip_routes")
            self._melange.post(self._call, routes, wire.route_body(route))
        return block_id

    def _policy(self, subnet: Subnet, undo: ExitStack) -> str:
        path = wire.tenant_path(self._tenant, POLICIES)
        words = {"name": subnet.id, "description": f"kept back of {subnet.cidr} by qplug"}
        made = self._melange.post(self._call, path, {"policy": words})
        policy_id = str(made["policy"]["id"])
        undo.callback(self._undo, wire.tenant_path(self._tenant, POLICIES, policy_id))
        ranges = wire.tenant_path(self._tenant, POLICIES, policy_id, "unusable_ip_ranges")
        for offset, length in wire.unusable(subnet):
            words_of_range = {"ip_range": {"offset": offset, "length": length}}
            self._melange.post(self._call, ranges, words_of_range)
        return policy_id

    def _keep(self, subnet: Subnet, block_id: str, undo: ExitStack) -> None:
        """Have the keeper hold what is kept back; one without it was left by a deletion."""
        undo.callback(self._undo, wire.interface_path(subnet.id))
        body = wire.keeper_body(subnet, self._network.id, self._notes.site, self._tenant)
        try:
            made = self._melange.post(self._call, wire.INTERFACES, body)
        except ServiceRefused as error:
            if not refusals.interface_exists(error.detail):
                raise
            self._delete(wire.interface_path(subnet.id))
            made = self._melange.post(self._call, wire.INTERFACES, body)
        held = {given.address for given in wire.given_in(made["interface"])}
        for address in wire.kept_back(subnet):
            if address not in held:
                raise FixedIpAlreadyInUse(str(address), f"Melange gave it to another in {block_id}")

    def _refused(self, subnet: Subnet, error: ServiceRefused) -> QplugError:
        if other := refusals.overlapping(error.detail):
            return CidrConflict(str(subnet.cidr), other, self._network.label)
        return error

    # --- deleting -------------------------------------------------------------------------------

    def _delete_policies(self) -> None:
        names = {subnet.id for subnet in self._network.subnets if wire.unusable(subnet)}
        if not names:
            return
        path = wire.tenant_path(self._tenant, POLICIES)
        found = list(self._melange.pages(self._call, path, "policies"))
        for policy in found:
            if policy["name"] in names:
                self._delete(wire.tenant_path(self._tenant, POLICIES, policy["id"]))

    def _delete(self, path: str) -> None:
        """Delete what may be gone already."""
        try:
            self._melange.delete(self._call, path)
        except ServiceRefused as error:
            if error.status != 404:
                raise

    def _undo(self, path: str) -> None:
        """Delete what was made in vain; whoever called deletes the subnets once more."""
        with suppress(QplugError):
            self._delete(path)


def refuse_smallest(subnets: Sequence[Subnet]) -> None:
    """Refuse subnets of one or two addresses.

    Of IPv4 Melange takes the last one for broadcast, and of IPv6 there would be none to keep back.

    :raises InvalidInput: one is of that size
    """
    for subnet in subnets:
        if subnet.cidr.size <= 2:
            wanted = "of four addresses or more, as Melange gives none of so few"
            raise InvalidInput("cidr", str(subnet.cidr), wanted)
