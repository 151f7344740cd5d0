"""What is asked of each subnet: an address by name, a derived one, or any."""

from collections.abc import Sequence
from dataclasses import dataclass

from netaddr import IPAddress

from qplug.errors import AddressRequired, FixedIpInvalid
from qplug.model import Network, Subnet, Vif
from qplug.model.ipv6 import to_global


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked of one subnet."""

    subnet: Subnet
    address: IPAddress | None = None
    """The only right answer; ``None`` leaves the choice to the policy."""
    derived: bool = False
    """Whether the address was computed, and not asked for by the caller."""
    more: bool = False
    """Whether what the vif holds already is no answer; of several such wishes one is fulfilled."""


def one_each(
    network: Network, vif: Vif, wanted: Sequence[IPAddress], backend: str
) -> Sequence[Wish]:
    """Return a wish for each subnet of the network, in their order.

    :raises FixedIpInvalid: an address is outside the subnets, or not the only one of its subnet
    """
    named = [(subnet_of(network, address), address) for address in wanted]
    subnets = [subnet.id for subnet, _ in named]
    for subnet, address in named:
        if subnets.count(subnet.id) > 1:
            raise FixedIpInvalid(str(address), f"{subnet.cidr} is to give one address only")
    by_subnet = {subnet.id: address for subnet, address in named}
    return [_wish(s, network, vif, by_subnet.get(s.id), backend) for s in network.subnets]


def one_more(network: Network, wanted: IPAddress | None) -> Sequence[Wish]:
    """Return the wishes of which one is to be fulfilled: for one address more.

    :raises FixedIpInvalid: the address is outside the subnets
    :raises AddressRequired: addresses of every subnet are derived, so that there is no choice
    """
    if wanted is not None:
        return [Wish(subnet=subnet_of(network, wanted), address=wanted, more=True)]
    wishes = [Wish(subnet=s, more=True) for s in network.subnets if not s.derived]
    if network.subnets and not wishes:
        raise AddressRequired(network.label, ", ".join(str(s.cidr) for s in network.subnets))
    return wishes


def subnet_of(network: Network, address: IPAddress) -> Subnet:
    """Return the subnet that has the address.

    :raises FixedIpInvalid: there is none
    """
    for subnet in network.subnets:
        if address in subnet.cidr:
            return subnet
    raise FixedIpInvalid(str(address), f"it is in no subnet of network '{network.label}'")


def _wish(
    subnet: Subnet, network: Network, vif: Vif, wanted: IPAddress | None, backend: str
) -> Wish:
    if wanted is not None or not subnet.derived:
        return Wish(subnet=subnet, address=wanted)
    derived = to_global(backend, subnet.cidr, vif.mac, network.quantum_project)
    return Wish(subnet=subnet, address=derived, derived=True)
