"""Arithmetic on subnets of any length, against sets of numbers where those are small enough."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork, IPRange

from qplug.model import (
    Subnet,
    assignable,
    default_dhcp_server,
    default_gateway,
    first_usable,
    holds,
    last_usable,
    overlap,
    subtract,
)
from qplug.model.addressing import merge

Range = tuple[int, int]


def cidr(bits: int, length: int, version: int) -> IPNetwork:
    network: IPNetwork = IPNetwork(f"{IPAddress(bits, version)}/{length}").cidr
    return network


def cidrs_of(version: int, shortest: int) -> st.SearchStrategy[IPNetwork]:
    width = 32 if version == 4 else 128
    lengths = st.integers(shortest, width)
    bits = st.just(0) | st.just(2**width - 1) | st.integers(0, 2**width - 1)
    return st.builds(cidr, bits, lengths, st.just(version))


cidrs = cidrs_of(4, 0) | cidrs_of(6, 0)
small_cidrs = cidrs_of(4, 26) | cidrs_of(6, 122)


@st.composite
def addresses(draw: st.DrawFn, inside: IPNetwork) -> IPAddress:
    """Draw an address, near either end more often than chance would."""
    size = inside.last - inside.first + 1
    near = st.integers(0, min(size, 8) - 1)
    offset = draw(near | near.map(lambda n: size - 1 - n) | st.integers(0, size - 1))
    return IPAddress(inside.first + offset, inside.version)


@st.composite
def ip_ranges(draw: st.DrawFn, inside: IPNetwork) -> IPRange:
    return IPRange(*sorted([draw(addresses(inside)), draw(addresses(inside))]))


@st.composite
def subnets(draw: st.DrawFn, of: st.SearchStrategy[IPNetwork]) -> Subnet:
    inside = draw(of)
    within = st.lists(ip_ranges(inside), max_size=3).map(tuple)
    return Subnet(
        id="subnet-1",
        cidr=inside,
        gateway=draw(st.none() | addresses(inside)),
        dhcp_server=draw(st.none() | addresses(inside)),
        pools=draw(within),
        reserved=draw(within),
    )


def spans(ranges: Iterable[IPRange | IPNetwork]) -> list[Range]:
    return [(one.first, one.last) for one in ranges]


def count(ranges: Iterable[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def numbers(ranges: Iterable[Range]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


def served(subnet: Subnet) -> list[IPAddress]:
    return [own for own in (subnet.gateway, subnet.dhcp_server) if own is not None]


def edges(subnet: Subnet) -> list[int]:
    """Return the numbers no host may have: of network and broadcast, or of all routers."""
    first, last = subnet.cidr.first, subnet.cidr.last
    if last - first < 2:
        return []
    return [first, last] if subnet.version == 4 else [first]


# --- what vifs may get --------------------------------------------------------------------------


@given(subnets(cidrs))
def test_what_is_assignable_is_sorted_disjoint_and_merged(subnet: Subnet) -> None:
    given_out = assignable(subnet)
    assert all(one.first <= one.last for one in given_out)
    assert all(lower.last + 1 < upper.first for lower, upper in pairwise(given_out))
    assert all(one.version == subnet.version for one in given_out)


@given(subnets(cidrs))
def test_what_is_assignable_is_inside_the_pools_and_the_cidr(subnet: Subnet) -> None:
    given_out = spans(assignable(subnet))
    assert subtract(given_out, spans([subnet.cidr])) == []
    assert subtract(given_out, spans(subnet.pools or [subnet.cidr])) == []


@given(subnets(cidrs))
def test_nobody_is_given_what_is_served_from_reserved_or_at_an_edge(subnet: Subnet) -> None:
    given_out = assignable(subnet)
    assert not any(holds(given_out, own) for own in served(subnet))
    assert not any(holds(given_out, IPAddress(edge, subnet.version)) for edge in edges(subnet))
    for reserved in subnet.reserved:
        assert all(one.last < reserved.first or reserved.last < one.first for one in given_out)


@given(subnets(cidrs))
def test_the_assignable_and_the_kept_back_make_up_the_subnet(subnet: Subnet) -> None:
    whole = spans([subnet.cidr])
    kept_back = merge(
        [
            *spans(subnet.reserved),
            *((own.value, own.value) for own in served(subnet)),
            *((edge, edge) for edge in edges(subnet)),
            *subtract(whole, spans(subnet.pools or [subnet.cidr])),
        ]
    )
    assert count(spans(assignable(subnet))) + count(kept_back) == count(whole)


@given(subnets(small_cidrs))
def test_in_a_small_subnet_just_what_nothing_forbids_is_assignable(subnet: Subnet) -> None:
    wanted = numbers(spans(subnet.pools or [subnet.cidr])) - numbers(spans(subnet.reserved))
    wanted -= {own.value for own in served(subnet)} | set(edges(subnet))
    assert numbers(spans(assignable(subnet))) == wanted


@given(subnets(cidrs))
def test_the_ranges_are_bounded_by_what_the_subnet_lists_and_not_by_its_size(
    subnet: Subnet,
) -> None:
    holes = len(subnet.reserved) + len(served(subnet))
    assert len(assignable(subnet)) <= max(len(subnet.pools), 1) + holes


def test_r69_a_24_with_gateway_has_253_addresses_for_vifs() -> None:
    subnet = Subnet(
        id="subnet-1",
        cidr=IPNetwork("10.0.0.0/24"),
        gateway=IPAddress("10.0.0.1"),
        dhcp_server=IPAddress("10.0.0.1"),
    )
    assert assignable(subnet) == (IPRange("10.0.0.2", "10.0.0.254"),)
    assert count(spans(assignable(subnet))) == 253


def test_r69_a_dhcp_server_beside_the_gateway_is_kept_back_too() -> None:
    subnet = Subnet(
        id="subnet-1",
        cidr=IPNetwork("10.0.0.0/24"),
        gateway=IPAddress("10.0.0.254"),
        dhcp_server=IPAddress("10.0.0.1"),
    )
    assert assignable(subnet) == (IPRange("10.0.0.2", "10.0.0.253"),)


@pytest.mark.parametrize(
    ("subnet", "first", "last"),
    [
        ("10.0.0.0/8", "10.0.0.2", "10.255.255.254"),
        ("fd00::/64", "fd00::2", "fd00::ffff:ffff:ffff:ffff"),
        ("::/0", "::2", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ],
)
def test_a_huge_subnet_is_one_range(subnet: str, first: str, last: str) -> None:
    whole = IPNetwork(subnet)
    ranges = assignable(Subnet(id="subnet-1", cidr=whole, gateway=default_gateway(whole)))
    assert ranges == (IPRange(first, last),)


@pytest.mark.parametrize("subnet", ["0.0.0.0/31", "::/127"])
def test_a_gateway_whose_number_is_zero_is_kept_back_like_any_other(subnet: str) -> None:
    whole = IPNetwork(subnet)
    zero, one = IPAddress(whole.first, whole.version), IPAddress(whole.last, whole.version)
    assert assignable(Subnet(id="subnet-1", cidr=whole, gateway=zero)) == (IPRange(one, one),)


@pytest.mark.parametrize("subnet", ["10.0.0.4/32", "fd00::4/128"])
def test_a_subnet_of_one_address_gives_it_unless_it_is_served_from(subnet: str) -> None:
    whole = IPNetwork(subnet)
    assert len(assignable(Subnet(id="subnet-1", cidr=whole))) == 1
    assert assignable(Subnet(id="subnet-1", cidr=whole, gateway=whole.ip)) == ()


# --- defaults -----------------------------------------------------------------------------------


@given(cidrs)
def test_the_usable_addresses_are_all_but_the_edges(whole: IPNetwork) -> None:
    first, last = first_usable(whole), last_usable(whole)
    kept = len(edges(Subnet(id="subnet-1", cidr=whole)))
    assert first in whole
    assert last in whole
    assert last.value - first.value + 1 == whole.last - whole.first + 1 - kept


@given(cidrs, st.booleans())
def test_the_defaults_are_usable_and_only_missing_where_there_is_no_room(
    whole: IPNetwork, routed: bool
) -> None:
    gateway = default_gateway(whole) if routed else None
    dhcp_server = default_dhcp_server(whole, gateway)
    if whole.first == whole.last:
        assert gateway is dhcp_server is None
    else:
        assert dhcp_server is not None
        assert first_usable(whole) <= dhcp_server <= last_usable(whole)
        assert dhcp_server == gateway or not routed


def test_the_dhcp_server_is_the_gateway_even_if_its_number_is_zero() -> None:
    zero = IPAddress("0.0.0.0")  # noqa: S104  # nothing binds to it
    assert default_dhcp_server(IPNetwork("0.0.0.0/31"), zero) == zero


# --- ranges of numbers --------------------------------------------------------------------------

ranges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6)


def is_normal(some: Iterable[Range]) -> bool:
    """Say whether the ranges are sorted, disjoint, merged and not empty."""
    listed = list(some)
    apart = all(lower[1] + 1 < upper[0] for lower, upper in pairwise(listed))
    return apart and all(first <= last for first, last in listed)


@given(ranges)
def test_merging_neither_loses_nor_invents_numbers(some: list[Range]) -> None:
    merged = merge(some)
    assert is_normal(merged)
    assert numbers(merged) == numbers(some)
    assert len(merged) <= len(some)


@given(ranges, ranges)
def test_subtracting_leaves_just_what_is_not_taken(some: list[Range], taken: list[Range]) -> None:
    left = subtract(some, taken)
    assert is_normal(left)
    assert numbers(left) == numbers(some) - numbers(taken)
    assert len(left) <= len(some) + len(taken)


@given(cidrs, cidrs, st.data())
def test_subnets_overlap_if_and_only_if_one_holds_the_other(
    one: IPNetwork, other: IPNetwork, data: st.DataObject
) -> None:
    assert overlap(one, other) == overlap(other, one) == (one in other or other in one)
    address = data.draw(addresses(one))
    assert overlap(one, IPNetwork(address))
    assert overlap(other, IPNetwork(address)) == (address in other)


@given(small_cidrs, st.data())
def test_ranges_hold_what_is_in_one_of_them(whole: IPNetwork, data: st.DataObject) -> None:
    pools = data.draw(st.lists(ip_ranges(whole), max_size=3))
    address = data.draw(addresses(whole))
    assert holds(pools, address) == (address.value in numbers(spans(pools)))


@given(cidrs_of(4, 0), st.data())
def test_an_ipv4_range_does_not_hold_the_ipv6_address_of_the_same_number(
    whole: IPNetwork, data: st.DataObject
) -> None:
    address = data.draw(addresses(whole))
    alone = [IPRange(address, address)]
    assert holds(alone, address)
    assert not holds(alone, IPAddress(address.value, 6))
