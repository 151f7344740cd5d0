"""Which addresses a vif may be given: of which subnet, and whether by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from netaddr import IPAddress, IPRange

from qplug.errors import FixedIpAlreadyInUse, FixedIpInvalid, NoMoreFixedIps, QplugError
from qplug.model import Network, Subnet, Vif, assignable, holds
from qplug.model.ipv6 import to_global

TRIES = 64
"""How many addresses of a large IPv6 pool have to be taken for it to count as full."""
SMALL = 256
"""Up to how many addresses a pool is tried to the last."""


@dataclass(frozen=True)
class Choice:
    """One address to be given, of one subnet."""

    subnet: Subnet
    named: Iterator[IPAddress] | None
    """What is asked for, one after the other until one is free; ``None`` lets Melange choose."""
    refusal: QplugError
    """What is said when none of them is to be had."""
    own: bool = False
    """Whether the address is this vif's alone, so that asking for it shows whether it has it."""


def one_each(
    network: Network, vif: Vif, wanted: Sequence[IPAddress], backend: str
) -> Sequence[Choice]:
    """Return a choice for each subnet.

    :raises FixedIpInvalid: a wanted address is outside the subnets, or never given
    :raises FixedIpAlreadyInUse: a derived one is never given
    """
    by_subnet = {subnet_of(network, each).id: each for each in wanted}
    return [
        _choice(network, vif, each, by_subnet.get(each.id), backend) for each in network.subnets
    ]


def _choice(
    network: Network, vif: Vif, subnet: Subnet, wanted: IPAddress | None, backend: str
) -> Choice:
    if wanted is not None:
        return named(subnet, wanted)
    if subnet.derived:
        own = to_global(backend, subnet.cidr, vif.mac, network.quantum_project)
        if not holds(assignable(subnet), own):
            reason = f"{subnet.cidr} does not give it to vifs"
            raise FixedIpAlreadyInUse(str(own), reason)
        return Choice(subnet, iter([own]), _taken(own), own=True)
    return any_of(network, vif, subnet)


def named(subnet: Subnet, wanted: IPAddress) -> Choice:
    """Return the choice of one address.

    :raises FixedIpInvalid: it is never given
    """
    if not holds(assignable(subnet), wanted):
        raise FixedIpInvalid(str(wanted), f"{subnet.cidr} does not give it to vifs")
    return Choice(subnet, iter([wanted]), _taken(wanted))


def any_of(network: Network, vif: Vif, subnet: Subnet) -> Choice:
    """Return the choice of any address of a subnet that is not derived."""
    full = NoMoreFixedIps(network.label, str(subnet.cidr))
    ranges = assignable(subnet)
    if not ranges:
        raise full
    if subnet.version == 4:
        return Choice(subnet, None, full)
    return Choice(subnet, candidates(ranges, Random(vif.id)), full)  # noqa: S311  # no secret


def subnet_of(network: Network, address: IPAddress) -> Subnet:
    """Return the subnet that an address is of.

    :raises FixedIpInvalid: it is of none
    """
    for subnet in network.subnets:
        if address in subnet.cidr:
            return subnet
    raise FixedIpInvalid(str(address), "it is outside the network's subnets")


def candidates(ranges: Sequence[IPRange], random: Random) -> Iterator[IPAddress]:
    """Yield addresses of the ranges in any order: all of few, some of many."""
    total = sum(each.size for each in ranges)
    if total <= SMALL:
        chosen = random.sample(range(total), total)
    else:
        chosen = [random.randrange(total) for _ in range(TRIES)]
    return (_nth(ranges, number) for number in chosen)


def _nth(ranges: Sequence[IPRange], number: int) -> IPAddress:
    for each in ranges:
        if number < each.size:
            return IPAddress(each.first + number, each.version)
        number -= each.size
    raise IndexError(number)


def _taken(address: IPAddress) -> FixedIpAlreadyInUse:
    return FixedIpAlreadyInUse(str(address), "another vif has it, or it rests in Melange")
