"""How records look in answers."""

from qplug_ipam_melange.testing.messages import Document
from qplug_ipam_melange.testing.state.records import (
    Address,
    Block,
    Interface,
    IpOctet,
    IpRange,
    MacRange,
    Policy,
    Record,
    Route,
)


def block(record: Block) -> Document:
    """Show a block."""
    return {
        "created_at": record.created_at,
        "network_id": record.network_id,
        "tenant_id": record.tenant_id,
        "dns1": record.dns1,
        "updated_at": record.updated_at,
        "id": record.id,
        "broadcast": record.broadcast,
        "parent_id": record.parent_id,
        "netmask": record.netmask,
        "dns2": record.dns2,
        "cidr": str(record.cidr),
        "type": record.type,
        "gateway": record.gateway,
        "policy_id": record.policy_id,
    }


def allocation(record: Address) -> Document:
    """Show an address with its block, as allocations and interfaces do."""
    shown = ("id", "network_id", "cidr", "gateway", "broadcast", "netmask", "dns1", "dns2")
    whole = block(record.block)
    routes = [_route(inner) for inner in record.block.routes.values()]
    return {
        "id": record.id,
        "address": record.ip.exploded,
        "version": record.ip.version,
        "interface_id": record.interface.name if record.interface else None,
        "ip_block": {name: whole[name] for name in shown} | {"ip_routes": routes},
    }


def address(record: Address) -> Document:
    """Show an address without its block; the original fails for one that nobody holds."""
    if record.interface is None:
        raise AttributeError("'NoneType' object has no attribute 'tenant_id'")
    return _timed(record) | {
        "address": record.ip.exploded,
        "version": record.ip.version,
        "ip_block_id": record.block.id,
        "interface_id": record.interface.name,
        "used_by_tenant": record.interface.tenant_id,
        "used_by_device": record.interface.device_id,
    }


def interface(record: Interface) -> Document:
    """Show an interface with its addresses."""
    return _timed(record) | {
        "id": record.name,
        "tenant_id": record.tenant_id,
        "device_id": record.device_id,
        "mac_address": str(record.mac) if record.mac else None,
        "ip_addresses": [allocation(held) for held in record.addresses.values()],
    }


def route(record: Route) -> Document:
    """Show a route by itself."""
    return _timed(record) | _route(record)


def mac_range(record: MacRange) -> Document:
    """Show a range of MAC addresses."""
    return _timed(record) | {"cidr": record.cidr}


def policy(record: Policy) -> Document:
    """Show a policy without its parts."""
    return _timed(record) | {
        "tenant_id": record.tenant_id,
        "name": record.name,
        "description": record.description,
    }


def ip_range(record: IpRange) -> Document:
    """Show a range of addresses that a policy forbids."""
    return _timed(record) | {
        "policy_id": record.policy_id,
        "offset": record.offset,
        "length": record.length,
    }


def ip_octet(record: IpOctet) -> Document:
    """Show an octet that a policy forbids."""
    return _timed(record) | {"policy_id": record.policy_id, "octet": record.octet}


def _timed(record: Record) -> Document:
    return {
        "id": record.id,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def _route(record: Route) -> Document:
    return {
        "id": record.id,
        "destination": record.destination,
        "netmask": record.netmask,
        "gateway": record.gateway,
    }
