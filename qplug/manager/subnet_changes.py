"""What can be changed of a network's subnets, checked against what they are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from netaddr import IPAddress, IPNetwork, IPRange

from qplug.errors import CidrConflict, InvalidInput
from qplug.manager.requests import (
    NetworkSpec,
    disjoint,
    inside,
    refuse_homeless,
    refuse_pathless,
    refuse_unheard,
    routes_of,
    subnets_of,
)
from qplug.model import Network, Route, Subnet, bounds, merge, overlap, subtract


@dataclass(frozen=True, kw_only=True)
class SubnetChanges:
    """What to change of a network's subnets. Addresses go to the subnet that contains them."""

    cidrs: tuple[IPNetwork, ...] = ()
    """Subnets to add."""
    gateways: tuple[IPAddress, ...] = ()
    """Of those that are added; a gateway that is there stays."""
    no_gateway: tuple[int, ...] = ()
    """The IP versions whose added subnets have no gateway."""
    pools: tuple[IPRange, ...] = ()
    """From now on those of each subnet that contains one, in place of what it had."""
    no_pools: tuple[IPNetwork, ...] = ()
    """Subnets that are given from as a whole from now on."""
    reserved: tuple[IPRange, ...] = ()
    """Addresses that are never given from now on, besides those that were not before."""
    unreserved: tuple[IPRange, ...] = ()
    """Addresses that are reserved no longer."""
    dns: tuple[IPAddress, ...] | None = None
    """The name servers that instances are told from now on; ``None`` leaves them as they are."""
    routes: tuple[Route, ...] | None = None
    """The routes that instances are told from now on; ``None`` leaves them as they are."""


def changed(network: Network, asked: SubnetChanges, new_id: Callable[[], str]) -> Network:
    """Return the network as it is to be.

    :raises InvalidInput: an address is in no subnet, or something cannot be changed
    :raises CidrConflict: an added cidr overlaps a subnet that is there
    """
    _refuse_misfits(network, asked)
    subnets = [_changed(subnet, asked) for subnet in network.subnets]
    subnets += _added(network, asked, new_id)
    return replace(network, subnets=tuple(sorted(subnets, key=lambda s: (s.version, s.cidr.first))))


def _refuse_misfits(network: Network, asked: SubnetChanges) -> None:
    there = [subnet.cidr for subnet in network.subnets]
    for cidr in asked.cidrs:
        for other in there:
            if overlap(cidr, other):
                raise CidrConflict(str(cidr), str(other), network.label)
    if asked.no_gateway and not asked.cidrs:
        raise InvalidInput("gateway", "none", "that of a subnet that is added")
    for gateway in asked.gateways:
        if not any(gateway in cidr for cidr in asked.cidrs):
            wanted = "inside a subnet that is added; the gateway of one that is there stays"
            raise InvalidInput("gateway", str(gateway), wanted)
    cidrs = [*there, *asked.cidrs]
    for what, ranges in (
        ("pool", asked.pools),
        ("reservation", asked.reserved),
        ("reservation", asked.unreserved),
    ):
        refuse_homeless(what, ranges, cidrs)
    for cidr in asked.no_pools:
        if cidr not in there:
            wanted = f"one of {', '.join(map(str, there))}"
            raise InvalidInput("subnet to be without pools", str(cidr), wanted)
    refuse_unheard(asked.dns or (), cidrs)
    refuse_pathless(asked.routes or (), cidrs)


def _changed(subnet: Subnet, asked: SubnetChanges) -> Subnet:
    now = replace(
        subnet,
        pools=_pools(subnet, asked),
        reserved=_reserved(subnet, asked),
        dns=subnet.dns if asked.dns is None else _of_version(asked.dns, subnet.version),
        routes=subnet.routes if asked.routes is None else routes_of(asked.routes, subnet.cidr),
    )
    if now.derived != subnet.derived:
        wanted = (
            "left without pools, as its addresses are derived from MAC addresses"
            if subnet.derived
            else "left with a pool, as without one its addresses would be derived from now on"
        )
        raise InvalidInput("subnet", str(subnet.cidr), wanted)
    return now


def _pools(subnet: Subnet, asked: SubnetChanges) -> tuple[IPRange, ...]:
    mine = [pool for pool in asked.pools if inside(pool, subnet.cidr)]
    if subnet.cidr not in asked.no_pools:
        return disjoint("pool", mine) if mine else subnet.pools
    if mine:
        wanted = f"given a pool like {mine[0]} or be without pools, not both"
        raise InvalidInput("subnet", str(subnet.cidr), wanted)
    return ()


def _reserved(subnet: Subnet, asked: SubnetChanges) -> tuple[IPRange, ...]:
    more = [part for part in asked.reserved if inside(part, subnet.cidr)]
    less = [part for part in asked.unreserved if inside(part, subnet.cidr)]
    if not more and not less:
        return subnet.reserved
    runs = subtract(merge(bounds([*subnet.reserved, *more])), bounds(less))
    return tuple(IPRange(*(IPAddress(value, subnet.version) for value in run)) for run in runs)


def _added(network: Network, asked: SubnetChanges, new_id: Callable[[], str]) -> Sequence[Subnet]:
    if not asked.cidrs:
        return []
    spec = NetworkSpec(
        label=network.label,
        cidrs=asked.cidrs,
        gateways=asked.gateways,
        no_gateway=asked.no_gateway,
        pools=_inside_any(asked.pools, asked.cidrs),
        reserved=_inside_any(asked.reserved, asked.cidrs),
        routes=tuple(
            route
            for route in asked.routes or ()
            if any(route.gateway in cidr for cidr in asked.cidrs)
        ),
    )
    return [
        replace(subnet, dns=_dns(network, subnet.version, asked))
        for subnet in subnets_of(spec, new_id)
    ]


def _dns(network: Network, version: int, asked: SubnetChanges) -> tuple[IPAddress, ...]:
    """Return what an added subnet tells: the same as the others of its IP version."""
    if asked.dns is not None:
        return _of_version(asked.dns, version)
    told = [address for subnet in network.subnets for address in subnet.dns]
    return _of_version(dict.fromkeys(told), version)


def _of_version(addresses: Iterable[IPAddress], version: int) -> tuple[IPAddress, ...]:
    return tuple(address for address in addresses if address.version == version)


def _inside_any(ranges: Sequence[IPRange], cidrs: Sequence[IPNetwork]) -> tuple[IPRange, ...]:
    return tuple(part for part in ranges if any(inside(part, cidr) for cidr in cidrs))
