"""The words of Melange's API v0.1: paths, bodies and what is read out of answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any
from urllib.parse import quote

from netaddr import IPAddress, ipv6_verbose

from qplug.model import Route, Subnet, Vif, assignable, bounds, subtract

Json = Mapping[str, Any]

ALLOCATED = "allocated_ip_addresses.json"
INTERFACES = "interfaces.json"
MAC_RANGES = "mac_address_ranges.json"


@dataclass(frozen=True)
class Given:
    """An address that an interface holds."""

    address: IPAddress
    block_id: str
    interface_id: str = ""
    tenant_id: str | None = None
    """Whose interface it is; some answers do not tell."""


# --- paths, all under /v0.1/ipam ----------------------------------------------------------------


def tenant_path(tenant: str, *parts: str) -> str:
    """Return the path of something that a tenant has."""
    return f"{_path('tenants', tenant, *parts)}.json"


def allocations_path(tenant: str, network_id: str, vif_id: str) -> str:
    """Return the path of what an interface holds on a network of a tenant."""
    return tenant_path(tenant, "networks", network_id, "interfaces", vif_id, "ip_allocations")


def address_path(tenant: str, given: Given) -> str:
    """Return the path of an address, which takes no suffix."""
    return _path("tenants", tenant, "ip_blocks", given.block_id, "ip_addresses", str(given.address))


def interface_path(interface_id: str) -> str:
    """Return the path that deletes an interface, whoever has it."""
    return f"{_path('interfaces', interface_id)}.json"


def _path(*parts: str) -> str:
    return "/".join(quote(part, safe=":") for part in parts)


# --- bodies -------------------------------------------------------------------------------------


def block_body(subnet: Subnet, network_id: str, policy_id: str | None) -> Json:
    """Return what makes a block of a subnet."""
    dns = [str(each) for each in subnet.dns[:2]]
    dns1, dns2 = [*dns, None, None][:2]
    block: dict[str, Any] = {
        "cidr": str(subnet.cidr),
        "network_id": network_id,
        "type": "private",
        "gateway": None if subnet.gateway is None else str(subnet.gateway),
        "dns1": dns1,
        "dns2": dns2,
    }
    if policy_id:
        block["policy_id"] = policy_id
    return {"ip_block": block}


def route_body(route: Route) -> Json:
    """Return what makes a route of a block."""
    netmask = str(route.cidr.netmask if route.cidr.version == 4 else route.cidr.prefixlen)
    words = {
        "destination": str(route.cidr.network),
        "netmask": netmask,
        "gateway": str(route.gateway),
    }
    return {"ip_route": words}


def interface_body(vif: Vif, network_id: str, tenant: str, wanted: Iterable[IPAddress]) -> Json:
    """Return what makes an interface with addresses: those, or if none then of Melange's choice.

    :param tenant: whose the network's blocks are
    """
    network: dict[str, Any] = {"id": network_id, "tenant_id": tenant}
    if named := spelled(wanted):
        network["addresses"] = named
    interface = {
        "id": vif.id,
        "tenant_id": vif.project_id,
        "device_id": vif.instance_id,
        "mac_address": str(vif.mac),
        "network": network,
    }
    return {"interface": interface}


def allocation_body(vif: Vif, wanted: Iterable[IPAddress]) -> Json:
    """Return what gives an interface addresses on a network."""
    network: dict[str, Any] = {
        "mac_address": str(vif.mac),
        "tenant_id": vif.project_id,
        "used_by_device": vif.instance_id,
    }
    if named := spelled(wanted):
        network["addresses"] = named
    return {"network": network}


def address_body(vif: Vif, wanted: IPAddress | None = None) -> Json:
    """Return what gives an interface one address of a block."""
    words = {
        "interface_id": vif.id,
        "tenant_id": vif.project_id,
        "used_by_device": vif.instance_id,
        "mac_address": str(vif.mac),
    }
    if wanted is not None:
        (words["address"],) = spelled([wanted])
    return {"ip_address": words}


def keeper_body(subnet: Subnet, network_id: str, site: str, tenant: str) -> Json:
    """Return what makes the interface that keeps back what no vif may get of a subnet.

    It brings a MAC address of its own, which is nobody's: else Melange takes one from its ranges.
    """
    interface = {
        "id": subnet.id,
        "tenant_id": site,
        "device_id": network_id,
        "mac_address": f"02{sha1(subnet.id.encode(), usedforsecurity=False).hexdigest()[:10]}",
        "network": {"id": network_id, "tenant_id": tenant, "addresses": spelled(kept_back(subnet))},
    }
    return {"interface": interface}


def spelled(addresses: Iterable[IPAddress]) -> Sequence[str]:
    """Return addresses in full.

    Melange gives the last address of an IPv6 block only to those who do not compress it.
    """
    return [each.format(ipv6_verbose) if each.version == 6 else str(each) for each in addresses]


# --- what a block does not give -----------------------------------------------------------------


def kept_back(subnet: Subnet) -> Sequence[IPAddress]:
    """Return what the keeper of a subnet holds: what Melange itself would give to anybody.

    The network address is always among it; it is how block and subnet are known to belong together.
    """
    network, server = IPAddress(subnet.cidr.first, subnet.version), subnet.dhcp_server
    if subnet.version == 6 or server in (None, network, subnet.gateway):
        return [network]
    return [network, server] if server in subnet.cidr else [network]


def unusable(subnet: Subnet) -> Sequence[tuple[int, int]]:
    """Return offset and length of what a policy must keep back of an IPv4 subnet.

    Gateway and broadcast address Melange keeps back itself, and the keeper what it holds. Of IPv6
    Melange never chooses an address, and would not ask a policy.
    """
    if subnet.version == 6:
        return []
    cidr, own = subnet.cidr, [subnet.gateway, *kept_back(subnet)]
    known = [each.value for each in own if each is not None] + [cidr.last]
    out = subtract([(cidr.first, cidr.last)], bounds(assignable(subnet)))
    ranges = subtract(out, [(each, each) for each in known])
    return [(first - cidr.first, last - first + 1) for first, last in ranges]


# --- answers ------------------------------------------------------------------------------------


def given_of(answer: Json) -> Given:
    """Return an address, from either of the two forms in which Melange tells of one."""
    block = answer.get("ip_block")
    return Given(
        address=IPAddress(answer["address"]),
        block_id=block["id"] if block else answer["ip_block_id"],
        interface_id=answer.get("interface_id") or "",
        tenant_id=answer.get("used_by_tenant"),
    )


def given_in(answer: Json) -> Sequence[Given]:
    """Return the addresses of a list."""
    return [given_of(each) for each in answer["ip_addresses"]]
