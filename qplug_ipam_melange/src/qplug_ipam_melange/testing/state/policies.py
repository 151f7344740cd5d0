"""Policies: what a block must not give."""

from qplug_ipam_melange.testing.state.records import Block, IPAddress, IpRange
from qplug_ipam_melange.testing.state.tables import Tables


def allows(tables: Tables, block: Block, ip: IPAddress) -> bool:
    """Whether the block's policy, if it has one, lets the address be given."""
    policy = tables.policies.get(block.policy_id or "")
    if policy is None:
        return True
    last = int(ip) & (0xFF if ip.version == 4 else 0xFFFF)
    if any(octet.octet == last for octet in policy.ip_octets.values()):
        return False
    return not any(_covers(ip_range, block, ip) for ip_range in policy.ip_ranges.values())


def _covers(ip_range: IpRange, block: Block, ip: IPAddress) -> bool:
    position = int(ip) - int(block.cidr.network_address)
    start = ip_range.offset + (block.cidr.num_addresses if ip_range.offset < 0 else 0)
    return start <= position < start + ip_range.length


def delete(tables: Tables, policy_id: str) -> None:
    """Forget a policy, and untie its blocks."""
    del tables.policies[policy_id]
    for block in tables.blocks.values():
        if block.policy_id == policy_id:
            block.policy_id = None
