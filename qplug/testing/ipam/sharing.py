"""What a driver whose state is shared does when several processes use it."""

from functools import partial

import pytest

from qplug.contracts import IpamDriver
from qplug.errors import NoMoreFixedIps
from qplug.model import Capability
from qplug.testing.ipam.asking import fill, give, held, kept, texts
from qplug.testing.suite import needs, race
from qplug.testing.values import call, vif


class SharingTests:
    """Two drivers on one state are as one."""

    @pytest.fixture
    def same_driver(self, driver: IpamDriver) -> IpamDriver:
        """Return a second driver on the state of ``driver``, as another process would make it."""
        needs(driver, Capability.SHARED)
        pytest.fail(
            f"{type(self).__name__} lacks a fixture 'same_driver': a second driver on the state of "
            "'driver', as another process would make it"
        )

    def test_each_of_two_drivers_sees_what_the_other_gave_and_took_back(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/29")
        (ours,), (theirs,) = fill(driver, net, 1), fill(same_driver, net, 1)
        assert driver.allocate(call(), net, theirs) == same_driver.allocate(call(), net, theirs)
        assert driver.allocate(call(), net, ours) == same_driver.allocate(call(), net, ours)
        assert held(driver, network=net) == held(same_driver, network=net)
        same_driver.deallocate(call(), net, ours)
        driver.deallocate(call(), net, theirs)
        assert held(driver, network=net) == held(same_driver, network=net) == []

    def test_each_of_two_drivers_sees_the_subnets_of_the_other(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/29")
        assert same_driver.subnet_ids(call(), net.id) == {net.subnets[0].id}
        same_driver.delete_subnets(call(), net)
        assert driver.subnet_ids(call(), net.id) == frozenset()

    def test_the_last_addresses_go_to_different_vifs_who_race_through_two_drivers(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/28")
        given = [give(each, net)[0] for each in (driver, same_driver) * 4]
        tasks = [
            partial(each.allocate, call(), net, vif(net)) for each in (driver, same_driver) * 4
        ]
        answers = race(tasks)
        lost = [each for each in answers if isinstance(each, Exception)]
        assert [type(each) for each in lost] == [NoMoreFixedIps] * 3
        given += [texts(each)[0] for each in answers if not isinstance(each, Exception)]
        assert sorted(given) == sorted(f"10.0.0.{n}" for n in range(2, 15))

    def test_a_vif_asked_for_through_two_drivers_at_once_gets_one_answer(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/24")
        owner = vif(net)
        both = [partial(each.allocate, call(), net, owner) for each in (driver, same_driver)]
        answers = race(both * 4)
        assert all(answer == answers[0] for answer in answers)
        assert len(held(driver, network=net)) == 1
