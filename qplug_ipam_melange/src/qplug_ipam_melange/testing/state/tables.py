"""All that a Melange server knows, and how it is found."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from qplug_ipam_melange.testing.faults import not_found
from qplug_ipam_melange.testing.settings import Settings
from qplug_ipam_melange.testing.state.records import (
    Address,
    Block,
    Interface,
    MacRange,
    Policy,
    Record,
)

R = TypeVar("R", bound=Record)


class Tables:
    """The records of a server, by their ids and in the order of their age."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self.now = now
        self.blocks: dict[str, Block] = {}
        self.interfaces: dict[str, Interface] = {}
        self.vifs: dict[str, Interface] = {}
        """The interfaces that have an id of the caller's making, by it."""
        self.macs: set[int] = set()
        self.mac_ranges: dict[str, MacRange] = {}
        self.policies: dict[str, Policy] = {}

    def block(self, tenant_id: str, block_id: str) -> Block:
        """Return a block of the tenant."""
        block = self.blocks.get(block_id)
        if block is None or block.tenant_id != tenant_id:
            raise not_found("IpBlock Not Found")
        return block

    def subnets(self, block: Block) -> list[Block]:
        """Return the blocks that were cut out of one."""
        return [inner for inner in self.blocks.values() if inner.parent_id == block.id]

    def vif(self, vif_id: str, tenant_id: str | None = None) -> Interface:
        """Return an interface by the caller's id, of one tenant if given."""
        found = self.vifs.get(vif_id)
        if found is None or tenant_id not in (None, found.tenant_id):
            raise not_found("Interface Not Found")
        return found

    def policy(self, tenant_id: str, policy_id: str) -> Policy:
        """Return a policy of the tenant."""
        policy = self.policies.get(policy_id)
        if policy is None or policy.tenant_id != tenant_id:
            raise not_found("Policy Not Found")
        return policy

    def allocated(self) -> list[Address]:
        """Return the addresses that are not in quarantine."""
        blocks = self.blocks.values()
        found = (address for block in blocks for address in block.addresses.values())
        return [address for address in found if address.deallocated_at is None]


def find(records: dict[str, R], record_id: str, kind: str) -> R:
    """Return a record by its id; ``kind`` is what it is called in the fault."""
    if record_id not in records:
        raise not_found(f"{kind} Not Found")
    return records[record_id]
