"""What a driver tells about what it gave."""

# mypy: disable-error-code=type-abstract
# Contracts are asked for here, and never made.

from collections.abc import Iterator
from uuid import uuid4

from netaddr import IPAddress

from qplug.contracts import AddressUsage, FloatingIps, IpamDriver
from qplug.model import Allocation, Capability
from qplug.testing.ipam.asking import fill, held, kept
from qplug.testing.suite import needs, provided
from qplug.testing.values import after, call, subnet


class ListingTests:
    """Everything given can be listed, by network and by vif, and counted."""

    def test_a_driver_that_gave_nothing_lists_nothing(self, driver: IpamDriver) -> None:
        kept(driver, "10.0.0.0/29")
        assert list(driver.allocations(call())) == []

    def test_what_was_given_is_listed_as_it_was_given(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        (owner,) = fill(driver, net, 1)
        given = driver.allocate(call(), net, owner)
        assert set(driver.allocations(call())) == set(given)
        assert all(isinstance(each, Allocation) for each in given)

    def test_a_listing_has_each_address_once_in_whatever_order(self, driver: IpamDriver) -> None:
        one, two = kept(driver, "10.0.0.0/28", "fd00:10::/112"), kept(driver, "10.0.1.0/28")
        fill(driver, one, 11)
        fill(driver, two, 3)
        listed = list(driver.allocations(call()))
        assert len(listed) == len(set(listed)) == 25
        of_each = [driver.allocations(call(), network_id=net.id) for net in (one, two)]
        assert [len(set(listing)) for listing in of_each] == [22, 3]

    def test_the_listing_keeps_to_a_network_a_vif_or_both(self, driver: IpamDriver) -> None:
        one, two = kept(driver, "10.0.0.0/29"), kept(driver, "10.0.1.0/29")
        mine, _ = fill(driver, one, 2)
        (theirs,) = fill(driver, two, 1)
        assert len(held(driver, network=one)) == 2
        assert len(held(driver, by=mine)) == len(held(driver, network=one, by=mine)) == 1
        assert held(driver, network=one, by=theirs) == []
        assert len(held(driver)) == 3

    def test_strangers_have_nothing(self, driver: IpamDriver) -> None:
        fill(driver, kept(driver, "10.0.0.0/29"), 1)
        assert list(driver.allocations(call(), network_id=str(uuid4()))) == []
        assert list(driver.allocations(call(), vif_id=str(uuid4()))) == []

    def test_a_listing_can_be_left_in_the_middle(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/28")
        vifs = fill(driver, net, 5)
        listing = driver.allocations(call())
        assert isinstance(listing, Iterator)
        next(listing)
        driver.deallocate(call(), net, vifs[-1])
        assert len(held(driver, network=net)) == 4

    # --- AddressUsage ---------------------------------------------------------------------------

    def test_usage_counts_every_address_once(self, driver: IpamDriver) -> None:
        usage = provided(driver, AddressUsage)
        net = kept(driver, "10.0.0.0/29")
        fill(driver, net, 2)
        (told,) = usage.usage(call(), [net.id])
        assert (told.subnet_id, told.cidr) == (net.subnets[0].id, net.subnets[0].cidr)
        assert (told.used, told.resting, told.held, told.reserved, told.free) == (2, 0, 0, 3, 3)

    def test_usage_counts_what_rests_until_it_has_rested(self, driver: IpamDriver) -> None:
        usage = provided(driver, AddressUsage)
        needs(driver, Capability.REUSE_DELAY)
        net = kept(driver, "10.0.0.0/29")
        gone, _ = fill(driver, net, 2)
        driver.deallocate(call(), net, gone, reuse_delay=600)
        (told,) = usage.usage(call(), [net.id])
        assert (told.used, told.resting, told.free) == (1, 1, 3)
        (told,) = usage.usage(call(now=after(600)), [net.id])
        assert (told.used, told.resting, told.free) == (1, 0, 4)

    def test_usage_takes_what_is_outside_the_pools_for_reserved(self, driver: IpamDriver) -> None:
        usage = provided(driver, AddressUsage)
        needs(driver, Capability.POOLS)
        pooled = subnet("10.0.0.0/24", pools=["10.0.0.10-10.0.0.19"], reserved=["10.0.0.15"])
        (told,) = usage.usage(call(), [kept(driver, pooled).id])
        assert (told.reserved, told.free) == (247, 9)

    def test_usage_counts_huge_subnets(self, driver: IpamDriver) -> None:
        usage = provided(driver, AddressUsage)
        net = kept(driver, "fd00:10::/64")
        fill(driver, net, 1)
        (told,) = usage.usage(call(), [net.id])
        assert told.used + told.reserved + told.free == 1 << 64
        assert told.used == 1

    def test_usage_tells_of_the_networks_asked_for(self, driver: IpamDriver) -> None:
        usage = provided(driver, AddressUsage)
        one, two = kept(driver, "10.0.0.0/29", "fd00:10::/64"), kept(driver, "10.0.1.0/29")
        kept(driver, "10.0.2.0/29")
        told = usage.usage(call(), [one.id, two.id, str(uuid4())])
        asked = {subnet.id for net in (one, two) for subnet in net.subnets}
        assert {each.subnet_id for each in told} == asked
        assert list(usage.usage(call(), [])) == []

    # --- FloatingIps ----------------------------------------------------------------------------

    def test_fixed_addresses_without_floating_ones_are_left_out(self, driver: IpamDriver) -> None:
        floating = provided(driver, FloatingIps)
        net = kept(driver, "10.0.0.0/29")
        fixed = [IPAddress("10.0.0.2"), IPAddress("10.0.0.3")]
        assert dict(floating.floating_ips(call(), net.id, fixed)) == {}
        assert dict(floating.floating_ips(call(), net.id, [])) == {}
