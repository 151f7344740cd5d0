"""Interfaces by the caller's id, their allocations and what is allowed to them: v0.1 alone."""

from collections.abc import Sequence
from http import HTTPStatus

from qplug_ipam_melange.testing.faults import Fault, not_found
from qplug_ipam_melange.testing.messages import Document
from qplug_ipam_melange.testing.resources import views
from qplug_ipam_melange.testing.routing import Call, no_such_action, route
from qplug_ipam_melange.testing.state import addresses, interfaces, networks
from qplug_ipam_melange.testing.state.records import Address, Interface

INTERFACE = "tenants/{tenant}/interfaces/{vif}"
ALLOWED = f"{INTERFACE}/allowed_ips"
ALLOCATIONS = "tenants/{tenant}/networks/{network}/interfaces/{vif}/ip_allocations"


def _create(call: Call) -> Document:
    wanted = call.wanted("interface")
    made = views.interface(interfaces.create(call.tables, wanted))
    # The original shows what it was given; from then on it is a text.
    return {"interface": made | {"device_id": wanted.get("device_id")}}


def _crash(_: Call) -> Document:
    raise TypeError("show() got an unexpected keyword argument 'id'")


def _delete(call: Call) -> None:
    interfaces.delete(call.tables, call.tables.vif(call.where["vif"]))


def _interface_of(call: Call) -> Interface:
    return call.tables.vif(call.where["vif"], call.where["tenant"])


def _show(call: Call) -> Document:
    return {"interface": views.interface(_interface_of(call))}


def _list_allocations(call: Call) -> Document:
    found = networks.blocks_of(call.tables, call.where["network"], call.where["tenant"])
    held = networks.held_by(found, call.tables.vif(call.where["vif"]))
    return {"ip_addresses": [views.allocation(address) for address in held]}


def _allocate(call: Call) -> Document:
    tables, where, wanted = call.tables, call.where, call.wanted("network")
    found = networks.blocks_to_allocate(tables, where["network"], where["tenant"])
    tenant_id = wanted.get("tenant_id", where["tenant"])
    interface = interfaces.find_or_create(tables, where["vif"], tenant_id, wanted)
    made = networks.allocate(tables, found, interface, wanted.get("addresses"))
    return {"ip_addresses": [views.allocation(address) for address in made]}


def _deallocate(call: Call) -> None:
    networks.blocks_of(call.tables, call.where["network"], call.where["tenant"])
    interface = call.tables.vif(call.where["vif"])
    networks.deallocate(call.tables, call.where["network"], interface)


def _list_allowed(call: Call) -> Document:
    allowed = _allowed(_interface_of(call))
    return {"ip_addresses": [views.address(address) for address in allowed]}


def _allowed(interface: Interface) -> Sequence[Address]:
    return list((interface.addresses | interface.allowed).values())


def _allow(call: Call) -> Document:
    interface, wanted = _interface_of(call), call.wanted("allowed_ip")
    ip, network_id = addresses.parsed(wanted["ip_address"]), wanted["network_id"]
    for block in networks.blocks_of(call.tables, network_id):
        found = block.addresses.get(ip)
        if found and found.interface and found.interface.tenant_id == interface.tenant_id:
            if interface.network_id != network_id:
                text = f"Ip {ip} cannot be allowed on interface {interface.name}"
                raise Fault(HTTPStatus.UNPROCESSABLE_ENTITY, text)
            interface.allowed[found.id] = found
            return {"ip_address": views.address(found)}
    raise not_found(f"IpAddress with {ip} for network {network_id} not found")


def _allowed_of(call: Call) -> Address:
    ip, interface = addresses.parsed(call.where["address"]), _interface_of(call)
    for address in _allowed(interface):
        if address.ip == ip:
            return address
    text = f"Ip Address {call.where['address']} hasnt been allowed on interface {interface.name}"
    raise not_found(text)


def _show_allowed(call: Call) -> Document:
    return {"ip_address": views.address(_allowed_of(call))}


def _disallow(call: Call) -> None:
    _interface_of(call).allowed.pop(_allowed_of(call).id, None)


ROUTES = [
    route("POST", "interfaces", _create),
    route("GET", "interfaces", no_such_action),
    route("GET", "interfaces/{vif}", _crash),
    route("DELETE", "interfaces/{vif}", _delete),
    route("GET", INTERFACE, _show),
    route("GET", ALLOCATIONS, _list_allocations),
    route("POST", ALLOCATIONS, _allocate),
    route("DELETE", ALLOCATIONS, _deallocate),
    route("GET", ALLOWED, _list_allowed),
    route("POST", ALLOWED, _allow),
    route("GET", f"{ALLOWED}/{{address}}", _show_allowed),
    route("DELETE", f"{ALLOWED}/{{address}}", _disallow),
]
