"""What a driver makes of addresses asked for by name, and of one address more or less."""

from functools import partial

import pytest
from netaddr import IPAddress

from qplug.contracts import IpamDriver
from qplug.errors import (
    AddressRequired,
    FixedIpAlreadyInUse,
    FixedIpInvalid,
    NetworkNotFound,
    NoMoreFixedIps,
)
from qplug.model import Capability
from qplug.testing.ipam.asking import fill, give, held, kept
from qplug.testing.suite import needs, race
from qplug.testing.values import call, network, subnet, vif


class WantingTests:
    """An address asked for is given or refused, never replaced."""

    # --- at allocation --------------------------------------------------------------------------

    def test_wanted_addresses_are_given(self, driver: IpamDriver) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "10.0.0.0/24", "10.0.1.0/24", "fd00:10::/112")
        given = give(driver, net, vif(net), "fd00:10::77", "10.0.0.77")
        assert given[0] == "10.0.0.77"
        assert given[1].startswith("10.0.1.")
        assert given[2] == "fd00:10::77"

    def test_a_wanted_address_is_given_on_a_64_too(self, driver: IpamDriver) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "fd00:10::/64")
        assert give(driver, net, vif(net), "fd00:10::77") == ["fd00:10::77"]

    def test_a_wanted_address_is_given_to_nobody_else(self, driver: IpamDriver) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "10.0.0.0/29")
        give(driver, net, vif(net), "10.0.0.3")
        given = [give(driver, net)[0] for _ in range(4)]
        assert sorted(given) == [f"10.0.0.{n}" for n in (2, 4, 5, 6)]

    def test_whoever_holds_addresses_gets_them_again_whatever_is_wanted(
        self, driver: IpamDriver
    ) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "10.0.0.0/24")
        owner = vif(net)
        assert give(driver, net, owner) == give(driver, net, owner, "10.0.0.77")

    def test_a_wanted_address_in_use_is_a_conflict_and_nothing_is_given(
        self, driver: IpamDriver
    ) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "10.0.0.0/24", "10.0.1.0/24")
        give(driver, net, vif(net), "10.0.1.77")
        late = vif(net)
        with pytest.raises(FixedIpAlreadyInUse):
            give(driver, net, late, "10.0.1.77")
        assert held(driver, by=late) == []

    @pytest.mark.parametrize(
        "address",
        ["10.0.0.0", "10.0.0.1", "10.0.0.9", "10.0.0.255", "192.0.2.1", "fd00:10::", "fd00:20::5"],
    )
    def test_a_wanted_address_that_vifs_never_get_is_invalid(
        self, driver: IpamDriver, address: str
    ) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        v4 = subnet("10.0.0.0/24", dhcp_server="10.0.0.9")
        net = kept(driver, v4, "fd00:10::/112")
        owner = vif(net)
        with pytest.raises(FixedIpInvalid):
            give(driver, net, owner, address)
        assert held(driver, by=owner) == []

    @pytest.mark.parametrize("address", ["10.0.0.15", "10.0.0.77"])
    def test_a_wanted_address_reserved_or_outside_the_pools_is_invalid(
        self, driver: IpamDriver, address: str
    ) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        needs(driver, Capability.POOLS)
        pooled = subnet("10.0.0.0/24", pools=["10.0.0.10-10.0.0.20"], reserved=["10.0.0.15"])
        net = kept(driver, pooled)
        with pytest.raises(FixedIpInvalid):
            give(driver, net, vif(net), address)

    def test_a_wanted_address_goes_to_one_of_those_who_race(self, driver: IpamDriver) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "10.0.0.0/24")
        answers = race([partial(give, driver, net, vif(net), "10.0.0.77") for _ in range(8)])
        lost = [answer for answer in answers if isinstance(answer, Exception)]
        assert [type(each) for each in lost] == [FixedIpAlreadyInUse] * 7
        assert held(driver, network=net) == ["10.0.0.77"]

    # --- one more -------------------------------------------------------------------------------

    def test_each_addition_gives_one_more_of_the_first_subnet_with_room(
        self, driver: IpamDriver
    ) -> None:
        net = kept(driver, "10.0.0.0/29", "10.0.1.0/29")
        (owner,) = fill(driver, net, 1)
        before = held(driver, by=owner)
        more = [driver.add_address(call(), net, owner) for _ in range(2)]
        assert {each.subnet_id for each in more} == {net.subnets[0].id}
        assert {each.vif_id for each in more} == {owner.id}
        assert sorted(held(driver, by=owner)) == sorted(before + [str(m.address) for m in more])

    def test_an_addition_changes_nothing_of_what_allocation_answers(
        self, driver: IpamDriver
    ) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        owner = vif(net)
        first = driver.allocate(call(), net, owner)
        driver.add_address(call(), net, owner)
        assert driver.allocate(call(), net, owner) == first

    def test_a_wanted_addition_is_given_from_its_subnet(self, driver: IpamDriver) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        (owner,) = fill(driver, net, 1)
        more = driver.add_address(call(), net, owner, wanted=IPAddress("fd00:10::77"))
        assert (more.subnet_id, str(more.address)) == (net.subnets[1].id, "fd00:10::77")

    def test_a_wanted_addition_that_the_vif_holds_is_given_again(self, driver: IpamDriver) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "10.0.0.0/29")
        (owner,) = fill(driver, net, 1)
        wanted = IPAddress("10.0.0.5")
        first = driver.add_address(call(), net, owner, wanted=wanted)
        assert driver.add_address(call(), net, owner, wanted=wanted) == first
        assert len(held(driver, by=owner)) == 2

    def test_an_addition_passes_over_derived_subnets(self, driver: IpamDriver) -> None:
        net = kept(driver, "fd00:10::/64", "fd00:20::/112")
        (owner,) = fill(driver, net, 1)
        assert driver.add_address(call(), net, owner).subnet_id == net.subnets[1].id

    def test_an_addition_where_all_subnets_are_derived_has_to_be_named(
        self, driver: IpamDriver
    ) -> None:
        net = kept(driver, "fd00:10::/64")
        (owner,) = fill(driver, net, 1)
        with pytest.raises(AddressRequired):
            driver.add_address(call(), net, owner)
        assert len(held(driver, by=owner)) == 1

    def test_an_addition_passes_over_full_subnets_while_another_has_room(
        self, driver: IpamDriver
    ) -> None:
        net = kept(driver, "10.0.0.0/30", "10.0.1.0/30", "10.0.2.0/29", "fd00:10::/64")
        (owner,) = fill(driver, net, 1)
        more = [driver.add_address(call(), net, owner) for _ in range(4)]
        assert {each.subnet_id for each in more} == {net.subnets[2].id}
        assert len(held(driver, by=owner)) == 8

    def test_an_addition_where_no_subnet_has_room_says_so(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/30", "10.0.1.0/30", "fd00:10::/64")
        (owner,) = fill(driver, net, 1)
        with pytest.raises(NoMoreFixedIps) as refused:
            driver.add_address(call(), net, owner)
        assert refused.value.network == net.label
        assert len(held(driver, by=owner)) == 3

    def test_an_addition_cuts_a_rest_short_only_when_no_subnet_has_another_address(
        self, driver: IpamDriver
    ) -> None:
        needs(driver, Capability.REUSE_DELAY)
        net = kept(driver, "10.0.0.0/30", "10.0.1.0/29")
        (owner,) = fill(driver, net, 1)
        driver.remove_address(call(), net, owner, IPAddress("10.0.0.2"), reuse_delay=60)
        more = [str(driver.add_address(call(), net, owner).address) for _ in range(5)]
        assert [each.startswith("10.0.1.") for each in more] == [True] * 4 + [False]
        assert more[-1] == "10.0.0.2"

    def test_an_addition_to_a_network_that_is_not_kept_is_not_found(
        self, driver: IpamDriver
    ) -> None:
        net = network("10.0.0.0/29")
        with pytest.raises(NetworkNotFound):
            driver.add_address(call(), net, vif(net))

    def test_an_addition_of_an_address_in_use_is_a_conflict(self, driver: IpamDriver) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "10.0.0.0/29")
        owner, other = fill(driver, net, 2)
        theirs = IPAddress(held(driver, by=other)[0])
        with pytest.raises(FixedIpAlreadyInUse):
            driver.add_address(call(), net, owner, wanted=theirs)

    @pytest.mark.parametrize("address", ["10.0.0.0", "10.0.0.1", "10.0.0.7", "192.0.2.1"])
    def test_an_addition_that_vifs_never_get_is_invalid(
        self, driver: IpamDriver, address: str
    ) -> None:
        needs(driver, Capability.CHOSEN_ADDRESS)
        net = kept(driver, "10.0.0.0/29")
        (owner,) = fill(driver, net, 1)
        with pytest.raises(FixedIpInvalid):
            driver.add_address(call(), net, owner, wanted=IPAddress(address))

    def test_racing_additions_are_all_different(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/28")
        (owner,) = fill(driver, net, 1)
        answers = race([partial(driver.add_address, call(), net, owner)] * 8)
        assert [each for each in answers if isinstance(each, Exception)] == []
        assert len(set(held(driver, by=owner))) == 9

    # --- one less -------------------------------------------------------------------------------

    def test_a_removed_address_is_the_vifs_no_more(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/112")
        (owner,) = fill(driver, net, 1)
        first, second = held(driver, by=owner)
        driver.remove_address(call(), net, owner, IPAddress(first))
        assert held(driver, by=owner) == [second]

    def test_removing_what_the_vif_does_not_hold_is_quiet(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        owner, other = fill(driver, net, 2)
        theirs = held(driver, by=other)
        for address in [*theirs, "10.0.0.6", "192.0.2.1"]:
            driver.remove_address(call(), net, owner, IPAddress(address))
        assert held(driver, by=other) == theirs
        assert len(held(driver, by=owner)) == 1

    def test_removing_again_is_quiet(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        (owner,) = fill(driver, net, 1)
        (address,) = held(driver, by=owner)
        driver.remove_address(call(), net, owner, IPAddress(address))
        driver.remove_address(call(), net, owner, IPAddress(address))
        assert held(driver, network=net) == []
