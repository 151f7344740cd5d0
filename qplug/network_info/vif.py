"""The vifs of network info and the networks they are on; see ``subnet`` for ``from_dict``."""

from dataclasses import dataclass, replace
from typing import Any, Self

from netaddr import EUI

from qplug.network_info.element import Element, JsonObject, added, settle
from qplug.network_info.source import Source, mac
from qplug.network_info.subnet import IP, FixedIP, Subnet


@dataclass(frozen=True, kw_only=True)
class Network(Element):
    """The network of a vif. Equal by content, its subnets by cidr."""

    id: str
    bridge: str | None = None
    label: str | None = None
    subnets: tuple[Subnet, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, subnets=tuple(s for s in self.subnets if s.cidr is not None))

    def add_subnet(self, subnet: Subnet) -> Self:
        """Return the same with the subnet too, once."""
        return replace(self, subnets=added(self.subnets, subnet))

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Return what the JSON object says."""
        source = Source("network", data)
        return cls(
            id=source.text("id"),
            bridge=source.maybe_text("bridge"),
            label=source.maybe_text("label"),
            subnets=source.each("subnets", Subnet.from_dict),
            meta=source.meta(),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class VIF(Element):
    """A virtual interface with all it has. Equal by id alone."""

    id: str
    address: EUI
    network: Network | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VIF) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def fixed_ips(self) -> list[FixedIP]:
        """Return the addresses of all subnets in order; none without a network."""
        subnets = self.network.subnets if self.network else ()
        return [ip for subnet in subnets for ip in subnet.ips]

    def floating_ips(self) -> list[IP]:
        """Return the floating IPs of all addresses in order."""
        return [floating for ip in self.fixed_ips() for floating in ip.floating_ips]

    def labeled_ips(self) -> JsonObject | list[Any]:
        """Return network and addresses, fixed before floating, in JSON's types.

        That is an object of ``network_label``, ``network_id`` and ``ips``, or ``[]`` without a
        network, as compute has always had it.
        """
        if self.network is None:
            return []
        ips = [*(ip.without_floating_ips() for ip in self.fixed_ips()), *self.floating_ips()]
        return {
            "network_label": self.network.label,
            "network_id": self.network.id,
            "ips": [ip.to_dict() for ip in ips],
        }

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Return what the JSON object says."""
        source = Source("vif", data)
        return cls(
            id=source.text("id"),
            address=source.take("address", mac),
            network=source.maybe("network", Network.from_dict),
            meta=source.meta(),
        )
