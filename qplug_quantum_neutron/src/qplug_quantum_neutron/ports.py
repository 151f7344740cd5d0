"""A port, as it is wanted of Neutron and shown by it."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from netaddr import EUI, IPAddress

from qplug.model import AddressPair, Port, PortRequest, mac_address

GATEWAY = "qplug:gateway"
"""What owns the port of a gateway; that it is no ``network:`` keeps Neutron from deleting it."""
VIF = "qplug:vif"
"""What owns a vif's port that is bound nowhere: Neutron lets no tenant delete one of compute."""


def wanted_port(
    project_id: str,
    network_id: str,
    request: PortRequest,
    *,
    site: str,
    binds: bool,
    shows: bool,
) -> Mapping[str, Any]:
    """Return the port to be made; it has no addresses by Neutron's choice.

    :param site: its description, by which it is known as one of ours
    :param binds: whether Neutron is told the host
    :param shows: whether it is told the addresses
    """
    host = {"binding:host_id": request.host} if binds and request.host else {}
    return {
        "network_id": network_id,
        "tenant_id": project_id,
        "name": request.attachment,
        "description": site,
        "device_id": request.instance_id or request.attachment,
        "device_owner": _owner(request, binds=binds),
        "admin_state_up": True,
        "mac_address": str(mac_of(network_id, request)),
        "fixed_ips": fixed_ips(request.addresses if shows else ()),
        **security(request.address_pairs),
        **host,
    }


def fixed_ips(addresses: Iterable[IPAddress]) -> Sequence[Mapping[str, str]]:
    """Return addresses as Neutron is told them."""
    return [{"ip_address": str(address)} for address in addresses]


def security(pairs: Sequence[AddressPair]) -> Mapping[str, Any]:
    """Return what says that a port may send as these pairs, or as anybody."""
    if not pairs:
        return {"port_security_enabled": False}
    told = [{"mac_address": str(pair.mac), "ip_address": str(pair.address)} for pair in pairs]
    return {"port_security_enabled": True, "allowed_address_pairs": told}


def mac_of(network_id: str, request: PortRequest) -> EUI:
    """Return the MAC address of a port.

    A gateway's is its attachment's on the network, always the same: Neutron lets no other port
    of the network have it, and so keeps an attachment from having two.
    """
    if request.mac is not None:
        return request.mac
    digest = sha256(f"{network_id} {request.attachment}".encode()).digest()
    return mac_address(":".join(f"{octet:02x}" for octet in (0x02, *digest[:5])))


def _owner(request: PortRequest, *, binds: bool) -> str:
    if request.instance_id is None:
        return GATEWAY
    return f"compute:{request.zone or 'nova'}" if binds else VIF


def shown_port(port: Mapping[str, Any]) -> Port:
    """Return a port as Neutron shows it."""
    pairs = [_plain(each.get("ip_address")) for each in port.get("allowed_address_pairs") or ()]
    fixed = [_plain(each.get("ip_address")) for each in port.get("fixed_ips") or ()]
    return Port(
        id=str(port["id"]),
        attachment=str(port.get("name") or ""),
        addresses=tuple(_known(pairs) or _known(fixed)),
    )


def _plain(text: object) -> IPAddress | None:
    """Return an address; ``None`` for a network, which people may allow too."""
    try:
        return IPAddress(str(text))
    except ValueError:
        return None


def _known(addresses: Iterable[IPAddress | None]) -> list[IPAddress]:
    return [address for address in addresses if address is not None]
