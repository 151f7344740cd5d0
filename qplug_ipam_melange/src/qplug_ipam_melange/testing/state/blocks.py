"""Blocks: what may be one, and what goes with one."""

from collections import defaultdict
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from itertools import islice
from typing import Any

from qplug_ipam_melange.testing.faults import Errors, raise_invalid
from qplug_ipam_melange.testing.state.addresses import forget
from qplug_ipam_melange.testing.state.records import Block, IPNetwork
from qplug_ipam_melange.testing.state.tables import Tables

TYPES = ("private", "public")
CHANGEABLE = ("gateway", "dns1", "dns2", "network_id", "policy_id")


def create(
    tables: Tables, tenant_id: str, wanted: Mapping[str, Any], parent: Block | None = None
) -> Block:
    """Make a block, or cut a subnet out of a parent, from which it has its type."""
    errors: Errors = defaultdict(list)
    cidr = _network(wanted.get("cidr"))
    if cidr is None:
        errors["cidr"].append("cidr is invalid")
    block_type = parent.type if parent else wanted.get("type")
    if block_type not in TYPES:
        errors["type"].append("type should be one among public, private")
    _check_words(tables, wanted, errors)
    raise_invalid(errors)
    assert cidr is not None  # noqa: S101 - a block without one was refused
    block = Block(
        created_at=tables.now(),
        cidr=cidr,
        tenant_id=tenant_id,
        type=str(block_type),
        network_id=wanted.get("network_id"),
        parent_id=parent.id if parent else None,
        gateway=wanted.get("gateway"),
        dns1=wanted.get("dns1"),
        dns2=wanted.get("dns2"),
        policy_id=wanted.get("policy_id"),
    )
    _fill(tables, block)
    _check_place(tables, block, parent)
    tables.blocks[block.id] = block
    return block


def update(tables: Tables, block: Block, wanted: Mapping[str, Any]) -> None:
    """Change what can be changed of a block; all else is ignored."""
    errors: Errors = defaultdict(list)
    _check_words(tables, wanted, errors)
    raise_invalid(errors)
    before = {name: getattr(block, name) for name in CHANGEABLE}
    try:
        _set(block, {name: wanted[name] for name in CHANGEABLE if name in wanted})
        _fill(tables, block)
        _check_place(tables, block, tables.blocks.get(block.parent_id or ""))
    except Exception:
        _set(block, before)
        raise
    block.updated_at = tables.now()


def delete(tables: Tables, block: Block) -> None:
    """Forget a block, its subnets and all their addresses, whoever holds them."""
    for subnet in tables.subnets(block):
        delete(tables, subnet)
    for address in list(block.addresses.values()):
        forget(tables, address)
    del tables.blocks[block.id]


def _network(cidr: Any) -> IPNetwork | None:
    try:
        return ip_network(str(cidr), strict=False)
    except ValueError:
        return None


def _check_words(tables: Tables, wanted: Mapping[str, Any], errors: Errors) -> None:
    policy_id = wanted.get("policy_id")
    if wanted.get("gateway"):
        try:
            ip_address(wanted["gateway"])
        except ValueError:
            errors["gateway"].append("Gateway is not a valid address")
    if policy_id is not None and policy_id not in tables.policies:
        errors["policy_id"].append(f"Policy with id = u'{policy_id}' doesn't exist")


def _fill(tables: Tables, block: Block) -> None:
    """Put in what a block cannot be without."""
    block.dns1 = block.dns1 or tables.settings.dns1
    block.dns2 = block.dns2 or tables.settings.dns2
    if tables.settings.fills_gateways and not block.gateway and block.cidr.num_addresses > 1:
        block.gateway = str(block.cidr[1])


def _check_place(tables: Tables, block: Block, parent: Block | None) -> None:
    """Refuse a block that is in the way of another."""
    errors: Errors = defaultdict(list)
    others = [other for other in tables.blocks.values() if other is not block]
    if parent:
        _check_subnet(tables, block, parent, errors)
    elif block.type == "public":
        roots = [o for o in others if o.type == "public" and o.parent_id is None]
        for other in _overlapping(block, roots):
            errors["cidr"].append(f"cidr overlaps with public block {other.cidr}")
    neighbours = [o for o in others if block.network_id and o.network_id == block.network_id]
    if any(other.type != block.type for other in neighbours):
        errors["type"].append("type should be same within a network")
    elif _heads_its_network(tables, block):
        heads = [other for other in neighbours if _heads_its_network(tables, other)]
        for other in _overlapping(block, heads):
            errors["cidr"].append(f"cidr overlaps with block {other.cidr} in same network")
    raise_invalid(errors)


def _check_subnet(tables: Tables, block: Block, parent: Block, errors: Errors) -> None:
    if parent.network_id and parent.network_id != block.network_id:
        errors["network_id"].append("network_id should be same as that of parent")
    if parent.addresses:
        errors["parent_id"].append("parent is not subnettable since it has allocated ips")
    if not _contains(parent.cidr, block.cidr):
        errors["cidr"].append("cidr should be within parent block's cidr")
    siblings = [other for other in tables.subnets(parent) if other is not block]
    for other in _overlapping(block, siblings):
        errors["cidr"].append(f"cidr overlaps with sibling {other.cidr}")


def _heads_its_network(tables: Tables, block: Block) -> bool:
    """Whether it is no subnet of a block on the same network, as those lie within each other."""
    parent = tables.blocks.get(block.parent_id or "")
    return parent is None or parent.network_id != block.network_id


def _overlapping(block: Block, others: list[Block]) -> list[Block]:
    """Return the first that overlaps a block, if one does; the original names no other."""
    found = (other for other in others if block.cidr.overlaps(other.cidr))
    return list(islice(found, 1))


def _contains(outer: IPNetwork, inner: IPNetwork) -> bool:
    return inner.network_address in outer and inner.broadcast_address in outer


def _set(block: Block, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(block, name, value)
