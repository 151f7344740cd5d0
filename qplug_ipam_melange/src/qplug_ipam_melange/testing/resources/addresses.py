"""The addresses of a block, and those of everybody."""

from collections.abc import Iterable

from qplug_ipam_melange.testing.faults import not_found
from qplug_ipam_melange.testing.messages import Document
from qplug_ipam_melange.testing.paging import page
from qplug_ipam_melange.testing.resources import views
from qplug_ipam_melange.testing.resources.blocks import BLOCK, block_of
from qplug_ipam_melange.testing.routing import Call, route
from qplug_ipam_melange.testing.state import addresses, interfaces
from qplug_ipam_melange.testing.state.records import Address

ADDRESSES = f"{BLOCK}/ip_addresses"
ADDRESS = f"{ADDRESSES}/{{address}}"


def _list(call: Call) -> Document:
    return page(call, "ip_addresses", block_of(call).addresses.values(), views.address)


def _create(call: Call) -> Document:
    block, wanted = block_of(call), call.wanted("ip_address")
    vif_id, tenant_id = wanted.get("interface_id"), wanted.get("tenant_id", block.tenant_id)
    interface = interfaces.find_or_create(call.tables, vif_id, tenant_id, wanted)
    made = addresses.allocate(call.tables, block, interface, wanted.get("address"))
    return {"ip_address": views.address(made)}


def _address_of(call: Call) -> Address:
    ip = addresses.parsed(call.where["address"])
    found = block_of(call).addresses.get(ip)
    if found is None:
        raise not_found("IpAddress Not Found")
    return found


def _show(call: Call) -> Document:
    return {"ip_address": views.address(_address_of(call))}


def _delete(call: Call) -> None:
    addresses.deallocate(call.tables, _address_of(call))


def _restore(call: Call) -> None:
    """Take the mark off; who held the address is forgotten all the same."""
    _address_of(call).deallocated_at = None


def _list_all(call: Call) -> Document:
    return page(call, "ip_addresses", _by_device(call, call.tables.allocated()), views.address)


def _list_of_tenant(call: Call) -> Document:
    """List what the tenant's interfaces hold, whoever owns the blocks."""
    held = [
        address
        for address in call.tables.allocated()
        if address.interface and address.interface.tenant_id == call.where["tenant"]
    ]
    return page(call, "ip_addresses", _by_device(call, held), views.address)


def _by_device(call: Call, found: Iterable[Address]) -> Iterable[Address]:
    """Filter by device, the one filter there is: an address in the query is ignored."""
    if "used_by_device" not in call.query:
        return found
    device_id = call.query["used_by_device"]
    return [a for a in found if a.interface and a.interface.device_id == device_id]


ROUTES = [
    route("GET", ADDRESSES, _list),
    route("POST", ADDRESSES, _create),
    route("GET", ADDRESS, _show),
    route("DELETE", ADDRESS, _delete),
    route("PUT", f"{ADDRESS}/restore", _restore),
    route("GET", "allocated_ip_addresses", _list_all),
    route("GET", "tenants/{tenant}/allocated_ip_addresses", _list_of_tenant),
]
