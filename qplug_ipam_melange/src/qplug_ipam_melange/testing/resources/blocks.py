"""Blocks, their subnets and their routes."""

from qplug_ipam_melange.testing.faults import Errors, raise_invalid
from qplug_ipam_melange.testing.messages import Document
from qplug_ipam_melange.testing.paging import page
from qplug_ipam_melange.testing.resources import views
from qplug_ipam_melange.testing.routing import Call, route
from qplug_ipam_melange.testing.state import blocks, networks
from qplug_ipam_melange.testing.state.records import Block, Route
from qplug_ipam_melange.testing.state.tables import find

BLOCKS = "tenants/{tenant}/ip_blocks"
BLOCK = f"{BLOCKS}/{{block}}"
ROUTE = f"{BLOCK}/ip_routes/{{route}}"


def block_of(call: Call) -> Block:
    """Return the block that the path names."""
    return call.tables.block(call.where["tenant"], call.where["block"])


def _list(call: Call) -> Document:
    found = [b for b in call.tables.blocks.values() if b.tenant_id == call.where["tenant"]]
    if "type" in call.query:
        found = [block for block in found if block.type == call.query["type"]]
    return page(call, "ip_blocks", found, views.block)


def _create(call: Call) -> Document:
    made = blocks.create(call.tables, call.where["tenant"], call.wanted("ip_block"))
    return {"ip_block": views.block(made)}


def _show(call: Call) -> Document:
    return {"ip_block": views.block(block_of(call))}


def _update(call: Call) -> Document:
    block = block_of(call)
    blocks.update(call.tables, block, call.wanted("ip_block"))
    return {"ip_block": views.block(block)}


def _delete(call: Call) -> None:
    blocks.delete(call.tables, block_of(call))


def _list_subnets(call: Call) -> Document:
    return {"subnets": [views.block(inner) for inner in call.tables.subnets(block_of(call))]}


def _create_subnet(call: Call) -> Document:
    parent = block_of(call)
    wanted = call.wanted("subnet")
    network_id = wanted.get("network_id") or parent.network_id
    tenant_id = wanted.get("tenant_id") or parent.tenant_id
    cut = {"cidr": wanted.get("cidr"), "network_id": network_id}
    return {"subnet": views.block(blocks.create(call.tables, tenant_id, cut, parent))}


def _list_of_network(call: Call) -> Document:
    found = networks.blocks_of(call.tables, call.where["network"], call.where["tenant"])
    return {"ip_blocks": [views.block(block) for block in found]}


def _list_routes(call: Call) -> Document:
    return page(call, "ip_routes", block_of(call).routes.values(), views.route)


def _create_route(call: Call) -> Document:
    block, wanted = block_of(call), call.wanted("ip_route")
    missing = [name for name in ("destination", "gateway") if not wanted.get(name)]
    errors: Errors = {name: [f"{name} should be present"] for name in missing}
    raise_invalid(errors)
    made = Route(
        created_at=call.tables.now(),
        destination=wanted["destination"],
        netmask=wanted.get("netmask"),
        gateway=wanted["gateway"],
    )
    block.routes[made.id] = made
    return {"ip_route": views.route(made)}


def _route_of(call: Call) -> Route:
    return find(block_of(call).routes, call.where["route"], "IpRoute")


def _show_route(call: Call) -> Document:
    return {"ip_route": views.route(_route_of(call))}


def _update_route(call: Call) -> Document:
    changed, wanted = _route_of(call), call.wanted("ip_route")
    changed.destination = wanted.get("destination", changed.destination)
    changed.netmask = wanted.get("netmask", changed.netmask)
    changed.gateway = wanted.get("gateway", changed.gateway)
    changed.updated_at = call.tables.now()
    return {"ip_route": views.route(changed)}


def _delete_route(call: Call) -> None:
    del block_of(call).routes[_route_of(call).id]


ROUTES = [
    route("GET", BLOCKS, _list),
    route("POST", BLOCKS, _create),
    route("GET", BLOCK, _show),
    route("PUT", BLOCK, _update),
    route("DELETE", BLOCK, _delete),
    route("GET", f"{BLOCK}/subnets", _list_subnets),
    route("POST", f"{BLOCK}/subnets", _create_subnet),
    route("GET", f"{BLOCK}/ip_routes", _list_routes),
    route("POST", f"{BLOCK}/ip_routes", _create_route),
    route("GET", ROUTE, _show_route),
    route("PUT", ROUTE, _update_route),
    route("DELETE", ROUTE, _delete_route),
]
OF_NETWORKS = [route("GET", "tenants/{tenant}/networks/{network}", _list_of_network)]
