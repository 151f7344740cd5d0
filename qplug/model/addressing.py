"""Arithmetic on the addresses of a subnet; cost never grows with the subnet's size."""

from collections.abc import Iterable, Sequence

from netaddr import IPAddress, IPNetwork, IPRange

from qplug.model.nouns import Subnet


def first_usable(cidr: IPNetwork) -> IPAddress:
    """Return the lowest address a host may have.

    The network address is none, nor is the anycast address of an IPv6 subnet's routers
    (RFC 4291, 2.6.1), except where only one or two addresses exist (RFC 3021, RFC 6164).
    """
    spare = 0 if cidr.size <= 2 else 1
    return IPAddress(cidr.first + spare, cidr.version)


def last_usable(cidr: IPNetwork) -> IPAddress:
    """Return the highest address a host may have; IPv6 has no broadcast address."""
    spare = 1 if cidr.version == 4 and cidr.size > 2 else 0
    return IPAddress(cidr.last - spare, cidr.version)


def default_gateway(cidr: IPNetwork) -> IPAddress | None:
    """Return the second address, or ``None`` where there is only one."""
    return IPAddress(cidr.first + 1, cidr.version) if cidr.size > 1 else None


def default_dhcp_server(cidr: IPNetwork, gateway: IPAddress | None) -> IPAddress | None:
    """Return the gateway, else the first usable address, else ``None`` where there is only one."""
    if gateway is not None:
        return gateway
    return first_usable(cidr) if cidr.size > 1 else None


def assignable(subnet: Subnet) -> tuple[IPRange, ...]:
    """Return what vifs may get, as disjoint ranges, lowest first; empty when nothing is left."""
    first, last = first_usable(subnet.cidr).value, last_usable(subnet.cidr).value
    pools = bounds(subnet.pools) or [(first, last)]
    inside = [(max(low, first), min(high, last)) for low, high in pools]
    kept_back = bounds(subnet.reserved)
    own = (subnet.gateway, subnet.dhcp_server)
    kept_back += [(ip.value, ip.value) for ip in own if ip is not None]  # 0.0.0.0 is false
    return tuple(
        IPRange(IPAddress(low, subnet.version), IPAddress(high, subnet.version))
        for low, high in subtract(inside, kept_back)
    )


def bounds(ranges: Iterable[IPRange]) -> list[tuple[int, int]]:
    """Return the first and last number of each range, for :func:`subtract` and :func:`merge`."""
    return [(int(r.first), int(r.last)) for r in ranges]


def holds(ranges: Iterable[IPRange], address: IPAddress) -> bool:
    """Say whether one of the ranges has the address."""
    return any(r.version == address.version and r.first <= address.value <= r.last for r in ranges)


def overlap(one: IPNetwork, other: IPNetwork) -> bool:
    """Say whether two subnets share an address."""
    return bool(
        one.version == other.version and one.first <= other.last and other.first <= one.last
    )


def subtract(
    ranges: Iterable[tuple[int, int]], taken: Iterable[tuple[int, int]]
) -> Sequence[tuple[int, int]]:
    """Return what of the ranges (first, last) is not taken: sorted, disjoint, merged."""
    holes, at = merge(taken), 0
    kept: list[tuple[int, int]] = []
    for low, high in merge(ranges):
        while at < len(holes) and holes[at][0] <= high:
            first, last = holes[at]
            if low < first:
                kept.append((low, first - 1))
            low = max(low, last + 1)
            if last > high:
                break  # it may reach into the next one
            at += 1
        if low <= high:
            kept.append((low, high))
    return kept


def merge(ranges: Iterable[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """Return the same numbers as sorted ranges that neither overlap nor touch."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(r for r in ranges if r[0] <= r[1]):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged
