"""When an address that was given back may be given again."""

import pytest
from netaddr import IPAddress

from qplug.contracts import IpamDriver
from qplug.errors import FixedIpAlreadyInUse
from qplug.model import Capability
from qplug.testing.ipam.asking import fill, give, held, kept
from qplug.testing.suite import needs
from qplug.testing.values import OTHER_PROJECT, after, call, lease, network, vif

DELAY = 600.0


class RestingTests:
    """A rest is honoured on the clock of the calls, and by name only its last owner may end it."""

    def test_without_a_delay_the_last_address_is_free_at_once(self, driver: IpamDriver) -> None:
        needs(driver, Capability.REUSE_DELAY)
        net = kept(driver, "10.0.0.0/30")
        (gone,) = fill(driver, net, 1)
        driver.deallocate(call(), net, gone)
        assert give(driver, net) == ["10.0.0.2"]

    def test_a_late_deallocation_spares_the_next_owner_of_the_same_address(
        self, driver: IpamDriver
    ) -> None:
        needs(driver, Capability.REUSE_DELAY)
        net = kept(driver, "10.0.0.0/30")
        (gone,) = fill(driver, net, 1)
        driver.deallocate(call(), net, gone)
        (owner,) = fill(driver, net, 1)
        driver.deallocate(call(), net, gone)
        driver.remove_address(call(), net, gone, IPAddress("10.0.0.2"))
        assert held(driver, by=owner) == ["10.0.0.2"]

    def test_a_resting_address_is_not_given_while_others_are_free(self, driver: IpamDriver) -> None:
        needs(driver, Capability.REUSE_DELAY)
        net = kept(driver, "10.0.0.0/29")
        (gone,) = fill(driver, net, 1)
        (rests,) = held(driver, by=gone)
        driver.deallocate(call(), net, gone, reuse_delay=DELAY)
        assert rests not in [give(driver, net)[0] for _ in range(4)]

    def test_a_removed_address_rests_too(self, driver: IpamDriver) -> None:
        needs(driver, Capability.REUSE_DELAY)
        net = kept(driver, "10.0.0.0/29")
        (owner,) = fill(driver, net, 1)
        (rests,) = held(driver, by=owner)
        driver.remove_address(call(), net, owner, IPAddress(rests), reuse_delay=DELAY)
        assert rests not in [give(driver, net)[0] for _ in range(4)]

    def test_when_nothing_else_is_left_a_resting_address_is_given(self, driver: IpamDriver) -> None:
        needs(driver, Capability.REUSE_DELAY)
        net = kept(driver, "10.0.0.0/30")
        (gone,) = fill(driver, net, 1)
        driver.deallocate(call(), net, gone, reuse_delay=DELAY)
        assert give(driver, net) == ["10.0.0.2"]

    def test_a_used_address_comes_after_the_never_used(self, driver: IpamDriver) -> None:
        self._sequential(driver)
        net = kept(driver, "10.0.0.0/29")
        first, *_ = fill(driver, net, 3)
        driver.deallocate(call(), net, first)
        assert [give(driver, net, now=after(1))[0] for _ in range(3)] == [
            "10.0.0.5",
            "10.0.0.6",
            "10.0.0.2",
        ]

    def test_used_addresses_come_in_the_order_in_which_their_rest_ends(
        self, driver: IpamDriver
    ) -> None:
        self._sequential(driver)
        net = kept(driver, "10.0.0.0/29")
        vifs = fill(driver, net, 5)
        for each, delay in zip(vifs, (50, 20, 40, 10, 30), strict=True):
            driver.deallocate(call(), net, each, reuse_delay=delay)
        given = [give(driver, net, now=after(25))[0] for _ in range(5)]
        assert given == [f"10.0.0.{n}" for n in (5, 3, 6, 4, 2)]

    # --- by name --------------------------------------------------------------------------------

    def test_a_resting_address_is_refused_to_another_instance(self, driver: IpamDriver) -> None:
        self._by_name(driver)
        net = kept(driver, "10.0.0.0/24")
        give(driver, net, gone := vif(net), "10.0.0.77")
        driver.deallocate(call(), net, gone, reuse_delay=DELAY)
        late = vif(net)
        with pytest.raises(FixedIpAlreadyInUse):
            give(driver, net, late, "10.0.0.77", now=after(DELAY - 1))
        with pytest.raises(FixedIpAlreadyInUse):
            driver.add_address(call(), net, late, wanted=IPAddress("10.0.0.77"))
        assert held(driver, by=late) == []

    def test_a_resting_address_is_given_to_the_instance_that_had_it(
        self, driver: IpamDriver
    ) -> None:
        self._by_name(driver)
        net = kept(driver, "10.0.0.0/24")
        give(driver, net, gone := vif(net), "10.0.0.77")
        driver.deallocate(call(), net, gone, reuse_delay=DELAY)
        back = vif(net, instance_id=gone.instance_id)
        assert give(driver, net, back, "10.0.0.77") == ["10.0.0.77"]

    def test_an_address_whose_rest_ended_is_given_to_anyone(self, driver: IpamDriver) -> None:
        self._by_name(driver)
        net = kept(driver, "10.0.0.0/24")
        give(driver, net, gone := vif(net), "10.0.0.77")
        driver.deallocate(call(), net, gone, reuse_delay=DELAY)
        assert give(driver, net, vif(net), "10.0.0.77", now=after(DELAY)) == ["10.0.0.77"]

    def test_a_derived_address_that_rests_for_another_instance_is_a_conflict(
        self, driver: IpamDriver
    ) -> None:
        needs(driver, Capability.REUSE_DELAY)
        net = kept(driver, "fd00:10::/64")
        (gone,) = fill(driver, net, 1)
        driver.deallocate(call(), net, gone, reuse_delay=DELAY)
        double = vif(net, mac=gone.mac)
        with pytest.raises(FixedIpAlreadyInUse):
            give(driver, net, double)
        assert len(give(driver, net, double, now=after(DELAY))) == 1

    # --- leases ---------------------------------------------------------------------------------

    def test_a_lease_that_ended_ends_the_rest(self, driver: IpamDriver) -> None:
        self._by_name(driver)
        net = kept(driver, "10.0.0.0/24")
        give(driver, net, gone := vif(net), "10.0.0.77")
        driver.deallocate(call(), net, gone, reuse_delay=DELAY)
        driver.lease_ended(call(), lease(net, gone, "10.0.0.77"))
        assert give(driver, net, vif(net), "10.0.0.77") == ["10.0.0.77"]

    def test_a_lease_that_ended_is_of_its_network_alone(self, driver: IpamDriver) -> None:
        self._by_name(driver)
        ours = kept(driver, "10.0.0.0/24")
        theirs = kept(driver, "10.0.0.0/24", project_id=OTHER_PROJECT)
        mac = vif(ours).mac
        for net in (ours, theirs):
            give(driver, net, gone := vif(net, mac=mac), "10.0.0.77")
            driver.deallocate(call(), net, gone, reuse_delay=DELAY)
        driver.lease_ended(call(), lease(theirs, gone, "10.0.0.77"))
        with pytest.raises(FixedIpAlreadyInUse):
            give(driver, ours, vif(ours), "10.0.0.77")
        assert give(driver, theirs, vif(theirs), "10.0.0.77") == ["10.0.0.77"]

    def test_a_lease_of_whoever_had_the_address_before_changes_nothing(
        self, driver: IpamDriver
    ) -> None:
        self._by_name(driver)
        net = kept(driver, "10.0.0.0/24")
        first, second = vif(net), vif(net)
        for each in (first, second):
            give(driver, net, each, "10.0.0.77", now=after(DELAY))
            driver.deallocate(call(), net, each, reuse_delay=DELAY)
        driver.lease_ended(call(), lease(net, first, "10.0.0.77"))
        with pytest.raises(FixedIpAlreadyInUse):
            give(driver, net, vif(net), "10.0.0.77")
        driver.lease_ended(call(), lease(net, second, "10.0.0.77"))
        assert give(driver, net, vif(net), "10.0.0.77") == ["10.0.0.77"]

    def test_a_lease_that_ended_leaves_an_address_in_use_alone(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        (owner,) = fill(driver, net, 1)
        (address,) = held(driver, by=owner)
        driver.lease_ended(call(), lease(net, owner, address))
        assert held(driver, by=owner) == [address]

    def test_a_lease_of_an_unknown_address_or_network_is_passed_over(
        self, driver: IpamDriver
    ) -> None:
        net = kept(driver, "10.0.0.0/29")
        for address in ("10.0.0.2", "10.0.0.7", "192.0.2.1", "fd00:10::5"):
            driver.lease_ended(call(), lease(net, vif(net), address))
        stranger = network("10.0.0.0/29")
        driver.lease_ended(call(), lease(stranger, vif(stranger), "10.0.0.2"))
        assert held(driver, network=net) == []

    def test_a_lease_that_ended_after_the_rest_changes_nothing(self, driver: IpamDriver) -> None:
        self._sequential(driver)
        net = kept(driver, "10.0.0.0/29")
        vifs = fill(driver, net, 5)
        for at, each in enumerate(vifs):
            driver.deallocate(call(now=after(at)), net, each)
        driver.lease_ended(call(now=after(60)), lease(net, vifs[0], "10.0.0.2"))
        assert give(driver, net, now=after(60)) == ["10.0.0.2"]

    def _sequential(self, driver: IpamDriver) -> None:
        needs(driver, Capability.REUSE_DELAY)
        if driver.policy != "sequential":
            pytest.skip(f"the driver's policy is '{driver.policy}', not 'sequential'")

    def _by_name(self, driver: IpamDriver) -> None:
        needs(driver, Capability.REUSE_DELAY)
        needs(driver, Capability.CHOSEN_ADDRESS)
