"""The form of network info before it had a model: one pair of objects a vif."""

from collections.abc import Iterable, Sequence

from netaddr import IPAddress

from qplug.errors import V4SubnetRequired
from qplug.network_info.element import JsonObject, plain
from qplug.network_info.subnet import IP, FixedIP, Route, Subnet
from qplug.network_info.vif import VIF, Network

LegacyPair = tuple[JsonObject, JsonObject]


def legacy(vifs: Iterable[VIF]) -> list[LegacyPair]:
    """Return (network, info) of every vif with a subnet, in JSON's types.

    A network has one subnet of each version there, its first; yet the addresses of all its IPv4
    subnets are told.

    :raises V4SubnetRequired: a vif has IPv6 subnets only
    """
    return [_pair(vif, vif.network) for vif in vifs if vif.network and vif.network.subnets]


def _pair(vif: VIF, network: Network) -> LegacyPair:
    v4 = [subnet for subnet in network.subnets if subnet.version == 4]
    v6 = next((subnet for subnet in network.subnets if subnet.version != 4), None)
    if not v4:
        raise V4SubnetRequired(network.id)
    info = _info(vif, network, v4) | _routed(v4[0]) | (_info_v6(v6) if v6 else {})
    return _network(network, v4[0], v6), info


def _network(network: Network, v4: Subnet, v6: Subnet | None) -> JsonObject:
    return {
        "bridge": network.bridge,
        "id": network.id,
        "cidr": str(v4.as_netaddr()),
        "cidr_v6": str(v6.as_netaddr()) if v6 else None,
        "vlan": network.get_meta("vlan"),
        "injected": network.get_meta("injected", False),
        "multi_host": network.get_meta("multi_host", False),
        "bridge_interface": network.get_meta("bridge_interface"),
    }


def _info(vif: VIF, network: Network, v4: Sequence[Subnet]) -> JsonObject:
    first = v4[0]
    return {
        "label": network.label,
        "broadcast": str(IPAddress(first.as_netaddr().last, 4)),
        "mac": plain(vif.address),
        "vif_uuid": vif.id,
        "rxtx_cap": vif.get_meta("rxtx_cap", 0),
        "dns": [_address(ip) for ip in first.dns],
        "ips": [_entry(ip, subnet) for subnet in v4 for ip in subnet.ips],
        "should_create_bridge": network.get_meta("should_create_bridge", False),
        "should_create_vlan": network.get_meta("should_create_vlan", False),
        "dhcp_server": first.get_meta("dhcp_server", _address(first.gateway)),
    }


def _routed(v4: Subnet) -> JsonObject:
    routes, gateway = [_route(route) for route in v4.routes], _address(v4.gateway)
    return ({"routes": routes} if routes else {}) | ({"gateway": gateway} if gateway else {})


def _info_v6(v6: Subnet) -> JsonObject:
    gateway = {"gateway_v6": _address(v6.gateway)} if v6.gateway else {}
    return gateway | {"ip6s": [_entry(ip, v6) for ip in v6.ips]}


def _entry(ip: FixedIP, subnet: Subnet) -> JsonObject:
    cidr = subnet.as_netaddr()
    return {
        "ip": _address(ip),
        "enabled": "1",
        "netmask": str(cidr.netmask) if cidr.version == 4 else cidr.prefixlen,
        "gateway": _address(subnet.gateway),
    }


def _route(route: Route) -> JsonObject:
    return {
        "route": str(route.cidr.network),
        "netmask": str(route.cidr.netmask),
        "gateway": _address(route.gateway),
    }


def _address(ip: IP | None) -> str | None:
    return plain(ip.address) if ip else None
