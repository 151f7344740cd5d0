"""The addresses of network info: IPs, routes and the subnets that have them.

``from_dict`` takes what ``to_dict`` gave, or what another release wrote: absent keys are null or
empty and unknown ones are kept in meta. It raises Invalid where that cannot be right.
"""

from dataclasses import dataclass, replace
from typing import Self

from netaddr import IPAddress, IPNetwork

from qplug.errors import InvalidInput
from qplug.network_info.element import Element, added, settle
from qplug.network_info.source import Source, ip_address, ip_network, ip_version


@dataclass(frozen=True, kw_only=True, eq=False)
class IP(Element):
    """An address by its use: ``gateway``, ``dns`` or ``floating``. Equal by address alone."""

    address: IPAddress | None = None
    type: str | None = None
    version: int | None = None
    """The address's own where there is one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, version=_version(self.version, self.address))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IP) and bool(self.address == other.address)

    def __hash__(self) -> int:
        return hash(self.address)

    def is_in_subnet(self, subnet: "Subnet") -> bool:
        """Say whether the subnet's cidr has the address; no where either is missing."""
        if self.address is None or subnet.cidr is None:
            return False
        return self.address in subnet.cidr

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Return what the JSON object says."""
        source = Source("ip", data)
        return cls(
            address=source.maybe("address", ip_address),
            type=source.maybe_text("type"),
            version=source.maybe("version", ip_version),
            meta=source.meta(),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedIP(IP):
    """An address of the vif, of type ``fixed`` unless told otherwise."""

    floating_ips: tuple[IP, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, type=self.type or "fixed")

    def add_floating_ip(self, floating_ip: IP) -> Self:
        """Return the same with the floating IP too, once."""
        return replace(self, floating_ips=added(self.floating_ips, floating_ip))

    def floating_ip_addresses(self) -> list[IPAddress | None]:
        """Return the addresses of the floating IPs."""
        return [ip.address for ip in self.floating_ips]

    def without_floating_ips(self) -> IP:
        """Return the address alone."""
        return IP(address=self.address, type=self.type, version=self.version, meta=self.meta)

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Return what the JSON object says."""
        source = Source("fixed ip", data)
        floating_ips = source.each("floating_ips", IP.from_dict)
        return replace(super().from_dict(source.rest()), floating_ips=floating_ips)


@dataclass(frozen=True, kw_only=True)
class Route(Element):
    """A static route. Equal by content."""

    cidr: IPNetwork
    gateway: IP | None = None
    interface: str | None = None

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Return what the JSON object says."""
        source = Source("route", data)
        return cls(
            cidr=source.take("cidr", ip_network),
            gateway=source.maybe("gateway", IP.from_dict),
            interface=source.maybe_text("interface"),
            meta=source.meta(),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Subnet(Element):
    """A subnet with the vif's addresses in it. Equal by cidr alone."""

    cidr: IPNetwork | None = None
    """Only null on its own: a network drops such a subnet."""
    version: int | None = None
    """The cidr's own where there is one."""
    gateway: IP | None = None
    dns: tuple[IP, ...] = ()
    ips: tuple[FixedIP, ...] = ()
    routes: tuple[Route, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, version=_version(self.version, self.cidr))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subnet) and bool(self.cidr == other.cidr)

    def __hash__(self) -> int:
        return hash(self.cidr)

    def as_netaddr(self) -> IPNetwork:
        """Return the cidr, which must not be missing.

        :raises InvalidInput: it is
        """
        if self.cidr is None:
            raise InvalidInput("subnet cidr", "null", "known for arithmetic")
        return self.cidr

    def add_dns(self, dns: IP) -> Self:
        """Return the same with the name server too, once."""
        return replace(self, dns=added(self.dns, dns))

    def add_ip(self, ip: FixedIP) -> Self:
        """Return the same with the fixed IP too, once."""
        return replace(self, ips=added(self.ips, ip))

    def add_route(self, route: Route) -> Self:
        """Return the same with the route too, once."""
        return replace(self, routes=added(self.routes, route))

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Return what the JSON object says."""
        source = Source("subnet", data)
        return cls(
            cidr=source.maybe("cidr", ip_network),
            version=source.maybe("version", ip_version),
            gateway=source.maybe("gateway", IP.from_dict),
            dns=source.each("dns", IP.from_dict),
            ips=source.each("ips", FixedIP.from_dict),
            routes=source.each("routes", Route.from_dict),
            meta=source.meta(),
        )


def _version(given: int | None, value: IPAddress | IPNetwork | None) -> int | None:
    if value is None:
        return given
    if given not in (None, value.version):
        raise InvalidInput("IP version", str(given), f"{value.version} for {value}")
    return int(value.version)
