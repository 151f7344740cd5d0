"""What dnsmasq is told: its arguments, options and hosts. All of it is made of parsed values."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from netaddr import EUI, IPAddress

from qplug.model import DNS_LABEL, DhcpHost, Network, Subnet, is_domain
from qplug_dhcp_dnsmasq.errors import DomainInvalid, SubnetTooLarge

ENTERPRISE = 32473
"""The number that RFC 5612 sets aside; DUIDs are told apart by the network's uuid in them."""

RA_INTERVAL, ROUTER_LIFETIME, PREFIX_LIFETIME = 60, 1800, 86_400
"""Seconds between router advertisements, and that what they say holds."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What instances are told besides their subnets: the host's options, or a network's own."""

    domain: str
    lease_time: int
    mtu: int

    def __post_init__(self) -> None:
        """Refuse what would be more than one word.

        :raises DomainInvalid: it is no name
        """
        if self.domain and not is_domain(self.domain):
            raise DomainInvalid(self.domain)

    def on(self, network: Network) -> "Told":
        """Return what is told on a network."""
        return Told(
            domain=self.domain if network.dns_domain is None else network.dns_domain,
            lease_time=network.lease_time or self.lease_time,
            mtu=network.mtu or self.mtu,
        )


def of_version4(network: Network) -> Network:
    """Return the network without its IPv6 subnets."""
    return replace(network, subnets=tuple(s for s in network.subnets if s.version == 4))


def served(network: Network) -> Sequence[tuple[str, Subnet]]:
    """Return the subnets that DHCP or router advertisements are for, each with its tag.

    :raises SubnetTooLarge: dnsmasq would not take one
    """
    found = [subnet for subnet in network.subnets if subnet.dhcp_server is not None]
    for subnet in found:
        if subnet.version == 6 and subnet.cidr.prefixlen < 64:
            raise SubnetTooLarge(str(subnet.cidr))
    return [(f"s{number}", subnet) for number, subnet in enumerate(found)]


def arguments(network: Network, told: Told) -> Sequence[str]:
    """Return what depends on the network's subnets, and cannot be changed while dnsmasq runs."""
    ranges = [f"--dhcp-range={_range(tag, subnet, told)}" for tag, subnet in served(network)]
    return [*ranges, *_advertisements(network, told), f"--dhcp-duid={_duid_argument(network.id)}"]


def _range(tag: str, subnet: Subnet, told: Told) -> str:
    first = IPAddress(subnet.cidr.first, subnet.version)
    if subnet.version == 4:
        return f"set:{tag},{first},static,{subnet.cidr.netmask},{told.lease_time}s"
    if subnet.derived:
        mode = "ra-stateless" if subnet.dns else "ra-only"
        return f"set:{tag},{first},{mode},64,{PREFIX_LIFETIME}s"
    return f"set:{tag},{first},static,{subnet.cidr.prefixlen},{told.lease_time}s"


def _advertisements(network: Network, told: Told) -> Sequence[str]:
    subnets = [subnet for _, subnet in served(network) if subnet.version == 6]
    if not subnets:
        return []
    lifetime = ROUTER_LIFETIME if any(subnet.gateway for subnet in subnets) else 0
    parameters = f"{network.bridge},mtu:{told.mtu},{RA_INTERVAL},{lifetime}"
    return ["--enable-ra", f"--ra-param={parameters}"]


def _duid_argument(network_id: str) -> str:
    return f"{ENTERPRISE},{UUID(network_id).bytes.hex(':')}"


def server_duid(network_id: str) -> bytes:
    """Return what dnsmasq of a network calls itself (RFC 8415, section 11.3)."""
    return b"\0\2" + ENTERPRISE.to_bytes(4) + UUID(network_id).bytes


def options(network: Network, told: Told) -> str:
    """Return the file of options, by the tags of subnets."""
    return "".join(f"{line}\n" for line in _options(network, told))


def _options(network: Network, told: Told) -> Iterator[str]:
    for tag, subnet in served(network):
        if subnet.version == 4:
            yield from (f"tag:{tag},option:{line}" for line in _options4(subnet, told))
        else:
            yield from (f"tag:{tag},option6:{line}" for line in _options6(subnet, told))


def _options4(subnet: Subnet, told: Told) -> Iterator[str]:
    # An option without a value is one that dnsmasq does not send; else it would name itself.
    yield _listed("router", [subnet.gateway] if subnet.gateway else [])
    yield _listed("dns-server", subnet.dns)
    yield f"mtu,{told.mtu}"
    if told.domain:
        yield f"domain-name,{told.domain}"
    routes = [(str(route.cidr), str(route.gateway)) for route in subnet.routes]
    if routes:
        if subnet.gateway:  # whoever takes these takes no router (RFC 3442)
            routes.append(("0.0.0.0/0", str(subnet.gateway)))
        yield _listed("classless-static-route", [word for route in routes for word in route])


def _options6(subnet: Subnet, told: Told) -> Iterator[str]:
    if subnet.dns:
        yield _listed("dns-server", [f"[{address}]" for address in subnet.dns])
    if told.domain:
        yield f"domain-search,{told.domain}"


def _listed(name: str, values: Iterable[object]) -> str:
    return ",".join([name, *map(str, values)])


# --- hosts --------------------------------------------------------------------------------------


def hostname(host: DhcpHost) -> str | None:
    """Return the name a host is told: its own, or one made of its first address."""
    if host.hostname and re.fullmatch(DNS_LABEL, host.hostname):
        return host.hostname
    if not host.addresses:
        return None
    return f"host-{re.sub('[.:]', '-', str(host.addresses[0]))}".rstrip("-")


def leased(network: Network, addresses: Iterable[IPAddress]) -> Sequence[IPAddress]:
    """Return those of a host's addresses that it leases: one of IPv4, and all that are not derived.

    A client asks for one IPv4 address only.
    """
    subnets = [subnet for _, subnet in served(network) if not subnet.derived]
    mine = [each for each in addresses if any(each in subnet.cidr for subnet in subnets)]
    return [*[a for a in mine if a.version == 4][:1], *[a for a in mine if a.version == 6]]


def host_line(mac: EUI, addresses: Sequence[IPAddress], name: str | None, lease_time: int) -> str:
    """Return the line of a host that leases something.

    Without ``id:*``, who sends another's client identifier would get the other's lease.
    """
    texts = (f"[{address}]" if address.version == 6 else str(address) for address in addresses)
    words = [str(mac), "id:*", *texts, *([name] if name else []), f"{lease_time}s"]
    return ",".join(words) + "\n"


def ignored(mac: EUI) -> str:
    """Return the line of a host that is answered no more."""
    return f"{mac},ignore\n"
